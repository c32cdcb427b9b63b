// The rights service under load: the real program on each store, asked by wrk, which takes its share of the same two cores.

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sceau/fixtures/gen"
	"sceau/fixtures/pgserver"
	"sceau/rights"
)

const (
	checksWanted  = 2000.0 // a second
	checkPatience = 50.0   // ms, of 99 checks in 100

	serviceHouseholds  = 2000
	serviceCounters    = 2000 // at 2,000 checks a second each asks once a second: far below its budget, which stays the default
	serviceConnections = 32
	serviceRounds      = 3
	roundTime          = 6 * time.Second
)

// service measures online checks on both stores, then slow clients beside the published files.
func (b *bench) service() (err error) {
	bin := filepath.Join(b.tmp, "sceau-service")
	if err := build(bin); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Join(b.tmp, "service"))) }()
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		if err := b.serviceOn(bin, store); err != nil {
			return fmt.Errorf("%s: %w", store, err)
		}
	}
	return nil
}

func (b *bench) serviceOn(bin, store string) (err error) {
	began := time.Now()
	o := &office{bin: bin, dir: filepath.Join(b.tmp, "service", store)}
	if store == "PostgreSQL" {
		t := &ground{}
		defer t.clear()
		if err := t.run(func() {
			// A server as it comes: what the tests' servers are given to be small is taken back.
			o.server = pgserver.Start(t, pgserver.Options{Fsync: true, Settings: map[string]string{"shared_buffers": "128MB", "max_wal_size": "1GB", "autovacuum_naptime": "60s"}})
			o.env = append(o.env, "SCEAU_DATABASE="+o.server.Database(t))
		}); err != nil {
			return err
		}
	}
	if err := o.found(); err != nil {
		return err
	}
	if err := o.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	if err := o.enrol(serviceCounters); err != nil {
		return err
	}
	if err := o.sample(40); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d cards, %d counters, ready after %.0f s\n", store, len(o.cards), len(o.counters), time.Since(began).Seconds())
	if err := b.checks(o, store); err != nil || store != "SQLite" {
		return err
	}
	return b.slowClients(o)
}

// checks posts signed checks in rounds. wrk asks each connection's next question when it has the answer to the last.
func (b *bench) checks(o *office, store string) error {
	warm, err := o.round(2*time.Second, 12_000)
	if err != nil {
		return err
	}
	rate := warm.rate()
	var all []checkRound
	// What others do on the machine meanwhile is no fault of the service: a few such rounds are repeated.
	for calm := 0; calm < serviceRounds && len(all) < 2*serviceRounds; {
		r, err := o.round(roundTime, int(max(rate, 1000)*1.7*roundTime.Seconds())+4000)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %.0f checks/s, median %.1f ms, 99 %% %.1f ms, of the two cores: service %.0f %%, store %.0f %%, wrk %.0f %%, others %.0f %%\n", store, r.rate(),
			r.P50/1000, r.P99/1000, r.share(r.service), r.share(r.store), r.share(r.wrk), r.share(r.others))
		rate = r.rate()
		all = append(all, r)
		if r.calm() {
			calm++
		}
	}
	noise := ""
	if calm := slices.DeleteFunc(slices.Clone(all), func(r checkRound) bool { return !r.calm() }); len(calm) > 0 {
		all = calm
	} else {
		noise = ", while others used the machine"
	}
	of := func(value func(checkRound) float64) float64 {
		out := make([]float64, len(all))
		for i, r := range all {
			out[i] = value(r)
		}
		return median(out)
	}
	rate = of(checkRound.rate)
	p50, p99 := of(func(r checkRound) float64 { return r.P50 / 1000 }), of(func(r checkRound) float64 { return r.P99 / 1000 })
	each := of(func(r checkRound) float64 { return float64(r.service) / r.Requests })
	behind := of(func(r checkRound) float64 { return float64(r.store) / r.Requests })
	raw := of(func(r checkRound) float64 { return float64(r.raw) })
	asked, failed := 0.0, 0.0
	for _, r := range all {
		asked, failed = asked+r.Requests, failed+r.failed()
	}
	b.add(fmt.Sprintf("online checks on %s, %d connections, wrk on the same 2 cores", store, serviceConnections), fmt.Sprintf("%.0f a second", rate)+noise, "2,000 a second", checksWanted/rate, 1)
	b.add("their 99th percentile", fmt.Sprintf("%.1f ms (median %.1f)", p99, p50), "50 ms", p99/checkPatience, 1)
	b.add("of them answered with 200", fmt.Sprintf("%.0f", asked-failed), fmt.Sprintf("%.0f asked", asked), asked/(asked-failed), 1)
	what := "CPU of the service for a check"
	if behind > 0 {
		what += fmt.Sprintf(" (and %s of the server)", us(behind))
	}
	b.add(what, us(each), "one ecdsa.Sign and ecdsa.Verify, "+us(raw), each/raw, 0)
	return nil
}

