// Bursts as a page sees them, characters and keys: read exactly or refused, on layouts that no table holds too.

package scan

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// pressed is which keys a scanner that believes in f presses for a text.
func pressed(t testing.TB, text string, f family) (ps []Press) {
	t.Helper()
	for _, c := range text {
		key := strings.IndexRune(f.symbols, c)
		if key < 0 {
			t.Fatalf("the scanner has no key for %q", c)
		}
		digit := c >= '0' && c <= '9'
		p := Press{Shift: digit == (f.name == "AZERTY")}
		switch k := keys[key]; {
		case k == ';':
			p.Code = "Semicolon"
		case k >= '0' && k <= '9':
			p.Code = "Digit" + string(k)
		default:
			p.Code = "Key" + strings.ToUpper(string(k))
		}
		ps = append(ps, p)
	}
	return ps
}

func burst(t testing.TB, text string, f family, h layout, s shift) Typed {
	t.Helper()
	return Typed{Text: typed(t, text, f, h, s), Presses: pressed(t, text, f)}
}

// strange is a layout that nobody knows: Greek and Cyrillic characters in a random order.
func strange(r *rand.Rand) layout {
	var pool []rune
	for c := 'α'; c <= 'ω'; c++ {
		if c != 'ς' {
			pool = append(pool, c)
		}
	}
	for c := 'а'; c <= 'я'; c++ {
		pool = append(pool, c)
	}
	r.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	plain := string(pool[:len(keys)])
	return layout{name: "strange", plain: plain, shifted: strings.ToUpper(plain)}
}

func TestReadEveryLayout(t *testing.T) {
	r := newRand(21)
	n := 0
	each := func(f family, h layout) {
		for _, s := range []shift{asSent, capsLetters, capsAll, capsThird} {
			for range 20 {
				code := randomCode(r)
				b := burst(t, code, f, h, s)
				text, how, err := Read(b, nil)
				if err != nil || text != code {
					t.Fatalf("%s on %s, %s: %v", f.name, h.name, s, err)
				}
				if known := h.name != "strange"; how.Keys == known || !known && (how.Advice() == "" || how.Scanner != f.name || how.Host != "") {
					t.Fatalf("%s on %s: %+v", f.name, h.name, how)
				}
				// Without its characters, and without its keys.
				if text, how, err = Read(Typed{Presses: b.Presses}, nil); err != nil || text != code || !how.Keys {
					t.Fatalf("keys of %s: %+v, %v", f.name, how, err)
				}
				if text, _, err = Read(Typed{Text: b.Text}, nil); (err == nil) != (h.name != "strange") || err == nil && text != code {
					t.Fatalf("characters of %s on %s: %v", f.name, h.name, err)
				}
				n++
			}
		}
	}
	eachPair(each)
	for _, f := range families {
		each(f, strange(r))
	}
	t.Logf("count: %d bursts read", n)
}

func noise(codes ...string) (ps []Press) {
	for _, c := range codes {
		ps = append(ps, Press{Code: c})
	}
	return ps
}

// TestKeysAround: what surrounds and interrupts a code as keys.
func TestKeysAround(t *testing.T) {
	r := newRand(22)
	for _, f := range families {
		code := randomCode(r)
		ps := pressed(t, code, f)
		numpad := slices.Clone(ps)
		for i, c := range code {
			if c >= '0' && c <= '9' {
				numpad[i] = Press{Code: "Numpad" + string(c)}
			}
		}
		var held []Press
		for _, p := range ps {
			held = append(held, Press{Code: "ShiftLeft"}, p)
		}
		aim := []Press{{Code: "BracketRight"}, {Code: "KeyQ", Shift: true}, {Code: "Digit1"}}
		for name, b := range map[string][]Press{
			"AIM":              slices.Concat(aim, ps),
			"Enter":            slices.Concat(ps, noise("Enter")),
			"Tab and Enter":    slices.Concat(ps, noise("Tab", "NumpadEnter")),
			"digits by numpad": numpad,
			"Shift as a key":   held,
			"keys that write nothing": slices.Concat(noise("F5", "Escape", "ControlLeft"), ps[:40], noise("F12", "ArrowLeft", "AltLeft", "", "Dead", "Sleep"), ps[40:],
				noise("F1", "Backspace")),
			"site prefix and suffix": slices.Concat(noise("Minus", "Slash"), ps, noise("Period")),
			"twice":                  slices.Concat(ps, ps),
		} {
			if text, how, err := Read(Typed{Presses: b}, nil); err != nil || text != code || !how.Keys || how.Repeated != (name == "twice") {
				t.Errorf("%s, %s: %+v, %v", name, f.name, how, err)
			}
		}
	}
}

