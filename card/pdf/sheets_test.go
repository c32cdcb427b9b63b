package pdf

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/qr"
	"sceau/rights"
)

var samples = flag.String("samples", "", "folder to write the sample cards to")

// who is "NOM|Prénom|AAAAMMJJ".
func who(t testing.TB, s string) card.Person {
	t.Helper()
	f := strings.Split(s, "|")
	b, err := rights.ParseBirthDate(f[2])
	if err != nil {
		t.Fatal(err)
	}
	return card.Person{Nom: f[0], Prenom: f[1], Birth: b, Rang: 1}
}

func group(t testing.TB, people []int, values ...string) card.Group {
	t.Helper()
	g := card.Group{People: people}
	for _, v := range values {
		d, w, _ := strings.Cut(v, "=")
		val, err := rights.ParseGuarantee(w)
		if err != nil {
			t.Fatalf("%s: %v", v, err)
		}
		g.Values = append(g.Values, card.DomainValue{Domain: d, Value: val})
	}
	sort.Slice(g.Values, func(i, j int) bool { return g.Values[i].Domain < g.Values[j].Domain })
	return g
}

func day(t testing.TB, s string) rights.Date {
	t.Helper()
	d, err := rights.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func upTo(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

// insurer is a made-up one; the numbers are of the range kept for fiction.
func insurer(name string) *card.Insurer {
	return &card.Insurer{AMC: "775670482", Name: name, PhoneProfessionals: "01 99 00 12 34", PhoneMembers: "01 99 00 56 78"}
}

func sheet(t testing.TB, people []card.Person, groups []card.Group, notes ...string) Sheet {
	t.Helper()
	c := card.Claims{
		Issuer: "775670482", IssuedAt: time.Date(2026, 12, 15, 9, 30, 0, 0, time.UTC).Unix(),
		NotBefore: day(t, "2027-01-01").Midnight().Unix(), Expires: day(t, "2028-01-01").Midnight().Unix(),
		Place: card.Place{List: 3, Index: 583021}, Adherent: "0012284530", Conventions: []string{"SP", "IS"}, CSR: "",
		Responsable: true, People: people, Guarantees: groups, Notes: notes,
	}
	return Sheet{Claims: c, Symbol: symbolFor(t, 300), Insurer: insurer("Mutuelle Exemple"), Codes: rights.DefaultCodes()}
}

var printer = qr.NewPrinter()

// codeText is a text of n characters that looks like a card's.
func codeText(n int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 7))
	b := []byte("TP1")
	for len(b) < n {
		b = append(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[r.IntN(32)])
	}
	return string(b)
}

