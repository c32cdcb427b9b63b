package optic

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/pdf"
	"sceau/card/qr"
	"sceau/fixtures/scans"
)

// trial is a file and the only text that may be read in it, "" for none. must: it has to be read.
type trial struct {
	name string
	file []byte
	text string
	must bool
}

const inside = "TP1INSIDE"

func qrPNG(t testing.TB, text string) []byte {
	t.Helper()
	m, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.PNG(&b, 5); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// drawn is a content stream that draws a code of 200 points with its quiet zone.
func drawn(t testing.TB, text string) string {
	t.Helper()
	m, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for y := range m.Size() {
		for x := range m.Size() {
			if m.At(x, y) {
				fmt.Fprintf(&b, "%d %d 4 4 re ", 60+4*x, 700-4*y)
			}
		}
	}
	return b.String() + "f\n"
}

// document builds a PDF: object n is objects[n-1]; its catalog is object 1.
func document(trailer string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, start)
	return b.Bytes()
}

func stream(dict, body string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(body), body)
}

// deflated is what n times the text s packs to.
func deflated(s string, n int) string {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	chunk := []byte(strings.Repeat(s, 1<<20/len(s)))
	for range n * len(s) >> 20 {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
	return b.String()
}

// onePage is a document of one page with this content, catalog entries, page entries and further objects, the first of which is 5.
func onePage(catalog, page, content string, more ...string) []byte {
	return document("", append([]string{"<</Type/Catalog/Pages 2 0 R" + catalog + ">>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R" + page + ">>", content}, more...)...)
}

func hostilePDFs(t testing.TB) []trial {
	code := drawn(t, inside)
	plain := stream("", code)
	var all []trial
	add := func(name string, file []byte, text string, must bool) {
		all = append(all, trial{"pdf " + name, file, text, must})
	}
	add("control", onePage("", "", plain), inside, true)

	// What would act, were it listened to: the code beside it must be read all the same.
	for name, action := range map[string]string{
		"javascript": `<</S/JavaScript/JS(app.launchURL("http://127.0.0.1:1/");this.submitForm("http://127.0.0.1:1/"))>>`,
		"launch":     `<</S/Launch/F(/bin/sh)/Win<</F(cmd.exe)/P(/c calc)>>>>`,
		"uri":        `<</S/URI/URI(http://127.0.0.1:1/)>>`,
		"gotor":      `<</S/GoToR/F(\\\\127.0.0.1\\share\\x.pdf)/D[0/Fit]>>`,
		"submit":     `<</S/SubmitForm/F<</FS/URL/F(http://127.0.0.1:1/)>>>>`,
		"import":     `<</S/ImportData/F(/etc/passwd)>>`,
	} {
		add("action "+name, onePage("/OpenAction "+action+"/AA<</WC "+action+"/DS "+action+">>/Names<</JavaScript<</Names[(a)"+action+"]>>>>",
			"/AA<</O "+action+"/C "+action+">>/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 595 842]/A "+action+">>]", plain), inside, true)
	}
	add("embedded files", onePage("/Names<</EmbeddedFiles<</Names[(a)<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>>>>]>>>>/AcroForm<</XFA 6 0 R/Fields[]>>",
		"/Annots[<</Subtype/FileAttachment/Rect[0 0 9 9]/FS<</F(a.exe)/EF<</F 5 0 R>>>>>>]", plain, stream("/Type/EmbeddedFile", "MZ"), stream("", "<xdp/>")), inside, true)
	add("outside file as an image", onePage("", "/Resources<</XObject<</I 5 0 R>>>>", stream("", code+"q 9 0 0 9 0 0 cm /I Do Q"),
		"<</Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 8/ColorSpace/DeviceGray/F<</FS/URL/F(http://127.0.0.1:1/)>>/Length 0>>\nstream\n\nendstream"), inside, true)

	// What never ends.
	add("page tree of itself", document("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>"), "", false)
	add("page tree of two", document("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 99>>", "<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 99>>"), "", false)
	add("a million pages", document("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1000000>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"), "", false)
	add("negative count", document("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count -1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"), "", false)
	loop := onePage("", "", plain)
	start := bytes.LastIndex(loop, []byte("xref\n0"))
	add("xref of itself", bytes.Replace(loop, []byte("/Root"), fmt.Appendf(nil, "/Prev %d/Root", start), 1), inside, false)
	add("xref beyond the end", bytes.Replace(loop, []byte("/Root"), []byte("/Prev 99999999999/Root"), 1), inside, false)
	add("no xref", bytes.Replace(loop, []byte("xref\n0"), []byte("xxxx\n0"), 1), inside, false)
	add("form of itself", onePage("", "/Resources<</XObject<</F 5 0 R>>>>", stream("", "/F Do"),
		stream("/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</F 5 0 R>>>>", "/F Do /F Do")), "", false)
	var forms []string
	for i := range 40 {
		forms = append(forms, stream(fmt.Sprintf("/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</F %d 0 R>>>>", 6+i), strings.Repeat("/F Do ", 10)))
	}
	add("forms to the tenth power", onePage("", "/Resources<</XObject<</F 5 0 R>>>>", stream("", "/F Do"), append(forms, stream("/Subtype/Form/BBox[0 0 9 9]", "0 0 9 9 re f"))...), "", false)
	add("font of itself", onePage("", "/Resources<</Font<</T 5 0 R>>>>", stream("", "BT /T 9 Tf (aaaa) Tj ET"),
		"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 97/LastChar 97/Widths[9]/Encoding<</Differences[97/a]>>/CharProcs<</a 6 0 R>>/Resources<</Font<</T 5 0 R>>>>>>",
		stream("", "9 0 d0 BT /T 9 Tf (aaaa) Tj ET")), "", false)
	add("tiles", onePage("", "/Resources<</Pattern<</P 5 0 R>>>>", stream("", "/Pattern cs /P scn 0 0 595 842 re f"),
		stream("/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0.001/YStep 0.001/Resources<<>>", "0 0 1 1 re f")), "", false)
	add("strokes", onePage("", "", stream("/Filter/FlateDecode", deflated("0 0 m 595 842 l 0.0001 w [0.0001 0.0001] 0 d S\n", 100_000))), "", false)

	// What is too much.
	add("flate bomb", onePage("", "", stream("/Filter/FlateDecode", deflated("q ", 500<<20))), "", false)
	add("flate bomb in a flate bomb", onePage("", "", stream("/Filter[/FlateDecode/FlateDecode]", deflated(deflated("\x00", 64<<20), 256))), "", false)
	add("objects bomb", onePage("/Extra 5 0 R", "", plain, stream("/Type/ObjStm/N 100000000/First 100000000/Extends 5 0 R/Filter/FlateDecode", deflated("1 1 ", 50<<20))), inside, false)
	add("image bomb", onePage("", "/Resources<</XObject<</I 5 0 R>>>>", stream("", "q 595 0 0 842 0 0 cm /I Do Q"),
		stream("/Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 16/ColorSpace/DeviceCMYK/Filter/FlateDecode", deflated("\x00", 100<<20))), "", false)
	for _, filter := range []string{"JBIG2Decode", "JPXDecode", "CCITTFaxDecode", "LZWDecode", "RunLengthDecode", "DCTDecode", "ASCII85Decode"} {
		dice := rand.New(rand.NewPCG(1, uint64(len(filter))))
		noise := make([]byte, 20_000)
		for i := range noise {
			noise[i] = byte(dice.Uint32())
		}
		add(filter, onePage("", "/Resources<</XObject<</I 5 0 R>>>>", stream("", "q 595 0 0 842 0 0 cm /I Do Q"),
			stream("/Type/XObject/Subtype/Image/Width 20000/Height 20000/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/"+filter, string(noise))), "", false)
	}
	for _, deep := range []struct{ name, open, shut string }{{"arrays", "[", "]"}, {"dictionaries", "<</A", ">>"}} {
		const n = 200_000
		add("deep "+deep.name, onePage("/Extra "+strings.Repeat(deep.open, n)+" 1 "+strings.Repeat(deep.shut, n), "", plain), inside, false)
	}
	add("deep content", onePage("", "", stream("", strings.Repeat("q ", 500_000)+strings.Repeat("[", 500_000)+code)), inside, false)
	for _, box := range []string{"0 0 1000000000 1000000000", "0 0 1e38 1e38", "-9e99 -9e99 9e99 9e99", "0 0 0 0", "0 0 -5 -5", "0 0 100000 1", "0 0 1 100000", "0 0 .0001 .0001", "nan nan nan nan"} {
		file := bytes.Replace(onePage("", "/UserUnit 75", plain), []byte("0 0 595 842"), []byte(box), 1)
		add("box "+box, file, inside, false)
	}
	return all
}

// damaged are cards cut short and with single bytes turned.
func damaged(t testing.TB) []trial {
	doc, code, err := scans.Document(3, pdf.LayoutA4)
	if err != nil {
		t.Fatal(err)
	}
	picture := qrPNG(t, inside)
	dice := rand.New(rand.NewPCG(2, 3))
	var all []trial
	for i := range 16 {
		all = append(all, trial{fmt.Sprintf("pdf cut %d", i), doc[:len(doc)*i/16], code, false})
		flipped := bytes.Clone(doc)
		for range 1 + i%8*4 {
			flipped[dice.IntN(len(flipped))] ^= byte(1 << dice.IntN(8))
		}
		all = append(all, trial{fmt.Sprintf("pdf turned %d", i), flipped, code, false})
		all = append(all, trial{fmt.Sprintf("png cut %d", i), picture[:len(picture)*i/16], inside, false})
	}
	return append(all, trial{"pdf whole", doc, code, true}, trial{"png whole", picture, inside, true})
}

func pngOf(w, h uint32, depth, kind, interlace byte, chunks ...string) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name, body string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
		at := len(b)
		b = append(append(b, name...), body...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[at:]))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	chunk("IHDR", string(append(head, depth, kind, 0, 0, interlace)))
	for i := 0; i+1 < len(chunks); i += 2 {
		chunk(chunks[i], chunks[i+1])
	}
	chunk("IEND", "")
	return b
}

