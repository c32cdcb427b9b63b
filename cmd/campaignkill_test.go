// Campaigns under fire: workers and PostgreSQL are killed at random moments until the campaign is done. Then every contract has one
// live card, every signature that the keys ever made has its line in the log, and files, manifests and register agree.

package cmd

import (
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/manifest"
	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/sqlite"
	"sceau/fixtures/pgserver"
	"sceau/signing/keystore"
)

// campaignCards is the size of the campaign; scripts/campaign sets another.
func campaignCards(t *testing.T, short int) int {
	t.Helper()
	text := os.Getenv("SCEAU_CAMPAIGN_CARDS")
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// TestCampaignKilledPostgres: two workers, then four, on one PostgreSQL; they and it are killed.
func TestCampaignKilledPostgres(t *testing.T) {
	t.Parallel()
	for workers, short := range map[int]int{2: 1000, 4: 1000} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			d := newCampaignDrill(t, campaignCards(t, short), pgserver.Start(t, pgserver.Options{Fsync: true}))
			d.fire(workers)
			d.check()
		})
	}
}

// TestCampaignKilledFile: one worker on a register in a file.
func TestCampaignKilledFile(t *testing.T) {
	t.Parallel()
	d := newCampaignDrill(t, campaignCards(t, 600), nil)
	d.fire(1)
	d.check()
}

// campaignDrill is an operator with a campaign that is started, and keys that count what they sign.
type campaignDrill struct {
	t      *testing.T
	dir    string
	cards  int
	server *pgserver.Server // nil: a register in a file
	dsn    string
	token  *countingKeys
	id     string
	random *rand.Rand

	kills, falls int // of workers, of the server
}

func newCampaignDrill(t *testing.T, cards int, server *pgserver.Server) *campaignDrill {
	t.Helper()
	d := &campaignDrill{t: t, dir: t.TempDir(), cards: cards, server: server, random: rand.New(rand.NewPCG(uint64(cards), 17))}
	d.token = newCountingKeys(t)
	if server != nil {
		d.dsn = server.Database(t)
	}
	d.run(append(initArgs, "--card-keys", d.token.socket)...)
	d.run("sample", "roster.csv", "--households", fmt.Sprint(cards), "--bad", "0", "--seed", "11", "--addresses")
	d.run("import", "operator", "roster.csv")
	shard := 100
	if cards >= 50_000 {
		shard = 500
	}
	var made struct{ ID string }
	out := d.run("campaign", "create", "operator", "--name", "Cartes 2027", "--to", "print", "--window", "dl", "--marks", "--outputs", "pdf,csv", "--shard", fmt.Sprint(shard),
		"--file", fmt.Sprint(4*shard), "--json", "--quiet")
	must(t, json.Unmarshal([]byte(out), &made))
	d.id = made.ID
	d.run("campaign", "start", "operator", d.id, "--no-work")
	return d
}

// env has the computer's own clock: leases of the dead must run out.
func (d *campaignDrill) env() []string { return []string{"SCEAU_DATABASE=" + d.dsn, "SCEAU_CLOCK="} }

func (d *campaignDrill) run(args ...string) string {
	d.t.Helper()
	p := begin(d.t, d.dir, d.env(), filepath.Join(bin, "sceau"), args...)
	p.exits(d.t, 0, 10*time.Minute)
	return p.out.String()
}

// rate slows signing down, so that the campaign lasts long enough to be shot at, on any computer: a shard lasts a second or two.
func (d *campaignDrill) rate() string { return fmt.Sprint(max(100, d.cards/200)) }

// worker starts one, which ends by itself when the campaign is done.
func (d *campaignDrill) worker() *process {
	return begin(d.t, d.dir, d.env(), filepath.Join(bin, "sceau"), "worker", "operator", "--card-keys", d.token.socket, "--until-idle", "--workers", "2", "--sign-rate", d.rate(), "--lease", "3s", "--look-every", "500ms")
}

