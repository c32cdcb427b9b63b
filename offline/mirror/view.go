// From stored bytes to facts: one state of the folder, each part verified when it is first asked for, and then kept in memory.

package mirror

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing/trust"
)

// View is the folder as it was when the view was taken, whatever is synced meanwhile. It implements offline.Facts, is safe
// for concurrent use, and must be closed.
type View struct {
	conn  *sql.Conn
	floor time.Time // newest publication of any repository followed
	lists *digests

	mu      sync.Mutex // guards what follows, and conn
	repos   map[int64]*followed
	issuers map[string]*offline.Issuer
	pages   map[pageID]*status.Page
	owners  map[string]string // kid → AMC key; nil until asked for
}

type pageID struct {
	key  string
	list uint32
}

// followed is one repository, opened.
type followed struct {
	id          int64
	fingerprint string
	trusted     *trust.Trusted
	codes       *rights.Codes
}

var _ offline.Facts = (*View)(nil)

// View takes a view of the present state.
func (m *Mirror) View(ctx context.Context) (*View, error) {
	c, err := m.db.Conn(ctx)
	if err != nil {
		return nil, damaged("%w", err)
	}
	v := &View{conn: c, lists: m.lists, repos: map[int64]*followed{}, issuers: map[string]*offline.Issuer{}, pages: map[pageID]*status.Page{}}
	if err := start(ctx, c, "BEGIN"); err != nil {
		c.Close()
		return nil, damaged("%w", err)
	}
	// The first read fixes the state that the transaction sees.
	var newest sql.NullInt64
	if err := v.row("SELECT max(published) FROM repository").Scan(&newest); err != nil {
		v.Close()
		return nil, damaged("%w", err)
	}
	v.floor = time.Unix(newest.Int64, 0)
	return v, nil
}

// Close releases the state.
func (v *View) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := v.conn.ExecContext(context.Background(), "ROLLBACK")
	return errors.Join(err, v.conn.Close())
}

func (v *View) row(query string, args ...any) *sql.Row {
	return v.conn.QueryRowContext(context.Background(), query, args...)
}

// Issuer implements offline.Facts.
func (v *View) Issuer(key string) (*offline.Issuer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.issuer(key)
}

func (v *View) issuer(key string) (*offline.Issuer, error) {
	if iss, ok := v.issuers[key]; ok {
		return iss, nil
	}
	repo, err := v.repositoryOf(key)
	if err != nil {
		return nil, err
	}
	data, err := v.target(repo, offline.IssuerPath(key))
	if err != nil {
		return nil, damaged("issuer.json of %s: %w", key, err)
	}
	insurer, err := parseInsurer(data, key)
	if err != nil {
		return nil, err
	}
	ring, err := insurer.Keyring()
	if err != nil {
		return nil, damaged("issuer.json of %s: %w", key, err)
	}
	iss := &offline.Issuer{Insurer: insurer, Keys: ring, Codes: repo.codes,
		Published: repo.trusted.Published(), Expires: repo.trusted.Expires(), Floor: v.floor, Issued: v.genuine(repo, insurer)}
	v.issuers[key] = iss
	return iss, nil
}

func parseInsurer(data []byte, key string) (*card.Insurer, error) {
	insurer, err := card.ParseInsurer(data)
	if err != nil {
		return nil, damaged("issuer.json of %s: %w", key, err)
	}
	if insurer.AMC.Key() != key {
		return nil, damaged("issuer.json of %s speaks of another insurer", key)
	}
	return insurer, nil
}

// Page implements offline.Facts.
func (v *View) Page(key string, list uint32) (*status.Page, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id := pageID{key, list}
	if p, ok := v.pages[id]; ok {
		return p, nil
	}
	repo, err := v.repositoryOf(key)
	if err != nil {
		return nil, err
	}
	path := offline.PagePath(key, list)
	if _, err := repo.trusted.Target(path); errors.Is(err, trust.ErrNotFound) {
		// The role that would sign it was read and does not: an insurer that is not there was caught above.
		return nil, offline.ErrNoPage
	}
	data, err := v.target(repo, path)
	if err != nil {
		return nil, damaged("list %d: %w", list, err)
	}
	p, err := decodePage(data, key, list)
	if err != nil {
		return nil, err
	}
	v.pages[id] = p
	return p, nil
}

func decodePage(data []byte, key string, list uint32) (*status.Page, error) {
	p, err := status.Decode(data)
	if err != nil {
		return nil, damaged("list %d: %w", list, err)
	}
	if p.Issuer() != key || p.List() != list {
		return nil, damaged("list %d holds another list", list)
	}
	return p, nil
}

// OwnerOf implements offline.Facts. The first call opens every insurer that is followed; one that is damaged is passed
// over, because its own cards will say so.
func (v *View) OwnerOf(kid string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.owners == nil {
		keys, err := v.texts("SELECT key FROM insurer ORDER BY key")
		if err != nil {
			return "", damaged("%w", err)
		}
		v.owners = map[string]string{}
		for _, key := range keys {
			iss, err := v.issuer(key)
			if err != nil {
				continue
			}
			for _, k := range iss.Insurer.CardKeys {
				v.owners[k.KID] = key
			}
		}
	}
	if key, ok := v.owners[kid]; ok {
		return key, nil
	}
	return "", offline.ErrUnknownIssuer
}

