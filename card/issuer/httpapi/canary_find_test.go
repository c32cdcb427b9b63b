// The search for what says something about a person, in every form in which it could leave the service.

package httpapi

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/unicode/norm"
)

// canaries looks for many texts at once. Texts are compared twice: as they are (Base64 has two cases), and without case and
// accents.
type canaries struct {
	exact, folded canaryForms
	texts         int
}

// canaryKey is how many bytes of a form are looked up; shorter forms occur by chance and are none.
const canaryKey = 8

type canaryForms struct {
	bits []uint64 // which keys there are, roughly: nearly every place of a text ends here
	head map[uint64]int32
	all  []canaryForm
	had  map[string]bool
}

type canaryForm struct {
	text, kind string
	whole      bool // digits that stand between other letters or digits are something else
	next       int32
}

const canaryBits = 24

func canaryBit(key uint64) uint64 { return key * 0x9E3779B97F4A7C15 >> (64 - canaryBits) }

func newCanaries() *canaries {
	one := func() canaryForms {
		return canaryForms{bits: make([]uint64, 1<<canaryBits/64), head: map[uint64]int32{}, had: map[string]bool{}}
	}
	return &canaries{exact: one(), folded: one()}
}

func (f *canaryForms) add(kind, text string, whole bool) {
	if len(text) < canaryKey || f.had[text] {
		return
	}
	f.had[text] = true
	key := binary.LittleEndian.Uint64([]byte(text))
	next, ok := f.head[key]
	if !ok {
		next = -1
	}
	f.head[key] = int32(len(f.all))
	f.all = append(f.all, canaryForm{text, kind, whole, next})
	bit := canaryBit(key)
	f.bits[bit/64] |= 1 << (bit % 64)
}

func (f *canaryForms) find(b []byte, found map[string]bool) {
	for i := 0; i+canaryKey <= len(b); i++ {
		key := binary.LittleEndian.Uint64(b[i:])
		bit := canaryBit(key)
		if f.bits[bit/64]&(1<<(bit%64)) == 0 {
			continue
		}
		at, ok := f.head[key]
		for ; ok && at >= 0; at = f.all[at].next {
			n := &f.all[at]
			if len(b)-i < len(n.text) || string(b[i:i+len(n.text)]) != n.text {
				continue
			}
			if n.whole && (i > 0 && alnum(b[i-1]) || i+len(n.text) < len(b) && alnum(b[i+len(n.text)])) {
				continue
			}
			found[n.kind] = true
		}
	}
}

func alnum(c byte) bool { return c >= '0' && c <= '9' || c|32 >= 'a' && c|32 <= 'z' }

// foldText drops case and accents.
func foldText(b []byte) []byte {
	plain := true
	for _, c := range b {
		plain = plain && c < 0x80
	}
	if plain {
		return bytes.ToLower(b)
	}
	var out []byte
	for _, r := range string(norm.NFD.Bytes(b)) {
		if !unicode.Is(unicode.Mn, r) {
			out = append(out, string(unicode.ToLower(r))...)
		}
	}
	return out
}

// add takes a text of a person. whole is for short numbers.
func (c *canaries) add(kind, text string, whole bool) {
	c.texts++
	fold := func(form, s string, whole bool) {
		c.folded.add(kind+" "+form, string(foldText([]byte(s))), whole)
	}
	fold("raw", text, whole)
	fold("URL-encoded", url.QueryEscape(text), whole)
	fold("URL-encoded", url.PathEscape(text), whole)
	digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) < 0
	if digits {
		back := []byte(text)
		slices.Reverse(back)
		fold("reversed", string(back), true)
		for form, s := range map[string]string{"spaced": text, "reversed and spaced": string(back)} {
			fold(form, strings.Join(strings.Split(s, ""), " "), true)
			if len(s) >= 13 { // as a NIR is printed
				fold(form, strings.TrimSpace(s[:1]+" "+s[1:3]+" "+s[3:5]+" "+s[5:7]+" "+s[7:10]+" "+s[10:13]+" "+s[13:]), true)
			}
			if len(s) == 8 { // as dates are
				fold(form, s[:4]+"-"+s[4:6]+"-"+s[6:], true)
				fold(form, s[6:]+"/"+s[4:6]+"/"+s[:4], true)
			}
		}
	}
	var escaped strings.Builder // as JSON may write it
	for _, r := range text {
		if r < 0x80 {
			escaped.WriteRune(r)
		} else {
			escaped.WriteString(`\u` + hex.EncodeToString([]byte{byte(r >> 8), byte(r)}))
		}
	}
	fold("escaped", escaped.String(), whole)
	for _, variant := range []string{text, strings.ToLower(text), strings.ToUpper(string(foldText([]byte(text))))} {
		b := []byte(variant)
		fold("hex", hex.EncodeToString(b), false)
		m, s1, s2 := md5.Sum(b), sha1.Sum(b), sha256.Sum256(b)
		for form, sum := range map[string][]byte{"MD5": m[:], "SHA-1": s1[:], "SHA-256": s2[:]} {
			fold(form, hex.EncodeToString(sum), false)
			c.base64(kind+" "+form+" base64", sum)
		}
		c.base64(kind+" base64", b)
	}
}

// base64 adds the three alignments in two alphabets. Less than nine bytes leave too little between their neighbours.
func (c *canaries) base64(kind string, b []byte) {
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := enc.EncodeToString(append(make([]byte, shift), b...))
			from, to := (shift*8+5)/6, len(text)
			if (shift+len(b))%3 != 0 {
				to--
			}
			c.exact.add(kind, text[from:to], false)
		}
	}
}

// token takes a text that is secret as it is, such as a card's code.
func (c *canaries) token(kind, text string) {
	c.texts++
	c.exact.add(kind, text, false)
}

// find names what is in a text, also below Base64 and compression.
func (c *canaries) find(b []byte) map[string]bool {
	found := map[string]bool{}
	c.look(b, found, 0)
	return found
}

var canaryZstd, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))

func (c *canaries) look(b []byte, found map[string]bool, depth int) {
	c.exact.find(b, found)
	c.folded.find(foldText(b), found)
	if depth == 4 {
		return
	}
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
			if plain, err := io.ReadAll(io.LimitReader(z, 64<<20)); err == nil {
				c.look(plain, found, depth+1)
			}
		}
	}
	if bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		if plain, err := canaryZstd.DecodeAll(b, nil); err == nil {
			c.look(plain, found, depth+1)
		}
	}
	for from := 0; from < len(b); from++ {
		to := from
		for to < len(b) && (alnum(b[to]) || strings.IndexByte("+/-_", b[to]) >= 0) {
			to++
		}
		if to-from >= 24 {
			for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				if inner, err := enc.DecodeString(string(b[from:to])); err == nil {
					c.look(inner, found, depth+1)
					break
				}
			}
		}
		from = to
	}
}
