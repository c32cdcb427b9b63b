// Package issued is the list of every genuine card of a stolen key, which saves them from the fate of the forged ones.
//
// A key in state listed is believed for these cards alone. The list holds 16 bytes of each card's digest, sorted, in one file
// or in as many parts as keep a file small. It is published under the insurer's offline key; FORMAT.md says what it looks like.
package issued

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sceau/signing"
)

// Bounds.
const (
	// DigestSize is how much of a card's SHA-256 is kept. The thief reads the list and can search for a card of his own that is
	// on it: 2^128 tries for each card listed, 2^107 for the longest part.
	DigestSize = 16
	// MaxDigests is the most that one part holds: 48 MB, below what a repository lets a file be.
	MaxDigests = 3_000_000
	// MaxParts is the most parts of one list: 192 million cards, six times those of France.
	MaxParts = 64
)

// Errors.
var (
	// ErrMalformed says that the bytes are no part of such a list, or not the only encoding of one.
	ErrMalformed = errors.New("issued: not a list of issued cards")
	// ErrTooMany says that there are more cards than MaxParts parts hold.
	ErrTooMany = errors.New("issued: more cards than a list can hold")
	// ErrOwner says that the insurer's key or the kid can't stand in a list.
	ErrOwner = errors.New("issued: not an insurer's key or not a kid")
)

const (
	magic     = "TPI\x01"
	maxOwner  = 10
	kidSize   = 8
	countSize = 4
	maxHeader = len(magic) + 1 + maxOwner + kidSize + 2 + countSize
)

// Part is one file of a list, checked as a whole. It never changes and is safe for concurrent use.
type Part struct {
	owner        string
	kid          string
	index, parts int
	digests      []byte // ascending, DigestSize each
}

// Owner is the AMC key of the insurer whose cards these are.
func (p *Part) Owner() string { return p.owner }

// KID is the stolen key.
func (p *Part) KID() string { return p.kid }

// Index is which part this is, from 0.
func (p *Part) Index() int { return p.index }

// Count is how many parts the list has, a power of two.
func (p *Part) Count() int { return p.parts }

// Len is how many cards are on this part.
func (p *Part) Len() int { return len(p.digests) / DigestSize }

// Parts writes the list of a key's cards: files by their names, as Name gives them. The digests may come in any order; what
// comes twice stands once. Errors: ErrOwner, ErrTooMany.
func Parts(owner, kid string, digests [][DigestSize]byte) (map[string][]byte, error) {
	raw, err := signing.KIDBytes(kid)
	if err != nil || !validOwner(owner) {
		return nil, ErrOwner
	}
	sorted := slices.Clone(digests)
	slices.SortFunc(sorted, func(a, b [DigestSize]byte) int { return bytes.Compare(a[:], b[:]) })
	sorted = slices.Compact(sorted)
	for n := 1; n <= MaxParts; n *= 2 {
		if files := split(owner, kid, raw[:], sorted, n); files != nil {
			return files, nil
		}
	}
	return nil, fmt.Errorf("%w: %d", ErrTooMany, len(sorted))
}

// split writes n parts, or nil when one would be too long.
func split(owner, kid string, raw []byte, sorted [][DigestSize]byte, n int) map[string][]byte {
	files := make(map[string][]byte, n)
	for i := range n {
		end := len(sorted)
		if i+1 < n {
			end, _ = slices.BinarySearchFunc(sorted, i+1, func(d [DigestSize]byte, first int) int { return partOf(d, n) - first })
		}
		if end > MaxDigests {
			return nil
		}
		files[Name(kid, i, n)] = encode(owner, raw, i, n, sorted[:end])
		sorted = sorted[end:]
	}
	return files
}

func encode(owner string, kid []byte, i, n int, sorted [][DigestSize]byte) []byte {
	b := make([]byte, 0, maxHeader+len(sorted)*DigestSize)
	b = append(b, magic...)
	b = append(append(b, byte(len(owner))), owner...)
	b = append(append(b, kid...), byte(i), byte(n))
	b = binary.BigEndian.AppendUint32(b, uint32(len(sorted)))
	for i := range sorted {
		b = append(b, sorted[i][:]...)
	}
	return b
}

// partOf is the part among n, a power of two, that a digest belongs to: its first bits.
func partOf(d [DigestSize]byte, n int) int { return int(d[0]) * n >> 8 }

// PartOf is the number of the part, among n, on which a digest stands if it stands anywhere. n is a power of two up to MaxParts.
func PartOf(d [DigestSize]byte, n int) int { return partOf(d, n) }