func hostilePictures(t testing.TB) []trial {
	var all []trial
	add := func(name string, file []byte) { all = append(all, trial{name, file, "", false}) }
	black := deflated("\x00", 200<<20)
	add("png 60000 × 60000", pngOf(60000, 60000, 8, 6, 0, "IDAT", black))
	add("png of all sides", pngOf(0x7fffffff, 0x7fffffff, 16, 6, 1, "IDAT", black))
	add("png 40 MP of 64 bits", pngOf(6300, 6300, 16, 6, 0, "IDAT", black))
	add("png 20 MP of 64 bits, interlaced", pngOf(4400, 4400, 16, 6, 1, "IDAT", black))
	add("png 19 MP interlaced", pngOf(4350, 4350, 8, 6, 1, "IDAT", black))
	add("png 40 MP of 32 bits", pngOf(6300, 6300, 8, 6, 0, "IDAT", black))
	add("png 40 MP grey", pngOf(6300, 6300, 8, 0, 0, "IDAT", black))
	add("png without size", pngOf(0, 0, 8, 0, 0, "IDAT", black))
	add("png with text bombs", pngOf(100, 100, 8, 0, 0, "zTXt", "a\x00\x00"+black, "iTXt", "a\x00\x01\x00\x00\x00"+black, "iCCP", "a\x00\x00"+black, "IDAT", black))
	add("png of palette alone", pngOf(6000, 6000, 8, 3, 0, "PLTE", strings.Repeat("\x00", 768), "IDAT", black))
	add("jpeg of scans", progressive(5500, 5500, 3000))
	add("jpeg 65500 × 65500", progressive(65500, 65500, 10))
	add("jpeg 40 MP progressive", progressive(6300, 6300, 10))
	add("gif 65535 × 65535", []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x4c\x01\x00;"))
	dice := rand.New(rand.NewPCG(4, 5))
	for i, head := range []string{"", "%PDF-1.7\n", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff\xe0", "GIF89a", "PK\x03\x04", "RIFF....WEBP", "<svg>"} {
		noise := make([]byte, 1000<<i)
		for j := range noise {
			noise[j] = byte(dice.Uint32())
		}
		add(fmt.Sprintf("noise %.5q", head), append([]byte(head), noise...))
	}
	add("one byte", []byte{0})
	add("zeros", make([]byte, MaxBytes))
	// Two formats in one: whichever is read, only what it shows may come.
	picture := qrPNG(t, inside)
	page := onePage("", "", stream("", drawn(t, inside)))
	all = append(all, trial{"pdf behind a png", append(bytes.Clone(picture), page...), inside, true},
		trial{"png behind a pdf", append(bytes.Clone(page), picture...), inside, true},
		trial{"pdf behind a kilobyte", append([]byte(strings.Repeat(" ", 900)), page...), inside, true})
	for _, pattern := range []string{"image/png/testdata/*.png", "image/png/testdata/*/*.png", "image/testdata/*"} {
		files, err := filepath.Glob(filepath.Join(goroot(t), "src", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files: %v", pattern, len(files), err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > 0 {
				add(filepath.Base(f), b)
			}
		}
	}
	return all
}

func goroot(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// progressive is a grey JPEG of n scans that each say, in a few bytes, that nothing more comes for the whole picture.
func progressive(w, h uint16, n int) []byte {
	b := []byte("\xff\xd8\xff\xdb\x00\x43\x00" + strings.Repeat("\x01", 64) + "\xff\xc2\x00\x0b\x08")
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, h), w)
	b = append(b, "\x01\x01\x11\x00"...)
	b = append(b, "\xff\xc4\x00\x14\x10\x01"+strings.Repeat("\x00", 15)+"\xe0"...) // AC table 0: the one code 0 is "no more in 16384 blocks and so many"
	blocks := (int(w) + 7) / 8 * ((int(h) + 7) / 8)
	for range n {
		b = append(b, "\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"...)
		for left := blocks; left > 0; left -= 32767 {
			b = append(b, 0x7f, 0xff, 0x00) // 0, then fourteen ones; the last bit and byte begin the next
		}
	}
	return append(b, "\xff\xd9"...)
}

