package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

func open1() Policy { return Policy{Roles: []Role{RolePublic}, Tenant: NoTenant} }

type blank struct{}

// A route that is not fully declared keeps the program from starting, and the panic names it.
func TestNoRouteWithoutAPolicy(t *testing.T) {
	journal := func(context.Context, Principal, any, any) error { return nil }
	for name, p := range map[string]Policy{
		"none":                      {},
		"no tenant":                 {Roles: []Role{RoleRead}},
		"no role":                   {Tenant: OwnInsurer},
		"unknown role":              {Roles: []Role{"admin"}, Tenant: OwnInsurer},
		"public and more":           {Roles: []Role{RolePublic, RoleRead}, Tenant: NoTenant},
		"public with a tenant":      {Roles: []Role{RolePublic}, Tenant: OwnInsurer},
		"public reads persons":      {Roles: []Role{RolePublic}, Tenant: NoTenant, Reads: true, Journal: journal},
		"counters read persons":     {Roles: []Role{RoleCounter}, Tenant: OwnCounter, Reads: true, Journal: journal},
		"counters and staff":        {Roles: []Role{RoleCounter, RoleRead}, Tenant: OwnCounter},
		"counters of an insurer":    {Roles: []Role{RoleCounter}, Tenant: OwnInsurer},
		"a counter's for staff":     {Roles: []Role{RoleRead}, Tenant: OwnCounter},
		"reads without a journal":   {Roles: []Role{RoleRead}, Tenant: OwnInsurer, Reads: true},
		"a body without a bound":    {Roles: []Role{RoleRead}, Tenant: OwnInsurer, Body: MaxBody + 1},
		"a body below nothing":      {Roles: []Role{RoleRead}, Tenant: OwnInsurer, Body: -1},
		"types of a body of JSON":   {Roles: []Role{RoleRead}, Tenant: OwnInsurer, Body: 9, Media: []string{"text/csv"}},
		"tenant that is not listed": {Roles: []Role{RoleRead}, Tenant: 9},
	} {
		for kind, register := range map[string]func(*Server){
			"add": func(s *Server) {
				add(s, huma.Operation{Method: "POST", Path: "/v1/undeclared"}, p, func(context.Context, Principal, *blank) (*blank, error) { return nil, nil })
			},
			"raw": func(s *Server) {
				s.raw("POST", "/v1/undeclared", p, func(http.ResponseWriter, *http.Request, Principal) {})
			},
		} {
			if kind == "raw" && name == "types of a body of JSON" {
				continue // that is what a raw route has
			}
			s := build(Options{})
			said := func() (said string) {
				defer func() { said = fmt.Sprint(recover()) }()
				register(s)
				return ""
			}()
			if !strings.Contains(said, "POST /v1/undeclared") {
				t.Errorf("%s by %s: %q", name, kind, said)
			}
			a := httptest.NewRecorder()
			s.ServeHTTP(a, httptest.NewRequest("POST", "/v1/undeclared", nil))
			if a.Code != 404 {
				t.Errorf("%s by %s is routed all the same: %d", name, kind, a.Code)
			}
		}
	}
	for _, bad := range []string{"HEAD", "TRACE", "", "get"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("method %q starts", bad)
				}
			}()
			build(Options{}).raw(bad, "/x", open1(), nil)
		}()
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a raw route takes a body of any type")
			}
		}()
		build(Options{}).raw("POST", "/x", Policy{Roles: []Role{RoleRead}, Tenant: OwnInsurer, Body: 9}, nil)
	}()
}

// patterns finds every pattern in a mux, wherever it stands in there.
func patterns(v reflect.Value, seen map[uintptr]bool, out map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return
		}
		seen[v.Pointer()] = true
		if v.Type().Elem().Name() == "pattern" {
			out[v.Elem().FieldByName("str").String()] = true
			return
		}
		patterns(v.Elem(), seen, out)
	case reflect.Struct:
		for i := range v.NumField() {
			patterns(v.Field(i), seen, out)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			patterns(v.Index(i), seen, out)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			patterns(it.Value(), seen, out)
		}
	}
}

// The table, the mux and the description name the same routes: there is no other door.
func TestTableIsWhole(t *testing.T) {
	s := build(Options{})
	inMux := map[string]bool{}
	patterns(reflect.ValueOf(s.mux), map[uintptr]bool{}, inMux)
	if len(inMux) < 8 {
		t.Fatalf("the mux was not read: %v", inMux)
	}
	inTable := map[string]RouteInfo{}
	for _, r := range s.Table() {
		inTable[r.Method+" "+r.Pattern] = r
		if !inMux[r.Method+" "+r.Pattern] {
			t.Errorf("%s %s is in the table and not routed", r.Method, r.Pattern)
		}
		if len(r.Roles) == 0 || r.Tenant == "" {
			t.Errorf("%s %s has no rule", r.Method, r.Pattern)
		}
	}
	for p := range inMux {
		if _, ok := inTable[p]; !ok {
			t.Errorf("%s is routed and not in the table", p)
		}
	}
	described := map[string]bool{}
	for path, item := range s.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op != nil {
				described[method+" "+path] = true
				// The mux takes the rest of a path, a description only names it.
				if _, ok := inTable[method+" "+strings.ReplaceAll(path, "/repo/{path}", "/repo/{path...}")]; !ok {
					t.Errorf("%s %s is described and no route of the table", method, path)
				}
			}
		}
	}
	for name, r := range inTable {
		if r.JSON && !described[name] {
			t.Errorf("%s is not described", name)
		}
	}
	if !reflect.DeepEqual(Routes(), s.Table()) {
		t.Error("Routes says something else")
	}
}

