package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sceau/signing/assertion"
)

var generous = Budgets{Counter: Budget{1e6, 1e6}, Staff: Budget{1e6, 1e6}, Public: Budget{1e6, 1e6}, Guess: Budget{1e6, 1e6}, Failure: Budget{1e6, 1e6}}

func TestEnrolment(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d, code := w.device(), w.code()
	body := `{"code":"` + code + `","jwk":` + d.jwk + `}`

	w.problem(w.do(plainRequest("POST", "/v1/enrolments", body)), 401, "credential")
	other := w.device()
	r := other.signed("POST", "/v1/enrolments", body, nil)
	w.problem(w.do(r), 401, "credential") // signed with another key than the one in the body
	w.problem(w.do(d.signed("POST", "/v1/enrolments", body, func(q *assertion.Request) { q.Audience = "https://autre.example" })), 401, "signature")
	w.problem(w.do(d.signed("POST", "/v1/enrolments", body, func(q *assertion.Request) { q.Body = assertion.BodySum(nil) })), 401, "signature")
	w.problem(w.do(d.signed("POST", "/v1/enrolments", body, func(q *assertion.Request) { q.At = q.At.Add(-time.Hour) })), 401, "clock")
	w.problem(d.send("POST", "/v1/enrolments", strings.Replace(body, code, "AAAA-AAAA-AAAA-AAAA", 1)), 403, "invitation")
	w.problem(d.send("POST", "/v1/enrolments", strings.Replace(body, `"EC"`, `"oct"`, 1)), 422, "field")
	w.problem(d.send("POST", "/v1/enrolments", strings.Replace(body, `"x":"`, `"x":"AAAA`, 1)), 422, "field")
	w.problem(d.send("POST", "/v1/enrolments", strings.Replace(body, `"crv"`, `"d":"AAAA","crv"`, 1)), 422, "field")

	a := d.send("POST", "/v1/enrolments", body)
	var facts CounterFacts
	if err := json.Unmarshal(a.Body.Bytes(), &facts); err != nil || a.Code != 201 || facts.Counter != d.id() || facts.FINESS != "600100713" || facts.Profession != "pharmacie" ||
		len(facts.Networks) != 1 || facts.State != "active" || facts.Address != origin || len(strings.Fields(facts.Root)) != 16 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	if a.Header().Get("Cache-Control") != "no-store" {
		t.Error("the enrolment may be kept by caches")
	}
	w.problem(w.do(replay(d, "POST", "/v1/enrolments", body)), 401, "replayed")
	w.problem(d.send("POST", "/v1/enrolments", body), 403, "invitation")
	w.problem(d.send("POST", "/v1/enrolments", `{"code":"`+w.code()+`","jwk":`+d.jwk+`}`), 409, "key_taken")

	self := d.send("GET", "/v1/counter", "")
	var again CounterFacts
	if err := json.Unmarshal(self.Body.Bytes(), &again); err != nil || self.Code != 200 || again.Counter != facts.Counter || again.Root != facts.Root {
		t.Errorf("%d %s", self.Code, self.Body)
	}
}

// replay sends the last signed request of a device once more.
func replay(d *device, method, path, body string) (r *http.Request) {
	r = plainRequest(method, path, body)
	r.Header.Set("Authorization", d.last)
	return r
}

