package pdf

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sceau/card/qr"
	"sceau/rights"
)

// tool skips a test that needs a program which is not there; a CI that lacks it fails.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out.String(), errs.String())
	}
	return out.String()
}

func save(t *testing.T, doc []byte) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "card.pdf")
	if err := os.WriteFile(f, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// bare drops what line breaks may change: spaces, and the difference of composed and combining accents.
func bare(s string) string {
	s = norm.NFC.String(s)
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u00a0' {
			return -1
		}
		return r
	}, s)
}

func eachCard(t *testing.T, f func(t *testing.T, name string, l Layout, s Sheet, doc []byte)) {
	hs := households(t)
	if len(hs) < 8 {
		t.Fatal("no households")
	}
	for _, n := range names(hs) {
		for _, l := range []Layout{LayoutA4, LayoutCard} {
			t.Run(fmt.Sprintf("%s/%v", n, l), func(t *testing.T) { f(t, n, l, hs[n], render(t, l, hs[n], nil)) })
		}
	}
}

func TestTextIsTheClaims(t *testing.T) {
	tool(t, "pdftotext")
	eachCard(t, func(t *testing.T, _ string, l Layout, s Sheet, doc []byte) {
		got := run(t, "pdftotext", "-raw", save(t, doc), "-")
		cl := s.Claims
		flat := bare(got)
		has := func(what, v string) {
			t.Helper()
			if !strings.Contains(flat, bare(v)) {
				t.Errorf("%s %q is not in the text:\n%s", what, v, got)
			}
		}
		has("AMC", string(cl.Issuer))
		has("adhérent", cl.Adherent)
		has("CSR", cl.CSR)
		has("conventions", strings.Join(cl.Conventions, " "))
		has("number", "Carte n° "+cl.Place.String())
		has("validity", "du "+cl.ValidFrom().French()+" au "+cl.ValidTo().French())
		for _, label := range []string{"N° AMC", "Type conv.", "CSR", "N° adhérent", "Période de validité", "Sécurité sociale incluse", "n’ouvre jamais de page web", "Carte à vérifier au comptoir"} {
			has("label", label)
		}
		has("insurer", s.Insurer.Name)
		for i, p := range cl.People {
			has("nom", p.Nom)
			has("prénom", p.Prenom)
			has("birth", p.Birth.French())
			if p.Rang > 1 {
				has("rang", fmt.Sprintf("rang %d", p.Rang))
			}
			for _, d := range []rights.Date{p.From, p.To} {
				has("own date", d.French())
			}
			for _, g := range cl.Guarantees {
				for _, v := range g.Values {
					has("domain", v.Domain)
					for _, part := range strings.Split(v.Value.String(), " ") {
						has(fmt.Sprintf("value of %s for person %d", v.Domain, i), part)
					}
				}
			}
		}
		for i, n := range cl.Notes {
			has("note", fmt.Sprintf("(%d) %s", i+1, n))
		}
		if l == LayoutA4 {
			for _, g := range cl.Guarantees {
				for _, v := range g.Values {
					has("legend", labelOf(s.Codes, v.Domain, cl.ValidFrom()))
				}
			}
		}
		for _, never := range []string{"0 €", "à payer", "http", "www"} {
			if strings.Contains(got, never) {
				t.Errorf("the card says %q", never)
			}
		}
		if r := strings.Contains(flat, "contratresponsable"); r != cl.Responsable {
			t.Errorf("R printed: %t, contrat responsable: %t", r, cl.Responsable)
		}
	})
}

func TestFontsAreEmbedded(t *testing.T) {
	tool(t, "pdffonts")
	eachCard(t, func(t *testing.T, _ string, _ Layout, _ Sheet, doc []byte) {
		lines := strings.Split(strings.TrimSpace(run(t, "pdffonts", save(t, doc))), "\n")
		if len(lines) < 4 {
			t.Fatal("no fonts listed")
		}
		for _, l := range lines[2:] {
			if f := strings.Fields(l); f[len(f)-5] != "yes" {
				t.Errorf("not embedded: %s", l)
			}
		}
	})
}

func TestStructureIsSound(t *testing.T) {
	tool(t, "qpdf")
	eachCard(t, func(t *testing.T, _ string, _ Layout, _ Sheet, doc []byte) {
		if out := run(t, "qpdf", "--check", save(t, doc)); !strings.Contains(out, "No syntax or stream encoding errors") {
			t.Error(out)
		}
	})
	t.Run("logo", func(t *testing.T) {
		for _, l := range []Layout{LayoutA4, LayoutCard} {
			run(t, "qpdf", "--check", save(t, render(t, l, households(t)["3"], logoTheme(t))))
		}
	})
}

