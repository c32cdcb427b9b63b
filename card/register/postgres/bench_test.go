//go:build linux

package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/fixtures/pgserver"
)

// BenchmarkRegister measures the service's hot path on a server that flushes, beside what the server does without us in the same
// run: compare the ratios, not the times.
func BenchmarkRegister(b *testing.B) {
	server := pgserver.Start(b, pgserver.Options{Fsync: true})
	dsn := server.Database(b)
	s, err := postgres.Create(b.Context(), dsn, postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	pgserver.Exec(b, dsn, crowd, "CREATE TABLE raw (x bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, y text)")
	c, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())

	b.Run("raw insert and commit", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Exec(b.Context(), "INSERT INTO raw (y) VALUES ($1)", "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
	n := 0
	for _, size := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("update of %d requests and checks", size), func(b *testing.B) {
			for b.Loop() {
				var requests []register.Request
				var checks []register.Check
				at := time.Unix(1_900_000_000, 0)
				for range size {
					n++
					counter := fmt.Sprint("C", n%500)
					requests = append(requests, register.Request{Counter: counter, ID: fmt.Sprintf("b%021d", n), Until: at})
					checks = append(checks, register.Check{Number: fmt.Sprint("B", n), Counter: counter, At: at, Insurer: "1",
						Place: card.Place{List: 1, Index: uint32(n % 20000)}, Care: 20000, Domain: "OPTI", Status: "valid"})
				}
				err := s.Update(b.Context(), func(tx register.Tx) error {
					_, e1 := tx.TakeRequests(requests)
					_, e2 := tx.AddChecks(checks)
					return errors.Join(e1, e2)
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "checks/s")
		})
	}
	b.Run("raw select by primary key", func(b *testing.B) {
		for b.Loop() {
			var v string
			if err := c.QueryRow(b.Context(), "SELECT keys FROM insurer WHERE key = $1", "1").Scan(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("holding", func(b *testing.B) {
		i := uint32(0)
		for b.Loop() {
			i = i%19000 + 1
			if _, err := s.Holding(b.Context(), card.Place{List: 1, Index: i}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("empty update", func(b *testing.B) {
		for b.Loop() {
			if err := s.Update(b.Context(), func(register.Tx) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("begin of 1,000 cards", func(b *testing.B) {
		round := 0
		for b.Loop() {
			round++
			err := s.Update(b.Context(), func(tx register.Tx) error {
				for i := range 1000 {
					k := register.ContractKey{Insurer: "1", Adherent: fmt.Sprintf("R%d-%d", round, i)}
					p := card.Place{List: 1, Index: uint32(100_000 + round*1000 + i)}
					c := register.Card{Place: p, Contract: k, Person: register.Household, From: 20000, To: 20001, Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: time.Unix(1, 0),
						Payload: []byte(strings.Repeat("x", 300))}
					if err := errors.Join(tx.PutContract(register.Contract{Key: k, Revision: 1, From: 1, To: 2}), tx.AddCard(c)); err != nil {
						return err
					}
					if _, err := tx.LogSign(register.SignEntry{Place: p, KID: c.KID, At: c.IssuedAt}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "cards/s")
	})
	b.Run("batches", func(b *testing.B) { benchBatches(b, s) })
}

// benchBatches puts contracts and takes cards through their life, a thousand at once beside one after the other.
func benchBatches(b *testing.B, s *postgres.Store) {
	const batch = register.MaxBatch
	spent := map[string]time.Duration{}
	step := func(name string, fn func(tx register.Tx) error) {
		t0 := time.Now()
		if err := s.Update(b.Context(), fn); err != nil {
			b.Fatal(name, ": ", err)
		}
		spent[name] += time.Since(t0)
	}
	each := func(fn func(tx register.Tx, i int) error) func(register.Tx) error {
		return func(tx register.Tx) error {
			for i := range batch {
				if err := fn(tx, i); err != nil {
					return err
				}
			}
			return nil
		}
	}
	next := 0
	rows := func() (contracts []register.Contract, names []string, cards []register.Card, log []register.SignEntry, seals []register.Seal) {
		for range batch {
			next++
			h := sha256.Sum256(fmt.Append(nil, next))
			k := register.ContractKey{Insurer: "1", Adherent: base32.StdEncoding.EncodeToString(h[:10])}
			p := card.Place{List: 1, Index: 500_000 + uint32(next*700_001)%500_000}
			contracts = append(contracts, register.Contract{Key: k, Revision: 1, From: 1, To: 2, Hash: h, Canonical: make([]byte, 700)})
			cards = append(cards, register.Card{Place: p, Contract: k, Person: register.Household, From: 20000, To: 20001, Revision: 1, KID: "Xq3f9aLmQ2s",
				IssuedAt: time.Unix(1, 0), Payload: make([]byte, 450)})
			log = append(log, register.SignEntry{Place: p, KID: "Xq3f9aLmQ2s", Digest: h, At: time.Unix(1, 0)})
			seals, names = append(seals, register.Seal{Place: p, Signature: make([]byte, 64)}), append(names, k.Adherent)
		}
		return contracts, names, cards, log, seals
	}
	for b.Loop() {
		contracts, names, cards, log, seals := rows()
		step("put-single", each(func(tx register.Tx, i int) error { return tx.PutContract(contracts[i]) }))
		step("read-single", each(func(tx register.Tx, i int) error { _, err := tx.Contract(contracts[i].Key); return err }))
		step("begin-single", each(func(tx register.Tx, i int) error {
			if err := tx.AddCard(cards[i]); err != nil {
				return err
			}
			_, err := tx.LogSign(log[i])
			return err
		}))
		step("seal-single", each(func(tx register.Tx, i int) error { return tx.SealCard(seals[i].Place, seals[i].Signature) }))
		contracts, names, cards, log, seals = rows()
		step("put", func(tx register.Tx) error { return tx.PutContracts(contracts) })
		step("read", func(tx register.Tx) error { _, err := tx.ContractsNamed("1", names); return err })
		step("begin", func(tx register.Tx) error {
			if err := tx.AddCards(cards); err != nil {
				return err
			}
			_, err := tx.LogSigns(log)
			return err
		})
		step("seal", func(tx register.Tx) error { return tx.SealCards(seals) })
		step("cards-of", func(tx register.Tx) error { _, err := tx.CardsOfContracts("1", names); return err })
	}
	for name, d := range spent {
		b.ReportMetric(batch*float64(b.N)/d.Seconds(), name+"/s")
		if one, ok := spent[name+"-single"]; ok {
			b.ReportMetric(float64(one)/float64(d), name+"-single:"+name)
		}
	}
	b.ReportMetric(0, "ns/op")
}
