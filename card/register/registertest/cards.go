// What a store must do with cards, their signatures, events, pages and publications.

package registertest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/signing/journal"
)

func testCardLife(t *testing.T, open Opener) {
	s := seeded(t, open)
	c := intent(t, "A1", 1, 583021)
	update(t, s, func(tx register.Tx) error { return tx.AddCard(c) })
	c.State = register.Intent
	read := func() register.Card {
		var got register.Card
		view(t, s, func(tx register.Tx) (err error) { got, err = tx.Card(c.Place); return err })
		return got
	}
	if got := read(); !reflect.DeepEqual(got, c) {
		t.Fatalf("intent: %+v, want %+v", got, c)
	}
	for _, to := range []register.State{register.Live, register.Void, register.Intent} {
		refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetCardState(c.Place, register.Intent, to) })
	}
	if err := s.Update(t.Context(), func(tx register.Tx) error { return tx.SealCard(c.Place, make([]byte, 63)) }); err == nil {
		t.Fatal("a signature of 63 bytes was stored")
	}
	update(t, s, func(tx register.Tx) error { return tx.SealCard(c.Place, signature(7)) })
	c.State, c.Signature = register.Live, signature(7)
	if got := read(); !reflect.DeepEqual(got, c) {
		t.Fatalf("live: %+v, want %+v", got, c)
	}
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SealCard(c.Place, signature(8)) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SealCard(card.Place{List: 1, Index: 1}, signature(8)) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetCardState(c.Place, register.Void, register.Live) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetCardState(c.Place, register.Live, register.Intent) })
	refuse(t, s, register.ErrNotFound, func(tx register.Tx) error {
		return tx.SetCardState(card.Place{List: 1, Index: 1}, register.Live, register.Void)
	})
	for _, step := range [][2]register.State{{register.Live, register.Suspended}, {register.Suspended, register.Live}, {register.Live, register.Void},
		{register.Void, register.Live}, {register.Live, register.Replaced}} {
		update(t, s, func(tx register.Tx) error { return tx.SetCardState(c.Place, step[0], step[1]) })
		if got := read(); got.State != step[1] || !reflect.DeepEqual(got.Signature, c.Signature) {
			t.Fatalf("after %v: %+v", step, got)
		}
	}
}

func testOneStanding(t *testing.T, open Opener) {
	s := seeded(t, open)
	first := intent(t, "A1", 1, 1)
	update(t, s, func(tx register.Tx) error { return tx.AddCard(first) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.AddCard(intent(t, "A1", 1, 2)) }) // two intents
	person := intent(t, "A1", 1, 3)
	person.Person = 0
	update(t, s, func(tx register.Tx) error { return tx.AddCard(person) })
	update(t, s, func(tx register.Tx) error { return tx.SealCard(first.Place, signature(1)) })

	second := intent(t, "A1", 1, 4)
	second.Replaces, second.ReplacedFrom = first.Place, day(t, "2027-03-01")
	update(t, s, func(tx register.Tx) error { return tx.AddCard(second) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SealCard(second.Place, signature(2)) })
	update(t, s, func(tx register.Tx) error { return tx.SetCardState(first.Place, register.Live, register.Suspended) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SealCard(second.Place, signature(2)) })
	update(t, s, func(tx register.Tx) error {
		return errors.Join(tx.SetCardState(first.Place, register.Suspended, register.Replaced), tx.SealCard(second.Place, signature(2)))
	})
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetCardState(first.Place, register.Replaced, register.Live) })

	next := intent(t, "A1", 1, 5)
	next.From, next.To = day(t, "2028-01-01"), day(t, "2028-12-31")
	update(t, s, func(tx register.Tx) error {
		return errors.Join(tx.AddCard(next), tx.SealCard(next.Place, signature(3)))
	})

	view(t, s, func(tx register.Tx) error {
		got, err := tx.CardsOf(first.Contract)
		if err != nil || len(got) != 4 {
			t.Fatalf("cards of the contract: %d %v", len(got), err)
		}
		for i, want := range []card.Place{first.Place, person.Place, second.Place, next.Place} {
			if got[i].Place != want {
				t.Errorf("card %d is %v, want %v: oldest first", i, got[i].Place, want)
			}
		}
		if got[2].Replaces != first.Place || got[2].ReplacedFrom != day(t, "2027-03-01") {
			t.Errorf("replaces: %+v", got[2])
		}
		return nil
	})
}

