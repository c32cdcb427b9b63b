// Deliveries in front of programs that we did not write: what a printing house has.

package batch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/manifest"
	"sceau/card/qr"
)

// peer skips a test that needs a program which is not there; a CI that lacks it fails.
func peer(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", name)
			}
			t.Skipf("%s is not installed", name)
		}
	}
}

func run(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.Command(name, args...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%.2000s", name, err, errs.String())
	}
	return out.String()
}

// readCSV is how a printer's script would read the file, and all that it needs of it.
const readCSV = `
import csv, json, sys
with open(sys.argv[1], encoding="utf-8", newline="") as f:
    rows = list(csv.DictReader(f, delimiter=";", strict=True))
assert all(None not in r and None not in r.values() for r in rows)
json.dump([{k: r[k] for k in ("sequence", "card", "code", "phone_professionals", "address_1", "p1_nom", "p1_birth", "p1_PHAR", "p2_nom", "from")} for r in rows], sys.stdout)
`

func TestPeersReadADelivery(t *testing.T) {
	peer(t, "pdftotext", "pdfinfo", "pdftoppm", "zbarimg", "python3", "unzip", "sha256sum", "node")
	w, c := done(t, 8, func(s *issuer.CampaignSpec) { s.ShardSize, s.FileSize = 4, 8 })
	dir := w.folder(c)
	at := func(ext string) string { return filepath.Join(dir, "0000001-0000008."+ext) }
	m := must(manifest.Parse(must(os.ReadFile(filepath.Join(dir, manifest.FileName)))(t)))(t)

	// sha256sum agrees with the manifest.
	var sums strings.Builder
	for _, f := range m.Files {
		fmt.Fprintf(&sums, "%x  %s\n", f.SHA256, filepath.Join(dir, f.Name()))
	}
	run(t, sums.String(), "sha256sum", "--check", "--strict", "--status")

	// python reads the CSV, and the control total comes out of it.
	var rows []map[string]string
	if err := json.Unmarshal([]byte(run(t, "", "python3", "-c", readCSV, at("csv"))), &rows); err != nil {
		t.Fatal(err)
	}
	digest := sha256.New()
	for i, r := range rows {
		code := sha256.Sum256([]byte(r["code"]))
		fmt.Fprintf(digest, "%s\t%s\t%s\n", r["sequence"], r["card"], hex.EncodeToString(code[:]))
		if r["sequence"] != fmt.Sprint(i+1) || r["p1_nom"] == "" || len(r["p1_birth"]) != 10 || r["address_1"] == "" || r["phone_professionals"] != "'+33 1 99 00 12 34" {
			t.Errorf("row %d: %v", i+1, r)
		}
	}
	if len(rows) != 8 || !bytes.Equal(digest.Sum(nil), m.Files[0].Control[:]) {
		t.Error("python counts another control total")
	}

	// The pages come in the order of their numbers, and each has its number.
	if got := run(t, "", "pdfinfo", at("pdf")); !regexp.MustCompile(`(?m)^Pages: +8$`).MatchString(got) {
		t.Errorf("%s", got)
	}
	pages := strings.Split(run(t, "", "pdftotext", "-layout", at("pdf"), "-"), "\f")
	for i := range 8 {
		if !strings.Contains(pages[i], fmt.Sprintf("%06d/000008", i+1)) {
			t.Errorf("page %d does not say %06d/000008", i+1, i+1)
		}
		if place := rows[i]["card"]; !strings.Contains(pages[i], place) {
			t.Errorf("page %d is not of card %s", i+1, place)
		}
	}

	// zbarimg reads the codes on the paper and in the archive: those of the CSV.
	scan := func(picture string) string {
		return strings.TrimSuffix(run(t, "", "zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture), "\n")
	}
	prefix := filepath.Join(t.TempDir(), "page")
	run(t, "", "pdftoppm", "-gray", "-r", "200", "-f", "5", "-l", "5", "-singlefile", at("pdf"), prefix)
	if scan(prefix+".pgm") != rows[4]["code"] {
		t.Error("the code on page 5 is another one")
	}
	run(t, "", "unzip", "-tqq", at("zip"))
	out := t.TempDir()
	run(t, "", "unzip", "-qq", at("zip"), "-d", out)
	for _, n := range []int{1, 8} {
		if scan(filepath.Join(out, fmt.Sprintf("%07d.png", n))) != rows[n-1]["code"] {
			t.Errorf("the picture of number %d is another one", n)
		}
	}

	// Node reads the NDJSON, and its jose the seal.
	script := must(filepath.Abs("../../../signing/testdata/interop/verify.mjs"))(t)
	if _, err := os.Stat(filepath.Join(filepath.Dir(script), "node_modules")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("jose is missing: scripts/setup test")
		}
		t.Skip("jose is missing: scripts/setup test")
	}
	codes := run(t, string(must(os.ReadFile(at("ndjson")))(t)), "node", "-e",
		`for (const l of require("fs").readFileSync(0, "utf8").trimEnd().split("\n")) { const c = JSON.parse(l); console.log(c.sequence + " " + c.code + " " + c.people.length) }`)
	for i, l := range strings.Split(strings.TrimSpace(codes), "\n") {
		if !strings.HasPrefix(l, fmt.Sprintf("%d %s ", i+1, rows[i]["code"])) {
			t.Errorf("NDJSON line %d", i+1)
		}
	}
	seal := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(dir, manifest.SealName)))(t)))
	ask := must(json.Marshal(map[string]any{"jws": seal, "jwk": json.RawMessage(w.keys()[0].JWK())}))(t)
	payload := must(hex.DecodeString(strings.TrimSpace(run(t, string(ask)+"\n", "node", script))))(t)
	if file := must(os.ReadFile(filepath.Join(dir, manifest.FileName)))(t); !strings.Contains(string(payload), fmt.Sprintf(`"size":%d,"sha256":"%x"`, len(file), sha256.Sum256(file))) {
		t.Errorf("%s", payload)
	}
	other := must(json.Marshal(map[string]any{"jws": seal, "jwk": json.RawMessage(must(w.issuer.SettlementSigner())(t).Public().JWK())}))(t)
	if got := run(t, string(other)+"\n", "node", script); strings.TrimSpace(got) != "refused" {
		t.Errorf("under another key: %s", got)
	}
}

