//go:build linux

package sealed_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/notice"
	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/sealed"
	"sceau/card/status"
	"sceau/fixtures/gen"
	"sceau/fixtures/pgserver"
	"sceau/rights"
	"sceau/signing/keystore"
)

// canaries looks for texts about people, in every form in which they may lie in a file: raw, hexadecimal, Base64 in its three
// alignments and two alphabets, and MD5, SHA-1 and SHA-256 of them, each raw, hexadecimal or Base64.
type canaries struct {
	by   map[uint64][]canary // by the first six bytes of a form
	seen map[string]bool     // texts added
}

type canary struct {
	form, kind string
}

func newCanaries() *canaries { return &canaries{by: map[uint64][]canary{}, seen: map[string]bool{}} }

const keyLen = 6

func key(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint32(b))<<16 | uint64(binary.BigEndian.Uint16(b[4:]))
}

func (c *canaries) form(kind string, b []byte) {
	if len(b) >= keyLen {
		k := key(b)
		c.by[k] = append(c.by[k], canary{string(b), kind})
	}
}

// encoded adds the text forms of some bytes. Base64 of less than 8 bytes is short enough to occur by chance.
func (c *canaries) encoded(kind string, b []byte) {
	c.form(kind+" hex", []byte(hex.EncodeToString(b)))
	c.form(kind+" HEX", []byte(strings.ToUpper(hex.EncodeToString(b))))
	if len(b) < 8 {
		return
	}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := enc.EncodeToString(append(make([]byte, shift), b...))
			from, to := (shift*8+5)/6, len(text) // without the characters that the bytes before and after share
			if (shift+len(b))%3 != 0 {
				to--
			}
			c.form(kind+" base64", []byte(text[from:to]))
		}
	}
}

func (c *canaries) add(kind, text string) {
	if len(text) < keyLen || c.seen[text] {
		return
	}
	c.seen[text] = true
	c.form(kind, []byte(text))
	c.coded(kind, text)
}

// birth adds a date of birth. Its eight digits alone are found by chance in a dump, which is hexadecimal; so they are sought as the
// JSON of a contract has them.
func (c *canaries) birth(compact, french string) {
	c.add("birth", french)
	if !c.seen[compact] {
		c.seen[compact] = true
		c.form("birth", []byte(`"`+compact+`"`))
		c.coded("birth", compact)
	}
}

// coded adds what is made of a text.
func (c *canaries) coded(kind, text string) {
	c.encoded(kind, []byte(text))
	m, s1, s2 := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum256([]byte(text))
	for name, digest := range map[string][]byte{" MD5": m[:], " SHA-1": s1[:], " SHA-256": s2[:]} {
		c.form(kind+name, digest)
		c.encoded(kind+name, digest)
	}
}

// alone says whether a form is a text of its own at i. Eight digits inside the hexadecimal of a ciphertext or a hash are found there by
// chance, once in some runs: a dump has megabytes of it, in lower case from PostgreSQL and in upper case from SQLite. What such a run of digits holds is sought in its own form.
func (n canary) alone(b []byte, i int) bool {
	const run = 24 // the shortest hexadecimal in a register is longer, no number of a person is half as long
	digit := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
	if len(n.form) > 8 || strings.Trim(n.form, "0123456789") != "" {
		return true
	}
	from, to := i, i+len(n.form)
	for from > 0 && to-from < run && digit(b[from-1]) {
		from--
	}
	for to < len(b) && to-from < run && digit(b[to]) {
		to++
	}
	return to-from < run
}

// find returns how many of each kind are in some bytes. A text counts once.
func (c *canaries) find(b []byte) map[string]int {
	found := map[canary]bool{}
	for i := 0; i+keyLen <= len(b); i++ {
		for _, n := range c.by[key(b[i:])] {
			if !found[n] && bytes.HasPrefix(b[i:], []byte(n.form)) && n.alone(b, i) {
				found[n] = true
			}
		}
	}
	out := map[string]int{}
	for n := range found {
		out[n.kind]++
	}
	return out
}

