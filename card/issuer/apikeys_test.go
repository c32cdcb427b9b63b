package issuer

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
)

func TestKeyIsShownOnceAndKeptAsDigest(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	k, token, err := w.issuer.MakeKey(ctx, nil, KeyRequest{Name: "portail", Insurer: amc, Roles: []Role{RoleIssue}, Ends: day(t, "2026-12-31")}, nil)
	if err != nil || len(token) != tokenLen || !strings.HasPrefix(token, "sk_"+k.ID+"_") {
		t.Fatal(len(token), err)
	}
	w.view(func(tx register.Tx) error {
		d, err := tx.Document(kindKey, k.ID)
		if err != nil || strings.Contains(string(d.Data), token[20:]) {
			t.Error("the secret is kept", err)
		}
		return nil
	})
	who, err := w.issuer.AuthenticateKey(ctx, token)
	if err != nil || who.Insurer != amc || !who.Has(RoleIssue) || who.Has(RoleRevoke) || who.Actor != "key:"+k.ID {
		t.Fatal(who, err)
	}
	list, next, err := w.issuer.Keys(ctx, "*", "", 10)
	if err != nil || len(list) != 1 || next != "" || list[0].LastUse != day(t, "2026-12-01") || strings.Contains(asJSON(t, list), token[20:]) {
		t.Fatal(list, next, err)
	}
	head := w.chain()
	for range 5 { // only the first use of a day is written
		must(w.issuer.AuthenticateKey(ctx, token))(t)
	}
	w.clock = time.Date(2026, 12, 31, 22, 59, 59, 0, time.UTC) // last second of the last day, in Paris
	must(w.issuer.AuthenticateKey(ctx, token))(t)
	w.clock = w.clock.Add(time.Second)
	if _, err := w.issuer.AuthenticateKey(ctx, token); !errors.Is(err, ErrCredential) {
		t.Error("a key outlives its last day:", err)
	}
	if w.chain() != head {
		t.Error("authentication writes the audit chain")
	}
}

