// The service under load while it is killed, stopped, and served by two at once: no accord that a counter got is lost.

package cmd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/sqlite"
	"sceau/fixtures/pgserver"
	"sceau/signing"
	"sceau/signing/assertion"
)

// A service that is killed under load, again and again: every accord that a counter got is in the trace, and nothing is broken.
func TestServeKilled(t *testing.T) {
	t.Parallel()
	kills := 20
	if testing.Short() {
		kills = 5
	}
	s := newStation(t)
	counters := s.fleet(t, 3)
	load := s.load(t, counters)
	for range kills {
		n := load.accords()
		eventually(t, 20*time.Second, "an accord", func() bool { return load.accords() > n+2 })
		s.kill()
		s.serve(t)
	}
	got := load.end()
	s.traced(t, got)
	s.sound(t)
	t.Logf("count: serve killed %d times under load: %d accords received, all of them in the trace; %d checks answered by the list", kills, len(got), load.rescued)
}

// A service that is told to stop finishes what it began: each check is answered online or by the list, and no accord is lost.
func TestServeStopped(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	counters := s.fleet(t, 3)
	load := s.load(t, counters)
	for range 5 {
		n := load.accords()
		eventually(t, 20*time.Second, "an accord", func() bool { return load.accords() > n+2 })
		s.stop(t)
		s.serve(t)
	}
	got := load.end()
	for code := range load.codes {
		if code != "" && code != "unreachable" && code != "busy" {
			t.Errorf("a check was refused as %q", code)
		}
	}
	s.traced(t, got)
	s.sound(t)
	t.Logf("count: serve stopped 5 times under load: %d accords received, all of them in the trace; refused: %v", len(got), load.codes)
}

// fleet are enrolled counters.
func (s *station) fleet(t *testing.T, n int) (dirs []string) {
	t.Helper()
	for i := range n {
		dir := filepath.Join(s.work, fmt.Sprint("counter-", i))
		s.run(t, 0, "comptoir", "sync", dir, "--from", filepath.Join(s.work, "public"))
		s.enrol(t, dir)
		dirs = append(dirs, dir)
	}
	return dirs
}

// load is counters that check without pause.
type load struct {
	stop    chan struct{}
	all     sync.WaitGroup
	mu      sync.Mutex
	got     []string // accords
	rescued int
	codes   map[string]int
}

func (s *station) load(t *testing.T, counters []string) *load {
	l := &load{stop: make(chan struct{}), codes: map[string]int{}}
	for _, dir := range counters {
		number := s.card(t)
		l.all.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				d := s.verify(t, dir, number)
				l.mu.Lock()
				if d.Status != "valid" {
					t.Errorf("%s", d.raw)
				}
				if d.Accord != nil {
					l.got = append(l.got, d.Accord.Number)
				} else {
					l.rescued++
				}
				l.codes[d.Rescue]++
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) accords() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got)
}

func (l *load) end() []string {
	close(l.stop)
	l.all.Wait()
	return l.got
}

// traced wants every accord in the register: the service honours the receipt of a check only then.
func (s *station) traced(t *testing.T, accords []string) {
	t.Helper()
	store, err := sqlite.Open(filepath.Join(s.operator, "register.db"), sqlite.Options{})
	must(t, err)
	defer store.Close()
	inTrace(t, store, accords)
}

func inTrace(t *testing.T, store register.Store, accords []string) {
	t.Helper()
	must(t, store.View(t.Context(), func(tx register.Tx) error {
		for _, number := range accords {
			if c, err := tx.CheckByNumber(number); err != nil || c.Number != number {
				t.Errorf("accord %s is not in the trace: %v", number, err)
			}
		}
		return nil
	}))
	if len(accords) == 0 {
		t.Error("no accord")
	}
}

