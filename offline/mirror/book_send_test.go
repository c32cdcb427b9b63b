// Enrolments, upload state and answers: kept through crashes, repairs and versions, and gone when they are to go.

package mirror

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sceau/offline/receipt"
	"sceau/signing"
)

const requestKind signing.Kind = "sceau-request-1"

var rootA, rootB = strings.TrimSpace(strings.Repeat("3F0A ", 16)), strings.TrimSpace(strings.Repeat("91C4 ", 16))

// enrol makes an enrolment, as far as the journal is concerned.
func enrol(t testing.TB, b *Book, root, address string) *signing.Signer {
	t.Helper()
	s, err := b.BeginEnrolment(ctx, address, requestKind)
	must(t, err)
	must(t, b.FinishEnrolment(ctx, address, Enrolment{Root: root, Address: address, Counter: s.KID(), Facts: EnrolmentFacts{FINESS: "290000017", Profession: "pharmacie", Networks: []string{"SP"}}}))
	return s
}

func TestEnrolments(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	b := openTest(t, dir, c)
	first, err := b.BeginEnrolment(ctx, "https://a.example", requestKind)
	must(t, err)
	if all, err := b.Enrolments(ctx); err != nil || len(all) != 0 {
		t.Fatalf("before it is finished: %+v %v", all, err)
	}
	must(t, b.Close())
	// The program died after the request was sent: the key is the same.
	b = openTest(t, dir, c)
	again, err := b.BeginEnrolment(ctx, "https://a.example", requestKind)
	must(t, err)
	if again.KID() != first.KID() {
		t.Fatal("the key that the service was told is gone")
	}
	device, err := b.Device(ctx)
	must(t, err)
	if bytes.Contains(device.PublicJWK, []byte(first.KID())) {
		t.Error("the journal's own key signs requests")
	}
	if err := b.FinishEnrolment(ctx, "https://b.example", Enrolment{Root: rootA}); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("never begun: %v", err)
	}
	enrol(t, b, rootA, "https://a.example")
	enrol(t, b, rootB, "https://b.example")
	all, err := b.Enrolments(ctx)
	if err != nil || len(all) != 2 || all[0].Counter != first.KID() || all[0].Facts.Networks[0] != "SP" || !bytes.Contains(all[0].PublicJWK, []byte(first.KID())) {
		t.Fatalf("%+v %v", all, err)
	}
	s, err := b.EnrolmentSigner(ctx, strings.ToLower(strings.ReplaceAll(rootA, " ", "")), requestKind)
	if err != nil || s.KID() != first.KID() {
		t.Errorf("%v", err)
	}
	if _, err := b.BeginEnrolment(ctx, "https://c.example", requestKind); err != nil {
		t.Fatal(err)
	}
	if err := b.FinishEnrolment(ctx, "https://c.example", Enrolment{Root: rootA}); !errors.Is(err, ErrEnrolled) {
		t.Errorf("the same operator twice: %v", err)
	}
	must(t, b.RemoveEnrolment(ctx, rootA))
	if err := b.RemoveEnrolment(ctx, rootA); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := b.EnrolmentSigner(ctx, rootA, requestKind); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("the key of a removed one: %v", err)
	}
	if _, err := b.Stretches(ctx, rootA); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("the state of a removed one: %v", err)
	}
	if s := enrol(t, b, rootA, "https://a.example"); s.KID() == first.KID() {
		t.Error("a removed key is back")
	}
	if runtime.GOOS != "windows" {
		info, err := os.Stat(filepath.Join(dir, BookName))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
}

// A key that was altered, or sealed by another user, is refused and asks to enrol again.
func TestEnrolmentKeyLost(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, newClock())
	enrol(t, b, rootA, "https://a.example")
	for _, change := range []string{"UPDATE enrolment SET key = NULL", "UPDATE enrolment SET key = x'00'", "UPDATE enrolment SET public = x'00'"} {
		if _, err := b.file.db.Exec(change); err != nil {
			t.Fatal(err)
		}
		if _, err := b.EnrolmentSigner(ctx, rootA, requestKind); !errors.Is(err, ErrEnrolmentKey) {
			t.Errorf("%s: %v", change, err)
		}
	}
}

// answered acknowledges entries of the present chain, from to to, with an answer for each.
func answered(t testing.TB, b *Book, root string, from, to uint64, answer func(seq uint64) string) {
	t.Helper()
	d, err := b.Device(ctx)
	must(t, err)
	batch, err := b.Batch(ctx, d.ID, from, int(to-from)+1)
	must(t, err)
	var all []Settled
	for _, e := range batch.Entries {
		all = append(all, Settled{Seq: e.Seq, Hash: e.Hash(), Answer: answer(e.Seq), Reason: "CODE"})
	}
	must(t, b.Acknowledge(ctx, root, d.ID, to+1, all, time.Unix(1804000000, 0)))
}

