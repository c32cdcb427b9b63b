package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sceau/card/issuer"
	"sceau/card/register"
)

// identity is a real provider (npm oidc-provider) behind a proxy that can lie for it.
type identity struct {
	t      testing.TB
	proxy  *httptest.Server
	key    *ecdsa.PrivateKey
	kid    string
	mu     sync.Mutex
	target *url.URL             // nil: it is down
	tokens func(map[string]any) // changes an answer of the token endpoint
	stop   func()
}

// person is somebody at the provider.
type person struct {
	Password string         `json:"password"`
	ACR      string         `json:"acr"`
	AMR      []string       `json:"amr"`
	Claims   map[string]any `json:"claims"`
}

const clientID, clientSecret = "sceau", "a secret of the tests only, and long enough"

var atProvider = map[string]person{
	"u-1001": {"pw-1001", "phr", []string{"hwk"}, map[string]any{"insurer": "mutuelle", "roles": []string{"gestion", "lecture"}}},
	"u-1002": {"pw-1002", "pwd", []string{"pwd"}, map[string]any{"insurer": "mutuelle", "roles": []string{"gestion"}}},
	"u-1003": {"pw-1003", "phr", []string{"hwk"}, map[string]any{"insurer": "unknown", "roles": []string{"gestion"}}},
	"u-1004": {"pw-1004", "phr", []string{"hwk"}, map[string]any{"insurer": "mutuelle", "roles": []string{"gestion", "root"}}},
	"u-1005": {"pw-1005", "phr", []string{"hwk"}, map[string]any{"insurer": "mutuelle", "roles": []string{}}},
	"u-1006": {"pw-1006", "phr", []string{"hwk"}, map[string]any{"insurer": []string{"mutuelle", "littoral"}, "roles": []string{"gestion"}}},
	"u-1007": {"pw-1007", "phr", []string{"hwk"}, map[string]any{"insurer": "sceau", "roles": []string{"exploitation"}}},
	"u-1008": {"pw-1008", "phr", []string{"hwk"}, map[string]any{"insurer": "mutuelle", "roles": []string{"exploitation"}}},
	"u-1009": {"pw-1009", "phr", []string{"hwk"}, map[string]any{"insurer": "gone", "roles": []string{"gestion"}}},
}

func newIdentity(t testing.TB) *identity {
	t.Helper()
	i := &identity{t: t}
	i.proxy = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			i.mu.Lock()
			defer i.mu.Unlock()
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			if i.target == nil {
				r.Out.URL = &url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/"}
				return
			}
			r.Out.URL.Scheme, r.Out.URL.Host = i.target.Scheme, i.target.Host
		},
		ModifyResponse: i.lie,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(i.proxy.Close)
	i.start()
	return i
}

