// The draft of a root change: a file that travels between the holders of root
// keys and carries all that each of them needs to judge and to sign it.
package trust

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// draftFormat stands inside every draft; another one is another format.
const draftFormat = "trust-root-draft-1"

// rootDraft is a draft that has been read and checked: its chain of roots
// holds together, the next root is one that this format allows, and every
// signature it has collected is valid.
type rootDraft struct {
	roots []*rootDoc // from the first to the one that the draft follows
	next  *rootDoc   // not enough signatures yet, or enough
}

func (d *rootDraft) present() *rootDoc { return d.roots[len(d.roots)-1] }

// parseDraft reads a draft with no other knowledge than the draft itself.
func parseDraft(data []byte) (*rootDraft, error) {
	if len(data) > maxDraft {
		return nil, fmt.Errorf("%w: draft", ErrTooLarge)
	}
	n, err := parseStrict(data)
	if err != nil {
		return nil, err
	}
	if err := exactly(n, "format", "roots", "signatures", "signed"); err != nil {
		return nil, err
	}
	if f := n.get("format"); f.kind != '"' || f.text() != draftFormat {
		return nil, malformed("not a draft of a root")
	}
	d := &rootDraft{}
	list := n.get("roots")
	if list.kind != '[' || len(list.kids) == 0 {
		return nil, malformed("draft: roots missing")
	}
	for _, kid := range list.kids {
		if len(d.roots) == 0 {
			first, err := parsePinned(kid.raw)
			if err != nil {
				return nil, err
			}
			if first.version != 1 {
				return nil, malformed("draft: the chain does not begin with the first root")
			}
			d.roots = append(d.roots, first)
			continue
		}
		r, err := parseRoot(kid.raw)
		if err != nil {
			return nil, err
		}
		if err := d.present().succeed(r); err != nil {
			return nil, err
		}
		d.roots = append(d.roots, r)
	}
	next := &document{signed: n.get("signed")}
	if sigs := n.get("signatures"); sigs.kind != '[' || len(sigs.kids) > 0 {
		if next.sigs, err = parseSignatures(sigs); err != nil {
			return nil, err
		}
	}
	// A member that no reader knows could say to people what it does not do.
	if err := exactly(next.signed, "_type", "consistent_snapshot", "expires", "keys", "roles", "spec_version", "version"); err != nil {
		return nil, err
	}
	if err := next.readSigned(RoleRoot); err != nil {
		return nil, err
	}
	if d.next, err = readRoot(next); err != nil {
		return nil, err
	}
	if want := d.present().version + 1; d.next.version != want {
		return nil, fmt.Errorf("%w: root %d where %d was due", ErrStaleDraft, d.next.version, want)
	}
	if err := d.checkKeys(); err != nil {
		return nil, err
	}
	for _, s := range d.next.sigs {
		pub := d.signer(s.keyID)
		if pub == nil {
			return nil, fmt.Errorf("%w: the draft is signed by a key of neither root", ErrSignature)
		}
		if !ecdsa.VerifyASN1(pub, d.next.digest[:], s.value) {
			return nil, fmt.Errorf("%w: the draft carries a false signature", ErrSignature)
		}
	}
	return d, nil
}

// checkKeys holds the rule of one key, one role, once: a key of the next root
// stays where it is, or no root has ever named it. A key that came back would
// bring back what it had signed before it was replaced.
func (d *rootDraft) checkKeys() error {
	now, named := map[string]string{}, map[string]bool{}
	for role, a := range d.present().roles {
		for id := range a.keys {
			now[id] = role
		}
	}
	for _, r := range d.roots {
		for _, a := range r.roles {
			for id := range a.keys {
				named[id] = true
			}
		}
	}
	seen := map[string]bool{}
	for _, role := range topRoles {
		for id := range d.next.roles[role].keys {
			if seen[id] {
				return fmt.Errorf("%w: %s shares a key with another role", ErrWrongKey, role)
			}
			seen[id] = true
			if named[id] && now[id] != role {
				return fmt.Errorf("%w: a key of %s had another role, or was replaced, in an earlier root", ErrWrongKey, role)
			}
		}
	}
	if keys := d.next.signed.get("keys"); len(keys.kids) != len(seen) {
		return malformed("draft: a key without a role")
	}
	return nil
}

// signer is the key of that identifier in the old or the new root role.
func (d *rootDraft) signer(id string) *ecdsa.PublicKey {
	if k := d.present().roles[RoleRoot].keys[id]; k != nil {
		return k
	}
	return d.next.roles[RoleRoot].keys[id]
}

