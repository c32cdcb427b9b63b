package httpapi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
	"sceau/signing/keystore"
)

const (
	origin = "https://droits.example"
	amc    = "775670482"
)

var begin = time.Date(2027, 1, 5, 9, 30, 0, 0, time.UTC)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// spoken is everything that any server of this package's tests logged, and secrets what it must not have.
var spoken struct {
	mu      sync.Mutex
	log     bytes.Buffer
	secrets map[string]string
	kinds   map[string]int
	lines   int
}

type spokenLog struct{}

func (spokenLog) Write(b []byte) (int, error) {
	spoken.mu.Lock()
	defer spoken.mu.Unlock()
	spoken.lines++
	return spoken.log.Write(b)
}

// secret remembers what no log may hold.
func secret(kind, s string) string {
	spoken.mu.Lock()
	defer spoken.mu.Unlock()
	if spoken.secrets == nil {
		spoken.secrets = map[string]string{}
	}
	if spoken.kinds == nil {
		spoken.kinds = map[string]int{}
	}
	if len(s) >= 5 && spoken.kinds[kind] < 50 { // of each kind enough: each is searched for in all that was logged
		spoken.secrets[s] = kind
		spoken.kinds[kind]++
	}
	return s
}

// The whole log of this package's tests holds no secret and nothing of a person, in any of the forms in which it could (T30).
func TestMain(m *testing.M) {
	code := m.Run()
	all := strings.ToLower(spoken.log.String())
	for s, kind := range spoken.secrets {
		for form, text := range map[string]string{"plain": s, "base64": base64.RawStdEncoding.EncodeToString([]byte(s)),
			"base64url": base64.RawURLEncoding.EncodeToString([]byte(s)), "hex": hex.EncodeToString([]byte(s))} {
			if strings.Contains(all, strings.ToLower(text)) {
				fmt.Printf("the log holds a %s in %s\n", kind, form)
				code = 1
			}
		}
	}
	if code == 0 && os.Getenv("SCEAU_LOG_LINES") != "" {
		fmt.Printf("%d log lines, %d bytes, searched for %d secrets in 4 forms\n", spoken.lines, spoken.log.Len(), len(spoken.secrets))
	}
	os.Exit(code)
}