// start runs the provider with a new key, as after a rotation.
func (i *identity) start() {
	i.t.Helper()
	if i.stop != nil {
		i.stop()
	}
	i.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(i.t)
	jwk := jose.JSONWebKey{Key: i.key, Algorithm: "ES256", Use: "sig"}
	i.kid = base64.RawURLEncoding.EncodeToString(must(jwk.Thumbprint(crypto.SHA256))(i.t)[:6])
	jwk.KeyID = i.kid
	settings := must(json.Marshal(map[string]any{"issuer": i.proxy.URL, "client": clientID, "secret": clientSecret, "redirect": origin + "/callback",
		"alg": "ES256", "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk}}, "people": atProvider}))(i.t)
	c := exec.Command("node", "provider.mjs")
	c.Dir = filepath.Join("testdata", "interop")
	c.Env = append(os.Environ(), "PROVIDER="+string(settings))
	var said bytes.Buffer
	c.Stderr = &said
	in, out := must(c.StdinPipe())(i.t), must(c.StdoutPipe())(i.t)
	if err := c.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.stop = sync.OnceFunc(func() { in.Close(); c.Wait() })
	i.t.Cleanup(func() { i.stop() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		i.t.Fatalf("the provider did not start: scripts/setup installs it: %s", &said)
	}
	i.aim(&url.URL{Scheme: "http", Host: "127.0.0.1:" + strings.TrimSpace(port)})
}

// aim says where the provider is; nil for nowhere.
func (i *identity) aim(to *url.URL) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.target = to
}

// lying changes the answers of the token endpoint.
func (i *identity) lying(lie func(answer map[string]any)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens = lie
}

func (i *identity) lie(r *http.Response) error {
	i.mu.Lock()
	lie := i.tokens
	i.mu.Unlock()
	if lie == nil || r.Request.URL.Path != "/token" || r.StatusCode != 200 {
		return nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var answer map[string]any
	if err := json.Unmarshal(b, &answer); err != nil {
		return err
	}
	lie(answer)
	b, err = json.Marshal(answer)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	r.Header.Del("Content-Length")
	return err
}

// forged changes the claims of the id token, signed by whatever key: the provider's own when nil.
func (i *identity) forged(key any, alg jose.SignatureAlgorithm, change func(claims map[string]any)) func(map[string]any) {
	return func(answer map[string]any) {
		claims := claimsOf(i.t, answer["id_token"].(string))
		change(claims)
		if key == nil {
			key = i.key
		}
		signer := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", i.kid)))(i.t)
		answer["id_token"] = must(must(signer.Sign(must(json.Marshal(claims))(i.t)))(i.t).CompactSerialize())(i.t)
	}
}

func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	var claims map[string]any
	if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1]))(t), &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// people are the service's side.
func (i *identity) people(change func(*OIDCConfig)) *OIDC {
	i.t.Helper()
	c := OIDCConfig{Issuer: i.proxy.URL, ClientID: clientID, ClientSecret: clientSecret, Redirect: origin + "/callback",
		Insurers: map[string]string{"mutuelle": amc, "littoral": amc2, "sceau": Operator, "gone": "999999999"},
		Roles:    map[string][]Role{"gestion": {RoleIssue, RoleRevoke}, "lecture": {RoleRead}, "exploitation": {RoleOperator, RoleAudit}}}
	if change != nil {
		change(&c)
	}
	return must(NewOIDC(c))(i.t)
}

// visitor is a browser that logs in.
type visitor struct {
	o       *office
	client  *http.Client
	cookies map[string]*http.Cookie
}

func (o *office) visitor() *visitor {
	jar := must(cookiejar.New(nil))(o.t)
	return &visitor{o: o, cookies: map[string]*http.Cookie{}, client: &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), origin) {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// ask asks the service, as a browser does on the service's own pages.
func (b *visitor) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	b.o.t.Helper()
	r := b.o.request("", method, path, body, headers...)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	if r.Header.Get("Sec-Fetch-Site") == "" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	a := b.o.do(r)
	for _, c := range a.Result().Cookies() {
		if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
			b.o.t.Errorf("cookie %v", c)
		}
		if b.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			secret("cookie", c.Value)
		}
	}
	return a
}

// login types a name and a password into the provider's form, and returns where the provider sends the browser.
func (b *visitor) login(name, password string) string {
	b.o.t.Helper()
	a := b.ask("GET", "/login", "")
	if a.Code != http.StatusSeeOther {
		b.o.t.Fatal(a.Code, a.Body)
	}
	form, err := b.client.Get(a.Header().Get("Location"))
	if err != nil {
		b.o.t.Fatal(err)
	}
	text := must(io.ReadAll(form.Body))(b.o.t)
	form.Body.Close()
	if form.StatusCode != 200 || !strings.Contains(string(text), "password") {
		b.o.t.Fatal(form.Status, string(text))
	}
	back, err := b.client.PostForm(form.Request.URL.String(), url.Values{"login": {name}, "password": {password}})
	if err != nil {
		b.o.t.Fatal(err)
	}
	back.Body.Close()
	to := back.Header.Get("Location")
	if !strings.HasPrefix(to, origin+"/callback?") {
		b.o.t.Fatal(back.Status, to)
	}
	return strings.TrimPrefix(to, origin)
}

func (b *visitor) callback(path string) *httptest.ResponseRecorder {
	b.o.t.Helper()
	return b.ask("GET", path, "", "Sec-Fetch-Site", "cross-site")
}

// in logs a person in and wants the session.
func (b *visitor) in(name string) {
	b.o.t.Helper()
	if a := b.callback(b.login(name, atProvider[name].Password)); a.Code != 200 || b.cookies[sessionCookie] == nil {
		b.o.t.Fatal(a.Code, a.Body)
	}
}

// refused wants a page that says no, and no session.
func (b *visitor) refused(a *httptest.ResponseRecorder, status int) {
	b.o.t.Helper()
	if a.Code != status || b.cookies[sessionCookie] != nil || !strings.Contains(a.Header().Get("Content-Type"), "text/html") {
		b.o.t.Errorf("%d %s", a.Code, a.Body)
	}
	if b.cookies[loginCookie] != nil {
		b.o.t.Error("the attempt can be used again")
	}
}

