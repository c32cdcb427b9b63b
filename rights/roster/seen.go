// The contracts met so far: a set that holds those of a whole country in less memory than a worker may have.

package roster

import "hash/maphash"

// hash is the keyed hash of a contract's key: nobody can prepare a collision.
func (r *Reader) hash(insurer, adherent string) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.WriteString(insurer) // a Hash never fails to write
	h.WriteByte(0)
	h.WriteString(adherent)
	return h.Sum64()
}

const (
	seenParts = 1 << 16 // the part is 16 bits of the hash; its entries hold the other 48
	seenWords = 5       // of 16 bits an entry: three of the hash, two of the line number
)

// seenKeys is a set of 64-bit hashes with a line number each: 10 bytes an entry, in parts that grow by a quarter each for itself, so
// that neither doubling nor a copy of the whole is ever needed: about 13 bytes a contract.
type seenKeys struct {
	parts []seenPart
	count int
}

type seenPart struct {
	words []uint16 // entries; three zeros: free
	count uint32
}

// add returns the line of an equal hash, or adds this one.
func (s *seenKeys) add(hash uint64, line int) (int, bool) {
	if s.parts == nil {
		s.parts = make([]seenPart, seenParts)
	}
	p, rest := &s.parts[hash%seenParts], seenRest(hash)
	if n := len(p.words) / seenWords; 8*(int(p.count)+1) > 7*n {
		old := p.words
		p.words = make([]uint16, max(4, n+n/4+1)*seenWords)
		for i := 0; i < len(old); i += seenWords {
			if key := wordsOf(old[i:]); key != 0 {
				copy(p.words[p.place(key):], old[i:i+seenWords])
			}
		}
	}
	at := p.place(rest)
	if e := p.words[at : at+seenWords]; wordsOf(e) == 0 {
		number := uint32(min(uint64(line), 1<<32-1))
		e[0], e[1], e[2], e[3], e[4] = uint16(rest), uint16(rest>>16), uint16(rest>>32), uint16(number), uint16(number>>16)
		p.count++
		s.count++
		return 0, false
	} else {
		return int(e[3]) | int(e[4])<<16, true
	}
}

// find returns the line of an equal hash.
func (s *seenKeys) find(hash uint64) (int, bool) {
	if s.parts == nil || len(s.parts[hash%seenParts].words) == 0 {
		return 0, false
	}
	p, rest := &s.parts[hash%seenParts], seenRest(hash)
	e := p.words[p.place(rest):]
	return int(e[3]) | int(e[4])<<16, wordsOf(e) != 0
}

// place is where a key stands, or the free place that it would take.
func (p *seenPart) place(key uint64) int {
	n := len(p.words)
	for at := int(key*0x9E3779B97F4A7C15>>32*uint64(n/seenWords)>>32) * seenWords; ; {
		if k := wordsOf(p.words[at:]); k == key || k == 0 {
			return at
		}
		if at += seenWords; at == n {
			at = 0
		}
	}
}

// seenRest is what an entry holds of a hash; never 0, which is a free place.
func seenRest(hash uint64) uint64 { return max(hash/seenParts, 1) }

func wordsOf(e []uint16) uint64 { return uint64(e[0]) | uint64(e[1])<<16 | uint64(e[2])<<32 }
