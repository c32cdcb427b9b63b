package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/fixtures"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
)

const mutuelle = "775670482"

// facts is one insurer with one list, in memory.
type facts struct {
	issuer *offline.Issuer
	page   *status.Page
}

func (f *facts) Facts(context.Context) (counter.Facts, func(), error) { return f, func() {}, nil }
func (f *facts) Issuer(key string) (*offline.Issuer, error) {
	if key != mutuelle {
		return nil, offline.ErrUnknownIssuer
	}
	return f.issuer, nil
}
func (f *facts) Page(string, uint32) (*status.Page, error) { return f.page, nil }
func (f *facts) OwnerOf(string) (string, error)            { return "", offline.ErrUnknownIssuer }
func (f *facts) Codes() []*rights.Codes                    { return []*rights.Codes{rights.DefaultCodes()} }

// notebook is a journal, settings and everything else that somebody might want to change, and counts each change.
type notebook struct {
	mu       sync.Mutex
	written  []receipt.Record
	settings []byte
	effects  atomic.Int64
	err      error // of everything
	cut      error // after the first entry of an export
	verified Verified
	spec     string        // of the last source
	slow     time.Duration // of that source
	peeked   func(name string)
}

func (n *notebook) Append(_ context.Context, r receipt.Receipt) (receipt.Number, error) {
	n.effects.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return "", n.err
	}
	row := uint64(len(n.written) + 1)
	number := receipt.Number(fmt.Sprintf("K7QF-%d-M3TZ", row))
	n.written = append(n.written, receipt.Record{Number: number, Device: strings.Repeat("ab", 16), Seq: row, Row: row, At: someDay, Receipt: r})
	return number, nil
}

func (n *notebook) Settings(context.Context) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.settings, n.err
}

func (n *notebook) SaveSettings(_ context.Context, b []byte) error {
	n.effects.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.settings = b
	}
	return n.err
}

func (n *notebook) Find(_ context.Context, q Search) ([]receipt.Record, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []receipt.Record
	for _, r := range slices.Backward(n.written) {
		if (q.Number == "" || q.Number == r.Number) && (q.Before == 0 || r.Row < q.Before) && (q.Status == "" || q.Status == r.Receipt.Status) && len(out) < q.Limit {
			out = append(out, r)
		}
	}
	return out, n.err
}

func (n *notebook) Each(_ context.Context, _ Search, fn func(receipt.Record) error) error {
	n.mu.Lock()
	all, cut, failed := slices.Clone(n.written), n.cut, n.err
	n.mu.Unlock()
	for _, r := range all {
		if err := fn(r); err != nil {
			return err
		}
		if cut != nil {
			return cut
		}
	}
	return failed
}

func (n *notebook) Verify(context.Context) (Verified, error) { return n.verified, n.err }

func (n *notebook) Overview(context.Context) ([]Repository, error) {
	return []Repository{{Fingerprint: "3F0A 91C4", Published: someDay.Add(-2 * time.Hour), Expires: someDay.Add(48 * time.Hour), Reserve: 48, Refuse: 720,
		Insurers: []Insurer{{AMC: mutuelle, Name: "Mutuelle Exemple", Phones: []string{"01 99 00 12 34"}, Lists: 1}}}}, n.err
}
func (n *notebook) Forget(context.Context, string) error { n.effects.Add(1); return n.err }
func (n *notebook) Sync(context.Context) error           { n.effects.Add(1); return n.err }
func (n *notebook) Follow(ctx context.Context, from Source, root string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(n.slow):
	}
	n.effects.Add(1)
	n.spec = from.Spec
	if root != "3F0A 91C4" {
		return errors.New("another root")
	}
	return n.err
}
func (n *notebook) Peek(_ context.Context, from Source) (Found, error) {
	n.effects.Add(1)
	if n.peeked != nil {
		n.peeked(from.Spec)
	}
	return Found{Fingerprint: "3F0A 91C4"}, n.err
}

// reader finds whatever the picture's text says.
type reader struct{ err error }

func (p reader) Read(_ context.Context, src io.Reader) (Pages, error) {
	b, err := io.ReadAll(src)
	if err != nil {
		return Pages{}, err
	}
	return Pages{Texts: strings.Fields(string(b)), Pages: 1}, p.err
}

var someDay = time.Date(2027, 3, 2, 9, 0, 0, 0, time.UTC)

const someToken = "token-of-the-test-that-nobody-guesses"

