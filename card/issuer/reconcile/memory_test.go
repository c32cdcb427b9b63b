package reconcile_test

import (
	"context"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/issuer/reconcile"
	"sceau/card/register"
)

// memory is a register of documents and receipts that can be copied: it keeps what an upload needs, and nothing else.
type memory struct {
	register.Tx // nil: whatever else an upload asked for would panic
	mu          *sync.Mutex
	docs        map[string]register.Document
	rows        map[string][]*register.Receipt // by chain, in order of number, then arrival
	row         int64
	keep        int // 0 keeps all; else so many rows of a chain, the newest
}

func newMemory() *memory {
	return &memory{mu: new(sync.Mutex), docs: map[string]register.Document{}, rows: map[string][]*register.Receipt{}}
}

func (m *memory) copy() *memory {
	c := &memory{mu: new(sync.Mutex), docs: maps.Clone(m.docs), rows: map[string][]*register.Receipt{}, row: m.row}
	for k, v := range m.rows {
		c.rows[k] = slices.Clone(v)
	}
	return c
}

func (m *memory) Update(_ context.Context, fn func(register.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fn(m)
}

func (m *memory) View(ctx context.Context, fn func(register.Tx) error) error {
	return m.Update(ctx, fn)
}

func (m *memory) Insurer(string) (register.Insurer, error) {
	return register.Insurer{}, register.ErrNotFound
}

func (m *memory) Document(kind, id string) (register.Document, error) {
	if d, ok := m.docs[kind+"/"+id]; ok {
		return d, nil
	}
	return register.Document{}, register.ErrNotFound
}

func (m *memory) PutDocument(d register.Document) error {
	old := m.docs[d.Kind+"/"+d.ID]
	if d.Version != old.Version+1 || old.Version > 0 && old.Owner != d.Owner || len(d.Data) > register.MaxDocument {
		return register.ErrConflict
	}
	m.docs[d.Kind+"/"+d.ID] = d
	return nil
}

func (m *memory) DocumentsAfter(kind, owner, id string, limit int) ([]register.Document, error) {
	var out []register.Document
	for _, k := range slices.Sorted(maps.Keys(m.docs)) {
		d := m.docs[k]
		if d.Kind == kind && d.ID > id && (owner == "*" || d.Owner == owner) && len(out) < limit {
			out = append(out, d)
		}
	}
	return out, nil
}

func (m *memory) AddReceipts(rows []register.Receipt) ([]bool, error) {
	fresh := make([]bool, len(rows))
	for i, r := range rows {
		all := m.rows[r.Device]
		at := sort.Search(len(all), func(i int) bool { return all[i].Seq > r.Seq })
		known := false
		for j := at - 1; j >= 0 && all[j].Seq == r.Seq; j-- {
			known = known || all[j].Hash == r.Hash
		}
		if known {
			continue
		}
		m.row++
		r.Row, fresh[i] = m.row, true
		m.rows[r.Device] = slices.Insert(all, at, &r)
	}
	if m.keep > 0 {
		for k, all := range m.rows {
			if over := len(all) - m.keep; over > 0 {
				m.rows[k] = slices.Clone(all[over:])
			}
		}
	}
	return fresh, nil
}

func (m *memory) ReceiptsOf(device string, seq uint64, limit int) ([]register.Receipt, error) {
	all := m.rows[device]
	at := sort.Search(len(all), func(i int) bool { return all[i].Seq > seq })
	var out []register.Receipt
	for ; at < len(all) && (len(out) < limit || all[at].Seq == out[len(out)-1].Seq); at++ {
		out = append(out, *all[at])
	}
	return out, nil
}

func (m *memory) reconciler(now *time.Time) *reconcile.Reconciler {
	return &reconcile.Reconciler{Store: m, Now: func() time.Time { return *now }}
}

// raised are the codes of every alarm, with what they speak of.
func (m *memory) raised() string {
	var out []string
	for k := range m.docs {
		if id, ok := strings.CutPrefix(k, "alarm/"); ok {
			part := strings.Split(id, ".")
			out = append(out, part[1]+" "+part[3])
		}
	}
	slices.Sort(out)
	return strings.Join(out, ";")
}

func TestMemoryIsARegister(t *testing.T) {
	m := newMemory()
	rows := []register.Receipt{{Device: "a", Seq: 1}, {Device: "a", Seq: 2}, {Device: "a", Seq: 1, Hash: [32]byte{1}}, {Device: "a", Seq: 1}}
	fresh, _ := m.AddReceipts(rows)
	if !slices.Equal(fresh, []bool{true, true, true, false}) {
		t.Error(fresh)
	}
	if got, _ := m.ReceiptsOf("a", 0, 10); len(got) != 3 || got[2].Seq != 2 {
		t.Error(got)
	}
}
