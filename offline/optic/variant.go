// The same picture otherwise: stretched, smaller, larger, smoother, flatter, turned, in pieces.

package optic

import "math"

// stretch spreads the greys over the whole range, in place, where they fill less than most of it. The outermost thousandth on
// either side is left out: dust. A code may be less than a hundredth of its page.
func (g *grey) stretch() {
	var count [256]int
	for _, v := range g.pix {
		count[v]++
	}
	low, high := 0, 255
	for n := count[0]; n <= len(g.pix)/1000; n += count[low] {
		low++
	}
	for n := count[255]; n <= len(g.pix)/1000; n += count[high] {
		high--
	}
	if high-low > 180 || high-low < 8 {
		return
	}
	var to [256]byte
	for v := range to {
		to[v] = byte(max(0, min(255, (v-low)*255/(high-low))))
	}
	for i, v := range g.pix {
		g.pix[i] = to[v]
	}
}

// blank says that there is nothing to see.
func (g *grey) blank() bool {
	low, high := byte(255), byte(0)
	for _, v := range g.pix {
		low, high = min(low, v), max(high, v)
	}
	return high < low || high-low < 8
}

// half is the picture at half its size; each point is the mean of four.
func (g *grey) half() *grey {
	out := newGrey(g.w/2, g.h/2)
	for y := range out.h {
		a, b := g.pix[2*y*g.w:], g.pix[(2*y+1)*g.w:]
		line := out.pix[y*out.w:][:out.w]
		for x := range line {
			line[x] = byte((int(a[2*x]) + int(a[2*x+1]) + int(b[2*x]) + int(b[2*x+1]) + 2) >> 2)
		}
	}
	return out
}

// smooth is the mean of each point and its eight neighbours: against noise.
func (g *grey) smooth() *grey {
	out := newGrey(g.w, g.h)
	copy(out.pix, g.pix)
	for y := 1; y < g.h-1; y++ {
		a, b, c := g.pix[(y-1)*g.w:], g.pix[y*g.w:], g.pix[(y+1)*g.w:]
		line := out.pix[y*g.w:]
		for x := 1; x < g.w-1; x++ {
			n := int(a[x-1]) + int(a[x]) + int(a[x+1]) + int(b[x-1]) + int(b[x]) + int(b[x+1]) + int(c[x-1]) + int(c[x]) + int(c[x+1])
			line[x] = byte(n / 9)
		}
	}
	return out
}

// maxDoubled bounds a picture that is made larger: the reader's memory.
const maxDoubled = 9_000_000

// double is the picture at twice its size, nil for a large one.
func (g *grey) double() *grey {
	if 4*g.w*g.h > maxDoubled || g.w < 2 || g.h < 2 {
		return nil
	}
	out := newGrey(2*g.w-2, 2*g.h-2)
	for y := range out.h {
		a := g.pix[y/2*g.w:]
		b := g.pix[(y+1)/2*g.w:]
		line := out.pix[y*out.w:][:out.w]
		for x := range line {
			line[x] = byte((int(a[x/2]) + int(a[(x+1)/2]) + int(b[x/2]) + int(b[(x+1)/2]) + 2) >> 2)
		}
	}
	return out
}

// flatten makes each point black or white against the mean around it: for shadows, reflections and paper that shows through.
func (g *grey) flatten() *grey {
	const cell, reach = 16, 2 // means of cells of 16 points, taken over five by five of them
	cw, ch := (g.w+cell-1)/cell, (g.h+cell-1)/cell
	sum, num := make([]int, cw*ch), make([]int, cw*ch)
	for y := range g.h {
		for x, v := range g.pix[y*g.w:][:g.w] {
			c := y/cell*cw + x/cell
			sum[c] += int(v)
			num[c]++
		}
	}
	mean := make([]int, cw*ch)
	for cy := range ch {
		for cx := range cw {
			s, n := 0, 0
			for y := max(cy-reach, 0); y <= min(cy+reach, ch-1); y++ {
				for x := max(cx-reach, 0); x <= min(cx+reach, cw-1); x++ {
					s, n = s+sum[y*cw+x], n+num[y*cw+x]
				}
			}
			mean[cy*cw+cx] = s / n
		}
	}
	out := newGrey(g.w, g.h)
	for y := range g.h {
		line := out.pix[y*g.w:]
		for x, v := range g.pix[y*g.w:][:g.w] {
			line[x] = byte(max(0, min(255, 128+4*(int(v)-mean[y/cell*cw+x/cell]))))
		}
	}
	return out
}

// turned is the picture turned about its middle, with its corners on white around it.
func (g *grey) turned(degrees float64) *grey {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(g.w), float64(g.h)
	ow, oh := int(w*math.Abs(cos)+h*math.Abs(sin)), int(w*math.Abs(sin)+h*math.Abs(cos))
	if ow*oh > maxRaster+maxRaster/2 {
		return nil
	}
	out := newGrey(ow, oh)
	for y := range oh {
		line := out.pix[y*ow:][:ow]
		dy := float64(y) - float64(oh)/2
		for x := range line {
			dx := float64(x) - float64(ow)/2
			fx, fy := w/2+cos*dx-sin*dy, h/2+sin*dx+cos*dy
			ix, iy := int(fx), int(fy)
			if fx < 0 || fy < 0 || ix+1 >= g.w || iy+1 >= g.h {
				line[x] = 255
				continue
			}
			ax, ay := int((fx-float64(ix))*256), int((fy-float64(iy))*256)
			q := g.pix[iy*g.w+ix:]
			top := int(q[0])*(256-ax) + int(q[1])*ax
			low := int(q[g.w])*(256-ax) + int(q[g.w+1])*ax
			line[x] = byte((top*(256-ay) + low*ay) >> 16)
		}
	}
	return out
}

// pieces are quarters of the picture that overlap by half, each as it is and at twice its size: what else is on a page misleads a
// search for three squares.
func (g *grey) pieces(yield func(*grey) bool) {
	pw, ph := g.w/2, g.h/2
	for i := range 9 {
		p := g.part(i%3*g.w/4, i/3*g.h/4, pw, ph)
		p.stretch()
		if !yield(p) || !yield(p.double()) {
			return
		}
	}
}

func (g *grey) part(x, y, w, h int) *grey {
	out := newGrey(w, h)
	for i := range h {
		copy(out.pix[i*w:][:w], g.pix[(y+i)*g.w+x:])
	}
	return out
}
