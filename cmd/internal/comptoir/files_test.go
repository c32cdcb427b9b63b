package comptoir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/offline/counter"
)

func TestIsBinary(t *testing.T) {
	for text, want := range map[string]bool{"": false, "TP1ABC\r\n": false, "\ufeffTP1é&\"'(": false, "TP1\xe9&\"'(-\xe8_\xe7\xe0ABCDEF": false,
		"TP1\x00": true, "%PDG-\x9c\xff\xfe\x80\x81": true, strings.Repeat("é", 2000): false} {
		if isBinary([]byte(text)) != want {
			t.Errorf("%.20q: %v", text, !want)
		}
	}
}

// Errors of files have words of their own; only a synchronisation's speak of the lists.
func TestFileTroubles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, absent := os.Stat(filepath.Join(dir, "absent"))
	exists := os.Mkdir(file, 0o700)
	unknown := errors.New("unheard of")
	for want, err := range map[string]error{"no_such_file": absent, "file_exists": exists, "permission": os.ErrPermission, "failed": unknown, "internal": inSync(unknown)} {
		if got := troubleOf(fmt.Errorf("around: %w", err)).code; got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// A folder that can't be watched is no setting; one that went away later hinders no other setting.
func TestWatchSetting(t *testing.T) {
	dir, drop := t.TempDir(), t.TempDir()
	m := newMemory(dir)
	defer m.Close()
	save := func(watch, name string) error {
		s := counter.DefaultSettings()
		s.Watch, s.Name = watch, name
		b, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return m.SaveSettings(context.Background(), b)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{filepath.Join(dir, "absent"), file, dir} {
		if err := save(bad, ""); troubleOf(err).code != "watch_folder" {
			t.Errorf("%s: %v", filepath.Base(bad), err)
		}
	}
	if err := save(drop, ""); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(drop); err != nil || len(left) != 0 {
		t.Errorf("left there: %v, %v", left, err)
	}
	if err := os.Remove(drop); err != nil {
		t.Fatal(err)
	}
	if err := save(drop, "Pharmacie du Port"); err != nil {
		t.Errorf("another setting: %v", err)
	}
}
