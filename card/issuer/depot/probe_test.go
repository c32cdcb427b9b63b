package depot

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sceau/fixtures/s3server"
)

// newGatewayOf is a gateway whose bucket "lists" knows keys besides the owner's: each may do what its policy allows, and look.
func newGatewayOf(t *testing.T, may map[string]string) gateway {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the server is started by a shell")
	}
	program := os.Getenv("SCEAU_VERSITYGW")
	if program == "" {
		program, _ = filepath.Abs("../../../bin/tools/versitygw")
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(program); err == nil { // else Start says what to do
		if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' --iam-dir '%s' \"$@\"\n", program, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SCEAU_VERSITYGW", script)
	g := newGateway(t)
	var statements []string
	for key, actions := range may {
		add := exec.Command(program, "admin", "--access", access, "--secret", secret, "--endpoint-url", fmt.Sprintf("http://127.0.0.1:%d", g.Port),
			"create-user", "--access", key, "--secret", secret, "--role", "user")
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		statements = append(statements, fmt.Sprintf(`{"Effect": "Allow", "Principal": [%q], "Action": ["s3:ListBucket", "s3:GetObject"%s], "Resource": ["arn:aws:s3:::lists", "arn:aws:s3:::lists/*"]}`, key, actions))
	}
	policy := `{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ", ") + `]}`
	if err := g.open("lists").client.SetBucketPolicy(t.Context(), "lists", policy); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestProbeBucket: a key that may only look is told before there are files; one that may write leaves nothing, or at most one object that
// no list names.
func TestProbeBucket(t *testing.T) {
	g := newGatewayOf(t, map[string]string{"looks": "", "puts": `, "s3:PutObject"`, "deletes": `, "s3:PutObject", "s3:DeleteObject"`})
	left := func() (names []string) {
		err := filepath.WalkDir(filepath.Join(g.Dir, "lists"), func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				names = append(names, e.Name())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	target := g.Target("lists/print")
	as := func(key string) Options { return Options{AccessKey: key, SecretKey: secret} }
	err := Probe(t.Context(), target, as("looks"))
	if !errors.Is(err, ErrCredentials) {
		t.Fatalf("a key that may not write: %v", err)
	}
	if text := err.Error(); !strings.Contains(text, "bucket lists/print/; give it s3:PutObject") || strings.Contains(text, secret) || strings.Contains(text, "looks") {
		t.Error(text)
	}
	if d, err := OpenReadOnly(t.Context(), target, as("looks")); err != nil { // whoever reads needs no more
		t.Error(err)
	} else if _, err := d.List(t.Context(), ""); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"deletes", access} {
		if err := Probe(t.Context(), target, as(key)); err != nil || len(left()) > 0 {
			t.Errorf("%s: %v, left %v", key, err, left())
		}
	}
	for range 2 {
		if err := Probe(t.Context(), target, as("puts")); err != nil {
			t.Error(err)
		}
	}
	if all := left(); len(all) != 1 || all[0] != writeProbe {
		t.Errorf("left %v", all)
	}
	d, err := Open(t.Context(), g.Target(s3server.Bucket), withKeys)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := d.List(t.Context(), ""); err != nil || len(all) > 0 {
		t.Errorf("listed %v, %v", all, err)
	}
}

// TestProbeVersions: a bucket that keeps versions keeps none of the probe's: a plain delete would add a mark to what it hides, each time.
func TestProbeVersions(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery)
		switch r.Method {
		case http.MethodPut:
			w.Header().Set("ETag", `"00"`)
			w.Header().Set("x-amz-version-id", "v7")
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	if err := Probe(t.Context(), "s3://lists/print?endpoint="+server.URL, withKeys); err != nil {
		t.Fatal(err)
	}
	if last := asked[len(asked)-1]; last != "DELETE /lists/print/"+writeProbe+"?versionId=v7" {
		t.Errorf("%q", asked)
	}
}
