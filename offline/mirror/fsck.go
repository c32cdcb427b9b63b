// Everything that a counter keeps, verified again: the database, each signature, each hash, each page.

package mirror

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing/trust"
)

// Finding is one thing that is wrong. Code is stable: database, repository, insurer, file, routing, leftover.
type Finding struct {
	Code  string `json:"code"`
	Where string `json:"where"` // a file, a path of the repository or a fingerprint
	What  string `json:"what"`
}

// IsDamaged says whether err means that what is stored can't be believed.
func IsDamaged(err error) bool { return errors.Is(err, ErrDamaged) }

// Fsck verifies everything and returns what is wrong, or nothing.
func (m *Mirror) Fsck() []Finding {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	var out []Finding
	add := func(code, where, format string, args ...any) {
		out = append(out, Finding{code, where, fmt.Sprintf(format, args...)})
	}
	for _, fault := range m.integrity() {
		add("database", FileName, "%s", fault)
	}
	ids, err := m.repositoryIDs()
	if err != nil {
		add("database", FileName, "%v", err)
		return out
	}
	for _, id := range ids {
		m.checkRepository(id, add)
	}
	return out
}

func (m *Mirror) integrity() []string {
	rows, err := m.db.Query("PRAGMA integrity_check(20)")
	if err != nil {
		return []string{err.Error()}
	}
	defer rows.Close()
	var faults []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return append(faults, err.Error())
		}
		if line != "ok" {
			faults = append(faults, line)
		}
	}
	if err := rows.Err(); err != nil {
		faults = append(faults, err.Error())
	}
	return faults
}

func (m *Mirror) repositoryIDs() ([]int64, error) {
	rows, err := m.db.Query("SELECT id FROM repository ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (m *Mirror) checkRepository(id int64, add func(code, where, format string, args ...any)) {
	r, err := m.repository(id)
	if err != nil {
		add("repository", fmt.Sprint(id), "%v", err)
		return
	}
	routed, err := m.routed(id)
	if err != nil {
		add("database", FileName, "%v", err)
		return
	}
	if keys := r.trusted.Insurers(); !slices.Equal(keys, routed) {
		add("routing", r.fingerprint, "insurers in the table: %v, signed: %v", routed, keys)
	}
	wanted, err := wantedTargets(r.trusted)
	if err != nil {
		add("repository", r.fingerprint, "%v", err)
		return
	}
	for _, path := range wanted {
		if err := m.checkTarget(r, path); err != nil {
			add("file", path, "%v", err)
		}
	}
	metadata, err := r.trusted.Metadata()
	if err != nil {
		add("repository", r.fingerprint, "%v", err)
		return
	}
	for _, f := range metadata {
		wanted = append(wanted, f.Path)
	}
	stored, err := m.paths(id)
	if err != nil {
		add("database", FileName, "%v", err)
		return
	}
	for _, path := range stored {
		if !slices.Contains(wanted, path) {
			add("leftover", path, "stored, but no role speaks of it")
		}
	}
}

// wantedTargets lists the targets that a counter keeps: tables, facts of the insurers and whole pages, but no changes.
func wantedTargets(t *trust.Trusted) ([]string, error) {
	var out []string
	for _, key := range append([]string{""}, t.Insurers()...) {
		infos, err := t.Targets(key)
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			if refreshable(info.Path) {
				out = append(out, info.Path)
			}
		}
	}
	return out, nil
}

// refreshable says whether a counter keeps this target.
func refreshable(path string) bool {
	if path == codesPath || strings.HasSuffix(path, "/issuer.json") {
		return true
	}
	dir, name, _ := cutLast(path)
	return strings.HasSuffix(dir, "/status") && !strings.Contains(name, ".")
}

func cutLast(path string) (dir, name string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

func (m *Mirror) checkTarget(r *followed, path string) error {
	data, err := m.target(r, path)
	if err != nil {
		return err
	}
	switch dir, name, _ := cutLast(path); {
	case path == codesPath:
		_, err = rights.ParseCodes(data)
	case name == "issuer.json":
		_, err = card.ParseInsurer(data)
	case strings.HasSuffix(dir, "/status"):
		_, err = status.Decode(data)
	}
	return err
}

func (m *Mirror) routed(id int64) ([]string, error) {
	return m.texts("SELECT key FROM insurer WHERE repository = ? ORDER BY key", id)
}

func (m *Mirror) paths(id int64) ([]string, error) {
	return m.texts("SELECT path FROM file WHERE repository = ? ORDER BY path", id)
}

func (m *Mirror) texts(query string, id int64) ([]string, error) {
	rows, err := m.db.Query(query, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Repository is one repository that the counter follows, for people.
type Repository struct {
	Fingerprint string    `json:"fingerprint"`
	Published   time.Time `json:"published"`
	Expires     time.Time `json:"expires"`
	Version     int64     `json:"version"`
	Insurers    []Insurer `json:"insurers"`
	Sources     []Source  `json:"sources"`
}

// Insurer is one insurer of a followed repository, for people.
type Insurer struct {
	Key    string `json:"amc"`
	Name   string `json:"name"`
	Lists  int    `json:"lists"`
	Events int    `json:"events"` // on all its lists
}

// Overview lists what is followed. ErrDamaged when a part can't be believed.
func (m *Mirror) Overview() ([]Repository, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids, err := m.repositoryIDs()
	if err != nil {
		return nil, damaged("%v", err)
	}
	out := []Repository{}
	for _, id := range ids {
		r, err := m.repository(id)
		if err != nil {
			return nil, err
		}
		o := Repository{Fingerprint: r.fingerprint, Published: r.trusted.Published(), Expires: r.trusted.Expires(),
			Version: r.trusted.Version(), Insurers: []Insurer{}}
		for _, key := range r.trusted.Insurers() {
			i, err := m.describe(r, key)
			if err != nil {
				return nil, err
			}
			o.Insurers = append(o.Insurers, i)
		}
		if o.Sources, err = m.sources(id); err != nil {
			return nil, damaged("%v", err)
		}
		out = append(out, o)
	}
	return out, nil
}

func (m *Mirror) describe(r *followed, key string) (Insurer, error) {
	iss, err := m.issuer(key)
	if err != nil {
		return Insurer{}, err
	}
	i := Insurer{Key: key, Name: iss.Insurer.Name}
	infos, err := r.trusted.Targets(key)
	if err != nil {
		return Insurer{}, damaged("%v", err)
	}
	for _, info := range infos {
		if dir, name, _ := cutLast(info.Path); !strings.HasSuffix(dir, "/status") || strings.Contains(name, ".") {
			continue
		}
		data, err := m.target(r, info.Path)
		if err != nil {
			return Insurer{}, err
		}
		page, err := status.Decode(data)
		if err != nil {
			return Insurer{}, damaged("%s: %v", info.Path, err)
		}
		i.Lists++
		i.Events += page.Len()
	}
	return i, nil
}
