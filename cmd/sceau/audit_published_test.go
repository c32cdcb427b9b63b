package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/signing/journal"
)

// chain is the audit chain as whoever has the database sees it.
type chain struct {
	t  *testing.T
	db *sql.DB
}

func (c chain) run(query string, args ...any) {
	c.t.Helper()
	if _, err := c.db.Exec(query, args...); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
}

// rows are the bodies and times of the chain, in order.
func (c chain) rows() (out []journal.Entry) {
	c.t.Helper()
	rows, err := c.db.Query(`SELECT seq, at, body, prev FROM audit ORDER BY seq`)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var e journal.Entry
		var at int64
		var prev []byte
		if err := rows.Scan(&e.Seq, &at, &e.Body, &prev); err != nil {
			c.t.Fatal(err)
		}
		e.At, e.Prev = time.UnixMicro(at).UTC(), [32]byte(prev)
		out = append(out, e)
	}
	return out
}

// replace writes the whole chain anew, as consistent as the program would: every link, the register's own head, and the heads
// beside its publications.
func (c chain) replace(entries []journal.Entry) {
	c.t.Helper()
	head, err := journal.Start(register.AuditChain)
	if err != nil {
		c.t.Fatal(err)
	}
	c.run(`DELETE FROM audit`)
	for _, e := range entries {
		made, err := journal.Append(head, e.Body, e.At)
		if err != nil {
			c.t.Fatal(err)
		}
		c.run(`INSERT INTO audit (seq, at, body, prev) VALUES (?, ?, ?, ?)`, made.Seq, made.At.UnixMicro(), made.Body, made.Prev[:])
		head = made.Head()
		c.run(`UPDATE publication SET audit_hash = ? WHERE audit_seq = ?`, head.Hash[:], head.Seq)
	}
	c.run(`UPDATE publication SET audit_seq = ?1, audit_hash = ?2 WHERE audit_seq > ?1`, head.Seq, head.Hash[:])
	c.run(`UPDATE audit_head SET seq = ?, hash = ?`, head.Seq, head.Hash[:])
}

