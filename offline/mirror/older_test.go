package mirror

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// A folder of the program's first version is taken over where it can be written, and read where it can't.
func TestFirstVersion(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, FileName)
	m, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"INSERT INTO repository (fingerprint, root, published) VALUES ('AB', x'00', 1700000000)",
		"ALTER TABLE source DROP COLUMN published", "ALTER TABLE source DROP COLUMN older", "PRAGMA user_version = 1",
		"INSERT INTO source (spec, repository, synced) SELECT '/srv/public', id, 1700000100 FROM repository"} {
		if _, err := m.db.Exec(step); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	known := func(m *Mirror) Source {
		t.Helper()
		all, err := m.Sources(context.Background())
		if err != nil || len(all) != 1 || all[0].Synced.Unix() != 1700000100 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0]
	}
	locked, err := open(name, "ro", "immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	if s := known(locked); s.Frozen || !s.Published.IsZero() {
		t.Errorf("locked: %+v", s)
	}
	locked.Close()
	if m, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if s := known(m); s.Frozen || !s.Published.IsZero() {
		t.Errorf("taken over: %+v", s)
	}
	at := time.Unix(1700000200, 0)
	if err := m.OlderSource(t.Context(), "/srv/public", at); err != nil {
		t.Fatal(err)
	}
	if s := known(m); !s.Frozen {
		t.Errorf("refused for being older: %+v", s)
	}
	if err := m.OlderSource(t.Context(), "/srv/elsewhere", at); err != nil {
		t.Fatal(err)
	}
	known(m) // nothing new is remembered of a source that brought nothing
	if err := m.AddSource(t.Context(), "/srv/public", "AB", time.Unix(1700000100, 0)); err != nil {
		t.Fatal(err)
	}
	if s := known(m); s.Frozen || s.Published.Unix() != 1700000000 {
		t.Errorf("caught up: %+v", s)
	}
}