// fire keeps n workers at work, as a service manager does, and kills one after the other, and sometimes the server, until one ends by
// itself: the campaign is done.
func (d *campaignDrill) fire(n int) {
	d.t.Helper()
	limit := time.Now().Add(time.Minute + time.Duration(d.cards)*20*time.Millisecond)
	all := make([]*process, n)
	for i := range all {
		all[i] = d.worker()
	}
	// A kill every now and then: more often than a shard lasts would let nothing be done.
	pause := func() time.Duration {
		return 200*time.Millisecond + time.Duration(d.random.Int64N(int64(1200*time.Millisecond)))
	}
	next := time.Now().Add(pause())
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for over := 0; over < n; <-tick.C {
		if time.Now().After(limit) {
			d.t.Fatalf("the campaign is not done after %d kills: %s%s", d.kills, d.run("campaign", "status", "operator", d.id), all[0].errs.String())
		}
		over = 0
		for i, p := range all {
			switch {
			case !p.done():
			case p.ProcessState.ExitCode() == 0:
				over++
			default: // killed, or its server was away
				all[i] = d.worker()
			}
		}
		if time.Now().Before(next) {
			continue
		}
		next = time.Now().Add(pause())
		if d.server != nil && d.kills%5 == 3 && d.falls < 3+d.cards/5000 {
			d.falls++
			d.kills++
			d.server.Kill(d.t)
			d.server.Restart(d.t, 0)
			continue
		}
		if d.kills > 12+d.cards/200 {
			continue // let it end
		}
		if p := all[d.random.IntN(n)]; !p.done() {
			must(d.t, p.Process.Kill())
			<-p.ended
			d.kills++
		}
	}
}

// check holds register, log, files and manifest against one another.
func (d *campaignDrill) check() {
	t := d.t
	t.Helper()
	d.run("fsck", "operator")
	var delivered struct{ Faults []any }
	must(t, json.Unmarshal([]byte(d.verify()), &delivered))
	if len(delivered.Faults) != 0 {
		t.Errorf("campaign verify: %v", delivered.Faults)
	}
	// One live card for each contract, and nothing that was begun and left.
	live := map[string]int{}
	numbers := map[string]bool{}
	for in := json.NewDecoder(strings.NewReader(d.run("cards", "operator", "--json"))); in.More(); {
		var row struct{ Card, Adherent, State string }
		must(t, in.Decode(&row))
		if row.State != "live" {
			t.Errorf("card %s is %s", row.Card, row.State)
		}
		live[row.Adherent]++
		numbers[row.Card] = true
	}
	for a, n := range live {
		if n != 1 {
			t.Errorf("contract %s has %d live cards", a, n)
		}
	}
	if len(live) != d.cards {
		t.Errorf("%d contracts have a card, want %d", len(live), d.cards)
	}
	// Every signature has its line, and was made once for each.
	logged := d.logged()
	signed, distinct := d.token.signed()
	for digest, n := range signed {
		if logged[digest] < n {
			t.Errorf("%x was signed %d times and logged %d times", digest, n, logged[digest])
		}
	}
	if distinct != d.cards {
		t.Errorf("%d signing inputs were signed for %d cards", distinct, d.cards)
	}
	// The manifest has the register's totals.
	b, err := os.ReadFile(filepath.Join(d.dir, "print", d.id, "775670482", manifest.FileName))
	must(t, err)
	m, err := manifest.Parse(b)
	must(t, err)
	if total := m.Totals(); int(total.Cards) != len(numbers) || int(total.Numbers) != d.cards || total.Without != 0 {
		t.Errorf("the manifest says %+v, the register has %d cards", total, len(numbers))
	}
	d.again(m)
	lines := 0
	for _, n := range logged {
		lines += n
	}
	repeated := 0
	for _, n := range signed {
		repeated += n - 1
	}
	if d.kills < 3 {
		t.Errorf("only %d kills: nothing was shown", d.kills)
	}
	t.Logf("count: %d cards, %d kills, %d of them of the server; %d signatures, %d of them again after a kill, %d lines in the log; %d files made again to the byte",
		d.cards, d.kills, d.falls, distinct+repeated, repeated, lines, len(m.Files))
}

// verify is what the printing house runs; without the operator's lists it holds files against manifests.
func (d *campaignDrill) verify() string {
	d.t.Helper()
	p := begin(d.t, d.dir, d.env(), filepath.Join(bin, "sceau"), "campaign", "verify", "print", "--json")
	p.exits(d.t, 3, 10*time.Minute)
	return p.out.String()
}

