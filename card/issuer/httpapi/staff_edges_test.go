package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
)

// faultyStore fails, or panics, at the write transaction of that number, and counts all of them.
type faultyStore struct {
	register.Store
	issuer.Pseudonyms
	writes atomic.Int64
	at     int64
	panics bool
}

func (s *faultyStore) Update(ctx context.Context, fn func(register.Tx) error) error {
	if n := s.writes.Add(1); n == s.at {
		if s.panics {
			panic("zorglubine")
		}
		return register.ErrBusy
	}
	return s.Store.Update(ctx, fn)
}

func (o *office) faulty(at int64, panics bool) *faultyStore {
	s := &faultyStore{Store: o.issuer.Store, Pseudonyms: o.issuer.Store.(issuer.Pseudonyms), at: at, panics: panics}
	o.issuer.Store = s
	return s
}

func provider(t *testing.T, address string, change func(*OIDCConfig)) (*OIDC, error) {
	t.Helper()
	c := OIDCConfig{Issuer: address, ClientID: "a", Redirect: origin + "/callback", Insurers: map[string]string{"a": amc}, Roles: map[string][]Role{"a": {RoleRead}}}
	if change != nil {
		change(&c)
	}
	return NewOIDC(c)
}

// People whose session is over are sent to the login; programs are told.
func TestPagesLeadToTheLogin(t *testing.T) {
	o := newOffice(t, func(p *Options) { p.Office.People = must(provider(t, "https://id.example", nil))(t) })
	for _, headers := range [][]string{nil, {"Cookie", sessionCookie + "=" + strings.Repeat("A", 43)}} {
		a := o.ask("", "GET", "/reports?from=2027-01-01", "", headers...)
		if a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/login" || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %v", headers, a.Code, a.Header())
		}
	}
	o.problem(o.ask("sk_wrong", "GET", "/reports", ""), 401, "credential")
	o.problem(o.ask("", "GET", "/v1/reports/served", ""), 401, "credential")
	o.problem(o.ask(o.key(amc, issuer.RoleIssue), "GET", "/reports", ""), 403, "role")
	without := newOffice(t) // nobody logs in there
	without.problem(without.ask("", "GET", "/reports", ""), 401, "credential")
}

