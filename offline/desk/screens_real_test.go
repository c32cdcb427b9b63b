// The page on the desk's own server: what the stand of the other tests pretends is what the server does.

package desk_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sceau/offline/counter"
	"sceau/offline/desk"
	"sceau/offline/receipt"
)

// bare is a counter on its first day: it follows nothing, and its only memory is the settings.
type bare struct {
	mu       sync.Mutex
	settings []byte
	followed []string
}

var errNothing = errors.New("nothing here")

func (b *bare) Facts(context.Context) (counter.Facts, func(), error) { return nil, nil, errNothing }
func (b *bare) Settings(context.Context) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settings, nil
}
func (b *bare) SaveSettings(_ context.Context, s []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings = s
	return nil
}
func (b *bare) Find(context.Context, desk.Search) ([]receipt.Record, error)         { return nil, nil }
func (b *bare) Each(context.Context, desk.Search, func(receipt.Record) error) error { return nil }
func (b *bare) Verify(context.Context) (desk.Verified, error) {
	return desk.Verified{Entries: 0, Signed: true}, nil
}
func (b *bare) Overview(context.Context) ([]desk.Repository, error) { return nil, nil }
func (b *bare) Forget(context.Context, string) error                { return errNothing }
func (b *bare) Peek(context.Context, desk.Source) (desk.Found, error) {
	return desk.Found{Fingerprint: "3F0A 91C4 D2B7 7E10"}, nil
}
func (b *bare) Follow(_ context.Context, from desk.Source, root string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.followed = append(b.followed, from.Spec+" "+root)
	return nil
}
func (b *bare) Sync(context.Context) error { return nil }
func (b *bare) Read(context.Context, io.Reader) (desk.Pages, error) {
	return desk.Pages{}, desk.ErrNoCode
}

func testRealServer(t *testing.T, browser *tab) {
	k := &bare{}
	now := func() time.Time { return time.Date(2026, 3, 17, 8, 30, 0, 0, time.UTC) }
	s, err := desk.New(desk.Options{Ask: &counter.Counter{Lists: k, Now: now}, Store: k, Memory: k, Lists: k, Sources: k, Pictures: k, Now: now, Temp: t.TempDir(), Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := chromedp.Do(browser.ctx, chromedp.Navigate("about:blank")); err != nil {
			t.Error(err)
		}
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	b := browser.at(t, nil)
	if err := chromedp.Do(b.ctx, chromedp.Navigate(s.Launch())); err != nil {
		t.Fatal(err)
	}
	b.until("document.documentElement.dataset.ready === 'yes' && !document.querySelector('#first').hidden")
	eval[any](b, `document.querySelector('#f-from').value = '/media/cle'; document.querySelector('#first-from').requestSubmit(); 1`)
	b.until("document.querySelector('.groups')?.textContent === '3F0A 91C4 D2B7 7E10'")
	eval[any](b, `document.querySelector('.fingerprint button').click(); 1`)
	b.until("document.querySelector('#first-follow .good')")
	k.mu.Lock()
	if len(k.followed) != 1 || k.followed[0] != "/media/cle 3F0A 91C4 D2B7 7E10" {
		t.Errorf("followed %q", k.followed)
	}
	k.mu.Unlock()
	eval[any](b, `document.querySelector('#f-profession').value = 'optique'; document.querySelector('#first-done').click(); 1`)
	b.until("!document.querySelector('#verify').hidden && document.querySelector('#domain optgroup option')?.value === 'OPTI'")
	k.mu.Lock()
	if got := string(k.settings); !strings.Contains(got, `"profession":"optique"`) {
		t.Errorf("kept %s", got)
	}
	k.mu.Unlock()
	if got := eval[string](b, "document.querySelector('#age').textContent"); !strings.Contains(got, "Aucune liste") {
		t.Errorf("without a list the age says %q", got)
	}
	b.burst("TP1ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	b.until("document.querySelector('#headline')?.textContent === 'LECTURE INCOMPLÈTE' && document.querySelector('#verdict').dataset.status === 'unknown'")
	eval[any](b, "location.hash = '#journal'; 1")
	b.until("document.querySelector('#j-state').textContent.includes('Aucune')")
	eval[any](b, "document.querySelector('#j-verify').click(); 1")
	b.until("document.querySelector('#j-verified .good')")
	eval[any](b, "location.hash = '#settings'; document.querySelector('#cal-start').click(); 1")
	b.until("document.querySelector('#cal-code').naturalWidth > 0")
	b.quiet("the real server")
	b.burst("PASLECODEDEREGLAGE")
	b.until("document.querySelector('#cal-out .problem')")
	b.hush() // a refusal is reported by the browser
}