// again makes every file from the register once more, and compares to the byte.
func (d *campaignDrill) again(m *manifest.Manifest) {
	t := d.t
	t.Helper()
	want := map[[sha256.Size]byte]bool{}
	var ranges []string
	for _, f := range m.Files {
		want[f.SHA256] = true
		if r := fmt.Sprintf("%d-%d", f.First, f.Last); len(ranges) == 0 || ranges[len(ranges)-1] != r {
			ranges = append(ranges, r)
		}
	}
	for i, r := range ranges {
		d.run("campaign", "rerun", "operator", d.id, "--sequence", r, "--reason", "essai", "--to", fmt.Sprint("again", i))
		must(t, filepath.WalkDir(filepath.Join(d.dir, fmt.Sprint("again", i)), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), "manifest") {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			h := sha256.New()
			if _, err := io.Copy(h, f); err != nil {
				return err
			}
			sum := [sha256.Size]byte(h.Sum(nil))
			if !want[sum] {
				t.Errorf("%s is not what was delivered", path)
			}
			delete(want, sum)
			return nil
		}))
	}
	for sum := range want {
		t.Errorf("the file %x was not made again", sum)
	}
}

// logged counts the lines of the sign log by what was signed. The log's digests are in clear.
func (d *campaignDrill) logged() map[[sha256.Size]byte]int {
	t := d.t
	t.Helper()
	var store interface {
		register.Store
		register.Closer
	}
	var err error
	if d.server != nil {
		store, err = postgres.Open(t.Context(), d.dsn, postgres.Options{})
	} else {
		store, err = sqlite.Open(filepath.Join(d.dir, "operator", "register.db"), sqlite.Options{})
	}
	must(t, err)
	defer store.Close()
	all := map[[sha256.Size]byte]int{}
	must(t, store.View(t.Context(), func(tx register.Tx) error {
		for after := int64(0); ; {
			page, err := tx.SignLogAfter(after, 10_000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				all[e.Digest]++
			}
			after = page[len(page)-1].Seq
		}
	}))
	return all
}

// countingKeys are card keys behind a socket of this test, which remembers every signature that they made: the workers that asked
// may be dead.
type countingKeys struct {
	socket string
	store  *keystore.Store
	mu     sync.Mutex
	made   map[[sha256.Size]byte]int
}

func newCountingKeys(t *testing.T) *countingKeys {
	t.Helper()
	dir, err := os.MkdirTemp("", "key-") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	k := &countingKeys{socket: filepath.Join(dir, "run", "cards"), made: map[[sha256.Size]byte]int{}}
	k.store, err = keystore.Create(filepath.Join(dir, "keys"), keystore.NewPassphrase(), keystore.Options{ScryptLogN: 10})
	must(t, err)
	l, err := keystore.Listen(k.socket)
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- keystore.Serve(t.Context(), l, k, func(string) {}) }()
	t.Cleanup(func() { l.Close(); <-ended })
	return k
}

// signed returns how often what was signed, by its digest.
func (k *countingKeys) signed() (map[[sha256.Size]byte]int, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.made, len(k.made)
}

// Names implements keystore.Holder.
func (k *countingKeys) Names() ([]string, error) { return k.store.Names() }

// Signer implements keystore.Holder.
func (k *countingKeys) Signer(name string) (crypto.Signer, error) {
	return k.counted(k.store.Signer(name))
}

// Generate implements keystore.Holder.
func (k *countingKeys) Generate(name string) (crypto.Signer, error) {
	return k.counted(k.store.Generate(name))
}

func (k *countingKeys) counted(s crypto.Signer, err error) (crypto.Signer, error) {
	if err != nil {
		return nil, err
	}
	return countedSigner{s, k}, nil
}

type countedSigner struct {
	crypto.Signer
	keys *countingKeys
}

// Sign implements crypto.Signer. It counts before it signs: what might have been made counts as made.
func (s countedSigner) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	s.keys.mu.Lock()
	s.keys.made[[sha256.Size]byte(digest)]++
	s.keys.mu.Unlock()
	return s.Signer.Sign(random, digest, o)
}
