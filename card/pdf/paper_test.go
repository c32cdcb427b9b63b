// Tests of papers: all their text in order, nothing outside the margins, pages that turn where they may, the same bytes.

package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const fingerprint = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func protocol() Paper {
	return Paper{Title: "Procès-verbal de cérémonie : remplacement de la clé de cartes", Subtitle: "Mutuelle Exemple, n° AMC 99995001", Tone: ToneOpen,
		Reference: "Cérémonie 2027-03-02-01", At: time.Date(2027, 3, 1, 9, 4, 31, 123, time.UTC),
		Blocks: []Block{
			Heading("Ce qui est fait"),
			Text("La clé qui signe les cartes de cet assureur est remplacée. L’ancienne cesse de signer le 1er avril ; les cartes qu’elle a signées restent bonnes jusqu’à leur terme. Ce procès-verbal dit qui était là, ce qui a été fait, dans quel ordre, et ce qu’on a vu."),
			Facts(Fact{"Clé remplacée", "card-1-1", true}, Fact{"Empreinte de la nouvelle clé", fingerprint, false}, Fact{"Identifiant", "Hk3v1IlO0-pQx_7wZ2mYbN4cR5sT6uV8", false}, Fact{"Fenêtre", "du 01/04/2027 au 31/03/2028", false}),
			Note(ToneReserve, "Le registre reste ouvert pendant toute la cérémonie. Si une étape échoue, relancer la même commande : elle reprend où elle s’est arrêtée."),
			Heading("Étapes"),
			Steps(Step{Text: "Brancher le support de la part 1.", Done: true},
				Step{Text: "Signer avec la part 1.", Command: "sceau keys ceremony sign 2027-03-02-01 /srv/sceau --medium /media/part-1 --medium /media/part-2=/run/passphrase", Note: "La commande affiche l’empreinte du brouillon : la comparer à celle de ce procès-verbal."},
				Step{Text: "Débrancher le support et le remettre à son porteur."}),
			Heading("Clés après la cérémonie"),
			Table([]string{"Rôle", "Clé", "Empreinte", "Lieu"},
				[]string{"racine", "root-1", fingerprint, "support 1"},
				[]string{"targets", "targets.2", fingerprint, "dossier hors ligne, chez la directrice"},
				[]string{"timestamp", "timestamp", fingerprint, "serveur"}),
			Pair(Column{"Ce que le voleur peut faire", ToneRefused, []string{"Signer des cartes fausses.", "Rien d’autre."}}, Column{"Ce qu’il ne peut pas faire", ToneOpen, []string{"Lire un nom.", "Faire accepter une carte après la synchronisation."}}),
			List("Premier point.", "Deuxième point, plus long : "+strings.Repeat("avec des mots ", 20)+"."),
			Command("sceau keys audit /srv/sceau"),
			Heading("Signatures"),
			Signatures("Opérateur", "Témoin", "Délégué à la protection des données"),
		}}
}

func paper(t *testing.T, p Paper) []byte {
	t.Helper()
	var one, two bytes.Buffer
	if err := errors.Join(WritePaper(&one, p), WritePaper(&two, p)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two runs, two documents")
	}
	return one.Bytes()
}

// words are all texts of a paper, in the order of reading.
func words(p Paper) []string {
	out := []string{p.Title, p.Subtitle}
	n := 0
	for _, b := range p.Blocks {
		out = append(out, b.Text)
		out = append(out, b.Items...)
		for _, s := range b.Steps {
			n++
			out = append(out, strconv.Itoa(n)+"."+s.Text, s.Command, s.Note)
		}
		for _, f := range b.Facts {
			out = append(out, f.Label, f.Value)
		}
		for _, c := range b.Pair {
			out = append(out, c.Title)
			out = append(out, c.Items...)
		}
	}
	return out
}

func TestPaperSaysWhatItIsGiven(t *testing.T) {
	tool(t, "pdftotext")
	tool(t, "qpdf")
	p := protocol()
	doc := paper(t, p)
	file := save(t, doc)
	raw := run(t, "pdftotext", "-raw", file, "-")
	flat := strings.ReplaceAll(bare(raw), "\\", "")
	flat = regexp.MustCompile("(Cérémonie2027-03-02-01.{1,40}page[0-9]+/[0-9]+\f?|\f)").ReplaceAllString(flat, "")
	at := 0
	for _, s := range words(p) {
		s = bare(s)
		i := strings.Index(flat[at:], s)
		if i < 0 {
			t.Errorf("%q is missing, or out of order", s)
			continue
		}
		at += i + len(s)
	}
	for _, s := range []string{"Cérémonie 2027-03-02-01", "1er\u00a0mars\u00a02027 à 9\u00a0h\u00a004 (UTC)", "page 1 / 2", "page 2 / 2", "Nom et qualité"} {
		if !strings.Contains(bare(raw), bare(s)) {
			t.Errorf("%q is missing", s)
		}
	}
	if out := run(t, "qpdf", "--check", file); !strings.Contains(out, "No syntax or stream encoding errors") {
		t.Error(out)
	}
	for _, active := range []string{"/JavaScript", "/Launch", "/URI", "/EmbeddedFiles", "/AcroForm", "/OpenAction"} {
		if bytes.Contains(doc, []byte(active)) {
			t.Errorf("holds %s", active)
		}
	}
}

