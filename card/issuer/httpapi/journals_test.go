package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/card/register"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/signing"
	"sceau/signing/journal"
)

// chain is a counter's journal.
type chain struct {
	t       testing.TB
	id      string
	signer  *signing.Signer
	start   journal.Head
	head    journal.Head
	entries []journal.Entry
}

func newChain(t testing.TB, at time.Time) *chain {
	t.Helper()
	var id [16]byte
	rand.Read(id[:])
	c := &chain{t: t, id: hex.EncodeToString(id[:]), signer: must(signing.NewSigner(journal.HeadKind, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)))(t)}
	c.start = must(journal.Start(c.id))(t)
	c.head = c.start
	c.write(must(receipt.Opening{Device: c.id, Key: c.signer.Public().JWK(), Because: receipt.First}.Body())(t), at)
	return c
}

func (c *chain) write(body []byte, at time.Time) {
	c.t.Helper()
	e := must(journal.Append(c.head, body, at))(c.t)
	c.entries, c.head = append(c.entries, e), e.Head()
}

func (c *chain) check(n int, at time.Time) {
	c.write(receipt.Receipt{Version: receipt.Version, Status: offline.Unknown, Reason: offline.UnknownIssuer, Detail: fmt.Sprint("n", n), Mode: receipt.Offline}.Body(), at)
}

func (c *chain) batch(from, to int) string {
	c.t.Helper()
	b := receipt.Batch{Device: c.id, Key: c.signer.Public().JWK(), Base: must(journal.SealHead(c.signer, c.id, c.start, begin))(c.t),
		Head: must(journal.SealHead(c.signer, c.id, c.head, begin))(c.t), Entries: c.entries[from:to]}
	return string(must(b.Encode())(c.t))
}

