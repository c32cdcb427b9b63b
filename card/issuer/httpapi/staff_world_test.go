package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/signing/keystore"
)

const amc2 = "302976568"

// office is an operator with two insurers, an encrypted register, and programs that ask.
type office struct {
	*world
	n int // of idempotency keys
}

func newOffice(t testing.TB, options ...func(*Options)) *office {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: begin}
	pass := keystore.NewPassphrase()
	w.online = must(keystore.Create(filepath.Join(w.dir, "online"), pass, keystore.Options{ScryptLogN: 10}))(t)
	offline := must(keystore.Create(filepath.Join(w.dir, "offline"), pass, keystore.Options{ScryptLogN: 10}))(t)
	w.store = must(sqlite.Create(filepath.Join(w.dir, "register.db"), sqlite.Options{}))(t)
	t.Cleanup(func() { w.store.Close() })
	w.issuer = &issuer.Issuer{Store: sealed.New(w.store, must(sealed.NewKeys())(t)).Powers(), Online: w.online, Offline: offline, Now: w.now, Actor: "test"}
	must(w.issuer.Init(context.Background(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{
		{AMC: amc, Name: "Mutuelle Exemple", PhoneProfessionals: "01 23 45 67 89"}, {AMC: amc2, Name: "Mutuelle du Littoral", PhoneProfessionals: "01 23 45 67 88"}}}))(t)
	o := &office{world: w}
	o.open(options...)
	return o
}

// open makes another server on the same register.
func (o *office) open(options ...func(*Options)) {
	o.t.Helper()
	spool := o.t.TempDir()
	all := Options{Issuer: o.issuer, PublicURL: origin, Now: o.now, Log: slog.New(slog.NewJSONHandler(spokenLog{}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Staff: NewStaff(o.issuer), Office: Office{Spool: spool}, Budgets: Budgets{Staff: Budget{1e6, 1e6}, Guess: Budget{1e6, 1e6}, Public: Budget{1e6, 1e6}}}
	for _, change := range options {
		change(&all)
	}
	o.server = must(New(all))(o.t)
	server := o.server
	o.t.Cleanup(server.StopImports)
}

// key makes an API key in a terminal.
func (o *office) key(insurer string, roles ...issuer.Role) string {
	o.t.Helper()
	_, token, err := o.issuer.MakeKey(context.Background(), nil, issuer.KeyRequest{Name: "test", Insurer: insurer, Roles: roles}, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return secret("API key", token)
}

var everyInsurerRole = []issuer.Role{issuer.RoleIssue, issuer.RoleRevoke, issuer.RoleRead, issuer.RoleAudit, issuer.RolePublish}

// ask sends a request with a key, and a new idempotency key where it makes something.
func (o *office) ask(token, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	o.t.Helper()
	return o.do(o.request(token, method, path, body, headers...))
}

func (o *office) request(token, method, path, body string, headers ...string) *http.Request {
	r := plainRequest(method, path, body)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		o.n++
		r.Header.Set("Idempotency-Key", fmt.Sprintf("key-%08d", o.n))
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

// want asks and wants a status; it returns the decoded answer.
func (o *office) want(status int, token, method, path, body string, headers ...string) map[string]any {
	o.t.Helper()
	a := o.ask(token, method, path, body, headers...)
	if a.Code != status {
		o.t.Fatalf("%s %s: %d %s", method, path, a.Code, a.Body)
	}
	var out map[string]any
	if a.Body.Len() > 0 && strings.Contains(a.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.Body.Bytes(), &out); err != nil {
			o.t.Fatal(err)
		}
	}
	return out
}

// household is the body of a new contract; secrets of it are looked for in every log.
func household(adherent string) string {
	secret("N° adhérent", adherent)
	return fmt.Sprintf(`{"adherent":%q,%s}`, adherent, people())
}

func people() string {
	secret("name", "ZORGLUBINE")
	secret("name", "Wilhelmine")
	secret("NIR", "189127512501282")
	return `"convention":["SP"],"responsable":true,"debut":"2027-01-01","fin":"2027-12-31","beneficiaires":[{"nir":"189127512501282","nom":"ZORGLUBINE","prenom":"Wilhelmine",` +
		`"naissance":"19891213","garanties":[{"domaine":"PHAR","valeur":"100%"},{"domaine":"HOSP","valeur":"PEC"}]}]`
}

// contract makes a contract and returns its pseudonym.
func (o *office) contract(token, adherent string) string {
	o.t.Helper()
	return o.want(201, token, "POST", "/v1/contracts", household(adherent))["id"].(string)
}

// cards makes n contracts with a card each.
func (o *office) cards(token, prefix string, n int) (contracts, cards []string) {
	o.t.Helper()
	for i := range n {
		contracts = append(contracts, o.contract(token, fmt.Sprintf("%sXQ%05d", prefix, i)))
	}
	out := o.want(201, token, "POST", "/v1/cards", `{"contracts":["`+strings.Join(contracts, `","`)+`"]}`)
	for _, c := range out["cards"].([]any) {
		cards = append(cards, c.(map[string]any)["card"].(string))
	}
	return contracts, cards
}

// audits are the entries of an act.
func (o *office) audits(act string) []issuer.AuditLine {
	o.t.Helper()
	lines, _, err := o.issuer.AuditPage(context.Background(), "*", 0, 1<<20)
	if err != nil {
		o.t.Fatal(err)
	}
	var out []issuer.AuditLine
	for _, l := range lines {
		if l.Act == act {
			out = append(out, l)
		}
	}
	return out
}

// chain checks the audit chain.
func (o *office) chain() {
	o.t.Helper()
	err := o.issuer.Store.View(context.Background(), func(tx register.Tx) error { _, err := register.CheckAudit(tx); return err })
	if err != nil {
		o.t.Error(err)
	}
}
