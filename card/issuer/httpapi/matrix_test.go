// Route by role by tenant, made from the server's own table.

package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// may says who gets what, from the table's line alone: "in" for whoever may, "apart" for whoever has the role and is another
// tenant, "out" for whoever has it not, "unknown" for whoever is nobody.
func may(route RouteInfo, q matrixRequest, who *somebodyAsking) string {
	if q.auth != "" {
		return "unknown" // it takes the credential that is in it
	}
	if slices.Contains(route.Roles, RolePublic) {
		return "in"
	}
	if !who.believed {
		return "unknown"
	}
	if !slices.Contains(route.Roles, who.role) || q.narrow != nil && who.insurer != amc2 && !slices.Contains(q.narrow, who.role) {
		return "out"
	}
	switch route.Tenant {
	case "own counter":
		if who.name != "counter 1" {
			return "apart"
		}
	case "own insurer":
		if who.insurer == amc2 {
			return "apart"
		}
	case "operator":
		if who.insurer != "" || who.counter != nil {
			return "out"
		}
	case "none":
	default:
		return "a tenant rule that this test doesn't know"
	}
	return "in"
}

// T02: every route, for everybody who may ask, of their own and of another's: nobody gets what the policy doesn't give, and no
// answer tells whether another's thing is there.
func TestMatrix(t *testing.T) {
	m := newMatrix(t)
	examples := matrixExamples()
	cells, apart, crossed, refused := 0, 0, 0, 0
	for _, route := range m.server.Table() {
		name := route.Method + " " + route.Pattern
		example := examples[name]
		if example == nil {
			t.Errorf("%s has no example: add one to matrixExamples", name)
			continue
		}
		delete(examples, name)
		q := example(m)
		if q.status == 0 {
			q.status = 200
		}
		// First everybody who may not, on one and the same thing: nothing of it changes.
		before := m.digest()
		for i := range m.everybody {
			who := &m.everybody[i]
			kind := may(route, q, who)
			if kind == "in" || kind == "apart" && q.absent[0] == "" {
				continue
			}
			a := m.send(who, route, q, q.path, q.body)
			cells++
			refused++
			cross := func(why string) {
				crossed++
				t.Errorf("%s as %s: %s: %d %.300s", name, who.name, why, a.Code, a.Body)
			}
			for _, mark := range q.marks {
				if strings.Contains(a.Body.String(), mark) {
					cross("the answer has what is another's")
				}
			}
			code := ""
			if strings.HasPrefix(a.Header().Get("Content-Type"), "application/problem+json") {
				code = member(m, a, "code")
			}
			switch kind {
			case "unknown":
				page := a.Code == 303 && a.Header().Get("Location") == "/login" && !strings.HasPrefix(route.Pattern, "/v1")
				if want := 401; who.refusal != "" && q.auth == "" {
					if a.Code != 403 || code != who.refusal {
						cross("a counter that was stopped")
					}
				} else if a.Code != want && !page {
					cross("whoever this is isn't known")
				}
			case "out":
				if a.Code != 403 || code != "role" {
					cross("the role is not enough")
				}
			case "apart":
				apart++
				none := m.send(who, route, q, q.absent[0], q.absent[1])
				counters := who.counter != nil && a.Code == 200 // journals: as one that was never begun
				if a.Code != 404 && !counters {
					cross("another's thing")
				}
				if !sameAnswer(a, none, q.path, q.absent[0], pathID(q), absentPseudonym, absentDocument) {
					cross(fmt.Sprintf("the answer differs from that for what isn't there (%d %.200s)", none.Code, none.Body))
				}
			default:
				t.Fatalf("%s: %s", name, kind)
			}
		}
		if m.digest() != before {
			crossed++
			t.Errorf("%s: somebody who may not changed something", name)
		}
		// Then everybody who may, each on their own.
		succeeded := 0
		for i := range m.everybody {
			who := &m.everybody[i]
			kind := may(route, q, who)
			if kind != "in" && (kind != "apart" || q.absent[0] != "") {
				continue
			}
			a := m.send(who, route, q, q.path, q.body)
			cells++
			succeeded++
			if a.Code != q.status {
				t.Errorf("%s as %s: %d, want %d: %.300s", name, who.name, a.Code, q.status, a.Body)
			}
			if kind == "apart" { // their own list, without what is another's
				apart++
				for _, mark := range q.marks {
					if strings.Contains(a.Body.String(), mark) {
						crossed++
						t.Errorf("%s as %s: the answer has what is another's: %.300s", name, who.name, a.Body)
					}
				}
			}
			if name == "POST /v1/imports" && a.Code == 202 {
				token := map[bool]string{true: m.both, false: m.spend}[kind == "apart"]
				job := m.over(token, member(m, a, "id"))
				if kind == "apart" && (job["contracts"] != 0.0 || job["created"] != 0.0) {
					crossed++
					t.Errorf("a roster of another insurer is taken: %v", job)
				}
			}
			if q.after != nil {
				q.after(who.name)
			}
			if q.once {
				q = example(m)
				if q.status == 0 {
					q.status = 200
				}
			}
		}
		if q.auth != "" {
			r := m.request("", route.Method, q.path, q.body, "Authorization", q.auth)
			a := m.do(r)
			cells++
			succeeded++
			if a.Code != q.status {
				t.Errorf("%s as the invited computer: %d %s", name, a.Code, a.Body)
			}
		}
		if succeeded == 0 {
			t.Errorf("%s lets nobody in: its refusals prove nothing", name)
		}
		// The marks are what the owner really sees.
		m.marked(name, route, q)
	}
	for name := range examples {
		t.Errorf("%s is no route any more", name)
	}
	m.chain()
	fmt.Printf("count: %d routes, %d principals, %d cells of route, role and tenant (%d refused, %d between tenants): %d cross-tenant successes\n",
		len(m.server.Table()), len(m.everybody), cells, refused, apart, crossed)
}