func testPlaces(t *testing.T, open Opener) {
	s := seeded(t, open)
	update(t, s, func(tx register.Tx) error { return tx.AddCard(intent(t, "A1", 1, 1)) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.AddCard(intent(t, "A2", 1, 1)) })
	refuse(t, s, register.ErrNotFound, func(tx register.Tx) error { return tx.AddCard(intent(t, "nobody", 1, 2)) })
	if err := s.Update(t.Context(), func(tx register.Tx) error { return tx.AddCard(intent(t, "A2", 1, 1<<20)) }); err == nil {
		t.Error("a place beyond the list was stored")
	}
	view(t, s, func(tx register.Tx) error {
		for index, want := range map[uint32]bool{1: true, 2: false} {
			if got, err := tx.Taken(card.Place{List: 1, Index: index}); err != nil || got != want {
				t.Errorf("taken(%d) = %v %v", index, got, err)
			}
		}
		if l, err := tx.OpenList(insurerKey); err != nil || l.Used != 1 {
			t.Errorf("used: %+v %v", l, err)
		}
		return nil
	})
}

func testCardWalk(t *testing.T, open Opener) {
	s := seeded(t, open)
	order := []uint32{9, 0, 5, 7}
	update(t, s, func(tx register.Tx) error {
		for i, index := range order {
			if err := tx.AddCard(intent(t, fmt.Sprint("A", i+1), 1, index)); err != nil {
				return err
			}
		}
		return tx.SealCard(card.Place{List: 1, Index: 0}, signature(1))
	})
	view(t, s, func(tx register.Tx) error {
		var walk, pending []uint32
		for after := int64(-1); ; {
			page, err := tx.CardsAfter(1, after, 3)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				walk = append(walk, c.Place.Index)
			}
			after = int64(walk[len(walk)-1])
		}
		intents, err := tx.Intents(2)
		for _, c := range intents {
			pending = append(pending, c.Place.Index)
		}
		if err != nil || fmt.Sprint(walk) != "[0 5 7 9]" || fmt.Sprint(pending) != "[9 5]" {
			t.Errorf("walk %v, intents %v, %v", walk, pending, err)
		}
		return nil
	})
}

func testSignLog(t *testing.T, open Opener) {
	s := seeded(t, open)
	p := card.Place{List: 1, Index: 1}
	entry := register.SignEntry{Place: p, KID: "Xq3f9aLmQ2s", Digest: sum("input"), At: at}
	refuse(t, s, register.ErrNotFound, func(tx register.Tx) error { _, err := tx.LogSign(entry); return err })
	update(t, s, func(tx register.Tx) error {
		if err := tx.AddCard(intent(t, "A1", 1, 1)); err != nil {
			return err
		}
		got, err := tx.LogSign(entry)
		if err == nil && (got.Attempt != 1 || got.Seq == 0) {
			t.Errorf("first attempt: %+v", got)
		}
		return err
	})
	update(t, s, func(tx register.Tx) error { _, err := tx.LogSign(entry); return err })
	view(t, s, func(tx register.Tx) error {
		got, err := tx.SignLog(p)
		if err != nil || len(got) != 2 || got[0].Attempt != 1 || got[1].Attempt != 2 || got[1].Seq <= got[0].Seq ||
			got[1].Digest != entry.Digest || got[1].KID != entry.KID || !got[1].At.Equal(at) {
			t.Errorf("log: %+v %v", got, err)
		}
		after, err := tx.SignLogAfter(got[0].Seq, 10)
		if err != nil || len(after) != 1 || after[0] != got[1] {
			t.Errorf("after: %+v %v", after, err)
		}
		return nil
	})
}

func testEvents(t *testing.T, open Opener) {
	s := seeded(t, open)
	c := intent(t, "A1", 1, 3)
	event := register.Event{Place: c.Place, Kind: status.Void, From: day(t, "2027-03-01"), Class: "closed", Actor: "test", At: at}
	refuse(t, s, register.ErrNotFound, func(tx register.Tx) error { _, err := tx.AddEvent(event); return err })
	var first, second int64
	update(t, s, func(tx register.Tx) (err error) {
		if err = tx.AddCard(c); err != nil {
			return err
		}
		if first, err = tx.AddEvent(event); err != nil {
			return err
		}
		event.Kind = status.Restored
		second, err = tx.AddEvent(event)
		return err
	})
	if second <= first {
		t.Fatalf("sequence %d after %d", second, first)
	}
	update(t, s, func(tx register.Tx) error {
		if n, err := tx.MarkPublished(1, first, 4, day(t, "2027-02-01")); err != nil || n != 1 {
			t.Errorf("published %d %v", n, err)
		}
		if n, err := tx.MarkPublished(1, first, 5, day(t, "2027-02-02")); err != nil || n != 0 {
			t.Errorf("published twice: %d %v", n, err)
		}
		return nil
	})
	view(t, s, func(tx register.Tx) error {
		pending, err := tx.PendingEvents(1)
		if err != nil || len(pending) != 1 || pending[0].Seq != second {
			t.Errorf("pending: %+v %v", pending, err)
		}
		got, err := tx.EventsOf(c.Place)
		if err != nil || len(got) != 2 || got[0].Revision != 4 || got[0].Published != day(t, "2027-02-01") || got[1].Revision != 0 ||
			got[0].Kind != status.Void || got[0].From != event.From || got[0].Class != "closed" || got[0].Actor != "test" || !got[0].At.Equal(at) {
			t.Errorf("events: %+v %v", got, err)
		}
		after, err := tx.EventsAfter(first, 10)
		if err != nil || len(after) != 1 || after[0].Seq != second {
			t.Errorf("after: %+v %v", after, err)
		}
		return nil
	})
}

