// From stored bytes to facts: each is verified when it is first asked for, and then kept in memory.

package mirror

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"sceau/card"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// followed is one repository, opened.
type followed struct {
	id          int64
	fingerprint string
	trusted     *trust.Trusted
	codes       *rights.Codes
}

// Paths of the targets that a counter uses.
const codesPath = "codes.json"

func issuerPath(key string) string { return "amc/" + key + "/issuer.json" }

func pagePath(key string, list uint32) string {
	return "amc/" + key + "/status/" + strconv.FormatUint(uint64(list), 10)
}

// Issuer implements offline.Facts.
func (m *Mirror) Issuer(key string) (*offline.Issuer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.issuer(key)
}

func (m *Mirror) issuer(key string) (*offline.Issuer, error) {
	if iss, ok := m.issuers[key]; ok {
		return iss, nil
	}
	repo, err := m.repositoryOf(key)
	if err != nil {
		return nil, err
	}
	data, err := m.target(repo, issuerPath(key))
	if err != nil {
		return nil, err
	}
	insurer, err := card.ParseInsurer(data)
	if err != nil {
		return nil, damaged("issuer.json of %s: %v", key, err)
	}
	if insurer.AMC.Key() != key {
		return nil, damaged("issuer.json of %s speaks of another insurer", key)
	}
	ring := new(signing.Keyring)
	for _, k := range insurer.CardKeys {
		if err := ring.Add(k); err != nil {
			return nil, damaged("issuer.json of %s: %v", key, err)
		}
	}
	iss := &offline.Issuer{Insurer: insurer, Keys: ring, Codes: repo.codes,
		Published: repo.trusted.Published(), Expires: repo.trusted.Expires()}
	m.issuers[key] = iss
	return iss, nil
}

// Page implements offline.Facts.
func (m *Mirror) Page(key string, list uint32) (*status.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := pageID{key, list}
	if p, ok := m.pages[id]; ok {
		return p, nil
	}
	repo, err := m.repositoryOf(key)
	if err != nil {
		return nil, err
	}
	data, err := m.target(repo, pagePath(key, list))
	if errors.Is(err, trust.ErrNotFound) {
		return nil, offline.ErrNoPage
	}
	if err != nil {
		return nil, err
	}
	p, err := decodePage(data, key, list)
	if err != nil {
		return nil, err
	}
	m.pages[id] = p
	return p, nil
}

func decodePage(data []byte, key string, list uint32) (*status.Page, error) {
	p, err := status.Decode(data)
	if err != nil {
		return nil, damaged("list %d: %v", list, err)
	}
	if p.Issuer() != key || p.List() != list {
		return nil, damaged("list %d holds another list", list)
	}
	return p, nil
}

// OwnerOf implements offline.Facts. It opens every insurer that is followed.
func (m *Mirror) OwnerOf(kid string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys, err := m.insurers()
	if err != nil {
		return "", err
	}
	for _, key := range keys {
		iss, err := m.issuer(key)
		if err != nil {
			return "", err
		}
		if _, err := iss.Keys.Lookup(kid); err == nil {
			return key, nil
		}
	}
	return "", offline.ErrUnknownIssuer
}

// Codes returns the code tables of the repositories followed, or those of the program before the first sync.
func (m *Mirror) Codes() *rights.Codes {
	m.mu.Lock()
	defer m.mu.Unlock()
	var id int64
	if err := m.db.QueryRow("SELECT id FROM repository ORDER BY id LIMIT 1").Scan(&id); err == nil {
		if repo, err := m.repository(id); err == nil {
			return repo.codes
		}
	}
	return rights.DefaultCodes()
}

func (m *Mirror) insurers() ([]string, error) {
	rows, err := m.db.Query("SELECT key FROM insurer ORDER BY key")
	if err != nil {
		return nil, damaged("%v", err)
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return nil, damaged("%v", err)
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// repositoryOf finds the repository through the routing table, which is a hint and no more: a row that was altered only
// leads to a repository whose signed metadata doesn't know the insurer.
func (m *Mirror) repositoryOf(key string) (*followed, error) {
	var id int64
	err := m.db.QueryRow("SELECT repository FROM insurer WHERE key = ?", key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, offline.ErrUnknownIssuer
	}
	if err != nil {
		return nil, damaged("%v", err)
	}
	return m.repository(id)
}

func (m *Mirror) repository(id int64) (*followed, error) {
	if r, ok := m.repos[id]; ok {
		return r, nil
	}
	var fingerprint string
	var root []byte
	if err := m.db.QueryRow("SELECT fingerprint, root FROM repository WHERE id = ?", id).Scan(&fingerprint, &root); err != nil {
		return nil, damaged("repository %d: %v", id, err)
	}
	if trust.Fingerprint(root) != fingerprint {
		return nil, damaged("repository %d: its root is not the one that was accepted", id)
	}
	trusted, err := trust.Open(func(path string) ([]byte, error) { return m.stored(id, "metadata", path) }, root)
	if err != nil {
		return nil, damaged("repository %d: %v", id, err)
	}
	r := &followed{id: id, fingerprint: fingerprint, trusted: trusted, codes: rights.DefaultCodes()}
	data, err := m.target(r, codesPath)
	if err == nil {
		r.codes, err = rights.ParseCodes(data)
		if err != nil {
			return nil, damaged("codes.json: %v", err)
		}
	} else if !errors.Is(err, trust.ErrNotFound) {
		return nil, err
	}
	m.repos[id] = r
	return r, nil
}

// target returns the stored bytes of a target, if they are those that the signed metadata names. trust.ErrNotFound when
// the repository has no such target.
func (m *Mirror) target(r *followed, path string) ([]byte, error) {
	info, err := r.trusted.Target(path)
	if errors.Is(err, trust.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, damaged("%s: %v", path, err)
	}
	data, err := m.stored(r.id, "target", path)
	if err != nil {
		return nil, damaged("%s: %v", path, err)
	}
	if sum := sha256.Sum256(data); int64(len(data)) != info.Length || !bytes.Equal(sum[:], info.SHA256[:]) {
		return nil, damaged("%s is not what was signed", path)
	}
	return data, nil
}

func (m *Mirror) stored(id int64, kind, path string) ([]byte, error) {
	var data []byte
	err := m.db.QueryRow("SELECT data FROM file WHERE repository = ? AND kind = ? AND path = ?", id, kind, path).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: %s", trust.ErrNotFound, path)
	}
	return data, err
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
