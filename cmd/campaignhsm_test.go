// A campaign whose cards are signed on a token: the real sceau-pkcs11 with SoftHSM, at the pace that the worker was allowed.

package cmd

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCampaignToken: the card key is made on the token and never leaves it; some hundred cards are signed there, not faster than
// the rate for each key; without the token nothing is issued, and with it again the campaign goes on.
func TestCampaignToken(t *testing.T) {
	t.Parallel()
	h := newHSM(t, "cards").start()
	dir := t.TempDir()
	sceau := func(code int, args ...string) string {
		t.Helper()
		p := begin(t, dir, []string{"SCEAU_CLOCK="}, filepath.Join(bin, "sceau"), args...)
		p.exits(t, code, 3*time.Minute)
		return p.out.String() + p.errs.String()
	}
	sceau(0, append(initArgs, "--card-keys", h.socket)...)
	if got := fmt.Sprint(h.names()); got != "[card-775670482-1]" {
		t.Fatalf("the token holds %s", got)
	}
	kid := h.kid("card-775670482-1")
	const cards, rate = 300, 100
	sceau(0, "sample", "roster.csv", "--households", fmt.Sprint(cards), "--bad", "0", "--addresses")
	sceau(0, "import", "operator", "roster.csv")
	var made struct{ ID string }
	must(t, json.Unmarshal([]byte(sceau(0, "campaign", "create", "operator", "--name", "Cartes", "--to", "print", "--shard", "50", "--file", "100", "--json", "--quiet")), &made))
	sceau(0, "campaign", "start", "operator", made.ID, "--no-work")
	worker := func(code int, more ...string) string {
		t.Helper()
		return sceau(code, append([]string{"worker", "operator", "--until-idle", "--look-every", "200ms"}, more...)...)
	}

	// Without the token's keys, and with a token that was taken out: said, and nothing is issued.
	if said := worker(1); !strings.Contains(said, "no key store at hand holds this key") {
		t.Error(said)
	}
	h.takeOut()
	if said := worker(1, "--card-keys", h.socket); !strings.Contains(said, "the token does not work") {
		t.Error(said)
	}
	h.putBack()
	if said := worker(1, "--card-keys", filepath.Join(dir, "nowhere")); !strings.Contains(said, "no card keys at") {
		t.Error(said)
	}
	if n := strings.Count(sceau(0, "cards", "operator", "--json"), `"state":"live"`); n != 0 {
		t.Errorf("%d cards are live", n)
	}

	h.stop()
	h.start()
	began := time.Now()
	worker(0, "--card-keys", h.socket, "--sign-rate", fmt.Sprint(rate))
	took := time.Since(began)
	// A second's worth may be signed at once.
	if least := time.Duration(cards-rate) * time.Second / rate; took < least {
		t.Errorf("%d signatures took %v: the rate of %d a second is passed, %v is the least", cards, took, rate, least)
	}
	live := 0
	for in := json.NewDecoder(strings.NewReader(sceau(0, "cards", "operator", "--json"))); in.More(); {
		var row struct{ State, KID string }
		must(t, in.Decode(&row))
		if row.State != "live" || row.KID != kid {
			t.Errorf("%+v, want live and signed by %s", row, kid)
		}
		live++
	}
	if live != cards {
		t.Errorf("%d cards, want %d", live, cards)
	}
	sceau(3, "campaign", "verify", "print")
	sceau(0, "fsck", "operator", "--card-keys", h.socket, "--keys")
	t.Logf("count: %d cards signed on a token in %.1f s, at most %d a second", live, took.Seconds(), rate)
}