// What a spreadsheet would run as a formula is written as text; everything else is as it is.
func TestCSVHoldsNoFormula(t *testing.T) {
	for in, want := range map[string]string{"=1+1": "'=1+1", "+33": "'+33", "-x": "'-x", "@a": "'@a", "\tx": "'\tx", "\rx": "'\rx", "": "", "A=1": "A=1", "é": "é"} {
		if got := plain(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
	w, c := done(t, 3, func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	rows := rowsOf(t, w.read(c.ID, amc, "0000001-0000003.csv"))
	header := rows[0]
	for _, r := range rows[1:] {
		if len(r) != len(header) {
			t.Fatalf("%d fields, %d columns", len(r), len(header))
		}
		for i, f := range r {
			if f != "" && strings.ContainsRune("=+-@", rune(f[0])) {
				t.Errorf("%s: %q", header[i], f)
			}
		}
	}
	u := must(card.Parse(rows[1][12]))(t)
	if header[12] != "code" || u == nil {
		t.Error("no code text where FORMAT.md says")
	}
}

// The pictures are those of package qr, pixel for pixel, and as Go's own reader sees them.
func TestPicturesAreTheSymbols(t *testing.T) {
	p := newPictures()
	for _, text := range []string{"TP1A", strings.Repeat("TP1ABC:+", 60), strings.Repeat("0", 900)} {
		symbol := must(qr.NewPrinter().Encode(text))(t)
		got := must(png.Decode(bytes.NewReader(p.draw(symbol))))(t)
		var b bytes.Buffer
		if err := symbol.PNG(&b, pixels); err != nil {
			t.Fatal(err)
		}
		want := must(png.Decode(&b))(t)
		if got.Bounds() != want.Bounds() {
			t.Fatalf("%v, not %v", got.Bounds(), want.Bounds())
		}
		for y := range got.Bounds().Dy() {
			for x := range got.Bounds().Dx() {
				a, _, _, _ := got.At(x, y).RGBA()
				b, _, _, _ := want.At(x, y).RGBA()
				if a != b {
					t.Fatalf("pixel %d,%d", x, y)
				}
			}
		}
	}
}
