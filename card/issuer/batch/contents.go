// What files say of their cards, read again: sequence, numbers, codes, pictures and pages.

package batch

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"sceau/card"
	"sceau/card/manifest"
)

// contents holds what a manifest's files have told so far.
type contents struct {
	m    *manifest.Manifest
	seen map[card.Place]int64 // sequence number of a card, over all files
	kind string               // whose cards are in seen: each kind has all of them
	with []manifest.Range     // numbers that have a card
}

func newContents(m *manifest.Manifest) *contents {
	with, err := m.With()
	if err != nil {
		with = nil // Parse has refused such a manifest
	}
	return &contents{m: m, seen: map[card.Place]int64{}, with: with}
}

// check reads one file again: what is wrong, "" for nothing that can be seen, and how many codes were read.
func (c *contents) check(at int, b []byte) (text string, read int64) {
	f := c.m.Files[at]
	var err error
	switch f.Kind {
	case manifest.PDF:
		var n int64
		if n, err = pages(b); err == nil && n != f.Pages {
			err = fmt.Errorf("it has %s, and the manifest says %s", counted(int64(n), "page"), grouped(f.Pages))
		}
	case manifest.PNG:
		err = c.pictures(f, b)
	case manifest.CSV:
		read, err = c.cards(f, csvCards(b))
	case manifest.NDJSON:
		read, err = c.cards(f, ndjsonCards(b))
	}
	if err != nil {
		return err.Error(), 0
	}
	return "", read
}

// wanted calls fn with each number that has a card in a file.
func (c *contents) wanted(f manifest.File, fn func(int64)) {
	at := sort.Search(len(c.with), func(i int) bool { return c.with[i].Last >= f.First })
	for ; at < len(c.with) && c.with[at].First <= f.Last; at++ {
		for n := max(c.with[at].First, f.First); n <= min(c.with[at].Last, f.Last); n++ {
			fn(n)
		}
	}
}

// printedCard is what a line says of a card.
type printedCard struct {
	sequence int64
	place    card.Place
	code     string
}

// cards reads lines and holds them against the manifest: every number once, in order, no card twice, and the control total.
func (c *contents) cards(f manifest.File, next func() (printedCard, error)) (int64, error) {
	var control manifest.Control
	var numbers []int64
	c.wanted(f, func(n int64) { numbers = append(numbers, n) })
	if c.kind == "" {
		c.kind = f.Kind
	}
	for line := int64(1); ; line++ {
		p, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("card %d of the file can't be read", line)
		}
		if len(numbers) == 0 || p.sequence != numbers[0] {
			return 0, fmt.Errorf("card %d of the file has the sequence number %d, which is not the next one", line, p.sequence)
		}
		numbers = numbers[1:]
		if c.kind == f.Kind {
			if before, twice := c.seen[p.place]; twice {
				return 0, fmt.Errorf("the card of number %d is that of number %d", p.sequence, before)
			}
			c.seen[p.place] = p.sequence
		}
		control.Add(p.sequence, p.place, p.code)
	}
	if len(numbers) > 0 {
		return 0, fmt.Errorf("it ends before number %d", numbers[0])
	}
	if control.Sum() != f.Control {
		return 0, errors.New("its control total is not the manifest's: a code or a card number is another one")
	}
	return control.Cards(), nil
}

var errLine = errors.New("not a line of this format")

func parsed(sequence, place, code string) (printedCard, error) {
	n, err := strconv.ParseInt(sequence, 10, 64)
	if err != nil {
		return printedCard{}, errLine
	}
	p, err := card.ParsePlace(place)
	if err != nil {
		return printedCard{}, errLine
	}
	return printedCard{n, p, code}, nil
}

func csvCards(b []byte) func() (printedCard, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = ';'
	r.ReuseRecord = true
	column := map[string]int{}
	return func() (printedCard, error) {
		if len(column) == 0 {
			head, err := r.Read()
			if err != nil {
				return printedCard{}, errLine
			}
			for i, name := range head {
				column[name] = i + 1
			}
			if column["sequence"] == 0 || column["card"] == 0 || column["code"] == 0 {
				return printedCard{}, errLine
			}
		}
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return printedCard{}, io.EOF
		}
		if err != nil {
			return printedCard{}, errLine // never the error's text: it may quote the line
		}
		return parsed(row[column["sequence"]-1], row[column["card"]-1], row[column["code"]-1])
	}
}

func ndjsonCards(b []byte) func() (printedCard, error) {
	return func() (printedCard, error) {
		if len(b) == 0 {
			return printedCard{}, io.EOF
		}
		one, rest, ended := bytes.Cut(b, []byte("\n"))
		b = rest
		var l struct {
			Schema   string `json:"schema"`
			Sequence int64  `json:"sequence"`
			Card     string `json:"card"`
			Code     string `json:"code"`
		}
		if !ended || json.Unmarshal(one, &l) != nil || l.Schema != LineSchema {
			return printedCard{}, errLine
		}
		return parsed(strconv.FormatInt(l.Sequence, 10), l.Card, l.Code)
	}
}

// pictures checks that an archive has one picture for each number, in order.
func (c *contents) pictures(f manifest.File, b []byte) error {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return errors.New("it is no whole archive")
	}
	at := 0
	var wrong error
	c.wanted(f, func(n int64) {
		if wrong != nil {
			return
		}
		if at >= len(z.File) || z.File[at].Name != pictureName(n) {
			wrong = fmt.Errorf("the picture of number %d is missing or not in its place", n)
			return
		}
		r, err := z.File[at].Open()
		if err == nil {
			var head [8]byte
			_, err = io.ReadFull(r, head[:])
			if err == nil && !strings.HasPrefix(string(head[:]), "\x89PNG") {
				err = errLine
			}
			if err == nil {
				_, err = io.Copy(io.Discard, r) // its sum is checked at its end
			}
			r.Close()
		}
		if err != nil {
			wrong = fmt.Errorf("the picture of number %d can't be read", n)
		}
		at++
	})
	if wrong == nil && at != len(z.File) {
		wrong = errors.New("it has more pictures than cards")
	}
	return wrong
}