func packed(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

// post uploads a body.
func (d *device) post(device, body string, headers ...string) *httptest.ResponseRecorder {
	d.w.t.Helper()
	r := d.signed("POST", "/v1/journals/"+device+"/entries", body, nil)
	r.Header.Set("Content-Type", batchMedia)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return d.w.do(r)
}

func TestJournals(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d, neighbour := w.counter(), w.counter()
	c := newChain(t, begin)
	for i := range 9 {
		c.check(i, begin.Add(time.Duration(i)*time.Minute))
	}
	state := func(d *device) (st JournalState) {
		t.Helper()
		a := d.send("GET", "/v1/journals/"+c.id, "")
		if err := json.Unmarshal(a.Body.Bytes(), &st); err != nil || a.Code != 200 || a.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s", a.Code, a.Body)
		}
		return st
	}
	if st := state(d); st.Next != 1 || st.Head != "" {
		t.Errorf("%+v", st)
	}
	signer := must(w.issuer.SettlementSigner())(t)
	answers := func(a *httptest.ResponseRecorder) (taken JournalTaken, s *accord.Settlement) {
		t.Helper()
		if err := json.Unmarshal(a.Body.Bytes(), &taken); err != nil || a.Code != 200 {
			t.Fatalf("%d %s", a.Code, a.Body)
		}
		key := signer.Public()
		return taken, must(accord.OpenSettlement(key, taken.Settlement))(t)
	}
	w.pass(time.Hour)
	taken, s := answers(d.post(c.id, c.batch(0, 4)))
	if taken.Next != 5 || len(s.Entries) != 4 || s.Device != c.id || s.Counter != d.id() || s.Entries[0].Reason != accord.ReasonOpening || len(taken.Alarms) != 0 {
		t.Errorf("%+v %+v", taken, s)
	}
	taken, s = answers(d.post(c.id, packed(t, c.batch(2, 10)), "Content-Encoding", "gzip"))
	if taken.Next != 11 || len(s.Entries) != 8 {
		t.Errorf("%+v", taken)
	}
	if st := state(d); st.Next != 11 || st.Head != hex.EncodeToString(c.head.Hash[:]) {
		t.Errorf("%+v", st)
	}
	var page JournalSettled
	if a := d.send("GET", "/v1/journals/"+c.id+"/settlements?after=8", ""); json.Unmarshal(a.Body.Bytes(), &page) != nil || page.Next != 10 || len(must(accord.OpenSettlement(signer.Public(), page.Settlement))(t).Entries) != 2 {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if a := d.send("GET", "/v1/journals/"+c.id+"/settlements?after=10", ""); a.Code != 200 || strings.Contains(a.Body.String(), "ey") {
		t.Errorf("%d %s", a.Code, a.Body)
	}

	// A neighbour learns nothing of it, and its own copy changes nothing.
	if st := state(neighbour); st.Next != 1 || st.Head != "" {
		t.Errorf("a neighbour: %+v", st)
	}
	if a := neighbour.send("GET", "/v1/journals/"+c.id+"/settlements?after=0", ""); !strings.Contains(a.Body.String(), `"settlement":""`) {
		t.Errorf("a neighbour: %s", a.Body)
	}
	w.problem(w.do(plainRequest("GET", "/v1/journals/"+c.id, "")), 401, "credential")
	w.problem(w.do(plainRequest("POST", "/v1/journals/"+c.id+"/entries", "")), 415, "media")

	stranger := newChain(t, begin)
	lied := must(receipt.DecodeBatch([]byte(c.batch(0, 3))))(t)
	lied.Head = must(journal.SealHead(stranger.signer, c.id, c.head, begin))(t)
	long := c.batch(0, 10)
	for name, bad := range map[string]struct {
		device, body string
		headers      []string
		status       int
		code         string
	}{
		"nothing":           {c.id, " ", nil, 422, "batch"},
		"JSON":              {c.id, "{}", []string{"Content-Type", "application/json"}, 415, "media"},
		"cut":               {c.id, long[:len(long)-1], nil, 422, "batch"},
		"longer":            {c.id, long + "x", nil, 422, "batch"},
		"another chain":     {stranger.id, long, nil, 422, "batch"},
		"no chain's name":   {"x", long, nil, 422, "batch"},
		"gzip that is none": {c.id, long, []string{"Content-Encoding", "gzip"}, 422, "batch"},
		"gzip cut":          {c.id, packed(t, long)[:200], []string{"Content-Encoding", "gzip"}, 422, "batch"},
		"gzip bomb":         {c.id, packed(t, strings.Repeat("\x00", 64<<20)), []string{"Content-Encoding", "gzip"}, 413, "too_long"},
		"another encoding":  {c.id, long, []string{"Content-Encoding", "br"}, 415, "media"},
		"too long":          {c.id, strings.Repeat("x", receipt.MaxBatch+1), nil, 413, "too_long"},
		"a stranger's head": {c.id, string(must(lied.Encode())(t)), nil, 422, "unsigned"},
	} {
		t.Run(name, func(t *testing.T) { w.problem(d.post(bad.device, bad.body, bad.headers...), bad.status, bad.code) })
	}
	n := 0
	err := w.store.View(context.Background(), func(tx register.Tx) error {
		rows, err := tx.ReceiptsOf(c.id, 0, 100)
		n = len(rows)
		return err
	})
	if err != nil || n != 10 {
		t.Errorf("%d rows, %v", n, err)
	}
	// Two heads of one journal: the alarm comes with the answer.
	back := *c
	back.entries, back.head = c.entries[:6:6], c.entries[5].Head()
	back.check(99, begin.Add(time.Hour))
	taken, _ = answers(d.post(c.id, back.batch(0, 7)))
	if len(taken.Alarms) == 0 || taken.Alarms[0].Code != "FORK" || taken.Alarms[0].From != 7 {
		t.Errorf("%+v", taken)
	}
	// A journal with a fault is taken whole, and the fault is said.
	broken := newChain(t, begin)
	for i := range 6 {
		broken.check(i, begin)
	}
	broken.entries[3].Body = broken.entries[2].Body
	broken.entries = append(broken.entries[:5:5], broken.entries[6])
	a := d.post(broken.id, broken.batch(0, 6))
	if taken, s = answers(a); len(s.Entries) != 6 || len(taken.Alarms) != 2 || taken.Alarms[0].Code != "GAP" || taken.Alarms[1].Code != "FORK" || taken.Alarms[1].From != 5 {
		t.Errorf("%+v", taken)
	}
	if a := d.send("DELETE", "/v1/journals/"+c.id, ""); a.Code != http.StatusMethodNotAllowed {
		t.Errorf("%d", a.Code)
	}
}