func TestBacklog(t *testing.T) {
	b := openTest(t, t.TempDir(), newClock())
	enrol(t, b, rootA, "https://a.example")
	enrol(t, b, rootB, "https://b.example")
	records := fill(t, b, 1500)
	d, err := b.Device(ctx)
	must(t, err)
	all, err := b.Stretches(ctx, rootA)
	if err != nil || len(all) != 1 || all[0] != (Stretch{d.ID, 1, 1501, 1}) || all[0].Waiting() != 1501 {
		t.Fatalf("%+v %v", all, err)
	}
	batch, err := b.Batch(ctx, d.ID, 1, 5000)
	if err != nil || len(batch.Entries) != receipt.MaxBatchEntries || batch.Entries[1].Hash() != records[0].Hash {
		t.Fatalf("%d %v", len(batch.Entries), err)
	}
	text, err := batch.Encode()
	must(t, err)
	if _, err := receipt.DecodeBatch(text); err != nil || batch.Head == "" || batch.Base == "" || !bytes.Equal(batch.Key, d.PublicJWK) {
		t.Errorf("%v", err)
	}
	answered(t, b, rootA, 1, 1000, func(seq uint64) string {
		if seq%100 == 0 {
			return receipt.Disputed
		}
		return receipt.Honoured
	})
	answered(t, b, rootB, 1, 1000, func(uint64) string { return receipt.Noted })
	if all, err = b.Stretches(ctx, rootA); err != nil || all[0].Next != 1001 || all[0].Waiting() != 501 {
		t.Errorf("%+v %v", all, err)
	}
	found, err := b.Find(ctx, Search{Answer: receipt.Disputed, Limit: 100})
	if err != nil || len(found) != 10 || found[0].Seq != 1000 || found[9].Seq != 100 || found[0].Settled.Answer != receipt.Disputed || found[0].Settled.Reason != "CODE" {
		t.Errorf("%d disputed, %v", len(found), err)
	}
	if found, err = b.Find(ctx, Search{Answer: receipt.Disputed, Limit: 4, Before: found[4].Row}); err != nil || len(found) != 4 || found[0].Seq != 500 {
		t.Errorf("the next page: %+v %v", found, err)
	}
	if found, err = b.Find(ctx, Search{Number: string(records[0].Number)}); err != nil || found[0].Settled.Answer != receipt.Honoured {
		t.Errorf("of two services the one that honours counts: %+v %v", found, err)
	}
	if found, err = b.Find(ctx, Search{Number: string(records[1499].Number)}); err != nil || found[0].Settled.Answer != "" {
		t.Errorf("not answered yet: %+v %v", found, err)
	}
	n := 0
	if err := b.Each(ctx, Search{Answer: receipt.Disputed}, func(r Record) error { n++; return nil }); err != nil || n != 10 {
		t.Errorf("%d %v", n, err)
	}
}

