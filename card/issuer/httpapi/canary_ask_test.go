// What a thief of a counter's credential asks: every route of the table and none of it, with all that may move a service to say
// more than it should.

package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"sceau/card/issuer"
	"sceau/card/register"
)

// canaryAttack is what an attacker knows and draws from.
type canaryAttack struct {
	w       *canaryWorld
	table   []RouteInfo
	fields  []string // of every body and query in the description
	foreign []issuer.Issued
	tokens  []string            // assertions and accords that belong to other counters
	ids     []string            // of things that there are: the worst that an attacker may have learnt elsewhere
	known   map[string][]string // the same, by parameter of a path

	mu       sync.Mutex
	found    map[string]int // canaries, by route and kind
	statuses map[int]int
	routes   map[string]int
	good     map[string]int // 2xx, by route
	large    sync.Map       // digests of long bodies that were searched
	searched atomic.Int64   // bytes
}

func newCanaryAttack(w *canaryWorld) *canaryAttack {
	w.t.Helper()
	a := &canaryAttack{w: w, table: w.server.Table(), found: map[string]int{}, statuses: map[int]int{}, routes: map[string]int{}, good: map[string]int{}, known: map[string][]string{}}
	a.fields = describedFields(w.t)
	a.foreign = w.foreign()
	for i, d := range w.others {
		u := &url.URL{Path: "/v1/counter"}
		a.tokens = append(a.tokens, strings.TrimPrefix(d.authorization(w.clock(), "GET", u, ""), "Sceau "))
		body := `{"card":"` + w.cards[i].CodeText + `","domains":["PHAR"]}`
		r := canaryHTTP("POST", "/v1/checks", body)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", d.authorization(w.clock(), "POST", r.URL, body))
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, r)
		var said CheckAnswer
		if err := json.Unmarshal(answer.Body.Bytes(), &said); err != nil || said.Accord == "" {
			w.t.Fatalf("%d %s", answer.Code, answer.Body)
		}
		a.tokens = append(a.tokens, said.Accord)
		a.ids = append(a.ids, said.Number, d.id)
		j := newChain(w.t, w.clock())
		j.check(1, w.clock())
		batch := j.batch(0, 2)
		r = canaryHTTP("POST", "/v1/journals/"+j.id+"/entries", batch)
		r.Header.Set("Content-Type", batchMedia)
		r.Header.Set("Authorization", d.authorization(w.clock(), "POST", r.URL, batch))
		answer = httptest.NewRecorder()
		if w.server.ServeHTTP(answer, r); answer.Code != 200 {
			w.t.Fatalf("%d %s", answer.Code, answer.Body)
		}
		a.known["device"] = append(a.known["device"], j.id)
	}
	a.ids = append(a.ids, w.stolen.id, "timestamp.json", "1.root.json", "0", "1", strings.Repeat("0", 32), strings.Repeat("a", 32), strings.Repeat("A", 16))
	for i := 0; i < len(w.contracts); i += max(1, len(w.contracts)/200) {
		c := w.contracts[i]
		f := must(w.issuer.FindContract(w.t.Context(), issuer.Staff{Insurer: c.Insurer.Key()}, c.Adherent))(w.t)
		a.ids = append(a.ids, f.ID, w.placeOf(i).String())
		a.known["id"], a.known["card"] = append(a.known["id"], f.ID), append(a.known["card"], w.placeOf(i).String())
	}
	a.known["device"] = append(a.known["device"], strings.Repeat("0", 32))
	err := w.issuer.Store.View(w.t.Context(), func(tx register.Tx) error {
		return tx.EachFile(func(f register.File) error { a.known["path..."] = append(a.known["path..."], f.Path); return nil })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// canary is a text of somebody.
func (a *canaryAttack) canary(r *rand.Rand) string {
	p := pick(r, a.w.people)
	return pick(r, []string{p.nom, p.prenom, p.birth, p.nir, p.nir[:13], p.adherent, strings.ToLower(p.nom), p.prenom + " " + p.nom})
}

// value is whatever may stand in a path, a query or a field.
func (a *canaryAttack) value(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		return a.canary(r)
	case 4, 5, 6:
		return pick(r, a.ids)
	case 7:
		return fmt.Sprint(r.IntN(1 << 20))
	case 8:
		return fmt.Sprintf("%d-%d", 1+r.IntN(3), r.IntN(1<<20))
	case 9:
		return pick(r, []string{"*", "%", "' OR 1=1--", "\" OR \"\"=\"", "$ne", "{}", "null", "-1", "1e9", "9223372036854775808", "../../etc/passwd", "..\\..\\", "\x00", "\u202e", "A' UNION SELECT canonical FROM contract--", ".*", "[a-z]+"})
	case 10:
		return pick(r, a.tokens)
	}
	return strings.Repeat(pick(r, []string{"A", "9", "%00", "../", "é"}), 1+r.IntN(60))
}

// path fills a pattern.
func (a *canaryAttack) path(r *rand.Rand, pattern string) string {
	for {
		before, rest, ok := strings.Cut(pattern, "{")
		if !ok {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		v := a.value(r)
		if known := a.known[name]; len(known) > 0 && r.IntN(2) == 0 {
			v = pick(r, known)
		} else if r.IntN(8) > 0 {
			v = url.PathEscape(v)
		}
		pattern = before + v + after
	}
	switch r.IntN(24) {
	case 0:
		pattern += pick(r, []string{"/", "/..", "//", ".json", ".csv", "/../../v1/contracts", "%2f..%2f", ";a=b", "%00", "/.", "?", "#"})
	case 1:
		pattern = pick(r, []string{"/repo/../", "/repo/%2e%2e/", "//", "/./", "/repo/..%2f", "/V1/../", "/repo//"}) + strings.TrimPrefix(pattern, "/")
	case 2:
		pattern = strings.ToUpper(pattern)
	case 3:
		pattern = "/" + pick(r, []string{"v2", "api", "admin", "debug/pprof", "metrics", "v1/people", "v1/persons", "v1/beneficiaires", "v1/backup", "v1/counters", ".git", "v1", "graphql", "v1/contracts/search"}) + "/" + url.PathEscape(a.value(r))
	}
	return pattern
}

// query asks for pages, orders and people.
func (a *canaryAttack) query(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return ""
	}
	q := url.Values{}
	for range 1 + r.IntN(3) {
		name := pick(r, a.fields)
		if r.IntN(2) == 0 {
			name = pick(r, []string{"after", "limit", "from", "to", "counters", "minutes", "hours", "q", "sort", "filter"})
		}
		q.Add(name, a.value(r))
	}
	return "?" + q.Encode()
}

// body is a JSON object of any fields, a question about a card, or something else.
func (a *canaryAttack) body(r *rand.Rand, pattern string) (body, media string) {
	switch {
	case pattern == "/v1/checks" && r.IntN(10) > 0:
		text := a.card(r)
		q := map[string]any{"card": text}
		if r.IntN(2) == 0 {
			q["domains"] = []string{pick(r, []string{"PHAR", "HOSP", "OPTI", "DENT", "MED", "XXXX"})}
		}
		if r.IntN(3) == 0 {
			q["care"] = pick(r, []string{"2027-03-02", "2026-01-01", "2031-12-31", "0001-01-01"})
		}
		if r.IntN(3) == 0 {
			q["person"] = r.IntN(14)
		}
		if r.IntN(8) == 0 {
			q[pick(r, a.fields)] = a.value(r)
		}
		b, _ := json.Marshal(q)
		return string(b), "application/json"
	case pattern == "/v1/enrolments" && r.IntN(3) > 0:
		return `{"code":"` + pick(r, []string{"AAAA-AAAA-AAAA-AAAA", "K7QF-XM3T-9ABC-D2EF"}) + `","jwk":` + string(a.w.stolen.public.JWK()) + `}`, "application/json"
	}
	switch r.IntN(6) {
	case 0:
		return a.value(r), pick(r, []string{"text/csv", "application/x-www-form-urlencoded", "application/octet-stream", "application/json", "text/xml"})
	case 1:
		return pick(r, a.fields) + "=" + url.QueryEscape(a.value(r)), "application/x-www-form-urlencoded"
	case 2:
		return "", ""
	}
	q := map[string]any{}
	for range 1 + r.IntN(6) {
		var v any = a.value(r)
		switch r.IntN(6) {
		case 0:
			v = []any{v}
		case 1:
			v = map[string]any{pick(r, a.fields): v}
		case 2:
			v = r.IntN(10)
		}
		q[pick(r, a.fields)] = v
	}
	b, _ := json.Marshal(q)
	return string(b), "application/json"
}

// card is a genuine one, one with other bytes, one of somebody else's, or none.
func (a *canaryAttack) card(r *rand.Rand) string {
	i := pick(r, a.w.cards)
	switch r.IntN(10) {
	case 0, 1, 2:
		return i.CodeText
	case 3:
		return i.JWS
	case 4, 5: // other bytes
		b := []byte(pick(r, []string{i.CodeText, i.JWS}))
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcdefgh-_."[r.IntN(43)]
		}
		return string(b)
	case 6: // people of one card under the signature of another
		other := pick(r, a.w.cards)
		p, q := strings.Split(i.JWS, "."), strings.Split(other.JWS, ".")
		return p[0] + "." + p[1] + "." + q[2]
	case 7: // another operator's, genuine there
		f := pick(r, a.foreign)
		return pick(r, []string{f.CodeText, f.JWS})
	case 8:
		return pick(r, a.tokens)
	}
	return a.value(r)
}

