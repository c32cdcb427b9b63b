package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing/trust"
)

func sha(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// memory is a destination that a test can look into.
type memory struct {
	files map[string][]byte
	order []string
}

func (m *memory) Put(path string, data []byte) error {
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[path] = data
	m.order = append(m.order, path)
	return nil
}

func (m *memory) read(path string) ([]byte, error) {
	if b, ok := m.files[path]; ok {
		return b, nil
	}
	return nil, fs.ErrNotExist
}

// publish publishes an hour later.
func (w *world) publish() *PublishReport {
	w.t.Helper()
	w.clock = w.clock.Add(time.Hour)
	return must(w.issuer.Publish(context.Background(), time.Time{}))(w.t)
}

// export is what a counter would find.
func (w *world) export() (*memory, *trust.Trusted) {
	w.t.Helper()
	m := new(memory)
	must(w.issuer.Export(context.Background(), m))(w.t)
	return m, must(trust.Open(m.read, m.files[rootPath]))(w.t)
}

// page is the published page of a list.
func (m *memory) page(t testing.TB, tr *trust.Trusted, list uint32) *status.Page {
	t.Helper()
	info := must(tr.Target(pagePath(amc, list)))(t)
	data := m.files[info.FetchPath()]
	if err := info.Check(data); err != nil {
		t.Fatal(err)
	}
	return must(status.Decode(data))(t)
}

func TestInitPublishes(t *testing.T) {
	w := empty(t)
	o := InitOptions{Insurers: []InsurerFacts{facts(amc), facts("00AB12")}}
	r := must(w.issuer.Init(context.Background(), o))(t)
	m, tr := w.export()
	if r.Version != 1 || tr.Version() != 1 || r.Fingerprint != tr.Fingerprint() || !tr.Published().Equal(begin) || fmt.Sprint(tr.Insurers()) != "[775670482 AB12]" {
		t.Errorf("%+v %v", r, tr.Insurers())
	}
	if m.order[len(m.order)-1] != timestampPath {
		t.Errorf("order: %v", m.order)
	}
	info := must(tr.Target(insurerPath("AB12")))(t)
	doc := must(card.ParseInsurer(m.files[info.FetchPath()]))(t)
	if doc.Name != "Mutuelle Exemple" || len(doc.CardKeys) != 1 || len(doc.StatusKeys) != 1 || doc.Outage.Default != card.DefaultOutage().Default {
		t.Errorf("%+v", doc)
	}
	must(rights.ParseCodes(m.files[must(tr.Target(codesPath))(t).FetchPath()]))(t)
	if _, err := w.issuer.Init(context.Background(), o); !errors.Is(err, ErrInitialised) {
		t.Errorf("twice: %v", err)
	}
	if err := w.issuer.AddInsurer(context.Background(), facts("AB12")); !errors.Is(err, ErrInitialised) {
		t.Errorf("known insurer: %v", err)
	}
	if err := w.issuer.AddInsurer(context.Background(), facts("333")); err != nil {
		t.Fatal(err)
	}
	if _, tr = w.export(); tr.Version() != 2 || !tr.HasInsurer("333") {
		t.Errorf("version %d, insurers %v", tr.Version(), tr.Insurers())
	}
	w.sound()
}

func TestInitCutShort(t *testing.T) {
	w := empty(t)
	w.issuer.Store = &losing{Store: w.store, at: 1}
	o := InitOptions{Insurers: []InsurerFacts{facts(amc)}}
	if _, err := w.issuer.Init(context.Background(), o); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.reopen()
	must(w.issuer.Init(context.Background(), o))(t)
	w.sound()
	w.issuer.Offline = nil
	if err := w.issuer.AddInsurer(context.Background(), facts("333")); !errors.Is(err, ErrNoOfflineKeys) {
		t.Error(err)
	}
}

func TestPublish(t *testing.T) {
	w := newWorld(t)
	w.seed(4)
	w.issuer.Offline = nil // every day's work is done without them
	_, out := w.issue(IssueRequest{All: true})
	r := w.publish()
	if r.Version != 2 || len(r.Lists) != 1 || r.Lists[0].Entries != 0 || r.Files[len(r.Files)-1] != timestampPath {
		t.Fatalf("%+v", r)
	}
	m, tr := w.export()
	if p := m.page(t, tr, 1); p.Len() != 0 || p.Revision() != 0 {
		t.Error("a list must be published from its first card on, empty")
	}
	if m.files[tokenListPath(amc, 1)] == nil {
		t.Error("no Token Status List")
	}
	before := m.page(t, tr, 1)

	must(w.set(status.Void, "2027-03-01", Target{Place: out[1].Place}))(t)
	must(w.set(status.Suspended, "2027-02-01", Target{Place: out[2].Place}))(t)
	if r = w.publish(); r.Events != 2 || r.Lists[0].Revision != 1 || !r.At.Equal(w.clock) {
		t.Fatalf("%+v", r)
	}
	m, tr = w.export()
	page := m.page(t, tr, 1)
	day := must(rights.ParseDate("2027-03-01"))(t)
	if s := page.At(out[1].Place.Index, day); s.Kind != status.Void || s.Published != rights.DateAt(w.clock) {
		t.Errorf("%+v", s)
	}
	if s := page.At(out[1].Place.Index, day-1); s.Kind != status.OK || !s.Ended() {
		t.Errorf("the day before: %+v", s)
	}
	if s := page.At(out[2].Place.Index, day); s.Kind != status.Suspended {
		t.Errorf("%+v", s)
	}
	if s := page.At(out[0].Place.Index, day); s.Kind != status.OK {
		t.Errorf("%+v", s)
	}
	changes := must(status.DecodeChanges(m.files[must(tr.Target(changesPath(amc, 1, 0, 1)))(t).FetchPath()]))(t)
	if got := must(changes.Apply(before))(t); string(got.Encode()) != string(page.Encode()) {
		t.Error("changes do not lead to the page")
	}
	// Nothing new: the date moves, the page does not.
	if r = w.publish(); r.Events != 0 || len(r.Lists) != 0 || r.Version != 4 {
		t.Errorf("%+v", r)
	}
	if _, tr = w.export(); !tr.Published().Equal(w.clock) {
		t.Errorf("published %v", tr.Published())
	}
	w.sound()
	w.clock = w.clock.Add(-3 * time.Hour)
	if _, err := w.issuer.Publish(context.Background(), time.Time{}); !errors.Is(err, ErrClock) {
		t.Errorf("clock back: %v", err)
	}
}

// TestManyPublications: the register forgets what nobody will ask for, and keeps what a counter of any age needs.
func TestManyPublications(t *testing.T) {
	w := newWorld(t)
	w.seed(40 + 32)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	const rounds = keepPublications + 15
	most := 0
	for i := range rounds {
		if i < len(out) {
			must(w.set(status.Void, "2027-03-01", Target{Place: out[i].Place}))(t)
		}
		w.publish()
		m, _ := w.export()
		if i > keepPublications && len(m.files) > most+2 && most > 0 {
			t.Fatalf("round %d: %d files after %d", i, len(m.files), most)
		}
		most = max(most, len(m.files))
	}
	m, tr := w.export()
	last := m.page(t, tr, 1).Revision()
	kept := 0
	for from := range last {
		if _, err := tr.Target(changesPath(amc, 1, from, from+1)); err == nil {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d changes are published as targets, want the newest alone", kept)
	}
	index, _ := m.packs(t, tr.Version())
	offered := 0
	for _, p := range must(trust.ParsePackIndex([]byte(index)))(t) {
		if b := m.files[trust.ChangesPack(p.From, p.To)]; int64(len(b)) != p.Bytes {
			t.Errorf("the pack from %d to %d of %d bytes is offered, and has %d", p.From, p.To, p.Bytes, len(b))
		}
		offered++
	}
	if offered < keptWays {
		t.Errorf("%d packs are offered", offered)
	}
	w.sound()
}

// TestTwoPublishers: F18. One wins, the other is told so and loses nothing.
func TestTwoPublishers(t *testing.T) {
	w := newWorld(t)
	w.seed(10)
	_, out := w.issue(IssueRequest{All: true})
	w.clock = w.clock.Add(time.Hour)
	won, lost := 0, 0
	for round := range 5 {
		must(w.set(status.Void, "2027-03-01", Target{Place: out[round].Place}))(t)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := w.issuer.Publish(context.Background(), time.Time{})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, ErrConcurrent):
					lost++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	m, tr := w.export()
	if lost == 0 || tr.Version() != int64(won+1) || m.page(t, tr, 1).Len() != 5 {
		t.Errorf("%d won, %d lost, version %d, %d entries", won, lost, tr.Version(), m.page(t, tr, 1).Len())
	}
	w.sound()
}

// TestPublishCutShort: F18. A publication whose storing is lost leaves the one before, whole; the next one has everything.
func TestPublishCutShort(t *testing.T) {
	w := newWorld(t)
	w.seed(3)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	must(w.set(status.Void, "2027-03-01", Target{Place: out[0].Place}))(t)
	w.issuer.Store = &losing{Store: w.store, at: 1}
	w.clock = w.clock.Add(time.Hour)
	if _, err := w.issuer.Publish(context.Background(), time.Time{}); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.reopen()
	w.sound()
	if _, tr := w.export(); tr.Version() != 2 {
		t.Error("half a publication")
	}
	w.publish()
	if m, tr := w.export(); tr.Version() != 3 || m.page(t, tr, 1).Len() != 1 {
		t.Error("the event is lost")
	}
	w.sound()
}

// TestExportOrder: a reader that comes between any two files sees the old state or the new one.
func TestExportOrder(t *testing.T) {
	w := newWorld(t)
	w.seed(3)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	old, _ := w.export()
	must(w.set(status.Void, "2027-03-01", Target{Place: out[0].Place}))(t)
	w.publish()
	next, _ := w.export()
	stop := errors.New("disk full")
	for k := range next.order {
		half := &memory{files: map[string][]byte{}}
		for p, b := range old.files {
			half.files[p] = b
		}
		cut := &stopping{memory: half, left: k, err: stop}
		if _, err := w.issuer.Export(context.Background(), cut); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		tr := must(trust.Open(half.read, half.files[rootPath]))(t)
		if tr.Version() != 2 || half.page(t, tr, 1).Len() != 0 {
			t.Fatalf("after %d files: version %d", k, tr.Version())
		}
	}
}

// stopping fails after some files.
type stopping struct {
	*memory
	left int
	err  error
}

func (s *stopping) Put(path string, data []byte) error {
	if s.left == 0 {
		return s.err
	}
	s.left--
	return s.memory.Put(path, data)
}

func TestPublishBeforeInit(t *testing.T) {
	w := empty(t)
	if _, err := w.issuer.Publish(context.Background(), time.Time{}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := w.issuer.Export(context.Background(), new(memory)); !errors.Is(err, register.ErrNotFound) {
		t.Error(err)
	}
}

// TestPublicURL: with or without the slash at its end, the lists name where they can be fetched.
func TestPublicURL(t *testing.T) {
	w := newWorld(t)
	w.seed(1)
	w.issue(IssueRequest{All: true})
	for url, want := range map[string]string{
		"":                   "statuslist/775670482/1.jwt",
		"https://x.example":  "https://x.example/statuslist/775670482/1.jwt",
		"https://x.example/": "https://x.example/statuslist/775670482/1.jwt",
	} {
		w.issuer.PublicURL = url
		w.publish()
		m, _ := w.export()
		parts := strings.Split(string(m.files[tokenListPath(amc, 1)]), ".")
		if len(parts) != 3 {
			t.Fatalf("no list: %v", m.order)
		}
		var claims struct{ Sub string }
		if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[1]))(t), &claims); err != nil || claims.Sub != want {
			t.Errorf("%q: sub %q %v", url, claims.Sub, err)
		}
	}
}
