// Tests of the pages: each is one A4 page in correct French, and each command on it is one of the program's.

package firsthour

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sceau/card/pdf"
)

var (
	paris  = time.FixedZone("CET", 3600)
	filled = Facts{At: time.Date(2027, 3, 2, 10, 5, 0, 0, paris), Discovered: time.Date(2027, 3, 2, 9, 40, 0, 0, paris), Dir: "/srv/sceau", Public: "/srv/public",
		Insurer: "775670482", KID: "Xq3f9aLmQ2s", ID: "5f0c0f7c2f3b9f1e", Ceremony: "2027-03-02-1", Banner: "EXERCICE"}
	drawer = Facts{At: filled.At}
)

func write(t *testing.T, kind string, f Facts) (pdf.Paper, []byte) {
	t.Helper()
	p, err := Page(kind, f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := pdf.WritePaper(&b, p); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	if dir := os.Getenv("FIRSTHOUR_OUT"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, kind+".pdf"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p, b.Bytes()
}

// texts are all texts of a page but its commands.
func texts(p pdf.Paper) []string {
	out := []string{p.Title, p.Subtitle, p.Reference}
	for _, b := range p.Blocks {
		out = append(append(out, b.Text), b.Items...)
		for _, s := range b.Steps {
			out = append(out, s.Text, s.Note)
		}
		for _, c := range b.Pair {
			out = append(append(out, c.Title), c.Items...)
		}
		for _, f := range b.Facts {
			out = append(out, f.Label)
		}
	}
	return out
}

var faulty = regexp.MustCompile(`[a-zé»)] [:;!?»]|« |'[a-zé]| ,| \.($| )|\.\.$|[.!?]{2}|\x{00a0}\x{00a0}|  |[a-z]’ |\bd’(une|un)? [.,]`)

func TestPages(t *testing.T) {
	if len(Kinds()) != 15 {
		t.Errorf("%d pages", len(Kinds()))
	}
	for _, kind := range Kinds() {
		for _, f := range []Facts{drawer, filled} {
			p, _ := write(t, kind, f)
			commands := 0
			for _, b := range p.Blocks {
				for _, s := range b.Steps {
					if s.Command == "" {
						continue
					}
					commands++
					if strings.ContainsAny(s.Command, "{}") || !strings.HasPrefix(s.Command, "sceau ") {
						t.Errorf("%s: %s", kind, s.Command)
					}
				}
			}
			if commands < 2 {
				t.Errorf("%s has %d commands", kind, commands)
			}
			whole := strings.Join(texts(p), "\n")
			for _, s := range texts(p) {
				if m := faulty.FindString(strings.ReplaceAll(s, strings.Repeat(".", 60), "")); m != "" {
					t.Errorf("%s: %q in %q", kind, m, s)
				}
			}
			for _, want := range []string{"DPO", "CNIL", "RGPD", "Ne débranchez pas les listes", "À faire, dans cet ordre", "72\u00a0heures"} {
				if !strings.Contains(whole, want) {
					t.Errorf("%s lacks %q", kind, want)
				}
			}
			for _, never := range []string{"http", "www", "{"} {
				if strings.Contains(whole, never) {
					t.Errorf("%s holds %q", kind, never)
				}
			}
		}
	}
}

// What is known stands in the page, and what is not is left for the pen.
func TestFacts(t *testing.T) {
	p, _ := write(t, "counter", filled)
	facts := p.Blocks[0].Facts
	if len(facts) != 4 || facts[0].Value != "2\u00a0mars\u00a02027 à 9\u00a0h\u00a040" || facts[1].Value != "5\u00a0mars\u00a02027 à 9\u00a0h\u00a040" || facts[2].Value != filled.ID {
		t.Errorf("%+v", facts)
	}
	p, _ = write(t, "counter", drawer)
	for _, f := range p.Blocks[0].Facts {
		if !strings.HasPrefix(f.Value, "....") {
			t.Errorf("%+v", f)
		}
	}
	f := filled
	f.Dir, f.Public = "/srv/l'opérateur; rm -rf", ""
	p, _ = write(t, "card", f)
	for _, b := range p.Blocks {
		for _, s := range b.Steps {
			if strings.HasPrefix(s.Command, "sceau keys compromise") && s.Command != `sceau keys compromise '/srv/l'\''opérateur; rm -rf' card Xq3f9aLmQ2s --to PUBLIC` {
				t.Error(s.Command)
			}
		}
	}
	if _, err := Page("cardkey", filled); !errors.Is(err, ErrKind) {
		t.Error(err)
	}
	if _, err := Page("", filled); !errors.Is(err, ErrKind) {
		t.Error(err)
	}
	if Title("card") == "" || Title("x") != "" {
		t.Error("titles")
	}
}

// Each is one page, its text comes out with its accents, and the same facts give the same bytes.
func TestOnePage(t *testing.T) {
	for _, tool := range []string{"pdftotext", "pdfinfo"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	alone := filled
	alone.Alone = true
	for _, kind := range Kinds() {
		for _, f := range []Facts{filled, drawer, alone} {
			_, one := write(t, kind, f)
			if _, two := write(t, kind, f); !bytes.Equal(one, two) {
				t.Errorf("%s: two documents", kind)
			}
			file := filepath.Join(t.TempDir(), "page.pdf")
			if err := os.WriteFile(file, one, 0o600); err != nil {
				t.Fatal(err)
			}
			info, err := exec.Command("pdfinfo", file).Output()
			if err != nil || !bytes.Contains(info, []byte("Pages:           1\n")) {
				t.Errorf("%s: %s %v", kind, info, err)
			}
			text, err := exec.Command("pdftotext", "-raw", file, "-").Output()
			if err != nil || !bytes.Contains(text, []byte("La première heure")) || !bytes.Contains(text, []byte("À ne pas faire")) {
				t.Errorf("%s: %v\n%s", kind, err, text)
			}
			if said := bytes.Contains(text, []byte("Une part seule ne peut rien")); said != (kind == "root" && !f.Alone) {
				t.Errorf("%s, one share alone signs %v: %s", kind, f.Alone, text)
			}
		}
	}
}