func TestKeyIsRefused(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	_, token := w.key(nil, amc, RoleIssue)
	_, other := w.key(nil, amc, RoleIssue)
	for name, bad := range map[string]string{
		"empty": "", "prefix": "pk" + token[2:], "short": token[:len(token)-1], "long": token + "0", "upper": strings.ToUpper(token),
		"secret":        token[:len(token)-1] + string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", token[len(token)-1])+1)%16]),
		"id of another": other[:20] + token[20:], "unknown id": "sk_0000000000000000_" + token[20:], "no separator": strings.Replace(token[3:], "_", "-", 1),
		"id not hexadecimal": "sk_../../../../../.._" + token[20:], "digest as token": "sk_" + digestOf(token),
	} {
		if _, err := w.issuer.AuthenticateKey(ctx, bad); !errors.Is(err, ErrCredential) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k, err := w.issuer.RevokeKey(ctx, token[3:19])
	if err != nil || k.Revoked.IsZero() {
		t.Fatal(k, err)
	}
	if _, err := w.issuer.AuthenticateKey(ctx, token); !errors.Is(err, ErrCredential) {
		t.Error("a revoked key is believed:", err)
	}
	w.pass2(time.Hour)
	if again, err := w.issuer.RevokeKey(ctx, k.ID); err != nil || !again.Revoked.Equal(k.Revoked) {
		t.Error(again, err)
	}
	if _, err := w.issuer.RevokeKey(ctx, "0123456789abcdef"); !errors.Is(err, ErrUnknownDocument) {
		t.Error(err)
	}
	must(w.issuer.AuthenticateKey(ctx, other))(t)
}

func TestKeyRequestsThatAreRefused(t *testing.T) {
	w := sealedWorld(t)
	for name, req := range map[string]KeyRequest{
		"no role":                     {Name: "a", Insurer: amc},
		"unknown role":                {Name: "a", Insurer: amc, Roles: []Role{"root"}},
		"counter's role":              {Name: "a", Insurer: amc, Roles: []Role{"counter"}},
		"role twice":                  {Name: "a", Insurer: amc, Roles: []Role{RoleIssue, RoleIssue}},
		"operator's role for insurer": {Name: "a", Insurer: amc, Roles: []Role{RoleOperator}},
		"insurer's role for operator": {Name: "a", Roles: []Role{RoleRead}},
		"operator who issues":         {Name: "a", Roles: []Role{RoleOperator, RoleIssue}},
		"no name":                     {Insurer: amc, Roles: []Role{RoleIssue}},
		"name with control":           {Name: "a\nb", Insurer: amc, Roles: []Role{RoleIssue}},
		"name too long":               {Name: strings.Repeat("a", 65), Insurer: amc, Roles: []Role{RoleIssue}},
		"unknown insurer":             {Name: "a", Insurer: "999999999", Roles: []Role{RoleIssue}},
	} {
		if _, token, err := w.issuer.MakeKey(context.Background(), nil, req, nil); err == nil || token != "" {
			t.Errorf("%s: made", name)
		}
	}
	if keys, _, err := w.issuer.Keys(context.Background(), "*", "", 10); err != nil || len(keys) > 0 {
		t.Error(keys, err)
	}
}

// T38 without the interface's own brake: whatever is tried, nothing opens, and the right key still does.
func TestHundredThousandWrongTokens(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	_, token := w.key(nil, amc, RoleIssue)
	r := rand.New(rand.NewPCG(1, 2))
	opened := 0
	for i := range 100_000 {
		b := []byte(token)
		for range 1 + i%3 { // right but for a few characters: of the secret, of the id, of both
			at := 3 + r.IntN(len(b)-3)
			if i%2 == 0 {
				at = 20 + r.IntN(len(b)-20)
			}
			b[at] = "0123456789abcdef_"[r.IntN(17)]
		}
		if string(b) == token {
			continue
		}
		if _, err := w.issuer.AuthenticateKey(ctx, string(b)); err == nil {
			opened++
		} else if !errors.Is(err, ErrCredential) {
			t.Fatal(err)
		}
	}
	if opened > 0 {
		t.Errorf("%d wrong tokens opened", opened)
	}
	must(w.issuer.AuthenticateKey(ctx, token))(t)
}

func TestSession(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	login := Login{Provider: "https://id.example", Subject: "jeanne.exemple", Insurer: amc, Roles: []Role{RoleRead}}
	secret := must(w.issuer.OpenSession(ctx, login))(t)
	who := must(w.issuer.Session(ctx, secret))(t)
	if who.Person != PersonOf(login.Provider, login.Subject) || who.Insurer != amc || strings.Contains(asJSON(t, who), "jeanne") {
		t.Fatalf("%+v", who)
	}
	for _, bad := range []string{"", secret[:42], secret + "A", strings.ToLower(secret), digestOf(secret)} {
		if _, err := w.issuer.Session(ctx, bad); !errors.Is(err, ErrCredential) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for range 20 { // busy: it lives past the idle limit
		w.pass2(15 * time.Minute)
		must(w.issuer.Session(ctx, secret))(t)
	}
	w.pass2(20 * time.Minute)
	if _, err := w.issuer.Session(ctx, secret); !errors.Is(err, ErrCredential) {
		t.Error("an idle session lives:", err)
	}
	secret = must(w.issuer.OpenSession(ctx, login))(t)
	for range 36 {
		w.pass2(14*time.Minute + 59*time.Second)
		must(w.issuer.Session(ctx, secret))(t)
	}
	w.pass2(36 * time.Second)
	if _, err := w.issuer.Session(ctx, secret); !errors.Is(err, ErrCredential) {
		t.Error("a session lives longer than a day's work:", err)
	}
	secret, other := must(w.issuer.OpenSession(ctx, login))(t), must(w.issuer.OpenSession(ctx, login))(t)
	if err := w.issuer.CloseSession(ctx, secret); err != nil {
		t.Fatal(err)
	}
	if err := w.issuer.CloseSession(ctx, secret); err != nil {
		t.Fatal(err)
	}
	if _, err := w.issuer.Session(ctx, secret); !errors.Is(err, ErrCredential) {
		t.Error("logged out, and believed:", err)
	}
	must(w.issuer.Session(ctx, other))(t)
	if n, err := w.issuer.CloseSessions(ctx, PersonOf(login.Provider, login.Subject)); err != nil || n < 1 {
		t.Error(n, err)
	}
	for _, bad := range []Login{{}, {Provider: "p", Subject: "s", Insurer: amc}, {Provider: "p", Subject: "s", Insurer: "999999999", Roles: []Role{RoleRead}},
		{Provider: "p", Subject: "s", Insurer: amc, Roles: []Role{RoleOperator}}, {Provider: "p", Insurer: amc, Roles: []Role{RoleRead}}} {
		if s, err := w.issuer.OpenSession(ctx, bad); err == nil || s != "" {
			t.Errorf("%+v is let in", bad)
		}
	}
	w.chain()
}