// pathID is the id in a path.
func pathID(q matrixRequest) string {
	parts := strings.Split(q.path, "/")
	if len(parts) > 3 {
		return parts[3]
	}
	return "no id"
}

// marked fails when the owner's own answer has none of the marks.
func (m *matrix) marked(name string, route RouteInfo, q matrixRequest) {
	m.t.Helper()
	if len(q.marks) == 0 || q.once || strings.HasPrefix(name, "GET /v1/reports/served") || strings.HasSuffix(name, ".pdf") || strings.HasSuffix(name, ".png") || strings.HasSuffix(name, ".jws") {
		return
	}
	for i := range m.everybody {
		who := &m.everybody[i]
		if may(route, q, who) != "in" || who.insurer != amc && who.counter == nil {
			continue
		}
		a := m.send(who, route, q, q.path, q.body)
		if !slices.ContainsFunc(q.marks, func(mark string) bool { return strings.Contains(a.Body.String(), mark) }) {
			m.t.Errorf("%s: the owner's answer has none of %q: %.400s", name, q.marks, a.Body)
		}
		return
	}
}

// membersOf are the members that the body of a route may have, by the description.
func membersOf(t testing.TB, route RouteInfo) map[string]bool {
	t.Helper()
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	var walk func(raw json.RawMessage)
	walk = func(raw json.RawMessage) {
		var s struct {
			Ref        string `json:"$ref"`
			Properties map[string]json.RawMessage
			Items      json.RawMessage
		}
		if json.Unmarshal(raw, &s) != nil {
			return
		}
		if s.Ref != "" {
			walk(doc.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")])
		}
		for name := range s.Properties {
			names[name] = true
		}
	}
	var op struct {
		RequestBody struct {
			Content map[string]struct{ Schema json.RawMessage }
		}
	}
	if err := json.Unmarshal(doc.Paths[route.Pattern][strings.ToLower(route.Method)], &op); err != nil {
		t.Fatalf("%s %s is not described: %v", route.Method, route.Pattern, err)
	}
	walk(op.RequestBody.Content["application/json"].Schema)
	return names
}

// T27: a member or a parameter that a route doesn't describe is refused, whatever it is called, and changes nothing.
func TestHiddenFields(t *testing.T) {
	m := newMatrix(t)
	fields := describedFields(t)
	tried := 0
	for _, route := range m.server.Table() {
		if !route.JSON || slices.Contains(route.Roles, RolePublic) {
			continue
		}
		name := route.Method + " " + route.Pattern
		q := matrixExamples()[name](m)
		var right *somebodyAsking
		for i := range m.everybody {
			if may(route, q, &m.everybody[i]) == "in" {
				right = &m.everybody[i]
				break
			}
		}
		before := m.digest()
		refuse := func(what string, a *httptest.ResponseRecorder) {
			tried++
			if a.Code != 422 && a.Code != 400 && a.Code != 413 {
				t.Errorf("%s with %s: %d %.200s", name, what, a.Code, a.Body)
			}
		}
		known := map[string]bool{}
		if q.body != "" {
			known = membersOf(t, route)
		}
		for _, field := range fields {
			if q.body != "" && !known[field] {
				for _, value := range []string{`"` + amc2 + `"`, `true`, `["operator"]`, `{"roles":["operator"]}`} {
					comma := ","
					if q.body == "{}" {
						comma = ""
					}
					refuse("the member "+field, m.send(right, route, q, q.path, `{"`+field+`":`+value+comma+q.body[1:]))
				}
			}
			if field != "after" && field != "limit" && !slices.Contains([]string{"from", "to", "counters", "minutes", "hours"}, field) {
				sep := "?"
				if strings.Contains(q.path, "?") {
					sep = "&"
				}
				refuse("the parameter "+field, m.send(right, route, q, q.path+sep+field+"="+amc2, q.body))
			}
		}
		if route.Body == 0 {
			refuse("a body", m.send(right, route, q, q.path, `{"roles":["operator"]}`))
		}
		if m.digest() != before {
			t.Errorf("%s: a hidden field changed something", name)
		}
		// Another method of the same path is another route, with its own policy, or none.
		for _, method := range []string{"PUT", "PATCH", "DELETE", "POST", "GET"} {
			other := route
			other.Method = method
			if slices.ContainsFunc(m.server.Table(), func(r RouteInfo) bool { return r.Method == method && r.Pattern == route.Pattern }) {
				continue
			}
			tried++
			if a := m.send(right, other, q, q.path, ""); a.Code != 405 {
				t.Errorf("%s on %s: %d", method, route.Pattern, a.Code)
			}
		}
		if m.digest() != before {
			t.Errorf("%s: another method changed something", name)
		}
		if a := m.send(right, route, q, q.path, q.body); a.Code/100 != 2 {
			t.Errorf("%s without hidden fields: %d %.200s", name, a.Code, a.Body)
		} else if q.once && m.digest() == before && !strings.Contains(name, "api-keys") {
			t.Errorf("%s: the digest doesn't see a change", name)
		}
	}
	if tried < 5000 {
		t.Errorf("only %d tried", tried)
	}
	fmt.Printf("count: %d hidden members, parameters and methods of %d names: 0 changed anything\n", tried, len(fields))
}