// drop forgets the texts that lie in bytes without any person: a surname that is also a word of the schema is no canary.
func (c *canaries) drop(b []byte) (dropped int) {
	for i := 0; i+keyLen <= len(b); i++ {
		k := key(b[i:])
		if list, ok := c.by[k]; ok {
			kept := list[:0]
			for _, n := range list {
				if bytes.HasPrefix(b[i:], []byte(n.form)) {
					dropped++
				} else {
					kept = append(kept, n)
				}
			}
			c.by[k] = kept
		}
	}
	return dropped
}

// dump is the whole database as SQL shows it.
func dump(t *testing.T, path string) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	column := func(query string, args ...any) (out []string) {
		rows, err := db.Query(query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return out
	}
	var out bytes.Buffer
	for _, table := range column(`SELECT name FROM sqlite_schema WHERE type = 'table'`) {
		var cells []string
		for _, name := range column(`SELECT name FROM pragma_table_info(?)`, table) {
			cells = append(cells, `quote("`+name+`") || ' ' || coalesce(CAST("`+name+`" AS TEXT), '')`)
		}
		for _, row := range column(`SELECT ` + strings.Join(cells, ` || ',' || `) + ` FROM "` + table + `"`) {
			out.WriteString(row + "\n")
		}
	}
	return out.Bytes()
}

// service is an operator that has done everything a register remembers.
type service struct {
	dir    string
	server *pgserver.Server // nil for a file
	dsn    string
	inner  interface {
		register.Store
		register.Closer
		Snapshot(ctx context.Context, path string) error
	}
	keys   *sealed.Keys
	sealed *sealed.Store // nil when the register is plain
	is     *issuer.Issuer
}

