// A small operator for tests: keys, a repository, what it has published, and
// the means to forge it.
package trust

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
)

var day0 = time.Date(2027, 3, 1, 6, 0, 0, 0, time.UTC)

const insurerA, insurerB, insurerC = "775670482", "31542001", "99A"

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type world struct {
	t     testing.TB
	now   time.Time
	keys  map[string][]crypto.Signer
	away  map[string]bool // roles whose keys are not at hand
	repo  *Repo
	store memory
	asked []string
}

// newWorld has a 2 of 3 root and insurers A, B and C, published once.
func newWorld(t testing.TB, insurers ...string) *world {
	t.Helper()
	if insurers == nil {
		insurers = []string{insurerA, insurerB, insurerC}
	}
	return newWorldAt(t, day0, insurers...)
}

func newWorldAt(t testing.TB, now time.Time, insurers ...string) *world {
	t.Helper()
	w := &world{t: t, now: now, keys: map[string][]crypto.Signer{}, away: map[string]bool{}, store: memory{}}
	for _, role := range []string{RoleRoot, RoleRoot, RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp} {
		w.keys[role] = append(w.keys[role], newKey(t))
	}
	var root []crypto.PublicKey
	for _, k := range w.keys[RoleRoot] {
		root = append(root, k.Public())
	}
	pub := func(role string) crypto.PublicKey { return w.keys[role][0].Public() }
	var err error
	w.repo, err = Create(w.now, CreateOptions{Root: root, RootThreshold: 2, Targets: pub(RoleTargets), Snapshot: pub(RoleSnapshot), Timestamp: pub(RoleTimestamp)})
	if err != nil {
		t.Fatal(err)
	}
	w.set(RoleTargets, "codes.json", `{"codes":1}`, nil)
	for _, key := range insurers {
		w.addInsurer(key)
		w.set(InsurerRole(key), "amc/"+key+"/issuer.json", `{"name":"Mutuelle `+key+`"}`, nil)
		w.set(StatusRole(key), "amc/"+key+"/status/3", "page 1 of "+key, map[string]int{"revision": 1})
	}
	w.publish()
	return w
}

func (w *world) addInsurer(key string) {
	w.t.Helper()
	for _, role := range []string{InsurerRole(key), StatusRole(key)} {
		w.keys[role] = []crypto.Signer{newKey(w.t)}
	}
	if err := w.repo.AddInsurer(key, w.keys[InsurerRole(key)][0].Public(), w.keys[StatusRole(key)][0].Public()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(role, path, data string, custom any) {
	w.t.Helper()
	if err := w.repo.SetTarget(role, path, []byte(data), custom); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sign(role string) ([]crypto.Signer, error) {
	w.asked = append(w.asked, role)
	if w.away[role] {
		return nil, ErrNoSigner
	}
	return w.keys[role], nil
}

func (w *world) publish() []File {
	w.t.Helper()
	files, err := w.repo.Commit(w.now, w.sign)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		if old, ok := w.store[f.Path]; ok && f.Path != timestampPath && !bytes.Equal(old, f.Data) {
			w.t.Fatalf("%s published twice with different bytes", f.Path)
		}
		w.store[f.Path] = f.Data
	}
	return files
}

// nextDay publishes a new status page of A, one day later.
func (w *world) nextDay() {
	w.t.Helper()
	w.now = w.now.Add(day)
	w.set(StatusRole(insurerA), "amc/"+insurerA+"/status/3", "page of "+w.now.String(), map[string]int{"revision": int(w.now.Unix())})
	w.publish()
}

func (w *world) root() []byte { return w.store["1.root.json"] }

// follow refreshes from files, bringing all targets.
func (w *world) follow(files memory, cur *Trusted) (*Trusted, error) {
	next, _, err := Refresh(context.Background(), files, RefreshOptions{Current: cur, Root: w.root(), Now: w.now, Want: wantAll})
	return next, err
}

func (w *world) mustFollow(files memory, cur *Trusted) *Trusted {
	w.t.Helper()
	next, err := w.follow(files, cur)
	if err != nil {
		w.t.Fatalf("valid twin refused: %v", err)
	}
	return next
}

func wantAll(_ context.Context, next *Trusted, fetch func(string) ([]byte, error)) error {
	for _, key := range append(next.Insurers(), "") {
		list, err := next.Targets(key)
		if err != nil {
			return err
		}
		for _, info := range list {
			if _, err := fetch(info.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) copy() memory { return maps.Clone(w.store) }

// sealJSON writes signed as a metadata file with these signers' signatures.
func sealJSON(t testing.TB, signed map[string]any, signers ...crypto.Signer) []byte {
	t.Helper()
	canonical, err := cjson.EncodeCanonical(signed)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(canonical)
	sigs := []map[string]any{}
	for _, s := range signers {
		_, id, err := tufKey(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		value, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		sigs = append(sigs, map[string]any{"keyid": id, "sig": hex.EncodeToString(value)})
	}
	slices.SortFunc(sigs, func(a, b map[string]any) int { return strings.Compare(a["keyid"].(string), b["keyid"].(string)) })
	out, err := json.Marshal(map[string]any{"signatures": sigs, "signed": signed})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signedPart opens a metadata file for changes.
func signedPart(t testing.TB, data []byte) map[string]any {
	t.Helper()
	var m struct{ Signed map[string]any }
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m.Signed
}

// latest is the path and version of a role's newest metadata in files.
func (w *world) latest(files memory, role string) (string, int64) {
	w.t.Helper()
	if role == RoleTimestamp {
		return timestampPath, 0
	}
	for v := int64(1_000); v > 0; v-- {
		if _, ok := files[metaPath(role, v)]; ok {
			return metaPath(role, v), v
		}
	}
	w.t.Fatalf("no %s", role)
	return "", 0
}

// forge changes a role's newest metadata under its own version, signs it with
// signers (nil: the role's own), and, unless it is a root, binds it into a new
// snapshot and timestamp signed by the real online keys: what a thief of those
// keys could publish.
func (w *world) forge(files memory, role string, change func(signed map[string]any), signers ...crypto.Signer) {
	w.t.Helper()
	if signers == nil {
		signers = w.keys[role]
	}
	path, version := w.latest(files, role)
	signed := signedPart(w.t, files[path])
	change(signed)
	if v, ok := signed["version"]; ok {
		fmt.Sscan(fmt.Sprint(v), &version)
	}
	if role != RoleTimestamp {
		path = metaPath(role, version)
	}
	files[path] = sealJSON(w.t, signed, signers...)
	switch role {
	case RoleRoot, RoleTimestamp:
		return
	case RoleSnapshot:
		w.forge(files, RoleTimestamp, func(s map[string]any) { bind(s, RoleSnapshot, version, files[path]) })
	default:
		w.forge(files, RoleSnapshot, func(s map[string]any) { bind(s, role, version, files[path]) })
	}
}

func bind(signed map[string]any, role string, version int64, data []byte) {
	sum := sha256.Sum256(data)
	signed["meta"].(map[string]any)[role+".json"] = map[string]any{"version": version, "length": len(data), "hashes": map[string]any{"sha256": hex.EncodeToString(sum[:])}}
}

// countingSource notes what is fetched.
type countingSource struct {
	memory
	mu    sync.Mutex
	paths []string
}

func (c *countingSource) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, err := c.memory.Fetch(ctx, path, limit)
	if err == nil {
		c.mu.Lock()
		c.paths = append(c.paths, path)
		c.mu.Unlock()
	}
	return data, err
}
