// Who asks: always from the credential, never from what is asked.

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"sceau/card/issuer"
)

// Kind is the kind of credential that a principal came with.
type Kind string

// Kinds of principals.
const (
	KindPublic  Kind = "public"
	KindCounter Kind = "counter" // a signed assertion
	KindKey     Kind = "api-key" // a program of an insurer or of the operator
	KindStaff   Kind = "staff"   // a person with a session
)

// Principal is whoever asks. Handlers take the tenant from here, never from the request.
type Principal struct {
	Kind    Kind
	ID      string // of the counter, the API key or the person's account: pseudonymous, it goes into logs
	Person  string // who is behind a credential of staff: see issuer.Staff
	Insurer string // key of the insurer; "" for the operator's own people and for counters
	Roles   []Role
	Actor   string         // as the audit chain names it
	Counter issuer.Counter // of a counter
	Request string         // id of a counter's signed request, for routes whose handler takes it
}

// Operator says that the principal is the operator's own.
func (p Principal) Operator() bool {
	return (p.Kind == KindKey || p.Kind == KindStaff) && p.Insurer == ""
}

func (p Principal) has(any []Role) bool {
	return slices.ContainsFunc(any, func(r Role) bool { return slices.Contains(p.Roles, r) })
}

// Errors of authentication. Whoever implements Staff wraps them.
var (
	// ErrNoCredential says that the request has none of this kind.
	ErrNoCredential = errors.New("httpapi: no credential")
	// ErrCredential says that the credential is unknown, over, or not genuine.
	ErrCredential = errors.New("httpapi: credential refused")
)

// Staff knows people and the programs of insurers. Both methods return ErrCredential for what they don't believe, and any other
// error for a fault of the service; their errors quote no secret.
type Staff interface {
	// Bearer believes an API key.
	Bearer(ctx context.Context, token string) (Principal, error)
	// Session believes the cookie of a session; ErrNoCredential when the request has none.
	Session(ctx context.Context, r *http.Request) (Principal, error)
}

// allowed says whether a policy lets a principal in.
func (p Policy) allowed(who Principal) bool {
	if p.public() {
		return true
	}
	if !who.has(p.Roles) {
		return false
	}
	switch p.Tenant {
	case OwnCounter:
		return who.Kind == KindCounter && who.ID != ""
	case OwnInsurer:
		return who.Kind == KindKey || who.Kind == KindStaff
	case OperatorOnly:
		return who.Operator()
	}
	return true
}
