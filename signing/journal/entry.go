// Package journal is an append-only list of entries, each of which holds the
// SHA-256 of the one before: what was written once cannot be edited, dropped,
// slipped in or moved without the check saying where.
//
// It knows nothing of what the entries say and nothing of where they are kept.
// A chain has a name, so that the entries of one are never those of another,
// and it begins at [Start]. Its last [Head] vouches for everything before it:
// a head that was signed ([SealHead]), printed or sent away is what makes a
// shortened or rewritten journal visible. Without any known head a missing tail
// leaves no trace, and neither does a chain that was computed anew.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Entry is one line of a journal.
type Entry struct {
	Seq  uint64    // 1 for the first, then without a gap
	Prev [32]byte  // hash of the entry before; of the start for the first
	At   time.Time // when it was written, by the writer's clock, which may jump
	Body []byte    // 1 to MaxBody bytes, the caller's
}

const (
	// MaxBody is the longest body, in bytes. Audit lines and receipts have some
	// hundred; the bound keeps a hostile journal from filling the memory of the
	// one who checks it.
	MaxBody = 64 << 10

	// MaxName is the longest name of a chain, in bytes.
	MaxName = 64

	entryPrefix = "sceau-journal-entry-1\x00"
	startPrefix = "sceau-journal-start-1\x00"
	fixedSize   = len(entryPrefix) + 8 + 32 + 8 + 4 + 4
)

// ErrEncoding: the bytes are no entry, or not in the one encoding of an entry.
var ErrEncoding = errors.New("journal: not an entry")

// ErrEntry: an entry, a chain's name or a time that this package does not write.
var ErrEntry = errors.New("journal: not a lawful entry")

// Encode gives the one encoding of an entry, which is what is hashed:
//
//	"sceau-journal-entry-1" 0x00 ‖ seq (8) ‖ prev (32) ‖
//	seconds since 1970 (8, two's complement) ‖ nanoseconds (4) ‖ length (4) ‖ body
//
// all numbers big-endian. The time zone is not part of an entry.
func (e Entry) Encode() []byte {
	b := make([]byte, 0, fixedSize+len(e.Body))
	b = append(b, entryPrefix...)
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = append(b, e.Prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.At.Nanosecond()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Body)))
	return append(b, e.Body...)
}

// DecodeEntry reads what Encode gives and refuses everything else with
// [ErrEncoding]. The time comes back in UTC.
func DecodeEntry(b []byte) (Entry, error) {
	body, ok := bytes.CutPrefix(b, []byte(entryPrefix))
	if !ok || len(b) < fixedSize {
		return Entry{}, fmt.Errorf("%w: no prefix", ErrEncoding)
	}
	e := Entry{Seq: binary.BigEndian.Uint64(body), Prev: [32]byte(body[8:40])}
	seconds, nanos := int64(binary.BigEndian.Uint64(body[40:])), binary.BigEndian.Uint32(body[48:])
	size := binary.BigEndian.Uint32(body[52:])
	if nanos >= 1e9 {
		return Entry{}, fmt.Errorf("%w: more than a second of nanoseconds", ErrEncoding)
	}
	e.At = time.Unix(seconds, int64(nanos)).UTC()
	if body = body[56:]; uint64(size) != uint64(len(body)) {
		return Entry{}, fmt.Errorf("%w: the body is not as long as it says", ErrEncoding)
	}
	e.Body = bytes.Clone(body)
	if err := e.check(); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return e, nil
}

// check refuses what Append never writes.
func (e Entry) check() error {
	switch {
	case e.Seq == 0:
		return fmt.Errorf("%w: numbers begin at 1", ErrEntry)
	case len(e.Body) == 0:
		return fmt.Errorf("%w: empty body", ErrEntry)
	case len(e.Body) > MaxBody:
		return fmt.Errorf("%w: body longer than %d bytes", ErrEntry, MaxBody)
	case e.At.Year() < 1 || e.At.Year() > 9999:
		return fmt.Errorf("%w: year outside 1 to 9999", ErrEntry)
	}
	return nil
}

// Hash is the SHA-256 of the entry's encoding.
func (e Entry) Hash() [32]byte { return sha256.Sum256(e.Encode()) }

// Head says where the chain stands after this entry.
func (e Entry) Head() Head { return Head{Seq: e.Seq, Hash: e.Hash()} }

// Head is the end of a chain: the number and hash of its last entry. With Seq 0
// the chain is empty and Hash is that of its start.
type Head struct {
	Seq  uint64
	Hash [32]byte
}

// Start is the head of the empty chain of that name: 1 to [MaxName] characters
// of letters, digits, "-", "_" and ".". Other names are refused with [ErrEntry].
func Start(name string) (Head, error) {
	if len(name) == 0 || len(name) > MaxName {
		return Head{}, fmt.Errorf("%w: a chain's name has 1 to %d characters", ErrEntry, MaxName)
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return Head{}, fmt.Errorf("%w: a character that a chain's name cannot have", ErrEntry)
		}
	}
	return Head{Hash: sha256.Sum256([]byte(startPrefix + name))}, nil
}

// Append makes the entry that follows head; its Head is the next one. The body
// is copied. The time is cut to whole microseconds, in UTC, so that every
// database gives it back as it was. It writes nothing: the caller stores entry
// and head in one transaction. Refusals are [ErrEntry].
func Append(head Head, body []byte, at time.Time) (Entry, error) {
	e := Entry{Seq: head.Seq + 1, Prev: head.Hash, At: at.UTC().Truncate(time.Microsecond), Body: bytes.Clone(body)}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}
