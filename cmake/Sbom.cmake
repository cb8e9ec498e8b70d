# cardvoid.spdx.json: what the program is made of, as SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3), with the versions that
# this build found. docs/dependencies.md says why each is used.
include_guard(GLOBAL)
include(GNUInstallDirs)
file(STRINGS ${KAINJOW_MUSTACHE}/kainjow/mustache.hpp line REGEX "Mustache v[0-9.]+" LIMIT_COUNT 1)
string(REGEX MATCH "[0-9]+(\\.[0-9]+)+" mustache_version "${line}")
find_path(LIBCSV_INCLUDE csv.h REQUIRED)
set(csv_version)
foreach(part MAJOR MINOR RELEASE)
  file(STRINGS ${LIBCSV_INCLUDE}/csv.h line REGEX "#define CSV_${part} ")
  string(REGEX MATCH "[0-9]+" number "${line}")
  list(APPEND csv_version ${number})
endforeach()
list(JOIN csv_version "." csv_version)

set(sbom_packages)
set(sbom_relations)
function(cardvoid_sbom name version licence home how)
  set(sbom_packages "${sbom_packages},
    {\"name\": \"${name}\", \"SPDXID\": \"SPDXRef-${name}\", \"versionInfo\": \"${version}\", \"licenseConcluded\": \"${licence}\",
     \"licenseDeclared\": \"${licence}\", \"copyrightText\": \"NOASSERTION\", \"downloadLocation\": \"${home}\", \"filesAnalyzed\": false}" PARENT_SCOPE)
  set(sbom_relations "${sbom_relations},
    {\"spdxElementId\": \"SPDXRef-cardvoid\", \"relationshipType\": \"${how}\", \"relatedSpdxElement\": \"SPDXRef-${name}\"}" PARENT_SCOPE)
endfunction()
cardvoid_sbom(boost "${Boost_VERSION_STRING}" BSL-1.0 https://www.boost.org STATIC_LINK)
cardvoid_sbom(cli11 "${CLI11_VERSION}" BSD-3-Clause https://github.com/CLIUtils/CLI11 STATIC_LINK)
cardvoid_sbom(mustache "${mustache_version}" BSL-1.0 https://github.com/kainjow/Mustache STATIC_LINK)
cardvoid_sbom(tomlplusplus "${tomlplusplus_VERSION}" MIT https://github.com/marzer/tomlplusplus STATIC_LINK)
cardvoid_sbom(boost-json "${Boost_VERSION_STRING}" BSL-1.0 https://www.boost.org DYNAMIC_LINK)
cardvoid_sbom(fmt "${fmt_VERSION}" MIT https://github.com/fmtlib/fmt DYNAMIC_LINK)
cardvoid_sbom(libcsv "${csv_version}" LGPL-2.1-or-later https://github.com/rgamble/libcsv DYNAMIC_LINK)
cardvoid_sbom(openssl "${OPENSSL_VERSION}" Apache-2.0 https://www.openssl.org DYNAMIC_LINK)
cardvoid_sbom(simdjson "${simdjson_VERSION}" Apache-2.0 https://github.com/simdjson/simdjson DYNAMIC_LINK)
cardvoid_sbom(sqlite "${SQLite3_VERSION}" blessing https://www.sqlite.org DYNAMIC_LINK)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/cardvoid.spdx.json CONTENT [[{
  "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "cardvoid-@PROJECT_VERSION@",
  "documentNamespace": "urn:cardvoid:spdx:@PROJECT_VERSION@",
  "creationInfo": {"created": "@CARDVOID_DATE@T00:00:00Z", "creators": ["Tool: cardvoid's build (cmake/Sbom.cmake)"]},
  "packages": [
    {"name": "cardvoid", "SPDXID": "SPDXRef-cardvoid", "versionInfo": "@PROJECT_VERSION@", "licenseConcluded": "Apache-2.0",
     "licenseDeclared": "Apache-2.0", "copyrightText": "2026 The cardvoid authors", "downloadLocation": "NOASSERTION", "filesAnalyzed": false}@sbom_packages@
  ],
  "relationships": [
    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-cardvoid"}@sbom_relations@
  ]
}
]] @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cardvoid.spdx.json DESTINATION ${CMAKE_INSTALL_DOCDIR})
