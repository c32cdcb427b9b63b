// The journal while the program runs: opened when it can be, tried again when it couldn't, and never in the way of a verdict.

package comptoir

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"sceau/cmd/internal/clock"
	"sceau/offline/counter"
	"sceau/offline/mirror"
	"sceau/offline/receipt"
)

// memory is the journal of a folder. It is safe for concurrent use.
type memory struct {
	dir      string
	appended func() // told after each check that was written; nil: nobody

	mu   sync.Mutex
	book *mirror.Book
	last error // why the last check could not be written; nil when it was
}

func newMemory(dir string) *memory { return &memory{dir: dir} }

// opened is the journal, which also answers searches where nothing can be written.
func (m *memory) opened() *mirror.Book {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.book == nil {
		o := mirror.BookOptions{Now: clock.Now}
		if m.book, m.last = mirror.OpenBook(m.dir, o); m.last != nil {
			m.book = mirror.ReadBook(m.dir, o) // each Append tries again
		}
	}
	return m.book
}

// Append implements counter.Journal.
func (m *memory) Append(ctx context.Context, r receipt.Receipt) (receipt.Number, error) {
	rec, err := m.opened().Append(ctx, r)
	m.mu.Lock()
	m.last = err
	m.mu.Unlock()
	if err != nil {
		return "", refusal(err)
	}
	if m.appended != nil {
		m.appended()
	}
	return rec.Number, nil
}

// AskedOnline implements counter.Recall.
func (m *memory) AskedOnline(ctx context.Context, card string, after time.Time) ([]receipt.Record, error) {
	return m.opened().AskedOnline(ctx, card, after)
}

// recorded says whether checks can be written, as far as the last attempt told.
func (m *memory) recorded() bool {
	m.opened()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last == nil
}

// refusal puts a journal's error into one of the families that a verdict can explain.
func refusal(err error) error {
	var n *mirror.NotRecorded
	cause := mirror.CauseOther
	if errors.As(err, &n) {
		cause = n.Cause
	}
	switch {
	case cause == mirror.CauseFull, errors.Is(err, mirror.ErrFull), errors.Is(err, syscall.ENOSPC):
		return errors.Join(counter.ErrFull, err)
	case cause == mirror.CauseReadOnly, errors.Is(err, mirror.ErrReadOnly), errors.Is(err, fs.ErrPermission):
		return errors.Join(counter.ErrReadOnly, err)
	}
	return err
}

// settings are those that were kept, or the defaults where none can be read.
func (m *memory) settings(ctx context.Context) counter.Settings {
	b, err := m.Settings(ctx)
	if err != nil {
		return counter.DefaultSettings()
	}
	s, err := counter.ParseSettings(b)
	if err != nil {
		return counter.DefaultSettings()
	}
	return s
}

// Settings implements desk.Store.
func (m *memory) Settings(ctx context.Context) ([]byte, error) { return m.opened().Settings(ctx) }

// SaveSettings implements desk.Store. A folder that is newly to be watched must be one that can be: errWatch. One that was
// watched before, and is away at present, hinders no other setting.
func (m *memory) SaveSettings(ctx context.Context, data []byte) error {
	if next, err := counter.ParseSettings(data); err == nil && next.Watch != "" && next.Watch != m.settings(ctx).Watch {
		if err := answerable(m.dir, next.Watch); err != nil {
			return err
		}
	}
	return m.opened().SaveSettings(ctx, data)
}

// notice says what was repaired of the journal unaided, in words; "" for nothing.
func (m *memory) notice() string {
	n := m.opened().Notice()
	switch n.Code {
	case "":
		return ""
	case mirror.NoticeDamaged:
		s := "le journal était abîmé : " + counted(int(n.Kept), "entrée reprise", "entrées reprises")
		if n.File != "" {
			s += ", l’ancien fichier est gardé : " + n.File
		}
		return s
	case mirror.NoticeKeyLost:
		return "la clé de ce poste n’est plus lisible : le journal continue avec une nouvelle"
	}
	return "le journal a été réparé (" + n.Code + ")"
}

// Close releases the journal.
func (m *memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.book != nil {
		m.book.Close()
	}
}