var boxes = regexp.MustCompile(`xMin="([0-9.]+)" yMin="([0-9.]+)" xMax="([0-9.]+)" yMax="([0-9.]+)">([^<]*)`)

// inside checks that every word lies within the margins and that no two words of a page lie on one another.
func inside(t *testing.T, doc []byte) int {
	t.Helper()
	pages := strings.Split(run(t, "pdftotext", "-bbox", save(t, doc), "-"), "<page ")[1:]
	for n, page := range pages {
		var seen [][4]float64
		for _, m := range boxes.FindAllStringSubmatch(page, -1) {
			var v [4]float64
			for i := range v {
				f, err := strconv.ParseFloat(m[i+1], 64)
				if err != nil {
					t.Fatal(err)
				}
				v[i] = f * mmPerPt
			}
			if v[0] < paperLeft-0.5 || v[2] > paperRight+0.5 || v[1] < 3 || v[3] > a4Height-8 {
				t.Errorf("page %d: %q lies at %.1f", n+1, m[5], v)
			}
			for _, o := range seen {
				if min(v[2], o[2])-max(v[0], o[0]) > 0.3 && min(v[3], o[3])-max(v[1], o[1]) > 1.6 {
					t.Errorf("page %d: %q at %.1f lies on %.1f", n+1, m[5], v, o)
				}
			}
			seen = append(seen, v)
		}
	}
	return len(pages)
}

// Papers of any words: nothing leaves the margins, nothing lies on something else, and headings never end a page.
func TestPaperKeepsItsMargins(t *testing.T) {
	tool(t, "pdftotext")
	rng := rand.New(rand.NewPCG(5, 7))
	say := func(most int) string {
		var b strings.Builder
		for range 1 + rng.IntN(most) {
			w := "éœwmi-"[rng.IntN(5):]
			b.WriteString(strings.Repeat(w[:len(w)-1], 1+rng.IntN(4)) + " ")
			if rng.IntN(60) == 0 {
				b.WriteString(fingerprint + fingerprint + " ")
			}
		}
		return strings.ToValidUTF8(b.String(), "e")
	}
	pages := 0
	for range 25 {
		p := Paper{Title: say(12), Subtitle: say(20), Reference: say(5), At: time.Unix(1e9, 0).UTC(), Banner: []string{"", "EXERCICE"}[rng.IntN(2)]}
		for range 3 + rng.IntN(25) {
			p.Blocks = append(p.Blocks, Heading(say(8)))
			switch rng.IntN(8) {
			case 0:
				p.Blocks = append(p.Blocks, Text(say(200)))
			case 1:
				p.Blocks = append(p.Blocks, Note(ToneReserve, say(60)))
			case 2:
				p.Blocks = append(p.Blocks, Steps(Step{Text: say(40), Command: say(30), Note: say(20)}, Step{Text: say(4)}))
			case 3:
				p.Blocks = append(p.Blocks, Facts(Fact{say(5), say(30), false}, Fact{say(3), fingerprint, true}))
			case 4:
				tb := Table([]string{say(3), say(2), say(1), "Empreinte"})
				for range rng.IntN(30) {
					tb.Rows = append(tb.Rows, []string{say(12), say(6), "x", fingerprint})
				}
				p.Blocks = append(p.Blocks, tb)
			case 5:
				p.Blocks = append(p.Blocks, Pair(Column{say(4), ToneOpen, []string{say(20), say(3)}}, Column{say(4), ToneRefused, []string{say(9)}}))
			case 6:
				p.Blocks = append(p.Blocks, List(say(30), say(2)))
			case 7:
				p.Blocks = append(p.Blocks, Signatures(say(3), say(4)), Command(say(20)))
			}
		}
		pages += inside(t, paper(t, p))
	}
	t.Logf("count: %d pages", pages)
	if pages < 40 {
		t.Error("too few pages")
	}
}

