// What the tests of this package share: TEST keys, one household, and the sealing of payloads that no issuer would make.

package card

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/rights"
	"sceau/signing"
)

// testKey makes a TEST key from its name: anyone can make it again, so nobody may ever trust it.
func testKey(t testing.TB, name string) *ecdsa.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte("TEST key, never to be trusted: " + name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testSigner(t testing.TB, kind signing.Kind, name string) *signing.Signer {
	t.Helper()
	s, err := signing.NewSigner(kind, testKey(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testPublic is the counter's copy of the key that testSigner(t, Kind, "card") signs with.
func testPublic(t testing.TB) *signing.PublicKey {
	t.Helper()
	k := testSigner(t, Kind, "card").Public()
	k.Owner = "775670482"
	return k
}

const testIssued = 1794528000 // 2026-11-13

// testContract is a household of three: the valid twin of every class of refusals.
func testContract(t testing.TB) rights.Contract {
	t.Helper()
	value := func(pairs ...string) map[string]rights.Guarantee {
		m := make(map[string]rights.Guarantee)
		for i := 0; i < len(pairs); i += 2 {
			g, err := rights.ParseGuarantee(pairs[i+1])
			if err != nil {
				t.Fatal(err)
			}
			m[pairs[i]] = g
		}
		return m
	}
	date := func(s string) rights.Date {
		d, err := rights.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return rights.Contract{
		Insurer: "775670482", Adherent: "0012284", Conventions: []string{"SP", "IS"}, CSR: "GEST01", Responsable: true,
		From: date("2027-01-01"), To: date("2027-12-31"), Notes: []string{`Sur "devis" accepté`, "Par an et par bénéficiaire"},
		Beneficiaries: []rights.Beneficiary{
			{NIR: "184127645108946", Nom: "LEFÈVRE-ÑÚÑEZ", Prenom: "Zoé", Birth: "19841231", Rang: 1,
				Guarantees: value("PHAR", "SP 100/100/15", "OPTI", "KA/OC PEC (1)", "DENT", "150EUR")},
			{NIR: "184127645108946", Nom: "O'BRIEN", Prenom: "Jean-Marc", Birth: "19830000", Rang: 1, To: date("2027-08-31"),
				Guarantees: value("PHAR", "SP 100/100/15", "OPTI", "KA/OC PEC (1)", "DENT", "TM")},
			{NIR: "184127645108946", Nom: "LEFÈVRE-ÑÚÑEZ", Prenom: "Maël", Birth: "20270214", Rang: 2, From: date("2027-02-14"),
				Guarantees: value("PHAR", "SP 100/100/15", "OPTI", "-")},
		},
	}
}

func testClaims(t testing.TB) Claims {
	t.Helper()
	c, err := FromContract(testContract(t), Place{List: 3, Index: 583021}, time.Unix(testIssued, 0), -1)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const testJSON = `{"iss":"775670482","iat":1794528000,"nbf":1798758000,"exp":1830294000,"st":[3,583021],"adh":"0012284",` +
	`"conv":["SP","IS"],"csr":"GEST01","resp":true,"ben":[["LEFÈVRE-ÑÚÑEZ","Zoé","19841231",1],` +
	`["O'BRIEN","Jean-Marc","19830000",1,"","20270831"],["LEFÈVRE-ÑÚÑEZ","Maël","20270214",2,"20270214"]],` +
	`"gar":[[[0],{"DENT":"150EUR"}],[[0,1],{"OPTI":"KA/OC PEC (1)"}],[[0,1,2],{"PHAR":"SP 100/100/15"}],[[1],{"DENT":"TM"}],` +
	`[[2],{"OPTI":"-"}]],"notes":["Sur \"devis\" accepté","Par an et par bénéficiaire"]}`

// sealPayload signs any payload as a card and returns its code text.
func sealPayload(t testing.TB, payload []byte) string {
	t.Helper()
	s := testSigner(t, Kind, "card")
	compact, err := s.Seal(payload)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := signing.SplitCompact(compact)
	if err != nil {
		t.Fatal(err)
	}
	kid, err := signing.KIDBytes(parts.KID)
	if err != nil {
		t.Fatal(err)
	}
	return encodeCode(kid, string(payload), parts.Signature)
}

// sealJSON signs any text as a card's claims.
func sealJSON(t testing.TB, json string) string { return sealPayload(t, deflate([]byte(json))) }

// open parses and verifies; it is the only way into a Card.
func open(t testing.TB, text string) (*Card, error) {
	t.Helper()
	u, err := Parse(text)
	if err != nil {
		if u != nil {
			t.Error("a value beside an error")
		}
		return nil, err
	}
	c, err := u.Verify(testPublic(t))
	if err != nil && c != nil {
		t.Error("a card beside an error")
	}
	return c, err
}

// sharedData returns a folder of the shared test data, or skips the test.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	for _, up := range []string{"../shared", "../../shared", "../../../shared"} {
		dir := filepath.Join(up, "data", name)
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	t.Skip("shared test data absent: " + name)
	return ""
}

// swap replaces old, which must stand in s exactly once.
func swap(t testing.TB, s, old, new string) string {
	t.Helper()
	if strings.Count(s, old) != 1 {
		t.Fatalf("%q stands %d times in the twin", old, strings.Count(s, old))
	}
	return strings.Replace(s, old, new, 1)
}
