// T31: each purpose has its key, its kind and its reader; what one reader takes no other does.

package accord_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
	"sceau/signing/journal"
	"sceau/signing/trust"
)

var noon = time.Date(2027, 3, 1, 11, 0, 0, 0, time.UTC)

// purpose is one kind of signed thing with its own writer and reader.
type purpose struct {
	name string
	kind signing.Kind
	seal func(*signing.Signer) (string, error)
	open func(*signing.PublicKey, string) error
}

func purposes(t *testing.T) []purpose {
	t.Helper()
	day, err := rights.ParseDate("2027-03-01")
	if err != nil {
		t.Fatal(err)
	}
	const kid = "oO-mvFL6EYo"
	contract := rights.Contract{Insurer: "775670482", Adherent: "K1", From: day - 10, To: day + 10, Beneficiaries: []rights.Beneficiary{{
		Nom: "EXEMPLE", Prenom: "Camille", Birth: "19800101", Rang: 1, Guarantees: map[string]rights.Guarantee{"PHAR": {Kind: rights.TM}}}}}
	claims, err := card.FromContract(contract, card.Place{List: 1}, noon, -1)
	if err != nil {
		t.Fatal(err)
	}
	return []purpose{
		{"card", card.Kind, func(s *signing.Signer) (string, error) {
			d, err := card.Prepare(claims, s.KID())
			if err != nil {
				return "", err
			}
			token, err := d.Seal(s)
			if err != nil {
				return "", err
			}
			return token.JWS(), nil
		}, func(k *signing.PublicKey, token string) error {
			u, err := card.Parse(token)
			if err == nil {
				_, err = u.Verify(k)
			}
			return err
		}},
		{"journal head", journal.HeadKind, func(s *signing.Signer) (string, error) {
			return journal.SealHead(s, "chain", journal.Head{Seq: 1}, noon)
		}, func(k *signing.PublicKey, token string) error { _, err := journal.OpenHead(k, token); return err }},
		{"status list", status.TokenKind, func(s *signing.Signer) (string, error) {
			return status.TokenStatusList(status.New("775670482", 1), day, "https://droits.example/1", noon, noon.Add(time.Hour), 60, s)
		}, func(k *signing.PublicKey, token string) error {
			_, err := k.OpenUpTo(status.TokenKind, token, signing.MaxLargeToken)
			return err
		}},
		{"accord", accord.Kind, func(s *signing.Signer) (string, error) {
			return accord.Seal(s, &accord.Accord{Number: "A7QF-XM3T-9ABD", Request: assertion.NewID([16]byte{1}), Insurer: "775670482", Place: card.Place{List: 1}, KID: kid, Counter: kid,
				FINESS: "750000002", Care: day, At: noon, Until: noon.Add(time.Hour), Answers: []accord.Answer{
					{Status: "refused", Reason: "REVOKED", People: []accord.PersonValue{{Number: 1}}}}})
		}, func(k *signing.PublicKey, token string) error { _, err := accord.Open(k, token); return err }},
		{"settlement", accord.SettlementKind, func(s *signing.Signer) (string, error) {
			return accord.SealSettlement(s, &accord.Settlement{Device: "0123456789abcdef0123456789abcdef", Counter: kid, At: noon,
				Entries: []accord.Settled{{Seq: 1, Answer: accord.Noted}}})
		}, func(k *signing.PublicKey, token string) error { _, err := accord.OpenSettlement(k, token); return err }},
		{"request", assertion.Kind, func(s *signing.Signer) (string, error) {
			return assertion.Sign(s, assertion.Request{Audience: "https://droits.example", Method: "GET", Path: "/", ID: assertion.NewID([16]byte{}), At: noon})
		}, func(k *signing.PublicKey, token string) error { _, err := assertion.Open(k, token); return err }},
		{"repository", "", nil, func(_ *signing.PublicKey, token string) error {
			_, err := trust.Open(func(string) ([]byte, error) { return nil, trust.ErrNotFound }, []byte(token))
			return err
		}},
	}
}

// With a key for each purpose, and even with one key that serves all of them, only the diagonal passes.
func TestPurposes(t *testing.T) {
	all := purposes(t)
	for _, shared := range []bool{false, true} {
		key := newKey(t)
		signers := make([]*signing.Signer, len(all))
		for i, p := range all {
			if p.seal == nil {
				continue
			}
			if !shared {
				key = newKey(t)
			}
			s, err := signing.NewSigner(p.kind, key)
			if err != nil {
				t.Fatal(err)
			}
			signers[i] = s
		}
		passed := 0
		for i, from := range all {
			if from.seal == nil {
				continue
			}
			token, err := from.seal(signers[i])
			if err != nil {
				t.Fatalf("%s: %v", from.name, err)
			}
			for j, to := range all {
				for k, signer := range signers {
					if signer == nil {
						continue
					}
					public := signer.Public()
					public.Owner = "775670482"
					err := to.open(public, token)
					if (err == nil) != (i == j && i == k) {
						t.Errorf("shared %v: %s read as %s under the key of %s: %v", shared, from.name, to.name, all[k].name, err)
					}
					if err == nil {
						passed++
					}
				}
			}
			// No purpose's signer makes another's object.
			for k, signer := range signers {
				if signer == nil || k == i {
					continue
				}
				if s, err := from.seal(signer); err == nil && from.open(signers[i].Public(), s) == nil {
					t.Errorf("shared %v: the key of %s sealed a %s", shared, all[k].name, from.name)
				}
			}
		}
		if passed != len(all)-1 {
			t.Errorf("shared %v: %d passed, want %d", shared, passed, len(all)-1)
		}
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
