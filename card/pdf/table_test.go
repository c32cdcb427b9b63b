package pdf

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/fixtures/gen"
	"sceau/rights"
)

// Claims list people by value, so one person stands in several groups; the printed table must give each person one row, with
// exactly what the claims give, and "-" for nothing.
func TestTableIsTheClaims(t *testing.T) {
	rep, err := readFaces()
	if err != nil {
		t.Fatal(err)
	}
	mixed := 0
	for seed := range uint64(300) {
		claims, err := card.FromContract(gen.Household(seed, int(1+seed%8)), card.Place{List: 3, Index: uint32(seed)}, time.Unix(1_795_000_000, 0), -1)
		if err != nil {
			t.Fatal(err)
		}
		table := newTable(&claims, rep)
		if !slices.Equal(table.domains, claims.Domains()) {
			t.Fatalf("seed %d: domains %v, claims %v", seed, table.domains, claims.Domains())
		}
		rows := map[int][]cell{}
		for i, b := range table.blocks {
			for _, p := range b.people {
				if rows[p] != nil {
					t.Fatalf("seed %d: person %d stands in two blocks", seed, p+1)
				}
				rows[p] = b.cells
			}
			for _, other := range table.blocks[:i] {
				if slices.Equal(other.cells, b.cells) {
					t.Errorf("seed %d: two blocks with the same values", seed)
				}
			}
		}
		if len(rows) != len(claims.People) {
			t.Fatalf("seed %d: %d rows for %d people", seed, len(rows), len(claims.People))
		}
		if len(table.blocks) > 1 {
			mixed++
		}
		printed := 0
		for _, b := range table.blocks {
			for _, p := range b.people {
				if printed != p && !strings.HasPrefix(table.people[p].nom, strconv.Itoa(p+1)+". ") {
					t.Errorf("seed %d: person %d is printed in place %d without a number", seed, p+1, printed+1)
				}
				printed++
			}
		}
		for p, cells := range rows {
			for i, d := range table.domains {
				want := rights.Guarantee{}.String()
				if g, ok := claims.Value(p, d); ok {
					want = g.String()
				}
				if cells[i].all != want {
					t.Errorf("seed %d: person %d, %s: printed %q, signed %q", seed, p+1, d, cells[i].all, want)
				}
			}
		}
	}
	if mixed < 10 {
		t.Fatalf("only %d households whose people differ", mixed)
	}
}

// Heights of rows are planned from a count of lines, and the lines are made later: both must agree.
func TestCountedLinesAreTheLines(t *testing.T) {
	rep := loadFaces()
	broken := 0
	for _, s := range households(t) {
		table := newTable(&s.Claims, rep)
		for _, who := range table.people {
			for _, f := range []face{cond, condBold} {
				for width := 2.0; width < 60; width += 0.7 {
					words := table.parts[who.prenomParts[0]:who.prenomParts[1]]
					want, name := 0, who.prenom
					if f == condBold {
						words, name = table.parts[who.nomParts[0]:who.nomParts[1]], who.nom
					}
					want = len(rep.wrap(style{f, 7}, name, width))
					limit := width * 1000 * ptPerMM / 7
					if got := rep.lines(f, words, int(limit)); got != want {
						t.Fatalf("%d lines counted, %d made, in %.1f mm", got, want, width)
					}
					if want > len(words) {
						broken++
					}
				}
			}
		}
	}
	if broken == 0 {
		t.Error("no word was broken")
	}
}
