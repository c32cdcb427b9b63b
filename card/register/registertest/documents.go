// What a store must do with documents and with the requests of counters.

package registertest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/register"
)

// family says whether an error tells the caller more than that the program is at fault.
func family(err error) bool { return familyOf(err) != nil }

// familyOf is the family of an error, nil for none.
func familyOf(err error) error {
	for _, f := range []error{register.ErrNotFound, register.ErrConflict, register.ErrCorrupt, register.ErrBusy, register.ErrOutcomeUnknown, register.ErrReadOnly, register.ErrProtected} {
		if errors.Is(err, f) {
			return f
		}
	}
	return nil
}

// fault runs fn and wants it to be refused as a fault of the program.
func fault(t *testing.T, s register.Store, what string, fn func(register.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err == nil || family(err) {
		t.Errorf("%s: got %v, want an error of no family", what, err)
	}
}

func document(kind, id, owner string, version int64) register.Document {
	return register.Document{Kind: kind, ID: id, Owner: owner, Version: version, Data: fmt.Appendf(nil, `{"v":%d}`, version)}
}

func put(docs ...register.Document) func(register.Tx) error {
	return func(tx register.Tx) error {
		for _, d := range docs {
			if err := tx.PutDocument(d); err != nil {
				return err
			}
		}
		return nil
	}
}

// strangeIDs come from requests: no row has them, and asking for them is no fault.
var strangeIDs = []string{"", "\x00", "a\x00", "\xff\xfe", "é", "' OR 1=1 --", strings.Repeat("x", 10_000)}

func testDocuments(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	d := document("counter", "Xq3f9aLmQ2s", "", 1)
	d.Until = at
	unknown := func(kind, id string) {
		t.Helper()
		view(t, s, func(tx register.Tx) error {
			if got, err := tx.Document(kind, id); !errors.Is(err, register.ErrNotFound) || !reflect.DeepEqual(got, register.Document{}) {
				t.Errorf("document %q %q: %v", kind, id, err)
			}
			return nil
		})
	}
	stored := func(want register.Document) {
		t.Helper()
		view(t, s, func(tx register.Tx) error {
			got, err := tx.Document(want.Kind, want.ID)
			if len(got.Data) == 0 && len(want.Data) == 0 {
				got.Data = want.Data // no bytes are nil or empty, as the store likes
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v %v, want %+v", got, err, want)
			}
			return nil
		})
	}
	unknown(d.Kind, d.ID)
	for _, version := range []int64{2, 0, -1} {
		refuse(t, s, register.ErrConflict, put(document(d.Kind, d.ID, "", version)))
	}
	update(t, s, put(d))
	stored(d)
	for _, version := range []int64{1, 3, 0, -1} {
		refuse(t, s, register.ErrConflict, put(document(d.Kind, d.ID, "", version)))
	}
	refuse(t, s, register.ErrConflict, put(document(d.Kind, d.ID, "775670482", 2))) // another owner
	refuse(t, s, register.ErrConflict, put(document(d.Kind, d.ID, "775670482", 1)))
	refuse(t, s, register.ErrConflict, put(document("alarm", d.ID, "", 2))) // another kind is another document
	stored(d)
	d.Version, d.Data, d.Until = 2, []byte(`{"new":true}`), time.Time{}
	update(t, s, put(d))
	stored(d)
	refuse(t, s, register.ErrConflict, put(d))

	// The same id in another kind; two changes in one transaction; the longest of everything.
	twin := document("alarm", d.ID, "Xq3f9aLmQ2s", 1)
	long := document(strings.Repeat("k", 32), strings.Repeat("~", 128), strings.Repeat("o", 64), 1)
	long.Data = bytes.Repeat([]byte{0, 1, 0xff, '\''}, register.MaxDocument/4)
	blank := document("alarm", " ", "", 1)
	blank.Data = []byte{}
	update(t, s, put(twin, document("alarm", twin.ID, twin.Owner, 2), long, blank))
	stored(document("alarm", twin.ID, twin.Owner, 2))
	stored(long)
	stored(blank)
	stored(d)

	update(t, s, func(tx register.Tx) error {
		return errors.Join(tx.DropDocument("counter", d.ID), tx.DropDocument("counter", "none"))
	})
	unknown("counter", d.ID)
	stored(document("alarm", twin.ID, twin.Owner, 2))
	again := document("counter", d.ID, "other", 1) // unknown again, so another owner may have it
	update(t, s, put(again))
	stored(again)
	for _, id := range strangeIDs {
		unknown("counter", id)
		unknown(id, d.ID)
		update(t, s, func(tx register.Tx) error { return tx.DropDocument("counter", id) })
	}
}

func testDocumentRefused(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	for what, change := range map[string]func(*register.Document){
		"no kind":        func(d *register.Document) { d.Kind = "" },
		"long kind":      func(d *register.Document) { d.Kind = strings.Repeat("k", 33) },
		"capitals":       func(d *register.Document) { d.Kind = "Counter" },
		"digits":         func(d *register.Document) { d.Kind = "counter1" },
		"kind with NUL":  func(d *register.Document) { d.Kind = "counter\x00" },
		"no id":          func(d *register.Document) { d.ID = "" },
		"long id":        func(d *register.Document) { d.ID = strings.Repeat("x", 129) },
		"NUL":            func(d *register.Document) { d.ID = "a\x00b" },
		"line end":       func(d *register.Document) { d.ID = "a\n" },
		"delete":         func(d *register.Document) { d.ID = "a\x7f" },
		"accent":         func(d *register.Document) { d.ID = "é" },
		"invalid UTF-8":  func(d *register.Document) { d.ID = "a\xff" },
		"any owner":      func(d *register.Document) { d.Owner = register.AnyOwner },
		"accented owner": func(d *register.Document) { d.Owner = "é" },
		"long owner":     func(d *register.Document) { d.Owner = strings.Repeat("x", 65) },
		"too long":       func(d *register.Document) { d.Data = make([]byte, register.MaxDocument+register.SealRoom+1) },
		"no calendar":    func(d *register.Document) { d.Until = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		d := document("counter", "id", "", 1)
		change(&d)
		fault(t, s, what, put(d))
	}
	view(t, s, func(tx register.Tx) error {
		for _, kind := range []string{"counter", "Counter", ""} {
			if got, err := tx.DocumentsAfter(kind, register.AnyOwner, "", 10); err != nil || len(got) != 0 {
				t.Errorf("%d refused documents were kept: %v", len(got), err)
			}
		}
		return nil
	})
}

// testSealedDocument: a store leaves room for another one that encrypts above it.
func testSealedDocument(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	d := document("job", "sealed", "", 1)
	d.Data = bytes.Repeat([]byte{7}, register.MaxDocument+register.SealRoom)
	update(t, s, put(d))
	view(t, s, func(tx register.Tx) error {
		got, err := tx.Document(d.Kind, d.ID)
		if err != nil || !bytes.Equal(got.Data, d.Data) {
			t.Errorf("%d bytes %v", len(got.Data), err)
		}
		return nil
	})
}

func testDocumentLists(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	// Byte order: capitals before small letters, "-" before digits, "_" between; a prefix before what it begins.
	ids := []string{" ", "!", "-a", "0", "00", "A", "B", "Z", "_", "a", "aA", "aa", "b", "~"}
	owners := []string{"", "775670482", "Xq3f9aLmQ2s"}
	want := map[string][]string{}
	update(t, s, func(tx register.Tx) error {
		for i := range ids {
			n := i * 5 % len(ids) // in no order
			owner := owners[n%3]
			if err := put(document("job", ids[n], owner, 1), document("jobs", ids[n], "", 1))(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for i, id := range ids {
		want[owners[i%3]] = append(want[owners[i%3]], id)
	}
	want[register.AnyOwner] = ids
	want["nobody"] = nil
	want["\x00"] = nil
	view(t, s, func(tx register.Tx) error {
		for owner, expected := range want {
			for _, limit := range []int{1, 3, 100} {
				var got []string
				for after := ""; ; {
					page, err := tx.DocumentsAfter("job", owner, after, limit)
					if err != nil {
						return err
					}
					if len(page) > limit {
						t.Errorf("%d of at most %d", len(page), limit)
					}
					if len(page) == 0 {
						break
					}
					for _, d := range page {
						got = append(got, d.ID)
						if d.Kind != "job" || owner != register.AnyOwner && d.Owner != owner || string(d.Data) != `{"v":1}` || d.Version != 1 {
							t.Errorf("not asked for: %+v", d)
						}
					}
					after = page[len(page)-1].ID
					ends(t, len(got))
				}
				if !reflect.DeepEqual(got, expected) {
					t.Errorf("owner %q by %d: %q, want %q", owner, limit, got, expected)
				}
			}
		}
		if page, err := tx.DocumentsAfter("job", register.AnyOwner, "Q", 1); err != nil || len(page) != 1 || page[0].ID != "Z" {
			t.Errorf("after an id that is not there: %+v %v", page, err)
		}
		return nil
	})
}

func testDocumentsOver(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	update(t, s, func(tx register.Tx) error {
		for i := -2; i <= 2; i++ {
			d := document("session", fmt.Sprint("s", i+2), "", 1)
			d.Until = at.Add(time.Duration(i) * time.Second)
			if err := put(d)(tx); err != nil {
				return err
			}
		}
		other := document("invitation", "over", "", 1)
		other.Until = at.Add(-time.Hour)
		return put(document("session", "kept", "", 1), other)(tx)
	})
	for _, c := range []struct {
		before time.Time
		want   int64
		left   string
	}{
		{at.Add(-time.Hour), 0, "[kept s0 s1 s2 s3 s4]"},
		{at, 2, "[kept s2 s3 s4]"},                    // what is over at that very moment stays
		{at.Add(time.Millisecond), 1, "[kept s3 s4]"}, // and goes right after it
		{at.Add(time.Millisecond), 0, "[kept s3 s4]"}, // once
		{at.AddDate(1000, 0, 0), 2, "[kept]"},         // no end: kept
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), 0, "[kept]"},
	} {
		update(t, s, func(tx register.Tx) error {
			n, err := tx.DropDocuments("session", c.before)
			if err != nil || n != c.want {
				t.Errorf("before %v: dropped %d %v, want %d", c.before, n, err, c.want)
			}
			return err
		})
		view(t, s, func(tx register.Tx) error {
			var ids []string
			list, err := tx.DocumentsAfter("session", register.AnyOwner, "", 100)
			for _, d := range list {
				ids = append(ids, d.ID)
			}
			if err != nil || fmt.Sprint(ids) != c.left {
				t.Errorf("before %v: left %v %v, want %s", c.before, ids, err, c.left)
			}
			_, err = tx.Document("invitation", "over")
			return err
		})
	}
}

// testDocumentRace: of many who make the next version, one does.
func testDocumentRace(t *testing.T, open Opener) {
	place := t.TempDir()
	stores := []register.Store{start(t, open, place), start(t, open, place)}
	for version := int64(1); version <= 5; version++ {
		var won sync.Map
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				d := document("approval", "one", "", version)
				d.Data = fmt.Append(nil, i)
				err := stores[i%2].Update(t.Context(), put(d))
				if err == nil {
					won.Store(i, true)
				} else if !errors.Is(err, register.ErrConflict) {
					t.Errorf("version %d: %v", version, err)
				}
			})
		}
		wg.Wait()
		var winners []string
		won.Range(func(k, _ any) bool { winners = append(winners, fmt.Sprint(k)); return true })
		view(t, stores[0], func(tx register.Tx) error {
			d, err := tx.Document("approval", "one")
			if err != nil || len(winners) != 1 || string(d.Data) != winners[0] || d.Version != version {
				t.Errorf("version %d: won by %v, stored %s of version %d, %v", version, winners, d.Data, d.Version, err)
			}
			return nil
		})
	}
}
