// Staff: who acts for an insurer or for the operator, with which rights, and how what they do is told apart.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// Role is one thing that a credential may do.
type Role string

// The roles of staff. An insurer's credential has any of them but RoleOperator; the operator's has RoleOperator, RoleAudit
// and RolePublish only: an operator doesn't read insurers' people.
const (
	RoleIssue    Role = "issue"   // contracts, imports, cards
	RoleRevoke   Role = "revoke"  // revoke, suspend, restore; a second pair of eyes
	RoleRead     Role = "read"    // people
	RoleAudit    Role = "audit"   // the audit chain, reports
	RolePublish  Role = "publish" // publications
	RoleOperator Role = "operator"
)

// Roles are all of them.
func Roles() []Role {
	return []Role{RoleIssue, RoleRevoke, RoleRead, RoleAudit, RolePublish, RoleOperator}
}

// Staff is who acts. It comes from a credential, never from a request.
type Staff struct {
	Credential string // "key:…" or "session:…": what was shown
	Person     string // who is behind it: two credentials of one person are one pair of eyes and share one budget
	Insurer    string // rights.AMC.Key; "" for the operator
	Roles      []Role
	Actor      string // as the audit chain and the events name them: never a name
}

// Has says whether the credential has a role.
func (w Staff) Has(r Role) bool { return slices.Contains(w.Roles, r) }

// Errors about staff; test them with errors.Is.
var (
	// ErrCredential says that a key or a session is unknown, over or withdrawn; which of these is not said.
	ErrCredential = errors.New("issuer: no such credential")
	// ErrRoles says that the roles can't be given to this tenant.
	ErrRoles = errors.New("issuer: these roles can't be given here")
	// ErrUnknownDocument says that the tenant has no such key, job, approval or the like.
	ErrUnknownDocument = errors.New("issuer: unknown here")
	// ErrName says that a label is not 1 to 64 plain characters.
	ErrName = errors.New("issuer: a name has 1 to 64 plain characters")
)

// As is the issuer acting for staff: what it does stands in the audit chain under their name and their insurer's.
func (s *Issuer) As(who Staff) *Issuer {
	return s.as(who.Actor, who.Insurer)
}

func (s *Issuer) as(actor, tenant string) *Issuer {
	s.living() // before the copy, which shares it
	other := *s
	other.Actor, other.tenant = actor, tenant
	return &other
}

// CheckRoles refuses roles that don't go together: the operator's are never an insurer's.
func CheckRoles(insurerKey string, roles []Role) error {
	if len(roles) == 0 || len(roles) > len(Roles()) {
		return ErrRoles
	}
	for i, r := range roles {
		if !slices.Contains(Roles(), r) || slices.Contains(roles[:i], r) {
			return ErrRoles
		}
		operators := r == RoleOperator || r == RoleAudit || r == RolePublish
		if insurerKey == "" && !operators || insurerKey != "" && r == RoleOperator {
			return ErrRoles
		}
	}
	return nil
}

// checkName refuses what would not fit a list on a screen.
func checkName(name string) error {
	if rights.CheckNote(name) != nil || len([]rune(name)) > 64 {
		return ErrName
	}
	return nil
}

// draw returns n random bytes in base64url.
func (s *Issuer) draw(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.random(), b); err != nil {
		return "", fmt.Errorf("issuer: draw: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// digestOf names a secret or a person without saying it.
func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// second is the present time as documents keep it.
func (s *Issuer) second() time.Time { return s.now().UTC().Truncate(time.Second) }

// readDocument reads a document of a kind into v; owner "*" takes any. What belongs to another tenant is unknown.
func readDocument(tx register.Tx, kind, owner, id string, v any) (register.Document, error) {
	if !documentID(id) {
		return register.Document{}, ErrUnknownDocument
	}
	d, err := tx.Document(kind, id)
	if errors.Is(err, register.ErrNotFound) || err == nil && owner != "*" && d.Owner != owner {
		return register.Document{}, ErrUnknownDocument
	}
	if err != nil {
		return register.Document{}, err
	}
	if err := json.Unmarshal(d.Data, v); err != nil {
		return register.Document{}, fmt.Errorf("%w: a document of kind %s", ErrDamaged, kind)
	}
	return d, nil
}

// documentID says whether a document may have this id: what comes in an address is anything.
func documentID(id string) bool {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 128
}

// writeDocument stores the next version of a document.
func writeDocument(tx register.Tx, d register.Document, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("issuer: encode a document: %w", err)
	}
	d.Data = b
	d.Version++
	return tx.PutDocument(d)
}

// eachDocument reads at most limit documents behind the id after, and says where the next page begins: "" at the end.
func eachDocument(tx register.Tx, kind, owner, after string, limit int, fn func(register.Document) error) (next string, err error) {
	if after != "" && !documentID(after) {
		return "", ErrUnknownDocument
	}
	page, err := tx.DocumentsAfter(kind, owner, after, limit+1)
	if err != nil {
		return "", err
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	for _, d := range page {
		if err := fn(d); err != nil {
			return "", err
		}
	}
	return next, nil
}

// actRead is the act of the audit chain's entry about a read of a person.
const actRead = "person.read"

// JournalRead writes that a person was read, and returns when that is durable; see Journal.
func (s *Issuer) JournalRead(ctx context.Context, detail any) error {
	return s.Journal(ctx, actRead, detail)
}

// Journal writes an entry of the audit chain for something that changed nothing, such as a read of a person, and returns
// when it is durable. detail holds no name, no NIR and no N° adhérent.
func (s *Issuer) Journal(ctx context.Context, act string, detail any) error {
	return s.Store.Update(ctx, func(tx register.Tx) error { return s.audit(tx, act, detail) })
}