// An insurer that was left empty is nobody's way to become the operator.
func TestProviderMapsNobodyToTheOperatorByMistake(t *testing.T) {
	for to, good := range map[string]bool{"": false, " ": false, "Operator": false, "0" + string(amc): false, string(amc): true, Operator: true} {
		if _, err := provider(t, "https://id.example", func(c *OIDCConfig) { c.Insurers = map[string]string{"a": to} }); (err == nil) != good {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// Who waited for an attempt to reach the provider makes none of their own when it failed; who comes later does.
func TestProviderAway(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	o := newOffice(t, func(p *Options) { p.Office.People = must(provider(t, server.URL, nil))(t) })
	people := o.server.o.Office.People
	for _, c := range []struct {
		away time.Duration // when the attempt failed that somebody may have waited for
		want int64
	}{{-time.Second, 1}, {time.Hour, 1}, {-time.Second, 2}} {
		people.away = time.Now().Add(c.away)
		if a := o.ask("", "GET", "/login", ""); a.Code != http.StatusServiceUnavailable {
			t.Errorf("%d %s", a.Code, a.Body)
		}
		if n := asked.Load(); n != c.want {
			t.Errorf("asked %d times", n)
		}
	}
}

// Cookies that nobody looks at fill no memory.
func TestOneMarkForOneCredential(t *testing.T) {
	o := newOffice(t)
	k := o.key(amc, issuer.RoleAudit)
	for _, cookie := range []string{"a=1", "a=2", sessionCookie + "=x"} {
		o.want(200, k, "GET", "/v1/audit", "", "Cookie", cookie)
	}
	if n := len(o.server.trusted.at); n != 1 {
		t.Errorf("%d marks of one key", n)
	}
}

// A fault of the program that one roster brings out ends its job, and nothing else.
func TestImportPanics(t *testing.T) {
	o := newOffice(t)
	who := issuer.Staff{Credential: "key:0", Person: "key:0", Insurer: amc, Roles: []issuer.Role{issuer.RoleIssue}, Actor: "key:0"}
	job := must(o.issuer.NewImportJob(t.Context(), who, false, nil))(t)
	file := must(newSpool(t.TempDir(), strings.NewReader("x")))(t)
	o.server.imports.begin()
	o.faulty(1, true)
	if !o.server.startImport(who, job.ID, file, false, func() {}) {
		t.Fatal("not begun")
	}
	o.server.imports.work.Wait()
	if j := must(o.issuer.JobOf(t.Context(), amc, job.ID))(t); j.State != issuer.JobFailed || j.Fault != "internal" {
		t.Errorf("%+v", j)
	}
}

// Who asks for what is there already has read it: which cards a contract has, and in which state they are.
func TestNothingNewIsARead(t *testing.T) {
	o := newOffice(t)
	k := o.key(amc, issuer.RoleIssue, issuer.RoleRevoke)
	contracts, cards := o.cards(k, "N", 1)
	before := len(o.audits("person.read"))
	o.want(201, k, "POST", "/v1/cards", `{"contracts":["`+contracts[0]+`","`+contracts[0]+`"]}`)
	lines := o.audits("person.read")[before:]
	if len(lines) != 1 || strings.Count(string(lines[0].Detail), contracts[0]) != 1 {
		t.Errorf("%+v", lines)
	}
	o.want(200, k, "POST", "/v1/status-changes", `{"kind":"restore","contracts":["`+contracts[0]+`"]}`)
	if lines = o.audits("person.read")[before+1:]; len(lines) != 1 || !strings.Contains(string(lines[0].Detail), cards[0]) {
		t.Errorf("%+v", lines)
	}
	o.want(200, k, "POST", "/v1/status-changes", `{"kind":"suspend","cards":["`+cards[0]+`"]}`)
	if n := len(o.audits("person.read")); n != before+2 {
		t.Errorf("a change is journalled as a read: %d", n)
	}
	o.chain()
}

// What one insurer's request left unfinished is neither finished by another's nor in the other's part of the audit chain.
func TestUnfinishedCardsOfOthers(t *testing.T) {
	o := newOffice(t)
	k, other := o.key(amc, issuer.RoleIssue, issuer.RoleAudit), o.key(amc2, issuer.RoleIssue, issuer.RoleAudit)
	mine, theirs := o.contract(k, "U0000777"), o.contract(other, "U0000888")
	real := o.issuer.Store
	f := o.faulty(0, false)
	o.want(201, other, "POST", "/v1/cards", `{"contracts":["`+o.contract(other, "U0000999")+`"]}`)
	f.at = f.writes.Load() + 4 // once, its spending and reserving come before
	if a := o.ask(other, "POST", "/v1/cards", `{"contracts":["`+theirs+`"]}`); a.Code != 503 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	o.issuer.Store = real
	intents := func() (n int) {
		must(0, real.View(context.Background(), func(tx register.Tx) error {
			list, err := tx.Intents(10)
			n = len(list)
			return err
		}))(t)
		return n
	}
	if intents() != 1 {
		t.Fatal("nothing is unfinished: the test looks elsewhere")
	}
	o.want(201, k, "POST", "/v1/cards", `{"contracts":["`+mine+`"]}`)
	if n := len(o.audits("issue.resume")); n != 0 || intents() != 1 {
		t.Errorf("finished by another insurer's request: %d", n)
	}
	o.want(201, other, "POST", "/v1/cards", `{"contracts":["`+theirs+`"]}`)
	lines, _, err := o.issuer.AuditPage(context.Background(), amc2, 0, 1000)
	resumed := 0
	for _, l := range lines {
		if l.Act == "issue.resume" {
			resumed++
		}
	}
	if err != nil || resumed != 1 || intents() != 0 {
		t.Errorf("%d %v", resumed, err)
	}
}

// A place in a list that nobody can have is no fault of the service.
func TestPagesBehindNothing(t *testing.T) {
	o := newOffice(t)
	k := o.key("", issuer.RoleOperator)
	for _, path := range []string{"/v1/counters", "/v1/alarms", "/v1/api-keys", "/v1/invitations"} {
		for _, after := range []string{"%00", "%ff", "a%20b", strings.Repeat("%00", 128)} {
			o.problem(o.ask(k, "GET", path+"?after="+after, ""), 404, "unknown")
		}
	}
}

// A counter that is over its budget costs no write transaction.
func TestOverBudgetNothingIsWritten(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets.Counter = Budget{1, 5} })
	d := w.counter()
	s := &faultyStore{Store: w.issuer.Store}
	w.issuer.Store = s
	for range 30 {
		d.send("GET", "/v1/counter", "")
	}
	if n := s.writes.Load(); n != 5 {
		t.Errorf("%d write transactions of 5 requests that were answered", n)
	}
	w.pass(5 * time.Second)
	r := d.signed("GET", "/v1/counter", "", nil)
	if a := w.do(r.Clone(t.Context())); a.Code != 200 {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	w.problem(w.do(r), 401, "replayed")
}
