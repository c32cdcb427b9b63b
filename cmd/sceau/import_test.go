package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportCommand: the guard, changes, whole files and what is no file, from the command line.
func TestImportCommand(t *testing.T) {
	unset(t, "SCEAU_PASSPHRASE_FILE", "SCEAU_PASSPHRASE")
	work := t.TempDir()
	dir := filepath.Join(work, "operator")
	sceau(t, "init", dir, "--insurer", "775670482", "--name", "Mutuelle Exemple").want(t, 0)
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(work, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	file, whole := rosterFile(t, 100)
	lines := strings.SplitAfter(string(whole), "\n")
	sceau(t, "import", dir, file, "--dry-run").want(t, 0, "100 new", "dry run")
	sceau(t, "import", dir, file).want(t, 0, "100 new")
	sceau(t, "import", dir, file).want(t, 0, "100 unchanged", "the same file was imported on")

	ending := write("ending.csv", strings.ReplaceAll(string(whole), "31/12/2027", "30/06/2028"))
	sceau(t, "import", dir, ending).want(t, 0, "100 changed")
	shorter := write("shorter.csv", strings.ReplaceAll(string(whole), "31/12/2027", "01/01/2028"))
	sceau(t, "import", dir, shorter).want(t, 1, "nothing was changed", "100 of 100 contracts of 775670482", "--accept-closures 100")
	held := sceau(t, "import", dir, shorter, "--json")
	held.want(t, 1)
	var doc importDocument
	if err := json.Unmarshal([]byte(held.out), &doc); err != nil || doc.Held == nil || doc.Held.Closures != 100 || doc.Changed != 0 || !doc.Held.Insurers[0].Over {
		t.Errorf("%s %v", held.out, err)
	}
	sceau(t, "import", dir, shorter, "--accept-closures", "99").want(t, 1, "nothing was changed")
	sceau(t, "import", dir, shorter, "--accept-closures", "100", "--dry-run").want(t, 0, "100 contracts in force end earlier", "dry run")
	sceau(t, "import", dir, shorter, "--accept-closures", "100").want(t, 0, "100 changed", "100 contracts in force end earlier")
	sceau(t, "import", dir, file).want(t, 1, "imported already", "--again", "nothing was changed")
	sceau(t, "import", dir, file, "--again", "--accept-closures", "100").want(t, 0, "100 changed")

	changes := write("changes.csv", "mouvement;"+lines[0]+"S;775670482;"+strings.Split(lines[1], ";")[1]+strings.Repeat(";", 5)+"31/03/2027"+strings.Repeat(";", strings.Count(lines[0], ";")-6)+"\n")
	sceau(t, "import", dir, changes).want(t, 1, "fichier de différences")
	sceau(t, "import", dir, changes, "--delta").want(t, 0, "1 changed", "1 contract in force end")
	sceau(t, "import", dir, changes, "--delta", "--full", "--close-absent-from", "2027-05-01").want(t, 2, "not both")
	sceau(t, "import", dir, file, "--full").want(t, 2, "go together")
	part := write("part.csv", strings.Join(lines[:40], ""))
	sceau(t, "import", dir, part, "--full", "--close-absent-from", "2027-05-01").want(t, 1, "nothing was changed", "--accept-closures")

	bad := write("bad.csv", lines[0]+strings.Repeat("x;y\n", 60)+lines[1])
	sceau(t, "import", dir, bad, "--max-reject-rate", "50").want(t, 1, "nothing was changed", "of 61 lines")
	rejects := filepath.Join(work, "rejects.csv")
	sceau(t, "import", dir, bad, "--rejects", rejects).want(t, 3, "and 11 more", "rejects by cause:", "60 × column_count, first at line 2")
	if b, err := os.ReadFile(rejects); err != nil || bytes.Count(b, []byte("column_count")) != 60 {
		t.Errorf("%d %v", bytes.Count(b, []byte("column_count")), err)
	}
	sceau(t, "import", dir, bad, "--json").want(t, 3, `"code":"column_count"`, `"count":60`, `"first_line":2`)

	sceau(t, "import", dir, work).want(t, 2, "is a folder")
	sceau(t, "import", dir, filepath.Join(work, "none.csv")).want(t, 2, "none.csv")
	sceau(t, "import", dir, write("empty.csv", "")).want(t, 1, "vide", "nothing was changed")
	sceau(t, "import", dir, write("cut.csv", strings.TrimSuffix(string(whole), "\n")), "--accept-closures", "1").want(t, 0, "the last line has no end")
	sceau(t, "import", dir, file, "--max-closed", "101").want(t, 2, "percentages")
	sceau(t, "import", dir, file, "--accept-closures", "-1").want(t, 2)

	left, err := filepath.Glob(filepath.Join(dir, ".import-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v stay in the folder", left)
	}
	sample := filepath.Join(work, "sample.csv")
	sceau(t, "sample", "--households", "20", "--addresses", sample).want(t, 0)
	if b, err := os.ReadFile(sample); err != nil || !bytes.Contains(b, []byte("adresse1;adresse2")) {
		t.Errorf("no addresses: %v", err)
	}
}

// TestImportFromInput: what can't be read twice is spooled, for nobody else to read, and gone afterwards.
func TestImportFromInput(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("a;b\n", 1000)
	f, err := openRoster(strings.NewReader(text), "-", dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.f.Stat()
	if err != nil || info.Mode().Perm() != 0o600 || f.size != int64(len(text)) || !f.spooled {
		t.Errorf("%v %v", info.Mode(), err)
	}
	for range 2 {
		r, err := f.open()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil || b.String() != text {
			t.Errorf("%d bytes %v", b.Len(), err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v stay", left)
	}
	if _, err := openRoster(strings.NewReader(text), "-", filepath.Join(dir, "none")); err == nil {
		t.Error("spooled into no folder")
	}
}
