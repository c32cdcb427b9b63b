package issuer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sceau/card/status"
	"sceau/signing/trust"
)

// packs are what a publication's metadata pack says of the packs of changes, and whether it has one.
func (m *memory) packs(t *testing.T, version int64) (index string, changes bool) {
	t.Helper()
	for _, f := range must(trust.DecodePack(m.files[trust.MetadataPack(version)]))(t) {
		if f.Path == trust.PackIndexPath {
			index = string(f.Data)
		}
	}
	_, changes = m.files[trust.ChangesPack(version-1, version)]
	return index, changes
}

// TestTooMuchForAPack: ended rights are published whether or not their changes fit a pack, and no index promises a pack that is not there.
func TestTooMuchForAPack(t *testing.T) {
	w := newWorld(t)
	w.seed(4)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	must(w.set(status.Void, "2027-03-01", Target{Place: out[0].Place}))(t)
	v := w.publish().Version
	m, _ := w.export()
	if index, _ := m.packs(t, v-1); !strings.Contains("\n"+index, "\n0 1 0\n") {
		t.Errorf("index %q: ways begin where nothing was published yet", index)
	}
	if index, changes := m.packs(t, v); !changes || !strings.Contains(index, fmt.Sprintf("%d %d %d\n", v-1, v, len(m.files[trust.ChangesPack(v-1, v)]))) {
		t.Fatalf("index %q, a pack of changes: %t", index, changes)
	}
	must(w.set(status.Void, "2027-03-01", Target{Place: out[1].Place}))(t)
	w.clock = w.clock.Add(time.Hour)
	_, r, err := w.issuer.publish(context.Background(), time.Time{}, func(e *edition, _ time.Time) error {
		noise := make([]byte, trust.MaxPack+1)
		if _, err := rand.NewChaCha8([32]byte{}).Read(noise); err != nil {
			return err
		}
		e.changes = append(e.changes, trust.File{Path: "amc/" + amc + "/status/9.1-2", Data: noise})
		return nil
	})
	if err != nil || r.Events != 1 || len(r.Warnings) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	m, tr := w.export()
	if m.page(t, tr, 1).Len() != 2 {
		t.Error("the list is not the new one")
	}
	if index, changes := m.packs(t, r.Version); changes || strings.Contains(index, fmt.Sprintf(" %d ", r.Version)) {
		t.Errorf("index %q, a pack of changes: %t", index, changes)
	}
	must(w.set(status.Void, "2027-03-01", Target{Place: out[2].Place}))(t)
	v = w.publish().Version
	m, _ = w.export()
	if index, changes := m.packs(t, v); !changes || !strings.Contains(index, fmt.Sprintf("%d %d %d\n", v-1, v, len(m.files[trust.ChangesPack(v-1, v)]))) {
		t.Errorf("index %q, a pack of changes: %t", index, changes)
	}
}
