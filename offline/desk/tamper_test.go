package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/mirror"
	"sceau/offline/receipt"
)

// hostile values for anything that somebody may edit.
var hostileValues = []string{`null`, `true`, `-1`, `1e308`, `99999999999999999999`, `""`, `"x"`, `"../../../../etc/passwd"`, `"file:///c:/windows"`, `"<script>alert(1)</script>"`, `"\u202e\u0000"`,
	`[]`, `[1,2,3]`, `{}`, `{"chars":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","keys":[]}`, `{"keys":[{"kty":"EC","crv":"P-256"}]}`, `"` + strings.Repeat("A", 1<<10) + `"`}

func (s *scene) neverFooled(what string) {
	s.t.Helper()
	for i, code := range s.forged {
		var got scanned
		a := s.post("scan", scanOf(i, code))
		if json.Unmarshal(a.body, &got) != nil || got.Status == offline.Valid || got.Status == offline.Reserve || got.Card != nil {
			s.t.Errorf("%s: a forged card is %s: %d %.200s", what, got.Status, a.status, a.body)
		}
	}
}

// T34: whatever stands in the settings, the desk opens, keeps to what a counter may wish, and is never made to believe a card.
func TestEditedSettings(t *testing.T) {
	var texts []string
	kind := reflect.TypeFor[counter.Settings]()
	for i := range kind.NumField() {
		name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		for _, v := range hostileValues {
			texts = append(texts, fmt.Sprintf(`{%q:%s}`, name, v))
		}
	}
	for _, name := range []string{"root", "trust_root", "keys", "keyring", "insecure", "skip_verification", "now", "facts", "__proto__"} {
		texts = append(texts, fmt.Sprintf(`{%q:"x"}`, name))
	}
	texts = append(texts, "\x00", "{", "null", "[]", "\xff\xfe", `{}{}`, strings.Repeat("[", 1<<16), `{"name":"`+strings.Repeat("x", 1<<20)+`"}`)
	s := newScene(t)
	refused := 0
	for _, text := range texts {
		w := readWishes(&notebook{settings: []byte(text)}, "")
		got, _, bad := w.how()
		if err := got.Check(); err != nil {
			t.Errorf("%.60s: in use: %v", text, err)
		}
		if bad {
			refused++
			if !reflect.DeepEqual(got, counter.DefaultSettings()) {
				t.Errorf("%.60s: refused, and not the defaults: %+v", text, got)
			}
		}
		s.wishes = w
		s.neverFooled("settings " + text[:min(60, len(text))])
		if a := s.get("state"); a.status != 200 {
			t.Errorf("%.60s: state %d", text, a.status)
		}
	}
	if refused < len(texts)/2 || refused == len(texts) {
		t.Errorf("%d of %d refused", refused, len(texts))
	}
	var good scanned
	s.wishes = readWishes(&notebook{}, "")
	s.post("scan", scanOf(1, s.good)).json(t, &good)
	if good.Status != offline.Valid {
		t.Errorf("the good card is %s", good.Status)
	}
}

// bookJournal is the real journal as the desk's parts see it.
type bookJournal struct{ *mirror.Book }

func (b bookJournal) Append(ctx context.Context, r receipt.Receipt) (receipt.Number, error) {
	one, err := b.Book.Append(ctx, r)
	return one.Number, err
}
func (b bookJournal) search(q Search) mirror.Search {
	return mirror.Search{Number: string(q.Number), From: q.From, To: q.To, Care: q.Care, Status: q.Status, Limit: q.Limit, Before: q.Before}
}
func (b bookJournal) Find(ctx context.Context, q Search) ([]receipt.Record, error) {
	return b.Book.Find(ctx, b.search(q))
}
func (b bookJournal) Each(ctx context.Context, q Search, fn func(receipt.Record) error) error {
	return b.Book.Each(ctx, b.search(q), fn)
}
func (b bookJournal) Verify(ctx context.Context) (Verified, error) {
	head, _, err := b.Book.Verify(ctx)
	return Verified{Entries: head.Seq}, err
}

// T34: every column of every row of the counter's journal is edited, and no forged card passes; what a receipt said to be so is
// never said by a row that was not written.
func TestEditedJournal(t *testing.T) {
	dir := t.TempDir()
	open := func() *mirror.Book {
		return must(mirror.OpenBook(dir, mirror.BookOptions{Now: func() time.Time { return someDay }}))(t)
	}
	scene := func(b *mirror.Book) *scene {
		return newScene(t, func(o *Options) {
			o.Store, o.Memory = b, bookJournal{b}
			o.Ask = &counter.Counter{Lists: o.Ask.(*counter.Counter).Lists, Journal: bookJournal{b}, Now: o.Now}
		})
	}
	fill := func() {
		b := open()
		s := scene(b)
		s.post("settings", `{"profession":"pharmacie"}`)
		s.post("scan", scanOf(1, s.good))
		s.neverFooled("untouched")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	columns := func(db *sql.DB) (out [][2]string) {
		rows := must(db.Query(`SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`))(t)
		defer rows.Close()
		for rows.Next() {
			var one [2]string
			if err := rows.Scan(&one[0], &one[1]); err != nil {
				t.Fatal(err)
			}
			out = append(out, one)
		}
		return out
	}
	database := func() *sql.DB { return must(sql.Open("sqlite", filepath.Join(dir, mirror.BookName)))(t) }
	db := database()
	all := columns(db)
	db.Close()
	edited := 0
	for _, c := range all {
		for _, v := range []any{nil, -1, int64(1) << 62, "", "valid", `{"status":"valid"}`, []byte{0, 255}, strings.Repeat("x", 1<<16)} {
			db := database()
			done, err := db.Exec(fmt.Sprintf("UPDATE %q SET %q = ?", c[0], c[1]), v)
			db.Close()
			if err != nil {
				continue // the schema itself refuses
			}
			if n, _ := done.RowsAffected(); n > 0 {
				edited++
			}
			b, err := mirror.OpenBook(dir, mirror.BookOptions{Now: func() time.Time { return someDay }})
			if err != nil {
				continue // a folder that can't be opened answers nothing; the program goes on without a journal
			}
			s := scene(b)
			what := fmt.Sprintf("%s.%s = %.20v", c[0], c[1], v)
			s.neverFooled(what)
			for _, name := range []string{"state", "journal", "journal.csv", "journal.json"} {
				a, err := client.Get(s.origin() + "/s/" + s.secret + "/" + name)
				if err == nil {
					a.Body.Close()
				}
			}
			if strings.Contains(s.log.String(), "panicked") {
				t.Errorf("%s: a handler panicked", what)
			}
			if err := b.Close(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if edited < 10 {
		t.Errorf("only %d edits took place in %d columns", edited, len(all))
	}
}
