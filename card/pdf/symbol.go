// The code on paper: black modules on white, never under 30 mm, with its quiet zone.

package pdf

import "sceau/card/qr"

const (
	quietModules = 4    // of white on each side (ISO/IEC 18004)
	minSymbol    = 30.0 // mm a side without the quiet zone
	minModules   = 37   // version 5: below, the quiet zone takes too much of the square
)

// oversample is the number of image pixels a module side. Renderers smooth an image that they enlarge less than four times,
// and smoothing across whole modules is what makes a scan of a laser print fail; across half ones it is harmless.
const oversample = 2

// doubled holds, for each 4 modules, their 8 pixels.
var doubled = func() (out [16]byte) {
	for v := range out {
		for bit := range 4 {
			if v>>bit&1 != 0 {
				out[v] |= 3 << (2 * bit)
			}
		}
	}
	return out
}()

// symbol draws m in a white square of side mm, quiet zone included. The modules are a 1-bit inline image. Its bytes are pairs
// of equal bits, which neither E nor I is, and the first is black: so no reader can mistake one for the end of the image or
// for the space before it.
func (c *canvas) symbol(m *qr.Matrix, x, y, side float64) {
	n := m.Size()
	module := side / float64(n+2*quietModules)
	q := quietModules * module
	c.rect(x, y, side, side, white)
	c.b = append(c.b, "q "...)
	c.num(float64(n) * module * ptPerMM)
	c.b = append(c.b, "0 0 "...)
	c.num(float64(n) * module * ptPerMM)
	c.num((x + q) * ptPerMM)
	c.num((c.height - y - side + q) * ptPerMM)
	c.b = append(c.b, "cm BI /W "...)
	c.num(float64(n * oversample))
	c.b = append(c.b, "/H "...)
	c.num(float64(n * oversample))
	c.b = append(c.b, "/BPC 1 /CS /G /D [1 0] ID\n"...)
	bytesRow := (n*oversample + 7) / 8
	for row := range n {
		from := len(c.b)
		for _, v := range m.Row(row) {
			c.b = append(c.b, doubled[v>>4], doubled[v&15])
		}
		c.b = c.b[:from+bytesRow]
		c.b = append(c.b, c.b[from:]...)
	}
	c.op("\nEI Q")
}
