// The doors of the service: who walks through cards is stopped, who guesses gets nowhere and is in nobody's way, and nothing goes
// out to an address that somebody sends.

package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
)

// T01: under the default budgets, a stolen credential that walks through cards is suspended within sixty seconds; the trace has
// every question that was answered, and no other counter notices.
func TestCanarySuspended(t *testing.T) {
	zstdWriter.EncodeAll(nil, nil) // what it makes at its first use belongs to no bubble of time
	for _, c := range []struct {
		name  string
		every time.Duration
		card  func(w *canaryWorld, n int) string
	}{
		{"genuine cards, three a second", time.Second / 3, func(w *canaryWorld, n int) string { return w.cards[n%len(w.cards)].CodeText }},
		{"genuine cards, as fast as it goes", time.Second / 50, func(w *canaryWorld, n int) string { return w.cards[n%len(w.cards)].CodeText }},
		{"numbers tried on a card's signature, one a second", time.Second, func(w *canaryWorld, n int) string {
			p, q := strings.Split(w.cards[n%len(w.cards)].JWS, "."), strings.Split(w.cards[(n+1)%len(w.cards)].JWS, ".")
			return p[0] + "." + p[1] + "." + q[2]
		}},
		{"names and numbers of people instead of cards, three a second", time.Second / 3, func(w *canaryWorld, n int) string { return w.people[n%len(w.people)].nir }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				now := func() time.Time { return begin.Add(time.Since(start)) }
				w := newCanaryWorld(t, nil, 400, now, func(o *Options) { o.Budgets = Budgets{Guess: generous.Guess} })
				ask := func(d *canaryDevice, text string) *httptest.ResponseRecorder {
					body := string(must(json.Marshal(CheckBody{Card: text, Domains: []string{"PHAR"}}))(t))
					r := canaryHTTP("POST", "/v1/checks", body)
					r.RemoteAddr = "198.51.100." + fmt.Sprint(1+len(d.id+text)%200) + ":1"
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set("Authorization", d.authorization(now(), "POST", r.URL, body))
					a := httptest.NewRecorder()
					w.server.ServeHTTP(a, r)
					return a
				}
				watching, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- w.issuer.Watch(watching) }()
				time.Sleep(7 * time.Second) // between two looks
				began, answered, statuses := time.Now(), 0, map[int]int{}
				for n := 0; ; n++ {
					a := ask(w.stolen, c.card(w, n))
					statuses[a.Code]++
					if a.Code == 200 {
						answered++
					}
					if a.Code == 403 {
						w.problem(a, 403, "suspended")
						break
					}
					if time.Since(began) > time.Minute {
						t.Fatalf("still asking after %s: %v", time.Since(began), statuses)
					}
					if n%20 == 0 {
						for _, other := range w.others {
							if b := ask(other, w.cards[n%7].CodeText); b.Code != 200 {
								t.Errorf("another counter: %d %s", b.Code, b.Body)
							}
						}
					}
					time.Sleep(c.every)
				}
				t.Logf("suspended after %s, answers %v", time.Since(began), statuses)
				// Nothing works any more for it, and everything for the others.
				for range 20 {
					w.problem(ask(w.stolen, w.cards[0].CodeText), 403, "suspended")
				}
				time.Sleep(2 * time.Minute)
				for _, other := range w.others {
					if b := ask(other, w.cards[1].CodeText); b.Code != 200 {
						t.Errorf("another counter, later: %d %s", b.Code, b.Body)
					}
					if s := must(w.issuer.Counter(t.Context(), other.id))(t).State; s != issuer.CounterActive {
						t.Errorf("another counter is %s", s)
					}
				}
				traced := 0
				if err := w.issuer.TraceOf(t.Context(), w.stolen.id, 0, func(register.Check) error { traced++; return nil }); err != nil {
					t.Fatal(err)
				}
				if traced != answered {
					t.Errorf("%d in the trace, %d were answered", traced, answered)
				}
				alarms := must(w.issuer.Alarms(t.Context(), w.stolen.id, "", 10))(t)
				if len(alarms) == 0 {
					t.Error("no alarm")
				}
				stop()
				<-done
			})
		})
	}
}

