package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sceau/card/issuer"
	"sceau/card/register"
)

func TestContractsOverTheInterface(t *testing.T) {
	o := newOffice(t)
	k, other := o.key(amc, everyInsurerRole...), o.key(amc2, everyInsurerRole...)
	id := o.contract(k, "A0001777")
	if strings.Contains(id, "0001777") {
		t.Error("the pseudonym is the number")
	}
	a := o.ask(k, "GET", "/v1/contracts/"+id, "")
	var read ContratLu
	if err := json.Unmarshal(a.Body.Bytes(), &read); err != nil || a.Code != 200 || a.Header().Get("ETag") != `"1"` || a.Header().Get("Cache-Control") != "no-store" {
		t.Fatal(a.Code, a.Body, err)
	}
	if b := read.Beneficiaires; read.Adherent != "A0001777" || read.AMC != amc || len(b) != 1 || b[0].NIR != "189127512501282" || len(b[0].Garanties) != 2 || b[0].Garanties[1] != (Garantie{"PHAR", "100%"}) {
		t.Errorf("%+v", read)
	}
	if n := len(o.audits("person.read")); n != 1 {
		t.Errorf("%d reads in the journal", n)
	}
	// By its number, in a body; what is not there leaves a trace as well.
	if got := o.want(200, k, "POST", "/v1/contract-searches", `{"adherent":"A0001777"}`); got["id"] != id {
		t.Error(got)
	}
	o.problem(o.ask(k, "POST", "/v1/contract-searches", `{"adherent":"A0001778"}`), 404, "unknown_contract")
	o.problem(o.ask(other, "POST", "/v1/contract-searches", `{"adherent":"A0001777"}`), 404, "unknown_contract")
	reads := o.audits("person.read")
	if len(reads) != 4 || !strings.Contains(string(reads[2].Detail), `"found":false`) || reads[3].Actor == reads[0].Actor {
		t.Errorf("%d reads in the journal", len(reads))
	}
	for _, l := range reads {
		if strings.Contains(string(l.Detail), "0001777") || strings.Contains(string(l.Detail), "ZORG") {
			t.Errorf("the journal names a person: %s", l.Detail)
		}
	}

	change := "{" + strings.Replace(people(), "100%", "120%", 1) + "}"
	o.problem(o.ask(k, "PUT", "/v1/contracts/"+id, change), 428, "if_match")
	for _, tag := range []string{`"2"`, `*`, `W/"1"`, `1`, `"01"`, `"-1"`, `"1", "2"`} {
		o.problem(o.ask(k, "PUT", "/v1/contracts/"+id, change, "If-Match", tag), 412, "changed")
	}
	if a := o.ask(k, "PUT", "/v1/contracts/"+id, change, "If-Match", `"1"`); a.Code != 200 || a.Header().Get("ETag") != `"2"` || strings.Contains(a.Body.String(), "ZORG") {
		t.Error(a.Code, a.Body)
	}
	o.problem(o.ask(k, "PUT", "/v1/contracts/"+id, change, "If-Match", `"1"`), 412, "changed")
	if got := o.want(200, k, "POST", "/v1/contracts/"+id+"/closure", `{"fin":"2027-06-30"}`, "If-Match", `"2"`); got["revision"] != 3.0 {
		t.Error(got)
	}
	o.problem(o.ask(k, "POST", "/v1/contracts/"+id+"/closure", `{"fin":"2020-06-30"}`, "If-Match", `"3"`), 422, "contract")
	// Another insurer's is not there, whatever is done with it.
	for _, r := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"PUT", "", change}, {"POST", "/closure", `{"fin":"2027-05-31"}`}, {"GET", "/cards", ""},
	} {
		o.problem(o.ask(other, r.method, "/v1/contracts/"+id+r.path, r.body, "If-Match", `"3"`), 404, "unknown_contract")
	}
	o.chain()
}