// checkRound is what one run of wrk brought.
type checkRound struct {
	wrkReport
	service, store, wrk, others time.Duration // CPU time
	raw                         time.Duration // CPU time of one signature and one verification
	wall                        time.Duration
}

func (r checkRound) rate() float64 { return r.Requests / (r.Duration / 1e6) }

// share is a part of the machine, in percent.
func (r checkRound) share(part time.Duration) float64 {
	return 100 * float64(part) / float64(2*r.wall)
}

// calm says that hardly anything else ran.
func (r checkRound) calm() bool { return r.share(r.others) < 10 }

// round signs count requests, with the clock as it is, and has wrk post them.
func (o *office) round(length time.Duration, count int) (checkRound, error) {
	file := filepath.Join(o.dir, "requests")
	if err := o.prepare(file, count); err != nil {
		return checkRound{}, err
	}
	defer os.Remove(file)
	r := checkRound{}
	var err error
	if r.raw, err = rawPair(); err != nil {
		return r, err
	}
	before, err := o.usage()
	if err != nil {
		return r, err
	}
	if r.wrkReport, r.wrk, err = wrk(length, serviceConnections, o.address+"/v1/checks", postScript, "REQUESTS="+file); err != nil {
		return r, err
	}
	after, err := o.usage()
	if err != nil {
		return r, err
	}
	r.wall = after.at.Sub(before.at)
	r.service, r.store = after.service-before.service, after.store-before.store
	r.others = max(0, after.machine-before.machine-r.service-r.store-r.wrk-(after.self-before.self))
	if r.Bytes/r.Requests < o.answer*0.8 {
		return r, fmt.Errorf("answers of %.0f bytes, accords have %.0f", r.Bytes/r.Requests, o.answer)
	}
	return r, nil
}

// rawPair is the CPU time of what no check can save: one signature and one verification.
func rawPair() (time.Duration, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, err
	}
	digest := sha256.Sum256([]byte("sceau"))
	const pairs = 1000
	d, err := spent(func() error {
		for range pairs {
			sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
			if err != nil {
				return err
			}
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
				return errors.New("a signature that doesn't verify")
			}
		}
		return nil
	})
	return d / pairs, err
}

// found makes an operator with a card for each of its households, by the program's own commands.
func (o *office) found() error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	today := rights.DateAt(time.Now())
	people, err := gen.New(4, gen.Options{Households: serviceHouseholds, Insurers: 1, From: today - 60, To: today + 304})
	if err != nil {
		return err
	}
	roster := filepath.Join(o.dir, "roster.csv")
	f, err := os.Create(roster)
	if err != nil {
		return err
	}
	_, err = people.WriteRoster(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	insurer := people.Insurers()[0]
	cards := filepath.Join(o.dir, "cards")
	for _, args := range [][]string{
		{"init", o.operator(), "--insurer", string(insurer.AMC), "--name", insurer.Name, "--phone-professionals", "01 99 00 12 34"}, // a number kept for fiction
		{"import", o.operator(), roster},
		{"issue", o.operator(), "--all", "--out", cards},
		{"publish", o.operator(), "--to", filepath.Join(o.dir, "public")},
	} {
		if _, err := o.run(args...); err != nil {
			return err
		}
	}
	texts, err := filepath.Glob(filepath.Join(cards, "*.txt"))
	if err != nil {
		return err
	}
	for _, name := range texts {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		o.cards = append(o.cards, string(b[:len(b)-1])) // without its newline
	}
	slices.Sort(o.cards)
	if len(o.cards) < serviceHouseholds*9/10 {
		return fmt.Errorf("%d cards for %d households", len(o.cards), serviceHouseholds)
	}
	return os.RemoveAll(cards)
}