// A table of many pages has its head on each, every row once, and a row is not torn.
func TestPaperRepeatsHeads(t *testing.T) {
	tool(t, "pdftotext")
	p := protocol()
	tb := Table([]string{"Numéro", "Établissement", "Empreinte"})
	for i := range 300 {
		tb.Rows = append(tb.Rows, []string{fmt.Sprintf("R%03d", i), strings.Repeat("Pharmacie du Marché ", 1+i%4) + "ligne", fingerprint})
	}
	p.Blocks = append([]Block{tb}, p.Blocks...)
	doc := paper(t, p)
	n := inside(t, doc)
	text := run(t, "pdftotext", "-raw", save(t, doc), "-")
	for i := range 300 {
		if got := strings.Count(text, fmt.Sprintf("R%03d", i)); got != 1 {
			t.Errorf("row %d is there %d times", i, got)
		}
	}
	heads := strings.Count(text, "Numéro")
	if rows := len(regexp.MustCompile(`(?m)\f|\z`).FindAllString(text, -1)); heads < 10 || heads > n || rows < n {
		t.Errorf("%d heads on %d pages", heads, n)
	}
	for i, page := range strings.Split(text, "\f") {
		if strings.Count(page, "R") > 0 && regexp.MustCompile(`R[0-9]{3}`).MatchString(page) && !strings.Contains(page, "Numéro") {
			t.Errorf("page %d has rows and no head", i+1)
		}
	}
}

func TestPaperOfOnePage(t *testing.T) {
	p := protocol()
	p.OnePage = true
	if n := inside(t, paper(t, p)); n != 1 {
		t.Errorf("%d pages", n)
	}
}

func TestPaperRefusals(t *testing.T) {
	change := func(f func(*Paper)) Paper {
		p := protocol()
		f(&p)
		return p
	}
	with := func(b Block) Paper { return change(func(p *Paper) { p.Blocks = append(p.Blocks, b) }) }
	for name, x := range map[string]struct {
		p    Paper
		want error
	}{
		"as it is":         {protocol(), nil},
		"banner":           {change(func(p *Paper) { p.Banner = "EXERCICE" }), nil},
		"no rows":          {with(Table([]string{"a", "b"})), nil},
		"long row":         {with(Table([]string{"a", "b"}, []string{strings.Repeat("mot ", 3000), "b"})), nil},
		"long step":        {with(Steps(Step{Text: strings.Repeat("mot ", 3000)})), nil},
		"no title":         {change(func(p *Paper) { p.Title = " " }), ErrSheet},
		"no reference":     {change(func(p *Paper) { p.Reference = "" }), ErrSheet},
		"no date":          {change(func(p *Paper) { p.At = time.Time{} }), ErrSheet},
		"no blocks":        {change(func(p *Paper) { p.Blocks = nil }), ErrSheet},
		"unknown tone":     {change(func(p *Paper) { p.Tone = 9 }), ErrSheet},
		"unknown kind":     {with(Block{Kind: 99}), ErrSheet},
		"empty text":       {with(Text(" ")), ErrSheet},
		"empty step":       {with(Steps(Step{Command: "x"})), ErrSheet},
		"no steps":         {with(Steps()), ErrSheet},
		"no facts":         {with(Facts()), ErrSheet},
		"no items":         {with(List()), ErrSheet},
		"nobody signs":     {with(Signatures()), ErrSheet},
		"half a pair":      {with(Pair(Column{Items: []string{"a"}}, Column{})), ErrSheet},
		"ragged table":     {with(Table([]string{"a", "b"}, []string{"a"})), ErrSheet},
		"shares":           {with(Block{Kind: BlockTable, Head: []string{"a", "b"}, Shares: []float64{1}}), ErrSheet},
		"negative share":   {with(Block{Kind: BlockTable, Head: []string{"a", "b"}, Shares: []float64{1, -1}}), ErrSheet},
		"tone of a note":   {with(Note(8, "x")), ErrSheet},
		"emoji":            {with(Text("😀")), ErrGlyph},
		"emoji in command": {with(Command("😀")), ErrGlyph},
		"bidi override":    {with(Text("a\u202eb")), ErrGlyph},
		"Polish command":   {with(Command("ł")), ErrGlyph},
		"huge note":        {with(Note(ToneOpen, strings.Repeat("mot ", 3000))), ErrNoRoom},
		"not one page":     {change(func(p *Paper) { p.OnePage = true; p.Blocks = append(p.Blocks, p.Blocks...) }), ErrNoRoom},
		"endless":          {with(Text(strings.Repeat("mot ", 1_200_000))), ErrNoRoom},
	} {
		var b bytes.Buffer
		err := WritePaper(&b, x.p)
		if !errors.Is(err, x.want) || (err == nil) != (x.want == nil) || (err != nil) != (b.Len() == 0) {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
}