// T38: 100,000 wrong keys, codes, sessions and signed requests from many places open nothing, and lock out nobody, neither who
// comes from elsewhere nor who had got in from the attacker's own address before.
func TestCanaryGuesses(t *testing.T) {
	n := canaryCount(t, "SCEAU_CANARY_GUESSES", 100_000)
	o := newOffice(t, func(o *Options) { o.Budgets = Budgets{} })
	ctx := context.Background()
	key := o.key(amc, everyInsurerRole...)
	session := must(o.issuer.OpenSession(ctx, issuer.Login{Provider: "https://id.example", Subject: "u", Insurer: amc, Roles: everyInsurerRole}))(t)
	d := o.counter()
	code := o.code()
	late := o.device()
	from := func(r *http.Request, address string) *http.Request { r.RemoteAddr = address + ":4711"; return r }
	withSession := func(secret string) *http.Request {
		r := plainRequest("GET", "/v1/approvals", "")
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: secret})
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return r
	}
	enrol := func(d *device, code string) *http.Request {
		body := `{"code":"` + code + `","jwk":` + d.jwk + `}`
		return d.signed("POST", "/v1/enrolments", body, nil)
	}
	// The real ones come from one place of the attack, and from one of their own.
	real := func(address string) {
		t.Helper()
		for name, r := range map[string]*http.Request{"key": o.request(key, "GET", "/v1/approvals", ""), "session": withSession(session), "counter": d.signed("GET", "/v1/counter", "", nil)} {
			if a := o.do(from(r, address)); a.Code != 200 {
				t.Errorf("%s from %s: %d %s", name, address, a.Code, a.Body)
			}
		}
	}
	real("198.51.0.1")
	stranger := o.device()
	genuine := strings.TrimPrefix(d.signed("GET", "/v1/counter", "", nil).Header.Get("Authorization"), "Sceau ")
	r := rand.New(rand.NewPCG(3, 8))
	other := func(s, alphabet string, from int) string { // one or a few characters away from the right one
		b := []byte(s)
		for range 1 + r.IntN(3) {
			i := from + r.IntN(len(b)-from)
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		if string(b) == s {
			b[len(b)-1] ^= 1
		}
		return string(b)
	}
	const b64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	tried, statuses := map[string]int{}, map[string]int{}
	for i := range n {
		address := fmt.Sprintf("198.51.%d.%d", i/3%100, i%250)
		if i%5 == 0 { // far more than one place may try
			address = "198.51.0.1"
		}
		var q *http.Request
		var kind string
		switch i % 4 {
		case 0:
			kind = "key"
			q = o.request(other(key, "0123456789abcdef", 3), "GET", "/v1/approvals", "")
		case 1:
			kind = "session"
			q = withSession(other(session, b64, 0))
		case 2:
			kind = "code"
			q = enrol(late, other(code, "ABCDEFGHJKMNPQRSTVWXYZ0123456789", 0))
			if i%8 == 6 {
				q.Header.Set("Authorization", "Sceau "+genuine)
			}
		default:
			kind = "assertion"
			q = plainRequest("GET", "/v1/counter", "")
			switch i % 3 {
			case 0:
				parts := strings.Split(genuine, ".")
				q.Header.Set("Authorization", "Sceau "+parts[0]+"."+parts[1]+"."+other(parts[2], b64, 0))
			case 1:
				q = stranger.signed("GET", "/v1/counter", "", nil)
			default:
				parts, mine := strings.Split(genuine, "."), strings.Split(strings.TrimPrefix(stranger.signed("GET", "/v1/counter", "", nil).Header.Get("Authorization"), "Sceau "), ".")
				q.Header.Set("Authorization", "Sceau "+parts[0]+"."+mine[1]+"."+mine[2])
			}
		}
		a := o.do(from(q, address))
		tried[kind]++
		statuses[fmt.Sprint(kind, " ", a.Code)]++
		if a.Code < 400 {
			t.Fatalf("%s %d opened the door: %d %s", kind, i, a.Code, a.Body)
		}
		if i%2500 == 2499 {
			real("203.0.113.9") // a place of its own
			real("198.51.0.1")  // a place that attacks too, where they were before
			o.pass(time.Second)
		} else if i%50 == 0 {
			o.pass(20 * time.Millisecond)
		}
	}
	if a := o.do(from(enrol(late, code), "203.0.113.77")); a.Code != 201 {
		t.Errorf("the right code: %d %s", a.Code, a.Body)
	}
	// A credential that was never seen before comes at once from anywhere else.
	if a := o.do(from(o.request(o.key(amc2, issuer.RoleAudit), "GET", "/v1/audit", ""), "203.0.113.78")); a.Code != 200 {
		t.Errorf("a new key: %d %s", a.Code, a.Body)
	}
	looked := statuses["key 401"] + statuses["session 401"] + statuses["assertion 401"] + statuses["code 403"] + statuses["code 401"]
	if looked < n/50 {
		t.Errorf("only %d were looked at: %v", looked, statuses)
	}
	t.Log(statuses)
	fmt.Printf("count: %d wrong credentials (%d keys, %d sessions, %d one-time codes, %d signed requests): 0 let in, %d looked at, the real ones at once\n",
		n, tried["key"], tried["session"], tried["code"], tried["assertion"], looked)
}

// canaryTrap counts connections.
type canaryTrap struct {
	net.Listener
	met atomic.Int64
}

