// Which private key belongs to which role: found by its public half, because keys are replaced and names stay.

package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sceau/signing"
	"sceau/signing/trust"
)

// ErrNotHeld says that a store has no key with this public half.
var ErrNotHeld = errors.New("issuer: no key store at hand holds this key")

// A family is the names that keys of one purpose have, one after the other: "targets", "targets.2", "targets.3"…; a family that
// ends in "-" is numbered from the first on: "card-775670482-1", "card-775670482-2"…
type family string

// rootFamily is wider: holders have numbers, and "root-2.5" is what holder 2 got with root 5.
const rootFamily family = "root-"

// number is the place of a name in its family, 0 for a name of another one.
func (f family) number(name string) int {
	rest, ok := strings.CutPrefix(name, string(f))
	if !ok {
		return 0
	}
	if f == rootFamily {
		rest, _, _ = strings.Cut(rest, ".")
		return atoi(rest, 1)
	}
	if strings.HasSuffix(string(f), "-") {
		return atoi(rest, 1)
	}
	if rest == "" {
		return 1
	}
	if rest, ok = strings.CutPrefix(rest, "."); ok {
		return atoi(rest, 2)
	}
	return 0
}

func atoi(text string, least int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || strconv.Itoa(n) != text {
		return 0
	}
	return n
}

func (f family) name(n int) string {
	switch {
	case strings.HasSuffix(string(f), "-"):
		return string(f) + strconv.Itoa(n)
	case n == 1:
		return string(f)
	}
	return string(f) + "." + strconv.Itoa(n)
}

// familyOf is the family of a role of the repository, and whether its keys are offline.
func familyOf(role string) (f family, offline bool) {
	switch role {
	case trust.RoleRoot:
		return rootFamily, true
	case trust.RoleTargets:
		return keyTargets, true
	case trust.RoleSnapshot:
		return keySnapshot, false
	case trust.RoleTimestamp:
		return keyTimestamp, false
	}
	return family(roleKey(role)), !isStatusRole(role)
}

func cardFamily(insurer string) family { return family("card-" + strings.ToLower(insurer) + "-") }

func listFamily(insurer string) family { return family("list-" + strings.ToLower(insurer) + "-") }

// publicHalf reads the public half of a key; a store that keeps it apart needs no passphrase for that.
func publicHalf(k Keys, name string) (*ecdsa.PublicKey, error) {
	var pub crypto.PublicKey
	switch p := k.(type) {
	case interface {
		Public(name string) (crypto.PublicKey, error)
	}:
		var err error
		if pub, err = p.Public(name); err != nil {
			return nil, err
		}
	case interface {
		Public(name string) (*signing.PublicKey, error)
	}:
		own, err := p.Public(name)
		if err != nil {
			return nil, err
		}
		pub = own.ECDSA()
	default:
		s, err := k.Signer(name)
		if err != nil {
			return nil, err
		}
		pub = s.Public()
	}
	ec, ok := pub.(*ecdsa.PublicKey)
	if !ok || ec == nil {
		return nil, fmt.Errorf("issuer: key %s: a key store gave a key that is not ECDSA", name)
	}
	return ec, nil
}

// shelf is what a key store held when it was first looked at. The names of a family, newest first; public halves once read.
type shelf struct {
	keys    Keys
	names   []string
	publics map[string]*ecdsa.PublicKey
	read    bool
	err     error
}

// list is the names of a family, the newest first.
func (h *shelf) list(f family) ([]string, error) {
	if !h.read {
		h.read = true
		h.publics = map[string]*ecdsa.PublicKey{}
		if h.keys == nil {
			h.err = ErrNoOfflineKeys
		} else {
			h.names, h.err = h.keys.Names()
		}
	}
	if h.err != nil {
		return nil, h.err
	}
	var of []string
	for _, name := range h.names {
		if f.number(name) > 0 {
			of = append(of, name)
		}
	}
	slices.SortFunc(of, func(a, b string) int {
		if d := f.number(b) - f.number(a); d != 0 {
			return d
		}
		return strings.Compare(b, a)
	})
	return of, nil
}