func TestBodiesThatAreRefused(t *testing.T) {
	o := newOffice(t)
	k := o.key(amc, everyInsurerRole...)
	good := household("A0002777")
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"insurer in the body":    {`{"amc":"302976568",` + good[1:], 422, "field"},
		"revision in the body":   {`{"revision":7,` + good[1:], 422, "field"},
		"id in the body":         {`{"id":"AAAAAAAAAAAAAAAA",` + good[1:], 422, "field"},
		"wrong NIR":              {strings.Replace(good, "189127512501282", "189127512501283", 1), 422, "field"},
		"script for a name":      {strings.Replace(good, "ZORGLUBINE", "<script>", 1), 422, "contract"},
		"day that there is not":  {strings.Replace(good, "2027-12-31", "2027-02-31", 1), 422, "field"},
		"unknown domain":         {strings.Replace(good, "PHAR", "XXXX", 1), 422, "contract"},
		"guarantee of no form":   {strings.Replace(good, "100%", "beaucoup", 1), 422, "field"},
		"domain twice":           {strings.Replace(good, "HOSP", "PHAR", 1), 422, "field"},
		"member twice":           {`{"adherent":"B",` + good[1:], 400, "body"},
		"member with capitals":   {strings.Replace(good, `"adherent"`, `"Adherent"`, 1), 400, "body"},
		"null":                   {strings.Replace(good, `true`, `null`, 1), 400, "body"},
		"not JSON":               {`adherent=A`, 400, "body"},
		"number for text":        {strings.Replace(good, `"A0002777"`, `1`, 1), 422, "field"},
		"nobody":                 {`{"adherent":"A1","debut":"2027-01-01","fin":"2027-12-31","beneficiaires":[]}`, 422, "field"},
		"thirteen":               {strings.Replace(good, `"beneficiaires":[`, `"beneficiaires":[`+strings.Repeat(`{"nom":"A","prenom":"B","naissance":"19800101","garanties":[]},`, 12), 1), 422, "field"},
		"number with a letter é": {strings.Replace(good, "A0002777", "É", 1), 422, "contract"},
	} {
		a := o.ask(k, "POST", "/v1/contracts", c.body)
		if p := o.problem(a, c.status, c.code); t.Failed() {
			t.Fatalf("%s: %+v", name, p)
		}
		for _, value := range []string{"0002777", "ZORG", "18912", "beaucoup", "script"} {
			if strings.Contains(a.Body.String(), value) {
				t.Errorf("%s: the answer quotes what was sent: %s", name, a.Body)
			}
		}
	}
	o.problem(o.ask(k, "POST", "/v1/contracts", good, "Content-Type", "text/plain"), 415, "media")
	o.problem(o.ask(k, "POST", "/v1/contracts", good+strings.Repeat(" ", maxContractBody)), 413, "too_long")
	o.problem(o.ask(k, "GET", "/v1/contracts/"+strings.Repeat("A", 16)+"?adherent=1", ""), 422, "field")
	if _, err := o.issuer.FindContract(context.Background(), issuer.Staff{Insurer: amc}, "A0002777"); !errors.Is(err, issuer.ErrUnknownContract) {
		t.Error("something of it was stored:", err)
	}
}

