// The drawing of a campaign's growth: logarithmic axes, SVG.

package main

import (
	"bytes"
	"fmt"
	"math"
)

// plotArea is one pair of axes.
type plotArea struct {
	x, y, w, h     float64
	x0, x1, y0, y1 float64 // powers of ten
	title, across  string
	named          []float64 // where names of lines stand already
}

func (a plotArea) at(x, y float64) (float64, float64) {
	return a.x + a.w*(math.Log10(x)-a.x0)/(a.x1-a.x0), a.y + a.h - a.h*(math.Log10(y)-a.y0)/(a.y1-a.y0)
}

// axes draws the frame with a line and a number for each power of ten.
func (a plotArea) axes(b *bytes.Buffer) {
	fmt.Fprintf(b, `<text class="t" x="%.1f" y="%.1f">%s</text>`, a.x, a.y-18, a.title)
	for p := a.x0; p <= a.x1; p++ {
		x, _ := a.at(math.Pow(10, p), 1)
		fmt.Fprintf(b, `<path class="g" d="M%.1f %.1fV%.1f"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x, a.y, a.y+a.h, x, a.y+a.h+20, grouped(int(math.Pow(10, p))))
	}
	for p := a.y0; p <= a.y1; p++ {
		_, y := a.at(1, math.Pow(10, p))
		fmt.Fprintf(b, `<path class="g" d="M%.1f %.1fH%.1f"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, a.x, y, a.x+a.w, a.x-8, y+4, grouped(int(math.Pow(10, p))))
	}
	fmt.Fprintf(b, `<path class="f" d="M%.1f %.1fV%.1fH%.1f"/>`, a.x, a.y, a.y+a.h, a.x+a.w)
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, a.x+a.w/2, a.y+a.h+44, a.across)
}

// line draws a series with its name at the last point.
func (a *plotArea) line(b *bytes.Buffer, class, name string, points []campaignPoint, of func(campaignPoint) float64) {
	var d bytes.Buffer
	verb := "M"
	var x, y float64
	for _, p := range points {
		v := of(p)
		if v <= 0 {
			continue
		}
		x, y = a.at(float64(p.cards), v)
		fmt.Fprintf(&d, "%s%.1f %.1f", verb, x, y)
		fmt.Fprintf(b, `<circle class="%s d" cx="%.1f" cy="%.1f" r="4"/>`, class, x, y)
		verb = "L"
	}
	y += 4
	for _, other := range a.named { // lines are drawn from the upper one on
		if math.Abs(y-other) < 15 {
			y = other + 15
		}
	}
	a.named = append(a.named, y)
	fmt.Fprintf(b, `<path class="%s l" d="%s"/><text class="%s" x="%.1f" y="%.1f">%s</text>`, class, d.String(), class, x+10, y, name)
}

// campaignPlot draws time and memory by the number of cards.
func campaignPlot(points []campaignPoint) []byte {
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="1240" height="520" viewBox="0 0 1240 520"><style>text{font:13px "DejaVu Sans",sans-serif;fill:#24292f}.t{font-weight:bold;font-size:15px}` +
		`.g{stroke:#d8dee4;fill:none}.f{stroke:#57606a;fill:none}.l{fill:none;stroke-width:2}.limit{stroke:#b62324;stroke-dasharray:6 5;fill:none}text.limit{fill:#b62324;stroke:none}.ideal{stroke:#8c959f;stroke-dasharray:2 4;fill:none}` +
		`.one.l{stroke:#0b5cad}.one.d,text.one{fill:#0b5cad}.two.l{stroke:#1a7f37}.two.d,text.two{fill:#1a7f37}.three.l{stroke:#9a6700}.three.d,text.three{fill:#9a6700}</style><rect width="1240" height="520" fill="#fff"/>`)
	first, last := points[0], points[len(points)-1]
	x0, x1 := math.Floor(math.Log10(float64(first.cards))), math.Ceil(math.Log10(float64(last.cards)))
	x1 = max(x1, x0+1)
	lowest, highest := math.Inf(1), 0.0
	for _, p := range points {
		for _, v := range []float64{p.plan, p.wall, p.cpu} {
			if v > 0 {
				lowest, highest = min(lowest, v), max(highest, v)
			}
		}
	}
	times := plotArea{x: 70, y: 60, w: 430, h: 370, x0: x0, x1: x1, y0: math.Floor(math.Log10(lowest)), y1: math.Ceil(math.Log10(highest)), title: "Time of a campaign, in seconds", across: "cards"}
	times.y0 = max(times.y0, 0)
	times.y1 = max(times.y1, times.y0+1)
	times.axes(&b)
	// Proportional to the cards, from the first point on.
	ax, ay := times.at(float64(first.cards), first.cpu)
	bx, by := times.at(float64(last.cards), first.cpu*float64(last.cards)/float64(first.cards))
	fmt.Fprintf(&b, `<path class="ideal" d="M%.1f %.1fL%.1f %.1f"/>`, ax, ay, bx, by)
	lx, ly := times.x+16, times.y+20
	fmt.Fprintf(&b, `<path class="ideal" d="M%.1f %.1fh34"/><text x="%.1f" y="%.1f">CPU in proportion to the cards</text>`, lx, ly, lx+44, ly+4)
	times.line(&b, "two", "worker, time", points, func(p campaignPoint) float64 { return p.wall })
	times.line(&b, "one", "worker, CPU", points, func(p campaignPoint) float64 { return p.cpu })
	times.line(&b, "three", "planning", points, func(p campaignPoint) float64 { return max(p.plan, 1) })
	room := plotArea{x: 690, y: 60, w: 430, h: 370, x0: x0, x1: x1, y0: 1, y1: 4, title: "Peak memory of a worker (MB), and bytes of files a card", across: "cards"}
	room.axes(&b)
	for limit, name := range map[float64]string{campaignMemory: "limit 400 MB", campaignDisk: "limit 3,000 bytes"} {
		x, y := room.at(math.Pow(10, x1), limit)
		fmt.Fprintf(&b, `<path class="limit" d="M%.1f %.1fH%.1f"/><text class="limit" x="%.1f" y="%.1f">%s</text>`, room.x, y, x, room.x+10, y-7, name)
	}
	room.line(&b, "one", "memory (MB)", points, func(p campaignPoint) float64 { return p.peakMB })
	room.line(&b, "two", "disk (bytes)", points, func(p campaignPoint) float64 { return p.disk })
	b.WriteString("</svg>\n")
	return b.Bytes()
}
