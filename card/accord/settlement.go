// A settlement: what the insurers answer, entry by entry, to a counter's uploaded journal.

package accord

import (
	"encoding/hex"
	"strconv"
	"time"

	"sceau/signing"
)

const (
	// MaxSettled bounds the entries of one settlement: those of one upload.
	MaxSettled = 1000
	// MaxSettlement is the longest sealed settlement, in characters: 1,000 entries need 190,000.
	MaxSettlement = 256 << 10
)

// Answers to a receipt.
const (
	Honoured = "honoured" // paid as promised
	Disputed = "disputed" // not paid, for the reason given
	Noted    = "noted"    // nothing was promised, so nothing is owed
)

// Settlement answers one upload.
type Settlement struct {
	Device  string // id of the journal's chain: 32 hexadecimal digits
	Counter string // id of the counter that sent it
	At      time.Time
	Entries []Settled // 1 to MaxSettled, by rising Seq; the two sides of a fork have the same one, by rising Hash
}

// Settled is the answer to one entry.
type Settled struct {
	Seq    uint64
	Hash   [32]byte // of the entry
	Answer string   // Honoured, Disputed or Noted
	Reason string   // stable code; "" when there is nothing to add
}

// SealSettlement signs a settlement and gives its compact token, which was opened again before it is returned.
func SealSettlement(s *signing.Signer, t *Settlement) (string, error) {
	if s.Kind() != SettlementKind {
		return "", refused(signing.ErrWrongKind, "signer_other_kind", "signer is not for settlements")
	}
	payload, err := t.Payload()
	if err != nil {
		return "", err
	}
	return s.Seal(payload)
}

// OpenSettlement verifies a token under a key of SettlementKind and reads it, as Open does.
func OpenSettlement(k *signing.PublicKey, compact string) (*Settlement, error) {
	payload, err := k.OpenUpTo(SettlementKind, compact, MaxSettlement)
	if err != nil {
		return nil, err
	}
	t, err := DecodeSettlement(payload)
	if err != nil {
		return nil, err
	}
	if err := believed(k, t.At); err != nil {
		return nil, err
	}
	return t, nil
}

// Payload is the one encoding of a settlement. It refuses what DecodeSettlement would refuse.
func (t *Settlement) Payload() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 128+len(t.Entries)*112)
	b = append(b, `{"device":"`...)
	b = append(b, t.Device...)
	b = append(b, `","counter":"`...)
	b = append(b, t.Counter...)
	b = append(b, `","at":`...)
	b = strconv.AppendInt(b, t.At.Unix(), 10)
	b = append(b, `,"entries":[`...)
	for i, e := range t.Entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"seq":`...)
		b = strconv.AppendUint(b, e.Seq, 10)
		b = append(b, `,"hash":"`...)
		b = hex.AppendEncode(b, e.Hash[:])
		b = append(b, `","answer":"`...)
		b = append(b, e.Answer...)
		if e.Reason != "" {
			b = append(b, `","reason":"`...)
			b = append(b, e.Reason...)
		}
		b = append(b, `"}`...)
	}
	return append(b, "]}"...), nil
}

// DecodeSettlement reads what Payload writes and nothing else: ErrMalformed.
func DecodeSettlement(b []byte) (*Settlement, error) {
	if len(b) > MaxSettlement {
		return nil, malformed("settlement_size", "settlement larger than its bound")
	}
	r := reader{s: string(b)}
	t := new(Settlement)
	r.lit(`{"device":"`)
	t.Device = r.until('"')
	r.lit(`,"counter":"`)
	t.Counter = r.until('"')
	r.lit(`,"at":`)
	t.At = r.time()
	r.lit(`,"entries":[`)
	for r.ok() && !r.accept("]}") {
		if len(t.Entries) == MaxSettled {
			r.fail("entries_count", "too many entries")
			break
		}
		if len(t.Entries) > 0 {
			r.lit(",")
		}
		var e Settled
		r.lit(`{"seq":`)
		e.Seq = uint64(r.integer())
		r.lit(`,"hash":"`)
		if n, err := hex.Decode(e.Hash[:], []byte(pad(r.until('"')))); n != len(e.Hash) || err != nil {
			r.fail("hash_form", "hash is no 64 hexadecimal digits")
		}
		r.lit(`,"answer":"`)
		e.Answer = r.until('"')
		if r.accept(`,"reason":"`) {
			e.Reason = r.until('"')
		}
		r.lit("}")
		t.Entries = append(t.Entries, e)
	}
	return sameAgain(&r, t, b)
}

// pad makes a text of another length than a hash's unreadable.
func pad(s string) string {
	if len(s) != 64 {
		return "?"
	}
	return s
}

func (t *Settlement) check() error {
	if !hexadecimal(t.Device, 32) {
		return malformed("device_form", "device is no 32 hexadecimal digits")
	}
	if _, err := signing.KIDBytes(t.Counter); err != nil {
		return malformed("counter_form", "counter outside its form")
	}
	if err := checkTime(t.At); err != nil {
		return err
	}
	if len(t.Entries) == 0 || len(t.Entries) > MaxSettled {
		return malformed("entries_count", "no entry, or too many")
	}
	for i, e := range t.Entries {
		switch {
		case e.Seq == 0 || e.Seq > maxInteger:
			return malformed("seq_range", "number of an entry out of range")
		case e.Answer != Honoured && e.Answer != Disputed && e.Answer != Noted:
			return malformed("answer_unknown", "no such answer")
		case e.Reason != "" && !code(e.Reason):
			return malformed("reason_form", "reason is no code")
		case e.Answer == Disputed && e.Reason == "":
			return malformed("reason_missing", "disputed without a reason")
		}
		if i > 0 {
			before := t.Entries[i-1]
			if before.Seq > e.Seq || before.Seq == e.Seq && string(before.Hash[:]) >= string(e.Hash[:]) {
				return malformed("entries_order", "entries out of order or twice")
			}
		}
	}
	return nil
}
