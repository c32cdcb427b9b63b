// A rights service of tests: it checks requests and signs answers as the real one does, and lies where a test wants it to.
package liaison_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline/liaison"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
)

// date is the time of a test: virtual time begins in 2000, before there were any requests.
func date() time.Time {
	now := time.Now()
	if now.Year() < 2020 {
		return now.Add(27 * 365 * 24 * time.Hour)
	}
	return now
}

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

// public is a key as service.json has it.
func public(s *signing.Signer) *signing.PublicKey {
	k := s.Public()
	k.State = signing.StateActive
	return k
}

type service struct {
	t              testing.TB
	accord, settle *signing.Signer
	json           *card.Service
	counter        *signing.Signer
	origin         string
	now            func() time.Time

	mu      sync.Mutex
	down    func(w http.ResponseWriter, r *http.Request) bool // answers in place of the service where it returns true
	change  func(*accord.Accord)                              // of an answer before it is sealed
	seal    *signing.Signer                                   // in place of accord
	body    func(map[string]any)                              // of an answer before it is sent
	ids     map[string]bool
	asked   []liaisonRequest
	journal map[string][][32]byte // by device: hashes of entries 1, 2 …
	stored  map[string]int        // by device, number and hash: how often it came first
	alarms  []liaison.Alarm
	codes   map[string]bool
	serial  byte
	drop    func() bool // the answer of an upload is lost
	root    string
}

type liaisonRequest struct {
	at     time.Time
	path   string
	number int
}

const root = "3F0A 91C4 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000"

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{t: t, accord: newSigner(t, accord.Kind), settle: newSigner(t, accord.SettlementKind), counter: newSigner(t, assertion.Kind), now: date,
		ids: map[string]bool{}, journal: map[string][][32]byte{}, stored: map[string]int{}, codes: map[string]bool{}, root: root}
	s.json = &card.Service{Name: "Opérateur", AccordKeys: []*signing.PublicKey{public(s.accord)}, SettlementKeys: []*signing.PublicKey{public(s.settle)}}
	return s
}

// RoundTrip makes the service a transport: nothing leaves the test, and its time may be virtual.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &recorder{header: http.Header{}, cancelled: r.Context().Done()}
	s.ServeHTTP(w, r)
	if w.err != nil {
		return nil, w.err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if w.header.Get("Date") == "" {
		w.header.Set("Date", s.now().UTC().Format(http.TimeFormat))
	}
	return &http.Response{StatusCode: max(w.status, 200), Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r}, nil
}