func newCanaryTrap(t testing.TB) *canaryTrap {
	t.Helper()
	trap := &canaryTrap{Listener: must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	go func() {
		for {
			c, err := trap.Accept()
			if err != nil {
				return
			}
			trap.met.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { trap.Close() })
	return trap
}

// noTransport stands in for the way out.
type noTransport struct{ met atomic.Int64 }

func (n *noTransport) RoundTrip(*http.Request) (*http.Response, error) {
	n.met.Add(1)
	return nil, errors.New("nobody goes out")
}

// replaceEach calls fn with a document in which one string after the other is another.
func replaceEach(doc any, with string, fn func(any)) {
	var walk func(v any, put func(any))
	walk = func(v any, put func(any)) {
		switch v := v.(type) {
		case string:
			put(with)
			put(v)
		case []any:
			for i := range v {
				walk(v[i], func(x any) {
					old := v[i]
					if v[i] = x; x != old {
						fn(doc)
					}
				})
			}
		case map[string]any:
			for name := range v {
				walk(v[name], func(x any) {
					old := v[name]
					v[name] = x
					if s, ok := x.(string); ok && s != old {
						fn(doc)
					}
				})
			}
		}
	}
	walk(doc, func(any) {})
}

// T28: an address in a field, a parameter, a header, a token or a roster is never gone to.
func TestCanaryAddresses(t *testing.T) {
	m := newMatrix(t)
	trap, out := newCanaryTrap(t), &noTransport{}
	standard := http.DefaultTransport
	http.DefaultTransport = out
	t.Cleanup(func() { http.DefaultTransport = standard })
	at := "http://" + trap.Addr().String() + "/x"
	asked := 0
	for _, route := range m.server.Table() {
		q := matrixExamples()[route.Method+" "+route.Pattern](m)
		var right *somebodyAsking
		for i := range m.everybody {
			if kind := may(route, q, &m.everybody[i]); kind == "in" || q.auth != "" {
				right = &m.everybody[i]
				break
			}
		}
		ask := func(path, body string, headers ...string) {
			asked++
			with := q
			with.headers = append(slices.Clone(q.headers), headers...)
			m.send(right, route, with, path, body)
		}
		for _, name := range append(slices.Clone(canaryHeaders), "Host", "X-Forwarded-Host", "Content-Location", "Link", "Jku", "X5u", "Authorization-Info", "X-Callback-Url") {
			ask(q.path, q.body, name, at)
		}
		sep := "?"
		if strings.Contains(q.path, "?") {
			sep = "&"
		}
		for _, name := range []string{"url", "uri", "redirect", "callback", "next", "after", "from", "to", "strict", "iss", "state", "code", "jku"} {
			ask(q.path+sep+name+"="+url.QueryEscape(at), q.body)
		}
		for _, part := range strings.Split(strings.Trim(q.path, "/"), "/") {
			ask(strings.Replace(q.path, part, url.PathEscape(at), 1), q.body)
		}
		if route.Method == "POST" || route.Method == "PUT" {
			var doc any
			if json.Unmarshal([]byte(q.body), &doc) == nil {
				replaceEach(doc, at, func(doc any) {
					ask(q.path, string(must(json.Marshal(doc))(t)))
				})
			} else if route.Pattern == "/v1/imports" {
				for i := range 10 {
					lines := strings.Split(q.body, "\n")
					cells := strings.Split(lines[1], ";")
					cells[i%len(cells)] = at
					lines[1] = strings.Join(cells, ";")
					ask(q.path, strings.Join(lines, "\n"))
				}
			}
		}
	}
	// Tokens that name where their key is: of requests, and of cards.
	for _, member := range []string{"jku", "x5u", "jwk", "x5c", "iss", "url"} {
		token := strings.TrimPrefix(m.one.signed("GET", "/v1/counter", "", nil).Header.Get("Authorization"), "Sceau ")
		jws := strings.TrimSpace(m.ask(m.spend, "GET", "/v1/cards/"+m.card+"/card.jws", "").Body.String())
		for i, text := range []string{token, jws} {
			parts := strings.Split(text, ".")
			var head map[string]any
			if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[0]))(t), &head); err != nil {
				t.Fatal(err)
			}
			head[member] = at
			parts[0] = base64.RawURLEncoding.EncodeToString(must(json.Marshal(head))(t))
			asked++
			var a *httptest.ResponseRecorder
			if i == 0 {
				r := plainRequest("GET", "/v1/counter", "")
				r.Header.Set("Authorization", "Sceau "+strings.Join(parts, "."))
				a = m.do(r)
			} else {
				a = m.two.send("POST", "/v1/checks", `{"card":"`+strings.Join(parts, ".")+`"}`)
			}
			if i == 0 && a.Code != 401 || i == 1 && (a.Code != 200 || !strings.Contains(a.Body.String(), `"refused"`)) {
				t.Errorf("%s: %d %s", member, a.Code, a.Body)
			}
		}
	}
	m.server.StopImports()
	if trap.met.Load()+out.met.Load() != 0 {
		t.Errorf("%d connections, %d requests went out", trap.met.Load(), out.met.Load())
	}
	fmt.Printf("count: %d addresses in fields, parameters, headers and tokens: %d outgoing connections\n", asked, trap.met.Load()+out.met.Load())
	// The trap and the closed way out do notice.
	if _, err := http.Get(at); err == nil || out.met.Load() != 1 {
		t.Error("the closed way out notices nothing")
	}
	must(net.Dial("tcp", trap.Addr().String()))(t).Close()
	for until := time.Now().Add(10 * time.Second); trap.met.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the trap notices nothing")
		}
	}
}
