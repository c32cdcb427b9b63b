// The embedded faces: which byte of which plane prints a character, how wide it is, and its entry into a document.

package pdf

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/go-pdf/fpdf"
)

//go:embed fonts/faces.json fonts/mono.json fonts/*.z
var fontFiles embed.FS

// face is one of the embedded designs.
type face uint8

const (
	text     face = iota // Roboto Regular: the letter
	cond                 // Roboto Condensed: labels, names, cells
	condBold             // Roboto Condensed Bold: headings, values
	mono                 // DejaVu Sans Mono, Windows-1252 only: commands and fingerprints on papers
	faceCount
)

var faceNames = [faceCount]string{"text", "cond", "condbold", "mono"}

// maxRune is the end of what the direct table covers; the few characters above it are in a map.
const maxRune = 0x1f00

// glyph is where a character is: its plane and its byte there. The zero glyph means that no face has it.
type glyph struct{ plane, code uint8 }

// plane is one 8-bit font file of a face.
type plane struct {
	def   []byte      // fpdf's JSON font definition
	file  []byte      // the TrueType file, deflated
	width [256]uint16 // thousandths of the size
	res   string      // resource name in every document, "F" and a digest of def
}

// mark says how a combining mark sits on its base.
type mark struct {
	middle int  // middle of its ink, thousandths of the size right of the pen; negative
	above  bool // over the letter rather than under or across
}

// repertoire is everything that can be printed.
type repertoire struct {
	low    [maxRune]glyph
	high   map[rune]glyph
	planes [faceCount][]plane
	marks  [faceCount]map[rune]mark
	space  [faceCount]int // width of a space
}

var loadFaces = sync.OnceValue(func() *repertoire {
	r, err := readFaces()
	if err != nil {
		panic("pdf: embedded fonts: " + err.Error())
	}
	return r
})

func readFaces() (*repertoire, error) {
	b, err := fontFiles.ReadFile("fonts/faces.json")
	if err != nil {
		return nil, err
	}
	type entry struct {
		Def   json.RawMessage   `json:"def"`
		Marks map[string][2]int `json:"marks"`
	}
	var file struct {
		Planes [][256]rune        `json:"planes"`
		Faces  map[string][]entry `json:"faces"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, err
	}
	r := &repertoire{high: map[rune]glyph{}}
	for p, codes := range file.Planes {
		for code, c := range codes {
			switch {
			case c == 0:
			case c < maxRune:
				r.low[c] = glyph{uint8(p), uint8(code)}
			default:
				r.high[c] = glyph{uint8(p), uint8(code)}
			}
		}
	}
	// Typographic twins of characters that plane 0 has: same ink, so nothing is lost.
	r.high['\u2011'] = r.low['-']
	r.high['\u202f'] = r.low['\u00a0']
	r.high['\u2009'] = r.low['\u00a0']
	r.high['\u2212'] = r.high['\u2013']
	def, err := fontFiles.ReadFile("fonts/mono.json")
	if err != nil {
		return nil, err
	}
	file.Faces[faceNames[mono]] = []entry{{Def: def}}
	for f := range faceCount {
		r.marks[f] = map[rune]mark{}
		for p, in := range file.Faces[faceNames[f]] {
			pl := plane{def: in.Def}
			var def struct {
				Cw   [256]uint16
				File string
			}
			if err := json.Unmarshal(in.Def, &def); err != nil {
				return nil, err
			}
			pl.width = def.Cw
			if pl.file, err = fontFiles.ReadFile("fonts/" + def.File); err != nil {
				return nil, err
			}
			for s, m := range in.Marks {
				c, err := strconv.Atoi(s)
				if err != nil {
					return nil, err
				}
				r.marks[f][rune(c)] = mark{m[0], m[1] == 1}
			}
			if pl.res, err = resourceName(familyOf(f, p), pl.def, pl.file); err != nil {
				return nil, err
			}
			r.planes[f] = append(r.planes[f], pl)
		}
		r.space[f] = r.units(f, " ")
		if f != mono && len(r.planes[f]) != len(file.Planes) {
			return nil, fmt.Errorf("face %s has %d planes, not %d", faceNames[f], len(r.planes[f]), len(file.Planes))
		}
	}
	return r, nil
}

func familyOf(f face, p int) string { return faceNames[f] + strconv.Itoa(p) }

// resourceName asks fpdf how it will call a font in content streams: a digest of its definition, so the same in every document.
func resourceName(family string, def, file []byte) (string, error) {
	probe := fpdf.New("P", "mm", "A4", "")
	probe.AddFontFromBytes(family, "", def, file)
	tpl := probe.CreateTemplate(func(t *fpdf.Tpl) { t.SetFont(family, "", 1) })
	if err := probe.Error(); err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(string(tpl.Bytes()), "BT /")
	name, _, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 || !strings.HasPrefix(name, "F") {
		return "", fmt.Errorf("no font name in fpdf's stream")
	}
	return name, nil
}

// find returns where c is printed from.
func (r *repertoire) find(c rune) (glyph, bool) {
	if c >= 0 && c < maxRune {
		g := r.low[c]
		return g, g.code != 0
	}
	g, ok := r.high[c]
	return g, ok
}

// CheckText returns ErrGlyph when s holds a character that no face can print.
func CheckText(s string) error {
	r := loadFaces()
	for _, c := range s {
		if _, ok := r.find(c); !ok {
			return fmt.Errorf("%w: U+%04X", ErrGlyph, c)
		}
	}
	return nil
}

// planeSet is a set of planes, one bit each.
type planeSet [faceCount]uint8

// each adds used to s and calls f for each plane that s did not have.
func (s *planeSet) each(used planeSet, f func(face, int)) {
	for i, bits := range used {
		for p := 0; bits&^s[i] != 0; p++ {
			if bits&^s[i]&(1<<p) != 0 {
				s[i] |= 1 << p
				f(face(i), p)
			}
		}
	}
}

// newDocument is an empty document of pages of one size, in which nothing depends on the clock or on the order of a map.
func newDocument(size fpdf.SizeType, lang string) *fpdf.Fpdf {
	doc := fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: size})
	doc.SetCatalogSort(true)
	doc.SetCompression(false) // pack does it
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.SetLang(lang)
	return doc
}

// addFonts adds the used planes to doc, unless it has them.
func addFonts(doc *fpdf.Fpdf, rep *repertoire, added *planeSet, used planeSet) {
	added.each(used, func(f face, p int) {
		pl := &rep.planes[f][p]
		doc.AddFontFromBytes(familyOf(f, p), "", pl.def, pl.file)
	})
}

// style is a face at a size in points.
type style struct {
	face face
	size float64
}

// units returns the width of s in thousandths of the size. Characters without a glyph count nothing; drawing refuses them.
func (r *repertoire) units(f face, s string) int {
	w := 0
	for _, c := range s {
		if g, ok := r.find(c); ok && int(g.plane) < len(r.planes[f]) {
			w += int(r.planes[f][g.plane].width[g.code])
		}
	}
	return w
}

// width returns the width of s in millimetres.
func (r *repertoire) width(st style, s string) float64 {
	return float64(r.units(st.face, s)) * st.size * mmPerPt / 1000
}
