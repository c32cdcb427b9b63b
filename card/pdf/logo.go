// The insurer's logo: any sane PNG or JPEG comes in, one small plain PNG goes into the document.

package pdf

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // a logo may be a photograph
	"image/png"
)

// Bounds of a logo file. A decoder allocates by the pixels that a header claims, so the claim is checked first.
const (
	maxLogoBytes  = 512 << 10
	maxLogoPixels = 4_000_000
	logoWidth     = 560 // pixels kept: 300 dpi at the largest place it is printed in, 47 mm
	logoHeight    = 200
)

// logo is a picture ready for embedding.
type logo struct {
	png  []byte
	w, h float64 // pixels, for its proportions
}

// SetLogo takes a PNG or JPEG file of at most 512 KiB and 4 megapixels. What is embedded is redrawn from its pixels, so
// neither its metadata nor anything hidden behind the picture reaches a card. Errors are ErrTheme.
func (t *Theme) SetLogo(file []byte) error {
	if len(file) > maxLogoBytes {
		return fmt.Errorf("%w: logo of %d bytes, at most %d", ErrTheme, len(file), maxLogoBytes)
	}
	conf, kind, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || (kind != "png" && kind != "jpeg") {
		return fmt.Errorf("%w: logo is neither PNG nor JPEG", ErrTheme)
	}
	if conf.Width < 1 || conf.Height < 1 || conf.Width > maxLogoPixels/conf.Height {
		return fmt.Errorf("%w: logo of %d × %d pixels, at most %d in all", ErrTheme, conf.Width, conf.Height, maxLogoPixels)
	}
	if r := float64(conf.Width) / float64(conf.Height); r > 12 || r < 1.0/3 {
		return fmt.Errorf("%w: logo of %d × %d pixels is too long or too tall for a card", ErrTheme, conf.Width, conf.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return fmt.Errorf("%w: logo: %v", ErrTheme, err)
	}
	small := shrink(img)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		return fmt.Errorf("%w: logo: %v", ErrTheme, err)
	}
	b := small.Bounds()
	t.logo = &logo{png: out.Bytes(), w: float64(b.Dx()), h: float64(b.Dy())}
	return nil
}

// shrink flattens img on white, which is what it is printed on, and averages it down to the size that print needs.
func shrink(img image.Image) *image.RGBA {
	b := img.Bounds()
	scale := max(1, float64(b.Dx())/logoWidth, float64(b.Dy())/logoHeight)
	w, h := max(1, int(float64(b.Dx())/scale)), max(1, int(float64(b.Dy())/scale))
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		y0, y1 := b.Min.Y+y*b.Dy()/h, b.Min.Y+(y+1)*b.Dy()/h
		for x := range w {
			x0, x1 := b.Min.X+x*b.Dx()/w, b.Min.X+(x+1)*b.Dx()/w
			var sum [3]uint64
			for sy := y0; sy < y1; sy++ {
				for sx := x0; sx < x1; sx++ {
					r, g, bl, a := img.At(sx, sy).RGBA() // premultiplied
					sum[0] += uint64(r + 0xffff - a)
					sum[1] += uint64(g + 0xffff - a)
					sum[2] += uint64(bl + 0xffff - a)
				}
			}
			n := uint64((y1-y0)*(x1-x0)) * 257
			out.SetRGBA(x, y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
	return out
}

// within returns the largest place in b that keeps the logo's proportions, in the middle.
func (l *logo) within(b box) box {
	k := min(b.w/l.w, b.h/l.h)
	w, h := l.w*k, l.h*k
	return box{b.x + (b.w-w)/2, b.y + (b.h-h)/2, w, h}
}
