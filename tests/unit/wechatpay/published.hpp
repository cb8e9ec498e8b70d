#pragma once
// Signatures that WeChat Pay published, and four made with its published sample key for this very API. Public
// data: no private key stands here. Where they come from: the platform's pages "signature generation" (key A,
// A1, A2) and "verification with the WeChat Pay public key" (D); B1 to B4 are derived with key A.

#include <cardvoid/model/row.hpp>
#include <cardvoid/wechatpay/request.hpp>
#include <string>
#include <string_view>

namespace published {

inline constexpr std::int64_t k_timestamp = 1554208460;
inline constexpr std::string_view k_nonce = "593BEC0C930BF1AFEB40B4A08C8FB242";

// SubjectPublicKeyInfo, DER in base64.
inline constexpr std::string_view k_key_a =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAptpm+qvIDCh/"
    "9wjU26SQCK26ogYkBhDrYxnAaw2JbbBsp1oDbHKk+1r381NeBUG2"
    "HEFAuU+Fr72u5ot3yKdzoF/FajAzQNKnm569/"
    "D3upKoi8mYBaST15Uig8j8qoUW1U217LL0jEHlSnHV3lcaDTXqDpTRR4Bfz9IqOgJgFZ8/o"
    "TfEomSrjrLYef81Eyxr7ZIMQXEKKEK7V4UXKS0+/fDsiG/cXidhzt8UbTL9vqXqxM2+IDImyO+FAc/tkBG55LmzxPto1Nq0WbnZzRM/"
    "wTzrd"
    "0I/8NlevxtFbphg4evlHjFNI7+GrqR87ViEwuAJJ9Je5QQjct5YJfFRWiZ5CMQIDAQAB";

inline constexpr std::string_view k_signature_a1 =
    "Lc9VXxmeonkdV8Xk9tmigQFLhl0vRWTerdmoRu01aAnYwIrD/"
    "5nsSwE1WlmZGLRlAFTNQ3QsMa0+VRDlJp1Wp5p0nO8EK68b5sJBbjouxaFc"
    "iIfq1zfDWWz+jqhcMoKXI1A6dPm1AW7D4d30WsMTNzp6g23OXakIsh9LO3lUmwvTuE0BY8ncf6tNGk4wKmvXwERd/"
    "ZpoQY3MAVKz+Nakwc+2"
    "XBmzT66KcUehU5kr4IvGa/lEU5RZb/q00zP9VLdBhC/jQSX3X1UcJLCtEc4gTmib4tnmAT+bHF/"
    "e17ZAuxDNcx6rqT8gNEXqaJGG+1OflMST"
    "U2tpyG65G4dMKdFcoA==";

inline constexpr std::string_view k_body_a2 =
    R"({"appid":"wxd678efh567hg6787","mchid":"1900007291","description":"Image形象店-深圳腾大-QQ公仔",)"
    R"("out_trade_no":"1217752501201407033233368018","notify_url":"https://www.weixin.qq.com/wxpay/pay.php",)"
    R"("amount":{"total":100,"currency":"CNY"},"payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}})";
inline constexpr std::string_view k_signature_a2 =
    "jnks4dlrPw3ZX+ozVvSK39oa0t7OMBsg83BHAwd8BRdUFiVaQNTLTvci+"
    "wURgP1OQBbKYhFGvt7iqYpDSTQkp7Uq1sltaQKyncCyrA1g88m5"
    "bsKERQfPyT0ahSwKTYJ1CAn9QiJuSJRq1QsQs07eehbU/k9BCS51jTyc1Jpsi2H77HF9f/BnjXAOP3/"
    "sPObg6V5Ee4EzwLox684hhuMuIwHo"
    "7D8KFk3LIHOKDcNI4It1aCXydFWNpNK+"
    "SG86VUDe5kwoDpw4Ulqfu9z8OFDGbDs9TCxEv8iqQzbpxOlEVoOe2kalSYM5kApQb3nZcxdUtoE0"
    "liJGW3RGUNE0t4v01A==";