func TestCardsOverTheInterface(t *testing.T) {
	o := newOffice(t)
	k, other := o.key(amc, everyInsurerRole...), o.key(amc2, everyInsurerRole...)
	contracts, cards := o.cards(k, "A", 3)
	if again := o.want(201, k, "POST", "/v1/cards", `{"contracts":["`+strings.Join(contracts, `","`)+`"]}`); len(again["cards"].([]any)) != 3 {
		t.Error(again)
	}
	for form, begins := range map[string]string{"letter.pdf": "%PDF-", "card.pdf": "%PDF-", "code.png": "\x89PNG", "code.txt": "TP", "card.jws": "eyJ"} {
		before := len(o.audits("person.read"))
		a := o.ask(k, "GET", "/v1/cards/"+cards[0]+"/"+form, "")
		if a.Code != 200 || !bytes.HasPrefix(a.Body.Bytes(), []byte(begins)) || a.Header().Get("Cache-Control") != "no-store" || strings.Contains(a.Header().Get("Content-Disposition"), "ZORG") {
			t.Errorf("%s: %d %s", form, a.Code, a.Header())
		}
		if len(o.audits("person.read")) != before+1 {
			t.Errorf("%s is not journalled", form)
		}
		o.problem(o.ask(other, "GET", "/v1/cards/"+cards[0]+"/"+form, ""), 404, "unknown_card")
		o.problem(o.ask(k, "GET", "/v1/cards/9-1/"+form, ""), 404, "unknown_card")
		o.problem(o.ask(k, "GET", "/v1/cards/x/"+form, ""), 422, "field")
		o.problem(o.ask(k, "GET", "/v1/cards/"+cards[0]+"/"+form+"?a=b", ""), 422, "field")
		o.problem(o.ask("", "GET", "/v1/cards/"+cards[0]+"/"+form, ""), 401, "credential")
	}
	made := o.want(201, k, "POST", "/v1/cards/"+cards[0]+"/reprints", `{}`)["cards"].([]any)[0].(map[string]any)
	if made["replaces"] != cards[0] || made["state"] != "live" {
		t.Error(made)
	}
	o.problem(o.ask(k, "POST", "/v1/cards/"+cards[0]+"/reprints", `{}`), 409, "state")
	o.problem(o.ask(other, "POST", "/v1/cards/"+cards[1]+"/reprints", `{}`), 404, "unknown_card")
	o.problem(o.ask(k, "GET", "/v1/cards/"+cards[0]+"/letter.pdf", ""), 409, "state")
	if list := o.want(200, k, "GET", "/v1/contracts/"+contracts[0]+"/cards", "")["cards"].([]any); len(list) != 2 {
		t.Error(list)
	}
	if c := o.want(200, k, "GET", "/v1/cards/"+cards[0], ""); c["state"] != "replaced" || c["contract"] != contracts[0] {
		t.Error(c)
	}
	o.problem(o.ask(other, "GET", "/v1/cards/"+cards[0], ""), 404, "unknown_card")
	o.problem(o.ask(other, "POST", "/v1/cards", `{"contracts":["`+contracts[0]+`"]}`), 404, "unknown_contract")
	o.chain()
}

