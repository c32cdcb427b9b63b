// What an import and a campaign cost in the store: a thousand rows at once beside one after the other, in a register that grows.

package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// benchName is a N° adhérent as an encrypting store keeps it: 16 characters, in no order.
func benchName(n int) string {
	h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return base32.StdEncoding.EncodeToString(h[:10])
}

// benchPlace spreads cards over lists as drawing places by lot does.
func benchPlace(n int) card.Place {
	return card.Place{List: uint32(1 + n>>20), Index: uint32(n*700_001) & (1<<20 - 1)}
}

// benchContracts are contracts first to first+n-1, of 700 bytes.
func benchContracts(first, n int, revision int64) []register.Contract {
	out := make([]register.Contract, n)
	for i := range out {
		b := make([]byte, 700)
		benchFill(b, uint64(first+i))
		out[i] = register.Contract{Key: register.ContractKey{Insurer: "I0", Adherent: benchName(first + i)}, Revision: revision, From: 20800, To: 21000,
			Hash: sha256.Sum256(b[:32]), Canonical: b, Changed: benchStart}
	}
	return out
}

func benchFill(b []byte, seed uint64) {
	for i := 0; i+8 <= len(b); i += 8 {
		seed = seed*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(b[i:], seed)
	}
}

func benchKeys(contracts []register.Contract) []string {
	names := make([]string, len(contracts))
	for i, c := range contracts {
		names[i] = c.Key.Adherent
	}
	return names
}

// turns takes the time of steps that are done in turn, in one run: the machine is the same for all of them.
type turns struct {
	b     *testing.B
	rows  int
	names []string
	spent map[string]time.Duration
}

func (m *turns) step(name string, fn func() error) {
	m.b.Helper()
	t0 := time.Now()
	if err := fn(); err != nil {
		m.b.Fatal(name, ": ", err)
	}
	if _, known := m.spent[name]; !known {
		m.names = append(m.names, name)
	}
	m.spent[name] += time.Since(t0)
}

func (m *turns) report(ratios ...[2]string) {
	for _, name := range m.names {
		m.b.ReportMetric(float64(m.rows*m.b.N)/m.spent[name].Seconds(), name+"/s")
	}
	for _, r := range ratios {
		m.b.ReportMetric(float64(m.spent[r[0]])/float64(m.spent[r[1]]), r[0]+":"+r[1])
	}
	m.b.ReportMetric(0, "ns/op")
}

// BenchmarkBatches puts contracts and takes cards through their life, in registers of several sizes.
func BenchmarkBatches(b *testing.B) {
	for _, size := range []int{10_000, rows()} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchBatches(b, size) })
	}
}

func benchBatches(b *testing.B, size int) {
	next := 0
	update := func(s *Store, fn func(register.Tx) error) error { return s.Update(context.Background(), fn) }
	const batch = register.MaxBatch
	grow := func(tx register.Tx) error {
		if next == 0 {
			if err := tx.PutInsurer(register.Insurer{Key: "I0", Document: []byte("{}")}); err != nil {
				return err
			}
		}
		for range 5 {
			contracts := benchContracts(next, batch, 1)
			if err := tx.PutContracts(contracts); err != nil {
				return err
			}
			cards, _, seals := benchIssue(next, contracts)
			for int64(cards[len(cards)-1].Place.List) > benchLists(tx) {
				if _, err := tx.AddList("I0"); err != nil {
					return err
				}
			}
			if err := tx.AddCards(cards); err != nil {
				return err
			}
			if err := tx.SealCards(seals); err != nil {
				return err
			}
			next += batch
		}
		return nil
	}
	s, _ := benchStoreOf(b, size, grow)
	m := &turns{b: b, rows: batch, spent: map[string]time.Duration{}}
	for b.Loop() {
		one, many := benchContracts(next, batch, 1), benchContracts(next+batch, batch, 1)
		m.step("put-single", func() error {
			return update(s, func(tx register.Tx) error {
				for _, c := range one {
					if err := tx.PutContract(c); err != nil {
						return err
					}
				}
				return nil
			})
		})
		m.step("put", func() error { return update(s, func(tx register.Tx) error { return tx.PutContracts(many) }) })
		old := benchContracts(benchRandom.IntN(max(1, next/batch))*batch, batch, 1)
		names := benchKeys(old)
		m.step("read-single", func() error {
			return s.View(context.Background(), func(tx register.Tx) error {
				for _, c := range old {
					if _, err := tx.Contract(c.Key); err != nil {
						return err
					}
				}
				return nil
			})
		})
		m.step("read", func() error {
			return s.View(context.Background(), func(tx register.Tx) error { _, err := tx.ContractsNamed("I0", names); return err })
		})
		changed := benchContracts(next, batch, 2)
		m.step("change", func() error { return update(s, func(tx register.Tx) error { return tx.PutContracts(changed) }) })
		cards, log, seals := benchIssue(next, one)
		m.step("begin-single", func() error {
			return update(s, func(tx register.Tx) error {
				for i := range cards {
					if err := tx.AddCard(cards[i]); err != nil {
						return err
					}
					if _, err := tx.LogSign(log[i]); err != nil {
						return err
					}
				}
				return nil
			})
		})
		m.step("seal-single", func() error {
			return update(s, func(tx register.Tx) error {
				for i := range cards {
					if err := tx.SealCard(seals[i].Place, seals[i].Signature); err != nil {
						return err
					}
				}
				return nil
			})
		})
		cards, log, seals = benchIssue(next+batch, many)
		m.step("begin", func() error {
			return update(s, func(tx register.Tx) error {
				if err := tx.AddCards(cards); err != nil {
					return err
				}
				_, err := tx.LogSigns(log)
				return err
			})
		})
		m.step("seal", func() error { return update(s, func(tx register.Tx) error { return tx.SealCards(seals) }) })
		m.step("cards-of", func() error {
			return s.View(context.Background(), func(tx register.Tx) error { _, err := tx.CardsOfContracts("I0", names); return err })
		})
		next += 2 * batch
	}
	m.report([2]string{"put-single", "put"}, [2]string{"read-single", "read"}, [2]string{"begin-single", "begin"}, [2]string{"seal-single", "seal"})
}

func benchLists(tx register.Tx) int64 {
	lists, err := tx.Lists()
	if err != nil {
		panic(err)
	}
	return int64(len(lists))
}

// benchIssue are the cards of contracts first and on, with what is logged and stored of them.
func benchIssue(first int, contracts []register.Contract) (cards []register.Card, log []register.SignEntry, seals []register.Seal) {
	for i, c := range contracts {
		p := benchPlace(first + i)
		payload := make([]byte, 450)
		benchFill(payload, uint64(first+i))
		cards = append(cards, register.Card{Place: p, Contract: c.Key, Person: register.Household, From: 20800, To: 21000, Revision: 1, KID: "Xq3f9aLmQ2s",
			IssuedAt: benchStart, Payload: payload})
		log = append(log, register.SignEntry{Place: p, KID: "Xq3f9aLmQ2s", Digest: c.Hash, At: benchStart})
		seals = append(seals, register.Seal{Place: p, Signature: make([]byte, 64)})
	}
	return cards, log, seals
}
