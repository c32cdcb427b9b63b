package issuer

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/rights"
	"sceau/signing/journal"
)

const amc2 = "302976568"

// sealedWorld is an operator with two insurers and an encrypted register.
func sealedWorld(t testing.TB) *world {
	t.Helper()
	w := empty(t)
	w.issuer.Store = sealed.New(w.store, must(sealed.NewKeys())(t)).Powers()
	must(w.issuer.Init(context.Background(), InitOptions{Insurers: []InsurerFacts{facts(amc), facts(amc2)}}))(t)
	return w
}

// staff are two people of the first insurer, one of the second, and the operator.
func (w *world) key(by *Staff, insurerKey string, roles ...Role) (Staff, string) {
	w.t.Helper()
	_, token, err := w.issuer.MakeKey(context.Background(), by, KeyRequest{Name: "test", Insurer: insurerKey, Roles: roles}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(w.issuer.AuthenticateKey(context.Background(), token))(w.t), token
}

var insurerRoles = []Role{RoleIssue, RoleRevoke, RoleRead, RoleAudit}

// made creates n contracts of a tenant and returns their pseudonyms.
func (w *world) made(who Staff, prefix string, n, people int) []string {
	w.t.Helper()
	var ids []string
	for i := range n {
		c := must(w.issuer.CreateContract(context.Background(), who, household(w.t, prefix+string(rune('A'+i/26%26))+string(rune('A'+i%26)), people, 0), nil))(w.t)
		ids = append(ids, c.ID)
	}
	return ids
}

// acts are the acts of the audit chain, oldest first.
func (w *world) acts(insurerKey string) []string {
	w.t.Helper()
	lines, _, err := w.issuer.AuditPage(context.Background(), insurerKey, 0, 1<<20)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, l := range lines {
		out = append(out, l.Act)
	}
	return out
}

// chain checks the audit chain.
func (w *world) chain() journal.Head {
	w.t.Helper()
	var head journal.Head
	w.view(func(tx register.Tx) (err error) { head, err = register.CheckAudit(tx); return err })
	return head
}

func (w *world) pass2(d time.Duration) { w.clock = w.clock.Add(d) }

func day(t testing.TB, s string) rights.Date { return must(rights.ParseDate(s))(t) }

func asJSON(t testing.TB, v any) string { return string(must(json.Marshal(v))(t)) }