// large is an A4 page of 600 dpi in colour, with a code in it: as much as the child must bear.
func large(t testing.TB) []byte {
	m, err := qr.Encode(inside)
	if err != nil {
		t.Fatal(err)
	}
	const w, h, module = 4960, 7016, 24
	img := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.White, color.Black})
	for y := range m.Size() * module {
		for x := range m.Size() * module {
			if m.At(x/module, y/module) {
				img.Pix[(500+y)*w+500+x] = 1
			}
		}
	}
	var rows bytes.Buffer
	z, _ := zlib.NewWriterLevel(&rows, zlib.BestSpeed)
	line := make([]byte, 1+3*w)
	for y := range h {
		for x, v := range img.Pix[y*w:][:w] {
			c := 255 - v*255
			line[1+3*x], line[2+3*x], line[3+3*x] = c, c, c
		}
		_, _ = z.Write(line)
	}
	_ = z.Close()
	return pngOf(w, h, 8, 2, 0, "IDAT", rows.String())
}

// Whatever comes, the parent lives, the child stays small and quick, and no text is read that is not there.
func TestHostileFiles(t *testing.T) {
	trials := slices.Concat(hostilePDFs(t), damaged(t), hostilePictures(t), []trial{{"png of 600 dpi", large(t), inside, true}})
	var mu sync.Mutex
	var slowest time.Duration
	largest, told, families := 0, 0, map[string]int{}
	worst := [2]string{}
	parallel(len(trials), func(i int) {
		c := trials[i]
		timeout := DefaultTimeout
		if c.must {
			timeout = plenty
		}
		m := measure(c.file, timeout)
		mu.Lock()
		defer mu.Unlock()
		family := "found"
		switch {
		case m.err == nil && (len(m.Texts) != 1 || m.Texts[0] != c.text || c.text == ""):
			t.Errorf("%s: read %.40q", c.name, m.Texts)
		case m.err != nil && c.must:
			t.Errorf("%s: %v", c.name, m.err)
		case m.err != nil:
			family = ""
			for _, want := range []error{ErrNothing, ErrFormat, ErrLocked, ErrTooLarge, ErrTimeout, ErrBroken} {
				if errors.Is(m.err, want) {
					family = strings.TrimPrefix(want.Error(), "optic: ")
				}
			}
			if family == "" {
				t.Errorf("%s: an error of no family: %v", c.name, m.err)
			}
		}
		families[family]++
		if errors.Is(m.err, ErrBroken) {
			t.Errorf("%s ended the child: %v", c.name, m.err)
		}
		if m.took > 5*time.Second && !c.must {
			t.Errorf("%s took %v", c.name, m.took)
		}
		if m.peak > 256<<10 {
			t.Errorf("%s took %d MB", c.name, m.peak>>10)
		}
		if m.peak > 0 {
			told++
		}
		if m.took > slowest {
			slowest, worst[0] = m.took, c.name
		}
		if m.peak > largest {
			largest, worst[1] = m.peak, c.name
		}
		if testing.Verbose() {
			t.Logf("%-40s %-40s %6d ms %4d MB", c.name, family, m.took.Milliseconds(), m.peak>>10)
		}
	})
	fmt.Printf("count: %d hostile files, slowest %v (%s), largest child %d MB (%s), %d told their peak: %v\n",
		len(trials), slowest.Round(time.Millisecond), worst[0], largest>>10, worst[1], told, families)
	if told < len(trials)*9/10 {
		t.Errorf("only %d of %d children told their peak", told, len(trials))
	}
	if families["found"] < 12 {
		t.Errorf("only %d files were read: the controls fail", families["found"])
	}
}

