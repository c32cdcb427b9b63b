// Manifests: one spelling, nothing left out, nothing twice, and a seal that is good for one manifest of one operator.

package manifest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/signing"
)

var made = time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC)

// full is a campaign of 12 numbers in two ranges of files, with three of them without a card.
func full() *Manifest {
	m := &Manifest{Campaign: "261122-k7qf", Name: `Renouvellement "2027"`, Insurer: "775670482", Insured: "Mutuelle Exemple", From: 20819, To: 21183,
		Layout: "letter", Window: "c5", Marks: true, Made: made, Total: 12, Ranges: []Range{{1, 12}}, Outputs: []string{PDF, CSV},
		Without: []Without{{"glyph", []Range{{2, 2}, {12, 12}}}, {"suspended", []Range{{7, 7}}}}}
	for i, r := range []Range{{1, 6}, {7, 12}} {
		n := []int64{5, 4}[i]
		sum := sha256.Sum256([]byte{byte(i)})
		m.Files = append(m.Files, File{Kind: PDF, SHA256: sum, Size: 4096, First: r.First, Last: r.Last, Cards: n, People: 2 * n, Pages: n, Control: sum},
			File{Kind: CSV, SHA256: sha256.Sum256(sum[:]), Size: 99, First: r.First, Last: r.Last, Cards: n, People: 2 * n, Control: sum})
	}
	return m
}

