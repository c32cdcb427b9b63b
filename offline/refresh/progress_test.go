package refresh_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sceau/offline/refresh"
	"sceau/signing/trust"
)

func TestWatchedTellsStepsAndBytes(t *testing.T) {
	o := newOperator(t, mutuelle, "302976568")
	o.end(1, many(0, 4000)...)
	o.publish()
	m, _ := newCounter(t)
	var steps []string
	var last int64
	progress := func(step string, bytes int64) {
		if bytes < last {
			t.Errorf("%d bytes after %d", bytes, last)
		}
		last = bytes
		if n := len(steps); n == 0 || steps[n-1] != step {
			steps = append(steps, step)
		}
	}
	r, err := refresh.Sync(t.Context(), m, refresh.Watched(o.files, progress), o.options())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{refresh.StepRoot, refresh.StepMetadata, refresh.StepLists}; !slices.Equal(steps, want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	if last != r.Bytes || last == 0 {
		t.Errorf("told %d bytes, read %d", last, r.Bytes)
	}
	// Nothing new: no lists are read, and what fails is told to the caller as it is.
	steps, last = nil, 0
	if _, err := refresh.Sync(t.Context(), m, refresh.Watched(o.files, progress), o.options()); err != nil || slices.Contains(steps, refresh.StepLists) {
		t.Errorf("%v, %v", steps, err)
	}
	last = 0
	if _, err := refresh.Sync(t.Context(), m, refresh.Watched(memory{}, progress), o.options()); !errors.Is(err, trust.ErrNotFound) {
		t.Errorf("an empty source: %v", err)
	}
}

// closing is a source that is to be closed.
type closing struct {
	memory
	closed int
}

func (c *closing) Close() error { c.closed++; return os.ErrClosed }

func TestWatchedCloses(t *testing.T) {
	c := &closing{memory: memory{}}
	if err := trust.CloseSource(refresh.Watched(c, func(string, int64) {})); !errors.Is(err, os.ErrClosed) || c.closed != 1 {
		t.Errorf("%v, closed %d times", err, c.closed)
	}
	if err := trust.CloseSource(refresh.Watched(memory{}, func(string, int64) {})); err != nil {
		t.Errorf("nothing to close: %v", err)
	}
}

func TestPeek(t *testing.T) {
	o, other := newOperator(t, mutuelle), newOperator(t, mutuelle)
	want := o.repo.View().Fingerprint()
	if got, err := refresh.Peek(t.Context(), o.files); err != nil || got != want {
		t.Fatalf("%s, %v", got, err)
	}
	// From a folder, read alone.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "1.root.json"), o.files["1.root.json"], 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := trust.NewSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer trust.CloseSource(src)
	if got, err := refresh.Peek(t.Context(), src); err != nil || got != want {
		t.Fatalf("%s, %v", got, err)
	}
	forged := strings.Replace(string(o.files["1.root.json"]), `"version":1`, `"version":2`, 1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		root []byte
		want error
	}{
		"nothing":              {t.Context(), nil, trust.ErrNotFound},
		"empty":                {t.Context(), []byte{}, trust.ErrMalformed},
		"a web page":           {t.Context(), []byte("<html>"), trust.ErrMalformed},
		"another file":         {t.Context(), o.files["timestamp.json"], trust.ErrMalformed},
		"changed":              {t.Context(), []byte(forged), nil},
		"signed by a stranger": {t.Context(), []byte(splice(t, string(o.files["1.root.json"]), string(other.files["1.root.json"]))), trust.ErrSignature},
		"large":                {t.Context(), []byte(strings.Repeat(" ", 1<<20)), trust.ErrTooLarge},
	} {
		files := memory{}
		if c.root != nil {
			files["1.root.json"] = c.root
		}
		got, err := refresh.Peek(c.ctx, files)
		if err == nil || got != "" || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := refresh.Peek(cancelled, refresh.Watched(hung{}, func(string, int64) {})); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// splice puts the signatures of one file under the content of another.
func splice(t *testing.T, content, signatures string) string {
	t.Helper()
	const mark = `"signed":`
	i, j := strings.Index(content, mark), strings.Index(signatures, mark)
	if i < 0 || j < 0 || i == j && content == signatures {
		t.Fatal("the form of a root has changed")
	}
	if strings.Index(content, `"signatures":`) > i { // content first
		return content[:strings.LastIndex(content, `"signatures":`)] + signatures[strings.LastIndex(signatures, `"signatures":`):]
	}
	return signatures[:j] + content[i:]
}

type hung struct{}

func (hung) Fetch(ctx context.Context, _ string, _ int64) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
