// Colours and the contrast rule that keeps a card readable whatever an insurer chooses.

package pdf

import (
	"encoding/hex"
	"fmt"
	"math"
)

// MinContrast is the least ratio between a text and what it stands on (WCAG 2.2, 1.4.3 level AA).
const MinContrast = 4.5

// Color is an opaque sRGB colour.
type Color struct{ R, G, B uint8 }

var (
	white = Color{255, 255, 255}
	black = Color{}
	ink   = Color{0x1b, 0x25, 0x2d} // running text
	quiet = Color{0x55, 0x62, 0x6d} // labels and small print; 6.2:1 on white
)

// ParseColor reads "#rrggbb" and nothing else.
func ParseColor(s string) (Color, error) {
	if len(s) != 7 || s[0] != '#' {
		return Color{}, fmt.Errorf("%w: %.20q is not a colour of the form #rrggbb", ErrTheme, s)
	}
	b, err := hex.DecodeString(s[1:])
	if err != nil {
		return Color{}, fmt.Errorf("%w: %.20q is not a colour of the form #rrggbb", ErrTheme, s)
	}
	return Color{b[0], b[1], b[2]}, nil
}

// String returns "#rrggbb".
func (c Color) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// Contrast returns the WCAG contrast ratio of two colours, 1 to 21.
func Contrast(a, b Color) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2, 0 to 1.
func (c Color) luminance() float64 {
	lin := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
}

// mix returns c with a share (0 to 1) of d.
func (c Color) mix(d Color, share float64) Color {
	m := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-share) + float64(b)*share)) }
	return Color{m(c.R, d.R), m(c.G, d.G), m(c.B, d.B)}
}

// over returns white or black, whichever reads better on c. One of the two always reaches 4.58:1.
func (c Color) over() Color {
	if Contrast(c, white) >= Contrast(c, black) {
		return white
	}
	return black
}

// onWhite returns c, darkened as far as needed to be read as small text on paper and on the header strips tinted with it.
func (c Color) onWhite() Color {
	strip := white.mix(c, stripShare)
	for share := 0.0; share < 1; share += 0.05 {
		if d := c.mix(black, share); Contrast(d, strip) >= MinContrast {
			return d
		}
	}
	return black
}

// stripShare is how much of the primary colour the header strips of the table have.
const stripShare = 0.14