// What this API's page asks for, as one card.
inline cardvoid::model::Card card() {
  return {"1004", "pbLatjvWOibDc5-TBnbUk1pD12o0", "478515832665", "obLatjnx9gnqzS4myYGmLZ7LgLBA",
          "传入的自定义作废原因"};
}

inline constexpr std::string_view k_target_b1 =
    "/v3/brand/partner/card-member/user-cards/478515832665/invalidate"
    "?brand_id=1004&card_id=pbLatjvWOibDc5-TBnbUk1pD12o0";
inline constexpr std::string_view k_body_b1 =
    R"({"openid":"obLatjnx9gnqzS4myYGmLZ7LgLBA","invalid_reason":"传入的自定义作废原因"})";
inline constexpr std::string_view k_sha256_b1 =
    "021d34aeaec6abe550290277f6fce9d5bc8a18e5727bb499de068c7e65c6282c";
inline constexpr std::string_view k_signature_b1 =
    "QAmzab5Ab1dLS1gPMGmdIX6MjEhxq+bWvU0gpg2pPXXO8A3qJYczRaoNuCkB3WBeDfdoat44F+Fj/RcuMOo/EvCOCfKdQ/"
    "PGKUiZ9yY1wVIZ"
    "xPYaT2o4zKjAWastkHUBgD9Dchay7gQqEFuO9qGOjLYd0F1FMmG+H8N9PKo+b8bK/"
    "8BhKa55ANeazgqnAgEiKmUyDNC3856vWqaeRcDIt1zS"
    "TNByhfdHiu1N5EnA7NmDh2VfAYi5MprQ2puDqzq4Jk9dTv+yk50ixPLmllIEJoaf9a3ros2GFHTlNcN57NnXPkmvQMeJ25O47hhA+"
    "YZiEUxv"
    "QqmDFYUZK+VuZFFlWw==";

inline constexpr std::string_view k_target_b2 =
    "/v3/brand/partner/card-member/user-cards/a%2Fb%20c%25"
    "?brand_id=1004&card_id=pbLatjvWOibDc5-TBnbUk1pD12o0&openid=obLatjnx9gnqzS4myYGmLZ7LgLBA";
inline constexpr std::string_view k_sha256_b2 =
    "fc7cd2ff4b79c0d721707475b20fdf0b1aacda9e798f2c27e9804f254a1f9a22";
inline constexpr std::string_view k_signature_b2 =
    "cV4BuYnaqVr+Krw/rKbUoFWSqUZn5jYItmZUH3MWQtaA0WqPO0lvI1h28GvZmbu+MFhGUwoycs7u806HzCg5/"
    "6r0bZn3+srBNmbitf9Q6r78"
    "WFFU1es16PjDdl0lFRvDEefaoGk8/"
    "7NTIvd22aDq5L1z8zyMN39IByz+VyacZXqumPOOW6snGnnjRz2fMby036YOE7s7HQjuuWYfwpssR6i1"
    "UgQhiCdMIXh2kLINiHShNlUw2U28BHtoXlPWgli4Nit0A5yzNJwDq0QRGRn4cZLQ4Uf5GWEL80pONmOpHjA5XXk8X4syKytICAByRWlB"
    "LWZh"
    "2b2Sb55F+aAEbOVFFg==";

inline constexpr std::string_view k_body_b3 = R"({"openid":"obLatjnx9gnqzS4myYGmLZ7LgLBA"})";
inline constexpr std::string_view k_sha256_b3 =
    "667b3d0737802a17cec0d90b3a1857a3cf8968aed67992cafa5174f3b3875133";
inline constexpr std::string_view k_signature_b3 =
    "MWznhGjWnEuEkzFrlLodi6GaVHuX3v5c8fpRVFOIRrqu2uGqPpSGkaHPzEWI9lMBiOymGMuY8ftkJO4G9DiIGbuDE6JTc/"
    "HiG6lu4Y7GNVIH"
    "HUzhiGjHxuElzlCtYr3QPD8HtxhSMaka0opvFECWpOs/zw5vKr8fA3Ai4+q/"
    "Le7UAmduxvM8ERjOm0kJdliRS0RWFXBaoSI7ONRNxu4byzd6"
    "nE3p1LvDz3bLRBllUjdnLH9VgAeKwwFx3gpPYUU6S6QETl+JzQsgk/"
    "apAoeybezFtkvKEFszgwBjOY3MvRaStnRyyjoDxPAjSYYfC4SyHl7J"
    "WpJJrtBu1IeJNG0yRQ==";