func (h *shelf) public(name string) (*ecdsa.PublicKey, error) {
	if p := h.publics[name]; p != nil {
		return p, nil
	}
	p, err := publicHalf(h.keys, name)
	if err != nil {
		return nil, err
	}
	h.publics[name] = p
	return p, nil
}

// find gives the name of the key of a family with that public half, or ErrNotHeld; a key that can't be read hides no other.
func (h *shelf) find(f family, want *ecdsa.PublicKey) (string, error) {
	names, err := h.list(f)
	if err != nil {
		return "", err
	}
	var failed error
	for _, name := range names {
		p, err := h.public(name)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("key %s: %w", name, err))
			continue
		}
		if p.Equal(want) {
			return name, nil
		}
	}
	if failed != nil {
		return "", fmt.Errorf("%w: %w", ErrNotHeld, failed)
	}
	return "", ErrNotHeld
}

// open gives the signer of the key of a family with that public half.
func (h *shelf) open(f family, want *ecdsa.PublicKey) (crypto.Signer, string, error) {
	name, err := h.find(f, want)
	if err != nil {
		return nil, "", err
	}
	signer, err := h.keys.Signer(name)
	if err != nil {
		return nil, "", fmt.Errorf("key %s: %w", name, err)
	}
	if p, ok := signer.Public().(*ecdsa.PublicKey); !ok || !p.Equal(want) {
		return nil, "", fmt.Errorf("%w: key %s is not its public half", ErrDamaged, name)
	}
	return signer, name, nil
}

// nextKey makes the next key of a family.
func nextKey(k Keys, f family) (crypto.Signer, string, error) {
	if k == nil {
		return nil, "", ErrNoOfflineKeys
	}
	names, err := k.Names()
	if err != nil {
		return nil, "", err
	}
	highest := 0
	for _, name := range names {
		highest = max(highest, f.number(name))
	}
	name := f.name(highest + 1)
	signer, err := k.Generate(name)
	if err != nil {
		return nil, "", fmt.Errorf("issuer: make the key %s: %w", name, err)
	}
	return signer, name, nil
}

// ring looks for the keys of roles for as long as one piece of work takes.
type ring struct {
	online, offline shelf
	signers         map[string][]crypto.Signer // by role and key ids
}

func (s *Issuer) ring() *ring {
	return &ring{online: shelf{keys: s.Online}, offline: shelf{keys: s.Offline}, signers: map[string][]crypto.Signer{}}
}

// authority is a state of the repository, written or read.
type authority interface {
	Authority(role string) ([]*ecdsa.PublicKey, int, error)
}

// of gives the keys that a state of the repository names for a role, as far as they are at hand. Several media may each hold
// some of the root's.
func (r *ring) of(a authority, role string) ([]crypto.Signer, error) {
	wanted, _, err := a.Authority(role)
	if err != nil {
		return nil, fmt.Errorf("%w: role %s: %w", trust.ErrNoSigner, role, err)
	}
	id := role
	for _, w := range wanted {
		id += " " + signing.KID(w)
	}
	if known := r.signers[id]; known != nil {
		return known, nil
	}
	f, off := familyOf(role)
	h := &r.online
	if off {
		h = &r.offline
	}
	if h.keys == nil {
		return nil, fmt.Errorf("%w: %w: role %s", trust.ErrNoSigner, ErrNoOfflineKeys, role)
	}
	var found []crypto.Signer
	var missing error
	for _, w := range wanted {
		signer, _, err := h.open(f, w)
		if err != nil {
			missing = err
			continue
		}
		found = append(found, signer)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: key of role %s: %w", trust.ErrNoSigner, role, missing)
	}
	r.signers[id] = found
	return found, nil
}

// forRepo is of for one state, as the trust package asks.
func (r *ring) forRepo(a authority) trust.SignerFor {
	return func(role string) ([]crypto.Signer, error) { return r.of(a, role) }
}

// kidOf is the public half of a signer, with its kid.
func kidOf(s crypto.Signer) (crypto.PublicKey, string, error) {
	ec, ok := s.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, "", errors.New("issuer: a key store gave a key that is not ECDSA")
	}
	return ec, signing.KID(ec), nil
}
