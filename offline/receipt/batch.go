// A batch: entries of one chain on their way to the insurers' service, byte for byte as they were hashed. Both ends read it here.

package receipt

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"sceau/signing/journal"
)

// Bounds of a batch.
const (
	MaxBatch        = 1 << 20 // bytes, encoded
	MaxBatchEntries = 1000
	maxPart         = 4 << 10 // of a key or a signed head
)

const batchPrefix = "sceau-journal-batch-1\x00"

// ErrBatch: the bytes or the fields are no batch. The text never quotes them.
var ErrBatch = errors.New("receipt: not a batch")

// Batch is a run of entries of one chain. Whether each follows the one before is not asked here: a journal with a fault arrives
// whole, and the service says what it sees in it.
type Batch struct {
	Device  string // the chain's name: 32 hexadecimal digits
	Key     []byte // canonical public JWK of the chain's device
	Base    string // signed head below the first entry that the counter still has; the chain's start when nothing was pruned
	Head    string // signed head of the chain as it stands now: of the last entry here or of a later one
	Entries []journal.Entry
}

// Encode writes, all numbers big-endian:
//
//	"sceau-journal-batch-1" 0x00 ‖ device (16) ‖ length (2) key ‖ length (2) base ‖ length (2) head ‖
//	number of entries (2) ‖ for each: length (4) and its encoding of package signing/journal
//
// Errors are ErrBatch.
func (b Batch) Encode() ([]byte, error) {
	device, err := hex.DecodeString(b.Device)
	if err != nil || !isDevice(b.Device) {
		return nil, fmt.Errorf("%w: device", ErrBatch)
	}
	if len(b.Entries) > MaxBatchEntries {
		return nil, fmt.Errorf("%w: more than %d entries", ErrBatch, MaxBatchEntries)
	}
	out := append(append(make([]byte, 0, 1024+len(b.Entries)*512), batchPrefix...), device...)
	for _, part := range [][]byte{b.Key, []byte(b.Base), []byte(b.Head)} {
		if len(part) > maxPart {
			return nil, fmt.Errorf("%w: part too long", ErrBatch)
		}
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(part))), part...)
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.Entries)))
	for _, e := range b.Entries {
		text := e.Encode()
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(text))), text...)
	}
	if len(out) > MaxBatch {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrBatch, MaxBatch)
	}
	return out, nil
}

// EntrySize is what an entry takes in a batch, in bytes.
func EntrySize(e journal.Entry) int { return 4 + len(e.Encode()) }

// BatchSpace is what the entries of a batch may take together.
const BatchSpace = MaxBatch - len(batchPrefix) - 16 - 3*(2+maxPart) - 2

// DecodeBatch reads what Encode writes and nothing else. That the entries hold lawful bodies, and whose key and heads these
// are, is the caller's to judge. The error is ErrBatch.
func DecodeBatch(text []byte) (Batch, error) {
	if len(text) > MaxBatch {
		return Batch{}, fmt.Errorf("%w: longer than %d bytes", ErrBatch, MaxBatch)
	}
	r := batchReader{rest: text}
	if string(r.take(len(batchPrefix))) != batchPrefix {
		return Batch{}, fmt.Errorf("%w: no prefix", ErrBatch)
	}
	b := Batch{Device: hex.EncodeToString(r.take(16))}
	b.Key = append([]byte(nil), r.part()...)
	b.Base, b.Head = string(r.part()), string(r.part())
	n := int(r.number(2))
	if r.short || n > MaxBatchEntries {
		return Batch{}, fmt.Errorf("%w: short, or too many entries", ErrBatch)
	}
	for range n {
		e, err := journal.DecodeEntry(r.take(int(r.number(4))))
		if err != nil || r.short {
			return Batch{}, fmt.Errorf("%w: entry", ErrBatch)
		}
		b.Entries = append(b.Entries, e)
	}
	if r.short || len(r.rest) > 0 {
		return Batch{}, fmt.Errorf("%w: length", ErrBatch)
	}
	return b, nil
}

// batchReader takes bytes from the front; once they don't suffice it gives nothing more.
type batchReader struct {
	rest  []byte
	short bool
}

func (r *batchReader) take(n int) []byte {
	if r.short || n < 0 || n > len(r.rest) {
		r.short = true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *batchReader) number(size int) uint64 {
	var n uint64
	for _, b := range r.take(size) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *batchReader) part() []byte {
	n := int(r.number(2))
	if n > maxPart {
		r.short = true
	}
	return r.take(n)
}
