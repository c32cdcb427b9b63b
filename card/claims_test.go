// Claims from contracts, their canonical text, and names that try to be something else.

package card

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/rights"
	"sceau/signing"
)

func TestCanonicalJSON(t *testing.T) {
	c := testClaims(t)
	b, err := c.MarshalCanonical()
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != testJSON {
		t.Errorf("got  %s\nwant %s", b, testJSON)
	}
	back, err := DecodeClaims(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, c) {
		t.Errorf("got  %+v\nwant %+v", back, c)
	}
	if !json.Valid(b) {
		t.Error("encoding/json doesn't take it")
	}
	if strings.Contains(string(b), "184127645108946") {
		t.Error("a NIR left the register")
	}
}

func TestClaimsAnswer(t *testing.T) {
	c := testClaims(t)
	if c.ValidFrom().String() != "2027-01-01" || c.ValidTo().String() != "2027-12-31" {
		t.Error(c.ValidFrom(), c.ValidTo())
	}
	for _, want := range []struct {
		person int
		domain string
		value  string
	}{
		{0, "PHAR", "SP 100/100/15"}, {2, "PHAR", "SP 100/100/15"}, {0, "DENT", "150EUR"}, {1, "DENT", "TM"},
		{2, "OPTI", "-"}, {2, "DENT", ""}, {0, "LABO", ""}, {3, "PHAR", ""}, {-1, "PHAR", ""},
	} {
		g, ok := c.Value(want.person, want.domain)
		if ok != (want.value != "") || ok && g.String() != want.value {
			t.Errorf("%d %s: %v %v", want.person, want.domain, g, ok)
		}
	}
	if got := c.Domains(); !slices.Equal(got, []string{"DENT", "OPTI", "PHAR"}) {
		t.Error(got)
	}
}

// A person's card holds that person's rights alone, and the notes keep their numbers.
func TestCardOfOnePerson(t *testing.T) {
	contract := testContract(t)
	for i, b := range contract.Beneficiaries {
		c, err := FromContract(contract, Place{1, 1}, time.Unix(testIssued, 0), i)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.People) != 1 || c.People[0].Prenom != b.Prenom || len(c.Notes) != 2 {
			t.Errorf("%+v", c)
		}
		for d, v := range b.Guarantees {
			if got, ok := c.Value(0, d); !ok || !got.Equal(v) {
				t.Errorf("%s: %v", d, got)
			}
		}
	}
	if _, err := FromContract(contract, Place{1, 1}, time.Unix(testIssued, 0), 3); signing.CodeOf(err) != "person_range" {
		t.Error(err)
	}
}

// The same rights have one text, whatever order the contract's maps and files give.
func TestOneEncoding(t *testing.T) {
	p := newPopulation(11)
	for range 300 {
		size := 1 + p.r.IntN(8)
		contract, place, issued := p.contract(size)
		var first []byte
		for range 5 {
			c, err := FromContract(contract, place, issued, -1)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.MarshalCanonical()
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = b
			}
			if string(b) != string(first) {
				t.Fatalf("two texts of one contract:\n%s\n%s", first, b)
			}
			back, err := DecodeClaims(b)
			if err != nil || !reflect.DeepEqual(back, c) {
				t.Fatalf("%v: %s", err, b)
			}
			for i, ben := range contract.Beneficiaries {
				for _, d := range back.Domains() {
					got, ok := back.Value(i, d)
					want, has := ben.Guarantees[d]
					if ok != has || !got.Equal(want) {
						t.Fatalf("person %d %s: %v, contract has %v", i, d, got, want)
					}
				}
			}
		}
	}
}

func TestPeekIsACopy(t *testing.T) {
	u, err := Parse(sealJSON(t, testJSON))
	if err != nil {
		t.Fatal(err)
	}
	card, err := u.Verify(testPublic(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Claims{u.PeekUnsafe(), card.Claims()} {
		c.People[0].Nom = "AUTRE"
		c.Conventions[0], c.Notes[0] = "XX", "x"
		c.Guarantees[1].People[0] = 2
		c.Guarantees[1].Values[0].Value.Circuits[0] = "XX"
		c.Guarantees[1].Values[0].Domain = "DENT"
	}
	again, err := card.Claims().MarshalCanonical()
	if err != nil || string(again) != testJSON {
		t.Errorf("a card was changed from outside: %s (%v)", again, err)
	}
}

// Every naughty string is refused as a name, a prénom and a note, or comes back as it was.
func TestNaughtyStrings(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(sharedData(t, "blns"), "blns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil || len(list) < 500 {
		t.Fatal(len(list), err)
	}
	kept, refusedNames, keptNotes := 0, 0, 0
	for _, s := range list {
		for field := range 3 {
			c := testClaims(t)
			switch field {
			case 0:
				c.People[0].Nom = s
			case 1:
				c.People[0].Prenom = s
			case 2:
				c.Notes[0] = s
			}
			d, err := Prepare(c, testPublic(t).KID)
			if err != nil {
				if code := signing.CodeOf(err); code != "nom_form" && code != "prenom_form" && code != "note_form" {
					t.Errorf("%q: %v", s, err)
				}
				refusedNames++
				continue
			}
			token, err := d.Seal(testSigner(t, Kind, "card"))
			if err != nil {
				t.Fatal(err)
			}
			card, err := open(t, token.CodeText())
			if err != nil {
				t.Fatal(err)
			}
			got := card.Claims()
			switch {
			case field == 0 && got.People[0].Nom != s, field == 1 && got.People[0].Prenom != s, field == 2 && got.Notes[0] != s:
				t.Errorf("%q came back as another text", s)
			case field == 2:
				keptNotes++
			default:
				kept++
			}
			if field < 2 && rights.CheckName(s) != nil {
				t.Errorf("%q passed against the rule for names", s)
			}
		}
	}
	t.Logf("count: %d naughty strings as nom, prénom and note: %d times kept as a name, %d as a note, %d refused", len(list), kept, keptNotes, refusedNames)
	if kept == 0 || keptNotes == 0 || refusedNames < 900 {
		t.Error("the test met nothing")
	}
}

func TestPlace(t *testing.T) {
	for _, s := range []string{"1-0", "3-583021", "2147483647-1048575"} {
		if p, err := ParsePlace(s); err != nil || p.String() != s {
			t.Errorf("%s: %v %v", s, p, err)
		}
	}
	for _, s := range []string{"", "-", "3", "3-", "-3", "0-1", "03-1", "3-01", "3-1048576", "2147483648-1", "3--1", "+3-1", "3-1 ", " 3-1", "3-1-1", "3-1e1", "３-1", "99999999999-1"} {
		if p, err := ParsePlace(s); err == nil || p != (Place{}) {
			t.Errorf("%q is %v", s, p)
		}
	}
}
