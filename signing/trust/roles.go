// The five kinds of metadata, each with what its role may say.
package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// rootDoc names the keys of the four top-level roles.
type rootDoc struct {
	*document
	roles map[string]authority
}

func parseRoot(data []byte) (*rootDoc, error) {
	if len(data) > maxRoot {
		return nil, fmt.Errorf("%w: root", ErrTooLarge)
	}
	d, err := parseDocument(data, RoleRoot)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	return readRoot(d)
}

// readRoot reads what only a root says.
func readRoot(d *document) (*rootDoc, error) {
	if d.signed.get("consistent_snapshot").kind != 't' {
		return nil, malformed("root: consistent_snapshot must be true")
	}
	var err error
	r := &rootDoc{document: d, roles: map[string]authority{}}
	keys, roles := d.signed.get("keys"), d.signed.get("roles")
	if err := exactly(roles, topRoles...); err != nil {
		return nil, err
	}
	for i, role := range topRoles {
		if err := exactly(roles.kids[i], "keyids", "threshold"); err != nil {
			return nil, err
		}
		if r.roles[role], err = parseAuthority(role, roles.kids[i], keys); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// succeed accepts next as the root that follows r: the next version, signed by
// enough of the old keys and enough of its own.
func (r *rootDoc) succeed(next *rootDoc) error {
	if next.version != r.version+1 {
		return fmt.Errorf("%w: root %d where %d was due", ErrMixed, next.version, r.version+1)
	}
	return next.verify(false, r.roles[RoleRoot], next.roles[RoleRoot])
}

// metaRef is what the timestamp says about the snapshot, and the snapshot
// about each role: which version, which bytes.
type metaRef struct {
	version int64
	length  int64
	sha256  [sha256.Size]byte
}

func parseRef(n node) (metaRef, error) {
	var m metaRef
	if err := exactly(n, "hashes", "length", "version"); err != nil {
		return m, err
	}
	v, l := n.get("version"), n.get("length")
	if v.kind != '0' || v.num < 1 || l.kind != '0' || l.num < 1 {
		return m, malformed("version or length of a file")
	}
	sum, err := parseHashes(n.get("hashes"))
	if err != nil {
		return m, err
	}
	return metaRef{v.num, l.num, sum}, nil
}

func parseHashes(n node) (sum [sha256.Size]byte, err error) {
	if err := exactly(n, "sha256"); err != nil {
		return sum, err
	}
	h := n.kids[0]
	if h.kind != '"' || len(h.raw) != 2+2*sha256.Size || !isHex(h.text()) {
		return sum, malformed("SHA-256 value")
	}
	_, err = hex.Decode(sum[:], h.raw[1:len(h.raw)-1])
	return sum, err
}

// check says whether data is the file that was signed for.
func (m metaRef) check(role string, data []byte) error {
	if int64(len(data)) != m.length || sha256.Sum256(data) != m.sha256 {
		return fmt.Errorf("%w: %s %d", ErrMixed, role, m.version)
	}
	return nil
}

type timestampDoc struct {
	*document
	published time.Time
	anchor    string // "" when there is none
	snapshot  metaRef
}

func parseTimestamp(data []byte) (*timestampDoc, error) {
	if len(data) > maxTimestamp {
		return nil, fmt.Errorf("%w: timestamp", ErrTooLarge)
	}
	d, err := parseDocument(data, RoleTimestamp)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	t := &timestampDoc{document: d}
	meta := d.signed.get("meta")
	if err := exactly(meta, "snapshot.json"); err != nil {
		return nil, err
	}
	if t.snapshot, err = parseRef(meta.kids[0]); err != nil {
		return nil, err
	}
	if t.snapshot.length > maxSnapshot {
		return nil, fmt.Errorf("%w: snapshot", ErrTooLarge)
	}
	// Whether published is there is judged after the signature, so that a
	// stranger's file is never reported as the operator's omission.
	if p := d.signed.get("published"); p.kind == '"' {
		if t.published, err = parseTime(p.text()); err != nil {
			return nil, err
		}
	} else if p.kind != 0 {
		return nil, malformed("published is not text")
	}
	if a := d.signed.get("anchor"); a.kind == '"' && isAnchor(a.text()) {
		t.anchor = a.text()
	} else if a.kind != 0 {
		return nil, malformed("anchor is not a short text")
	}
	return t, nil
}

type snapshotDoc struct {
	*document
	meta map[string]metaRef // by role, without ".json"
}

func parseSnapshot(data []byte) (*snapshotDoc, error) {
	d, err := parseDocument(data, RoleSnapshot)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	meta := d.signed.get("meta")
	if meta.kind != '{' || len(meta.kids) > 2*maxInsurers+1 {
		return nil, malformed("snapshot: meta missing or too long")
	}
	s := &snapshotDoc{document: d, meta: make(map[string]metaRef, len(meta.kids))}
	for i, name := range meta.names {
		role, ok := cutJSON(string(name))
		if ok && role != RoleTargets {
			_, _, err := splitRole(role)
			ok = err == nil
		}
		if !ok {
			return nil, malformed("snapshot: name of a role")
		}
		ref, err := parseRef(meta.kids[i])
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		if ref.length > maxTargets {
			return nil, fmt.Errorf("%w: %s", ErrTooLarge, role)
		}
		s.meta[role] = ref
	}
	return s, nil
}

func cutJSON(name string) (string, bool) {
	const ext = ".json"
	if len(name) <= len(ext) || name[len(name)-len(ext):] != ext {
		return "", false
	}
	return name[:len(name)-len(ext)], true
}

// targetsDoc is the metadata of targets or of a delegated role.
type targetsDoc struct {
	*document
	targets   map[string]Info
	keys      node
	delegated map[string]node // role name -> its delegation
	narrow    map[string]bool // delegated without notices.json, as it was once
}

// parseTargets reads the metadata of role and refuses any word outside its
// scope: targets of another owner, delegations that are not its own to give.
func parseTargets(role string, data []byte) (*targetsDoc, error) {
	d, err := parseDocument(data, RoleTargets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", role, err)
	}
	list := d.signed.get("targets")
	if list.kind != '{' {
		return nil, malformed(role + ": targets missing")
	}
	t := &targetsDoc{document: d, targets: make(map[string]Info, len(list.kids))}
	for i, name := range list.names {
		path := string(name)
		owner, err := Owner(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		if owner != role {
			return nil, fmt.Errorf("%w: %s names a target of %s", ErrScope, role, owner)
		}
		info, err := parseInfo(path, list.kids[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		t.targets[path] = info
	}
	if del := d.signed.get("delegations"); del.kind != 0 {
		if err := t.parseDelegations(role, del); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func parseInfo(path string, n node) (Info, error) {
	info := Info{Path: path}
	var err error
	switch {
	case exactly(n, "hashes", "length") == nil:
	case exactly(n, "custom", "hashes", "length") == nil:
		if c := n.get("custom"); len(c.raw) > maxCustom {
			return Info{}, malformed("custom member too long")
		} else {
			info.Custom = json.RawMessage(c.raw)
		}
	default:
		return Info{}, malformed("members of a target")
	}
	l := n.get("length")
	if l.kind != '0' {
		return Info{}, malformed("length of a target")
	}
	if l.num > maxTarget {
		return Info{}, fmt.Errorf("%w: %s", ErrTooLarge, path)
	}
	info.Length = l.num
	if info.SHA256, err = parseHashes(n.get("hashes")); err != nil {
		return Info{}, err
	}
	return info, nil
}

func (t *targetsDoc) parseDelegations(role string, n node) error {
	if err := exactly(n, "keys", "roles"); err != nil {
		return fmt.Errorf("%s: delegations: %w", role, err)
	}
	t.keys = n.get("keys")
	list := n.get("roles")
	if t.keys.kind != '{' || list.kind != '[' || len(list.kids) > maxInsurers {
		return malformed(role + ": delegations")
	}
	t.delegated, t.narrow = make(map[string]node, len(list.kids)), map[string]bool{}
	for _, r := range list.kids {
		if err := exactly(r, "keyids", "name", "paths", "terminating", "threshold"); err != nil {
			return fmt.Errorf("%s: delegation: %w", role, err)
		}
		if r.get("name").kind != '"' {
			return malformed(role + ": delegation's name")
		}
		name := r.get("name").text()
		key, status, err := splitRole(name)
		if err != nil {
			return fmt.Errorf("%s: delegation: %w", role, err)
		}
		// targets gives insurers their role, an insurer gives its own status role.
		if status && role != InsurerRole(key) || !status && role != RoleTargets {
			return fmt.Errorf("%w: %s delegates to %s", ErrScope, role, name)
		}
		if _, twice := t.delegated[name]; twice {
			return malformed(role + ": " + name + " delegated twice")
		}
		var paths []string
		for _, p := range r.get("paths").kids {
			if p.kind != '"' {
				return fmt.Errorf("%w: a path for %s is not text", ErrScope, name)
			}
			paths = append(paths, p.text())
		}
		narrow := !status && slices.Equal(paths, narrowPaths(key))
		if !narrow && !slices.Equal(paths, rolePaths(key, status)) || r.get("terminating").kind != 't' {
			return fmt.Errorf("%w: %s gives %s other paths than its own", ErrScope, role, name)
		}
		t.delegated[name] = r
		if narrow {
			t.narrow[name] = true
		}
	}
	return nil
}

// authority is who may sign for a role that t delegates to.
func (t *targetsDoc) authority(role string) (authority, error) {
	n, ok := t.delegated[role]
	if !ok {
		return authority{}, fmt.Errorf("%w: %s", ErrNotFound, role)
	}
	return parseAuthority(role, n, t.keys)
}
