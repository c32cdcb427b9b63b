// How large the codes of a varied population are: the bars of the format, printed as a table.

package card

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"
)

// capacity is the number of alphanumeric characters that a QR symbol of each version holds at level M (ISO/IEC 18004).
var capacity = []int{0, 20, 38, 61, 90, 122, 154, 178, 221, 262, 311, 366, 419, 483, 528, 600, 656, 734, 816, 909, 970}

func qrVersion(characters int) int {
	for v, c := range capacity {
		if characters <= c {
			return v
		}
	}
	return len(capacity)
}

func TestLimitIsTheCapacity(t *testing.T) {
	if capacity[MaxVersion] != MaxCodeText || len(capacity) != MaxVersion+1 {
		t.Error("MaxCodeText isn't the capacity of MaxVersion")
	}
}

// TestCodeSizes prints the table that scripts/bench shows. Its people aren't those that the dictionary was tuned on: other
// insurers, other households, and two thirds of the surnames are in no list of frequent ones.
func TestCodeSizes(t *testing.T) {
	bars := map[int]int{1: 11, 3: 12, 6: 14} // median QR version at level M
	const worst = 15                         // for every household of up to six
	kid := testPublic(t).KID
	t.Log("people  payload  plain DEFLATE  characters median/p95/max  version median/max")
	for _, size := range []int{1, 2, 3, 4, 5, 6, 8, 12} {
		var payloads, plain, codes []int
		for seed := range uint64(4) {
			p := newPopulation(100 + seed)
			for range 150 {
				c := p.claims(t, size)
				d, err := Prepare(c, kid)
				if err != nil {
					t.Fatal(err)
				}
				j, err := c.MarshalCanonical()
				if err != nil {
					t.Fatal(err)
				}
				payloads = append(payloads, len(d.payload))
				plain = append(plain, len(libraryDeflate(t, flate.BestCompression, nil, j)))
				codes = append(codes, d.CodeLength())
			}
		}
		for _, list := range [][]int{payloads, plain, codes} {
			slices.Sort(list)
		}
		median, p95, most := codes[len(codes)/2], codes[len(codes)*95/100], codes[len(codes)-1]
		t.Logf("%6d  %7d  %13d  %10d/%d/%d  %7d/%d", size, payloads[len(payloads)/2], plain[len(plain)/2], median, p95, most, qrVersion(median), qrVersion(most))
		if bar, ok := bars[size]; ok && qrVersion(median) > bar {
			t.Errorf("household of %d: median version %d, bar %d", size, qrVersion(median), bar)
		}
		if size <= 6 && qrVersion(most) > worst {
			t.Errorf("household of %d: version %d, no card above %d", size, qrVersion(most), worst)
		}
	}
}

// dictionarySum is the SHA-256 of dictionary-1.bin, for ever.
const dictionarySum = "d942ea91c78d361a5b5fde329a6f5af26a6c3ea9c8c57d712d8a76afcf49aec4"

func TestDictionary(t *testing.T) {
	if len(dictionary) == 0 || len(dictionary) > 2048 {
		t.Errorf("dictionary of %d bytes", len(dictionary))
	}
	sum := sha256.Sum256(dictionary)
	if got := hex.EncodeToString(sum[:]); got != dictionarySum {
		t.Errorf("dictionary-1.bin has SHA-256 %s: it must never change, cards in people's pockets need it", got)
	}
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(spec, []byte(dictionarySum)) {
		t.Error("FORMAT.md doesn't state the dictionary's hash")
	}
	if lines := strings.Count(string(spec), "\n"); lines > 200 {
		t.Errorf("FORMAT.md has %d lines", lines)
	}
}
