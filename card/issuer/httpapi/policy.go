// Who may use a route: every route declares it, or the program doesn't start.

package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Role is what a credential may do. A route names the roles that may use it; none implies another.
type Role string

// Roles.
const (
	RolePublic   Role = "public"   // nobody in particular; a route that has it has no other
	RoleCounter  Role = "counter"  // an enrolled counter
	RoleRead     Role = "read"     // sees contracts and cards
	RoleIssue    Role = "issue"    // imports, issues, reprints
	RoleRevoke   Role = "revoke"   // asks for a change of status
	RoleAudit    Role = "audit"    // sees who did what
	RolePublish  Role = "publish"  // publishes
	RoleOperator Role = "operator" // counters, invitations, API keys
)

var roles = []Role{RolePublic, RoleCounter, RoleRead, RoleIssue, RoleRevoke, RoleAudit, RolePublish, RoleOperator}

// Tenant says whose data a route touches. The zero value is no rule, and no route starts without one.
type Tenant uint8

// Tenant rules. The engine refuses principals that a rule excludes; the handler narrows what it reads by the principal alone.
const (
	NoTenant     Tenant = iota + 1 // data of nobody
	OwnCounter                     // of the counter that asks
	OwnInsurer                     // of the principal's insurer; the operator's own people see every insurer
	OperatorOnly                   // of the operator: a principal that belongs to an insurer is refused
)

func (t Tenant) String() string {
	names := [...]string{NoTenant: "none", OwnCounter: "own counter", OwnInsurer: "own insurer", OperatorOnly: "operator"}
	if int(t) < len(names) {
		return names[t]
	}
	return ""
}

// Journal records that a principal read what concerns a person. in is the route's input (*http.Request on a raw route), out its
// output (nil on a raw route). An error keeps the answer back.
type Journal func(ctx context.Context, who Principal, in, out any) error

// Policy is the rule of one route.
type Policy struct {
	Roles  []Role
	Tenant Tenant

	// Reads says that the answer holds what concerns a person. It needs a Journal, which runs on a JSON route after the handler
	// and before the first byte of the answer, on a raw route before the handler.
	Reads   bool
	Journal Journal

	// Body is the longest body in bytes; 0 takes none. Media are the types of body that a raw route takes.
	Body  int64
	Media []string

	// Patience is how long the body may take to come, and half of how long the whole exchange may last; 0 is 15 seconds.
	Patience time.Duration

	// Page says that people read the answer: without a session their browser is sent to the login.
	Page bool

	// Guess says that the route takes a secret that could be guessed (a code, a login): it has the narrow budget for each source.
	Guess bool

	// Taken says that the handler itself takes the id of a counter's request, in the transaction of what it stores.
	Taken bool

	unmetered bool // the published files: no budget, no credential, nothing to wait for
}

func (p Policy) public() bool { return len(p.Roles) == 1 && p.Roles[0] == RolePublic }

func (p Policy) patience() time.Duration {
	if p.Patience <= 0 {
		return defaultPatience
	}
	return p.Patience
}

// check says what is wrong with a policy.
func (p Policy) check(method string, raw bool) error {
	switch {
	case len(p.Roles) == 0:
		return fmt.Errorf("names no role")
	case p.Tenant < NoTenant || p.Tenant > OperatorOnly:
		return fmt.Errorf("has no tenant rule")
	case slices.Contains(p.Roles, RolePublic) && (len(p.Roles) > 1 || p.Tenant != NoTenant || p.Reads):
		return fmt.Errorf("is public: it may have no other role, no tenant, and read no person")
	case slices.Contains(p.Roles, RoleCounter) && (len(p.Roles) > 1 || p.Tenant == OwnInsurer || p.Tenant == OperatorOnly || p.Reads):
		return fmt.Errorf("is the counters': it may have no other role, nobody else's data, and read no person")
	case p.Tenant == OwnCounter && !slices.Contains(p.Roles, RoleCounter):
		return fmt.Errorf("gives a counter's own data to others")
	case p.Reads && p.Journal == nil:
		return fmt.Errorf("reads persons and writes no journal of it")
	case p.Body < 0 || p.Body > MaxBody:
		return fmt.Errorf("takes a body of %d bytes", p.Body)
	case p.Body > 0 && (method == "GET" || method == "HEAD" || method == "OPTIONS"):
		return fmt.Errorf("takes a body with %s", method)
	case raw && p.Body > 0 && len(p.Media) == 0:
		return fmt.Errorf("takes a body of any type")
	case !raw && len(p.Media) > 0:
		return fmt.Errorf("takes JSON and names other types")
	}
	for _, r := range p.Roles {
		if !slices.Contains(roles, r) {
			return fmt.Errorf("names the unknown role %q", r)
		}
	}
	return nil
}

// RouteInfo is a line of the table of routes.
type RouteInfo struct {
	Method  string `json:"method"`
	Pattern string `json:"pattern"`
	Roles   []Role `json:"roles"`
	Tenant  string `json:"tenant"`
	Reads   bool   `json:"reads_person"`
	Body    int64  `json:"body_limit"`
	JSON    bool   `json:"json"`
}

// Table lists every route, by pattern, then method.
func (s *Server) Table() []RouteInfo {
	out := make([]RouteInfo, 0, len(s.routes))
	for _, r := range s.routes {
		out = append(out, RouteInfo{Method: r.method, Pattern: r.pattern, Roles: slices.Clone(r.policy.Roles),
			Tenant: r.policy.Tenant.String(), Reads: r.policy.Reads, Body: r.policy.Body, JSON: r.json})
	}
	slices.SortFunc(out, func(a, b RouteInfo) int {
		if c := strings.Compare(a.Pattern, b.Pattern); c != 0 {
			return c
		}
		return strings.Compare(a.Method, b.Method)
	})
	return out
}