// canaryHTTP makes the request that a server would read from the line; nil when it would read none.
func canaryHTTP(method, target, body string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	r := &http.Request{Method: method, URL: u, RequestURI: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Host: "droits.example", RemoteAddr: "192.0.2.1:1234",
		Body: http.NoBody}
	if body != "" {
		r.Body, r.ContentLength = readCloser{strings.NewReader(body)}, int64(len(body))
	}
	return r
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// one draws a request and its route.
func (a *canaryAttack) one(r *rand.Rand) (route RouteInfo, req *http.Request) {
	for {
		route = a.table[r.IntN(len(a.table))]
		if r.IntN(4) == 0 { // where a counter is answered at all
			for len(route.Roles) != 1 || route.Roles[0] != RoleCounter {
				route = pick(r, a.table)
			}
		}
		method := route.Method
		if r.IntN(12) == 0 {
			method = pick(r, canaryMethods)
		}
		body, media := "", ""
		if method != "GET" && method != "HEAD" || r.IntN(20) == 0 {
			body, media = a.body(r, route.Pattern)
		}
		q := a.query(r)
		if route.Pattern == "/v1/checks" && r.IntN(5) > 0 {
			q = ""
		}
		if req = canaryHTTP(method, a.path(r, route.Pattern)+q, body); req == nil {
			continue
		}
		if media != "" {
			req.Header.Set("Content-Type", media)
		}
		if route.Pattern == "/v1/checks" && r.IntN(4) == 0 {
			req.Header.Set("Accept", fhirMedia)
		}
		for range r.IntN(4) {
			req.Header.Set(pick(r, canaryHeaders), strings.Map(printable, a.value(r)))
		}
		if strings.HasPrefix(route.Pattern, "/repo") && r.IntN(2) == 0 {
			req.Header.Set("Accept-Encoding", pick(r, []string{"gzip", "zstd", "gzip, zstd", "br"}))
		}
		// The trace id of a sender is logged, as that header wants it: thirty-two hexadecimal digits, here always random ones.
		if r.IntN(4) == 0 {
			req.Header.Set("Traceparent", fmt.Sprintf("00-%016x%016x-%016x-01", r.Uint64(), r.Uint64(), r.Uint64()))
		}
		switch r.IntN(24) {
		case 0: // nobody
		case 1:
			req.Header.Set("Authorization", pick(r, []string{"Bearer ", "Sceau ", "Basic ", ""})+strings.Map(printable, a.value(r)))
		case 2:
			req.Header.Set("Cookie", sessionCookie+"="+url.QueryEscape(a.value(r)))
		case 3: // of another counter, for something else
			req.Header.Set("Authorization", pick(r, []string{"Sceau ", "Bearer "})+pick(r, a.tokens))
		case 4:
			req.Header["Authorization"] = []string{a.w.stolen.authorization(a.w.clock(), method, req.URL, body), "Bearer " + a.canary(r)}
		default:
			req.Header.Set("Authorization", a.w.stolen.authorization(a.w.clock(), method, req.URL, body))
		}
		return route, req
	}
}

// printable is what net/http lets through in a header.
func printable(c rune) rune {
	if c < 0x20 || c == 0x7f {
		return '.'
	}
	return c
}

// search looks at all of an answer.
func (a *canaryAttack) search(b []byte) map[string]bool {
	if len(b) > 4096 {
		sum := sha256.Sum256(b)
		if _, had := a.large.LoadOrStore(sum, true); had {
			return nil
		}
	}
	a.searched.Add(int64(len(b)))
	return a.w.c.find(b)
}

func (a *canaryAttack) note(route RouteInfo, took string, status int, found ...map[string]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := route.Method + " " + route.Pattern
	a.routes[name]++
	a.statuses[status]++
	if status/100 == 2 {
		a.good[took]++
	}
	for _, f := range found {
		for kind := range f {
			a.found[name+": "+kind]++
		}
	}
}

// run sends n requests from some hands at once.
func (a *canaryAttack) run(n, hands int, seed uint64) {
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	for h := range hands {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(h)))
			var head bytes.Buffer
			for left.Add(-1) >= 0 {
				route, req := a.one(r)
				answer := httptest.NewRecorder()
				a.w.server.ServeHTTP(answer, req)
				head.Reset()
				_ = answer.Header().Write(&head)
				_, took := a.w.server.mux.Handler(req) // a path may lead elsewhere than where it was made for
				a.note(route, took, answer.Code, a.search(answer.Body.Bytes()), a.search(head.Bytes()))
			}
		})
	}
	group.Wait()
}