// missing counts the signatures that each of two thresholds still asks for.
func (d *rootDraft) missing() (old, next int) {
	left := func(a authority) int {
		n := a.threshold
		for _, s := range d.next.sigs {
			if a.keys[s.keyID] != nil {
				n--
			}
		}
		return max(n, 0)
	}
	return left(d.present().roles[RoleRoot]), left(d.next.roles[RoleRoot])
}

// bytes is the one spelling of the draft.
func (d *rootDraft) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(`{"format":` + strconv.Quote(draftFormat) + `,"roots":[`)
	for i, r := range d.roots {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(r.data)
	}
	b.WriteString(`],"signatures":`)
	b.Write(d.signatures())
	b.WriteString(`,"signed":`)
	b.Write(d.next.signed.raw)
	b.WriteByte('}')
	return b.Bytes()
}

func (d *rootDraft) signatures() []byte {
	parts := make([]string, 0, len(d.next.sigs))
	for _, s := range d.next.sigs {
		parts = append(parts, `{"keyid":"`+s.keyID+`","sig":"`+hex.EncodeToString(s.value)+`"}`)
	}
	return []byte("[" + strings.Join(parts, ",") + "]")
}

// file is the root as it is published, once it has its signatures.
func (d *rootDraft) file() []byte {
	return slices.Concat([]byte(`{"signatures":`), d.signatures(), []byte(`,"signed":`), d.next.signed.raw, []byte("}"))
}

// add puts a signature in its place; false when its key has signed already.
func (d *rootDraft) add(s signature) (bool, error) {
	at, there := slices.BinarySearchFunc(d.next.sigs, s.keyID, func(a signature, id string) int { return cmp.Compare(a.keyID, id) })
	if there {
		return false, nil
	}
	if len(d.next.sigs) == maxSignatures {
		return false, fmt.Errorf("%w: the draft has all the signatures that a root may carry", ErrTooLarge)
	}
	d.next.sigs = slices.Insert(d.next.sigs, at, s)
	return true, nil
}

// SignRoot adds s's signature to a draft. It needs nothing but the draft, which
// carries the present root, so it works on a machine without a network or a
// repository. A key that has signed already changes nothing. Show the holder
// ReviewRoot first: a signature is a consent to all that it lists.
//
// Errors: ErrMalformed, ErrSignature or ErrStaleDraft for a draft that does not
// hold together, ErrWrongKey for a key of neither root.
func SignRoot(draft []byte, s crypto.Signer) ([]byte, error) {
	d, err := parseDraft(draft)
	if err != nil {
		return nil, err
	}
	_, id, err := tufKey(s.Public())
	if err != nil {
		return nil, err
	}
	pub := d.signer(id)
	if pub == nil {
		return nil, fmt.Errorf("%w: neither the present nor the next root names it", ErrWrongKey)
	}
	for _, old := range d.next.sigs {
		if old.keyID == id {
			return draft, nil
		}
	}
	value, err := s.Sign(rand.Reader, d.next.digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	if !ecdsa.VerifyASN1(pub, d.next.digest[:], value) {
		return nil, fmt.Errorf("%w: the key's own signature does not verify", ErrSignature)
	}
	if _, err := d.add(signature{id, value}); err != nil {
		return nil, err
	}
	return d.bytes(), nil
}

// JoinDrafts brings together the signatures of two copies of one draft, signed
// in different places. Two different drafts are ErrStaleDraft.
func JoinDrafts(a, b []byte) ([]byte, error) {
	x, err := parseDraft(a)
	if err != nil {
		return nil, err
	}
	y, err := parseDraft(b)
	if err != nil {
		return nil, err
	}
	if !x.follows(y.roots) || !bytes.Equal(x.next.signed.raw, y.next.signed.raw) {
		return nil, fmt.Errorf("%w: these are two different drafts", ErrStaleDraft)
	}
	for _, s := range y.next.sigs {
		if _, err := x.add(s); err != nil {
			return nil, err
		}
	}
	return x.bytes(), nil
}

// follows says whether the draft was made upon exactly this chain of roots.
// Signatures may differ: what is signed is what counts.
func (d *rootDraft) follows(roots []*rootDoc) bool {
	return slices.EqualFunc(d.roots, roots, func(a, b *rootDoc) bool { return a.digest == b.digest })
}
