// Distribution under attack, by the program and with real files: each attack has its own code and its own words, changes
// nothing, and keeps no honest mirror from being believed afterwards.
package comptoir

import (
	"crypto"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/rights"
	"sceau/signing/trust"
)

// kept is a hash of everything that a counter keeps of its repositories.
func kept(t *testing.T, dir string) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, mirror.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT repository, kind, path, data FROM file UNION ALL SELECT id, 'root', fingerprint, root || published FROM repository
		UNION ALL SELECT repository, 'insurer', key, x'' FROM insurer ORDER BY 1, 2, 3`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	h := sha256.New()
	for rows.Next() {
		var id int
		var kind, path string
		var data []byte
		if err := rows.Scan(&id, &kind, &path, &data); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%d %s %s %x\n", id, kind, path, data)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (p *publisher) setTarget(dir, path string, data []byte) {
	p.t.Helper()
	role, err := trust.Owner(path)
	p.must(err)
	sum := sha256.Sum256(data)
	p.thief(dir, role, func(signed map[string]any) {
		signed["version"] = json.Number(fmt.Sprint(number(p.t, signed["version"]) + 1))
		signed["targets"].(map[string]any)[path] = map[string]any{"length": len(data), "hashes": map[string]any{"sha256": hex.EncodeToString(sum[:])}}
	})
	name := filepath.Join(dir, filepath.FromSlash(trust.Info{Path: path, SHA256: sum}.FetchPath()))
	p.must(os.MkdirAll(filepath.Dir(name), 0o755))
	p.must(os.WriteFile(name, data, 0o644))
}

// insiders publish into a mirror, with all of the operator's keys, what the operator never would.
func (p *publisher) insiders(dir string, change func(*trust.Repo) error) {
	p.t.Helper()
	repo, err := trust.Load(func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, filepath.FromSlash(path))) })
	p.must(err)
	p.must(change(repo))
	files, err := repo.Commit(p.now.Add(time.Minute), func(role string) ([]crypto.Signer, error) { return []crypto.Signer{p.key(role)}, nil })
	p.must(err)
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		p.must(os.MkdirAll(filepath.Dir(name), 0o755))
		p.must(os.WriteFile(name, f.Data, 0o644))
	}
}

func number(t *testing.T, v any) int64 {
	t.Helper()
	n, err := v.(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// later makes the thief's snapshot and timestamp newer than the honest ones.
func (p *publisher) later(dir string, by int64) {
	more := func(signed map[string]any) {
		signed["version"] = json.Number(fmt.Sprint(number(p.t, signed["version"]) + by))
	}
	p.thief(dir, trust.RoleSnapshot, more)
	p.thief(dir, trust.RoleTimestamp, more)
}

func TestDistributionUnderAttack(t *testing.T) {
	for name, tc := range map[string]struct {
		code, words string
		attack      func(t *testing.T, p *publisher, day1 string) (mirror string)
	}{
		"rollback": {"rollback", "une liste plus ancienne que celle de ce poste", func(_ *testing.T, _ *publisher, day1 string) string { return day1 }},
		"rollback by a thief of the online keys": {"rollback", "une liste plus ancienne que celle de ce poste", func(t *testing.T, p *publisher, day1 string) string {
			dir := p.folder("thief")
			var old struct {
				Signed struct{ Meta map[string]any }
			}
			data, err := os.ReadFile(p.newest(day1, trust.RoleSnapshot))
			p.must(err)
			p.must(json.Unmarshal(data, &old))
			role := trust.StatusRole(p.insurer)
			p.thief(dir, trust.RoleSnapshot, func(signed map[string]any) {
				signed["meta"].(map[string]any)[role+".json"] = old.Signed.Meta[role+".json"]
			})
			p.later(dir, 1)
			return dir
		}},
		"two states under one number": {"forked", "deux listes différentes portent le même numéro", func(_ *testing.T, p *publisher, _ string) string {
			dir := p.folder("twin")
			p.thief(dir, trust.RoleTimestamp, func(signed map[string]any) { signed["published"] = p.now.Add(time.Minute).Format(time.RFC3339) })
			return dir
		}},
		"mix and match: the day before under today's names": {"mixed", "ne vont pas ensemble", func(t *testing.T, p *publisher, day1 string) string {
			old, err := os.ReadFile(p.newest(day1, trust.StatusRole(p.insurer)))
			p.must(err)
			var dir string
			// What the counter does not have yet. A signature's length varies by some bytes, and a file longer than announced is another attack of this
			// table: the day's list is signed again until the old one is not longer.
			for i := uint32(8); ; i++ {
				p.end(i)
				p.publish()
				dir = p.folder("mixed")
				now, err := os.ReadFile(p.newest(dir, trust.StatusRole(p.insurer)))
				p.must(err)
				if len(old) <= len(now) {
					break
				}
				if i == 8+100 {
					t.Fatal("a hundred signatures, each shorter than the first")
				}
			}
			p.must(os.WriteFile(p.newest(dir, trust.StatusRole(p.insurer)), old, 0o644))
			return dir
		}},
		"mix and match: a page of the day before": {"mixed", "ne vont pas ensemble", func(t *testing.T, p *publisher, day1 string) string {
			old := p.page.Encode()
			p.end(8)
			p.publish()
			dir := p.folder("mixed")
			sum := sha256.Sum256(p.page.Encode())
			name := trust.Info{Path: offline.PagePath(p.insurer, 1), SHA256: sum}.FetchPath()
			p.must(os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), old, 0o644))
			return dir
		}},
		"fast forward": {"fast_forward", "numéro de version anormalement grand", func(_ *testing.T, p *publisher, _ string) string {
			dir := p.folder("forward")
			p.later(dir, 5_000_000_000)
			return dir
		}},
		"from the future": {"from_future", "datée du futur", func(_ *testing.T, p *publisher, _ string) string {
			dir := p.folder("future")
			p.thief(dir, trust.RoleTimestamp, func(signed map[string]any) {
				signed["version"] = json.Number(fmt.Sprint(number(p.t, signed["version"]) + 1))
				signed["published"] = time.Now().UTC().Add(time.Hour).Format(time.RFC3339)
			})
			return dir
		}},
		"another operator": {"other_root", "un autre dépôt que celui attendu", func(t *testing.T, p *publisher, _ string) string { return newPublisher(t, p.insurer).dir }},
		"keys of nobody": {"bad_signature", "n’est pas signé comme il doit l’être", func(t *testing.T, p *publisher, _ string) string {
			dir := p.folder("nobody")
			p.keys["timestamp.9"] = newPublisher(t, p.insurer).key(trust.RoleTimestamp)
			p.turn[trust.RoleTimestamp] = 9
			defer func() { p.turn[trust.RoleTimestamp] = 0 }()
			id, err := trust.KeyID(p.keys["timestamp.0"].Public())
			p.must(err)
			p.thief(dir, trust.RoleTimestamp, func(signed map[string]any) {
				signed["version"] = json.Number(fmt.Sprint(number(p.t, signed["version"]) + 1))
			})
			// Under the name of the real key.
			other, err := trust.KeyID(p.keys["timestamp.9"].Public())
			p.must(err)
			name := filepath.Join(dir, timestampName)
			data, err := os.ReadFile(name)
			p.must(err)
			p.must(os.WriteFile(name, []byte(strings.ReplaceAll(string(data), other, id)), 0o644))
			return dir
		}},
		"wrong insurer: the list of another": {"wrong_insurer", "signé des données d’un autre organisme", func(_ *testing.T, p *publisher, _ string) string {
			dir := p.folder("other")
			p.setTarget(dir, offline.PagePath(p.insurer, 1), status.New("302976568", 1).Encode())
			p.later(dir, 1)
			return dir
		}},
		"wrong insurer: the facts of another": {"wrong_insurer", "signé des données d’un autre organisme", func(t *testing.T, p *publisher, _ string) string {
			dir, q := p.folder("other"), newPublisher(t, "302976568")
			for path, data := range q.published {
				if strings.HasSuffix(path, ".issuer.json") {
					p.insiders(dir, func(repo *trust.Repo) error {
						return repo.SetTarget(trust.InsurerRole(p.insurer), offline.IssuerPath(p.insurer), data, nil)
					})
				}
			}
			return dir
		}},
		"wrong insurer: a role signs for another": {"out_of_scope", "signé pour un autre que lui-même", func(_ *testing.T, p *publisher, _ string) string {
			dir := p.folder("scope")
			sum := sha256.Sum256([]byte("x"))
			p.thief(dir, trust.StatusRole(p.insurer), func(signed map[string]any) {
				signed["version"] = json.Number(fmt.Sprint(number(p.t, signed["version"]) + 1))
				signed["targets"].(map[string]any)["amc/302976568/status/1"] = map[string]any{"length": 1, "hashes": map[string]any{"sha256": hex.EncodeToString(sum[:])}}
			})
			p.later(dir, 1)
			return dir
		}},
		"shrinking list": {"shrunk", "perdu des fins de droits", func(_ *testing.T, p *publisher, _ string) string {
			dir := p.folder("shrunk")
			page := status.New(p.insurer, 1)
			for i := range uint32(5) { // a later revision, without what was announced
				var err error
				page, err = page.Append([]status.Entry{{Index: 500 + i, From: rights.DateAt(p.begun), Published: rights.DateAt(p.now), Kind: status.Void}})
				p.must(err)
			}
			p.setTarget(dir, offline.PagePath(p.insurer, 1), page.Encode())
			p.later(dir, 1)
			return dir
		}},
		"a list that is gone": {"shrunk", "n’est plus publiée", func(_ *testing.T, p *publisher, _ string) string {
			dir := p.folder("gone")
			p.thief(dir, trust.StatusRole(p.insurer), func(signed map[string]any) {
				signed["version"] = json.Number(fmt.Sprint(number(p.t, signed["version"]) + 1))
				delete(signed["targets"].(map[string]any), offline.PagePath(p.insurer, 1))
			})
			p.later(dir, 1)
			return dir
		}},
		"endless data: a file longer than was signed": {"too_large", "plus gros que ce qui est permis", func(_ *testing.T, p *publisher, _ string) string {
			p.end(8)
			p.publish()
			dir := p.folder("longer")
			name := p.newest(dir, trust.RoleSnapshot)
			data, err := os.ReadFile(name)
			p.must(err)
			p.must(os.WriteFile(name, append(data, ' '), 0o644))
			return dir
		}},
		"files kept back": {"not_found", "un fichier attendu manque", func(_ *testing.T, p *publisher, _ string) string {
			p.end(8)
			p.publish()
			dir := p.folder("kept back")
			p.must(os.Remove(p.newest(dir, trust.StatusRole(p.insurer))))
			return dir
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t, amc)
			p.end(1, 2, 3)
			p.publish()
			day1 := p.folder("day 1")
			p.end(4)
			p.publish()
			dir := filepath.Join(t.TempDir(), "poste")
			ok(t, "sync", dir, "--from", p.folder("honest"))
			root := p.fingerprint()
			before := kept(t, dir)
			evil := tc.attack(t, p, day1)
			out, code := run(t, "", "sync", dir, "--from", evil, "--root", root, "--json")
			var answer struct {
				OK      bool
				Code    string
				Changed bool
			}
			decodeLine(t, out, &answer)
			if code != 1 || answer.OK || answer.Code != tc.code {
				t.Fatalf("%d %s", code, out)
			}
			if plain, _ := run(t, "", "sync", dir, "--from", evil, "--root", root); !strings.Contains(plain, tc.words) {
				t.Errorf("no %q in %s", tc.words, plain)
			}
			if kept(t, dir) != before {
				t.Error("the last good state was touched")
			}
			ok(t, "fsck", dir)
			// The bad mirror first: the good one is taken all the same, and what it brings is new.
			p.end(9)
			p.publish()
			if out, code := run(t, "", "sync", dir, "--from", evil, "--from", p.dir, "--root", root); code != 1 || kept(t, dir) == before {
				t.Errorf("an honest mirror after it: %d %s", code, out)
			}
			ok(t, "fsck", dir)
			if got := asked(t, dir, p.card(9, "9")); got != "REVOKED" {
				t.Errorf("a card that ended since: %s", got)
			}
		})
	}
}