func symbolFor(t testing.TB, n int) *qr.Matrix {
	t.Helper()
	m, err := printer.Encode(codeText(n, 1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var full = []string{"PHAR=SP 100%", "LABO=SP 100%", "RADL=SP 100%", "MEDE=100%", "HOSP=PEC (1)", "DENT=IS PEC", "OPTI=IS PEC (2)",
	"AUDI=IS PEC", "AUXM=100%", "TRAN=100%", "CSTE=TM", "SVIL=100%"}

var allForms = []string{"PHAR=SP 100/100/15", "LABO=SP 100%", "RADL=250%", "MEDE=TM", "HOSP=KA/OC PEC (1)", "DENT=SC/IS 200% (2)", "OPTI=KA/OC PEC (2)",
	"AUDI=150EUR", "AUXM=100%", "TRAN=100%", "CSTE=-", "SVIL=100%", "EXTE=100%", "SAGE=100%", "CURE=150EUR (1)", "PREV=100%"}

// household makes the sheets that every test goes over, by name.
func households(t testing.TB) map[string]Sheet {
	t.Helper()
	out := map[string]Sheet{}
	one := []card.Person{who(t, "MARTIN|Camille|19890214")}
	out["1"] = sheet(t, one, []card.Group{group(t, []int{0}, full...)}, "Hospitalisation : demande de prise en charge 5 jours avant l’entrée.", "Optique et audio : réseau partenaire.")
	out["1-4domains"] = sheet(t, one, []card.Group{group(t, []int{0}, "PHAR=100/100/15", "LABO=100%", "HOSP=PEC", "MEDE=100%")})

	three := []card.Person{who(t, "LEFÈVRE-D’ANGÉLY|Anne-Sophie|19850312"), who(t, "LEFÈVRE-D’ANGÉLY|Loïc|19831130"), who(t, "LEFÈVRE-D’ANGÉLY|Maëlys|20200100")}
	out["3"] = sheet(t, three, []card.Group{group(t, upTo(3), full...)}, "Hospitalisation : demande de prise en charge 5 jours avant l’entrée.", "Optique et audio : réseau partenaire.")
	twoGroups := sheet(t, three, []card.Group{group(t, []int{0, 1}, full...), group(t, []int{2}, allForms[:12]...)},
		"Hospitalisation : demande de prise en charge 5 jours avant l’entrée.", "Optique : réseau partenaire.", "Forfait annuel.", "Sur devis accepté.")
	twoGroups.Claims.CSR = "GEST0042"
	out["3-2groups"] = twoGroups

	six := []card.Person{who(t, "ŻÓŁTOWSKA|Michalina|19841107"), who(t, "NGUYỄN|Thị Hương|19820925"), who(t, "ÇELİK-ŞAHİN|Ömer|20100230"),
		who(t, "DVOŘÁK|Zdeněk|20131218"), who(t, "ŢURCANU|Ștefan|20170604"), who(t, "ŢURCANU|Ileana|20170604")}
	six[5].Rang = 2
	six[3].From = day(t, "2027-03-01")
	six[4].To = day(t, "2027-06-30")
	out["6"] = sheet(t, six, []card.Group{group(t, []int{0, 1, 3, 4}, full...), group(t, []int{2, 5}, allForms...)},
		"Hospitalisation : demande de prise en charge 5 jours avant l’entrée.", "Optique et audio : réseau partenaire.")

	twelve := make([]card.Person, 12)
	for i, n := range []string{"Jean-Baptiste", "Marie-Antoinette", "Éléonore", "Gaëtan", "Noël", "Zoé", "Inès", "Côme", "Aïcha", "Océane", "François", "Agnès"} {
		twelve[i] = who(t, fmt.Sprintf("de LA ROCHE-TAILLÉE|%s|%d0%d1%d", n, 1978+i*3, 1+i%9, i%9))
	}
	out["12"] = sheet(t, twelve, []card.Group{group(t, upTo(12), full...)}, "Hospitalisation : demande de prise en charge 5 jours avant l’entrée.", "Optique et audio : réseau partenaire.")
	eight := sheet(t, twelve[:8], []card.Group{group(t, []int{0, 1}, allForms...), group(t, []int{2, 3, 4, 5, 6, 7}, full...)}, "Note un.", "Note deux.")
	eight.Claims.Responsable = false
	out["8"] = eight

	long := strings.Repeat("WOJCIECHOWSKA-", 4)[:55] + "-ZIELIŃSK"
	names := []card.Person{who(t, long+"|"+"Maximiliana Bartholoméa Wilhelmine Éléonore Constance Joséphine|19700101"), who(t, "LI|Y|20010101")}
	lg := sheet(t, names, []card.Group{group(t, upTo(2), allForms...)}, "Voir les conditions.", "Sur devis.")
	lg.Insurer = insurer("Société interprofessionnelle de prévoyance et de mutualité (branche d’Outre-mer) \\ Entraide")
	lg.Claims.Conventions = []string{"SP", "IS", "OC", "KA"}
	lg.Claims.Adherent = "0000123456789012"
	lg.Claims.CSR = "ABCDEFGH"
	out["long"] = lg
	return out
}

func names(m map[string]Sheet) []string {
	var out []string
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func testLogo(t testing.TB) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 900, 300))
	for y := range 300 {
		for x := range 900 {
			if d := (x-150)*(x-150) + (y-150)*(y-150); d < 140*140 && d > 80*80 {
				img.SetNRGBA(x, y, color.NRGBA{0x8a, 0x1c, 0x4a, 255})
			}
			if x > 330 && x < 880 && y > 90 && y < 210 && (x/60)%2 == 0 {
				img.SetNRGBA(x, y, color.NRGBA{0x30, 0x30, 0x60, 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func logoTheme(t testing.TB) *Theme {
	t.Helper()
	th, err := ParseTheme([]byte(`{"primary":"#7a1f4b","accent":"#f4b942","slogan":"La santé, à plusieurs","logo":"logo.png"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := th.SetLogo(testLogo(t)); err != nil {
		t.Fatal(err)
	}
	return th
}

func render(t testing.TB, l Layout, s Sheet, th *Theme) []byte {
	t.Helper()
	var b bytes.Buffer
	f := A4
	if l == LayoutCard {
		f = Card
	}
	if err := f(&b, s, th); err != nil {
		t.Fatalf("%v: %v", l, err)
	}
	return b.Bytes()
}

// runSheets makes n different cards of 1, 3 and 6 people.
func runSheets(tb testing.TB, n int) []Sheet {
	tb.Helper()
	hs := households(tb)
	mix := []Sheet{hs["1"], hs["3"], hs["6"]}
	ins := insurer("Mutuelle Exemple")
	length := []int{305, 335, 455}
	out := make([]Sheet, n)
	for i := range out {
		out[i] = mix[i%3]
		out[i].Insurer = ins
		out[i].Claims.Place = card.Place{List: 3, Index: uint32(i * 977 % (1 << 20))}
		m, err := printer.Encode(codeText(length[i%3], uint64(i)))
		if err != nil {
			tb.Fatal(err)
		}
		out[i].Symbol = m
	}
	return out
}

func TestSamples(t *testing.T) {
	folder := *samples
	if folder == "" {
		folder = t.TempDir()
	}
	hs := households(t)
	light, _ := ParseTheme([]byte(`{"primary":"#9fd8c9","accent":"#2b6f63"}`))
	for _, n := range names(hs) {
		for _, l := range []Layout{LayoutA4, LayoutCard} {
			for name, th := range map[string]*Theme{"": nil, "-logo": logoTheme(t), "-light": light} {
				if name != "" && n != "3" && n != "long" {
					continue
				}
				var b bytes.Buffer
				f := A4
				if l == LayoutCard {
					f = Card
				}
				if err := f(&b, hs[n], th); err != nil {
					t.Errorf("%s %v: %v", n, l, err)
					continue
				}
				file := filepath.Join(folder, fmt.Sprintf("%v-%s%s.pdf", l, n, name))
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