// Decode reads one part and checks all of it: header, length, order, and that each digest belongs to this part. The same part
// has one encoding. The Part keeps b, which must not be changed. Errors: ErrMalformed.
func Decode(b []byte) (*Part, error) {
	bad := func(why string) (*Part, error) { return nil, fmt.Errorf("%w: %s", ErrMalformed, why) }
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return bad("magic or version")
	}
	if len(rest) < 1 || int(rest[0]) > maxOwner || len(rest) < 1+int(rest[0])+kidSize+2+countSize {
		return bad("header cut short")
	}
	p := &Part{owner: string(rest[1 : 1+rest[0]])}
	if !validOwner(p.owner) {
		return bad("insurer")
	}
	rest = rest[1+len(p.owner):]
	p.kid = signing.KIDText([kidSize]byte(rest[:kidSize]))
	p.index, p.parts = int(rest[kidSize]), int(rest[kidSize+1])
	if !validPart(p.index, p.parts) {
		return bad("number of the part")
	}
	count := binary.BigEndian.Uint32(rest[kidSize+2:])
	p.digests = rest[kidSize+2+countSize:]
	if count > MaxDigests || len(p.digests) != int(count)*DigestSize {
		return bad("length")
	}
	var last0, last1 uint64
	for at := 0; at < len(p.digests); at += DigestSize {
		d0, d1 := binary.BigEndian.Uint64(p.digests[at:]), binary.BigEndian.Uint64(p.digests[at+8:])
		if at > 0 && (d0 < last0 || d0 == last0 && d1 <= last1) {
			return bad("order")
		}
		last0, last1 = d0, d1
	}
	if n := p.Len(); n > 0 && (partOf(p.at(0), p.parts) != p.index || partOf(p.at(n-1), p.parts) != p.index) {
		return bad("a digest of another part")
	}
	return p, nil
}

func (p *Part) at(i int) [DigestSize]byte { return [DigestSize]byte(p.digests[i*DigestSize:]) }

func (p *Part) high(i int) uint64 { return binary.BigEndian.Uint64(p.digests[i*DigestSize:]) }

// guesses is how often Has guesses where a digest lies before it halves: SHA-256 spreads evenly, so that two or three guesses
// bring it to the very place; a list of other numbers costs no more than halving and these.
const guesses = 4

// Has says whether a card's digest is on this part. It allocates nothing.
func (p *Part) Has(d [DigestSize]byte) bool {
	low, high := 0, p.Len()
	want := binary.BigEndian.Uint64(d[:])
	for n := 0; low < high; n++ {
		at := int(uint(low+high) / 2)
		if n < guesses && high-low > 8 {
			first, last := p.high(low), p.high(high-1)
			switch {
			case want < first || want > last:
				return false
			case first < last:
				at = low + int(float64(want-first)/float64(last-first)*float64(high-1-low))
				at = min(max(at, low), high-1)
			}
		}
		switch bytes.Compare(p.digests[at*DigestSize:(at+1)*DigestSize], d[:]) {
		case 0:
			return true
		case -1:
			low = at + 1
		default:
			high = at
		}
	}
	return false
}

// Name is the file name of part i of n, below amc/<N° AMC>/issued/.
func Name(kid string, i, n int) string {
	if n == 1 {
		return kid
	}
	return kid + "." + strconv.Itoa(i) + "-" + strconv.Itoa(n)
}

// ParseName reads what Name writes and nothing else.
func ParseName(name string) (kid string, i, n int, ok bool) {
	kid, numbers, several := strings.Cut(name, ".")
	i, n = 0, 1
	if several {
		a, b, _ := strings.Cut(numbers, "-")
		var err, err2 error
		i, err = strconv.Atoi(a)
		n, err2 = strconv.Atoi(b)
		if err != nil || err2 != nil || n < 2 {
			return "", 0, 0, false
		}
	}
	if _, err := signing.KIDBytes(kid); err != nil || !validPart(i, n) || Name(kid, i, n) != name {
		return "", 0, 0, false
	}
	return kid, i, n, true
}

func validPart(i, n int) bool { return n >= 1 && n <= MaxParts && n&(n-1) == 0 && i >= 0 && i < n }

// validOwner says whether the text is an insurer's key as it stands in the repository's paths.
func validOwner(key string) bool {
	if len(key) == 0 || len(key) > maxOwner || key[0] == '0' {
		return false
	}
	return strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
