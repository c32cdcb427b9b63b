package cmd

import (
	"encoding/json"
	"strings"
	"testing"

	"sceau/offline/counter"
	"sceau/offline/mirror"
)

// TestOwnDomain: without --domain the terminal asks what the page would: nothing but the card where the settings name no
// profession, else the profession's first domain that the card has.
func TestOwnDomain(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	ask := func(exit int, args ...string) (a answer) {
		t.Helper()
		out := mustRun(t, exit, p.dir, "comptoir", append([]string{"verify", "--json", p.data, p.cards[0] + ".txt"}, args...)...)
		must(t, json.Unmarshal([]byte(out), &a))
		return a
	}
	if a := ask(0); a.Status != "valid" || a.Domain != "" {
		t.Errorf("no profession: %+v", a)
	}
	s := counter.DefaultSettings()
	s.Profession = "pharmacie"
	wish, err := s.Bytes()
	must(t, err)
	b, err := mirror.OpenBook(p.data, mirror.BookOptions{})
	must(t, err)
	must(t, b.SaveSettings(t.Context(), wish))
	must(t, b.Close())
	if a := ask(0); a.Status != "valid" || a.Domain != "PHAR" {
		t.Errorf("a pharmacy: %+v", a)
	}
	if a := ask(1, "--domain", "MED"); a.Domain != "MED" {
		t.Errorf("another domain: %+v", a)
	}
	if out := mustRun(t, 0, p.dir, "comptoir", "verify", p.data, p.cards[0]+".txt"); !strings.Contains(out, "(PHAR)") {
		t.Errorf("said\n%s", out)
	}
}
