// What a row costs a client of Go's standard library: sign, post, read, verify, compare, with 64 workers. It keeps
// no results, does not resume, pace or fail over. `scripts/bench go` builds it and measures it beside cardvoid.
//
//	peer FOLDER    that of a sandbox: its job file and its members
package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const workers = 64

var folder = os.Args[1]

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func in(name string) string { return filepath.Join(folder, name) }

// The job file that the sandbox writes: KEY = "VALUE", each key once.
func job() map[string]string {
	file, err := os.Open(in("sandbox.toml"))
	must(err)
	values := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, found := strings.Cut(lines.Text(), " = \""); found {
			values[key] = strings.TrimSuffix(value, "\"")
		}
	}
	return values
}

func block(name string) []byte {
	text, err := os.ReadFile(in(name))
	must(err)
	found, _ := pem.Decode(text)
	return found.Bytes
}

type card struct{ code, template, openid, reason string }

type client struct {
	job      map[string]string
	http     *http.Client
	own      *rsa.PrivateKey
	platform *rsa.PublicKey
}

func (c *client) invalidate(row card) error {
	body, err := json.Marshal(map[string]string{"openid": row.openid, "invalid_reason": row.reason})
	if err != nil {
		return err
	}
	code := strings.ReplaceAll(url.QueryEscape(row.code), "+", "%20")
	path := "/v3/brand/partner/card-member/user-cards/" + code + "/invalidate?brand_id=" +
		c.job["brand_id"] + "&card_id=" + row.template
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	nonce, now := hex.EncodeToString(random[:]), strconv.FormatInt(time.Now().Unix(), 10)
	digest := sha256.Sum256([]byte("POST\n" + path + "\n" + now + "\n" + nonce + "\n" + string(body) + "\n"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.own, crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	request, err := http.NewRequest("POST", c.job["primary"]+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", fmt.Sprintf(
		`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",signature="%s",timestamp="%s",serial_no="%s"`,
		c.job["mchid"], nonce, base64.StdEncoding.EncodeToString(signature), now, c.job["serial_no"]))
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "peer/1 (Linux) Go")
	request.Header.Set("Wechatpay-Serial", c.job["public_key_id"])
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != 200 {
		return fmt.Errorf("%s: %s", answer.Status, raw)
	}
	given, err := base64.StdEncoding.DecodeString(answer.Header.Get("Wechatpay-Signature"))
	if err != nil {
		return err
	}
	digest = sha256.Sum256([]byte(answer.Header.Get("Wechatpay-Timestamp") + "\n" +
		answer.Header.Get("Wechatpay-Nonce") + "\n" + string(raw) + "\n"))
	if err := rsa.VerifyPKCS1v15(c.platform, crypto.SHA256, digest[:], given); err != nil {
		return err
	}
	var said struct {
		Code  string `json:"user_card_code"`
		State string `json:"user_card_state"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return err
	}
	if said.Code != row.code || said.State != "INVALID" {
		return fmt.Errorf("the answer is %s", raw)
	}
	return nil
}

func main() {
	c := client{job: job()}
	own, err := x509.ParsePKCS8PrivateKey(block(c.job["private_key_file"]))
	must(err)
	platform, err := x509.ParsePKIXPublicKey(block(c.job["public_key_file"]))
	must(err)
	c.own, c.platform = own.(*rsa.PrivateKey), platform.(*rsa.PublicKey)
	roots, authority := x509.NewCertPool(), []byte(nil)
	authority, err = os.ReadFile(in(c.job["ca_file"]))
	must(err)
	roots.AppendCertsFromPEM(authority)
	c.http = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers}}

	rows := make(chan card, workers)
	var done sync.WaitGroup
	for i := 0; i < workers; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			for row := range rows {
				must(c.invalidate(row))
			}
		}()
	}
	file, err := os.Open(in(c.job["csv"]))
	must(err)
	list := csv.NewReader(file)
	list.LazyQuotes = true
	_, err = list.Read()
	must(err)
	for {
		row, err := list.Read()
		if err == io.EOF {
			break
		}
		must(err)
		if row[3] == "" {
			row[3] = c.job["reason"]
		}
		rows <- card{row[0], row[1], row[2], row[3]}
	}
	close(rows)
	done.Wait()
}
