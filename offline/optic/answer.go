// What parent and child say to one another: one order, one answer, both bounded.

package optic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	readyLine = "sceau-optic-1 ready\n"
	endLine   = "end\n"
	// maxText is the alphanumeric capacity of the largest QR symbol.
	maxText = 4296
	// maxAnswer holds MaxCodes texts of that length.
	maxAnswer = 64 + MaxCodes*(maxText+1)
	maxOrder  = 8 << 10
)

// order is the first line that the child reads, and the only one that it trusts: it comes from the parent alone.
type order struct {
	Cache  string        `json:"cache"`
	Budget time.Duration `json:"budget_ns"`
}

func (o order) line() []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // a text and a number
	}
	return append(b, '\n')
}

// readOrder reads the line byte by byte: what follows it must still be in the pipe when the child is sealed.
func readOrder(in io.Reader) (order, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < maxOrder; {
		if _, err := io.ReadFull(in, b); err != nil {
			return order{}, err
		}
		if b[0] != '\n' {
			line = append(line, b[0])
			continue
		}
		var o order
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&o); err != nil {
			return order{}, err
		}
		if o.Budget <= 0 {
			return order{}, errors.New("no time")
		}
		return o, nil
	}
	return order{}, errors.New("no order")
}

// families are the words for a refusal in an answer. A word beside them is no answer.
var families = []struct {
	word string
	err  error
}{
	{"nothing", ErrNothing}, {"format", ErrFormat}, {"locked", ErrLocked}, {"large", ErrTooLarge}, {"timeout", ErrTimeout},
}

// formatAnswer writes what the child says: the word, the pages, the pages looked at and the number of texts; the texts; the end.
func formatAnswer(f Found, err error) []byte {
	var b bytes.Buffer
	word := "found"
	if err != nil {
		word = "format"
		for _, fam := range families {
			if errors.Is(err, fam.err) {
				word = fam.word
			}
		}
		f = Found{}
	}
	fmt.Fprintf(&b, "%s %d %d %d\n", word, f.Pages, f.Looked, len(f.Texts))
	for _, t := range f.Texts {
		b.WriteString(t)
		b.WriteByte('\n')
	}
	b.WriteString(endLine)
	return b.Bytes()
}

// parseAnswer is the parent's whole trust in the child. Everything that formatAnswer would not have written is ErrBroken.
func parseAnswer(b []byte) (Found, error) {
	if len(b) == 0 {
		return Found{}, fmt.Errorf("%w: no answer", ErrBroken)
	}
	if len(b) > maxAnswer {
		return Found{}, fmt.Errorf("%w: the answer is too long", ErrBroken)
	}
	nonsense := fmt.Errorf("%w: the answer makes no sense", ErrBroken)
	head, rest, _ := strings.Cut(string(b), "\n")
	words := strings.Split(head, " ")
	if len(words) != 4 {
		return Found{}, nonsense
	}
	var n [3]int
	for i, w := range words[1:] {
		v, err := strconv.Atoi(w)
		if err != nil || v < 0 || strconv.Itoa(v) != w || v > 1_000_000 {
			return Found{}, nonsense
		}
		n[i] = v
	}
	f := Found{Pages: n[0], Looked: n[1]}
	for _, fam := range families {
		if words[0] != fam.word {
			continue
		}
		if n != [3]int{} || rest != endLine {
			return Found{}, nonsense
		}
		return Found{}, fam.err
	}
	if words[0] != "found" || n[2] < 1 || n[2] > MaxCodes || f.Looked < 1 || f.Looked > f.Pages || f.Looked > MaxPages {
		return Found{}, nonsense
	}
	seen := make(map[string]bool, n[2])
	for range n[2] {
		text, after, ok := strings.Cut(rest, "\n")
		if !ok || !alphanumeric(text) || seen[text] {
			return Found{}, nonsense
		}
		seen[text] = true
		f.Texts = append(f.Texts, text)
		rest = after
	}
	if rest != endLine {
		return Found{}, nonsense
	}
	return f, nil
}

// alphanumeric says that a QR code can hold the text in its alphanumeric mode.
func alphanumeric(s string) bool {
	if len(s) == 0 || len(s) > maxText {
		return false
	}
	for i := range len(s) {
		if !strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", rune(s[i])) || s[i] >= 0x80 {
			return false
		}
	}
	return true
}