// covers says whether a pattern takes a path.
func covers(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, segment := range want {
		if strings.HasSuffix(segment, "...}") {
			return len(got) > i
		}
		if i >= len(got) || segment != got[i] && !strings.HasPrefix(segment, "{") {
			return false
		}
	}
	return len(want) == len(got)
}

// Every route refuses every other method, without saying anything to whoever has no credential.
func TestMethodSwap(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets.Public = Budget{1e6, 1e6} })
	table := w.server.Table()
	for _, one := range table {
		path := strings.NewReplacer("{path...}", "timestamp.json").Replace(one.Pattern)
		for strings.Contains(path, "{") {
			before, rest, _ := strings.Cut(path, "{")
			_, after, _ := strings.Cut(rest, "}")
			path = before + "1" + after
		}
		var has []string // the methods of every route that takes this path
		for _, r := range table {
			if covers(r.Pattern, path) {
				has = append(has, r.Method)
			}
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "GETT", "post"} {
			if slices.Contains(has, method) || method == "HEAD" && slices.Contains(has, "GET") {
				continue
			}
			a := w.do(httptest.NewRequest(method, path, nil))
			if method == "HEAD" || method == "CONNECT" {
				if a.Code != 405 && a.Code != 404 {
					t.Errorf("%s %s: %d", method, path, a.Code)
				}
				continue
			}
			w.problem(a, 405, "method")
			for _, m := range has {
				if !strings.Contains(a.Header().Get("Allow"), m) {
					t.Errorf("%s %s: Allow %q", method, path, a.Header().Get("Allow"))
				}
			}
		}
		for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
			r := httptest.NewRequest("TRACE", path, nil)
			r.Header.Set(header, has[0])
			w.problem(w.do(r), 405, "method")
		}
	}
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/checks", "/v1/checks/", "//v1/checks", "/v1//checks", "/v1/../v1/checks", "/v1/./checks", "/repo", "/metrics", "/debug/pprof/", "/.env",
		"/schemas/Problem.json", "/openapi.yaml", "/openapi-3.0.json", "/docs/", "/v1/checks%2f"} {
		w.problem(w.do(httptest.NewRequest("GET", path, nil)), 404, "not_found")
	}
}

// Every route that is not public refuses whoever has no credential, and every credential that is none.
func TestNobody(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Staff = noStaff{}; o.Budgets.Failure = Budget{1e6, 1e6} })
	met := 0
	for _, r := range w.server.Table() {
		if slices.Contains(r.Roles, RolePublic) {
			continue
		}
		met++
		path := strings.NewReplacer("{", "", "}", "").Replace(r.Pattern)
		for name, authorization := range map[string][]string{"none": nil, "empty": {""}, "scheme alone": {"Sceau"}, "scheme and blank": {"Bearer "}, "basic": {"Basic eDp4"},
			"key": {"Bearer " + secret("API key", "sk_canarycanarycanary")}, "no token": {"Sceau x.y.z"}, "two": {"Bearer a", "Bearer b"}, "long": {"Bearer " + strings.Repeat("a", maxCredential)},
			"a none algorithm": {"Sceau eyJhbGciOiJub25lIn0.e30."}} {
			q := httptest.NewRequest(r.Method, path, nil)
			for _, a := range authorization {
				q.Header.Add("Authorization", a)
			}
			if r.Body > 0 {
				q = httptest.NewRequest(r.Method, path, strings.NewReader("{}"))
				q.Header.Set("Content-Type", "application/json")
				q.Header["Authorization"] = authorization
			}
			a := w.do(q)
			if a.Code == 415 {
				continue // a raw route of another type: nothing was looked at
			}
			w.problem(a, 401, "credential")
			if a.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s, %s: no WWW-Authenticate", r.Method, r.Pattern, name)
			}
		}
	}
	if met == 0 {
		t.Fatal("no route needs a credential")
	}
}

// noStaff believes nobody.
type noStaff struct{}

func (noStaff) Bearer(context.Context, string) (Principal, error) {
	return Principal{}, fmt.Errorf("staff: %w", ErrCredential)
}

