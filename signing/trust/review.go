// What a root and a draft say, for the people who sign them.
package trust

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"slices"
	"time"
)

// topRoles are the roles whose keys a root names, in the order of its file.
var topRoles = []string{RoleRoot, RoleSnapshot, RoleTargets, RoleTimestamp}

// KeyID names a public key as metadata does: the SHA-256, in hexadecimal, of
// its one spelling. P-256 only, ErrWrongKey otherwise.
func KeyID(pub crypto.PublicKey) (string, error) {
	_, id, err := tufKey(pub)
	return id, err
}

// RootFacts is what one root says.
type RootFacts struct {
	Version    int64
	Expires    time.Time
	Keys       map[string][]*ecdsa.PublicKey // by role, ascending by KeyID
	Thresholds map[string]int
	Signed     []*ecdsa.PublicKey // who has signed it, ascending by KeyID
}

func (r *rootDoc) facts(old *rootDoc) RootFacts {
	f := RootFacts{Version: r.version, Expires: r.expires, Keys: map[string][]*ecdsa.PublicKey{}, Thresholds: map[string]int{}}
	for role, a := range r.roles {
		f.Keys[role], f.Thresholds[role] = a.sorted(), a.threshold
	}
	for _, s := range r.sigs {
		pub := r.roles[RoleRoot].keys[s.keyID]
		if pub == nil && old != nil {
			pub = old.roles[RoleRoot].keys[s.keyID]
		}
		if pub != nil {
			f.Signed = append(f.Signed, pub)
		}
	}
	return f
}

// What becomes of a key in a draft.
const (
	KeyKept = "kept"
	KeyNew  = "new"
	KeyGone = "gone"
)

// KeyReview is one key of the present root, of the next, or of both.
type KeyReview struct {
	Role   string
	ID     string // KeyID
	Change string // KeyKept, KeyNew or KeyGone
	Signed bool   // has signed this draft
	Public *ecdsa.PublicKey
}

// RootReview is everything that a draft changes and everything that it keeps.
// A draft can lie about nothing that stands here but about one thing, which
// holders must compare with what they know: whose repository it is.
type RootReview struct {
	Fingerprint             string    // of the repository, as printed on letters and screens: its first root's
	Present                 RootFacts // the root that the draft follows
	Next                    RootFacts // Signed: by whom so far
	Keys                    []KeyReview
	MissingOld, MissingNext int // signatures still missing by each root's threshold
}

// ReviewRoot reads a draft for its signers. All signatures in it, and the
// whole chain from the repository's first root, have been verified. It can't
// know whether the present root is still the present one: its version is there
// for people to compare.
func ReviewRoot(draft []byte) (*RootReview, error) {
	d, err := parseDraft(draft)
	if err != nil {
		return nil, err
	}
	old := d.present()
	v := &RootReview{Fingerprint: Fingerprint(d.roots[0].data), Next: d.next.facts(old)}
	if len(d.roots) > 1 {
		v.Present = old.facts(d.roots[len(d.roots)-2])
	} else {
		v.Present = old.facts(nil)
	}
	v.MissingOld, v.MissingNext = d.missing()
	for _, role := range topRoles {
		var keys []KeyReview
		for id, pub := range old.roles[role].keys {
			change := KeyKept
			if d.next.roles[role].keys[id] == nil {
				change = KeyGone
			}
			keys = append(keys, KeyReview{Role: role, ID: id, Change: change, Public: pub})
		}
		for id, pub := range d.next.roles[role].keys {
			if old.roles[role].keys[id] == nil {
				keys = append(keys, KeyReview{Role: role, ID: id, Change: KeyNew, Public: pub})
			}
		}
		for i := range keys {
			keys[i].Signed = slices.ContainsFunc(d.next.sigs, func(s signature) bool { return s.keyID == keys[i].ID })
		}
		slices.SortFunc(keys, func(a, b KeyReview) int { return cmp.Or(cmp.Compare(a.Change, b.Change), cmp.Compare(a.ID, b.ID)) })
		v.Keys = append(v.Keys, keys...)
	}
	return v, nil
}

// Lines says it in English, for a terminal: one fact a line, changes marked
// with + and -, what stays with two spaces.
func (v *RootReview) Lines() []string {
	out := []string{
		"repository " + v.Fingerprint,
		fmt.Sprintf("version    %d -> %d", v.Present.Version, v.Next.Version),
		fmt.Sprintf("expires    %s -> %s", v.Present.Expires.Format(time.DateOnly), v.Next.Expires.Format(time.DateOnly)),
	}
	for _, role := range topRoles {
		was, is := v.Present.Thresholds[role], v.Next.Thresholds[role]
		line := fmt.Sprintf("%-10s %d of %d", role, is, len(v.Next.Keys[role]))
		if was != is || len(v.Present.Keys[role]) != len(v.Next.Keys[role]) {
			line = fmt.Sprintf("%-10s %d of %d -> %d of %d", role, was, len(v.Present.Keys[role]), is, len(v.Next.Keys[role]))
		}
		out = append(out, line)
		for _, k := range v.Keys {
			if k.Role != role {
				continue
			}
			line := map[string]string{KeyKept: "  ", KeyNew: "+ ", KeyGone: "- "}[k.Change] + k.ID
			if k.Signed {
				line += " (signed)"
			}
			out = append(out, line)
		}
	}
	return append(out, fmt.Sprintf("missing    %d signatures of the present root, %d of the next", v.MissingOld, v.MissingNext))
}

// ParseRootDraft gives the present root's bytes and the next root's as they
// would be published with the signatures collected so far.
func ParseRootDraft(draft []byte) (present, next []byte, err error) {
	d, err := parseDraft(draft)
	if err != nil {
		return nil, nil, err
	}
	return bytes.Clone(d.present().data), d.file(), nil
}