// TestKeysNegative: none of these is a code, and no error speaks of anything but the scan.
func TestKeysNegative(t *testing.T) {
	r := newRand(23)
	a, b := randomCode(r), randomCode(r)
	us := families[0]
	pa, pb := pressed(t, a, us), pressed(t, b, us)
	alt := make([]Press, 0, 4*len(a))
	for _, c := range a { // ALT and the character's number on the numeric keypad
		for _, d := range fmt.Sprintf("%04d", c) {
			alt = append(alt, Press{Code: "Numpad" + string(d)})
		}
	}
	long := make([]Press, MaxPresses+1)
	for i := range long {
		long[i] = pa[i%len(pa)]
	}
	for name, c := range map[string]struct {
		in   Typed
		want error
	}{
		"nothing":              {Typed{}, ErrEmpty},
		"blanks":               {Typed{Text: " ", Presses: noise("Space", "Enter")}, ErrEmpty},
		"no key that writes":   {Typed{Presses: noise("F5", "F6", "Escape")}, ErrEmpty},
		"unknown names":        {Typed{Presses: noise("keya", "KEYA", "Key", "KeyÉ", strings.Repeat("K", 5000))}, ErrEmpty},
		"half":                 {Typed{Presses: pa[:100]}, ErrIncomplete},
		"half, strange text":   {Typed{Text: "абвг", Presses: pa[:100]}, ErrIncomplete},
		"two cards":            {Typed{Presses: slices.Concat(pa, pb)}, ErrMerged},
		"half and whole":       {Typed{Presses: slices.Concat(pa[:99], pb)}, ErrMerged},
		"a medicine":           {Typed{Text: "3400936404649", Presses: noise("Digit3", "Digit4", "Digit0", "Digit0", "Digit9")}, ErrNotCode},
		"ALT and numpad":       {Typed{Presses: alt}, ErrNotCode},
		"too many":             {Typed{Presses: long}, ErrNotCode},
		"too many, text whole": {Typed{Text: "x" + a, Presses: long}, ErrNotCode},
		"text too long":        {Typed{Text: strings.Repeat("A", maxTyped+1)}, ErrNotCode},
		"calibration":          {Typed{Text: CalibrationText(), Presses: pressed(t, CalibrationText(), us)}, ErrNotCode},
		"keys of two families": {Typed{Presses: slices.Concat(pa[:200], pressed(t, a[200:], families[1]))}, ErrIncomplete},
		"a character apart":    {Typed{Presses: slices.Concat(pa[:100], noise("Semicolon"), pa[100:])}, ErrIncomplete},
	} {
		text, how, err := Read(c.in, nil)
		if !errors.Is(err, c.want) || text != "" || how != (Repair{}) {
			t.Errorf("%s: %q, %+v, %v, want %v", name, text, how, err, c.want)
		}
	}
	for _, err := range []error{ErrEmpty, ErrIncomplete, ErrNotCode, ErrMerged, ErrNotCalibration, ErrDamaged, ErrAmbiguous, ErrMap} {
		for _, word := range []string{"forg", "fake", "fraud", "signature", "invalid", "card is"} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%q says %q", err, word)
			}
		}
	}
}

