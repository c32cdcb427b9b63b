package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sceau/card"
	"sceau/card/qr"
)

func TestSameInputSameBytes(t *testing.T) {
	for _, th := range []*Theme{nil, logoTheme(t)} {
		for _, l := range []Layout{LayoutA4, LayoutCard} {
			for _, n := range []string{"1", "6", "long"} {
				first := render(t, l, households(t)[n], th)
				for range 3 {
					if !bytes.Equal(first, render(t, l, households(t)[n], th)) {
						t.Fatalf("%s %v: bytes differ", n, l)
					}
				}
			}
		}
	}
}

func TestRefusedSheets(t *testing.T) {
	type change struct {
		name string
		want error
		do   func(s *Sheet)
	}
	for _, c := range []change{
		{"symbol", ErrSheet, func(s *Sheet) { s.Symbol = nil }},
		{"empty symbol", ErrSheet, func(s *Sheet) { s.Symbol = &qr.Matrix{} }},
		{"insurer", ErrSheet, func(s *Sheet) { s.Insurer = nil }},
		{"other insurer", ErrSheet, func(s *Sheet) { s.Claims.Issuer = "123456789" }},
		{"nameless insurer", ErrSheet, func(s *Sheet) { s.Insurer = &card.Insurer{AMC: "775670482", Name: " "} }},
		{"codes", ErrSheet, func(s *Sheet) { s.Codes = nil }},
		{"nobody", ErrSheet, func(s *Sheet) { s.Claims.People = nil }},
		{"stranger", ErrSheet, func(s *Sheet) { s.Claims.Guarantees = []card.Group{{People: []int{3}}} }},
		{"note", ErrSheet, func(s *Sheet) { s.Claims.Notes = nil }},
		{"greek", ErrGlyph, func(s *Sheet) {
			s.Claims.People = []card.Person{{Nom: "ΑΛΦΑ", Prenom: "Β", Birth: "19700101", Rang: 1}}
			s.Claims.Guarantees = nil
		}},
		{"emoji note", ErrGlyph, func(s *Sheet) { s.Claims.Notes = []string{"\U0001f600", "b"} }},
		{"bidi note", ErrGlyph, func(s *Sheet) { s.Claims.Notes = []string{"a\u202eb", "b"} }},
		{"control in note", ErrGlyph, func(s *Sheet) { s.Claims.Notes = []string{"a\x00b", "b"} }},
		{"zero width", ErrGlyph, func(s *Sheet) { s.Insurer = insurer("Mutuelle\u200bExemple") }},
	} {
		for _, l := range []Layout{LayoutA4, LayoutCard} {
			s := households(t)["3"]
			c.do(&s)
			var out bytes.Buffer
			err := single(&out, l, s, nil)
			if !errors.Is(err, c.want) || out.Len() > 0 {
				t.Errorf("%s %v: %v, %d bytes", c.name, l, err, out.Len())
			}
		}
	}
}

// crowded is twelve people with twelve different tables of sixteen columns.
func crowded(t *testing.T) Sheet {
	s := households(t)["12"]
	s.Claims.Guarantees = nil
	for i := range 12 {
		own := append(slices.Clone(allForms[1:]), fmt.Sprintf("PHAR=SP 100/100/%d", 10+i))
		s.Claims.Guarantees = append(s.Claims.Guarantees, group(t, []int{i}, own...))
	}
	return s
}

func TestNoRoom(t *testing.T) {
	var out bytes.Buffer
	err := Card(&out, crowded(t), nil)
	if !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "one card for each person") || out.Len() > 0 {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "ROCHE") {
		t.Error("a name is in the error")
	}
	s := households(t)["1"]
	for range 9 {
		s.Claims.Notes = append(s.Claims.Notes, strings.Repeat("Lorem ipsum ", 10))
	}
	if err := Card(&out, s, nil); !errors.Is(err, ErrNoRoom) {
		t.Errorf("eleven long notes: %v", err)
	}
}

func TestFailedAddLeavesNothing(t *testing.T) {
	for _, l := range []Layout{LayoutA4, LayoutCard} {
		var want, got bytes.Buffer
		for i, out := range []*bytes.Buffer{&want, &got} {
			r, err := NewRun(l, nil)
			if err != nil {
				t.Fatal(err)
			}
			hs := households(t)
			if err := r.Add(hs["1"]); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				bad := hs["6"] // whose names need fonts that the others don't
				bad.Claims.Notes = []string{"\u202e", "x"}
				if r.Add(bad) == nil || l == LayoutCard && r.Add(crowded(t)) == nil {
					t.Fatal("taken")
				}
			}
			if err := r.Add(hs["3"]); err != nil {
				t.Fatal(err)
			}
			if _, err := r.WriteTo(out); err != nil {
				t.Fatal(err)
			}
			if _, err := r.WriteTo(out); err == nil || r.Add(hs["1"]) == nil {
				t.Error("a written run goes on")
			}
		}
		if !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Errorf("%v: the refused card left a trace", l)
		}
	}
}

func TestRunIsSmall(t *testing.T) {
	tool(t, "qpdf")
	r, err := NewRun(LayoutA4, nil)
	if err != nil {
		t.Fatal(err)
	}
	sheets := runSheets(t, 1000)
	for _, s := range sheets {
		if err := r.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if n, err := r.WriteTo(&out); err != nil || n != int64(out.Len()) {
		t.Fatal(n, err)
	}
	if out.Len() > 3_000_000 {
		t.Errorf("%d bytes for 1,000 cards", out.Len())
	}
	if got := run(t, "qpdf", "--show-npages", save(t, out.Bytes())); strings.TrimSpace(got) != "1000" {
		t.Errorf("%s pages", got)
	}
	run(t, "qpdf", "--check", save(t, out.Bytes()))
}

func TestPackRefuses(t *testing.T) {
	for _, bad := range []string{"", "%PDF-1.3\n", "%PDF-1.3\nxref\n", "%PDF-1.3\nx 0 obj\n<<>>\nendobj\nxref\n", "%PDF-1.3\n1 0 obj\n<<>>\n",
		"%PDF-1.3\n1 0 obj\n<</Length 9>>\nstream\nab\nendstream\nendobj\nxref\n", "%PDF-1.3\n1 0 obj\n<<>>\nstream\nab\nendstream\nendobj\nxref\n"} {
		if _, err := pack(&bytes.Buffer{}, []byte(bad), nil); err == nil {
			t.Errorf("%q was packed", bad)
		}
	}
}
