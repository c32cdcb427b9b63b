// Tests of the journal: numbers, search, retention, settings, several writers.

package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing/journal"
)

var ctx = context.Background()

// clock is a counter's clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Date(2027, 3, 2, 9, 4, 31, 0, time.UTC)} }

func day(t testing.TB, s string) rights.Date {
	t.Helper()
	d, err := rights.ParseDate(s)
	must(t, err)
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openTest(t testing.TB, dir string, c *clock) *Book {
	t.Helper()
	b, err := OpenBook(dir, BookOptions{Now: c.Now})
	must(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

// check is the receipt of a made-up check.
func check(n int) receipt.Receipt {
	r := receipt.Receipt{Version: receipt.Version, Card: fmt.Sprintf("775670482/3-%d", n%1048576), KID: "AAECAwQFBgc", Care: rights.Date(20880 + n%20), Domain: "PHAR",
		Status: offline.Valid, Reason: offline.OK, List: 3, Revision: uint64(n), Published: time.Unix(1803888000, 0).UTC(), Age: 2 * time.Hour,
		Policy: "0123456789abcdef", PayUntil: time.Unix(1806480000, 0).UTC(), PayEuros: 150, Mode: receipt.Offline}
	if n%5 == 4 {
		r.Status, r.Reason, r.PayUntil, r.PayEuros = offline.Refused, offline.Expired, time.Time{}, 0
	}
	return r
}

func fill(t testing.TB, b *Book, n int) []Record {
	t.Helper()
	var out []Record
	for i := range n {
		rec, err := b.Append(ctx, check(i))
		must(t, err)
		out = append(out, rec)
	}
	return out
}

func TestAppendGivesANumberThatFinds(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	b := openTest(t, dir, c)
	recs := fill(t, b, 20)
	d, err := b.Device(ctx)
	must(t, err)
	for i, rec := range recs {
		if !strings.HasPrefix(string(rec.Number), fmt.Sprintf("%s-%d-", d.Short, i+2)) || rec.Receipt != check(i) || !rec.At.Equal(c.Now()) || rec.Row != uint64(i+2) {
			t.Fatalf("record %d: %+v", i, rec)
		}
		for _, typed := range []string{string(rec.Number), strings.ToLower(strings.ReplaceAll(string(rec.Number), "-", "")), " " + strings.ReplaceAll(string(rec.Number), "-", " ")} {
			found, err := b.Find(ctx, Search{Number: typed})
			if err != nil || len(found) != 1 || found[0] != rec {
				t.Fatalf("%q: %v %v", typed, found, err)
			}
		}
	}
	// Another check part, another device or another entry finds nothing.
	p, err := receipt.ParseNumber(string(recs[3].Number))
	must(t, err)
	for _, other := range []receipt.Parts{{Device: p.Device, Seq: p.Seq, Check: flip(p.Check)}, {Device: flip(p.Device), Seq: p.Seq, Check: p.Check},
		{Device: p.Device, Seq: p.Seq + 1, Check: p.Check}, {Device: p.Device, Seq: 1, Check: p.Check}, {Device: p.Device, Seq: 1 << 63, Check: p.Check}} {
		if found, err := b.Find(ctx, Search{Number: string(other.Number())}); err != nil || len(found) != 0 {
			t.Errorf("%s: %v %v", other.Number(), found, err)
		}
	}
	if _, err := b.Find(ctx, Search{Number: "bonjour"}); !errors.Is(err, receipt.ErrNumber) {
		t.Error(err)
	}
	head, n, err := b.Verify(ctx)
	if err != nil || head != (journal.Head{Seq: 21, Hash: recs[19].Hash}) || n != (Count{Devices: 1, Entries: 21, Checks: 20}) {
		t.Errorf("%+v %+v %v", head, n, err)
	}
	token, err := b.Head(ctx)
	must(t, err)
	key, err := headKey(d.PublicJWK)
	must(t, err)
	if st, err := journal.OpenHead(key, token); err != nil || st.Head != head || st.Name != d.ID {
		t.Errorf("%+v %v", st, err)
	}
	// A new process goes on with the same device.
	must(t, b.Close())
	b = openTest(t, dir, c)
	rec, err := b.Append(ctx, check(7))
	if err != nil || rec.Seq != 22 || rec.Device != d.ID || b.Notice() != (Notice{}) {
		t.Errorf("%+v %v %+v", rec, err, b.Notice())
	}
	if _, _, err := b.Verify(ctx); err != nil {
		t.Error(err)
	}
}

func flip(s string) string {
	if s[0] == '0' {
		return "1" + s[1:]
	}
	return "0" + s[1:]
}

func TestAppendRefusesWhatIsNoReceipt(t *testing.T) {
	b := openTest(t, t.TempDir(), newClock())
	for name, change := range map[string]func(*receipt.Receipt){
		"a name as card": func(r *receipt.Receipt) { r.Card = "Léa MARTIN" }, "a NIR as domain": func(r *receipt.Receipt) { r.Domain = "2700599999999" },
		"text as detail": func(r *receipt.Receipt) { r.Detail = "Léa Martin" }, "no version": func(r *receipt.Receipt) { r.Version = 0 },
		"no mode": func(r *receipt.Receipt) { r.Mode = "" }, "valid without a card": func(r *receipt.Receipt) { r.Card, r.KID = "", "" },
	} {
		r := check(1)
		change(&r)
		var n *NotRecorded
		if rec, err := b.Append(ctx, r); !errors.As(err, &n) || n.Cause != CauseRefused || !errors.Is(err, ErrNotRecorded) || rec != (Record{}) {
			t.Errorf("%s: %+v %v", name, rec, err)
		} else if strings.Contains(err.Error(), "Martin") || strings.Contains(err.Error(), "27005") {
			t.Errorf("%s is quoted: %v", name, err)
		}
	}
	if found, err := b.Find(ctx, Search{}); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
}

func TestSearchAndPages(t *testing.T) {
	c := newClock()
	b := openTest(t, t.TempDir(), c)
	// Two days, with the midnight of Paris between: 22:30 and 23:30 UTC on 2 March.
	c.now = time.Date(2027, 3, 2, 22, 30, 0, 0, time.UTC)
	first := fill(t, b, 30)
	c.add(time.Hour)
	second := fill(t, b, 25)
	all := append(first, second...)
	sel := func(keep func(Record) bool) []Record {
		var out []Record
		for i := len(all) - 1; i >= 0; i-- {
			if keep(all[i]) {
				out = append(out, all[i])
			}
		}
		return out
	}
	for name, x := range map[string]struct {
		q    Search
		keep func(Record) bool
	}{
		"all":      {Search{}, func(Record) bool { return true }},
		"2 March":  {Search{From: day(t, "2027-03-02"), To: day(t, "2027-03-02")}, func(r Record) bool { return r.Row <= 31 }},
		"3 March":  {Search{From: day(t, "2027-03-03")}, func(r Record) bool { return r.Row > 31 }},
		"until":    {Search{To: day(t, "2027-03-02")}, func(r Record) bool { return r.Row <= 31 }},
		"4 March":  {Search{From: day(t, "2027-03-04")}, func(Record) bool { return false }},
		"care":     {Search{Care: 20883}, func(r Record) bool { return r.Receipt.Care == 20883 }},
		"refused":  {Search{Status: offline.Refused}, func(r Record) bool { return r.Receipt.Status == offline.Refused }},
		"unknown":  {Search{Status: offline.Unknown}, func(Record) bool { return false }},
		"together": {Search{From: day(t, "2027-03-03"), Status: offline.Valid, Care: 20883}, func(r Record) bool { return r.Row > 31 && r.Receipt.Care == 20883 }},
	} {
		want := sel(x.keep)
		for _, limit := range []int{1, 7, 1000} {
			var got []Record
			q := x.q
			q.Limit = limit
			for {
				page, err := b.Find(ctx, q)
				must(t, err)
				got = append(got, page...)
				if len(page) < limit {
					break
				}
				q.Before = page[len(page)-1].Row
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s by %d: %d records, want %d", name, limit, len(got), len(want))
			}
		}
		var each []Record
		must(t, b.Each(ctx, x.q, func(r Record) error { each = append([]Record{r}, each...); return nil }))
		if fmt.Sprint(each) != fmt.Sprint(want) {
			t.Errorf("%s, each: %d records, want %d", name, len(each), len(want))
		}
	}
	if page, err := b.Find(ctx, Search{}); err != nil || len(page) != DefaultLimit {
		t.Errorf("%d %v", len(page), err)
	}
	stop := errors.New("stop")
	if err := b.Each(ctx, Search{}, func(Record) error { return stop }); err != stop {
		t.Error(err)
	}
	// fn may write to the same journal, and does not see what it wrote.
	n := 0
	must(t, b.Each(ctx, Search{}, func(Record) error { n++; _, err := b.Append(ctx, check(n)); return err }))
	if n != len(all) {
		t.Errorf("%d of %d", n, len(all))
	}
}

func TestSettings(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	b := openTest(t, dir, c)
	if s, err := b.Settings(ctx); err != nil || s != nil {
		t.Errorf("%q %v", s, err)
	}
	big := bytes.Repeat([]byte("x"), MaxSettings)
	for _, s := range [][]byte{[]byte(`{"language":"fr"}`), {}, big} {
		must(t, b.SaveSettings(ctx, s))
		again, err := ReadBook(dir, BookOptions{}).Settings(ctx)
		if err != nil || !bytes.Equal(again, s) {
			t.Errorf("%d bytes: %d %v", len(s), len(again), err)
		}
	}
	if err := b.SaveSettings(ctx, append(big, 'x')); !errors.Is(err, ErrNotRecorded) {
		t.Error(err)
	}
	if s, err := b.Settings(ctx); err != nil || !bytes.Equal(s, big) {
		t.Errorf("%d %v", len(s), err)
	}
}

func TestPrune(t *testing.T) {
	c := newClock()
	b := openTest(t, t.TempDir(), c)
	start := c.Now()
	var recs []Record
	for range 10 {
		recs = append(recs, fill(t, b, 3)...)
		c.add(24 * time.Hour)
	}
	head, _, err := b.Verify(ctx)
	must(t, err)
	if n, err := b.Prune(ctx, start); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	n, err := b.Prune(ctx, start.Add(4*24*time.Hour-time.Second))
	if err != nil || n != 13 { // the opening and four days
		t.Fatalf("%d %v", n, err)
	}
	again, count, err := b.Verify(ctx)
	if err != nil || again != head || count != (Count{Devices: 1, Entries: 18, Checks: 18, Pruned: 13}) {
		t.Errorf("%+v %+v %v", again, count, err)
	}
	if found, err := b.Find(ctx, Search{Number: string(recs[0].Number)}); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
	if found, err := b.Find(ctx, Search{Number: string(recs[20].Number)}); err != nil || len(found) != 1 {
		t.Errorf("%v %v", found, err)
	}
	// A check made while the clock was in 2099 neither keeps the others for ever nor goes before those behind it.
	c.add(72 * 365 * 24 * time.Hour)
	fill(t, b, 1)
	c.add(-72 * 365 * 24 * time.Hour)
	fill(t, b, 2)
	if n, err = b.Prune(ctx, c.Now()); err != nil || n != 18 {
		t.Errorf("%d %v", n, err)
	}
	c.add(time.Hour)
	if n, err = b.Prune(ctx, c.Now()); err != nil || n != 3 {
		t.Errorf("%d %v", n, err)
	}
	// Everything is gone: the chain goes on from where it stood.
	if _, count, err = b.Verify(ctx); err != nil || count != (Count{Devices: 1, Pruned: 34}) {
		t.Errorf("%+v %v", count, err)
	}
	rec, err := b.Append(ctx, check(1))
	if err != nil || rec.Seq != 35 || b.Notice() != (Notice{}) {
		t.Errorf("%+v %v %+v", rec, err, b.Notice())
	}
	if _, count, err = b.Verify(ctx); err != nil || count.Entries != 1 {
		t.Errorf("%+v %v", count, err)
	}
}

// Two Books on one folder, as two processes have, and many goroutines: no number twice, no fork.
func TestManyWriters(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	const books, each = 4, 40
	var mu sync.Mutex
	seen := map[receipt.Number]bool{}
	var wg sync.WaitGroup
	for range books {
		wg.Go(func() {
			b, err := OpenBook(dir, BookOptions{Now: c.Now}) // the first one makes it, at the same moment as the others
			if err != nil {
				t.Error(err)
				return
			}
			defer b.Close()
			for i := range each {
				rec, err := b.Append(ctx, check(i))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[rec.Number] {
					t.Errorf("%s twice", rec.Number)
				}
				seen[rec.Number] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	b := openTest(t, dir, c)
	if head, n, err := b.Verify(ctx); err != nil || head.Seq != books*each+1 || n.Checks != len(seen) || n.Devices != 1 {
		t.Errorf("%+v %+v %v", head, n, err)
	}
}

func TestFilesAreTheUsersOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Sceau à l’étage", "compt%20oir?")
	b := openTest(t, dir, newClock())
	fill(t, b, 1)
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) < 2 {
		t.Fatal(files)
	}
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", f.Name(), info.Mode())
		}
		if strings.Contains(f.Name(), ".new") || strings.Contains(f.Name(), ".tmp") {
			t.Errorf("%s is left", f.Name())
		}
	}
}
