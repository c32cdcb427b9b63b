package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
)

// TestImportDoubled: a file that is two files changes nothing, and the words say so and what helps.
func TestImportDoubled(t *testing.T) {
	dir := newOperator(t)
	file, text := rosterFile(t, 120)
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	doubled := write("c.csv", string(text)+strings.ReplaceAll(string(text), "31/12/2027", "30/06/2028"))
	refused := func(args ...string) {
		t.Helper()
		p := sceau(t, append([]string{"import", dir, doubled}, args...)...)
		p.want(t, 1, "nothing was changed", "répète l'en-tête", "split the file")
		for _, no := range []string{"same command again", "taken stays", "end earlier", " changed,"} {
			if strings.Contains(p.out+p.err, no) {
				t.Errorf("%v says %q:\n%s%s", args, no, p.out, p.err)
			}
		}
	}
	refused()
	refused("--max-reject-rate", "50")
	sceau(t, "import", dir, file).want(t, 0, "120 new")
	refused()
	refused("--max-closed", "100")
	p := sceau(t, "import", dir, doubled, "--json")
	p.want(t, 1, `"contracts":0`, `"changed":0`)
	sceau(t, "import", dir, file).want(t, 0, "120 unchanged", " UTC\n")

	// Rejects: their lines, their causes alone, or nothing.
	lines := strings.SplitAfter(string(text), "\n")
	bad := write("bad.csv", lines[0]+strings.Repeat("x;y\n", 60)+strings.Join(lines[1:], ""))
	sceau(t, "import", dir, bad, "--dry-run").want(t, 3, "line 2:", "and 1")
	if p := sceau(t, "import", dir, bad, "--dry-run", "--quiet"); p.err != "" || !strings.Contains(p.out, "rejected") {
		t.Errorf("quiet: %s%s", p.out, p.err)
	}
	for _, more := range [][]string{nil, {"--quiet"}} {
		p := sceau(t, append([]string{"import", dir, bad, "--max-reject-rate", "1"}, more...)...)
		p.want(t, 1, "nothing was changed", "rejects by cause:", "60 × column_count, first at line 2")
		if strings.Contains(p.err, "line 3:") {
			t.Errorf("lines beside a guard: %s", p.err)
		}
	}
	sceau(t, "import", dir, bad, "--strict").want(t, 1, "line 3:", "mend the lines above")
}

// TestImportStopped: what a person stopped says what was taken, and the command that completes it.
func TestImportStopped(t *testing.T) {
	for name, tc := range map[string]struct {
		r    issuer.ImportReport
		args []string
		want []string
	}{
		"begun":    {issuer.ImportReport{Lines: 50, Contracts: 20, Created: 20}, []string{"--delta", "my op", "c.csv"}, []string{"20 contracts", "completes it: import 'my op' c.csv --delta"}},
		"closures": {issuer.ImportReport{Contracts: 20, Changed: 20, Closed: 12}, []string{"op", "c.csv", "--accept-closures", "30"}, []string{"c.csv --accept-closures=18"}},
		"check":    {issuer.ImportReport{Contracts: 20, Changed: 20, Closed: 12, Untouched: true}, []string{"op", "c.csv", "--accept-closures", "30"}, []string{"nothing was changed", "--accept-closures=30"}},
		"dry run":  {issuer.ImportReport{Contracts: 20}, []string{"op", "c.csv", "--dry-run"}, []string{"stores nothing"}},
	} {
		c := newImport(nil)
		var o importFlags
		if err := c.ParseFlags(tc.args); err != nil {
			t.Fatal(err)
		}
		o.DryRun = c.Flags().Changed("dry-run")
		o.AcceptClosures, _ = c.Flags().GetInt("accept-closures")
		var b strings.Builder
		c.SetOut(&b)
		c.SetErr(&b)
		err := sayImport(c, &tc.r, &o, fmt.Errorf("issuer: %w", context.Canceled))
		ui.English.Report(&b, err)
		for _, want := range append(tc.want, "interrupted") {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: nothing says %q: %s", name, want, b.String())
			}
		}
		if strings.Contains(b.String(), "context canceled") {
			t.Errorf("%s: %s", name, b.String())
		}
	}
}

// TestPublishForeign: another operator's folder is told before anything is published, however old or new it is.
func TestPublishForeign(t *testing.T) {
	const opens = "SCEAU_PASSPHRASE_FILE"
	mine := newOperator(t)
	own := os.Getenv(opens)
	other := newOperator(t)
	others := os.Getenv(opens)
	theirs := filepath.Join(t.TempDir(), "public")
	for range 3 {
		t.Setenv(opens, others)
		sceau(t, "publish", other, "--to", theirs).want(t, 0)
		t.Setenv(opens, own)
		p := sceau(t, "publish", mine, "--to", theirs)
		p.want(t, 1, "belongs to another operator", "publish elsewhere")
		if strings.Contains(p.err, "backup") {
			t.Error(p.err)
		}
	}
}
