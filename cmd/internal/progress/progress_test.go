package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// timed is a Progress whose clock the test moves.
func timed(how Mode, total int64) (p *Progress, out *bytes.Buffer, pass func(time.Duration)) {
	out = new(bytes.Buffer)
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	p = NewAt(out, "import", total, how, func() time.Time { return now })
	return p, out, func(d time.Duration) { now = now.Add(d) }
}

func lines(t *testing.T, out *bytes.Buffer) (all []Line) {
	t.Helper()
	d := json.NewDecoder(out)
	d.DisallowUnknownFields()
	for d.More() {
		var l Line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

func TestJSON(t *testing.T) {
	p, out, pass := timed(JSON, 1000)
	for i := range 45 {
		pass(time.Second)
		p.Note(map[string]int64{"rejected": int64(i)})
		p.Set(int64(i+1) * 10)
	}
	p.Close()
	p.Close()
	p.Set(1000)
	got := lines(t, out)
	if len(got) != 5 {
		t.Fatalf("%d lines for 45 seconds", len(got))
	}
	for i, l := range got[:4] {
		if l.Schema != Schema || l.What != "import" || l.Total != 1000 || l.Done < 90 || l.Rate < 8.9 || l.Rate > 10 || l.Ended || l.LeftSeconds == nil {
			t.Errorf("line %d: %+v", i, l)
		}
	}
	if l := got[3]; l.Done != 390 && l.Done != 400 || *l.LeftSeconds < 59 || *l.LeftSeconds > 63 || l.Counts["rejected"] != 39 {
		t.Errorf("%+v, %d s left", l, *l.LeftSeconds)
	}
	if l := got[4]; !l.Ended || l.Done != 450 || l.LeftSeconds != nil {
		t.Errorf("%+v", l)
	}
}

// TestShort: what is over within ten seconds says nothing.
func TestShort(t *testing.T) {
	p, out, pass := timed(JSON, 0)
	for range 9 {
		pass(time.Second)
		p.Set(5)
	}
	p.Close()
	if out.Len() != 0 {
		t.Errorf("%s", out)
	}
}

func TestUnknownTotal(t *testing.T) {
	p, out, pass := timed(JSON, 0)
	pass(11 * time.Second)
	p.Set(110)
	pass(11 * time.Second)
	p.SetOf(220, 440)
	got := lines(t, out)
	if len(got) != 2 || got[0].Total != 0 || got[0].LeftSeconds != nil || got[1].Total != 440 || *got[1].LeftSeconds != 22 {
		t.Errorf("%+v", got)
	}
	pass(11 * time.Second)
	p.SetOf(500, 440) // an estimate that was too low
	if got = lines(t, out); len(got) != 1 || got[0].Total != 500 || *got[0].LeftSeconds != 0 {
		t.Errorf("%+v", got)
	}
}

func TestBar(t *testing.T) {
	p, out, pass := timed(Bar, 200)
	for i := range 100 {
		pass(50 * time.Millisecond)
		p.Note(map[string]int64{"rejected": 3, "none": 0})
		p.Set(int64(i + 1))
	}
	text := out.String()
	frames := strings.Split(text, "\r")
	last := strings.TrimSpace(frames[len(frames)-1])
	if n := len(frames) - 1; n < 20 || n > 26 { // every 200 ms of 5 s
		t.Errorf("%d drawings", n)
	}
	if strings.Contains(text, "\n") || strings.Contains(text, "\x1b") || !strings.HasPrefix(last, "import  50% [===========>") && !strings.HasPrefix(last, "import 50% [") ||
		!strings.Contains(last, "100, 20/s, 5s left, 3 rejected") || strings.Contains(last, "none") {
		t.Errorf("%q", last)
	}
	for _, f := range frames {
		if n := len([]rune(f)); n > 79 {
			t.Errorf("%d columns: %q", n, f)
		}
	}
	out.Reset()
	p.Pause(func() { out.WriteString("said\n") })
	if !strings.HasSuffix(out.String(), "\rsaid\n") {
		t.Errorf("%q", out)
	}
	out.Reset()
	pass(time.Second)
	p.Set(150)
	p.Close()
	p.Set(160)
	if text := out.String(); !strings.HasSuffix(text, strings.Repeat(" ", 79)+"\r") || !strings.Contains(text, "75%") {
		t.Errorf("%q", text)
	}
}

func TestModes(t *testing.T) {
	p, out, pass := timed(Silent, 10)
	pass(time.Hour)
	p.Set(5)
	p.Close()
	if out.Len() != 0 {
		t.Errorf("%s", out)
	}
	if ModeFor(os.Stderr, true) != Silent || ModeFor(out, false) != JSON {
		t.Error("modes")
	}
	if f, err := os.Open(os.DevNull); err == nil {
		defer f.Close()
		if ModeFor(f, false) != JSON {
			t.Error("a file is no terminal")
		}
	}
}

type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("nobody there") }

// TestDeaf: what can't be written stops nobody, and many may speak at once.
func TestDeaf(t *testing.T) {
	for _, how := range []Mode{Bar, JSON} {
		var mu sync.Mutex
		now := time.Unix(0, 0)
		p := NewAt(deaf{}, "x", 5, how, func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(time.Second); return now })
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for k := range 100 {
					p.Set(int64(i * k))
					p.Note(map[string]int64{"a": int64(k)})
				}
			})
		}
		wg.Wait()
		p.Close()
	}
}

// TestFrom: what was done before makes no rate, or a work that goes on would promise an end that it can't keep.
func TestFrom(t *testing.T) {
	p, out, pass := timed(JSON, 1000)
	p.From(900)
	pass(20 * time.Second)
	p.Set(920)
	got := lines(t, out)
	if len(got) != 1 || got[0].Done != 920 || got[0].Rate != 1 || got[0].LeftSeconds == nil || *got[0].LeftSeconds != 80 {
		t.Errorf("%+v", got)
	}
}