func TestOneSpelling(t *testing.T) {
	b, err := full().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Totals{Numbers: 12, Cards: 9, Without: 3, People: 18, Pages: 9, Files: 4, Bytes: 8390}); m.Totals() != want {
		t.Errorf("totals %+v", m.Totals())
	}
	if with, err := m.With(); err != nil || !slices.Equal(with, []Range{{1, 1}, {3, 6}, {8, 11}}) {
		t.Errorf("with %v %v", with, err)
	}
	text := string(b)
	for name, other := range map[string]string{
		"no line end":      strings.TrimSuffix(text, "\n"),
		"twice":            text + text,
		"space":            strings.Replace(text, `,"files"`, `, "files"`, 1),
		"unknown member":   strings.Replace(text, `,"total"`, `,"x":1,"total"`, 1),
		"member twice":     strings.Replace(text, `,"total":12`, `,"total":12,"total":12`, 1),
		"other order":      strings.Replace(text, `"layout":"letter","window":"c5"`, `"window":"c5","layout":"letter"`, 1),
		"other case":       strings.Replace(text, `"marks"`, `"Marks"`, 1),
		"escape":           strings.Replace(text, "Mutuelle", `\u004dutuelle`, 1),
		"cards of totals":  strings.Replace(text, `"cards":9`, `"cards":10`, 1),
		"file name":        strings.Replace(text, "0000001-0000006.csv", "../../etc/passwd", 1),
		"upper hex":        strings.Replace(text, `"control":"6e`, `"control":"6E`, 1),
		"count of a cause": strings.Replace(text, `"count":2`, `"count":3`, 1),
		"total control":    text[:len(text)-4] + "0" + text[len(text)-3:],
		"version":          strings.Replace(text, Format, "tp-campaign-2", 1),
		"null":             strings.Replace(text, `"total":12`, `"total":null`, 1),
		"fraction":         strings.Replace(text, "T10:15:00Z", "T10:15:00.5Z", 1),
		"zone":             strings.Replace(text, "T10:15:00Z", "T10:15:00+01:00", 1),
		"negative":         strings.Replace(text, `"size":4096`, `"size":-1`, 1),
		"empty":            "",
		"too long":         strings.Repeat(" ", MaxFile+1),
	} {
		if other == text {
			t.Fatalf("%s changes nothing", name)
		}
		if m, err := Parse([]byte(other)); !errors.Is(err, ErrMalformed) || m != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachNumberOnce(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(m *Manifest)
		code string
	}{
		"gap between files": {func(m *Manifest) {
			m.Files[2].First, m.Files[3].First = 9, 9
			m.Files[2].Cards, m.Files[3].Cards = 3, 3
		}, "manifest_gap"},
		"gap at the end":          {func(m *Manifest) { m.Files = m.Files[:2] }, "manifest_gap"},
		"gap at the beginning":    {func(m *Manifest) { m.Files = m.Files[2:] }, "manifest_gap"},
		"overlap":                 {func(m *Manifest) { m.Files[2].First, m.Files[3].First = 6, 6 }, "manifest_overlap"},
		"other order":             {func(m *Manifest) { m.Files = append(m.Files[2:4:4], m.Files[:2]...) }, "manifest_gap"},
		"one kind lacks a range":  {func(m *Manifest) { m.Files = m.Files[:3] }, "manifest_files"},
		"kinds exchanged":         {func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] }, "manifest_files"},
		"kinds of another count":  {func(m *Manifest) { m.Files[1].Cards-- }, "manifest_files"},
		"kinds of another total":  {func(m *Manifest) { m.Files[1].Control[0]++ }, "manifest_files"},
		"count":                   {func(m *Manifest) { m.Files[0].Cards, m.Files[1].Cards = 6, 6 }, "manifest_count"},
		"cause twice":             {func(m *Manifest) { m.Without[1].Ranges = []Range{{2, 2}} }, "manifest_overlap"},
		"cause outside":           {func(m *Manifest) { m.Without[1].Ranges = []Range{{13, 13}} }, "manifest_ranges"},
		"causes unsorted":         {func(m *Manifest) { slices.Reverse(m.Without) }, "manifest_cause"},
		"touching ranges":         {func(m *Manifest) { m.Without[0].Ranges = []Range{{2, 2}, {3, 3}} }, "manifest_ranges"},
		"backward":                {func(m *Manifest) { m.Without[0].Ranges = []Range{{2, 1}} }, "manifest_ranges"},
		"partial without a rerun": {func(m *Manifest) { m.Ranges = []Range{{1, 11}}; m.Without[0].Ranges = m.Without[0].Ranges[:1] }, "manifest_partial"},
		"beyond the total":        {func(m *Manifest) { m.Total = 11 }, "manifest_ranges"},
		"no output":               {func(m *Manifest) { m.Outputs = nil }, "manifest_outputs"},
		"output twice":            {func(m *Manifest) { m.Outputs = []string{PDF, PDF} }, "manifest_outputs"},
		"output unknown":          {func(m *Manifest) { m.Outputs = []string{PDF, "exe"} }, "manifest_outputs"},
		"no pages":                {func(m *Manifest) { m.Files[0].Pages = 0 }, "manifest_file"},
		"pages of a CSV":          {func(m *Manifest) { m.Files[1].Pages = 1 }, "manifest_file"},
		"fewer people than cards": {func(m *Manifest) { m.Files[0].People, m.Files[1].People = 4, 4 }, "manifest_file"},
		"campaign":                {func(m *Manifest) { m.Campaign = "../x" }, "manifest_campaign"},
		"insurer with zeros":      {func(m *Manifest) { m.Insurer = "0775670482" }, "manifest_insurer"},
		"insurer":                 {func(m *Manifest) { m.Insurer = "a/b" }, "manifest_insurer"},
		"period":                  {func(m *Manifest) { m.From, m.To = m.To, m.From }, "manifest_period"},
		"layout":                  {func(m *Manifest) { m.Layout = "a5" }, "manifest_layout"},
		"window of a card":        {func(m *Manifest) { m.Layout = "card" }, "manifest_layout"},
		"time":                    {func(m *Manifest) { m.Made = made.Add(1) }, "manifest_time"},
		"reason with a control":   {func(m *Manifest) { m.Rerun = "a\nb" }, "manifest_text"},
		"no cards at all":         {func(m *Manifest) { m.Files[0].Cards, m.Files[1].Cards = 0, 0 }, "manifest_file"},
	} {
		m := full()
		c.edit(m)
		if b, err := m.Bytes(); signing.CodeOf(err) != c.code || b != nil {
			t.Errorf("%s: %v, not %s", name, err, c.code)
		}
	}
	// Spoiled sheets: any numbers, files over gaps between ranges.
	m := full()
	m.Rerun, m.Ranges, m.Without = "bourrage", []Range{{3, 4}, {9, 10}}, nil
	m.Files = []File{{Kind: PDF, Size: 1, First: 3, Last: 10, Cards: 4, People: 4, Pages: 4}, {Kind: CSV, Size: 1, First: 3, Last: 10, Cards: 4, People: 4}}
	if _, err := m.Bytes(); err != nil {
		t.Error(err)
	}
}

func key(t *testing.T, k signing.Kind) (*signing.Signer, *signing.PublicKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.NewSigner(k, private)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Public()
	p.From, p.State = made.Add(-time.Hour), signing.StateActive
	return s, p
}

