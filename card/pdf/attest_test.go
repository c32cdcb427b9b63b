// Tests of the attestation: its text, its bounds, the same bytes each time, and a document that other programs accept.

package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func attestation(tone Tone) Attestation {
	a := Attestation{Language: "fr", Title: "Attestation de vérification hors ligne", Word: "DROITS OUVERTS", Tone: tone, Meaning: "Carte authentique. Tiers payant possible.",
		Rows:  []AttestationRow{{"Numéro de vérification", "K7QF-1042-M3TZ"}},
		Small: []string{"Cette attestation ne prouve pas l’identité de la personne.", "Deuxième paragraphe."},
		At:    time.Date(2027, 3, 2, 9, 4, 31, 123, time.UTC)}
	for i := range 15 {
		a.Rows = append(a.Rows, AttestationRow{fmt.Sprintf("Ligne %d", i), fmt.Sprintf("valeur %d (soignée) \\ 100\u00a0%% ; œuvre", i)})
	}
	return a
}

func TestAttestationSaysWhatItIsGiven(t *testing.T) {
	tool(t, "pdftotext")
	tool(t, "qpdf")
	for tone := range Tone(len(tones)) {
		a := attestation(tone)
		var one, two bytes.Buffer
		if err := errors.Join(Attest(&one, a), Attest(&two, a)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Error("two runs, two documents")
		}
		file := save(t, one.Bytes())
		flat := bare(run(t, "pdftotext", "-layout", file, "-"))
		for _, s := range append([]string{a.Title, a.Word, a.Meaning}, a.Small...) {
			if !strings.Contains(flat, bare(s)) {
				t.Errorf("%q is missing", s)
			}
		}
		for _, r := range a.Rows {
			if !strings.Contains(flat, bare(r.Label+r.Value)) {
				t.Errorf("%+v is missing", r)
			}
		}
		if out := run(t, "qpdf", "--check", file); !strings.Contains(out, "No syntax or stream encoding errors") {
			t.Error(out)
		}
		if out := run(t, "qpdf", "--show-npages", file); strings.TrimSpace(out) != "1" {
			t.Errorf("%s pages", out)
		}
		for _, active := range []string{"/JavaScript", "/Launch", "/URI", "/EmbeddedFiles", "/AcroForm", "/OpenAction"} {
			if bytes.Contains(one.Bytes(), []byte(active)) {
				t.Errorf("holds %s", active)
			}
		}
		if Contrast(tones[tone], white) < 4.5 || Contrast(tones[tone], white.mix(tones[tone], 0.08)) < 4.5 {
			t.Errorf("tone %d is too light", tone)
		}
	}
}

// Whoever sees no colours, and a printer without them, still tells the answers apart: by their sign.
func TestAttestationSigns(t *testing.T) {
	tool(t, "pdftoppm")
	own := tones
	defer func() { tones = own }()
	seen := map[string]Tone{}
	for tone := range Tone(len(tones)) {
		for i := range tones {
			tones[i] = quiet
		}
		var doc bytes.Buffer
		if err := Attest(&doc, attestation(tone)); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "page")
		run(t, "pdftoppm", "-gray", "-r", "40", "-singlefile", save(t, doc.Bytes()), out)
		grey, err := os.ReadFile(out + ".pgm")
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[string(grey)]; ok {
			t.Errorf("tone %d looks like tone %d", tone, other)
		}
		seen[string(grey)] = tone
	}
}

func TestAttestationBounds(t *testing.T) {
	change := func(f func(*Attestation)) Attestation {
		a := attestation(ToneOpen)
		f(&a)
		return a
	}
	long := strings.Repeat("mot ", 60)
	for name, x := range map[string]struct {
		a    Attestation
		want error
	}{
		"as it is":       {attestation(ToneOpen), nil},
		"long word":      {change(func(a *Attestation) { a.Word = strings.Repeat("SOINS ANTÉRIEURS ", 6) }), nil},
		"no meaning":     {change(func(a *Attestation) { a.Meaning, a.Small = "", nil }), nil},
		"fuller":         {change(func(a *Attestation) { a.Rows = append(a.Rows, a.Rows[1:]...) }), nil},
		"no title":       {change(func(a *Attestation) { a.Title = " " }), ErrSheet},
		"no word":        {change(func(a *Attestation) { a.Word = "" }), ErrSheet},
		"no rows":        {change(func(a *Attestation) { a.Rows = nil }), ErrSheet},
		"unknown tone":   {change(func(a *Attestation) { a.Tone = 4 }), ErrSheet},
		"no language":    {change(func(a *Attestation) { a.Language = "" }), ErrSheet},
		"emoji":          {change(func(a *Attestation) { a.Rows[3].Value = "😀" }), ErrGlyph},
		"bidi override":  {change(func(a *Attestation) { a.Meaning = "a\u202eb" }), ErrGlyph},
		"more than fits": {change(func(a *Attestation) { a.Small = []string{strings.Repeat(long, 60)} }), ErrNoRoom},
	} {
		var b bytes.Buffer
		err := Attest(&b, x.a)
		if !errors.Is(err, x.want) || (err == nil) != (x.want == nil) || (err != nil) != (b.Len() == 0) {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
}