// Operator returns the fingerprint of the repository that speaks for an insurer: offline.ErrUnknownIssuer when none does.
func (v *View) Operator(insurer string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r, err := v.repositoryOf(insurer)
	if err != nil {
		return "", err
	}
	return r.fingerprint, nil
}

// Service returns what a followed repository says of its rights service: ErrNotFollowed, and offline.ErrNoService when it
// says nothing of one.
func (v *View) Service(fingerprint string) (*card.Service, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ids, err := v.repositoryIDs()
	if err != nil {
		return nil, damaged("%w", err)
	}
	for _, id := range ids {
		r, err := v.repository(id)
		if err != nil || !trust.SameFingerprint(r.fingerprint, fingerprint) {
			continue // one that is damaged says so where it is asked for
		}
		if _, err := r.trusted.Target(offline.ServicePath); errors.Is(err, trust.ErrNotFound) {
			return nil, offline.ErrNoService
		}
		data, err := v.target(r, offline.ServicePath)
		if err != nil {
			return nil, damaged("service.json: %w", err)
		}
		s, err := card.ParseService(data)
		if err != nil {
			return nil, damaged("service.json: %w", err)
		}
		return s, nil
	}
	return nil, ErrNotFollowed
}

// Codes returns the code tables of every repository followed, and those of the program.
func (v *View) Codes() []*rights.Codes {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := []*rights.Codes{rights.DefaultCodes()}
	ids, err := v.repositoryIDs()
	if err != nil {
		return all
	}
	for _, id := range ids {
		if r, err := v.repository(id); err == nil {
			all = append(all, r.codes)
		}
	}
	return all
}

// repositoryOf finds the repository through the routing table, which is a hint and no more: a row that was altered only
// leads to a repository whose signed metadata doesn't know the insurer.
func (v *View) repositoryOf(key string) (*followed, error) {
	var id int64
	err := v.row("SELECT repository FROM insurer WHERE key = ?", key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, offline.ErrUnknownIssuer
	}
	if err != nil {
		return nil, damaged("%w", err)
	}
	r, err := v.repository(id)
	if err != nil {
		return nil, err
	}
	if !r.trusted.HasInsurer(key) {
		return nil, damaged("insurer %s is routed to a repository that does not know it", key)
	}
	return r, nil
}

func (v *View) repository(id int64) (*followed, error) {
	if r, ok := v.repos[id]; ok {
		return r, nil
	}
	var fingerprint string
	var root []byte
	if err := v.row("SELECT fingerprint, root FROM repository WHERE id = ?", id).Scan(&fingerprint, &root); err != nil {
		return nil, damaged("repository %d: %w", id, err)
	}
	if trust.Fingerprint(root) != fingerprint {
		return nil, damaged("repository %d: its root is not the one that was accepted", id)
	}
	trusted, err := trust.Open(func(path string) ([]byte, error) { return v.stored(id, "metadata", path) }, root)
	if err != nil {
		return nil, damaged("repository %d: %w", id, err)
	}
	r := &followed{id: id, fingerprint: fingerprint, trusted: trusted, codes: rights.DefaultCodes()}
	if _, err := trusted.Target(offline.CodesPath); err == nil {
		data, err := v.target(r, offline.CodesPath)
		if err != nil {
			return nil, damaged("codes.json: %w", err)
		}
		if r.codes, err = rights.ParseCodes(data); err != nil {
			return nil, damaged("codes.json: %w", err)
		}
	} else if !errors.Is(err, trust.ErrNotFound) {
		return nil, damaged("codes.json: %w", err)
	}
	v.repos[id] = r
	return r, nil
}

// target returns the stored bytes of a target, if they are those that the signed metadata names.
func (v *View) target(r *followed, path string) ([]byte, error) {
	info, err := r.trusted.Target(path)
	if err != nil {
		return nil, damaged("%s: %w", path, err)
	}
	data, err := v.stored(r.id, "target", path)
	if err != nil {
		return nil, damaged("%s: %w", path, err)
	}
	if err := info.Check(data); err != nil {
		return nil, damaged("%s: %w", path, err)
	}
	return data, nil
}

func (v *View) stored(id int64, kind, path string) ([]byte, error) {
	var data []byte
	err := v.row("SELECT data FROM file WHERE repository = ? AND kind = ? AND path = ?", id, kind, path).Scan(&data)
	switch {
	case errors.Is(err, sql.ErrNoRows) && strings.HasSuffix(path, ".root.json"):
		return nil, trust.ErrNotFound // the end of the chain of roots
	case errors.Is(err, sql.ErrNoRows):
		return nil, damaged("%s is missing", path)
	}
	return data, err
}

func (v *View) repositoryIDs() ([]int64, error) {
	rows, err := v.conn.QueryContext(context.Background(), "SELECT id FROM repository ORDER BY id")
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

func (v *View) texts(query string, args ...any) ([]string, error) {
	rows, err := v.conn.QueryContext(context.Background(), query, args...)
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