// scene is a desk that serves, with one good card and forged ones.
type scene struct {
	*Server
	t      *testing.T
	book   *notebook
	facts  *facts
	log    *locked
	good   string // code text
	forged []string
	secret string // of a session
	inside *atomic.Int64
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newFacts(t *testing.T) (f *facts, good string, forged []string) {
	t.Helper()
	day := func(s string) rights.Date { return must(rights.ParseDate(s))(t) }
	signer := must(signing.NewSigner(card.Kind, fixtures.TestKey("counter")))(t)
	key := signer.Public()
	key.Owner = mutuelle
	if err := key.SetWindow(day("2026-01-01").Midnight(), day("2028-01-01").Midnight()); err != nil {
		t.Fatal(err)
	}
	ring := new(signing.Keyring)
	if err := ring.Add(key); err != nil {
		t.Fatal(err)
	}
	value := must(rights.ParseGuarantee("100/100/15"))(t)
	claims := card.Claims{Issuer: mutuelle, IssuedAt: someDay.Add(-48 * time.Hour).Unix(), NotBefore: day("2027-01-01").Midnight().Unix(),
		Expires: day("2028-01-01").Midnight().Unix(), Place: card.Place{List: 3, Index: 583021}, Adherent: "0012284", Conventions: []string{"SP"}, Responsable: true,
		People:     []card.Person{{Nom: "LEFÈVRE", Prenom: "Anne", Birth: "19850312", Rang: 1}},
		Guarantees: []card.Group{{People: []int{0}, Values: []card.DomainValue{{Domain: "PHAR", Value: value}}}}}
	seal := func(s *signing.Signer, kid string) string {
		return must(must(card.Prepare(claims, kid))(t).Seal(s))(t).CodeText()
	}
	good = seal(signer, signer.KID())
	other := must(signing.NewSigner(card.Kind, fixtures.TestKey("forger")))(t)
	claims.Place.Index++
	forged = append(forged, seal(other, other.KID()))
	f = &facts{page: status.New(mutuelle, 3), issuer: &offline.Issuer{Keys: ring, Codes: rights.DefaultCodes(),
		Insurer:   &card.Insurer{AMC: mutuelle, Name: "Mutuelle Exemple", PhoneProfessionals: "01 99 00 12 34", CardKeys: []*signing.PublicKey{key}, Outage: card.DefaultOutage()},
		Published: someDay.Add(-2 * time.Hour), Expires: someDay.Add(48 * time.Hour)}}
	return f, good, forged
}

func newScene(t *testing.T, change ...func(*Options)) *scene {
	t.Helper()
	s := &scene{t: t, book: &notebook{settings: []byte(`{"profession":"pharmacie"}`)}, log: &locked{}, inside: &atomic.Int64{}}
	s.facts, s.good, s.forged = newFacts(t)
	now := func() time.Time { return someDay }
	o := Options{Ask: &counter.Counter{Lists: s.facts, Journal: s.book, Now: now}, Store: s.book, Memory: s.book, Lists: s.book, Sources: s.book,
		Pictures: reader{}, Token: someToken, Temp: t.TempDir(), Version: "test", Now: now,
		Log:    slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		inside: func(string) { s.inside.Add(1) }}
	for _, c := range change {
		c(&o)
	}
	s.Server = must(New(o))(t)
	if err := s.Start(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	s.secret = s.launch()
	s.inside.Store(0)
	return s
}

// locked is a log that is read while handlers still write their last line.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// client follows nothing and keeps no connection.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// launch opens a session as a browser does.
func (s *scene) launch() string {
	s.t.Helper()
	a := must(client.Get(s.Launch()))(s.t)
	a.Body.Close()
	secret, ok := strings.CutPrefix(a.Header.Get("Location"), "/s/")
	if a.StatusCode != http.StatusSeeOther || !ok {
		s.t.Fatalf("launch: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	return strings.TrimSuffix(secret, "/")
}

func (s *scene) origin() string { return "http://" + s.host }

type reply struct {
	status int
	header http.Header
	body   []byte
}

// send sends one request; pairs are headers, and "Host" is the host.
func (s *scene) send(method, path, body string, pairs ...string) reply {
	s.t.Helper()
	r := must(http.NewRequest(method, s.origin()+path, strings.NewReader(body)))(s.t)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == "Host" {
			r.Host = pairs[i+1]
		} else {
			r.Header.Add(pairs[i], pairs[i+1])
		}
	}
	a, err := client.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer a.Body.Close()
	return reply{a.StatusCode, a.Header, must(io.ReadAll(a.Body))(s.t)}
}

// post and get ask as the page does.
func (s *scene) post(name, body string, pairs ...string) reply {
	s.t.Helper()
	if len(pairs) == 0 {
		pairs = []string{"Content-Type", "application/json"}
	}
	return s.send("POST", "/s/"+s.secret+"/"+name, body, append(pairs, "Origin", s.origin())...)
}

func (s *scene) get(name string) reply {
	s.t.Helper()
	return s.send("GET", "/s/"+s.secret+"/"+name, "", "Sec-Fetch-Site", "same-origin")
}

func (s *scene) v1(method, name, body string, pairs ...string) reply {
	s.t.Helper()
	if len(pairs) == 0 && body != "" {
		pairs = []string{"Content-Type", "application/json"}
	}
	return s.send(method, "/v1/"+name, body, append(pairs, "Authorization", "Bearer "+someToken)...)
}

func (r reply) json(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		t.Fatalf("%d: %v: %s", r.status, err, r.body)
	}
}

func scanOf(id int, code string) string {
	b, err := json.Marshal(map[string]any{"id": id, "typed": code})
	if err != nil {
		panic(err)
	}
	return string(b)
}