func TestPeopleLogIn(t *testing.T) {
	i := newIdentity(t)
	o := newOffice(t, func(p *Options) {
		p.Office.People = i.people(func(c *OIDCConfig) { c.ACR, c.AMR = []string{"phr"}, []string{"hwk", "pop"} })
	})
	b := o.visitor()
	o.problem(b.ask("GET", "/v1/approvals", ""), 401, "credential")
	b.in("u-1001")
	if c := b.cookies[sessionCookie]; c.SameSite != http.SameSiteStrictMode || c.MaxAge != 0 {
		t.Error(c)
	}
	if a := b.ask("GET", "/v1/approvals", ""); a.Code != 200 {
		t.Error(a.Code, a.Body)
	}
	o.problem(b.ask("GET", "/v1/audit", ""), 403, "role")
	o.problem(b.ask("GET", "/v1/api-keys", ""), 403, "role")
	if a := b.ask("POST", "/v1/contracts", household("P0001777")); a.Code != 201 {
		t.Error(a.Code, a.Body)
	}
	// No page of another site does anything, nor reads anything.
	for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none", "Origin", "https://evil.example"}} {
		if a := b.ask("POST", "/v1/contracts", household("P0002777"), h...); h[1] != "none" && a.Code != 403 {
			t.Errorf("%v: %d %s", h, a.Code, a.Body)
		}
	}
	lines := o.audits("login")
	if len(lines) != 1 || lines[0].Actor != issuer.PersonOf(i.proxy.URL, "u-1001") || strings.Contains(string(lines[0].Detail), "u-1001") {
		t.Error(lines)
	}
	a := b.ask("POST", "/logout", "x=y", "Content-Type", "application/x-www-form-urlencoded")
	if a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/login" {
		t.Error(a.Code, a.Body)
	}
	o.problem(b.ask("GET", "/v1/approvals", ""), 401, "credential")

	operator := o.visitor()
	operator.in("u-1007")
	if a := operator.ask("GET", "/v1/api-keys", ""); a.Code != 200 {
		t.Error(a.Code, a.Body)
	}
	o.problem(operator.ask("POST", "/v1/contracts", household("P0003777")), 403, "role")
	// A session is over after a pause.
	o.pass(20 * time.Minute)
	o.problem(operator.ask("GET", "/v1/api-keys", ""), 401, "credential")
}

func TestPeopleWithoutAccess(t *testing.T) {
	i := newIdentity(t)
	o := newOffice(t, func(p *Options) {
		p.Office.People = i.people(func(c *OIDCConfig) { c.ACR, c.AMR = []string{"phr"}, []string{"hwk"} })
	})
	for name, why := range map[string]string{"u-1002": "a password alone", "u-1003": "unknown insurer", "u-1004": "one unknown role", "u-1005": "no role",
		"u-1006": "two insurers", "u-1008": "the operator's role for an insurer's person", "u-1009": "an insurer that is not here"} {
		b := o.visitor()
		b.refused(b.callback(b.login(name, atProvider[name].Password)), 403)
		if t.Failed() {
			t.Fatal(why)
		}
	}
	b := o.visitor()
	b.refused(b.callback(b.login("u-1001", "wrong")), 403)
	if n := len(o.audits("login")); n != 0 {
		t.Errorf("%d logins", n)
	}
}

