// Tests of what this program's own connections refuse.

package sqlite

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
)

// TestReplace: REPLACE deletes without a word unless triggers see it.
func TestReplace(t *testing.T) {
	s, err := Create(filepath.Join(t.TempDir(), "register.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Unix(1_800_000_000, 0)
	err = s.Update(t.Context(), func(tx register.Tx) error {
		_, err := tx.AddChecks([]register.Check{{Number: "A1", Counter: "A", At: now, Status: "valid"}})
		_, err2 := tx.AddReceipts([]register.Receipt{{Device: strings.Repeat("0", 32), Seq: 1, Entry: []byte("x"), Counter: "A", Arrived: now, At: now, Answer: 1}})
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"REPLACE INTO online_check SELECT seq, number, 'B', at, insurer, list, idx, care, domain, person, status, reason, pay_until, pay_euros FROM online_check",
		"REPLACE INTO online_check SELECT 9, number, 'B', at, insurer, list, idx, care, domain, person, status, reason, pay_until, pay_euros FROM online_check",
		"UPDATE OR REPLACE online_check SET counter = 'B'",
		"REPLACE INTO receipt SELECT 9, device, seq, hash, entry, 'B', arrived, at, day, insurer, list, idx, care, domain, mode, status, age, answer, reason FROM receipt",
	} {
		err := s.Update(t.Context(), func(tx register.Tx) error { return tx.(*txn).change(statement) })
		if !errors.Is(err, register.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", statement, err)
		}
	}
}