func testPages(t *testing.T, open Opener) {
	s := seeded(t, open)
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetPage(1, 1, 2, []byte("x")) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetPage(1, 0, 2, []byte("x")) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetPage(7, 0, 1, []byte("x")) })
	update(t, s, func(tx register.Tx) error { return tx.SetPage(1, 0, 0, []byte("empty")) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetPage(1, 0, 0, []byte("other")) })
	update(t, s, func(tx register.Tx) error { return tx.SetPage(1, 0, 1, []byte("one")) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetPage(1, 0, 0, []byte("other")) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.SetPage(1, 0, 1, []byte("other")) })
	update(t, s, func(tx register.Tx) error { return tx.SetPage(1, 1, 2, []byte("two")) })
	view(t, s, func(tx register.Tx) error {
		page, err := tx.Page(1)
		l, err2 := tx.OpenList(insurerKey)
		if err != nil || err2 != nil || string(page) != "two" || l.Revision != 2 {
			t.Errorf("page %q of revision %d: %v %v", page, l.Revision, err, err2)
		}
		return nil
	})
}

func testPublications(t *testing.T, open Opener) {
	s := start(t, open, t.TempDir())
	files := func(n int) []register.NewFile {
		return []register.NewFile{
			{Path: fmt.Sprintf("%d.snapshot.json", n), Data: fmt.Appendf(nil, "snapshot %d", n)},
			{Path: "1.root.json", Data: []byte("root")},
			{Path: "timestamp.json", Data: fmt.Appendf(nil, "time %d", n), Mutable: true},
		}
	}
	one := register.Publication{Version: 1, At: at, Audit: journal.Head{Seq: 3, Hash: sum("head")}}
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.AddPublication(register.Publication{Version: 2, At: at}, nil) })
	update(t, s, func(tx register.Tx) error { return tx.AddPublication(one, files(1)) })
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error { return tx.AddPublication(one, files(1)) })
	two := register.Publication{Version: 2, At: at, Audit: journal.Head{Seq: 4, Hash: sum("later")}}
	refuse(t, s, register.ErrConflict, func(tx register.Tx) error {
		return tx.AddPublication(two, []register.NewFile{{Path: "1.root.json", Data: []byte("another root")}})
	})
	update(t, s, func(tx register.Tx) error { return tx.AddPublication(two, files(2)) })
	view(t, s, func(tx register.Tx) error {
		got, err := tx.LastPublication()
		if err != nil || !got.At.Equal(two.At) || got.Version != 2 || got.Audit != two.Audit {
			t.Errorf("last: %+v %v", got, err)
		}
		var order []string
		err = tx.EachFile(func(f register.File) error {
			order = append(order, fmt.Sprint(f.Path, "=", string(f.Data), "@", f.Publication))
			return nil
		})
		want := "[1.snapshot.json=snapshot 1@1 1.root.json=root@1 2.snapshot.json=snapshot 2@2 timestamp.json=time 2@2]"
		if err != nil || fmt.Sprint(order) != want {
			t.Errorf("files in order: %v %v", order, err)
		}
		enough := errors.New("enough")
		if err := tx.EachFile(func(register.File) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("the reader's error was lost: %v", err)
		}
		list, err := tx.ListFiles()
		if err != nil || len(list) != 4 || !reflect.DeepEqual(list[3], register.File{Path: "timestamp.json", Publication: 2}) {
			t.Errorf("list of files: %+v %v", list, err)
		}
		data, err := tx.File("1.root.json")
		if err != nil || string(data) != "root" {
			t.Errorf("file: %q %v", data, err)
		}
		return nil
	})
	update(t, s, func(tx register.Tx) error { return tx.DropFiles([]string{"1.snapshot.json", "unknown"}) })
	view(t, s, func(tx register.Tx) error {
		if _, err := tx.File("1.snapshot.json"); !errors.Is(err, register.ErrNotFound) {
			t.Errorf("dropped file: %v", err)
		}
		return nil
	})
}
