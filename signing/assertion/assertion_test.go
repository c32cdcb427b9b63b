// Signed requests: bound to one receiver, one purpose, one moment and one key.

package assertion

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

func newSigner(t testing.TB, kind signing.Kind) *signing.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.NewSigner(kind, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2027, 3, 1, 11, 0, 0, 0, time.UTC)

func request() Request {
	return Request{Audience: "https://droits.example:8443", Method: "POST", Path: "/v1/checks?x=%C3%A9", Body: BodySum([]byte("{}")),
		ID: NewID([16]byte{1, 2, 3}), At: noon}
}

// text is request, byte for byte.
const text = `{"aud":"https://droits.example:8443","method":"POST","path":"/v1/checks?x=%C3%A9",` +
	`"body":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","id":"AQIDAAAAAAAAAAAAAAAAAA","at":1803898800}`

func TestRequest(t *testing.T) {
	s := newSigner(t, Kind)
	token, err := Sign(s, request())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(s.Public(), token)
	if err != nil || got != request() {
		t.Fatalf("%+v, %v", got, err)
	}
	if b, err := request().payload(); err != nil || string(b) != text {
		t.Errorf("%s, %v", b, err)
	}
	if kid, err := KIDOf(token); err != nil || kid != s.KID() {
		t.Errorf("kid %q, %v", kid, err)
	}
	if c, ok := FromHeader("Sceau " + token); !ok || c != token {
		t.Error("header")
	}
	for _, h := range []string{"", "Sceau", "Sceau ", "Bearer " + token, "Sceau" + token, token} {
		if _, ok := FromHeader(h); ok {
			t.Errorf("header %.20q", h)
		}
	}
	for i := range token {
		c := "A"
		if token[i] == 'A' {
			c = "B"
		}
		if _, err := Open(s.Public(), token[:i]+c+token[i+1:]); err == nil {
			t.Fatalf("character %d changed: accepted", i)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Request)
		at   time.Duration
		want error
	}{
		"as asked":          {func(*Request) {}, 0, nil},
		"two minutes later": {func(*Request) {}, Lifetime, nil},
		"two minutes ahead": {func(*Request) {}, -Lifetime, nil},
		"too late":          {func(*Request) {}, Lifetime + time.Nanosecond, ErrStale},
		"too early":         {func(*Request) {}, -Lifetime - time.Nanosecond, ErrStale},
		"other audience":    {func(r *Request) { r.Audience = "https://droits.example" }, 0, ErrAudience},
		"other method":      {func(r *Request) { r.Method = "PUT" }, 0, ErrMismatch},
		"other path":        {func(r *Request) { r.Path = "/v1/checks" }, 0, ErrMismatch},
		"other query":       {func(r *Request) { r.Path += "&y=1" }, 0, ErrMismatch},
		"other body":        {func(r *Request) { r.Body[31]++ }, 0, ErrMismatch},
		"other id":          {func(r *Request) { r.ID = "" }, 0, nil},
		"all wrong":         {func(r *Request) { *r = Request{} }, time.Hour, ErrAudience},
		"stale and another": {func(r *Request) { r.Path = "/" }, time.Hour, ErrMismatch},
	} {
		want := request()
		c.edit(&want)
		if err := request().Check(want, noon.Add(c.at)); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	s := newSigner(t, Kind)
	for name, edit := range map[string]func(*Request){
		"no audience":         func(r *Request) { r.Audience = "" },
		"audience with quote": func(r *Request) { r.Audience = `https://x"` },
		"long audience":       func(r *Request) { r.Audience = strings.Repeat("a", MaxAudience+1) },
		"no method":           func(r *Request) { r.Method = "" },
		"method in lower":     func(r *Request) { r.Method = "post" },
		"no path":             func(r *Request) { r.Path = "" },
		"relative path":       func(r *Request) { r.Path = "v1" },
		"path not escaped":    func(r *Request) { r.Path = "/é" },
		"path with blank":     func(r *Request) { r.Path = "/a b" },
		"path with backslash": func(r *Request) { r.Path = `/a\b` },
		"path with control":   func(r *Request) { r.Path = "/a\x00" },
		"long path":           func(r *Request) { r.Path = "/" + strings.Repeat("a", MaxPath) },
		"no id":               func(r *Request) { r.ID = "" },
		"short id":            func(r *Request) { r.ID = r.ID[:21] },
		"id with line break":  func(r *Request) { r.ID = r.ID[:21] + "\n" },
		"id with spare bits":  func(r *Request) { r.ID = r.ID[:21] + "B" },
		"no time":             func(r *Request) { r.At = time.Time{} },
		"fraction":            func(r *Request) { r.At = r.At.Add(1) },
		"milliseconds":        func(r *Request) { r.At = time.Unix(r.At.UnixMilli(), 0) },
	} {
		r := request()
		edit(&r)
		if token, err := Sign(s, r); !errors.Is(err, signing.ErrMalformed) || token != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "object": "{}", "space": strings.Replace(text, `,"id"`, `, "id"`, 1), "trailing": text + "\n", "twice": text + text,
		"order":        strings.Replace(text, `"method":"POST","path":"/v1/checks?x=%C3%A9"`, `"path":"/v1/checks?x=%C3%A9","method":"POST"`, 1),
		"capitals":     strings.Replace(text, "44136fa3", "44136FA3", 1),
		"escape":       strings.Replace(text, "/v1", `\/v1`, 1),
		"plus":         strings.Replace(text, `"at":1`, `"at":+1`, 1),
		"leading zero": strings.Replace(text, `"at":1`, `"at":01`, 1),
		"member":       strings.Replace(text, `,"at"`, `,"x":"y","at"`, 1),
		"short body":   strings.Replace(text, "44136fa3", "44136fa", 1),
	} {
		token, err := s.Seal([]byte(bad + strings.Repeat(" ", max(0, 1-len(bad)))))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Open(s.Public(), token); !errors.Is(err, signing.ErrMalformed) || r != (Request{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range text {
		if r, err := decode([]byte(text[:n])); err == nil || r != (Request{}) {
			t.Errorf("cut at %d", n)
		}
	}
	if _, err := Sign(newSigner(t, "sceau-device-1"), request()); !errors.Is(err, signing.ErrWrongKind) {
		t.Errorf("signed by a device key: %v", err)
	}
	other, err := newSigner(t, "sceau-device-1").Seal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if kid, err := KIDOf(other); !errors.Is(err, signing.ErrWrongKind) || kid != "" {
		t.Errorf("kid of a token that is no request: %v", err)
	}
	if _, err := KIDOf("x"); !errors.Is(err, signing.ErrMalformed) {
		t.Errorf("kid of nothing: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(text))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			return
		}
		if again, err := r.payload(); err != nil || string(again) != string(b) {
			t.Errorf("read %q, written %q, %v", b, again, err)
		}
	})
}