func TestLockedPDF(t *testing.T) {
	qpdf := tool(t, "qpdf")
	dir := t.TempDir()
	plain, locked, open := filepath.Join(dir, "plain.pdf"), filepath.Join(dir, "locked.pdf"), filepath.Join(dir, "open.pdf")
	if err := os.WriteFile(plain, onePage("", "", stream("", drawn(t, inside))), 0o600); err != nil {
		t.Fatal(err)
	}
	for out, user := range map[string]string{locked: "secret", open: ""} {
		if b, err := exec.Command(qpdf, "--encrypt", user, "owner", "256", "--", plain, out).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	for file, want := range map[string]error{locked: ErrLocked, open: nil} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m := measure(b, plenty); !errors.Is(m.err, want) || want == nil && (len(m.Texts) != 1 || m.Texts[0] != inside) {
			t.Errorf("%s: %v, %.40q", filepath.Base(file), m.err, m.Texts)
		}
	}
}

// The tracer must see no call to the network, and it must be able to see one.
func TestNoNetwork(t *testing.T) {
	strace := tool(t, "strace")
	traced := func(word string, file []byte) (string, error) {
		log := filepath.Join(t.TempDir(), "trace")
		r := &Reader{Exe: strace, Args: []string{"-f", "-qq", "-e", "trace=network", "-o", log, made().exe, word}, Cache: made().cache, Timeout: plenty,
			watched: &watch{errs: io.Discard, ready: func() {}}}
		_, err := r.Read(t.Context(), bytes.NewReader(file))
		b, readErr := os.ReadFile(log)
		if readErr != nil {
			t.Fatal(readErr)
		}
		return string(b), err
	}
	if log, err := traced("dial", qrPNG(t, inside)); err != nil || !strings.Contains(log, "socket(") {
		t.Fatalf("the control: a child that dials is not seen: %v, %q", err, log)
	}
	n := 0
	for _, c := range hostilePDFs(t) {
		if !strings.Contains(c.name, "action") && !strings.Contains(c.name, "file") && !strings.Contains(c.name, "control") {
			continue
		}
		n++
		log, err := traced("peak", c.file)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, "(") && !strings.Contains(line, "---") {
				t.Errorf("%s: %s", c.name, line)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d files were traced", n)
	}
}