func TestSealIsGoodForOneManifest(t *testing.T) {
	s, pub := key(t, Kind)
	_, other := key(t, Kind)
	keys := []*signing.PublicKey{other, pub}
	file, seal, err := full().Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	if m, by, err := Open(keys, file, seal); err != nil || by.KID != s.KID() || m.Campaign != "261122-k7qf" {
		t.Fatalf("%v", err)
	}
	accords, _ := key(t, card.AccordKind)
	if _, _, err := full().Seal(accords); !errors.Is(err, signing.ErrWrongKind) {
		t.Errorf("sealed by a key of accords: %v", err)
	}
	foreign, err := accords.Seal(payload(full(), file))
	if err != nil {
		t.Fatal(err)
	}
	next := full()
	next.Made = made.Add(time.Second)
	file2, seal2, err := next.Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	with := func(edit func(k *signing.PublicKey)) []*signing.PublicKey {
		k := *pub
		edit(&k)
		return []*signing.PublicKey{&k}
	}
	flipped := bytes.Replace(file, []byte("Mutuelle"), []byte("Mutualle"), 1)
	for name, c := range map[string]struct {
		keys []*signing.PublicKey
		file []byte
		seal string
		want error
	}{
		"no key":               {nil, file, seal, signing.ErrUnknownKey},
		"another key":          {[]*signing.PublicKey{other}, file, seal, signing.ErrUnknownKey},
		"a byte of the file":   {keys, flipped, seal, ErrOther},
		"a later manifest":     {keys, file2, seal, ErrOther},
		"an earlier manifest":  {keys, file, seal2, ErrOther},
		"a seal of an accord":  {keys, file, foreign, signing.ErrWrongKind},
		"a damaged seal":       {keys, file, seal[:len(seal)-8] + "AAAAAAA\n", signing.ErrBadSignature},
		"an empty seal":        {keys, file, "", ErrMalformed},
		"two line ends":        {keys, file, seal + "\n", ErrMalformed},
		"a stolen key":         {with(func(k *signing.PublicKey) { k.State = signing.StateDead }), file, seal, ErrStolen},
		"a listed key":         {with(func(k *signing.PublicKey) { k.State = signing.StateListed }), file, seal, ErrStolen},
		"before the key":       {with(func(k *signing.PublicKey) { k.From = made.Add(time.Second) }), file, seal, ErrWindow},
		"after the key":        {with(func(k *signing.PublicKey) { k.Until = made }), file, seal, ErrWindow},
		"no manifest":          {keys, []byte("{}"), seal, ErrMalformed},
		"a key of another use": {with(func(k *signing.PublicKey) { k.Kind = card.AccordKind }), file, seal, signing.ErrWrongKind},
	} {
		if m, by, err := Open(c.keys, c.file, c.seal); !errors.Is(err, c.want) || m != nil || by != nil {
			t.Errorf("%s: %v, not %v", name, err, c.want)
		}
	}
	retired := with(func(k *signing.PublicKey) { k.State = signing.StateRetired; k.Until = made.Add(time.Hour) })
	if _, _, err := Open(retired, file, seal); err != nil {
		t.Errorf("a retired key's seal of its time: %v", err)
	}
}

// The control total depends on each number, card and code, and on their order.
func TestControl(t *testing.T) {
	sum := func(edit func(n []int64, p []card.Place, c []string)) [32]byte {
		n, p, c := []int64{1, 2}, []card.Place{{List: 1, Index: 7}, {List: 1, Index: 8}}, []string{"TP1A", "TP1B"}
		edit(n, p, c)
		var k Control
		for i := range n {
			k.Add(n[i], p[i], c[i])
		}
		return k.Sum()
	}
	same := sum(func([]int64, []card.Place, []string) {})
	if want := sha256.Sum256([]byte("1\t1-7\t" + hexSum("TP1A") + "\n2\t1-8\t" + hexSum("TP1B") + "\n")); same != want {
		t.Error("not the digest of FORMAT.md")
	}
	for name, edit := range map[string]func(n []int64, p []card.Place, c []string){
		"number":          func(n []int64, _ []card.Place, _ []string) { n[1] = 3 },
		"card":            func(_ []int64, p []card.Place, _ []string) { p[0].Index = 9 },
		"code":            func(_ []int64, _ []card.Place, c []string) { c[0] = "TP1C" },
		"codes exchanged": func(_ []int64, _ []card.Place, c []string) { c[0], c[1] = c[1], c[0] },
	} {
		if sum(edit) == same {
			t.Errorf("another %s changes nothing", name)
		}
	}
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range sum {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	b, err := full().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytes.Replace(b, []byte("[1,12]"), []byte("[1,100000000]"), -1))
	f.Add([]byte(`{"format":"tp-campaign-1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			if m != nil {
				t.Fatal("a value beside an error")
			}
			return
		}
		again, err := m.Bytes()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("two spellings: %v", err)
		}
		n := int64(0)
		with, err := m.With()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range with {
			n += r.Last - r.First + 1
		}
		if x := m.Totals(); x.Cards != n || x.Cards+x.Without != x.Numbers {
			t.Fatal("a number that is nowhere")
		}
	})
}
