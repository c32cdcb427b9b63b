// An operator whose keys are stolen and changed, for the tests of sharing and of synchronising.
package comptoir

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

// publisher publishes one insurer's lists into a folder.
type publisher struct {
	t         *testing.T
	insurer   string
	dir       string
	begun     time.Time
	now       time.Time
	keys      map[string]*ecdsa.PrivateKey // by "role.generation", or "card"
	turn      map[string]int               // generation of each role
	repo      *trust.Repo
	page      *status.Page
	published map[string][]byte // every file that was ever published
}

func newPublisher(t *testing.T, insurer string) *publisher {
	t.Helper()
	p := &publisher{t: t, insurer: insurer, dir: filepath.Join(t.TempDir(), "public"), keys: map[string]*ecdsa.PrivateKey{},
		turn: map[string]int{}, published: map[string][]byte{}, page: status.New(insurer, 1)}
	p.begun = time.Now().UTC().Truncate(time.Second).Add(-20 * time.Hour)
	p.now = p.begun
	var err error
	p.repo, err = trust.Create(p.now, trust.CreateOptions{Root: []crypto.PublicKey{p.public("root")}, RootThreshold: 1,
		Targets: p.public("targets"), Snapshot: p.public("snapshot"), Timestamp: p.public("timestamp")})
	p.must(err)
	p.must(p.repo.SetTarget(trust.RoleTargets, offline.CodesPath, rights.DefaultCodes().Bytes(), nil))
	p.must(p.repo.AddInsurer(insurer, p.public(trust.InsurerRole(insurer)), p.public(trust.StatusRole(insurer))))
	p.state(signing.StateActive)
	p.setPage()
	p.publish()
	return p
}

func (p *publisher) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *publisher) key(role string) *ecdsa.PrivateKey {
	name := fmt.Sprintf("%s.%d", role, p.turn[role])
	if p.keys[name] == nil {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		p.must(err)
		p.keys[name] = k
	}
	return p.keys[name]
}

func (p *publisher) public(role string) crypto.PublicKey { return p.key(role).Public() }

func (p *publisher) state(state signing.State) (kid string) {
	public, err := signing.NewPublicKey(card.Kind, &p.key("card").PublicKey)
	p.must(err)
	public.Owner, public.State = p.insurer, state
	p.must(public.SetWindow(p.begun, time.Time{}))
	doc, err := (&card.Insurer{AMC: rights.AMC(p.insurer), Name: "Mutuelle Exemple", CardKeys: []*signing.PublicKey{public},
		Outage: card.DefaultOutage()}).Bytes()
	p.must(err)
	p.must(p.repo.SetTarget(trust.InsurerRole(p.insurer), offline.IssuerPath(p.insurer), doc, nil))
	return public.KID
}

func (p *publisher) setPage() {
	p.must(p.repo.SetTarget(trust.StatusRole(p.insurer), offline.PagePath(p.insurer, 1), p.page.Encode(), nil))
}

// end voids cards of list 1.
func (p *publisher) end(indexes ...uint32) {
	var entries []status.Entry
	for _, i := range indexes {
		entries = append(entries, status.Entry{Index: i, From: rights.DateAt(p.begun), Published: rights.DateAt(p.now), Kind: status.Void})
	}
	next, err := p.page.Append(entries)
	p.must(err)
	p.page = next
	p.setPage()
}

func (p *publisher) commit(sign func(role string) []crypto.Signer) {
	p.t.Helper()
	p.now = p.now.Add(time.Hour)
	files, err := p.repo.Commit(p.now, func(role string) ([]crypto.Signer, error) { return sign(role), nil })
	p.must(err)
	for _, f := range files {
		name := filepath.Join(p.dir, filepath.FromSlash(f.Path))
		p.must(os.MkdirAll(filepath.Dir(name), 0o755))
		p.must(os.WriteFile(name, f.Data, 0o644))
		p.published[f.Path] = bytes.Clone(f.Data)
	}
}

func (p *publisher) publish() {
	p.t.Helper()
	p.commit(func(role string) []crypto.Signer { return []crypto.Signer{p.key(role)} })
}

// renewRoot replaces the root's key and those of the roles, the old root and the new signing it, and publishes.
func (p *publisher) renewRoot(roles ...string) {
	p.t.Helper()
	old := p.key("root")
	p.turn["root"]++
	change := trust.RootChange{Root: []crypto.PublicKey{p.public("root")}, RootThreshold: 1}
	for _, role := range roles {
		p.turn[role]++
		switch role {
		case trust.RoleTargets:
			change.Targets = p.public(role)
		case trust.RoleSnapshot:
			change.Snapshot = p.public(role)
		case trust.RoleTimestamp:
			change.Timestamp = p.public(role)
		}
	}
	draft, err := p.repo.DraftRoot(p.now, change)
	p.must(err)
	for _, k := range []*ecdsa.PrivateKey{old, p.key("root")} {
		draft, err = trust.SignRoot(draft, k)
		p.must(err)
	}
	p.must(p.repo.InstallRoot(draft))
	p.publish()
}

