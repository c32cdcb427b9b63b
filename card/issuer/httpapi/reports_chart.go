// The drawing of a report: one stacked column a day, or several days a column when there are many.

package httpapi

import (
	"fmt"

	"sceau/card/issuer/reconcile"
	"sceau/rights"
)

// Size of the drawing, in units of its viewBox.
const (
	chartWide = 960
	chartHigh = 260
	chartLeft = 64
	chartFoot = 28
	chartTop  = 12
	mostBars  = 92
)

// columns is a chart of stacked columns.
type columns struct {
	Wide, High, Left, Base, Right int
	Bars                          []column
	Lines                         []gridLine
	Marks                         []mark
	PerColumn                     int // days
	Peak                          string
}

// column is one of them. The lower part is what was served online.
type column struct {
	X, W          float64
	OnY, OnH      float64
	OffY, OffH    float64
	Title         string
	Online, Empty bool
}

type gridLine struct {
	Y     float64
	Label string
}

type mark struct {
	X     float64
	Label string
}

// stacked draws days.
func stacked(days []reconcile.Day) columns {
	c := columns{Wide: chartWide, High: chartHigh, Left: chartLeft, Base: chartHigh - chartFoot, Right: chartWide - 8, PerColumn: 1}
	if len(days) == 0 {
		return c
	}
	c.PerColumn = (len(days) + mostBars - 1) / mostBars
	type part struct {
		from, to        rights.Date
		online, offline int64
	}
	var parts []part
	var most int64
	for i, d := range days {
		if i%c.PerColumn == 0 {
			parts = append(parts, part{from: d.Day})
		}
		p := &parts[len(parts)-1]
		p.to = d.Day
		p.online += d.Online
		p.offline += d.Offline
		most = max(most, p.online+p.offline)
	}
	step, lines := niceStep(most)
	top := step * lines
	height := float64(c.Base - chartTop)
	scale := func(n int64) float64 { return tenth(height * float64(n) / float64(top)) }
	for i := int64(0); i <= lines; i++ {
		c.Lines = append(c.Lines, gridLine{tenth(float64(c.Base) - scale(i*step)), thousands(i * step)})
	}
	slot := float64(c.Right-chartLeft) / float64(len(parts))
	every := (len(parts) + 9) / 10
	peak := parts[0]
	for i, p := range parts {
		x := float64(chartLeft) + slot*float64(i)
		on, off := scale(p.online), scale(p.offline)
		label := p.from.French()
		if p.to != p.from {
			label += " au " + p.to.French()
		}
		c.Bars = append(c.Bars, column{X: tenth(x + slot*.12), W: max(1, tenth(slot*.76)), OnY: tenth(float64(c.Base) - on), OnH: on, OffY: tenth(float64(c.Base) - on - off), OffH: off,
			Title: fmt.Sprintf("%s\u00a0: %s en ligne, %s hors ligne", label, thousands(p.online), thousands(p.offline))})
		if i%every == 0 && len(parts)-i >= every/2 {
			text := p.from.String()
			c.Marks = append(c.Marks, mark{tenth(x + slot/2), text[8:10] + "/" + text[5:7]})
		}
		if p.online+p.offline > peak.online+peak.offline {
			peak = p
		}
	}
	if most > 0 {
		c.Peak = fmt.Sprintf("Le plus\u00a0: %s le %s.", thousands(peak.online+peak.offline), peak.from.French())
	}
	return c
}

// niceStep gives the distance of grid lines, 1, 2 or 5 times a power of ten, and how many there are above zero.
func niceStep(most int64) (step, lines int64) {
	for step = 1; ; step *= 10 {
		for _, f := range []int64{1, 2, 5} {
			if n := (most + step*f - 1) / (step * f); n <= 5 {
				return step * f, max(1, n)
			}
		}
	}
}

func tenth(x float64) float64 { return float64(int64(x*10+.5)) / 10 }
