// Exposure of a stolen computer: every journal that lies on it, whatever its clock said.

package issuer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

func TestExposureOfADevice(t *testing.T) {
	s := newShop(t)
	i, _ := s.one(2)
	public := json.RawMessage(s.key.JWK())
	device := func(digit string) string { return strings.Repeat(digit, 32) }
	row := func(id string, seq uint64, at time.Time, body []byte) register.Receipt {
		e := must(journal.Append(must(journal.Start(id))(t), body, at))(t)
		r := register.Receipt{Device: id, Seq: seq, Hash: e.Hash(), Entry: e.Encode(), Counter: s.counter.ID, Arrived: s.clock, At: at, Answer: register.Noted, Reason: "OPENING"}
		if seq > 1 {
			r.Insurer, r.Place, r.Domain, r.Mode, r.Status, r.Reason = amc, i.Place, "PHAR", register.ModeOffline, "valid", "NO_PROMISE"
		}
		return r
	}
	opening := func(id, before string) register.Receipt {
		o := receipt.Opening{Device: id, Key: public, Because: receipt.First}
		if before != "" {
			o.Because, o.Before, o.Seq, o.Claimed = receipt.Damaged, before, 3, 3
			o.Hash[0] = 1
		}
		return row(id, 1, s.clock, must(o.Body())(t))
	}
	s.update(func(tx register.Tx) error {
		_, err := tx.AddReceipts([]register.Receipt{
			opening(device("a"), ""), row(device("a"), 2, s.clock.Add(-time.Hour), []byte("x")),
			opening(device("b"), device("a")),
			opening(device("c"), device("b")), row(device("c"), 2, s.clock.Add(20*time.Hour), []byte("y")), // the clock was ahead
			opening(device("d"), ""), row(device("d"), 2, s.clock, []byte("z")), // another computer of the same counter
		})
		return err
	})
	for _, id := range []string{"a", "b", "c"} {
		e, got := s.world.asked(ExposureQuery{Kind: ExposeDevice, ID: device(id)})
		if len(got) != 2 || e.Receipts != 2 || e.After != 0 || e.Before != 0 {
			t.Errorf("%s: %d people, %d entries, %d after", id, len(got), e.Receipts, e.After)
		}
		for _, p := range got {
			if !slices.Contains(p.Read.Words(), "visit") {
				t.Errorf("%s: %v", id, p.Read.Words())
			}
		}
	}
	if e, _ := s.world.asked(ExposureQuery{Kind: ExposeDevice, ID: device("d")}); e.Receipts != 1 {
		t.Errorf("another computer: %d entries", e.Receipts)
	}
	if e, _ := s.world.asked(ExposureQuery{Kind: ExposeCounter, ID: s.counter.ID}); e.Receipts != 3 || e.After != 0 {
		t.Errorf("the counter: %d entries, %d after", e.Receipts, e.After)
	}
}