func TestStatusChangesAndApprovals(t *testing.T) {
	o := newOffice(t)
	o.issuer.Limits.StatusChanges = 3
	o.open()
	k, second, reader, other := o.key(amc, everyInsurerRole...), o.key(amc, issuer.RoleRevoke), o.key(amc, issuer.RoleRead), o.key(amc2, everyInsurerRole...)
	contracts, cards := o.cards(k, "A", 6)
	list := func(cards ...string) string { return `["` + strings.Join(cards, `","`) + `"]` }

	if got := o.want(200, k, "POST", "/v1/status-changes", `{"kind":"suspend","cards":`+list(cards[0])+`,"class":"loss"}`); got["changes"].([]any)[0].(map[string]any)["state"] != "suspended" {
		t.Error(got)
	}
	if got := o.want(200, k, "POST", "/v1/status-changes", `{"kind":"restore","contracts":`+list(contracts[0])+`}`); got["changes"].([]any)[0].(map[string]any)["recorded"] != true {
		t.Error(got)
	}
	for name, c := range map[string]struct {
		who, body string
		status    int
		code      string
	}{
		"nothing named":     {k, `{"kind":"revoke"}`, 422, "field"},
		"unknown kind":      {k, `{"kind":"void","cards":` + list(cards[0]) + `}`, 422, "field"},
		"unknown card":      {k, `{"kind":"revoke","cards":["9-9"]}`, 404, "unknown_card"},
		"one unknown":       {k, `{"kind":"revoke","cards":` + list(cards[0], "9-9") + `}`, 404, "unknown_card"},
		"another insurer's": {other, `{"kind":"revoke","cards":` + list(cards[0]) + `}`, 404, "unknown_card"},
		"their contract":    {other, `{"kind":"revoke","contracts":` + list(contracts[0]) + `}`, 404, "unknown_contract"},
		"no role":           {reader, `{"kind":"revoke","cards":` + list(cards[0]) + `}`, 403, "role"},
		"class of words":    {k, `{"kind":"revoke","cards":` + list(cards[0]) + `,"class":"Mme Exemple"}`, 422, "field"},
	} {
		o.problem(o.ask(c.who, "POST", "/v1/status-changes", c.body), c.status, c.code)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	waits := o.want(202, k, "POST", "/v1/status-changes", `{"kind":"revoke","cards":`+list(cards...)+`}`)["approval"].(map[string]any)
	id := waits["id"].(string)
	if waits["cards"] != 6.0 || waits["state"] != "open" {
		t.Error(waits)
	}
	o.problem(o.ask(k, "POST", "/v1/approvals/"+id+"/accept", ""), 403, "same_person")
	o.problem(o.ask(other, "POST", "/v1/approvals/"+id+"/accept", ""), 404, "unknown")
	o.problem(o.ask(reader, "POST", "/v1/approvals/"+id+"/accept", ""), 403, "role")
	o.problem(o.ask(other, "GET", "/v1/approvals/"+id, ""), 404, "unknown")
	if got := o.want(200, second, "GET", "/v1/approvals/"+id, ""); len(got["numbers"].([]any)) != 6 {
		t.Error(got)
	}
	if got := o.want(200, other, "GET", "/v1/approvals", ""); len(got["approvals"].([]any)) != 0 {
		t.Error("another insurer sees", got)
	}
	if got := o.want(200, second, "POST", "/v1/approvals/"+id+"/accept", ""); got["state"] != "accepted" {
		t.Error(got)
	}
	o.problem(o.ask(second, "POST", "/v1/approvals/"+id+"/refuse", ""), 409, "decided")
	if c := o.want(200, k, "GET", "/v1/cards/"+cards[5], ""); c["state"] != "void" {
		t.Error(c)
	}
	if got := o.want(201, k, "POST", "/v1/publications", ""); got["version"] != 2.0 {
		t.Error(got)
	}
	if got := o.want(201, k, "POST", "/v1/publications", ""); got["version"] != 2.0 {
		t.Error("nothing is pending, and another version was published:", got)
	}
	if got := o.want(200, second, "GET", "/v1/publications/last", ""); got["version"] != 2.0 {
		t.Error(got)
	}
	o.problem(o.ask(second, "POST", "/v1/publications", ""), 403, "role")
	o.chain()
}

// Keys that one credential makes are one pair of eyes, over the interface too.
func TestKeysOfOneMakerAreOnePairOfEyes(t *testing.T) {
	o := newOffice(t)
	o.issuer.Limits.StatusChanges = 1
	o.open()
	operator := o.key("", issuer.RoleOperator)
	make := func() (string, string) {
		got := o.want(201, operator, "POST", "/v1/api-keys", `{"name":"portail","insurer":"`+amc+`","roles":["issue","revoke","read"]}`)
		return secret("API key", got["token"].(string)), got["id"].(string)
	}
	a, _ := make()
	b, bid := make()
	_, cards := o.cards(a, "A", 3)
	id := o.want(202, a, "POST", "/v1/status-changes", `{"kind":"revoke","cards":["`+strings.Join(cards, `","`)+`"]}`)["approval"].(map[string]any)["id"].(string)
	o.problem(o.ask(b, "POST", "/v1/approvals/"+id+"/accept", ""), 403, "same_person")
	// And splitting over both doesn't help.
	o.want(200, a, "POST", "/v1/status-changes", `{"kind":"revoke","cards":["`+cards[0]+`"]}`)
	o.want(202, b, "POST", "/v1/status-changes", `{"kind":"revoke","cards":["`+cards[1]+`"]}`)

	o.want(200, operator, "POST", "/v1/api-keys/"+bid+"/revoke", "")
	o.problem(o.ask(b, "GET", "/v1/approvals", ""), 401, "credential")
	o.problem(o.ask(a, "GET", "/v1/api-keys", ""), 403, "role")
	o.problem(o.ask(a, "POST", "/v1/api-keys", `{"name":"x","insurer":"`+amc+`","roles":["issue"]}`), 403, "role")
	for name, body := range map[string]string{
		"operator's role for an insurer":  `{"name":"x","insurer":"` + amc + `","roles":["operator"]}`,
		"insurer's role for the operator": `{"name":"x","roles":["read"]}`,
	} {
		o.problem(o.ask(operator, "POST", "/v1/api-keys", body), 422, "roles")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	o.problem(o.ask(operator, "POST", "/v1/api-keys", `{"name":"x","insurer":"999999999","roles":["read"]}`), 404, "unknown_insurer")
	o.problem(o.ask(operator, "POST", "/v1/api-keys", `{"name":"x","insurer":"`+amc+`","roles":["read"],"ends":"2020-01-01"}`), 422, "field")
	list := o.ask(operator, "GET", "/v1/api-keys?limit=2", "")
	if strings.Contains(list.Body.String(), "sk_") || strings.Contains(list.Body.String(), "digest") || !strings.Contains(list.Body.String(), `"next"`) {
		t.Error(list.Body)
	}
}

// The same key and body: the same answer, nothing twice; a secret only the first time.
func TestIdempotencyOverTheInterface(t *testing.T) {
	o := newOffice(t)
	k, operator := o.key(amc, everyInsurerRole...), o.key("", issuer.RoleOperator)
	for name, r := range map[string]struct{ who, path, body string }{
		"contract": {k, "/v1/contracts", household("A0003777")},
		"key":      {operator, "/v1/api-keys", `{"name":"x","insurer":"` + amc + `","roles":["read"]}`},
		"invite":   {operator, "/v1/invitations", `{"finess":"600100713","profession":"pharmacie"}`},
	} {
		first := o.ask(r.who, "POST", r.path, r.body, "Idempotency-Key", "the-same-key-"+name)
		again := o.ask(r.who, "POST", r.path, r.body, "Idempotency-Key", "the-same-key-"+name)
		if first.Code != 201 || again.Code != 201 {
			t.Fatal(name, first.Code, first.Body, again.Code, again.Body)
		}
		var a, b map[string]any
		json.Unmarshal(first.Body.Bytes(), &a)
		json.Unmarshal(again.Body.Bytes(), &b)
		for _, told := range []string{"token", "code", "text", "png"} {
			if _, twice := b[told]; twice {
				t.Errorf("%s: %s is told twice", name, told)
			}
			if s, ok := a[told].(string); ok {
				secret(told, s)
			}
			delete(a, told)
		}
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s: %v, then %v", name, a, b)
		}
		o.problem(o.ask(r.who, "POST", r.path, r.body, "Idempotency-Key", ""), 400, "idempotency_key")
		o.problem(o.ask(r.who, "POST", r.path, r.body+" ", "Idempotency-Key", "the-same-key-"+name), 422, "idempotency_reuse")
		o.problem(o.ask(r.who, "POST", r.path, r.body, "Idempotency-Key", "short"), 400, "idempotency_key")
	}
	_, cards := o.cards(k, "B", 1)
	path := "/v1/cards/" + cards[0] + "/reprints"
	first := o.ask(k, "POST", path, `{}`, "Idempotency-Key", "reprint-key")
	again := o.ask(k, "POST", path, `{}`, "Idempotency-Key", "reprint-key")
	if first.Code != 201 || first.Body.String() != again.Body.String() {
		t.Error(first.Body, again.Body)
	}
	// The key is the credential's own.
	if a := o.ask(o.key(amc, everyInsurerRole...), "POST", path, `{}`, "Idempotency-Key", "reprint-key"); a.Code != 409 {
		t.Error(a.Code, a.Body)
	}
}

func TestOperatorsRoutes(t *testing.T) {
	o := newOffice(t)
	operator, insurer := o.key("", issuer.RoleOperator), o.key(amc, everyInsurerRole...)
	made := o.want(201, operator, "POST", "/v1/invitations", `{"finess":"600100713","profession":"pharmacie","name":"Pharmacie du Port","networks":["SP"]}`)
	secret("one-time code", made["code"].(string))
	secret("one-time code", made["text"].(string))
	if !strings.HasPrefix(made["text"].(string), "TPE1") || !strings.HasPrefix(made["png"].(string), "iVBOR") {
		t.Error("no QR code")
	}
	open := o.want(200, operator, "GET", "/v1/invitations", "")["invitations"].([]any)
	if len(open) != 1 {
		t.Fatal(open)
	}
	d := o.device()
	if a := d.send("POST", "/v1/enrolments", `{"code":"`+made["code"].(string)+`","jwk":`+d.jwk+`}`); a.Code != 201 {
		t.Fatal(a.Code, a.Body)
	}
	at := "/v1/counters/" + d.id()
	if c := o.want(200, operator, "GET", at, ""); c["name"] != "Pharmacie du Port" || c["state"] != "active" {
		t.Error(c)
	}
	o.want(200, operator, "POST", at+"/rename", `{"name":"Pharmacie du Quai"}`)
	o.want(200, operator, "POST", at+"/suspend", `{"why":"abuse"}`)
	o.problem(d.send("GET", "/v1/counter", ""), 403, "suspended")
	o.want(200, operator, "POST", at+"/restore", `{}`)
	if a := d.send("GET", "/v1/counter", ""); a.Code != 200 || !strings.Contains(a.Body.String(), "Quai") {
		t.Error(a.Code, a.Body)
	}
	o.want(200, operator, "POST", at+"/revoke", `{"why":"stolen"}`)
	o.problem(d.send("GET", "/v1/counter", ""), 403, "revoked")
	o.problem(o.ask(operator, "POST", at+"/restore", `{}`), 409, "state")
	o.problem(o.ask(operator, "POST", "/v1/counters/AAAAAAAAAAA/suspend", `{}`), 404, "unknown_counter")
	o.problem(o.ask(operator, "POST", at+"/suspend", `{"why":"Une phrase"}`), 422, "field")
	if list := o.want(200, operator, "GET", "/v1/counters", "")["counters"].([]any); len(list) != 1 {
		t.Error(list)
	}
	made = o.want(201, operator, "POST", "/v1/invitations", `{"finess":"600100713","profession":"pharmacie"}`)
	secret("one-time code", made["code"].(string))
	id := o.want(200, operator, "GET", "/v1/invitations", "")["invitations"].([]any)[0].(map[string]any)["id"].(string)
	if a := o.ask(operator, "POST", "/v1/invitations/"+id+"/cancel", ""); a.Code != 204 {
		t.Error(a.Code, a.Body)
	}
	d = o.device()
	if a := d.send("POST", "/v1/enrolments", `{"code":"`+made["code"].(string)+`","jwk":`+d.jwk+`}`); a.Code == 201 {
		t.Error("a cancelled code enrolls")
	}
	err := o.issuer.Store.Update(context.Background(), func(tx register.Tx) error {
		return issuer.PutAlarm(tx, issuer.Alarm{ID: "test.1", Rule: issuer.RuleRate, At: begin, Counter: d.id()})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := o.want(200, operator, "GET", "/v1/alarms", "")["alarms"].([]any); len(got) != 1 {
		t.Error(got)
	}
	acts := map[string]bool{}
	for _, act := range []string{"counter.invite", "counter.suspend", "counter.restore", "counter.revoke", "counter.rename", "counter.uninvite"} {
		for _, l := range o.audits(act) {
			acts[act] = strings.HasPrefix(l.Actor, "key:")
		}
		if !acts[act] {
			t.Errorf("%s is not in the chain under the key's name", act)
		}
	}
	for _, r := range o.server.Table() {
		if slices.Contains(r.Roles, RoleOperator) && r.Tenant == "operator" {
			path := strings.NewReplacer("{id}", d.id()).Replace(r.Pattern)
			a := o.ask(insurer, r.Method, path, map[bool]string{true: `{}`, false: ""}[r.Body > 0])
			o.problem(a, 403, "role")
		}
	}
}

// An insurer sees its own entries, the operator all, in pages.
func TestAuditPages(t *testing.T) {
	o := newOffice(t)
	k, other, operator := o.key(amc, everyInsurerRole...), o.key(amc2, everyInsurerRole...), o.key("", issuer.RoleOperator, issuer.RoleAudit)
	o.cards(k, "A", 3)
	o.contract(other, "B0001777")
	count := func(token string) (n int, acts string) {
		for next := ""; ; {
			got := o.want(200, token, "GET", "/v1/audit?limit=2&after="+next, "")
			for _, e := range got["entries"].([]any) {
				n++
				acts += e.(map[string]any)["act"].(string) + " "
			}
			if got["next"] == nil {
				return n, acts
			}
			next = got["next"].(string)
		}
	}
	mine, acts := count(k)
	theirs, _ := count(other)
	all, _ := count(operator)
	if theirs != 1 || mine < 4 || all <= mine+theirs || !strings.Contains(acts, "issue.log") {
		t.Errorf("%d, %d and %d entries: %s", mine, theirs, all, acts)
	}
	o.problem(o.ask(k, "GET", "/v1/audit?after=x", ""), 422, "field")
	o.problem(o.ask(k, "GET", "/v1/audit?after=-1", ""), 422, "field")
	o.problem(o.ask(k, "GET", "/v1/audit?limit=100000", ""), 422, "field")
	o.problem(o.ask(k, "GET", "/v1/audit?insurer="+amc2, ""), 422, "field")
	o.problem(o.ask(o.key(amc, issuer.RoleRead), "GET", "/v1/audit", ""), 403, "role")
}

// A read whose journal can't be written is not answered.
func TestNoReadWithoutItsJournal(t *testing.T) {
	o := newOffice(t)
	k := o.key(amc, everyInsurerRole...)
	contracts, cards := o.cards(k, "A", 2)
	o.want(200, k, "GET", "/v1/contracts/"+contracts[0], "") // so that the key's use of today is written
	o.issuer.Limits.StatusChanges = 1
	waits := o.want(202, k, "POST", "/v1/status-changes", `{"kind":"revoke","cards":["`+cards[0]+`","`+cards[1]+`"]}`)["approval"].(map[string]any)["id"].(string)
	o.issuer.Store = readOnly{o.issuer.Store, o.issuer.Store.(issuer.Pseudonyms)}
	reads := 0
	for _, r := range o.server.Table() {
		if !r.Reads {
			continue
		}
		reads++
		path := strings.NewReplacer("/v1/approvals/{id}", "/v1/approvals/"+waits, "{id}", contracts[0], "{card}", cards[0]).Replace(r.Pattern)
		body := ""
		if r.Method == "POST" {
			body = `{"adherent":"AXQ00000"}`
		}
		a := o.ask(k, r.Method, path, body)
		if a.Code < 500 || strings.Contains(a.Body.String(), "ZORG") || bytes.HasPrefix(a.Body.Bytes(), []byte("%PDF")) {
			t.Errorf("%s %s: %d %s", r.Method, path, a.Code, a.Body)
		}
	}
	if reads < 9 {
		t.Errorf("%d routes read people", reads)
	}
}

// readOnly is a register whose disk is full.
type readOnly struct {
	register.Store
	issuer.Pseudonyms
}

func (readOnly) Update(context.Context, func(register.Tx) error) error {
	return errors.New("disk full")
}

// T27: every body with every member name of every other body, one at a time: refused, and nothing changed.
func TestStaffMassAssignment(t *testing.T) {
	o := newOffice(t)
	k, operator := o.key(amc, everyInsurerRole...), o.key("", issuer.RoleOperator)
	contracts, cards := o.cards(k, "A", 1)
	bodies := map[string]struct{ who, body string }{
		"POST /v1/contracts":                              {k, household("A0009777")},
		"PUT /v1/contracts/" + contracts[0]:               {k, "{" + people() + "}"},
		"POST /v1/contracts/" + contracts[0] + "/closure": {k, `{"fin":"2027-06-30"}`},
		"POST /v1/contract-searches":                      {k, `{"adherent":"AXQ00000"}`},
		"POST /v1/cards":                                  {k, `{"contracts":["` + contracts[0] + `"]}`},
		"POST /v1/cards/" + cards[0] + "/reprints":        {k, `{}`},
		"POST /v1/status-changes":                         {k, `{"kind":"revoke","cards":["` + cards[0] + `"]}`},
		"POST /v1/invitations":                            {operator, `{"finess":"600100713","profession":"pharmacie"}`},
		"POST /v1/api-keys":                               {operator, `{"name":"x","insurer":"` + amc + `","roles":["read"]}`},
	}
	names := map[string]bool{"insurer": true, "tenant": true, "owner": true, "role": true, "roles": true, "actor": true, "person": true, "state": true,
		"revision": true, "id": true, "version": true, "digest": true, "asker": true, "limit": true, "approved": true, "at": true, "__proto__": true}
	for _, schema := range o.server.api.OpenAPI().Components.Schemas.Map() {
		for name := range schema.Properties {
			names[name] = true
		}
	}
	before := len(must(o.issuer.CardsOfContract(context.Background(), issuer.Staff{Insurer: amc}, contracts[0]))(t))
	tried := 0
	for route, b := range bodies {
		method, path, _ := strings.Cut(route, " ")
		var known map[string]any
		if err := json.Unmarshal([]byte(b.body), &known); err != nil {
			t.Fatal(err)
		}
		for name := range names {
			if _, has := known[name]; has || optional(o, method, path, name) {
				continue
			}
			for _, value := range []string{`"` + amc2 + `"`, `true`, `["operator"]`} {
				sep := ","
				if b.body == "{}" {
					sep = ""
				}
				tried++
				a := o.ask(b.who, method, path, `{"`+name+`":`+value+sep+b.body[1:], "If-Match", `"1"`)
				if a.Code != 422 && a.Code != 400 {
					t.Fatalf("%s with %s: %d %s", route, name, a.Code, a.Body)
				}
			}
		}
	}
	after := must(o.issuer.CardsOfContract(context.Background(), issuer.Staff{Insurer: amc}, contracts[0]))(t)
	if len(after) != before || after[0].State != register.Live {
		t.Error("something changed")
	}
	if tried < 1000 {
		t.Errorf("%d requests", tried)
	}
	t.Logf("%d requests, %d names", tried, len(names))
}

// optional says whether the route's own body has that member.
func optional(o *office, method, path, name string) bool {
	_, pattern := o.server.mux.Handler(must(http.NewRequest(method, path, nil))(o.t))
	_, pattern, _ = strings.Cut(pattern, " ")
	item := o.server.api.OpenAPI().Paths[pattern]
	body := item.Post
	if method == "PUT" {
		body = item.Put
	}
	schema := body.RequestBody.Content["application/json"].Schema
	if schema.Ref != "" {
		schema = o.server.api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	_, has := schema.Properties[name]
	return has
}