// TestSingleKeyFaults loses, doubles, changes and swaps each key in turn.
func TestSingleKeyFaults(t *testing.T) {
	r := newRand(24)
	count, same := 0, 0
	for _, f := range families {
		code := randomCode(r)
		ps := pressed(t, code, f)
		judge := func(b []Press) {
			t.Helper()
			count++
			text, _, err := Read(Typed{Text: "ψω", Presses: b}, nil)
			switch {
			case err == nil && text == code:
				same++
			case err == nil:
				t.Fatalf("another text: %s", text)
			case !errors.Is(err, ErrIncomplete):
				t.Fatal(err)
			}
		}
		for i := range ps {
			judge(slices.Delete(slices.Clone(ps), i, i+1))
			judge(slices.Insert(slices.Clone(ps), i, ps[i]))
			for _, other := range []string{"KeyA", "Digit2", "Digit1", "Semicolon", "Slash", "F5"} {
				if other != ps[i].Code {
					c := slices.Clone(ps)
					c[i].Code = other
					judge(c)
				}
			}
			if i+1 < len(ps) && ps[i].Code != ps[i+1].Code {
				c := slices.Clone(ps)
				c[i], c[i+1] = c[i+1], c[i]
				judge(c)
			}
		}
	}
	if same > count/100 {
		t.Fatalf("%d of %d unharmed", same, count)
	}
	t.Logf("count: %d faults of keys, %d were the code itself, 0 another text", count, same)
}

func TestSplitTyped(t *testing.T) {
	r := newRand(25)
	a, b, c := randomCode(r), randomCode(r), randomCode(r)
	unknown := strange(r)
	const bad = "!scan: incomplete"
	join := func(ts ...Typed) (all Typed) {
		for _, x := range ts {
			all.Text += x.Text
			all.Presses = slices.Concat(all.Presses, x.Presses)
		}
		return all
	}
	enter := Typed{Text: "\n", Presses: noise("Enter")}
	for _, h := range []layout{hosts[0], hosts[2], hosts[5], unknown} {
		for _, f := range families {
			g := func(s string) Typed { return burst(t, s, f, h, asSent) }
			dead := g(b)
			dead.Text = dead.Text[:200] + dead.Text[210:]
			for name, x := range map[string]struct {
				in   Typed
				want []string
			}{
				"nothing":               {Typed{}, nil},
				"Enter alone":           {enter, nil},
				"one":                   {g(a), []string{a}},
				"one a line":            {join(g(a), enter, g(b), enter, enter, g(c), enter), []string{a, b, c}},
				"merged":                {join(g(a), g(b), g(c)), []string{a, b, c}},
				"doubled":               {join(g(a), g(a)), []string{a}},
				"there and back":        {join(g(a), g(b), g(a)), []string{a, b, a}},
				"first half, whole":     {join(g(a[:150]), g(b)), []string{bad, b}},
				"whole, first half":     {join(g(a), g(b[:150])), []string{a, bad}},
				"second half, whole":    {join(g(a[90:]), g(b)), []string{bad, b}},
				"a bad one between":     {join(g(a), g(b[:100]+b[101:]), g(c)), []string{a, bad, c}},
				"dead keys in the text": {join(g(a), dead, g(c)), []string{a, b, c}},
			} {
				var got []string
				for _, part := range x.in.Split(nil) {
					text, _, err := Read(part, nil)
					if err != nil {
						text = "!" + err.Error()
					}
					got = append(got, text)
				}
				if !slices.Equal(got, x.want) {
					t.Errorf("%s, %s on %s:\n got %q\nwant %q", name, f.name, h.name, got, x.want)
				}
			}
		}
	}
}