// An answer, signed like a request's five lines but with three.
inline constexpr std::string_view k_body_b4 =
    R"({"user_card_code":"478515832665","user_card_state":"INVALID"})";
inline constexpr std::string_view k_sha256_b4 =
    "c7ae47f8c886b0550cd20ce21afc2ab3f245ebbbff705e8d5421925e26e8fb61";
inline constexpr std::string_view k_signature_b4 =
    "Ie0UkAYs81Js4UCGVL/"
    "Xgvv1GGtZfsnTnuzxGtAWnwXSXKCoGxe8C+hYQnh0u110WD1fxRStA0Mz0b8RidZJynGRBa8HMfMGIDiMNr6bHUFa"
    "caCWi6ap4O5fv0G5hZsxYGLSmr1e73rWxekK9RWuDRH6cPaY8g8AWxyzJ2c3ovyXEYtXmrR9PMsrvFLD1Xt/"
    "YakRfLhU9rangqMIRkXlqGfS"
    "tuCnr24mWdjEXBmDqY1J9dG9BdypVhhvBIfD+Ib2L70CyO+0wmExrSwCUol6zhTLWUispaBw/"
    "73L5EhU0EfeG+Nwp2cDt0w3g4KeoJ6V7IKM"
    "9tI8jRF98X+vcOCKjA==";

// A whole answer as the platform's page shows it.
inline constexpr std::int64_t k_timestamp_d = 1722850421;
inline constexpr std::string_view k_nonce_d = "d824f2e086d3c1df967785d13fcd22ef";
inline constexpr std::string_view k_serial_d = "PUB_KEY_ID_0000000000000024101100397200000006";
inline constexpr std::string_view k_body_d = R"({"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"})";
inline constexpr std::string_view k_key_d =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwXNI6sdlknHBnK8Fu2U6Cwor9qY747jP8KAfeBMeveEt1TqaHkLfaSD07trZ"
    "LhGp"
    "fs8/AHqjhgSMO1O10YQWOrrJ4hjIWPKqxbgrYMkBQc+mwdiWp4W3ByCqxBRagCveCXRWCmuJYovl9H/"
    "bsDI0iGbpVtEOghJtfciisYSgxcLu"
    "fUDTRkvwxjIBK1pCRjk33jJ5YTBWTHMRtMAOcFLNF6hdEYdX8SPsgHHeLZ5Lv2T/686w1xtgCHef/sd4uSfWmyzsalQdHG/"
    "e4IyYmrhx+O3V"
    "BoNDzE3nx23bFeV/RVNCG7cV6VhmYokJNHa/erIPkEmEFID6A5wQOXuxUkmJWwIDAQAB";
inline constexpr std::string_view k_signature_d =
    "mfI1CPqvBrgcXfgXMFjdNIhBf27ACE2YyeWsWV9ZI7T7RU0vHvbQpu9Z32ogzc+"
    "k8ZC5n3kz7h70eWKjgqNdKQF0eRp8mVKlmfzMLBVHbssB"
    "9jEZEDXThOX1XFqX7s7ymia1hoHQxQagPGzkdWxtlZPZ4ZPvr1RiqkgAu6Is8MZgXXrRoBKqjmSdrP1N7uxzJ/"
    "cjfSiis9FiLjuADoqmQ1P7"
    "p2N876YPAol7Rn0+GswwAwxldbdLrmVSjfytfSBJFqTMHn4itojgxSWWN1byuckQt8hSTEv/"
    "Lg97QoeGniYP17T80pJeQyL3b+295FPHSO2A"
    "tvCgyIbKMZ0BALilAA==";

}  // namespace published
