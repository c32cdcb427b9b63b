package depot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"sceau/fixtures/s3server"
)

// TestBelow: what lies below a target is a target, and the right one.
func TestBelow(t *testing.T) {
	for _, c := range []struct{ target, name, want string }{
		{"s3://bucket/print?endpoint=https://h:1&region=r", "261122-k7qf", "s3://bucket/print/261122-k7qf?endpoint=https://h:1&region=r"},
		{"s3://bucket/print/?endpoint=https://h:1", "a/b/", "s3://bucket/print/a/b/?endpoint=https://h:1"},
		{"s3://bucket?endpoint=https://h:1", "a", "s3://bucket/a?endpoint=https://h:1"},
		{"s3://bucket/", "a", "s3://bucket/a"},
		{"s3://bucket", "a?b", "s3://bucket/a%3Fb"},
		{"/srv/print", "a/b", "/srv/print/a/b"},
		{"./print/", "a", "./print/a"},
		{"/", "a", "/a"},
		{"/srv/what?", "a", "/srv/what?/a"},
	} {
		want := c.want
		if !IsBucket(want) && filepath.Separator != '/' {
			continue
		}
		got := Below(c.target, c.name)
		if got != want {
			t.Errorf("%s below %s: %s", c.name, c.target, got)
		}
		if err := CheckTarget(got); err != nil && c.name != "a?b" {
			t.Errorf("%s: %v", got, err)
		}
	}
}

// TestProbe: a target that would take no file is named before there are any, and one that would stays as it was.
func TestProbe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]error{
		filepath.Join(dir, "new"): nil, dir: nil,
		file: ErrTarget, filepath.Join(dir, "none", "new"): fs.ErrNotExist, "ftp://h": ErrTarget, "": ErrTarget,
		"s3://bucket/x": ErrCredentials,
	} {
		if err := Probe(t.Context(), target, Options{Getenv: env()}); !errors.Is(err, want) {
			t.Errorf("%s: %v", target, err)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, "new"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	locked := filepath.Join(dir, "new", ".probe-locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), locked, Options{}); os.Getuid() > 0 && !errors.Is(err, fs.ErrPermission) { // nothing is locked to root
		t.Errorf("a folder that can't be written: %v", err)
	}
	g := newGateway(t)
	if err := Probe(t.Context(), g.Target(s3server.Bucket), withKeys); err != nil {
		t.Error(err)
	}
	if err := Probe(t.Context(), g.Target("absent"), withKeys); !errors.Is(err, ErrBucket) {
		t.Error(err)
	}
}
