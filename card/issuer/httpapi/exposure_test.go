// Exposure against an oracle: a day of counters, programs and staff with refused requests among them; for every credential and
// every span the answer is exactly the set of people whom the test saw being read.

package httpapi

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing/assertion"
)

// oracle remembers who was read with which credential.
type oracle struct {
	*canaryWorld
	mu    sync.Mutex
	clock time.Time
	rng   *rand.Rand
	seen  []seen
	facts map[string]rights.Contract // present facts, by pseudonym
}

// seen is one read: with a credential, at a time, of people by name (which is unique). could: it lies only within reach.
type seen struct {
	credential string
	at         time.Time
	people     []string
	could      bool
}

func (o *oracle) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clock
}

func (o *oracle) pass() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = o.clock.Add(time.Duration(1+o.rng.IntN(40)) * time.Second)
}

func (o *oracle) note(credential string, could bool, people ...string) {
	o.seen = append(o.seen, seen{credential, o.now(), people, could})
}

func names(c rights.Contract) (out []string) {
	for _, b := range c.Beneficiaries {
		out = append(out, b.Nom)
	}
	return out
}

func onCard(i issuer.Issued) (out []string) {
	for _, p := range i.Claims.People {
		out = append(out, p.Nom)
	}
	return out
}

// want is what the oracle says of some credentials in a span.
func (o *oracle) want(from, to time.Time, could bool, credentials ...string) []string {
	set := map[string]bool{}
	for _, s := range o.seen {
		if slices.Contains(credentials, s.credential) && !s.at.Before(from) && (to.IsZero() || s.at.Before(to)) && (could || !s.could) {
			for _, p := range s.people {
				set[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// answer is what Exposure says, each person once.
func (o *oracle) answer(q issuer.ExposureQuery) (read, could []string, e *issuer.Exposure) {
	o.t.Helper()
	e, err := o.issuer.Exposure(context.Background(), q, func(p issuer.Exposed) error {
		could = append(could, p.Nom)
		if p.Read != 0 {
			read = append(read, p.Nom)
		}
		if p.Unsure {
			o.t.Errorf("%s %s: unsure of somebody", q.Kind, q.ID)
		}
		return nil
	})
	if err != nil {
		o.t.Fatalf("%s %s: %v", q.Kind, q.ID, err)
	}
	if int64(len(read)) != e.Read || q.Could && int64(len(could)) != e.Could {
		o.t.Errorf("%s: %d and %d people handed out, %d and %d counted", q.Kind, len(read), len(could), e.Read, e.Could)
	}
	slices.Sort(read)
	slices.Sort(could)
	return read, could, e
}

func TestExposureIsExact(t *testing.T) {
	o := &oracle{rng: rand.New(rand.NewPCG(11, 13)), clock: begin, facts: map[string]rights.Contract{}}
	o.canaryWorld = newCanaryWorld(t, nil, 400, o.now)
	ctx := context.Background()
	o.issuer.Limits.Idle, o.issuer.Limits.Session = 1000*time.Hour, 1000*time.Hour
	finesses := []string{"600100713", "750000002", "130786049"}
	type desk struct {
		*canaryDevice
		finess string
		chain  *chain
		n      int
		down   bool
	}
	var desks []*desk
	for i := range 40 {
		f := finesses[i%3]
		in := must(o.issuer.Invite(ctx, issuer.InviteRequest{FINESS: f, Profession: "pharmacie", Networks: []string{"SP"}, Address: origin}))(t)
		d := newCanaryDevice(t)
		must(o.issuer.Enrol(ctx, issuer.EnrolRequest{Code: in.Invitation.CodeText(), Key: d.public, RequestID: assertion.NewID(sha256half(d.id))}))(t)
		desks = append(desks, &desk{canaryDevice: d, finess: f, chain: newChain(t, o.now())})
	}
	insurers := map[string][]int{} // contracts by insurer
	var ids []string
	for i, c := range o.contracts {
		id := must(o.issuer.PseudonymOf(register.ContractKey{Insurer: c.Insurer.Key(), Adherent: c.Adherent}))(t)
		ids = append(ids, id)
		o.facts[id] = c
		insurers[c.Insurer.Key()] = append(insurers[c.Insurer.Key()], i)
	}
	owners := slices.Sorted(maps.Keys(insurers))
	cardsOf := map[string][]issuer.Issued{}
	for _, k := range o.cards {
		id := must(o.issuer.PseudonymOf(k.Contract))(t)
		cardsOf[id] = append(cardsOf[id], k)
	}
	revoked := o.cards[3]
	must(o.issuer.SetStatus(ctx, issuer.StatusRequest{Kind: status.Void, Targets: []issuer.Target{{Place: revoked.Place}}, Class: "test"}))(t)

	// Credentials of staff: five API keys and three people.
	type login struct {
		credential, insurer string
		roles               []issuer.Role
		bearer, cookie      string
	}
	var logins []login
	for i, roles := range [][]issuer.Role{{issuer.RoleRead}, {issuer.RoleIssue, issuer.RoleRead}, {issuer.RoleRevoke}, {issuer.RoleAudit}, {issuer.RoleIssue, issuer.RoleRead, issuer.RoleRevoke, issuer.RoleAudit}} {
		k, token, err := o.issuer.MakeKey(ctx, nil, issuer.KeyRequest{Name: "test", Insurer: owners[i%2], Roles: roles}, nil)
		if err != nil {
			t.Fatal(err)
		}
		logins = append(logins, login{"key:" + k.ID, owners[i%2], roles, token, ""})
	}
	for i, roles := range [][]issuer.Role{{issuer.RoleRead}, {issuer.RoleRead, issuer.RoleAudit}, {issuer.RoleIssue}} {
		subject := fmt.Sprint("subject-", i)
		cookie := must(o.issuer.OpenSession(ctx, issuer.Login{Provider: "https://idp.example", Subject: subject, Insurer: owners[i%2], Roles: roles}))(t)
		logins = append(logins, login{issuer.PersonOf("https://idp.example", subject), owners[i%2], roles, "", cookie})
	}
	requests, refused := 0, 0
	ask := func(l login, method, path, body string) *httptest.ResponseRecorder {
		requests++
		r := plainRequest(method, path, body)
		if l.bearer != "" {
			r.Header.Set("Authorization", "Bearer "+l.bearer)
		} else {
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: l.cookie})
		}
		if method == "POST" {
			r.Header.Set("Idempotency-Key", fmt.Sprintf("exposure-%08d", requests))
		}
		a := o.do(r)
		if a.Code >= 400 {
			refused++
		}
		return a
	}
	can := func(l login, any ...issuer.Role) bool {
		return slices.ContainsFunc(any, func(r issuer.Role) bool { return slices.Contains(l.roles, r) })
	}
	suspended := map[card.Place]bool{}
	staff := func(l login) {
		n := o.rng.IntN(len(o.contracts))
		id, c := ids[n], o.facts[ids[n]]
		own := c.Insurer.Key() == l.insurer
		k := o.cards[o.rng.IntN(len(o.cards))]
		ownCard := k.Contract.Insurer == l.insurer
		check := func(a *httptest.ResponseRecorder, ok bool, people ...string) {
			t.Helper()
			if (a.Code < 300) != ok {
				t.Fatalf("%s (%v): %d %s", l.credential, l.roles, a.Code, a.Body)
			}
			if ok {
				o.note(l.credential, false, people...)
			}
		}
		switch o.rng.IntN(10) {
		case 9: // who changes a card's state has its number, also when it was so already
			if o.rng.IntN(4) > 0 || k.Place == revoked.Place {
				return
			}
			kind := []string{"suspend", "restore"}[o.rng.IntN(2)]
			a := ask(l, "POST", "/v1/status-changes", `{"kind":"`+kind+`","cards":["`+k.Place.String()+`"]}`)
			if a.Code == 409 && ownCard && can(l, issuer.RoleRevoke) { // it can't be restored: nothing is told
				return
			}
			if check(a, ownCard && can(l, issuer.RoleRevoke), onCard(k)...); a.Code < 300 {
				suspended[k.Place] = kind == "suspend"
			}
		case 0, 1:
			check(ask(l, "GET", "/v1/contracts/"+id, ""), own && can(l, issuer.RoleRead), names(c)...)
		case 2:
			check(ask(l, "POST", "/v1/contract-searches", `{"adherent":"`+c.Adherent+`"}`), own && can(l, issuer.RoleRead), names(c)...)
		case 3:
			if a := ask(l, "POST", "/v1/contract-searches", `{"adherent":"ZZ404"}`); a.Code < 400 {
				t.Errorf("%d", a.Code)
			}
		case 4:
			var people []string
			for _, k := range cardsOf[id] {
				people = append(people, onCard(k)...)
			}
			check(ask(l, "GET", "/v1/contracts/"+id+"/cards", ""), own && can(l, issuer.RoleRead, issuer.RoleIssue, issuer.RoleRevoke), people...)
		case 5:
			check(ask(l, "GET", "/v1/cards/"+k.Place.String(), ""), ownCard && can(l, issuer.RoleRead, issuer.RoleIssue, issuer.RoleRevoke), onCard(k)...)
		case 6:
			form := []string{"letter.pdf", "code.txt", "card.jws", "code.png"}[o.rng.IntN(4)]
			live := k.Place != revoked.Place && !suspended[k.Place]
			check(ask(l, "GET", "/v1/cards/"+k.Place.String()+"/"+form, ""), ownCard && live && can(l, issuer.RoleRead, issuer.RoleIssue), onCard(k)...)
		case 7:
			path := "/v1/reports/busy-cards" + []string{"", ".csv"}[o.rng.IntN(2)]
			a := ask(l, "GET", path, "")
			var people []string
			for _, k := range o.cards {
				if strings.Contains(a.Body.String(), k.Contract.Insurer+"/"+k.Place.String()+`"`) || strings.Contains(a.Body.String(), k.Contract.Insurer+"/"+k.Place.String()+";") {
					people = append(people, onCard(k)...)
				}
			}
			check(a, can(l, issuer.RoleRead, issuer.RoleAudit), people...)
		case 8:
			var people []string
			for _, k := range cardsOf[id] {
				people = append(people, onCard(k)...)
			}
			check(ask(l, "POST", "/v1/cards", `{"contracts":["`+id+`"]}`), own && can(l, issuer.RoleIssue), people...)
		}
	}
	strangers := o.foreign()
	counter := func(d *desk) {
		k := o.cards[o.rng.IntN(len(o.cards))]
		send := func(text string) *httptest.ResponseRecorder {
			requests++
			body := `{"card":"` + text + `","domains":["PHAR"]}`
			r := plainRequest("POST", "/v1/checks", body)
			r.Header.Set("Authorization", d.authorization(o.now(), "POST", r.URL, body))
			a := o.do(r)
			if a.Code == 200 && o.rng.IntN(4) == 0 { // the same request again is refused
				again := plainRequest("POST", "/v1/checks", body)
				again.Header.Set("Authorization", r.Header.Get("Authorization"))
				if b := o.do(again); b.Code < 400 {
					t.Fatalf("a replay: %d", b.Code)
				}
			}
			return a
		}
		switch o.rng.IntN(10) {
		case 0:
			send("TPnothing")
			refused++
		case 1:
			send(strangers[o.rng.IntN(len(strangers))].CodeText)
			refused++
		case 2: // without the service: it stands in the journal
			o.pass()
			d.n++
			d.chain.check(d.n, o.now())
			e := d.chain.entries[len(d.chain.entries)-1]
			row := register.Receipt{Device: d.chain.id, Seq: e.Seq, Hash: e.Hash(), Entry: e.Encode(), Counter: d.id, Arrived: o.now().Truncate(time.Second), At: o.now().Truncate(time.Second),
				Insurer: k.Contract.Insurer, Place: k.Place, Care: rights.DateAt(o.now()), Domain: "PHAR", Mode: receipt.Offline, Status: "valid", Answer: register.Noted, Reason: "x"}
			err := o.issuer.Store.Update(ctx, func(tx register.Tx) error { _, err := tx.AddReceipts([]register.Receipt{row}); return err })
			if err != nil {
				t.Fatal(err)
			}
			o.note(d.id, true, onCard(k)...)
			o.note("device "+d.chain.id, false, onCard(k)...)
		default:
			a := send(k.CodeText)
			if (a.Code == 200) == d.down {
				t.Fatalf("%d %s", a.Code, a.Body)
			}
			if a.Code == 200 {
				o.note(d.id, false, onCard(k)...)
			} else {
				refused++
			}
		}
	}
	for i := range 3000 {
		o.pass()
		if i%3 == 0 {
			staff(logins[o.rng.IntN(len(logins))])
		} else {
			counter(desks[o.rng.IntN(len(desks))])
		}
		if i == 1500 { // some change: a counter goes down, contracts lose somebody
			must(o.issuer.SuspendCounter(ctx, desks[7].id, "test"))(t)
			desks[7].down = true
			who := issuer.Staff{Insurer: owners[0], Roles: []issuer.Role{issuer.RoleIssue}, Actor: "test"}
			for _, n := range insurers[owners[0]][:20] {
				c := o.facts[ids[n]]
				if len(c.Beneficiaries) < 2 {
					continue
				}
				c.Beneficiaries = c.Beneficiaries[:len(c.Beneficiaries)-1]
				must(o.issuer.ChangeContract(ctx, who, ids[n], 1, c, nil))(t)
				o.facts[ids[n]] = c
			}
		}
	}
	end := o.now().Add(time.Second)
	if err := o.issuer.BindTrace(ctx); err != nil {
		t.Fatal(err)
	}
	missing, extra, asked, people := 0, 0, 0, 0
	compare := func(what string, got, want []string) {
		asked++
		people += len(want)
		for _, p := range want {
			if !slices.Contains(got, p) {
				missing++
				t.Errorf("%s: somebody is missing", what)
			}
		}
		for i, p := range got {
			if !slices.Contains(want, p) {
				extra++
				t.Errorf("%s: somebody is too many", what)
			}
			if i > 0 && got[i-1] == p {
				t.Errorf("%s: somebody is there twice", what)
			}
		}
	}
	everyone := func(insurer string) (out []string) { // those who are in a contract, or on a card
		set := map[string]bool{}
		for i, c := range o.contracts {
			if c.Insurer.Key() == insurer {
				for _, p := range append(names(c), names(o.facts[ids[i]])...) {
					set[p] = true
				}
			}
		}
		return slices.Sorted(maps.Keys(set))
	}
	spans := [][2]time.Time{{}, {begin, end}, {begin, begin.Add(time.Second)}}
	for range 2 {
		from := begin.Add(time.Duration(o.rng.Int64N(int64(end.Sub(begin)))))
		spans = append(spans, [2]time.Time{from.Truncate(time.Second), from.Add(time.Duration(o.rng.Int64N(int64(6 * time.Hour)))).Truncate(time.Second)})
	}
	for _, span := range spans {
		q := issuer.ExposureQuery{From: span[0], To: span[1], Could: true}
		byFiness := map[string][]string{}
		for _, d := range desks {
			byFiness[d.finess] = append(byFiness[d.finess], d.id)
			q.Kind, q.ID = issuer.ExposeCounter, d.id
			read, could, e := o.answer(q)
			compare("counter, read", read, o.want(q.From, q.To, false, d.id))
			compare("counter, could", could, o.want(q.From, q.To, true, d.id))
			if e.Untraced || len(e.Everyone) > 0 || !e.Certainty.Whole() {
				t.Errorf("%+v", e)
			}
			q.Kind = issuer.ExposeKey
			again, _, _ := o.answer(q)
			compare("key of a counter", again, read)
			q.Kind, q.ID = issuer.ExposeDevice, d.chain.id
			if d.n > 0 {
				read, _, _ = o.answer(q)
				compare("computer", read, o.want(q.From, q.To, false, d.id, "device "+d.chain.id))
			}
		}
		for f, list := range byFiness {
			if f == "600100713" {
				for _, d := range append(o.others, o.stolen) { // enrolled by the world, never used
					list = append(list, d.id)
				}
			}
			q.Kind, q.ID = issuer.ExposeFINESS, f
			read, could, e := o.answer(q)
			compare("FINESS, read", read, o.want(q.From, q.To, false, list...))
			compare("FINESS, could", could, o.want(q.From, q.To, true, list...))
			if len(e.Credentials) != len(list) {
				t.Errorf("%d of %d counters of %s", len(e.Credentials), len(list), f)
			}
		}
		for _, l := range logins {
			q.Kind, q.ID = issuer.ExposeOperator, l.credential
			if id, ok := strings.CutPrefix(l.credential, "key:"); ok {
				q.Kind, q.ID = issuer.ExposeAPIKey, id
			}
			read, could, e := o.answer(q)
			compare("staff, read", read, o.want(q.From, q.To, false, l.credential))
			compare("staff, could", could, everyone(l.insurer))
			if len(e.Everyone) != 1 || e.Untraced || e.Unnamed != 0 {
				t.Errorf("%+v", e)
			}
			q.Could = false
			only, handed, _ := o.answer(q)
			compare("staff, those read alone", only, read)
			compare("staff, handed out alone", handed, read)
			q.Could = true
		}
	}
	t.Logf("count: %d requests, %d refused, %d reads; %d answers about %d people: %d missing, %d too many", requests, refused, len(o.seen), asked, people, missing, extra)
	if requests < 2000 || refused < 300 || people < 5000 {
		t.Error("too little traffic")
	}
}