// world is an operator with a server, and a clock that the test moves.
type world struct {
	t      testing.TB
	dir    string
	mu     sync.Mutex
	clock  time.Time
	store  *sqlite.Store
	online *keystore.Store
	issuer *issuer.Issuer
	server *Server
	names  []string // that no answer to a counter may hold
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

var mould struct {
	once sync.Once
	dir  string
	pass []byte
}

func newWorld(t testing.TB, options ...func(*Options)) *world {
	t.Helper()
	mould.once.Do(func() {
		mould.dir = must(os.MkdirTemp("", "sceau-httpapi"))(t)
		mould.pass = keystore.NewPassphrase()
		online := must(keystore.Create(filepath.Join(mould.dir, "online"), mould.pass, keystore.Options{ScryptLogN: 10}))(t)
		offline := must(keystore.Create(filepath.Join(mould.dir, "offline"), mould.pass, keystore.Options{ScryptLogN: 10}))(t)
		store := must(sqlite.Create(filepath.Join(mould.dir, "register.db"), sqlite.Options{}))(t)
		i := &issuer.Issuer{Store: store, Online: online, Offline: offline, Now: func() time.Time { return begin }, Actor: "test"}
		must(i.Init(context.Background(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{{AMC: amc, Name: "Mutuelle Exemple", PhoneProfessionals: "01 23 45 67 89"}}}))(t)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	})
	w := &world{t: t, dir: t.TempDir(), clock: begin}
	if err := os.CopyFS(w.dir, os.DirFS(mould.dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error { // exposed keys are refused
		mode := fs.FileMode(0o600)
		if e.IsDir() {
			mode = 0o700
		}
		return errors.Join(err, os.Chmod(path, mode))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.online = must(keystore.Open(filepath.Join(w.dir, "online"), mould.pass))(t)
	offline := must(keystore.Open(filepath.Join(w.dir, "offline"), mould.pass))(t)
	w.store = must(sqlite.Open(filepath.Join(w.dir, "register.db"), sqlite.Options{}))(t)
	t.Cleanup(func() { w.store.Close() })
	w.issuer = &issuer.Issuer{Store: w.store, Online: w.online, Offline: offline, Now: w.now, Actor: "test"}
	w.serve(options...)
	return w
}

// serve makes another server on the same register.
func (w *world) serve(options ...func(*Options)) {
	w.t.Helper()
	o := Options{Issuer: w.issuer, PublicURL: origin, Now: w.now, Log: slog.New(slog.NewJSONHandler(spokenLog{}, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, change := range options {
		change(&o)
	}
	w.server = must(New(o))(w.t)
}

// card issues a card to a household of one and returns its code text.
func (w *world) card() string {
	w.t.Helper()
	c := rights.Contract{Insurer: amc, Adherent: secret("N° adhérent", "A4242777"), Conventions: []string{"SP"}, Responsable: true,
		From: must(rights.ParseDate("2027-01-01"))(w.t), To: must(rights.ParseDate("2027-12-31"))(w.t)}
	nom, prenom := secret("name", "ZORGLUBINE"), secret("name", "Wilhelmine")
	w.names = []string{nom, prenom, c.Adherent, "19811113"}
	c.Beneficiaries = []rights.Beneficiary{{Nom: nom, Prenom: prenom, Birth: "19811113", Rang: 1,
		Guarantees: map[string]rights.Guarantee{"PHAR": must(rights.ParseGuarantee("100%"))(w.t), "HOSP": must(rights.ParseGuarantee("PEC"))(w.t)}}}
	n := must(register.NewContract(c, 1))(w.t)
	if err := w.store.Update(context.Background(), func(tx register.Tx) error { return tx.PutContract(n) }); err != nil {
		w.t.Fatal(err)
	}
	var text string
	must(w.issuer.Issue(context.Background(), issuer.IssueRequest{All: true}, func(i issuer.Issued) error { text = i.CodeText; return nil }))(w.t)
	return secret("card", text)
}

// device is a counter's computer.
type device struct {
	w      *world
	key    *ecdsa.PrivateKey
	signer *signing.Signer
	jwk    string
	last   string // Authorization of the last request
}

func (w *world) device() *device {
	w.t.Helper()
	d := &device{w: w, key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(w.t)}
	d.signer = must(signing.NewSigner(assertion.Kind, d.key))(w.t)
	d.jwk = string(must(signing.NewPublicKey(assertion.Kind, &d.key.PublicKey))(w.t).JWK())
	return d
}

func (w *world) code() string {
	w.t.Helper()
	i := must(w.issuer.Invite(context.Background(), issuer.InviteRequest{FINESS: "600100713", Profession: "pharmacie", Networks: []string{"SP"}, Address: origin}))(w.t)
	secret("one-time code", strings.ReplaceAll(i.Invitation.CodeText(), "-", ""))
	return secret("one-time code", i.Invitation.CodeText())
}

// counter is an enrolled device.
func (w *world) counter() *device {
	w.t.Helper()
	d := w.device()
	if a := d.send("POST", "/v1/enrolments", `{"code":"`+w.code()+`","jwk":`+d.jwk+`}`); a.Code != 201 {
		w.t.Fatalf("enrolment: %d %s", a.Code, a.Body)
	}
	return d
}

func (d *device) id() string {
	return must(signing.ParseJWK([]byte(d.jwk)))(d.w.t).KID
}

// signed makes a signed request; change may falsify what is signed.
func (d *device) signed(method, path, body string, change func(*assertion.Request)) *http.Request {
	d.w.t.Helper()
	var id [16]byte
	rand.Read(id[:])
	q := assertion.Request{Audience: origin, Method: method, Path: path, Body: assertion.BodySum([]byte(body)), ID: assertion.NewID(id), At: d.w.now().Truncate(time.Second)}
	if change != nil {
		change(&q)
	}
	d.last = "Sceau " + secret("signed request", must(assertion.Sign(d.signer, q))(d.w.t))
	r := plainRequest(method, path, body)
	r.Header.Set("Authorization", d.last)
	return r
}

func (d *device) send(method, path, body string) *httptest.ResponseRecorder {
	d.w.t.Helper()
	return d.w.do(d.signed(method, path, body, nil))
}

func plainRequest(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, path, nil)
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	a := httptest.NewRecorder()
	w.server.ServeHTTP(a, r)
	return a
}

// problem wants a problem of this status and code.
func (w *world) problem(a *httptest.ResponseRecorder, status int, code string) *Problem {
	w.t.Helper()
	var p Problem
	err := json.Unmarshal(a.Body.Bytes(), &p)
	if err != nil || a.Code != status || p.Status != status || p.Code != code || a.Header().Get("Content-Type") != "application/problem+json" || p.Request == "" || p.Request != a.Header().Get("X-Request-Id") {
		w.t.Errorf("got %d %s %q, want %d %s", a.Code, a.Header().Get("Content-Type"), a.Body, status, code)
	}
	return &p
}