func (noStaff) Session(context.Context, *http.Request) (Principal, error) {
	return Principal{}, ErrNoCredential
}

// somebody believes one key and one cookie.
type somebody struct{ who Principal }

func (s somebody) Bearer(_ context.Context, token string) (Principal, error) {
	switch token {
	case "sk_good":
		return s.who, nil
	case "sk_away":
		return Principal{}, errors.New("staff: the register of Dupont is away")
	}
	return Principal{}, ErrCredential
}

func (s somebody) Session(_ context.Context, r *http.Request) (Principal, error) {
	if c, err := r.Cookie("__Host-sceau"); err == nil && c.Value == "good" {
		return s.who, nil
	}
	return Principal{}, ErrNoCredential
}

// The matrix of roles and tenants: a route lets in whom its policy names, and nobody else.
func TestRolesAndTenants(t *testing.T) {
	reader := Principal{Kind: KindKey, ID: "k1", Insurer: amc, Roles: []Role{RoleRead}, Actor: "k1"}
	people := map[string]Principal{"reader": reader,
		"operator": {Kind: KindStaff, ID: "p1", Roles: []Role{RoleOperator, RoleRead}, Actor: "p1"},
		"insider":  {Kind: KindStaff, ID: "p2", Insurer: amc, Roles: []Role{RoleOperator}, Actor: "p2"},
		"nothing":  {Kind: KindKey, ID: "k2", Insurer: amc, Actor: "k2"}}
	policies := map[string]struct {
		p  Policy
		in []string
	}{
		"/read":     {Policy{Roles: []Role{RoleRead}, Tenant: OwnInsurer}, []string{"reader", "operator"}},
		"/operator": {Policy{Roles: []Role{RoleOperator}, Tenant: OperatorOnly}, []string{"operator"}},
		"/any":      {Policy{Roles: []Role{RoleRead, RoleOperator}, Tenant: OwnInsurer}, []string{"reader", "operator", "insider"}},
		"/counter":  {Policy{Roles: []Role{RoleCounter}, Tenant: OwnCounter}, nil},
	}
	for name, who := range people {
		w := newWorld(t, func(o *Options) { o.Staff = somebody{who} })
		for path, rule := range policies {
			reached := Principal{}
			w.server.raw("GET", path, rule.p, func(_ http.ResponseWriter, _ *http.Request, p Principal) { reached = p })
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Authorization", "Bearer sk_good")
			r.Header.Set("X-Insurer", "302976568")
			a := w.do(r)
			if slices.Contains(rule.in, name) {
				if a.Code != 200 || !reflect.DeepEqual(reached, who) {
					t.Errorf("%s at %s: %d, reached as %+v", name, path, a.Code, reached)
				}
				continue
			}
			w.problem(a, 403, "role")
			if reached.ID != "" {
				t.Errorf("%s reached %s", name, path)
			}
		}
	}
	for name, faulty := range map[string]Principal{"a counter": {Kind: KindCounter, ID: "x", Roles: []Role{RoleRead}}, "no id": {Kind: KindKey, Roles: []Role{RoleRead}}, "counter's role": {Kind: KindKey, ID: "x", Roles: []Role{RoleCounter}}} {
		w := newWorld(t, func(o *Options) { o.Staff = somebody{faulty} })
		r := httptest.NewRequest("GET", "/v1/counter", nil)
		r.Header.Set("Authorization", "Bearer sk_good")
		if a := w.do(r); a.Code != 500 {
			t.Errorf("%s is believed: %d", name, a.Code)
		}
	}
}

// A page of another site can't use a session; a fault of whoever knows the staff is no refusal and says nothing.
func TestSessions(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Staff = somebody{Principal{Kind: KindStaff, ID: "p1", Roles: []Role{RoleOperator}}}
	})
	w.server.raw("POST", "/act", Policy{Roles: []Role{RoleOperator}, Tenant: OperatorOnly}, func(w http.ResponseWriter, _ *http.Request, _ Principal) {})
	act := func(pairs ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/act", nil)
		r.Header.Set("Cookie", "__Host-sceau=good")
		for i := 0; i < len(pairs); i += 2 {
			r.Header.Set(pairs[i], pairs[i+1])
		}
		return w.do(r)
	}
	if a := act("Sec-Fetch-Site", "same-origin"); a.Code != 200 {
		t.Errorf("own page: %d", a.Code)
	}
	w.problem(act("Sec-Fetch-Site", "cross-site"), 403, "origin")
	w.problem(act("Sec-Fetch-Site", "same-site"), 403, "origin")
	w.problem(act("Origin", "https://evil.example"), 403, "origin")
	w.problem(act("Cookie", "__Host-sceau=bad"), 401, "credential")
	p := w.problem(act("Authorization", "Bearer sk_away"), 500, "internal")
	if strings.Contains(fmt.Sprint(p), "Dupont") {
		t.Errorf("the fault is told: %+v", p)
	}
}