// An answer that speaks of another entry than the journal's is refused whole; what is sent again never goes back.
func TestAcknowledgeRefuses(t *testing.T) {
	b := openTest(t, t.TempDir(), newClock())
	enrol(t, b, rootA, "https://a.example")
	records := fill(t, b, 5)
	d, _ := b.Device(ctx)
	good := Settled{Seq: 2, Hash: records[0].Hash, Answer: receipt.Honoured}
	for name, all := range map[string][]Settled{
		"another hash":      {good, {Seq: 3, Hash: records[0].Hash, Answer: receipt.Honoured}},
		"no such answer":    {good, {Seq: 3, Hash: records[1].Hash, Answer: "paid"}},
		"twice":             {good, good},
		"too far apart":     {good, {Seq: 5000, Hash: records[1].Hash, Answer: receipt.Noted}},
		"beyond everything": {{Seq: 1 << 63, Answer: receipt.Noted}},
	} {
		if err := b.Acknowledge(ctx, rootA, d.ID, 6, all, time.Unix(1, 0)); !errors.Is(err, ErrSettlement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if found, err := b.Find(ctx, Search{Answer: receipt.Honoured}); err != nil || len(found) != 0 {
		t.Errorf("half of a refused answer was kept: %+v %v", found, err)
	}
	if all, _ := b.Stretches(ctx, rootA); all[0].Next != 1 {
		t.Errorf("%+v", all)
	}
	for _, bad := range []struct{ root, device string }{{rootB, d.ID}, {rootA, strings.Repeat("0", 32)}} {
		if err := b.Acknowledge(ctx, bad.root, bad.device, 2, nil, time.Unix(1, 0)); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("%v", err)
		}
	}
	must(t, b.Acknowledge(ctx, rootA, d.ID, 4, []Settled{good}, time.Unix(1, 0)))
	must(t, b.Acknowledge(ctx, rootA, d.ID, 3, []Settled{good}, time.Unix(1, 0)))
	if all, _ := b.Stretches(ctx, rootA); all[0].Next != 4 {
		t.Errorf("went back: %+v", all)
	}
}

// Retention removes what is old, and says what of it was never answered; younger entries wait for their answer.
func TestPruneWaits(t *testing.T) {
	c := newClock()
	b := openTest(t, t.TempDir(), c)
	enrol(t, b, rootA, "https://a.example")
	fill(t, b, 10) // entries 2 to 11
	c.add(10 * 24 * time.Hour)
	young := c.Now()
	fill(t, b, 10) // 12 to 21
	c.add(10 * 24 * time.Hour)
	answered(t, b, rootA, 1, 15, func(uint64) string { return receipt.Honoured })
	p, err := b.PruneSettled(ctx, c.Now(), young)
	if err != nil || p != (Pruned{15, 0}) {
		t.Fatalf("%+v %v", p, err)
	}
	if p, err = b.PruneSettled(ctx, c.Now(), young); err != nil || p != (Pruned{}) {
		t.Fatalf("removed what waits for an answer: %+v %v", p, err)
	}
	if _, n, err := b.Verify(ctx); err != nil || n.Checks != 6 {
		t.Errorf("%+v %v", n, err)
	}
	if all, err := b.Stretches(ctx, rootA); err != nil || all[0].Waiting() != 6 || all[0].First != 16 {
		t.Errorf("%+v %v", all, err)
	}
	if p, err = b.PruneSettled(ctx, c.Now(), c.Now()); err != nil || p != (Pruned{6, 6}) {
		t.Errorf("older than retention: %+v %v", p, err)
	}
	var left int
	must(t, b.file.db.QueryRow("SELECT count(*) FROM settled").Scan(&left))
	if left != 0 {
		t.Errorf("%d answers of entries that are gone", left)
	}
}

// A counter that is enrolled nowhere waits for nobody.
func TestPruneWithoutService(t *testing.T) {
	c := newClock()
	b := openTest(t, t.TempDir(), c)
	fill(t, b, 10)
	c.add(time.Hour)
	if p, err := b.PruneSettled(ctx, c.Now(), time.Time{}); err != nil || p != (Pruned{11, 0}) {
		t.Errorf("%+v %v", p, err)
	}
}

// A journal of the version before is read as it is, and grows its tables once it is opened for writing.
func TestJournalOfVersion1(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	b := openTest(t, dir, c)
	records := fill(t, b, 5)
	must(t, b.Close())
	inside(t, dir, "DROP INDEX entry_told; DROP INDEX settled_answer; DROP TABLE settled; DROP TABLE upload; DROP TABLE enrolment; PRAGMA user_version = 1")
	r := ReadBook(dir, BookOptions{Now: c.Now})
	defer r.Close()
	if all, err := r.Enrolments(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	if found, err := r.Find(ctx, Search{}); err != nil || len(found) != 5 {
		t.Errorf("%d %v", len(found), err)
	}
	if found, err := r.Find(ctx, Search{Answer: receipt.Disputed}); err != nil || len(found) != 0 {
		t.Errorf("%d %v", len(found), err)
	}
	b = openTest(t, dir, c)
	if n := b.Notice(); n.Code != "" {
		t.Errorf("taken for damaged: %+v", n)
	}
	enrol(t, b, rootA, "https://a.example")
	if found, err := b.Find(ctx, Search{Number: string(records[2].Number)}); err != nil || len(found) != 1 {
		t.Errorf("%+v %v", found, err)
	}
	if _, _, err := b.Verify(ctx); err != nil {
		t.Error(err)
	}
}

// A damaged journal is repaired with its enrolments, their keys, and what was answered.
func TestRepairKeepsEnrolments(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	b := openTest(t, dir, c)
	s := enrol(t, b, rootA, "https://a.example")
	fill(t, b, 20)
	answered(t, b, rootA, 1, 10, func(uint64) string { return receipt.Disputed })
	must(t, b.Close())
	db, err := sql.Open("sqlite", filepath.Join(dir, BookName))
	must(t, err)
	if _, err := db.Exec("CREATE TABLE stranger (id INTEGER)"); err != nil { // no longer a journal
		t.Fatal(err)
	}
	must(t, db.Close())
	b = openTest(t, dir, c)
	if b.Notice().Code != NoticeDamaged {
		t.Fatalf("%+v", b.Notice())
	}
	again, err := b.EnrolmentSigner(ctx, rootA, requestKind)
	if err != nil || again.KID() != s.KID() {
		t.Fatalf("%v", err)
	}
	all, err := b.Stretches(ctx, rootA)
	if err != nil || len(all) != 2 || all[0].Next != 11 || all[0].Waiting() != 11 || all[1].Waiting() != 1 {
		t.Errorf("%+v %v", all, err)
	}
	if found, err := b.Find(ctx, Search{Answer: receipt.Disputed}); err != nil || len(found) != 9 {
		t.Errorf("%d disputed, %v", len(found), err)
	}
}
