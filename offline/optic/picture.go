// Pictures: what format it is, how large it would be, and its points in grey.

package optic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
)

// grey is a picture of one byte a point, 0 black, without padding.
type grey struct {
	w, h int
	pix  []byte
}

func newGrey(w, h int) *grey { return &grey{w: w, h: h, pix: make([]byte, w*h)} }

const (
	// minSide is less than the smallest QR symbol needs at one point a module.
	minSide = 21
	// maxDecoded bounds the memory that decoding a picture takes.
	maxDecoded = 170 << 20
	// maxKept bounds the points of a picture in grey; a larger one is made smaller while it is turned grey. A code that is still legible in a
	// picture of so many points is larger than a card's is in any scan.
	maxKept = 12_000_000
)

// kind names the format of a file by its content.
func kind(file []byte) string {
	switch {
	case bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		return "jpeg"
	case bytes.HasPrefix(file, []byte("GIF87a")), bytes.HasPrefix(file, []byte("GIF89a")):
		return "gif"
	case bytes.Contains(file[:min(len(file), 1024)], []byte("%PDF-")): // readers grant a PDF up to a kilobyte before its header
		return "pdf"
	}
	return ""
}

// decode returns a picture in grey. What it would take is computed from its header before it is decoded.
func decode(file []byte) (*grey, error) {
	var config func([]byte) (image.Config, float64, error)
	var pixels func([]byte) (image.Image, error)
	switch kind(file) {
	case "png":
		config, pixels = pngSize, func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }
	case "jpeg":
		config, pixels = jpegSize, func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }
	case "gif":
		config, pixels = gifSize, func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) }
	default:
		return nil, ErrFormat
	}
	c, perPoint, err := config(file)
	if err != nil {
		return nil, ErrFormat
	}
	points := float64(c.Width) * float64(c.Height)
	switch {
	case c.Width < minSide || c.Height < minSide:
		return nil, ErrNothing
	case points > MaxPoints || points*perPoint > maxDecoded:
		return nil, fmt.Errorf("%w: %d × %d points", ErrTooLarge, c.Width, c.Height)
	}
	img, err := pixels(file)
	if err != nil {
		return nil, ErrFormat
	}
	return toGrey(img), nil
}

func bytesOf(m color.Model) float64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

func pngSize(b []byte) (image.Config, float64, error) {
	c, err := png.DecodeConfig(bytes.NewReader(b))
	per := bytesOf(c.ColorModel)
	if len(b) > 28 && b[28] == 1 { // interlaced: passes are decoded on their own and then merged
		per *= 2
	}
	return c, per, err
}

func gifSize(b []byte) (image.Config, float64, error) {
	c, err := gif.DecodeConfig(bytes.NewReader(b))
	return c, 2, err
}

// jpegSize also looks for what makes a JPEG's decoder keep all coefficients: four bytes each, before the points.
func jpegSize(b []byte) (image.Config, float64, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return c, 0, err
	}
	per, comps := 3.0, 3.0
	switch c.ColorModel {
	case color.GrayModel:
		per, comps = 1, 1
	case color.CMYKModel:
		per, comps = 8, 4 // decoded, then converted
	}
	for i := 2; i+9 < len(b) && b[i] == 0xff; {
		marker := b[i+1]
		if marker == 0xff {
			i++
			continue
		}
		if marker >= 0xc0 && marker <= 0xc2 { // the frame: SOF0, SOF1 or SOF2
			if n := int(b[i+9]); n == 3 && i+18 < len(b) {
				first := float64(b[i+11]>>4) * float64(b[i+11]&15)
				all := first + float64(b[i+14]>>4)*float64(b[i+14]&15) + float64(b[i+17]>>4)*float64(b[i+17]&15)
				if first > 0 && all >= first {
					comps = all / first
					per = max(comps, 1)
				}
			}
			if marker == 0xc2 {
				per += 4 * comps
			}
			break
		}
		i += 2 + int(binary.BigEndian.Uint16(b[i+2:]))
	}
	return c, per, nil
}

// toGrey takes the luminance over white, made smaller by a whole number where the picture is larger than maxKept.
func toGrey(img image.Image) *grey {
	b := img.Bounds()
	step := int(math.Ceil(math.Sqrt(float64(b.Dx()) * float64(b.Dy()) / maxKept)))
	step = max(step, 1)
	out := newGrey(b.Dx()/step, b.Dy()/step)
	row := make([]uint32, out.w)
	for y := range out.h {
		clear(row)
		for dy := range step {
			addRow(img, b.Min.X, b.Min.Y+y*step+dy, step, row)
		}
		for x, v := range row {
			out.pix[y*out.w+x] = byte(v / uint32(step*step))
		}
	}
	return out
}

// addRow adds the luminances of one line of points to row, step points to one.
func addRow(img image.Image, x0, y, step int, row []uint32) {
	switch p := img.(type) {
	case *image.Gray:
		line := p.Pix[p.PixOffset(x0, y):]
		for x := range row {
			for dx := range step {
				row[x] += uint32(line[x*step+dx])
			}
		}
	case *image.YCbCr:
		line := p.Y[p.YOffset(x0, y):]
		for x := range row {
			for dx := range step {
				row[x] += uint32(line[x*step+dx])
			}
		}
	case *image.NRGBA:
		addRGBA(p.Pix[p.PixOffset(x0, y):], step, row, false)
	case *image.RGBA:
		addRGBA(p.Pix[p.PixOffset(x0, y):], step, row, true)
	default:
		for x := range row {
			for dx := range step {
				r, g, b, a := img.At(x0+x*step+dx, y).RGBA()
				row[x] += (299*r+587*g+114*b)/1000>>8 + (0xffff-a)>>8
			}
		}
	}
}

func addRGBA(line []byte, step int, row []uint32, premultiplied bool) {
	for x := range row {
		for dx := range step {
			q := line[4*(x*step+dx):][:4:4]
			l, a := (299*uint32(q[0])+587*uint32(q[1])+114*uint32(q[2]))/1000, uint32(q[3])
			if !premultiplied {
				l = l * a / 255
			}
			row[x] += l + 255 - a
		}
	}
}
