// The drawn symbol: its modules, packed as a 1-bit image wants them, and its pictures.

package qr

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"sync"
)

const (
	maxSize   = 17 + 4*MaxVersion
	maxStride = (maxSize + 7) / 8
)

// Matrix is one symbol without its quiet zone. It is never changed once made and may be read by several goroutines.
type Matrix struct {
	version int
	bits    [maxSize * maxStride]byte // rows of Stride bytes, leftmost module in the top bit, 1 is dark
}

func newMatrix(version int) *Matrix { return &Matrix{version: version} }

// Version is the symbol's version, 1 to MaxVersion.
func (m *Matrix) Version() int { return m.version }

// Size is the number of modules a side, without the quiet zone: 21 to 97.
func (m *Matrix) Size() int { return 17 + 4*m.version }

// Stride is the number of bytes of a packed row.
func (m *Matrix) Stride() int { return (m.Size() + 7) / 8 }

// At tells whether the module in column x of row y is dark. Outside the symbol all is light.
func (m *Matrix) At(x, y int) bool {
	n := m.Size()
	return x >= 0 && y >= 0 && x < n && y < n && m.bits[y*m.Stride()+x/8]&(0x80>>(x&7)) != 0
}

// Bits returns a copy of all rows from the top, Stride bytes each, leftmost module in the top bit, 1 is dark, unused bits 0:
// the data of a PDF 1-bit image mask with /Decode [1 0], without its quiet zone.
func (m *Matrix) Bits() []byte { return m.AppendBits(nil) }

// AppendBits appends what Bits returns to b, for a print run that reuses one buffer.
func (m *Matrix) AppendBits(b []byte) []byte { return append(b, m.bits[:m.Size()*m.Stride()]...) }

// Row returns row y as Bits packs it. The caller must not change it. It panics when y is not in the symbol.
func (m *Matrix) Row(y int) []byte {
	if y < 0 || y >= m.Size() {
		panic(fmt.Sprintf("qr: no row %d in a symbol of %d", y, m.Size()))
	}
	s := m.Stride()
	return m.bits[y*s : y*s+s : y*s+s]
}

// maxModulePx bounds the picture: 64 pixels a module make 6,720 pixels a side at most, 43 Mpixel.
const maxModulePx = 64

// PNG writes the symbol with its quiet zone as a 1-bit picture of modulePx pixels a module, 1 to 64.
// Equal symbols give equal bytes.
func (m *Matrix) PNG(w io.Writer, modulePx int) error {
	if modulePx < 1 || modulePx > maxModulePx {
		return fmt.Errorf("qr: %d pixels a module is not within 1 to %d", modulePx, maxModulePx)
	}
	side := (m.Size() + 2*Quiet) * modulePx
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.Gray{Y: 255}, color.Gray{Y: 0}})
	for y := range m.Size() {
		top := img.Pix[(y+Quiet)*modulePx*side:][:side]
		for x := range m.Size() {
			if m.At(x, y) {
				from := (x + Quiet) * modulePx
				for i := range modulePx {
					top[from+i] = 1
				}
			}
		}
		for i := 1; i < modulePx; i++ {
			copy(img.Pix[((y+Quiet)*modulePx+i)*side:], top)
		}
	}
	return (&png.Encoder{BufferPool: buffers{}}).Encode(w, img) // best compression costs four times as much and saves nothing here
}

// buffers lends the encoder's compressors from picture to picture.
type buffers struct{}

var pngBuffers = sync.Pool{New: func() any { return new(png.EncoderBuffer) }}

func (buffers) Get() *png.EncoderBuffer  { return pngBuffers.Get().(*png.EncoderBuffer) }
func (buffers) Put(b *png.EncoderBuffer) { pngBuffers.Put(b) }

// SVG writes the symbol with its quiet zone as one path over a white ground; a module is one unit of the view box.
func (m *Matrix) SVG(w io.Writer) error {
	b := bufio.NewWriter(w)
	side := m.Size() + 2*Quiet
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img">`, side, side)
	fmt.Fprintf(b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="`, side, side)
	for y := range m.Size() {
		for x := 0; x < m.Size(); x++ {
			from := x
			for m.At(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(b, "M%d %dh%dv1h-%dz", from+Quiet, y+Quiet, x-from, x-from)
			}
		}
	}
	fmt.Fprint(b, "\"/></svg>\n")
	return b.Flush()
}