func TestForgedLogins(t *testing.T) {
	i := newIdentity(t)
	o := newOffice(t, func(p *Options) { p.Office.People = i.people(nil) })
	b := o.visitor()
	b.in("u-1001") // the way works
	stranger := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	for name, lie := range map[string]func(map[string]any){
		"expired":            i.forged(nil, jose.ES256, func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }),
		"other audience":     i.forged(nil, jose.ES256, func(c map[string]any) { c["aud"] = "another" }),
		"two audiences":      i.forged(nil, jose.ES256, func(c map[string]any) { c["aud"] = []string{clientID, "another"}; delete(c, "azp") }),
		"azp of another":     i.forged(nil, jose.ES256, func(c map[string]any) { c["azp"] = "another" }),
		"other issuer":       i.forged(nil, jose.ES256, func(c map[string]any) { c["iss"] = "https://id.example" }),
		"wrong nonce":        i.forged(nil, jose.ES256, func(c map[string]any) { c["nonce"] = "another" }),
		"no nonce":           i.forged(nil, jose.ES256, func(c map[string]any) { delete(c, "nonce") }),
		"no subject":         i.forged(nil, jose.ES256, func(c map[string]any) { c["sub"] = "" }),
		"roles as object":    i.forged(nil, jose.ES256, func(c map[string]any) { c["roles"] = map[string]any{"gestion": true} }),
		"another's key":      i.forged(stranger, jose.ES256, func(map[string]any) {}),
		"HMAC of the secret": i.forged([]byte(clientSecret), jose.HS256, func(map[string]any) {}),
		"alg none": func(a map[string]any) {
			parts := strings.Split(a["id_token"].(string), ".")
			a["id_token"] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
		},
		"claims changed": func(a map[string]any) {
			parts := strings.Split(a["id_token"].(string), ".")
			claims := claimsOf(t, a["id_token"].(string))
			claims["insurer"] = "littoral"
			a["id_token"] = parts[0] + "." + base64.RawURLEncoding.EncodeToString(must(json.Marshal(claims))(t)) + "." + parts[2]
		},
		"no id token": func(a map[string]any) { delete(a, "id_token") },
		"not a token": func(a map[string]any) { a["id_token"] = "x" },
	} {
		i.lying(lie)
		b := o.visitor()
		b.refused(b.callback(b.login("u-1001", "pw-1001")), 403)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	i.lying(nil)
	for name, change := range map[string]func(b *visitor, path string) string{
		"wrong state":         func(_ *visitor, path string) string { return changed(path, "state", "another") },
		"no state":            func(_ *visitor, path string) string { return changed(path, "state", "") },
		"state twice":         func(_ *visitor, path string) string { return path + "&state=x" },
		"no code":             func(_ *visitor, path string) string { return changed(path, "code", "") },
		"wrong code":          func(_ *visitor, path string) string { return changed(path, "code", "another") },
		"error beside a code": func(_ *visitor, path string) string { return path + "&error=x" },
		"another provider's":  func(_ *visitor, path string) string { return changed(path, "iss", "https://id.example") },
		"another browser":     func(b *visitor, path string) string { delete(b.cookies, loginCookie); return path },
		"another attempt":     func(b *visitor, path string) string { b.ask("GET", "/login", ""); return path },
		"too late":            func(b *visitor, path string) string { o.pass((loginMinutes + 1) * time.Minute); return path },
		"cookie with a longer life": func(b *visitor, path string) string {
			_, rest, _ := strings.Cut(b.cookies[loginCookie].Value, ".")
			b.cookies[loginCookie].Value = "99999999." + rest
			return path
		},
	} {
		b := o.visitor()
		b.refused(b.callback(change(b, b.login("u-1001", "pw-1001"))), 403)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// A code works once, also in the same browser.
	b = o.visitor()
	path := b.login("u-1001", "pw-1001")
	attempt := *b.cookies[loginCookie]
	if a := b.callback(path); a.Code != 200 {
		t.Fatal(a.Code, a.Body)
	}
	again := o.visitor()
	again.cookies[loginCookie] = &attempt
	again.refused(again.callback(path), 403)
	// No address leads elsewhere.
	for _, q := range []string{"?next=https://evil.example", "?return_to=//evil.example"} {
		if a := o.visitor().ask("GET", "/login"+q, ""); strings.Contains(a.Header().Get("Location"), "evil") {
			t.Error("an open redirect")
		}
	}
}

func changed(path, name, value string) string {
	before, query, _ := strings.Cut(path, "?")
	q, _ := url.ParseQuery(query)
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	return before + "?" + q.Encode()
}

// The provider changes its key, goes away and comes back: nobody is let in meanwhile, and nothing has to be restarted.
func TestProviderChanges(t *testing.T) {
	i := newIdentity(t)
	i.mu.Lock()
	up := i.target
	i.mu.Unlock()
	i.aim(nil)
	o := newOffice(t, func(p *Options) { p.Office.People = i.people(nil) })
	if a := o.visitor().ask("GET", "/login", ""); a.Code != 503 {
		t.Error("nobody is there to log in at:", a.Code, a.Body)
	}
	i.aim(up)
	b := o.visitor()
	b.in("u-1001")
	i.start() // with another key
	b2 := o.visitor()
	b2.in("u-1001")
	b3 := o.visitor()
	path := b3.login("u-1001", "pw-1001")
	i.aim(nil)
	b3.refused(b3.callback(path), 503)
	if a := b2.ask("GET", "/v1/approvals", ""); a.Code != 200 {
		t.Error("a session needs the provider:", a.Code)
	}
}

func TestNoProvider(t *testing.T) {
	o := newOffice(t)
	o.problem(o.ask("", "GET", "/login", ""), 404, "no_login")
	o.problem(o.ask("", "GET", "/callback?code=a&state=b", ""), 404, "no_login")
	good := OIDCConfig{Issuer: "https://id.example", ClientID: "a", Redirect: origin + "/callback", Insurers: map[string]string{"a": amc}, Roles: map[string][]Role{"a": {RoleRead}}}
	if _, err := NewOIDC(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*OIDCConfig){
		"no issuer":      func(c *OIDCConfig) { c.Issuer = "" },
		"plain issuer":   func(c *OIDCConfig) { c.Issuer = "http://id.example" },
		"issuer query":   func(c *OIDCConfig) { c.Issuer = "https://id.example?a" },
		"plain way back": func(c *OIDCConfig) { c.Redirect = "http://droits.example/callback" },
		"no client":      func(c *OIDCConfig) { c.ClientID = "" },
		"no insurers":    func(c *OIDCConfig) { c.Insurers = nil },
		"no roles":       func(c *OIDCConfig) { c.Roles = nil },
		"empty role":     func(c *OIDCConfig) { c.Roles = map[string][]Role{"a": {}} },
		"counter":        func(c *OIDCConfig) { c.Roles = map[string][]Role{"a": {RoleCounter}} },
		"public":         func(c *OIDCConfig) { c.Roles = map[string][]Role{"a": {RolePublic}} },
	} {
		c := good
		change(&c)
		if _, err := NewOIDC(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A person and the keys that they made are one pair of eyes.
func TestPersonAndTheirKeys(t *testing.T) {
	o := newOffice(t)
	o.issuer.Limits.StatusChanges = 1
	o.open()
	open := func(subject, insurer string, roles ...issuer.Role) *visitor {
		b := o.visitor()
		s := must(o.issuer.OpenSession(context.Background(), issuer.Login{Provider: "https://id.example", Subject: subject, Insurer: insurer, Roles: roles}))(t)
		b.cookies[sessionCookie] = &http.Cookie{Name: sessionCookie, Value: secret("cookie", s)}
		return b
	}
	operator := open("u-1", "", issuer.RoleOperator)
	var made map[string]any
	a := operator.ask("POST", "/v1/api-keys", `{"name":"x","insurer":"`+amc+`","roles":["issue","revoke"]}`)
	if err := json.Unmarshal(a.Body.Bytes(), &made); err != nil || a.Code != 201 {
		t.Fatal(a.Code, a.Body)
	}
	k := secret("API key", made["token"].(string))
	_, cards := o.cards(k, "A", 3)
	id := o.want(202, k, "POST", "/v1/status-changes", `{"kind":"revoke","cards":["`+strings.Join(cards, `","`)+`"]}`)["approval"].(map[string]any)["id"].(string)
	// The same person at the insurer, had the provider given them access there.
	o.problem(open("u-1", amc, issuer.RoleRevoke).ask("POST", "/v1/approvals/"+id+"/accept", ""), 403, "same_person")
	if a := open("u-2", amc, issuer.RoleRevoke).ask("POST", "/v1/approvals/"+id+"/accept", ""); a.Code != 200 {
		t.Error(a.Code, a.Body)
	}
	// Two sessions of one person share one budget.
	one, two := open("u-3", amc, issuer.RoleRevoke, issuer.RoleIssue), open("u-3", amc, issuer.RoleRevoke)
	_, cards = o.cards(k, "B", 2)
	for n, b := range []*visitor{one, two} {
		if a := b.ask("POST", "/v1/status-changes", `{"kind":"revoke","cards":["`+cards[n]+`"]}`); a.Code != 200+2*n {
			t.Error(n, a.Code, a.Body)
		}
	}
	err := o.issuer.Store.View(context.Background(), func(tx register.Tx) error {
		for _, kind := range []string{"session", "api-key", "idempotency"} {
			docs, err := tx.DocumentsAfter(kind, "*", "", 1000)
			if err != nil || len(docs) == 0 {
				t.Error(kind, len(docs), err)
			}
			for _, d := range docs {
				if strings.Contains(string(d.Data), k[20:]) || slices.ContainsFunc([]*visitor{operator, one, two}, func(b *visitor) bool { return strings.Contains(d.ID+string(d.Data), b.cookies[sessionCookie].Value) }) {
					t.Errorf("a secret is in a document of kind %s", kind)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