// TestNothingActive is T17: whatever a text holds, the parsed objects hold no action, script, link or attachment.
func TestNothingActive(t *testing.T) {
	tool(t, "qpdf")
	active := regexp.MustCompile(`"/(JS|JavaScript|Launch|URI|OpenAction|AA|A|EmbeddedFiles?|Annots|AcroForm|RichMedia|GoTo[RE]?|SubmitForm|Names)"`)
	s := households(t)["3"]
	const evil = `)>>/A<</S/URI/URI(x)>>\`
	s.Claims.Notes = []string{evil + "(", "/OpenAction<</S/JavaScript/JS(app.alert(1))>>", "endstream endobj", `\) Tj ET`}
	s.Claims.Adherent, s.Claims.CSR = `)(`+`\`, `/AA<<>>`
	s.Claims.People[0].Nom = evil
	s.Insurer = insurer("Mutuelle ) >> /JS (x) \\ endobj")
	s.Insurer.PhoneMembers = evil
	theme := DefaultTheme()
	theme.Slogan = evil
	for _, l := range []Layout{LayoutA4, LayoutCard} {
		doc := render(t, l, s, theme)
		file := save(t, doc)
		run(t, "qpdf", "--check", file)
		if m := active.FindString(run(t, "qpdf", "--json", file)); m != "" {
			t.Errorf("%v: the object tree holds %s", l, m)
		}
		tool(t, "pdftotext")
		if got := bare(run(t, "pdftotext", "-raw", file, "-")); !strings.Contains(got, bare(evil)) {
			t.Errorf("%v: the text changed on its way", l)
		}
	}
}

func TestScan(t *testing.T) {
	tool(t, "pdftoppm")
	tool(t, "zbarimg")
	hs := households(t)
	type job struct {
		name string
		n    int // characters of the code
	}
	for _, j := range []job{{"1", 301}, {"3-2groups", 334}, {"6", 451}, {"12", 560}} {
		s, want := hs[j.name], codeText(j.n, uint64(j.n))
		m, err := printer.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		s.Symbol = m
		for _, l := range []Layout{LayoutA4, LayoutCard} {
			file := save(t, render(t, l, s, nil))
			for _, dpi := range []int{200, 300, 180, 270} { // the last two: "fit to page" at 90 %
				t.Run(fmt.Sprintf("%s/%v/%d", j.name, l, dpi), func(t *testing.T) {
					base := filepath.Join(t.TempDir(), "p")
					page := "1"
					if l == LayoutCard {
						page = "2"
					}
					run(t, "pdftoppm", "-gray", "-png", "-r", fmt.Sprint(dpi), "-f", page, "-l", page, "-singlefile", file, base)
					got := strings.TrimSpace(run(t, "zbarimg", "-q", "--raw", base+".png"))
					if got != want {
						t.Errorf("version %d: read %.40q", m.Version(), got)
					}
				})
			}
		}
	}
}

// TestSymbolOnPaper measures the code on a 600 dpi raster: at least 30 mm, four modules of pure white around it, away from
// the edge and the folds, pure black.
func TestSymbolOnPaper(t *testing.T) {
	tool(t, "pdftoppm")
	const dpi, perMM = 600, 600 / 25.4 // where renderers stop smoothing
	for _, n := range []int{120, 451} {
		m := symbolFor(t, n)
		s := households(t)["3"]
		s.Symbol = m
		for _, l := range []Layout{LayoutA4, LayoutCard} {
			area, page := box{sheetCard.x + sheetCard.w - sheetCard.margin - letterSymbol, sheetCard.y + sheetCard.h - 5 - letterSymbol, letterSymbol, letterSymbol}, "1"
			if l == LayoutCard {
				area, page = box{(backPanel - backSymbol) / 2, 3.4, backSymbol, backSymbol}, "2"
			}
			base := filepath.Join(t.TempDir(), "p")
			run(t, "pdftoppm", "-gray", "-png", "-r", fmt.Sprint(dpi), "-f", page, "-l", page, "-singlefile", save(t, render(t, l, s, nil)), base)
			measure(t, base+".png", area, perMM, m)
			for _, edge := range []float64{area.x, area.y} {
				if edge < 2 {
					t.Errorf("%v: %.1f mm from the edge", l, edge)
				}
			}
			if fold := sheetCard.x + cardWidth; l == LayoutA4 && area.x < fold+2 || l == LayoutA4 && area.y < sheetCard.y+cardHeight+2 {
				t.Error("the code is on a fold")
			}
		}
	}
}

func measure(t *testing.T, file string, area box, perMM float64, m *qr.Matrix) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	x0, y0, x1, y1 := int(area.x*perMM)+2, int(area.y*perMM)+2, int((area.x+area.w)*perMM)-2, int((area.y+area.h)*perMM)-2
	minX, maxX, minY, maxY, pure := x1, x0, y1, y0, true
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			g, _, _, _ := img.At(x, y).RGBA()
			if g < 0xffff {
				minX, maxX, minY, maxY = min(minX, x), max(maxX, x), min(minY, y), max(maxY, y)
				pure = pure && g == 0
			}
		}
	}
	size := float64(maxX-minX+1) / perMM
	if size < minSymbol || float64(maxY-minY+1)/perMM < minSymbol {
		t.Errorf("symbol of %.2f mm", size)
	}
	module := size / float64(m.Size())
	for side, gap := range map[string]int{"left": minX - x0, "right": x1 - maxX, "top": minY - y0, "bottom": y1 - maxY} {
		if got := (float64(gap) + 4) / perMM / module; got < quietModules-0.2 {
			t.Errorf("%s quiet zone of %.2f modules", side, got)
		}
	}
	if !pure {
		t.Error("modules are not pure black on pure white")
	}
}

func TestMetadata(t *testing.T) {
	tool(t, "pdfinfo")
	s := households(t)["3"]
	doc := render(t, LayoutA4, s, nil)
	info := run(t, "pdfinfo", save(t, doc))
	for _, want := range []string{"Carte de tiers payant n° 3-583021", "Mutuelle Exemple", "JavaScript:      no", "Pages:           1", "A4"} {
		if !strings.Contains(info, want) {
			t.Errorf("no %q in\n%s", want, info)
		}
	}
	for _, p := range s.Claims.People {
		if strings.Contains(info, p.Prenom) || strings.Contains(info, p.Nom) {
			t.Error("a person is in the metadata")
		}
	}
	for _, want := range []string{"/Lang (fr-FR)", "/CreationDate (D:20261215093000)", "/ModDate (D:20261215093000)"} {
		if !bytes.Contains(doc, []byte(want)) {
			t.Errorf("no %s", want)
		}
	}
	info = run(t, "pdfinfo", save(t, render(t, LayoutCard, s, nil)))
	if !regexp.MustCompile(`Page size: +242\.6\d* x 153\.0\d* pts`).MatchString(info) {
		t.Errorf("not 85.6 × 54 mm:\n%s", info)
	}
}

// TestRepertoire prints every letter that a name may hold, and reads it back.
func TestRepertoire(t *testing.T) {
	tool(t, "pdftotext")
	var letters []string
	refused := 0
	for r := rune(0x20); r < 0x30000; r++ {
		s := string(r)
		if unicode.Is(unicode.Mn, r) {
			s = "x" + s
		}
		if norm.NFC.String(s) != s || rights.CheckName(s) != nil && rights.CheckName("A"+s) != nil {
			continue
		}
		if CheckText(s) != nil {
			sh := households(t)["1"]
			sh.Claims.People[0].Nom = "A" + s
			if err := A4(&bytes.Buffer{}, sh, nil); err == nil {
				t.Fatalf("U+%04X has no glyph and was printed", r)
			}
			refused++
			continue
		}
		if unicode.IsLetter(r) || unicode.Is(unicode.Mn, r) {
			letters = append(letters, s)
		}
	}
	t.Logf("count: %d letters and marks printed, %d refused by name", len(letters), refused)
	if len(letters) < 600 {
		t.Fatal("too few letters")
	}
	for len(letters) > 0 {
		n := min(30, len(letters))
		sh := households(t)["1"]
		sh.Claims.People[0].Nom = strings.Join(letters[:n], "")
		sh.Claims.People[0].Prenom = "Anne"
		got := norm.NFD.String(bare(run(t, "pdftotext", "-raw", save(t, render(t, LayoutA4, sh, nil)), "-")))
		for _, l := range letters[:n] {
			if !strings.Contains(got, norm.NFD.String(l)) {
				t.Errorf("%q (%+q) is lost", l, l)
			}
		}
		letters = letters[n:]
	}
}