// TestJoiner cuts a scan at every place, and refuses what does not belong together.
func TestJoiner(t *testing.T) {
	r := newRand(26)
	noon := time.Date(2027, 3, 2, 12, 0, 0, 0, time.UTC)
	count := 0
	for _, h := range []layout{hosts[0], hosts[2], strange(r)} {
		a, b := randomCode(r), randomCode(r)
		whole, other := burst(t, a, families[0], h, asSent), burst(t, b, families[0], h, asSent)
		text := []rune(whole.Text)
		part := func(from, to int) Typed { return Typed{string(text[from:to]), whole.Presses[from:to]} }
		for i := 1; i < len(a); i++ {
			var j Joiner
			if got, how, err := j.Add(part(0, i), noon); err == nil || got != "" || how != (Repair{}) {
				t.Fatalf("first %d: %q", i, got)
			}
			got, how, err := j.Add(part(i, len(a)), noon.Add(400*time.Millisecond))
			if err != nil || got != a || !how.Joined {
				t.Fatalf("cut at %d on %s: %+v, %v", i, h.name, how, err)
			}
			if _, _, err := j.Add(part(i, len(a)), noon.Add(time.Second)); err == nil {
				t.Fatal("a half was used twice")
			}
			count++
		}
		second := Typed{string([]rune(other.Text)[150:]), other.Presses[150:]}
		for name, steps := range map[string]struct {
			bursts []Typed
			gap    time.Duration
			ok     bool
		}{
			"three parts":                 {[]Typed{part(0, 90), part(90, 180), part(180, len(a))}, time.Second, true},
			"after another half":          {[]Typed{part(0, 120), part(0, 150), part(150, len(a))}, time.Second, true},
			"a blank between":             {[]Typed{part(0, 150), {Text: "\n"}, part(150, len(a))}, time.Second, true},
			"too late":                    {[]Typed{part(0, 150), part(150, len(a))}, 4 * time.Second, false},
			"the clock went back":         {[]Typed{part(0, 150), part(150, len(a))}, -time.Second, false},
			"halves of two cards":         {[]Typed{part(0, 150), second}, time.Second, false},
			"in the wrong order":          {[]Typed{part(150, len(a)), part(0, 150)}, time.Second, false},
			"one character lost":          {[]Typed{part(0, 150), part(151, len(a))}, time.Second, false},
			"one character twice":         {[]Typed{part(0, 150), part(149, len(a))}, time.Second, false},
			"five parts, more than held":  {[]Typed{part(0, 60), part(60, 120), part(120, 180), part(180, 240), part(240, len(a))}, time.Second, false},
			"the second half, twice":      {[]Typed{part(150, len(a)), part(150, len(a))}, time.Second, false},
			"with a medicine in between":  {[]Typed{part(0, 150), {"3400936404649", noise("Digit3", "Digit4")}, part(150, len(a))}, time.Second, false},
			"second of a whole one after": {[]Typed{part(0, 150), other, part(150, len(a))}, time.Second, false},
		} {
			var j Joiner
			at := noon
			var got string
			var err error
			for _, b := range steps.bursts {
				got, _, err = j.Add(b, at)
				at = at.Add(steps.gap)
			}
			if steps.ok != (err == nil) || steps.ok && got != a || !steps.ok && got != "" {
				t.Errorf("%s on %s: %q, %v", name, h.name, got, err)
			}
		}
		var j Joiner
		j.Add(part(0, 150), noon)
		j.Forget()
		if _, _, err := j.Add(part(150, len(a)), noon); err == nil {
			t.Error("a forgotten half was used")
		}
	}
	t.Logf("count: %d cuts joined", count)
}

// TestJoinerIsBounded: what it holds does not grow.
func TestJoinerIsBounded(t *testing.T) {
	var j Joiner
	big := Typed{Text: strings.Repeat("TP1A", 1000), Presses: make([]Press, MaxPresses/2)}
	for i := range 8 {
		if _, _, err := j.Add(big, time.Unix(int64(i), 0)); err == nil {
			t.Fatal("read")
		}
		if len(j.held) > maxHeld {
			t.Fatalf("%d held", len(j.held))
		}
	}
}