// TestAuditPublished: whoever has the database alters any column of any row and computes everything of the register anew; a copy of
// what was published before shows it and the place.
func TestAuditPublished(t *testing.T) {
	dir := newFolder(t, 20)
	mirrors := t.TempDir()
	var copies []string
	for i := range 3 {
		name := filepath.Join(mirrors, fmt.Sprint("m", i))
		if i == 2 {
			name += ".zip"
			sceau(t, "publish", dir, "--zip", name).want(t, 0)
		} else {
			sceau(t, "publish", dir, "--to", name).want(t, 0)
		}
		copies = append(copies, "--published", name)
		roster, _ := rosterFile(t, 21+i)
		sceau(t, "import", dir, roster).want(t, 0)
		sceau(t, "issue", dir, "--all", "--out", filepath.Join(t.TempDir(), "cards")).want(t, 0)
	}
	verify := append([]string{"audit", "verify", dir}, copies...)
	sceau(t, verify...).want(t, 0, "head ", "published: head ", "m0", "m2.zip")
	db, err := sql.Open("sqlite", filepath.Join(dir, registerName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := chain{t, db}
	c.run("DROP TRIGGER audit_keep")
	c.run("DROP TRIGGER audit_same")
	c.run("CREATE TABLE spare_publication AS SELECT * FROM publication")
	sound := c.rows()
	opened, err := new(place).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	op := opened.Issuer
	published, err := publishedHeads(t.Context(), op, []string{copies[1], copies[3], copies[5]})
	if err != nil {
		t.Fatal(err)
	}
	var heads []vouched
	for _, h := range published {
		heads = append(heads, vouched{h.head, h.Source})
	}
	last := heads[2].Seq
	if heads[0].Seq < 3 || heads[1].Seq <= heads[0].Seq+1 || last <= heads[1].Seq+1 || int(last) >= len(sound) {
		t.Fatalf("heads %d %d %d of %d", heads[0].Seq, heads[1].Seq, last, len(sound))
	}
	restore := func() {
		c.replace(sound)
		c.run("UPDATE publication SET (audit_seq, audit_hash) = (SELECT audit_seq, audit_hash FROM spare_publication s WHERE s.version = publication.version)")
	}
	other := []byte(`{"actor":"evil","act":"nothing"}`)
	altered := 0
	for k := 1; k <= len(sound); k++ {
		for how, do := range map[string]func([]journal.Entry) []journal.Entry{
			"body": func(e []journal.Entry) []journal.Entry { e[k-1].Body = other; return e },
			"at": func(e []journal.Entry) []journal.Entry {
				e[k-1].At = e[k-1].At.Add(-time.Microsecond)
				return e
			},
			"seq": func(e []journal.Entry) []journal.Entry { // the row is gone, those after it move up
				return append(e[:k-1:k-1], e[k:]...)
			},
			"prev": func(e []journal.Entry) []journal.Entry { // a row before it, which moves it and its link on
				return append(append(e[:k-1:k-1], journal.Entry{Body: other, At: e[k-1].At}), e[k-1:]...)
			},
		} {
			c.replace(do(c.rows()))
			v, err := verifyAudit(t.Context(), op, heads)
			if err != nil {
				t.Fatalf("row %d, %s: %v", k, how, err)
			}
			alone, err := verifyAudit(t.Context(), op, nil)
			if err != nil || !alone.whole() {
				t.Fatalf("row %d, %s: the forger left traces, the test shows nothing: %+v %v", k, how, alone, err)
			}
			if beyond := uint64(k) > last; beyond != v.whole() {
				t.Errorf("row %d, %s, the last head is %d: %+v", k, how, last, v)
			} else if !beyond {
				first := v.First
				if first == 0 {
					first = v.Bad
				}
				if uint64(k) < first || uint64(k) > v.Bad {
					t.Errorf("row %d, %s: one of %d to %d is blamed", k, how, first, v.Bad)
				}
				for _, h := range heads { // no head lies within what is blamed
					if h.Seq >= first && h.Seq < v.Bad {
						t.Errorf("row %d, %s: %d to %d is blamed, the head %d tells more", k, how, first, v.Bad, h.Seq)
					}
				}
				altered++
			}
			restore()
		}
	}
	if v, err := verifyAudit(t.Context(), op, heads); err != nil || !v.whole() {
		t.Fatalf("restored: %+v %v", v, err)
	}
	t.Logf("%d altered chains of %d rows, all caught; heads %d, %d, %d", altered, len(sound), heads[0].Seq, heads[1].Seq, last)

	// In words, by the program.
	e := c.rows()
	e[heads[0].Seq].Body = other
	c.replace(e)
	sceau(t, "audit", "verify", dir).want(t, 0)
	sceau(t, verify...).want(t, 1, fmt.Sprintf("the first altered entry is one of %d to %d: ", heads[0].Seq+1, heads[1].Seq),
		fmt.Sprintf("head %d of %s agrees, head %d of %s does not", heads[0].Seq, copies[1], heads[1].Seq, copies[3]))
	sceau(t, "audit", "verify", dir, "--published", copies[3]).want(t, 1, fmt.Sprintf("one of 1 to %d: no earlier head is known", heads[1].Seq))
	sceau(t, append(verify, "--json")...).want(t, 1, fmt.Sprintf(`"first":%d`, heads[0].Seq+1))
	// A chain that was cut.
	c.replace(sound[:heads[1].Seq-1])
	sceau(t, verify...).want(t, 1, fmt.Sprintf("entry %d: ", heads[1].Seq))
	restore()
	sceau(t, verify...).want(t, 0)

	// Copies that say nothing.
	own := os.Getenv("SCEAU_PASSPHRASE_FILE")
	foreign := newFolder(t, 3)
	theirs := filepath.Join(t.TempDir(), "theirs")
	sceau(t, "publish", foreign, "--to", theirs).want(t, 0)
	t.Setenv("SCEAU_PASSPHRASE_FILE", own)
	sceau(t, "audit", "verify", dir, "--published", theirs).want(t, 1, "does not hold for this register's root")
	sceau(t, "audit", "verify", dir, "--published", filepath.Join(t.TempDir(), "none")).want(t, 1, "--published")
	stamp := filepath.Join(copies[1], "timestamp.json")
	b, err := os.ReadFile(stamp)
	if err != nil {
		t.Fatal(err)
	}
	anchor := issuer.Anchor(heads[0].Head)
	if !strings.Contains(string(b), anchor) {
		t.Fatalf("no anchor %s in %s", anchor, b)
	}
	forged := strings.Replace(string(b), anchor, issuer.Anchor(journal.Head{Seq: heads[0].Seq, Hash: [32]byte{1}}), 1)
	if err := os.WriteFile(stamp, []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	sceau(t, verify...).want(t, 1, "--published "+copies[1])
}

func TestParseAnchor(t *testing.T) {
	good := issuer.Anchor(journal.Head{Seq: 42, Hash: [32]byte{0xab, 2}})
	if h, err := issuer.ParseAnchor(good); err != nil || h.Seq != 42 || h.Hash != [32]byte{0xab, 2} {
		t.Errorf("%v %v", h, err)
	}
	for _, bad := range []string{"", "42", ":", "0" + good, "+" + good, strings.ToUpper(good), good + "0", good[:len(good)-1], " " + good, "0" + good[2:], "-1" + good[2:], good + "\n"} {
		if _, err := issuer.ParseAnchor(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
