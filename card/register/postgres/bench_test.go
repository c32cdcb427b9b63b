//go:build linux

package postgres_test

import (
	"context"
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
}
