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
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/card/status"
	"sceau/fixtures/gen"
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
	c.encoded(kind, []byte(text))
	m, s1, s2 := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum256([]byte(text))
	for name, digest := range map[string][]byte{" MD5": m[:], " SHA-1": s1[:], " SHA-256": s2[:]} {
		c.form(kind+name, digest)
		c.encoded(kind+name, digest)
	}
}

// find returns how many of each kind are in some bytes. A text counts once.
func (c *canaries) find(b []byte) map[string]int {
	found := map[canary]bool{}
	for i := 0; i+keyLen <= len(b); i++ {
		for _, n := range c.by[key(b[i:])] {
			if !found[n] && bytes.HasPrefix(b[i:], []byte(n.form)) {
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
	dir   string
	inner *sqlite.Store
	keys  *sealed.Keys
	is    *issuer.Issuer
}

func serve(t testing.TB, encrypted bool) *service {
	t.Helper()
	s := &service{dir: t.TempDir(), keys: newKeys(t)}
	s.inner = openFile(t, filepath.Join(s.dir, "register.db"))
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
		w := sealed.New(s.inner, s.keys)
		if err := w.Mark(t.Context()); err != nil {
			t.Fatal(err)
		}
		store = w.Powers()
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
	if err != nil || r.Issued < 400 {
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
	out := map[string][]byte{"file": read(path), "log": read(path + "-wal"), "dump": dump(t, path)}
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

// TestNoCanary: of 2,000 people, nothing of what names them lies in a sealed register, in any form; the same search finds all
// of them in a plain one.
func TestNoCanary(t *testing.T) {
	people, err := gen.New(5, gen.Options{Households: 820, Insurers: 1})
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
		}
	}
	if count < 2000 || numbers < 1000 {
		t.Fatalf("%d people, %d NIR", count, numbers)
	}
	// No forms are found by chance: what lies in a register without people is no canary.
	empty := serve(t, false)
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

	plain := serve(t, false)
	plain.work(t, people, some)
	control := map[string]int{}
	for medium, b := range plain.media(t) {
		found := c.find(b)
		t.Logf("plain %s: %v", medium, found)
		control[medium] = found["NIR"]
	}
	if control["file"]+control["log"] < numbers || control["dump"] < numbers || control["snapshot"] < numbers {
		t.Errorf("the search finds %v of %d NIR in a plain register: it looks at nothing", control, numbers)
	}

	s := serve(t, true)
	s.work(t, people, some)
	media := s.media(t)
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
	if media["closed file"], err = os.ReadFile(filepath.Join(s.dir, "register.db")); err != nil {
		t.Fatal(err)
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
