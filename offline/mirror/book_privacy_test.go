// The thief of a counter's computer: what 2,000 checks leave in its folder names nobody.

package mirror

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"index/suffixarray"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"sceau/card"
	"sceau/card/status"
	"sceau/fixtures/gen"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
)

// facts are those of one insurer, whose cards are all good.
type facts struct {
	issuer *offline.Issuer
	page   *status.Page
}

func (f facts) Issuer(key string) (*offline.Issuer, error) {
	if key != f.issuer.Insurer.AMC.Key() {
		return nil, offline.ErrUnknownIssuer
	}
	return f.issuer, nil
}
func (f facts) Page(string, uint32) (*status.Page, error) { return f.page, nil }
func (f facts) OwnerOf(string) (string, error)            { return "", offline.ErrUnknownIssuer }

func TestFolderNamesNobody(t *testing.T) {
	const checks = 2000
	c, dir := newClock(), t.TempDir()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	signer, err := signing.NewSigner(card.Kind, private)
	must(t, err)
	b := openTest(t, dir, c)
	persons := map[string]string{} // needle: what it is
	texts := make([]string, 0, 256)
	var f facts
	people, err := gen.New(11, gen.Options{Households: 250, Insurers: 1})
	must(t, err)
	n := uint32(0)
	for contract := range people.Contracts() {
		if f.issuer == nil {
			f = factsOf(t, contract.Insurer, signer, c.Now())
		}
		for _, p := range contract.Beneficiaries {
			for what, s := range map[string]string{"name": p.Nom, "first name": p.Prenom, "N° adhérent": contract.Adherent, "NIR": p.NIR, "NIR without key": p.NIR[:min(13, len(p.NIR))]} {
				if len(s) >= 5 { // shorter ones stand by chance in any file
					persons[s] = what
				}
			}
		}
		claims, err := card.FromContract(contract, card.Place{List: 1, Index: n}, day(t, "2026-11-15").Midnight(), -1)
		must(t, err)
		draft, err := card.Prepare(claims, signer.KID())
		must(t, err)
		token, err := draft.Seal(signer)
		must(t, err)
		texts = append(texts, token.CodeText())
		n++
	}
	if len(persons) < 500 {
		t.Fatalf("only %d needles", len(persons))
	}
	valid := 0
	for i := range checks {
		v := offline.Check(f, offline.Query{Text: texts[i%len(texts)], Domain: []string{"PHAR", "OPTI", "", "2700599999999"}[i%4], Now: c.Now()})
		if v.Card != nil {
			valid++
		}
		_, err := b.Append(ctx, receipt.Of(v, receipt.Offline))
		must(t, err)
	}
	if valid != checks {
		t.Fatalf("%d of %d cards were read", valid, checks)
	}
	if _, n, err := b.Verify(ctx); err != nil || n.Checks != checks {
		t.Fatal(n, err)
	}
	if hits := search(t, dir, persons); len(hits) > 0 { // with the log as it is now
		t.Errorf("found while open: %v", hits)
	}
	must(t, b.Close())
	if hits := search(t, dir, persons); len(hits) > 0 {
		t.Errorf("found when closed: %v", hits)
	}
	// The same search finds one that is there, in every form.
	for needle := range persons {
		for form, planted := range forms(needle) {
			file := filepath.Join(dir, "planted")
			must(t, os.WriteFile(file, append([]byte("....."), append(planted, "....."...)...), 0o600))
			if hits := search(t, dir, map[string]string{needle: "planted"}); len(hits) == 0 {
				t.Errorf("a planted %s is not found", form)
			}
			must(t, os.Remove(file))
		}
		break
	}
	t.Logf("%d checks, %d needles in %d forms, 0 hits", checks, len(persons), len(forms("x")))
}

func factsOf(t *testing.T, amc rights.AMC, signer *signing.Signer, now time.Time) facts {
	t.Helper()
	key := signer.Public()
	key.Owner = amc.Key()
	ring := new(signing.Keyring)
	must(t, ring.Add(key))
	return facts{page: status.New(amc.Key(), 1), issuer: &offline.Issuer{Keys: ring, Codes: rights.DefaultCodes(), Published: now.Add(-time.Hour), Expires: now.Add(47 * time.Hour),
		Insurer: &card.Insurer{AMC: amc, Name: "Mutuelle Exemple", CardKeys: []*signing.PublicKey{key}, Outage: card.DefaultOutage()}}}
}

// forms are the ways in which a text may lie on a disk.
func forms(s string) map[string][]byte {
	wide := []byte{}
	for _, r := range s {
		wide = append(wide, byte(r), byte(r>>8))
	}
	all := map[string][]byte{"text": []byte(s), "upper case": []byte(strings.ToUpper(s)), "UTF-16": wide,
		"base64": []byte(base64.RawStdEncoding.EncodeToString([]byte(s))[:len(s)*8/6]), "hexadecimal": []byte(hex.EncodeToString([]byte(s)))}
	if latin, err := charmap.Windows1252.NewEncoder().String(s); err == nil { // it has no Ł, for instance
		all["Windows-1252"] = []byte(latin)
	}
	return all
}

func search(t *testing.T, dir string, needles map[string]string) []string {
	t.Helper()
	var hits []string
	files := 0
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		index := suffixarray.New(data)
		for needle, what := range needles {
			for form, b := range forms(needle) {
				if len(b) >= 5 && len(index.Lookup(b, 1)) > 0 {
					hits = append(hits, filepath.Base(path)+": "+what+" as "+form)
				}
			}
		}
		return nil
	}))
	if files < 2 {
		t.Fatal("nothing was searched")
	}
	return hits
}