type recorder struct {
	header    http.Header
	status    int
	body      bytes.Buffer
	err       error
	cancelled <-chan struct{}
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
func (w *recorder) WriteHeader(status int)      { w.status = status }

func (s *service) problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": "…", "status": status, "code": code})
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	down := s.down
	s.asked = append(s.asked, liaisonRequest{at: time.Now(), path: r.URL.Path})
	s.mu.Unlock()
	if down != nil && down(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	token, _ := assertion.FromHeader(r.Header.Get("Authorization"))
	got, err := assertion.Open(s.counter.Public(), token)
	if err != nil {
		s.problem(w, 401, "credential")
		return
	}
	path := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	switch err := got.Check(assertion.Request{Audience: s.origin, Method: r.Method, Path: path, Body: assertion.BodySum(body)}, s.now()); {
	case err == assertion.ErrStale:
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		s.problem(w, 401, "clock")
		return
	case err != nil:
		s.problem(w, 401, "signature")
		return
	case s.ids[got.ID]:
		s.problem(w, 401, "replayed")
		return
	}
	s.ids[got.ID] = true
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	switch {
	case r.URL.Path == "/v1/checks":
		s.check(w, body, got.ID)
	case r.URL.Path == "/v1/counter":
		s.facts(w, 200)
	case r.URL.Path == "/v1/enrolments":
		s.enrol(w, body)
	case strings.HasSuffix(r.URL.Path, "/entries"):
		s.upload(w, body)
	case strings.HasPrefix(r.URL.Path, "/v1/journals/"):
		device := strings.TrimPrefix(r.URL.Path, "/v1/journals/")
		known := s.journal[device]
		head := ""
		if n := len(known); n > 0 {
			head = hex.EncodeToString(known[n-1][:])
		}
		s.answer(w, 200, map[string]any{"next": len(known) + 1, "head": head})
	default:
		s.problem(w, 404, "not_found")
	}
}

func (s *service) answer(w http.ResponseWriter, status int, body map[string]any) {
	if s.body != nil {
		s.body(body)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func (s *service) facts(w http.ResponseWriter, status int) {
	s.answer(w, status, map[string]any{"counter": s.counter.KID(), "finess": "290000017", "profession": "pharmacie", "networks": []string{"SP"}, "name": "Pharmacie du Port",
		"state": "active", "root": s.root, "address": s.origin})
}

func (s *service) enrol(w http.ResponseWriter, body []byte) {
	var in struct{ Code string }
	if json.Unmarshal(body, &in) != nil || !s.codes[in.Code] {
		s.problem(w, 403, "invitation")
		return
	}
	delete(s.codes, in.Code)
	if s.drop != nil && s.drop() {
		panic(http.ErrAbortHandler)
	}
	s.facts(w, 201)
}

func (s *service) check(w http.ResponseWriter, body []byte, id string) {
	var q struct {
		Card    string
		Domains []string
		Care    rights.Date
		Person  int
	}
	if err := json.Unmarshal(body, &q); err != nil {
		s.problem(w, 400, "body")
		return
	}
	s.serial++
	e := enquiry(s)
	a := &accord.Accord{Number: accord.NewNumber([7]byte{s.serial, 1, 2, 3, 4, 5, 6}), Request: id, Insurer: e.Insurer, Place: e.Place, KID: e.KID, Counter: s.counter.KID(), FINESS: "290000017",
		Care: q.Care, Person: q.Person, At: s.now().UTC().Truncate(time.Second)}
	a.Until = a.At.Add(10 * time.Minute)
	domain := ""
	if len(q.Domains) > 0 {
		domain = q.Domains[0]
	}
	a.Answers = []accord.Answer{{Domain: domain, Status: "valid", Reason: "OK", People: []accord.PersonValue{{Number: 1, Covered: true, Value: rights.Guarantee{Kind: rights.Rate, Rates: [3]int{100}}}},
		PayUntil: a.Until.Add(24 * time.Hour), PayEuros: 150}}
	if s.change != nil {
		s.change(a)
	}
	signer := s.accord
	if s.seal != nil {
		signer = s.seal
	}
	token, err := accord.Seal(signer, a)
	if err != nil {
		s.t.Error(err)
	}
	s.answer(w, 200, map[string]any{"accord": token, "number": string(a.Number)})
}

func (s *service) upload(w http.ResponseWriter, body []byte) {
	b, err := receipt.DecodeBatch(body)
	if err != nil {
		s.problem(w, 400, "batch")
		return
	}
	t := &accord.Settlement{Device: b.Device, Counter: s.counter.KID(), At: s.now().UTC().Truncate(time.Second)}
	for _, e := range b.Entries {
		hash := e.Hash()
		known := s.journal[b.Device]
		switch n := uint64(len(known)); {
		case e.Seq == n+1:
			s.journal[b.Device] = append(known, hash)
			s.stored[fmt.Sprintf("%s %d %x", b.Device, e.Seq, hash)]++
		case e.Seq <= n && known[e.Seq-1] != hash:
			s.stored[fmt.Sprintf("%s %d %x", b.Device, e.Seq, hash)]++
			s.alarms = []liaison.Alarm{{Code: "FORK", From: e.Seq, To: e.Seq}}
		}
		answer := accord.Settled{Seq: e.Seq, Hash: hash, Answer: accord.Honoured}
		if e.Seq == 1 {
			answer.Answer, answer.Reason = accord.Noted, accord.ReasonOpening
		} else if e.Seq%10 == 0 {
			answer.Answer, answer.Reason = accord.Disputed, accord.ReasonEnded
		}
		t.Entries = append(t.Entries, answer)
	}
	s.asked[len(s.asked)-1].number = len(b.Entries)
	if s.drop != nil && s.drop() {
		panic(http.ErrAbortHandler)
	}
	token := ""
	if len(t.Entries) > 0 {
		if token, err = accord.SealSettlement(s.settle, t); err != nil {
			s.t.Error(err)
		}
	}
	alarms := s.alarms
	if alarms == nil {
		alarms = []liaison.Alarm{}
	}
	s.answer(w, 200, map[string]any{"settlement": token, "next": len(s.journal[b.Device]) + 1, "alarms": alarms})
}

const care = rights.Date(20883) // 2027-03-06

func enquiry(s *service) liaison.Enquiry {
	return liaison.Enquiry{Card: "TP1AAAA", Insurer: "775670482", Place: card.Place{List: 3, Index: 583021}, KID: "AAECAwQFBgc", Domain: "PHAR", Care: care, Person: 1, Service: s.json}
}

// client asks s without a network.
func (s *service) client(t testing.TB, change ...func(*liaison.Options)) *liaison.Client {
	t.Helper()
	s.origin = "https://droits.example"
	o := liaison.Options{Address: s.origin, Counter: s.counter.KID(), Signer: s.counter, Now: date, Transport: s}
	for _, c := range change {
		c(&o)
	}
	c, err := liaison.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *service) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *service) requests() []liaisonRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]liaisonRequest(nil), s.asked...)
}
