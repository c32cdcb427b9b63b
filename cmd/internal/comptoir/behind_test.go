// Cards that know more than the lists: a genuine one brings the news home, and forged ones cost one look in five minutes.
package comptoir

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
	"sceau/signing"
)

func TestBehindBringsNewsHome(t *testing.T) {
	p := newPublisher(t, amc)
	var looks atomic.Int32
	files := http.FileServer(http.Dir(p.dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/"+timestampName {
			looks.Add(1)
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "poste")
	ok(t, "sync", dir, "--from", server.URL)
	before := p.card(1, "1")

	s := newShop(dir, silent)
	defer s.close()
	s.counter.Online = nil
	s.sources.keeper.Jitter = func(time.Duration) time.Duration { return 0 }
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.sources.run(ctx) })
	defer func() { stop(); running.Wait() }()
	idle := func() bool { st := s.sources.keeper.State(); return !st.Running && !st.LastOK.IsZero() }
	until(t, "first synchronisation", idle)
	// One more turn of the keeper's own, so that nothing is under way.
	began := looks.Load()

	ask := func(text string) counter.Answer {
		return s.ask(t.Context(), counter.Question{Scan: scan.Typed{Text: text}, Domain: "PHAR"})
	}
	if a := ask(before); a.Reason != offline.OK || a.Behind || looks.Load() != began {
		t.Fatalf("a card of the list: %s, behind %t, %d looks", a.Reason, a.Behind, looks.Load()-began)
	}
	// The insurer's new key, published; its first card comes before the next synchronisation does.
	p.turn["card"]++
	p.state(signing.StateActive)
	p.publish()
	fresh := p.card(2, "2")
	if a := ask(fresh); a.Reason != offline.UnknownKey || !a.Behind {
		t.Fatalf("a card of a key that is not known: %s", a.Reason)
	}
	until(t, "news", func() bool { return ask(fresh).Reason == offline.OK })
	until(t, "end of the synchronisation", idle)
	if got := looks.Load() - began; got != 1 {
		t.Errorf("%d looks for one card", got)
	}
	// A thousand forged cards of keys that nobody knows: no look more, and not one verdict is another.
	for range 20 {
		p.turn["card"]++
		forged := p.card(3, "3")
		for range 50 {
			if a := ask(forged); a.Reason != offline.UnknownKey || a.Status != offline.Unknown {
				t.Fatalf("forged: %s", a.Reason)
			}
		}
	}
	if got := looks.Load() - began; got != 1 {
		t.Errorf("%d looks after a thousand forged cards", got)
	}
	if a := ask(fresh); a.Reason != offline.OK {
		t.Errorf("afterwards: %s", a.Reason)
	}
}

// A command that ends with its answer can't look for news: it says so, once.
func TestBehindIsSaidOnTheTerminal(t *testing.T) {
	p := newPublisher(t, amc)
	dir := filepath.Join(t.TempDir(), "poste")
	ok(t, "sync", dir, "--from", p.folder("old"))
	p.turn["card"]++
	text := p.card(2, "2")
	out, code := run(t, text+"\n"+text+"\n", "verify", dir, "--offline", "--domain", "PHAR")
	if code != 4 {
		t.Errorf("%d %s", code, out)
	}
	wants(t, "hint", out, "la carte en sait plus que les listes de ce poste\nconseil : comptoir sync "+dir+"\n")
	if out, _ = run(t, text, "verify", dir, "--offline", "--json"); len(out) == 0 || out[0] != '{' || out[len(out)-2] != '}' {
		t.Errorf("json: %s", out)
	}
}
