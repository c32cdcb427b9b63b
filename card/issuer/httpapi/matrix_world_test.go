// Everybody who may ask, and for every route a request that succeeds for who has the right to it: two insurers, two counters, an
// operator.

package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/rights"
)

// somebodyAsking is one principal of the matrix. believed says whether the service should know them at all.
type somebodyAsking struct {
	name     string
	insurer  string // "" for the operator and for counters
	role     Role   // "" for who is nobody
	counter  *device
	believed bool
	refusal  string // code for a counter whose credential is genuine and withdrawn
	prove    func(m *matrix, r *http.Request, body string)
}

// matrixRequest is a request for something of the owner: insurer A, counter 1, or the operator.
type matrixRequest struct {
	path, body string
	headers    []string
	status     int             // 0 is 200
	absent     [2]string       // path and body for something that nobody has, when the request names something
	marks      []string        // what the owner's answer may hold and nobody else's
	narrow     []Role          // the roles that may, when this case lets fewer in than the route does
	auth       string          // the request's own credential: nobody else's does
	once       bool            // what succeeds uses it up
	after      func(as string) // after a success
	elsewhere  string          // the test that makes it succeed, when no single request does
}

type matrix struct {
	*office
	spend          string // a key of A with every role, which makes what is asked for; its person isn't among those who ask
	both           string // the same of B
	one, two       *device
	ended, paused  *device
	everybody      []somebodyAsking
	serial         int
	contract, card string // of A: they stay
	job            string
	text           string // of A's card
	db             *sql.DB
	reported       []string
}

// matrixProvider answers where people log in, as far as the first redirect.
type matrixProvider struct{}

func (matrixProvider) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "id.example" || r.URL.Path != "/.well-known/openid-configuration" {
		return nil, errors.New("nobody is there")
	}
	body := `{"issuer":"https://id.example","authorization_endpoint":"https://id.example/auth","token_endpoint":"https://id.example/token","jwks_uri":"https://id.example/keys","response_types_supported":["code"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES256"]}`
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func newMatrix(t testing.TB) *matrix {
	t.Helper()
	people := must(NewOIDC(OIDCConfig{Issuer: "https://id.example", ClientID: "sceau", Redirect: origin + "/callback", Insurers: map[string]string{"a": amc}, Roles: map[string][]Role{"r": {RoleRead}},
		Client: &http.Client{Transport: matrixProvider{}}}))(t)
	m := &matrix{office: newOffice(t, func(o *Options) { o.Budgets, o.Office.People, o.Campaigns.Destination = generous, people, "files" })}
	m.issuer.Limits = issuer.Limits{StatusChanges: 100_000, Cards: 100_000}
	m.spend, m.both = m.key(amc, everyInsurerRole...), m.key(amc2, everyInsurerRole...)
	m.one, m.two, m.ended, m.paused = m.counter(), m.counter(), m.counter(), m.counter()
	must(m.issuer.RevokeCounter(context.Background(), m.ended.id(), "lost"))(t)
	must(m.issuer.SuspendCounter(context.Background(), m.paused.id(), "test"))(t)
	contracts, cards := m.cards(m.spend, "MX", 1)
	m.cards(m.both, "MY", 1)
	m.contract, m.card = contracts[0], cards[0]
	m.text = strings.TrimSpace(m.ask(m.spend, "GET", "/v1/cards/"+m.card+"/code.txt", "").Body.String())
	must(m.issuer.Publish(context.Background(), m.now()))(t)
	m.refresh()
	m.job = m.want(202, m.spend, "POST", "/v1/imports", rosterOf(amc, 9, 4), "Content-Type", "text/csv")["id"].(string)
	m.over(m.spend, m.job)
	m.db = must(sql.Open("sqlite", "file:"+filepath.Join(m.dir, "register.db")+"?mode=ro"))(t)
	t.Cleanup(func() { m.db.Close() })
	m.receipts()
	m.gather()
	return m
}

