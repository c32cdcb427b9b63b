// Package progress shows how far a long command is: a bar on a terminal, a line of JSON every ten seconds elsewhere.
package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Mode says how to show.
type Mode uint8

// The modes.
const (
	Silent Mode = iota // nothing
	Bar                // one line that is drawn again and again, for a terminal
	JSON               // one object a line, for logs and programs
)

// Schema is the member "schema" of every line of JSON.
const Schema = "sceau-progress-1"

const (
	every  = 10 * time.Second       // between two lines of JSON
	redraw = 200 * time.Millisecond // between two drawings of the bar
)

// ModeFor is what suits w: a bar on a terminal, JSON elsewhere, nothing when quiet.
func ModeFor(w io.Writer, quiet bool) Mode {
	f, ok := w.(*os.File)
	switch {
	case quiet:
		return Silent
	case ok && term.IsTerminal(int(f.Fd())):
		return Bar
	}
	return JSON
}

// Line is one line of JSON. Total and LeftSeconds are absent while nobody knows them.
type Line struct {
	Schema      string           `json:"schema"`
	What        string           `json:"what"`
	Done        int64            `json:"done"`
	Total       int64            `json:"total,omitempty"`
	Rate        float64          `json:"rate"` // a second, since the beginning
	LeftSeconds *int64           `json:"left_seconds,omitempty"`
	Ended       bool             `json:"ended,omitempty"` // the last line
	Counts      map[string]int64 `json:"counts,omitempty"`
}

// Progress is one long piece of work. It is safe for concurrent use, and what it can't write it leaves out: work never fails for
// want of somebody who watches it. Use New.
type Progress struct {
	mu     sync.Mutex
	now    func() time.Time
	w      io.Writer
	mode   Mode
	what   string
	done   int64
	before int64 // done when it began
	total  int64
	notes  map[string]int64
	began  time.Time
	said   time.Time
	bar    *progressbar.ProgressBar
	drawn  bool
	closed bool
	spoke  bool
}

// New begins to show; total is 0 when nobody knows it. The first line of JSON comes after ten seconds: short work says nothing.
func New(w io.Writer, what string, total int64, how Mode) *Progress {
	return NewAt(w, what, total, how, time.Now)
}

// NewAt is New with a clock.
func NewAt(w io.Writer, what string, total int64, how Mode, now func() time.Time) *Progress {
	p := &Progress{now: now, w: w, mode: how, what: what, total: total, notes: map[string]int64{}, began: now()}
	p.said = p.began
	if how == Bar {
		p.bar = progressbar.NewOptions64(max(total, -1), progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(24), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetPredictTime(false), progressbar.OptionThrottle(0), progressbar.OptionSetRenderBlankState(false), progressbar.OptionUseANSICodes(false),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}))
	}
	return p
}

// From says how much was done before this began: it counts as done, and makes no rate.
func (p *Progress) From(done int64) *Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.done = done, done
	return p
}

// Set says how much is done.
func (p *Progress) Set(done int64) { p.update(func() { p.done = done }) }

// SetOf says how much is done of a total that is better known now.
func (p *Progress) SetOf(done, total int64) {
	p.update(func() { p.done, p.total = done, max(total, done) })
}

// Note sets counts that are shown beside, such as rejected lines, with the next Set.
func (p *Progress) Note(counts map[string]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.notes, counts)
}

// Close ends it: the bar gives its line back, and JSON says the end if it said anything before.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	switch {
	case p.mode == Bar && p.drawn:
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width()))
	case p.mode == JSON && p.spoke:
		p.say(p.now(), true)
	}
}

// Pause takes the bar away, so that fn can write; the next Set draws it again.
func (p *Progress) Pause(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode == Bar && p.drawn && !p.closed {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width()))
		p.drawn = false
	}
	fn()
}

func (p *Progress) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	if p.closed || p.mode == Silent {
		return
	}
	now := p.now()
	pause := every
	if p.mode == Bar {
		pause = redraw
	}
	if now.Sub(p.said) < pause {
		return
	}
	p.said = now
	if p.mode == Bar {
		p.draw(now)
	} else {
		p.say(now, false)
	}
}

func (p *Progress) rate(now time.Time) float64 {
	if d := now.Sub(p.began).Seconds(); d > 0 {
		return float64(max(p.done-p.before, 0)) / d
	}
	return 0
}

// left is the time that the rest takes at this rate; false while nobody knows.
func (p *Progress) left(now time.Time) (time.Duration, bool) {
	rate := p.rate(now)
	if p.total <= 0 || rate <= 0 {
		return 0, false
	}
	return time.Duration(float64(max(p.total-p.done, 0)) / rate * float64(time.Second)).Round(time.Second), true
}

func (p *Progress) say(now time.Time, ended bool) {
	l := Line{Schema: Schema, What: p.what, Done: p.done, Total: p.total, Rate: float64(int64(p.rate(now)*10)) / 10, Ended: ended}
	if left, ok := p.left(now); ok && !ended {
		s := int64(left.Seconds())
		l.LeftSeconds = &s
	}
	if len(p.notes) > 0 {
		l.Counts = p.notes
	}
	_ = json.NewEncoder(p.w).Encode(l) // nobody may be there to read it
	p.spoke = true
}

// draw writes the line: the library draws the bar, and what stands around it is written in the same words as elsewhere.
func (p *Progress) draw(now time.Time) {
	var b strings.Builder
	b.WriteString(p.what)
	if p.total > 0 {
		if p.bar.GetMax64() != p.total {
			p.bar.ChangeMax64(p.total)
		}
		_ = p.bar.Set64(min(p.done, p.total))
		fmt.Fprintf(&b, " %s", strings.TrimSpace(strings.Trim(p.bar.String(), "\r")))
	}
	fmt.Fprintf(&b, "  %d, %.0f/s", p.done, p.rate(now))
	if left, ok := p.left(now); ok {
		fmt.Fprintf(&b, ", %s left", left)
	}
	for _, k := range slices.Sorted(maps.Keys(p.notes)) {
		if n := p.notes[k]; n != 0 {
			fmt.Fprintf(&b, ", %d %s", n, k)
		}
	}
	width := p.width()
	text := []rune(b.String())
	if len(text) > width {
		text = text[:width]
	}
	fmt.Fprintf(p.w, "\r%s%s", string(text), strings.Repeat(" ", width-len(text)))
	p.drawn = true
}

// width is that of the terminal without its last column, where it would begin a new line.
func (p *Progress) width() int {
	if f, ok := p.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			return w - 1
		}
	}
	return 79
}
