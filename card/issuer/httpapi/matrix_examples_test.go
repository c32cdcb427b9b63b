// For every route a request that succeeds.

package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sceau/card/issuer"
	"sceau/card/issuer/reconcile"
)

const (
	absentPseudonym = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	absentDocument  = "AAAAAAAAAAAAAAAA"
	absentCard      = "1-999999"
	absentCampaign  = "270105-zzzz"
)

// staffOfA is somebody of insurer A who doesn't ask.
var staffOfA = issuer.Staff{Insurer: amc, Actor: "test", Person: "test", Credential: "test", Roles: everyInsurerRole}

// matrixExamples has a request for every route. A route that is not here fails the tests: whoever adds one says what is its
// owner's, and proves that it stays theirs.
func matrixExamples() map[string]func(*matrix) matrixRequest {
	ctx := context.Background()
	public := func(path string) func(*matrix) matrixRequest {
		return func(*matrix) matrixRequest { return matrixRequest{path: path} }
	}
	all := map[string]func(*matrix) matrixRequest{
		"GET /healthz":            public("/healthz"),
		"GET /readyz":             public("/readyz"),
		"GET /docs":               public("/docs"),
		"GET /docs/style.css":     public("/docs/style.css"),
		"GET /openapi.json":       public("/openapi.json"),
		"GET /reports/style.css":  public("/reports/style.css"),
		"GET /repo/{path...}":     public("/repo/timestamp.json"),
		"OPTIONS /repo/{path...}": func(*matrix) matrixRequest { return matrixRequest{path: "/repo/timestamp.json", status: 204} },
		"GET /login":              func(*matrix) matrixRequest { return matrixRequest{path: "/login", status: 303} },
		"GET /callback": func(*matrix) matrixRequest {
			return matrixRequest{path: "/callback", status: 403, elsewhere: "TestLogin"}
		},
		"POST /logout": func(*matrix) matrixRequest {
			return matrixRequest{path: "/logout", body: "now=1", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 303}
		},
		"GET /v1/counter":           func(m *matrix) matrixRequest { return matrixRequest{path: "/v1/counter", marks: []string{m.one.id()}} },
		"GET /v1/alarms":            public("/v1/alarms"),
		"GET /v1/api-keys":          public("/v1/api-keys"),
		"GET /v1/counters":          public("/v1/counters?limit=2"),
		"GET /v1/invitations":       public("/v1/invitations"),
		"GET /v1/publications/last": public("/v1/publications/last"),
		"POST /v1/publications": func(m *matrix) matrixRequest { // for every insurer at once: see its description
			m.pass(1e9 * 60)
			return matrixRequest{path: "/v1/publications", status: 201, once: true}
		},
		"POST /v1/enrolments": func(m *matrix) matrixRequest {
			d := m.device()
			body := `{"code":"` + m.code() + `","jwk":` + d.jwk + `}`
			return matrixRequest{path: "/v1/enrolments", body: body, status: 201, once: true, auth: d.signed("POST", "/v1/enrolments", body, nil).Header.Get("Authorization")}
		},
		"POST /v1/checks": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/checks", body: `{"card":"` + m.text + `","domains":["PHAR"]}`}
		},
		"GET /v1/audit": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/audit?limit=200", marks: []string{m.contract, m.job}}
		},
		"GET /v1/imports": func(m *matrix) matrixRequest { return matrixRequest{path: "/v1/imports", marks: []string{m.job}} },
		"GET /v1/approvals": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/approvals", marks: []string{m.approval()}}
		},
		"POST /v1/api-keys": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/api-keys", body: `{"name":"new","insurer":"` + amc + `","roles":["read"]}`, status: 201, once: true}
		},
		"POST /v1/api-keys/{id}/revoke": func(m *matrix) matrixRequest {
			k, _, err := m.issuer.MakeKey(ctx, nil, issuer.KeyRequest{Name: "x", Insurer: amc, Roles: everyInsurerRole}, nil)
			if err != nil {
				m.t.Fatal(err)
			}
			return matrixRequest{path: "/v1/api-keys/" + k.ID + "/revoke", once: true}
		},
		"POST /v1/invitations": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/invitations", body: `{"finess":"600100713","profession":"pharmacie","networks":["SP"]}`, status: 201, once: true}
		},
		"POST /v1/invitations/{id}/cancel": func(m *matrix) matrixRequest {
			m.code()
			list, _, err := m.issuer.Invitations(ctx, "", 200)
			if err != nil || len(list) == 0 {
				m.t.Fatal(err)
			}
			return matrixRequest{path: "/v1/invitations/" + list[0].ID + "/cancel", status: 204, once: true}
		},
		"GET /v1/counters/{id}": func(m *matrix) matrixRequest { return matrixRequest{path: "/v1/counters/" + m.one.id()} },
		"POST /v1/counters/{id}/rename": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/counters/" + m.two.id() + "/rename", body: `{"name":"Pharmacie du Quai"}`}
		},
		"POST /v1/contracts": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/contracts", body: household(m.fresh()), status: 201, once: true}
		},
		"POST /v1/contract-searches": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/contract-searches", body: `{"adherent":"MXXQ00000"}`, marks: []string{m.contract, "ZORGLUBINE"},
				absent: [2]string{"/v1/contract-searches", `{"adherent":"MXXQ99999"}`}}
		},
		"POST /v1/cards": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/cards", body: `{"contracts":["` + m.contractOf(m.fresh()) + `"]}`, status: 201, once: true,
				absent: [2]string{"/v1/cards", `{"contracts":["` + absentPseudonym + `"]}`}}
		},
		"POST /v1/status-changes": func(m *matrix) matrixRequest {
			_, cards := m.cards(m.spend, m.fresh(), 1)
			return matrixRequest{path: "/v1/status-changes", body: `{"kind":"suspend","cards":["` + cards[0] + `"]}`, once: true,
				absent: [2]string{"/v1/status-changes", `{"kind":"suspend","cards":["` + absentCard + `"]}`}}
		},
		"POST /v1/imports": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/imports", body: rosterOf(amc, 3, 0), headers: []string{"Content-Type", "text/csv"}, status: 202, once: true}
		},
		"GET /v1/journals/{device}": func(m *matrix) matrixRequest {
			c := m.uploaded()
			return matrixRequest{path: "/v1/journals/" + c.id, marks: []string{fmt.Sprintf("%x", c.head.Hash)}, absent: [2]string{"/v1/journals/" + strings.Repeat("0", 32)}}
		},
		"GET /v1/journals/{device}/settlements": func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/journals/" + m.uploaded().id + "/settlements?after=0", marks: []string{`"settlement":"ey`},
				absent: [2]string{"/v1/journals/" + strings.Repeat("0", 32) + "/settlements?after=0"}}
		},
		"POST /v1/journals/{device}/entries": func(m *matrix) matrixRequest {
			c := newChain(m.t, m.now())
			c.check(1, m.now())
			path := "/v1/journals/" + c.id
			// A copy of somebody's journal may be sent by another counter: it is then that one's word, and changes nothing for the first.
			return matrixRequest{path: path + "/entries", body: c.batch(0, 2), headers: []string{"Content-Type", batchMedia}, once: true, after: func(as string) {
				if as == "counter 2" && !strings.Contains(m.one.send("GET", path, "").Body.String(), `"next":1`) {
					m.t.Error("the journal of counter 1 was begun by counter 2")
				}
			}}
		},
	}
	for verb, from := range map[string]string{"suspend": "", "revoke": "", "restore": "suspended"} {
		all["POST /v1/counters/{id}/"+verb] = func(m *matrix) matrixRequest {
			d := m.counter()
			if from != "" {
				must(m.issuer.SuspendCounter(ctx, d.id(), "test"))(m.t)
			}
			return matrixRequest{path: "/v1/counters/" + d.id() + "/" + verb, body: `{}`, once: true}
		}
	}
	for path, marks := range map[string][]string{"": {"ZORGLUBINE", "Wilhelmine", "189127512501282"}, "/cards": {`"state"`}} {
		all["GET /v1/contracts/{id}"+path] = func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/contracts/" + m.contract + path, marks: marks, absent: [2]string{"/v1/contracts/" + absentPseudonym + path}}
		}
	}
	all["PUT /v1/contracts/{id}"] = func(m *matrix) matrixRequest {
		body := "{" + people() + "}"
		return matrixRequest{path: "/v1/contracts/" + m.contractOf(m.fresh()), body: strings.Replace(body, "100%", "120%", 1), headers: []string{"If-Match", `"1"`}, once: true,
			absent: [2]string{"/v1/contracts/" + absentPseudonym, strings.Replace(body, "100%", "120%", 1)}}
	}
	all["POST /v1/contracts/{id}/closure"] = func(m *matrix) matrixRequest {
		body := `{"fin":"2027-06-30"}`
		return matrixRequest{path: "/v1/contracts/" + m.contractOf(m.fresh()) + "/closure", body: body, headers: []string{"If-Match", `"1"`}, once: true,
			absent: [2]string{"/v1/contracts/" + absentPseudonym + "/closure", body}}
	}
	for _, form := range []string{"", "/letter.pdf", "/card.pdf", "/code.png", "/code.txt", "/card.jws"} {
		all["GET /v1/cards/{card}"+form] = func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/cards/" + m.card + form, marks: []string{m.contract, m.text}, absent: [2]string{"/v1/cards/" + absentCard + form}}
		}
	}
	all["POST /v1/cards/{card}/reprints"] = func(m *matrix) matrixRequest {
		_, cards := m.cards(m.spend, m.fresh(), 1)
		return matrixRequest{path: "/v1/cards/" + cards[0] + "/reprints", body: `{}`, status: 201, once: true, absent: [2]string{"/v1/cards/" + absentCard + "/reprints", `{}`}}
	}
	for _, path := range []string{"", "/rejects.csv"} {
		all["GET /v1/imports/{id}"+path] = func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/imports/" + m.job + path, marks: []string{m.job, "NIR"}, absent: [2]string{"/v1/imports/" + absentDocument + path}}
		}
	}
	all["POST /v1/imports/{id}/cancel"] = func(m *matrix) matrixRequest {
		j := must(m.issuer.NewImportJob(ctx, issuer.Staff{Insurer: amc, Actor: "test", Person: "test", Credential: "test", Roles: everyInsurerRole}, false, nil))(m.t)
		return matrixRequest{path: "/v1/imports/" + j.ID + "/cancel", once: true, absent: [2]string{"/v1/imports/" + absentDocument + "/cancel"}}
	}
	all["GET /v1/approvals/{id}"] = func(m *matrix) matrixRequest {
		return matrixRequest{path: "/v1/approvals/" + m.approval(), marks: []string{"asker"}, absent: [2]string{"/v1/approvals/" + absentDocument}}
	}
	for _, verb := range []string{"accept", "refuse"} {
		all["POST /v1/approvals/{id}/"+verb] = func(m *matrix) matrixRequest { // of a change of status: who issues has no say in it
			return matrixRequest{path: "/v1/approvals/" + m.approval() + "/" + verb, once: true, narrow: []Role{RoleRevoke}, absent: [2]string{"/v1/approvals/" + absentDocument + "/" + verb}}
		}
	}
	all["GET /v1/campaigns"] = func(m *matrix) matrixRequest {
		return matrixRequest{path: "/v1/campaigns", marks: []string{m.campaign(true)}}
	}
	all["POST /v1/campaigns"] = func(m *matrix) matrixRequest {
		m.serial++
		return matrixRequest{path: "/v1/campaigns", body: fmt.Sprintf(`{"name":"matrix %d","existing":true}`, m.serial), status: 201, once: true}
	}
	for _, path := range []string{"", "/report"} {
		all["GET /v1/campaigns/{id}"+path] = func(m *matrix) matrixRequest {
			return matrixRequest{path: "/v1/campaigns/" + m.campaign(true) + path, marks: []string{"campaign of A"}, absent: [2]string{"/v1/campaigns/" + absentCampaign + path}}
		}
	}
	for _, verb := range []string{"start", "pause", "resume", "cancel"} {
		all["POST /v1/campaigns/{id}/"+verb] = func(m *matrix) matrixRequest {
			id := m.campaign(verb == "start" || verb == "cancel")
			if verb == "resume" {
				must(m.issuer.PauseCampaign(ctx, staffOfA, id))(m.t)
			}
			return matrixRequest{path: "/v1/campaigns/" + id + "/" + verb, once: true, marks: []string{"campaign of A"}, absent: [2]string{"/v1/campaigns/" + absentCampaign + "/" + verb}}
		}
	}
	report := func(path string) func(*matrix) matrixRequest {
		return func(m *matrix) matrixRequest { return matrixRequest{path: path, marks: m.reported} }
	}
	for _, name := range reconcile.ReportNames() {
		all["GET /v1/reports/"+name] = report("/v1/reports/" + name)
		all["GET /v1/reports/"+name+".csv"] = report("/v1/reports/" + name + ".csv")
	}
	all["GET /reports"] = report("/reports")
	return all
}

// campaign makes a campaign of A, planned or started.
func (m *matrix) campaign(planned bool) string {
	m.t.Helper()
	m.serial++
	c := must(m.issuer.CreateCampaign(context.Background(), staffOfA, issuer.CampaignSpec{Name: fmt.Sprintf("campaign of A %d", m.serial), Existing: true, Destination: "files"}, nil, nil))(m.t)
	if !planned {
		must(m.issuer.StartCampaign(context.Background(), staffOfA, c.ID))(m.t)
	}
	return c.ID
}

// contractOf makes a contract of A.
func (m *matrix) contractOf(adherent string) string {
	m.t.Helper()
	return m.office.contract(m.spend, adherent)
}

// approval is a change of status of A's that waits for somebody else.
func (m *matrix) approval() string {
	m.t.Helper()
	_, cards := m.cards(m.spend, m.fresh(), 2)
	m.issuer.Limits.StatusChanges = 1
	defer func() { m.issuer.Limits.StatusChanges = 100_000 }()
	asker := m.key(amc, issuer.RoleRevoke)
	out := m.want(202, asker, "POST", "/v1/status-changes", `{"kind":"revoke","cards":["`+cards[0]+`","`+cards[1]+`"]}`)
	return out["approval"].(map[string]any)["id"].(string)
}

// uploaded is a journal that counter 1 has sent.
func (m *matrix) uploaded() *chain {
	m.t.Helper()
	c := newChain(m.t, m.now())
	c.check(1, m.now())
	if a := m.one.post(c.id, c.batch(0, 2)); a.Code != 200 {
		m.t.Fatalf("%d %s", a.Code, a.Body)
	}
	return c
}

// describedFields are the names of all members and parameters of the interface.
func describedFields(t testing.TB) []string {
	t.Helper()
	var doc any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"q": true, "sort": true, "order": true, "filter": true, "page": true, "fields": true, "expand": true, "include": true, "search": true,
		"insurer": true, "tenant": true, "role": true, "admin": true, "owner": true, "__proto__": true}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if props, ok := v["properties"].(map[string]any); ok {
				for name := range props {
					names[name] = true
				}
			}
			if name, ok := v["name"].(string); ok && v["in"] != nil {
				names[name] = true
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(doc)
	out := slices.Sorted(maps.Keys(names))
	if len(out) < 100 {
		t.Fatalf("only %d fields are described", len(out))
	}
	return out
}