// receipts gives A something that each report speaks of.
func (m *matrix) receipts() {
	m.t.Helper()
	place := must(card.ParsePlace(m.card))(m.t)
	var rows []register.Receipt
	c := newChain(m.t, m.now())
	for i := range 8 {
		c.check(i, m.now())
		e, who := c.entries[len(c.entries)-1], []*device{m.one, m.ended, m.paused}[i%3].id()
		row := register.Receipt{Device: c.id, Seq: e.Seq, Hash: e.Hash(), Entry: e.Encode(), Counter: who, Arrived: m.now(), At: m.now().Add(time.Duration(i-30) * time.Minute).Truncate(time.Second),
			Insurer: amc, Place: place, Care: rights.DateAt(m.now()), Domain: "PHAR", Mode: receipt.Offline, Status: "valid", Age: 9 * 86400, Answer: register.Disputed, Reason: "CARD_ENDED"}
		rows = append(rows, row)
	}
	m.reported = []string{m.one.id(), m.ended.id(), `"` + m.card + `"`, ";" + m.card, ">" + m.card}
	err := m.issuer.Store.Update(context.Background(), func(tx register.Tx) error {
		if _, err := tx.AddReceipts(rows); err != nil {
			return err
		}
		data := fmt.Sprintf(`{"source":"journal","device":"%032x","at":%q,"code":"FORK","from":412,"to":412,"insurers":[%q]}`, 7, m.now().Add(-time.Hour).Format(time.RFC3339), amc)
		return tx.PutDocument(register.Document{Kind: "alarm", ID: "journal.X.1", Owner: m.one.id(), Version: 1, Data: []byte(data)})
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// gather names everybody: each role alone with each kind of credential, and those who are nobody.
func (m *matrix) gather() {
	m.t.Helper()
	ctx := context.Background()
	bearer := func(token string) func(*matrix, *http.Request, string) {
		return func(_ *matrix, r *http.Request, _ string) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	session := func(name, insurer string, roles ...issuer.Role) func(*matrix, *http.Request, string) {
		open := func() string {
			return secret("cookie", must(m.issuer.OpenSession(ctx, issuer.Login{Provider: "https://id.example", Subject: name, Insurer: insurer, Roles: roles}))(m.t))
		}
		lasting := open()
		return func(_ *matrix, r *http.Request, _ string) {
			value := lasting
			if r.URL.Path == "/logout" {
				value = open()
			}
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: value})
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
	}
	for _, tenant := range []string{amc, amc2, ""} {
		for _, role := range issuer.Roles() {
			if issuer.CheckRoles(tenant, []issuer.Role{role}) != nil {
				continue
			}
			who := map[string]string{amc: "A", amc2: "B", "": "operator"}[tenant] + " " + string(role)
			m.everybody = append(m.everybody,
				somebodyAsking{name: who + " key", insurer: tenant, role: Role(role), believed: true, prove: bearer(m.key(tenant, role))},
				somebodyAsking{name: who + " session", insurer: tenant, role: Role(role), believed: true, prove: session(who, tenant, role)})
		}
	}
	signed := func(d *device) func(*matrix, *http.Request, string) {
		return func(m *matrix, r *http.Request, body string) {
			r.Header.Set("Authorization", d.signed(r.Method, pathOf(r.URL), body, nil).Header.Get("Authorization"))
		}
	}
	m.everybody = append(m.everybody,
		somebodyAsking{name: "counter 1", role: RoleCounter, counter: m.one, believed: true, prove: signed(m.one)},
		somebodyAsking{name: "counter 2", role: RoleCounter, counter: m.two, believed: true, prove: signed(m.two)},
		somebodyAsking{name: "counter revoked", role: RoleCounter, counter: m.ended, refusal: "revoked", prove: signed(m.ended)},
		somebodyAsking{name: "counter suspended", role: RoleCounter, counter: m.paused, refusal: "suspended", prove: signed(m.paused)},
		somebodyAsking{name: "counter unknown", prove: signed(m.device())},
		somebodyAsking{name: "nobody", prove: func(*matrix, *http.Request, string) {}})
	// Everything that was a credential once, or is one in another place.
	withdrawn, id := m.key(amc, everyInsurerRole...), ""
	id, _, _ = strings.Cut(strings.TrimPrefix(withdrawn, "sk_"), "_")
	must(m.issuer.RevokeKey(ctx, id))(m.t)
	_, over, err := m.issuer.MakeKey(ctx, nil, issuer.KeyRequest{Name: "over", Insurer: amc, Roles: everyInsurerRole, Ends: rights.DateAt(m.now()) - 1}, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	closed := must(m.issuer.OpenSession(ctx, issuer.Login{Provider: "https://id.example", Subject: "gone", Insurer: amc, Roles: everyInsurerRole}))(m.t)
	if err := m.issuer.CloseSession(ctx, closed); err != nil {
		m.t.Fatal(err)
	}
	alive := must(m.issuer.OpenSession(ctx, issuer.Login{Provider: "https://id.example", Subject: "alive", Insurer: amc, Roles: everyInsurerRole}))(m.t)
	operators := m.key("", issuer.RoleOperator)
	cookie := func(value string) func(*matrix, *http.Request, string) {
		return func(_ *matrix, r *http.Request, _ string) {
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: value})
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
	}
	raw := func(text string) func(*matrix, *http.Request, string) {
		return func(_ *matrix, r *http.Request, _ string) { r.Header.Set("Authorization", text) }
	}
	m.everybody = append(m.everybody,
		somebodyAsking{name: "key withdrawn", prove: bearer(withdrawn)},
		somebodyAsking{name: "key over", prove: bearer(secret("API key", over))},
		somebodyAsking{name: "session closed", prove: cookie(closed)},
		somebodyAsking{name: "session as a key", prove: bearer(alive)},
		somebodyAsking{name: "key as a session", prove: cookie(m.spend)},
		somebodyAsking{name: "key as a signed request", prove: raw("Sceau " + m.spend)},
		somebodyAsking{name: "operator's key with other case", prove: bearer(strings.ToUpper(operators))},
		somebodyAsking{name: "basic", prove: raw("Basic " + operators)},
		somebodyAsking{name: "two keys", prove: func(_ *matrix, r *http.Request, _ string) {
			r.Header["Authorization"] = []string{"Bearer " + m.spend, "Bearer " + operators}
		}},
		somebodyAsking{name: "signed request as a key", prove: func(m *matrix, r *http.Request, body string) {
			token := m.one.signed(r.Method, pathOf(r.URL), body, nil).Header.Get("Authorization")
			r.Header.Set("Authorization", "Bearer"+strings.TrimPrefix(token, "Sceau"))
		}},
		somebodyAsking{name: "counter 1, signed for another path", prove: func(m *matrix, r *http.Request, body string) {
			r.Header.Set("Authorization", m.one.signed(r.Method, "/v1/other", body, nil).Header.Get("Authorization"))
		}})
}

// send asks as somebody.
func (m *matrix) send(who *somebodyAsking, route RouteInfo, q matrixRequest, path, body string) *httptest.ResponseRecorder {
	m.t.Helper()
	r := plainRequest(route.Method, path, body)
	if route.Method == "POST" {
		m.n++
		r.Header.Set("Idempotency-Key", fmt.Sprintf("matrix-%08d", m.n))
	}
	for i := 0; i < len(q.headers); i += 2 {
		r.Header.Set(q.headers[i], q.headers[i+1])
	}
	who.prove(m, r, body)
	return m.do(r)
}

// digest is the state of the register, without the journal of who asked and what credentials' use leaves.
func (m *matrix) digest() [32]byte {
	m.t.Helper()
	h := sha256.New()
	column := func(query string, args ...any) (out []string) {
		rows := must(m.db.Query(query, args...))(m.t)
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				m.t.Fatal(err)
			}
			out = append(out, s)
		}
		if err := rows.Err(); err != nil {
			m.t.Fatal(err)
		}
		return out
	}
	tables := column(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	if len(tables) < 10 {
		m.t.Fatalf("%d tables", len(tables))
	}
	for _, table := range tables {
		where := ""
		switch table {
		case "audit", "audit_head", "request":
			continue
		case "document":
			where = ` WHERE kind NOT IN ('session', 'api-key')`
		}
		var cells []string
		for _, name := range column(`SELECT name FROM pragma_table_info(?)`, table) {
			cells = append(cells, `quote("`+name+`")`)
		}
		rows := column(`SELECT ` + strings.Join(cells, ` || ',' || `) + ` FROM "` + table + `"` + where)
		slices.Sort(rows)
		fmt.Fprintln(h, table, rows)
	}
	return [32]byte(h.Sum(nil))
}

func member(m *matrix, a *httptest.ResponseRecorder, name string) string {
	m.t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.Body.Bytes(), &out); err != nil {
		m.t.Fatalf("%d %s", a.Code, a.Body)
	}
	s, _ := out[name].(string)
	return s
}

// fresh is a number that no contract has yet.
func (m *matrix) fresh() string { m.serial++; return fmt.Sprintf("MF%06d", m.serial) }

var cardNumber = regexp.MustCompile(`card [0-9]{1,10}-[0-9]{1,7}`)

// sameAnswer compares two answers, but for the name of what each was asked about.
func sameAnswer(a, b *httptest.ResponseRecorder, ids ...string) bool {
	flat := func(a *httptest.ResponseRecorder) string {
		var h bytes.Buffer
		_ = a.Header().Write(&h)
		text := fmt.Sprint(a.Code, h.String(), a.Body.String())
		text = strings.ReplaceAll(text, a.Header().Get("X-Request-Id"), "REQUEST")
		for _, id := range ids {
			if len(id) > 2 {
				text = strings.ReplaceAll(text, id, "ID")
			}
		}
		return cardNumber.ReplaceAllString(text, "card ID")
	}
	return flat(a) == flat(b)
}