// Two services on one PostgreSQL, opened at the same moment: a request that one of them answered is a replay at the other, and when
// one is killed under load the other goes on.
func TestServeReplicas(t *testing.T) {
	server := pgserver.Start(t, pgserver.Options{Fsync: true})
	dsn := server.Database(t)
	t.Setenv("SCEAU_DATABASE", dsn)
	s := newStation(t)
	s.kill()
	addresses := []string{freeAddress(t), freeAddress(t)}
	replicas := make([]*process, 2)
	for i, address := range addresses { // both are under way before either listens
		replicas[i] = begin(t, s.work, s.env, filepath.Join(bin, "sceau"), "serve", s.operator, "--listen", address, "--admin-listen", "off", "--public-url", s.public)
	}
	for _, p := range replicas {
		eventually(t, 30*time.Second, "a replica that listens", func() bool { return strings.Contains(p.out.String(), "listening on") })
	}
	balance(t, s.listen, addresses)

	r := newRequester(t, s)
	for i, address := range addresses {
		body := `{"card":"` + s.cards[s.spare[0]] + `","domains":["PHAR"]}`
		token := r.sign(t, "POST", "/v1/checks", body)
		if code, said := r.send(t, address, "POST", "/v1/checks", body, token); code != 200 || !strings.Contains(said, `"accord"`) {
			t.Errorf("replica %d: %d %s", i, code, said)
		}
		for _, at := range addresses {
			if code, said := r.send(t, at, "POST", "/v1/checks", body, token); code != 401 || !strings.Contains(said, `"replayed"`) {
				t.Errorf("the same request again: %d %s", code, said)
			}
		}
	}

	counters := s.fleet(t, 3)
	load := s.load(t, counters)
	wait := func(more int) {
		n := load.accords()
		eventually(t, 30*time.Second, "accords", func() bool { return load.accords() > n+more })
	}
	wait(6)
	_ = replicas[0].Process.Kill()
	<-replicas[0].ended
	wait(20)
	got := load.end()
	if load.rescued > len(counters) {
		t.Errorf("%d checks were not answered online: %v", load.rescued, load.codes)
	}
	store, err := postgres.Open(t.Context(), dsn, postgres.Options{})
	must(t, err)
	defer store.Close()
	inTrace(t, store, got)
	s.sound(t)
	t.Logf("count: two replicas on PostgreSQL: 4 replays refused, one killed under load: %d accords, all in the trace, %d checks answered by the list", len(got), load.rescued)
}

// balance spreads connections to an address over others, and goes round those that are dead.
func balance(t *testing.T, listen string, to []string) {
	t.Helper()
	l, err := net.Listen("tcp", listen)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for next := 0; ; next++ {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				for i := range to {
					c, err := net.Dial("tcp", to[(next+i)%len(to)])
					if err != nil {
						continue
					}
					defer c.Close()
					go io.Copy(c, from)
					io.Copy(from, c)
					return
				}
			}()
		}
	}()
}

// requester is a counter's computer that sends what it likes.
type requester struct {
	s      *station
	signer *signing.Signer
}

func newRequester(t *testing.T, s *station) *requester {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	r := &requester{s: s}
	r.signer, err = signing.NewSigner(assertion.Kind, key)
	must(t, err)
	var invited struct{ Code string }
	must(t, json.Unmarshal(s.run(t, 0, "sceau", "counter", "invite", s.operator, "--finess", "600100713", "--profession", "pharmacie", "--address", s.public, "--json"), &invited))
	body := `{"code":"` + invited.Code + `","jwk":` + string(r.signer.Public().JWK()) + `}`
	if code, said := r.send(t, s.listen, "POST", "/v1/enrolments", body, r.sign(t, "POST", "/v1/enrolments", body)); code != 201 {
		t.Fatalf("%d %s", code, said)
	}
	return r
}

func (r *requester) sign(t *testing.T, method, path, body string) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, shopDay)
	must(t, err)
	var id [16]byte
	rand.Read(id[:])
	token, err := assertion.Sign(r.signer, assertion.Request{Audience: r.s.public, Method: method, Path: path, Body: assertion.BodySum([]byte(body)), ID: assertion.NewID(id), At: at.UTC()})
	must(t, err)
	return token
}

func (r *requester) send(t *testing.T, address, method, path, body, token string) (int, string) {
	t.Helper()
	q, err := http.NewRequest(method, "http://"+address+path, strings.NewReader(body))
	must(t, err)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Sceau "+token)
	a, err := http.DefaultClient.Do(q)
	must(t, err)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	must(t, err)
	return a.StatusCode, string(b)
}