// card makes a code text, genuine or not: the key is the same.
func (p *publisher) card(index uint32, adherent string) string {
	p.t.Helper()
	first := rights.DateAt(p.begun) - 30
	g, err := rights.ParseGuarantee("SP 100%")
	p.must(err)
	c := rights.Contract{Insurer: rights.AMC(p.insurer), Adherent: adherent, From: first, To: first + 200, Beneficiaries: []rights.Beneficiary{
		{Nom: "LEFÈVRE", Prenom: "Zoé", Birth: "19810403", Rang: 1, Guarantees: map[string]rights.Guarantee{"PHAR": g}}}}
	claims, err := card.FromContract(c, card.Place{List: 1, Index: index}, p.begun, -1)
	p.must(err)
	s, err := signing.NewSigner(card.Kind, p.key("card"))
	p.must(err)
	draft, err := card.Prepare(claims, s.KID())
	p.must(err)
	token, err := draft.Seal(s)
	p.must(err)
	return token.CodeText()
}

// stolen publishes that the card key was stolen, and which cards are genuine.
func (p *publisher) stolen(genuine ...string) {
	p.t.Helper()
	var digests [][16]byte
	for _, text := range genuine {
		u, err := card.Parse(text)
		p.must(err)
		d := u.Digest()
		digests = append(digests, [16]byte(d[:16]))
	}
	files, err := issued.Parts(p.insurer, p.state(signing.StateListed), digests)
	p.must(err)
	for name, b := range files {
		p.must(p.repo.SetTarget(trust.InsurerRole(p.insurer), offline.IssuedPath(p.insurer, name), b, nil))
	}
	p.publish()
}

func (p *publisher) fingerprint() string { return trust.Fingerprint(p.published["1.root.json"]) }

// asked is the reason that a counter gives for a card.
func asked(t *testing.T, dir, text string) string {
	t.Helper()
	out, _ := run(t, text, "verify", dir, "--offline", "--json", "--domain", "PHAR")
	var a struct {
		Reason string `json:"reason"`
	}
	decodeLine(t, out, &a)
	return a.Reason
}

// folder is a mirror of what was published until now.
func (p *publisher) folder(name string) string {
	p.t.Helper()
	dir := filepath.Join(p.t.TempDir(), name)
	p.must(os.CopyFS(dir, os.DirFS(p.dir)))
	return dir
}

// thief changes what is signed in a mirror, with whichever of the operator's own keys: the role's newest metadata, and the
// snapshot and the timestamp that lead to it.
func (p *publisher) thief(dir, role string, change func(signed map[string]any)) {
	p.t.Helper()
	path, version := p.newest(dir, role), ""
	var m struct{ Signed map[string]any }
	data, err := os.ReadFile(path)
	p.must(err)
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	p.must(d.Decode(&m))
	change(m.Signed)
	version = fmt.Sprint(m.Signed["version"])
	if role != trust.RoleTimestamp {
		path = filepath.Join(dir, version+"."+role+".json")
	}
	text, err := json.Marshal(m.Signed)
	p.must(err)
	digest := sha256.Sum256(text)
	sig, err := p.key(role).Sign(rand.Reader, digest[:], crypto.SHA256)
	p.must(err)
	id, err := trust.KeyID(p.public(role))
	p.must(err)
	sealed, err := json.Marshal(map[string]any{"signatures": []any{map[string]any{"keyid": id, "sig": hex.EncodeToString(sig)}}, "signed": m.Signed})
	p.must(err)
	p.must(os.WriteFile(path, sealed, 0o644))
	bind := func(signed map[string]any) {
		sum := sha256.Sum256(sealed)
		signed["meta"].(map[string]any)[role+".json"] = map[string]any{"version": json.Number(version), "length": len(sealed),
			"hashes": map[string]any{"sha256": hex.EncodeToString(sum[:])}}
	}
	switch role {
	case trust.RoleTimestamp:
	case trust.RoleSnapshot:
		p.thief(dir, trust.RoleTimestamp, bind)
	default:
		p.thief(dir, trust.RoleSnapshot, bind)
	}
}

func (p *publisher) newest(dir, role string) string {
	p.t.Helper()
	if role == trust.RoleTimestamp {
		return filepath.Join(dir, timestampName)
	}
	for v := 1000; v > 0; v-- {
		name := filepath.Join(dir, fmt.Sprintf("%d.%s.json", v, role))
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	p.t.Fatalf("no %s", role)
	return ""
}