// Signed requests are believed once, here, now, and for exactly what they were signed for.
func TestAssertions(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d, stranger := w.counter(), w.device()
	get := func(change func(*assertion.Request)) *httptest.ResponseRecorder {
		return w.do(d.signed("GET", "/v1/counter", "", change))
	}
	if a := get(nil); a.Code != 200 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	w.problem(w.do(replay(d, "GET", "/v1/counter", "")), 401, "replayed")
	w.problem(stranger.send("GET", "/v1/counter", ""), 401, "credential")
	for name, change := range map[string]func(*assertion.Request){
		"another service":    func(q *assertion.Request) { q.Audience = "https://droits.example.evil" },
		"the same over HTTP": func(q *assertion.Request) { q.Audience = "http://droits.example" },
		"another method":     func(q *assertion.Request) { q.Method = "POST" },
		"another path":       func(q *assertion.Request) { q.Path = "/v1/counters" },
		"a query":            func(q *assertion.Request) { q.Path = "/v1/counter?a=1" },
		"another body":       func(q *assertion.Request) { q.Body = assertion.BodySum([]byte("x")) },
	} {
		t.Run(name, func(t *testing.T) { w.problem(get(change), 401, "signature") })
	}
	for _, off := range []time.Duration{-assertion.Lifetime - time.Second, assertion.Lifetime + time.Second, -48 * time.Hour, 48 * time.Hour} {
		a := get(func(q *assertion.Request) { q.At = q.At.Add(off) })
		w.problem(a, 401, "clock")
		if said, err := time.Parse(time.RFC1123, a.Header().Get("Date")); err != nil || !said.Equal(w.now().Truncate(time.Second)) {
			t.Errorf("Date %q is not the service's", a.Header().Get("Date"))
		}
	}
	for _, off := range []time.Duration{-assertion.Lifetime, assertion.Lifetime} {
		if a := get(func(q *assertion.Request) { q.At = q.At.Add(off) }); a.Code != 200 {
			t.Errorf("%s: %d %s", off, a.Code, a.Body)
		}
	}
	// What was signed with a query is good for that query only.
	r := d.signed("GET", "/v1/counter?x=1", "", func(q *assertion.Request) { q.Path = "/v1/counter" })
	w.problem(w.do(r), 401, "signature")
	// A token that was altered in any single character is no credential.
	for i := len("Sceau "); i < 600; i += 7 {
		r := d.signed("GET", "/v1/counter", "", nil)
		b := []byte(r.Header.Get("Authorization"))
		if i >= len(b) {
			break
		}
		b[i] ^= 1
		r.Header.Set("Authorization", string(b))
		if a := w.do(r); a.Code != 401 {
			t.Errorf("altered at %d: %d %s", i, a.Code, a.Body)
		}
	}
	// Another server on the same register refuses the replay too.
	if a := get(nil); a.Code != 200 {
		t.Fatal(a.Body)
	}
	again := replay(d, "GET", "/v1/counter", "")
	w.serve(func(o *Options) { o.Budgets = generous })
	w.problem(w.do(again), 401, "replayed")
	// A body that was exchanged under way is refused before anything is done with it.
	r = d.signed("POST", "/v1/checks", `{"card":"a"}`, nil)
	other := plainRequest("POST", "/v1/checks", `{"card":"b"}`)
	other.Header.Set("Authorization", r.Header.Get("Authorization"))
	w.problem(w.do(other), 401, "signature")
}

func TestSuspendedAtOnce(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d, neighbour := w.counter(), w.counter()
	text := w.card()
	ask := func(d *device) *httptest.ResponseRecorder { return d.send("POST", "/v1/checks", `{"card":"`+text+`"}`) }
	if a := d.send("GET", "/v1/counter", ""); a.Code != 200 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	must(w.issuer.SuspendCounter(context.Background(), d.id(), "budget"))(t)
	w.problem(ask(d), 403, "suspended")
	w.problem(d.send("GET", "/v1/counter", ""), 403, "suspended")
	must(w.issuer.RestoreCounter(context.Background(), d.id()))(t)
	if a := d.send("GET", "/v1/counter", ""); a.Code != 200 {
		t.Errorf("restored: %d %s", a.Code, a.Body)
	}
	must(w.issuer.RevokeCounter(context.Background(), d.id(), "lost"))(t)
	w.problem(ask(d), 403, "revoked")
	w.problem(d.send("POST", "/v1/enrolments", `{"code":"`+w.code()+`","jwk":`+d.jwk+`}`), 409, "key_taken")
	if a := neighbour.send("GET", "/v1/counter", ""); a.Code != 200 {
		t.Errorf("a neighbour: %d", a.Code)
	}
	// Whoever has no genuine signature is not told about the state.
	r := plainRequest("GET", "/v1/counter", "")
	forged := []byte(d.signed("GET", "/v1/counter", "", nil).Header.Get("Authorization"))
	copy(forged[len(forged)-8:], "AAAAAAAA")
	r.Header.Set("Authorization", string(forged))
	w.problem(w.do(r), 401, "credential")
}
