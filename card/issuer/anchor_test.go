// Tests of the audit chain's head in what is published.

package issuer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/signing/journal"
)

// entriesAdd appends entries as work does.
func (w *world) entriesAdd(n int) {
	w.t.Helper()
	for range n {
		if err := w.store.Update(w.t.Context(), func(tx register.Tx) error { return w.issuer.audit(tx, "test", map[string]string{}) }); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) auditHead() (h journal.Head) {
	w.t.Helper()
	if err := w.store.View(w.t.Context(), func(tx register.Tx) (err error) { h, err = tx.AuditHead(); return err }); err != nil {
		w.t.Fatal(err)
	}
	return h
}

// TestPublishBrokenAudit: nobody's signature vouches for a chain that lost or changed what came after the last publication.
func TestPublishBrokenAudit(t *testing.T) {
	for name, broken := range map[string][]string{
		"newest entries deleted":       {`DELETE FROM audit WHERE seq > (SELECT max(seq) - 3 FROM audit)`},
		"and the head set back":        {`DELETE FROM audit WHERE seq > (SELECT max(seq) - 6 FROM audit)`, `UPDATE audit_head SET seq = (SELECT max(seq) FROM audit)`},
		"an entry edited":              {`UPDATE audit SET body = CAST('{"act":"other"}' AS BLOB) WHERE seq = (SELECT max(seq) - 2 FROM audit)`},
		"an entry deleted":             {`DELETE FROM audit WHERE seq = (SELECT max(seq) - 2 FROM audit)`},
		"an entry beyond the head":     {`INSERT INTO audit (seq, at, body, prev) SELECT seq + 1, at, body, prev FROM audit ORDER BY seq DESC LIMIT 1`},
		"another head":                 {`UPDATE audit_head SET hash = zeroblob(32)`},
		"everything since it was made": {`DELETE FROM audit`, `DELETE FROM audit_head`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.clock = w.clock.Add(time.Hour)
			must(w.issuer.Publish(t.Context(), time.Time{}))(t)
			w.entriesAdd(5)
			w.tamper(broken...)
			w.clock = w.clock.Add(time.Hour)
			_, err := w.issuer.Publish(t.Context(), time.Time{})
			var fault *journal.Fault
			if !errors.Is(err, ErrAuditBroken) || !errors.As(err, &fault) || fault.Seq == 0 {
				t.Fatalf("got %v, want ErrAuditBroken and a fault", err)
			}
			if name == "an entry beyond the head" {
				return // its number is taken: nothing at all can be written
			}
			// The answer to a theft goes out, and vouches for nothing.
			before := w.anchored()
			theft, err := w.issuer.CompromiseServiceKey(t.Context(), PurposeAccord)
			if err != nil || !strings.Contains(strings.Join(theft.Warnings, "\n"), ErrAuditBroken.Error()) {
				t.Fatalf("got %+v %v, want a warning", theft, err)
			}
			if w.anchored() != before {
				t.Error("a broken chain was vouched for")
			}
			if _, err := w.issuer.Publish(t.Context(), time.Time{}); !errors.Is(err, ErrAuditBroken) {
				t.Errorf("after it: got %v, want ErrAuditBroken", err)
			}
			report, err := w.issuer.PublishDespiteAudit(t.Context(), time.Time{})
			if err != nil || len(report.Warnings) == 0 {
				t.Fatalf("despite the chain: %+v %v", report, err)
			}
			if _, err := w.issuer.Publish(t.Context(), time.Time{}); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

func (w *world) anchored() string {
	w.t.Helper()
	e := must(w.issuer.read(w.t.Context()))(w.t)
	return e.current.Anchor()
}

// TestPublishWholeAudit: work between publications, and a chain of any length before them, stop nothing.
func TestPublishWholeAudit(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.entriesAdd(1100)
		w.clock = w.clock.Add(time.Hour)
		before := w.auditHead()
		report := must(w.issuer.PublishDespiteAudit(t.Context(), time.Time{}))(t)
		if len(report.Warnings) > 0 || w.anchored() != Anchor(before) || w.auditHead().Seq != before.Seq+1 {
			t.Errorf("%v, anchor %s, head %v", report.Warnings, w.anchored(), w.auditHead())
		}
	}
	// What is older than the last publication is not read again.
	w.tamper(`DELETE FROM audit WHERE seq < 1000`)
	must(w.issuer.Publish(t.Context(), time.Time{}))(t)
}

func BenchmarkCheckAnchored(b *testing.B) {
	for _, n := range []struct {
		name    string
		entries int
	}{{"none", 0}, {"1000", 1000}, {"10000", 10000}} {
		b.Run(n.name, func(b *testing.B) {
			w := newWorld(b)
			must(w.issuer.Publish(b.Context(), time.Time{}))(b)
			if err := w.store.Update(b.Context(), func(tx register.Tx) (err error) {
				for range n.entries {
					err = errors.Join(err, w.issuer.audit(tx, "test", map[string]string{"card": "775670482/1-12345"}))
				}
				return err
			}); err != nil {
				b.Fatal(err)
			}
			e := must(w.issuer.read(b.Context()))(b)
			for b.Loop() {
				err := w.store.View(b.Context(), e.checkAnchored)
				if err != nil || e.broken != nil {
					b.Fatal(err, e.broken)
				}
			}
		})
	}
}