// serve makes an operator whose register is a file, or a database of the server.
func serve(t testing.TB, server *pgserver.Server, encrypted bool) *service {
	t.Helper()
	s := &service{dir: t.TempDir(), keys: newKeys(t), server: server}
	if server == nil {
		s.inner = openFile(t, filepath.Join(s.dir, "register.db"))
	} else {
		s.dsn = server.Database(t)
		p, err := postgres.Create(context.Background(), s.dsn, postgres.Options{Volatile: true})
		if err != nil {
			t.Fatal(err)
		}
		s.inner = p
	}
	t.Cleanup(func() { s.inner.Close() })
	pass := keystore.NewPassphrase()
	online, err := keystore.Create(filepath.Join(s.dir, "keys"), pass, keystore.Options{ScryptLogN: 10})
	if err != nil {
		t.Fatal(err)
	}
	offline, err := keystore.Create(filepath.Join(s.dir, "offline"), pass, keystore.Options{ScryptLogN: 10})
	if err != nil {
		t.Fatal(err)
	}
	var store register.Store = s.inner
	if encrypted {
		s.sealed = sealed.New(s.inner, s.keys, func() (*sealed.Keys, error) { return s.keys, nil })
		if err := s.sealed.Mark(t.Context()); err != nil {
			t.Fatal(err)
		}
		store = s.sealed.Powers()
	}
	now := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)
	s.is = &issuer.Issuer{Store: store, Online: online, Offline: offline, Now: func() time.Time { now = now.Add(time.Second); return now }, Actor: "test"}
	if _, err := s.is.Init(t.Context(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{{AMC: amc, Name: "Mutuelle Exemple", PhoneProfessionals: "01 23 45 67 89"}}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// work imports, issues, changes, reprints, ends, publishes, checks, and keeps receipts and documents.
func (s *service) work(t *testing.T, people *gen.Population, some []rights.Contract) {
	t.Helper()
	ctx := context.Background()
	var file bytes.Buffer
	if _, err := people.WriteRoster(&file); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.is.Import(ctx, bytes.NewReader(file.Bytes()), issuer.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var first []card.Place
	emit := func(i issuer.Issued) error {
		if len(first) < 50 {
			first = append(first, i.Place)
		}
		return nil
	}
	r, err := s.is.Issue(ctx, issuer.IssueRequest{All: true}, emit)
	if err != nil || r.Issued < 100 {
		t.Fatalf("issue: %+v %v", r, err)
	}
	day, _ := rights.ParseDate("2027-03-01")
	if _, err := s.is.Reprint(ctx, issuer.ReprintRequest{Places: first[:20], From: day}, func(issuer.Issued) error { return nil }); err != nil {
		t.Fatal(err)
	}
	ended := issuer.StatusRequest{Kind: status.Void, From: day, Class: "closed"}
	for _, p := range first[20:40] {
		ended.Targets = append(ended.Targets, issuer.Target{Place: p})
	}
	if _, err := s.is.SetStatus(ctx, ended); err != nil {
		t.Fatal(err)
	}
	if _, err := s.is.Publish(ctx, time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	err = s.is.Store.Update(ctx, func(tx register.Tx) error {
		for n, p := range first {
			who := some[n%len(some)]
			if _, err := tx.AddChecks([]register.Check{{Number: fmt.Sprint("A", n), Counter: "Xq3f9aLmQ2s", At: at, Insurer: amc, Place: p, Care: day, Domain: "PHAR", Status: "valid"}}); err != nil {
				return err
			}
			_, err := tx.AddReceipts([]register.Receipt{{Device: strings.Repeat("0", 32), Seq: uint64(n + 1), Hash: sha256.Sum256([]byte{byte(n)}), Entry: []byte(`{"v":1}`), Counter: "Xq3f9aLmQ2s",
				Arrived: at, At: at, Insurer: amc, Place: p, Care: day, Domain: "PHAR", Mode: "offline", Status: "valid", Answer: register.Noted}})
			if err != nil {
				return err
			}
			// A job keeps rejected lines, an idempotency key an answer: both speak of people.
			text := fmt.Sprintf(`{"line":"%s;%s;%s","adherent":"%s"}`, who.Beneficiaries[0].Nom, who.Beneficiaries[0].Prenom, who.Beneficiaries[0].NIR, who.Adherent)
			if err := tx.PutDocument(register.Document{Kind: "job", ID: fmt.Sprint(n), Version: 1, Data: []byte(text)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.is.Fsck(ctx, issuer.FsckOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("fsck: %+v %v", report, err)
	}
}

// troubled is the day after a break-in: a notice, a ceremony, new keys, a stolen one, the people who were within reach, and last a new
// key of the register, whose rows are written anew.
func (s *service) troubled(t *testing.T, some []rights.Contract) {
	t.Helper()
	ctx := t.Context()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	before := s.is.Now
	s.is.Now = func() time.Time { return before().Add(4 * time.Hour) } // after the publication
	now := s.is.Now()
	_, err := s.is.AddNotice(ctx, "", notice.Notice{ID: "panne-1", Kind: notice.Outage, From: now, Until: now.Add(48 * time.Hour), Title: "Service interrompu",
		Text: "Les contrôles en ligne sont interrompus.", Guaranteed: "Les cartes lues restent garanties.", Phone: "01 23 45 67 89"})
	must("notice", err)
	_, err = s.is.RotateCardKey(ctx, amc, now.Add(time.Hour))
	must("rotation of the card key", err)
	ceremony, err := s.is.BeginRoot(ctx, issuer.RootPlan{Snapshot: true, Timestamp: true})
	must("ceremony", err)
	_, err = s.is.SignRoot(ctx, ceremony.ID, s.is.Offline)
	must("ceremony", err)
	_, err = s.is.FinishRoot(ctx, ceremony.ID)
	must("ceremony", err)
	var kid string
	must("a card", s.is.Store.View(ctx, func(tx register.Tx) error {
		c, err := tx.CardsAfter(1, -1, 1)
		if err == nil {
			kid = c[0].KID
		}
		return err
	}))
	_, err = s.is.CompromiseCardKey(ctx, kid)
	must("theft", err)
	within := 0
	e, err := s.is.Exposure(ctx, issuer.ExposureQuery{Kind: issuer.ExposeRegister, Could: true}, func(issuer.Exposed) error { within++; return nil })
	must("exposure", err)
	if within < 500 {
		t.Errorf("%d people were within reach", within)
	}
	must("exposure", s.is.JournalExposure(ctx, e, int64(within)))
	must("documents", s.is.Store.Update(ctx, func(tx register.Tx) error {
		for n, kind := range []string{"exposure", "ceremony", "notice", "alarm", "idempotency"} { // whatever they may hold one day
			who := some[n]
			text := fmt.Sprintf(`{"who":"%s %s","born":"%s","nir":"%s","adherent":"%s"}`, who.Beneficiaries[0].Nom, who.Beneficiaries[0].Prenom, who.Beneficiaries[0].Birth,
				who.Beneficiaries[0].NIR, who.Adherent)
			if err := tx.PutDocument(register.Document{Kind: kind, ID: "of-people", Version: 1, Data: []byte(text)}); err != nil {
				return err
			}
		}
		return nil
	}))
	if s.sealed == nil {
		return
	}
	next, err := s.keys.Rotated()
	must("rotation", err)
	s.keys = next
	r := sealed.New(s.inner, next)
	_, err = r.Turn(ctx)
	must("rotation", err)
	n, err := r.Rotate(ctx, func(int64) error { return nil })
	must("rotation", err)
	_, old, err := r.Count(ctx)
	must("rotation", err)
	if n < 500 || old != 0 {
		t.Errorf("%d rows written anew, %d of the older key", n, old)
	}
	s.keys, err = next.Alone()
	must("retirement", err)
	must("after the rotation", s.is.Store.View(ctx, func(tx register.Tx) error { _, err := tx.ContractsAfter(amc, "", 1000); return err }))
}

// media are all the bytes that a thief may get: the file, its log, a dump, a snapshot and a backup.
func (s *service) media(t *testing.T) map[string][]byte {
	t.Helper()
	path := filepath.Join(s.dir, "register.db")
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %d bytes, %v", filepath.Base(name), len(b), err)
		}
		return b
	}
	var out map[string][]byte
	if s.server == nil {
		out = map[string][]byte{"file": read(path), "log": read(path + "-wal"), "dump": dump(t, path)}
	} else {
		pgserver.Exec(t, s.dsn, "CHECKPOINT")
		out = map[string][]byte{"file": files(t, filepath.Join(s.server.Dir(), "data", "base")), "log": files(t, filepath.Join(s.server.Dir(), "data", "pg_wal")), "dump": pgDump(t, s.dsn)}
	}
	snapshot := filepath.Join(s.dir, "snapshot.db")
	if err := s.inner.Snapshot(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	out["snapshot"] = read(snapshot)
	if err := os.Remove(snapshot); err != nil {
		t.Fatal(err)
	}
	return out
}

// files are all files of a folder.
func files(t *testing.T, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		out.Write(b)
		if errors.Is(err, fs.ErrNotExist) && filepath.Base(name) == "pg_internal.init" {
			return nil // a cache of the server's own catalogue, which it may drop at any moment
		}
		return err
	})
	if err != nil || out.Len() == 0 {
		t.Fatalf("%s: %d bytes, %v", dir, out.Len(), err)
	}
	return out.Bytes()
}

// pgDump is what an administrator writes with PostgreSQL's own program.
func pgDump(t *testing.T, dsn string) []byte {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if err != nil {
		t.Fatal(err)
	}
	all = append([]string{"pg_dump"}, all...)
	b, err := exec.Command(all[len(all)-1], "--dbname", dsn).Output()
	if err != nil || len(b) < 1000 {
		t.Fatalf("pg_dump: %d bytes, %v", len(b), err)
	}
	return b
}

// TestNoCanary: of 2,000 people (600 in PostgreSQL, which takes its time), nothing of what names them lies in a sealed register, in any form; the same search finds all
// of them in a plain one.
func TestNoCanary(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { noCanary(t, 820, func() *pgserver.Server { return nil }) })
	t.Run("postgres", func(t *testing.T) {
		noCanary(t, 250, func() *pgserver.Server { return pgserver.Start(t, pgserver.Options{}) })
	})
}

// noCanary: each register has a server of its own, whose files are searched.
func noCanary(t *testing.T, households int, server func() *pgserver.Server) {
	people, err := gen.New(5, gen.Options{Households: households, Insurers: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := newCanaries()
	var some []rights.Contract
	count, numbers := 0, 0
	for k := range people.Contracts() {
		c.add("N° adhérent", k.Adherent)
		if len(some) < 50 {
			some = append(some, k)
		}
		for _, b := range k.Beneficiaries {
			count++
			if b.NIR != "" {
				numbers++
				c.add("NIR", b.NIR)
				c.add("NIR", b.NIR[:13])
			}
			c.add("name", b.Nom)
			c.add("name", b.Prenom)
			c.add("name", b.Nom+" "+b.Prenom)
			c.birth(string(b.Birth), b.Birth.French())
		}
	}
	if count < 2*households || numbers < households {
		t.Fatalf("%d people, %d NIR", count, numbers)
	}
	// No forms are found by chance: what lies in a register without people is no canary.
	empty := serve(t, server(), false)
	nobody := 0
	for _, b := range empty.media(t) {
		nobody += c.drop(b)
	}
	if nobody > 20 {
		t.Errorf("%d forms are words of an empty register", nobody)
	}
	// Every form is found where it is.
	for form, texts := range map[string][]string{
		"NIR":     {some[0].Beneficiaries[0].NIR},
		"NIR hex": {hex.EncodeToString([]byte(some[0].Beneficiaries[0].NIR))},
		"NIR base64": {base64.StdEncoding.EncodeToString([]byte(some[0].Beneficiaries[0].NIR + "..")), base64.StdEncoding.EncodeToString([]byte("x" + some[0].Beneficiaries[0].NIR + ".")),
			base64.URLEncoding.EncodeToString([]byte("xy" + some[0].Beneficiaries[0].NIR))},
		"NIR MD5":         {fmt.Sprintf("%s", md5.Sum([]byte(some[0].Beneficiaries[0].NIR)))},
		"NIR SHA-1 hex":   {fmt.Sprintf("%x", sha1.Sum([]byte(some[0].Beneficiaries[0].NIR)))},
		"NIR SHA-256 HEX": {fmt.Sprintf("%X", sha256.Sum256([]byte(some[0].Beneficiaries[0].NIR)))},
	} {
		for _, text := range texts {
			if c.find([]byte("before" + text + "after"))[form] == 0 && !strings.Contains(form, "base64") || strings.Contains(form, "base64") && c.find([]byte(text))[form] == 0 {
				t.Errorf("%s is not found where it is", form)
			}
		}
	}

	for text, want := range map[string]int{"\t" + some[0].Adherent + "\t": 1, `"` + some[0].Adherent + `"`: 1, "name" + some[0].Adherent + "feed": 1,
		`\x3a` + some[0].Adherent + "ff00ff00ff00ff00": 0, "00112233445566778899aabb" + some[0].Adherent: 0} {
		if got := c.find([]byte(text))["N° adhérent"]; got != want {
			t.Errorf("%q holds %d numbers", text, got)
		}
	}

	plain := serve(t, server(), false)
	plain.work(t, people, some)
	control := map[string]int{}
	plain.troubled(t, some)
	for medium, b := range plain.media(t) {
		found := c.find(b)
		t.Logf("plain %s: %v", medium, found)
		control[medium] = found["NIR"] + found["NIR hex"] // pg_dump writes bytes in hexadecimal
	}
	if control["file"]+control["log"] < numbers || control["dump"] < numbers || control["snapshot"] < numbers {
		t.Errorf("the search finds %v of %d NIR in a plain register: it looks at nothing", control, numbers)
	}

	s := serve(t, server(), true)
	s.work(t, people, some)
	media := map[string][]byte{}
	for medium, b := range s.media(t) {
		media["first "+medium] = b
	}
	s.troubled(t, some)
	for medium, b := range s.media(t) {
		media[medium] = b
	}
	var backup bytes.Buffer
	w, err := keystore.EncryptWithPassphrase(&backup, keystore.NewPassphrase(), keystore.Options{ScryptLogN: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(media["snapshot"]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	media["backup"] = backup.Bytes()
	if err := s.inner.Close(); err != nil { // the log is folded in
		t.Fatal(err)
	}
	if s.server == nil {
		if media["closed file"], err = os.ReadFile(filepath.Join(s.dir, "register.db")); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for medium, b := range media {
		total += len(b)
		if found := c.find(b); len(found) > 0 {
			t.Errorf("sealed %s: %v", medium, found)
		}
	}
	t.Logf("%d people, %d texts, %d bytes searched", count, len(c.seen), total)
}
