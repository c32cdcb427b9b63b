// Keys that a hostile code may hold (THREATS T14), and people whose typing must stay theirs.

package desk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/offline/scan"
)

var azerty, qwerty = scan.Keyboards()[0], scan.Keyboards()[2]

// vectorCodes are the texts of the format's own vectors: households of 1 to 12.
func vectorCodes(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../../card/testdata/vectors/valid-*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Split(strings.TrimSpace(string(b)), "\n"); strings.HasPrefix(lines[len(lines)-1], "TP1") {
			all = append(all, lines[len(lines)-1])
		}
	}
	if len(all) < 6 {
		t.Fatalf("%d codes", len(all))
	}
	return all[:6]
}

// hostile is every key that a scanner can be made to send besides characters: controls as keys, controls as Ctrl and a character, function keys,
// Ctrl, Alt and Meta with each letter, and what moves or steers.
func hostile() (ks []key) {
	for c := range 0x20 {
		ks = append(ks, key{Key: string(rune(c)), Text: string(rune(c))})
		at := "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"[c]
		code := "Key" + string(at)
		switch {
		case c == 0:
			code = "Digit2"
		case c > 26:
			code = []string{"BracketLeft", "Backslash", "BracketRight", "Digit6", "Minus"}[c-27]
		}
		ks = append(ks, key{Key: strings.ToLower(string(at)), Code: code, Modifiers: 2, VK: int(at)})
	}
	ks = append(ks, key{Key: "\x7f", Text: "\x7f"}, enter, key{Key: "Enter", Code: "NumpadEnter", Text: "\r", VK: 13})
	for i := 1; i <= 12; i++ {
		ks = append(ks, key{Key: fmt.Sprintf("F%d", i), Code: fmt.Sprintf("F%d", i), VK: 111 + i})
	}
	for c := 'A'; c <= 'Z'; c++ {
		for _, m := range []int{1, 4, 3} {
			ks = append(ks, key{Key: strings.ToLower(string(c)), Code: "Key" + string(c), Modifiers: m, VK: int(c)})
		}
	}
	for name, vk := range map[string]int{"Tab": 9, "Escape": 27, "Backspace": 8, "Delete": 46, "Insert": 45, "Home": 36, "End": 35, "PageUp": 33,
		"PageDown": 34, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "ContextMenu": 93, "BrowserBack": 166, "BrowserHome": 172,
		"BrowserRefresh": 168, "LaunchMail": 180, "MediaPlayPause": 179, "PrintScreen": 44} {
		k := key{Key: name, Code: name, VK: vk}
		if name == "Tab" {
			k.Text = "\t"
		}
		ks = append(ks, k)
	}
	ks = append(ks, []key{{Key: "Tab", Code: "Tab", VK: 9, Modifiers: 8}, {Key: " ", Code: "Space", Text: " ", VK: 32}, {Key: "Alt", Code: "AltLeft", VK: 18, Modifiers: 1},
		{Key: "ArrowLeft", Code: "ArrowLeft", VK: 37, Modifiers: 1}, {Key: "F4", Code: "F4", VK: 115, Modifiers: 1}, {Key: "F5", Code: "F5", VK: 116, Modifiers: 2},
		{Key: "I", Code: "KeyI", VK: 'I', Modifiers: 10}, {Key: "Meta", Code: "MetaLeft", VK: 91, Modifiers: 4}, {Key: "+", Code: "Equal", VK: 187, Modifiers: 2}}...)
	edits := map[string]string{"a": "selectAll", "c": "copy", "v": "paste", "x": "cut", "z": "undo", "y": "redo"}
	for i, k := range ks {
		if e := edits[k.Key]; e != "" && k.Modifiers == 2 {
			ks[i].Commands = []string{e}
		}
	}
	slices.SortFunc(ks, func(a, b key) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return ks
}

// ends says that a key ends a scan: the card then comes in parts, which the Joiner puts together.
func ends(k key) bool {
	return k.Modifiers&7 == 0 && slices.Contains([]string{"Enter", "Tab", "\t", "\n", "\r", "\x03"}, k.Key)
}

// harmless says that what the browser does with a key can be given back: it moves or edits in a field, scrolls, moves the focus, copies, zooms.
func harmless(k string) bool {
	name, on, _ := strings.Cut(k, " ")
	if name == "" {
		name, on = " ", strings.TrimSpace(k)
	}
	text := slices.Contains([]string{"text", "inner", "date", "empty", "area"}, on)
	switch name {
	case "Tab", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", "Home", "End", "PageUp", "PageDown", "Backspace", "Delete", "Insert":
		return true
	case "Ctrl+c", "Ctrl+v", "Ctrl++", "Ctrl+-", "Shift", "Meta+Meta", "Ctrl+Control":
		return true
	case "Enter":
		return on == "area"
	case "Ctrl+a", "Ctrl+x", "Ctrl+y", "Ctrl+z":
		return text
	}
	return false
}

// TestWedgeHostileKeys types each key before, inside and after a code, wherever the focus is: nothing happens but the card. Each key is alone at its
// three places of a half card, whose only right answer is "incomplete", and among others at those of a whole one.
func TestWedgeHostileKeys(t *testing.T) {
	t.Parallel()
	w := openWedge(t, "")
	w.at = float64(time.Now().Unix())
	card := slices.MinFunc(vectorCodes(t), func(a, b string) int { return len(a) - len(b) })
	ks := hostile()
	fields := []string{"text", "button", "link", "select", "", "inner", "date", "area", "r1", "box", "submit", "empty"}
	whole, joined, n := 0, 0, 0
	try := func(code string, keys int, want []string) {
		field := fields[n%len(fields)]
		before := w.eval("focusOn('" + field + "')")
		w.held = n%8 > 0
		w.at++
		what := "on " + field
		part := (len(code) - 8) / keys
		places := [3][]key{}
		for place := range places {
			for range keys {
				k := ks[(n*keys+len(places[place])+place*len(ks)/3)%len(ks)]
				places[place] = append(places[place], k)
				what += fmt.Sprintf(", %q (%d) at %d", k.Key, k.Modifiers, place)
			}
		}
		n++
		ended := false
		for _, k := range places[0] {
			w.press(k, 0.010)
		}
		for i, k := range places[1] {
			w.scan(code[i*part:(i+1)*part], azerty, false, 0.010)
			w.press(k, 0.010)
			ended = ended || ends(k)
		}
		w.scan(code[keys*part:], azerty, false, 0.010)
		for _, k := range places[2] {
			w.press(k, 0.010)
		}
		w.press(enter, 0.010)
		s := w.take()
		if len(s.Acts) > 0 || s.State != before || s.Busy || s.Starts != 1 || s.Idles != 1 || w.loads.Load() != 1 {
			t.Fatalf("%s: did %q, %d starts, %d idles, %d loads\n before %s\n after  %s", what, s.Acts, s.Starts, s.Idles, w.loads.Load(), before, s.State)
		}
		for _, k := range s.Loose {
			if !harmless(k) {
				t.Errorf("%s: %q was left to the browser", what, k)
			}
		}
		var j scan.Joiner
		var got []string
		for _, x := range s.Scans {
			text, how, err := j.Add(x.Typed, time.Unix(0, 0))
			if err != nil {
				continue
			}
			got = append(got, text)
			whole++
			if how.Joined {
				joined++
			}
			if how.Joined != ended {
				t.Errorf("%s: in parts %t", what, how.Joined)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d scans gave %q", what, len(s.Scans), got)
		}
	}
	for range ks {
		try(card[:60], 1, nil)
	}
	for n = 0; n*3 < len(ks); {
		try(card, 3, []string{card})
	}
	t.Logf("count: %d hostile keys, each before, inside and after: %d half cards incomplete, %d whole ones read (%d in parts), nothing else happened",
		len(ks), len(ks), whole, joined)
}

// TestWedgeHumans: what people do with a keyboard is done, and is no scan.
func TestWedgeHumans(t *testing.T) {
	t.Parallel()
	w := openWedge(t, "")
	w.at = float64(time.Now().Unix())
	tab, escape, space := key{Key: "Tab", Code: "Tab", Text: "\t", VK: 9}, key{Key: "Escape", Code: "Escape", VK: 27}, key{Key: " ", Code: "Space", Text: " ", VK: 32}
	back, selectAll := key{Key: "Backspace", Code: "Backspace", VK: 8}, key{Key: "a", Code: "KeyA", Modifiers: 2, VK: 'A', Commands: []string{"selectAll"}}
	f2, f4, ctrlB := key{Key: "F2", Code: "F2", VK: 113}, key{Key: "F4", Code: "F4", VK: 115}, key{Key: "b", Code: "KeyB", Modifiers: 2, VK: 'B'}
	type step struct {
		k   key
		gap float64
	}
	typing := func(text string, gap float64) (all []step) {
		for _, c := range text {
			k := key{Key: string(c), Text: string(c), Code: "Digit" + string(c), VK: int(c)}
			if c == '/' {
				k.Code, k.VK = "Slash", 0
			}
			all = append(all, step{k, gap})
		}
		return all
	}
	// Which of day and month comes first is the browser's language; without the wedge the same keys give the same.
	w.eval("focusOn('date')")
	w.eval("wedge.stop()")
	w.press(back, 1)
	for _, s := range typing("02/03/2027", 0.125) {
		w.press(s.k, s.gap)
	}
	typedDate := w.eval("date.value")
	w.eval("wedge.start()")
	if typedDate != "2027-03-02" && typedDate != "2027-02-03" {
		t.Fatalf("a date field without the wedge: %q", typedDate)
	}
	value := func(id string) string { return w.eval(id + ".value") }
	for _, c := range []struct {
		name, field string
		steps       []step
		check       func() string
		want        string
		acts        []string
	}{
		{"a date at 8 characters a second", "date", append([]step{{back, 1}}, typing("02/03/2027", 0.125)...), func() string { return value("date") }, typedDate, nil},
		{"the same in a text", "text", append([]step{{selectAll, 1}}, typing("02/03/2027", 0.125)...), func() string { return value("text") }, "02/03/2027", nil},
		{"at 14 characters a second", "text", typing("0123456789012345678901234567", 0.071), func() string { return value("text") }, "a0123456789012345678901234567c", nil},
		{"four keys rolled", "text", typing("1234", 0.020), func() string { return value("text") }, "a1234c", nil},
		{"many rolls of three", "text", slices.Concat(typing("123", 0.03), []step{{back, 0.2}}, typing("456", 0.03), []step{{back, 0.2}}), func() string { return value("text") }, "a1245c", nil},
		{"Tab", "text", []step{{tab, 1}}, func() string { return w.eval("document.activeElement.id") }, "date", nil},
		{"Enter on a button", "button", []step{{enter, 1}}, nil, "", []string{"click button"}},
		{"Space on a button", "button", []step{{space, 1}}, nil, "", []string{"click button"}},
		{"Space on a box", "box", []step{{space, 1}}, nil, "", []string{"click box"}},
		{"Enter on a link", "link", []step{{enter, 1}}, nil, "", []string{"click link"}},
		{"Enter in a form's field", "text", append(typing("12", 0.125), step{enter, 0.125}), nil, "", []string{"click submit"}},
		{"Enter in a text area", "area", []step{{enter, 1}}, func() string { return value("area") }, "a\nc", nil},
		{"Escape on a dialog", "inner", []step{{escape, 1}}, nil, "", []string{"cancel dialog"}},
		{"a shortcut", "", []step{{f2, 1}}, nil, "", []string{"F2 "}},
		{"a shortcut in a field", "text", []step{{ctrlB, 1}}, func() string { return value("text") }, "abc", []string{"Ctrl+B "}},
		{"a digit's shortcut on AZERTY", "", []step{{key{Key: "&", Code: "Digit1", Modifiers: 1, VK: '1'}, 1}}, nil, "", []string{"Alt+1 "}},
		{"two shortcuts one after the other", "", []step{{f2, 1}, {f4, 0.2}}, nil, "", []string{"F2 ", "F4 "}},
		{"a character is no shortcut in a field", "text", []step{{key{Key: "?", Text: "?", Code: "KeyM", Modifiers: 8}, 1}}, func() string { return value("text") }, "a?c", nil},
		{"but outside of one", "", []step{{key{Key: "?", Text: "?", Code: "KeyM", Modifiers: 8}, 1}}, nil, "", []string{"? "}},
		// Not a human's: a key too near.
		{"a shortcut with a key before it", "", []step{{space, 1}, {f2, 0.1}}, nil, "", nil},
		{"a shortcut with a key after it", "", []step{{f2, 1}, {space, 0.1}}, nil, "", nil},
		{"Enter with a key before it", "button", []step{{f4, 1}, {enter, 0.02}}, nil, "", nil},
		{"Enter with a key after it", "button", []step{{enter, 1}, {enter, 0.05}}, nil, "", nil},
		{"a short code and its Enter", "text", append(typing("1234", 0.01), step{enter, 0.01}), nil, "", nil},
		{"a function key that is no shortcut", "", []step{{key{Key: "F5", Code: "F5", VK: 116}, 1}}, nil, "", nil},
	} {
		w.eval("focusOn('" + c.field + "')")
		w.at++
		for _, s := range c.steps {
			w.press(s.k, s.gap)
		}
		s := w.take()
		if len(s.Scans) > 0 || s.Starts > 0 || !slices.Equal(s.Acts, c.acts) && len(s.Acts)+len(c.acts) > 0 {
			t.Errorf("%s: %d scans, did %q, want %q", c.name, len(s.Scans), s.Acts, c.acts)
		}
		if c.check != nil {
			if got := c.check(); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	}
	if n := w.loads.Load(); n != 1 {
		t.Errorf("the page was loaded %d times", n)
	}
}

// TestWedgeScans: scanners that stutter, pause, forget their Enter or send it late; several scans in a row; pasted codes.
func TestWedgeScans(t *testing.T) {
	t.Parallel()
	w := openWedge(t, "")
	w.at = float64(time.Now().Unix())
	cards := vectorCodes(t)
	a, b := cards[0], cards[1]
	scanned := func(text string, gap float64) func() { return func() { w.scan(text, azerty, false, gap) } }
	jitter := func(text string) func() {
		return func() {
			for i, c := range text {
				w.press(struck(t, c, qwerty, false), []float64{0.004, 0.031, 0.009, 0.048, 0.001, 0.017}[i%6])
			}
		}
	}
	pause := func(s float64) func() { return func() { w.at += s } }
	one := func(k key, gap float64) func() { return func() { w.press(k, gap) } }
	paste := func(id, text string) func() {
		return func() { w.eval("advance()"); w.at += 3; w.eval(fmt.Sprintf("paste(%q, %q)", id, text)) }
	}
	ctrlV := key{Key: "v", Code: "KeyV", Modifiers: 2, VK: 'V'}
	dead := scan.Keyboard{Name: "dead", Plain: unknownKeyboard.Plain, Shifted: strings.Repeat(" ", 37)}
	for _, c := range []struct {
		name  string
		steps []func()
		want  []string
		parts int
	}{
		{"with jitter", []func(){jitter(a)}, []string{a}, 1},
		{"a slow one, 45 ms", []func(){scanned(a, 0.045)}, []string{a}, 1},
		{"into an empty date", []func(){func() { w.scan(a, qwerty, false, 0.01) }}, []string{a}, 1},
		{"two in a row, Enter between", []func(){scanned(a, 0.01), one(enter, 0.01), scanned(b, 0.01), one(enter, 0.01)}, []string{a, b}, 2},
		{"two run into one another", []func(){scanned(a, 0.01), scanned(b, 0.01)}, []string{a, b}, 1},
		{"a pause in the middle", []func(){scanned(a[:200], 0.01), pause(0.3), scanned(a[200:], 0.01)}, []string{a}, 2},
		{"a pause before the last three", []func(){scanned(a[:len(a)-3], 0.01), pause(0.3), scanned(a[len(a)-3:], 0.01)}, nil, 1},
		{"half", []func(){scanned(a[:200], 0.01), one(enter, 0.01)}, nil, 1},
		{"a character lost", []func(){scanned(a[:200]+a[201:], 0.01), one(enter, 0.01)}, nil, 1},
		{"Enter comes late", []func(){scanned(a, 0.01), pause(0.3), one(enter, 0.01)}, []string{a}, 1},
		{"Enter twice and Tab", []func(){scanned(a, 0.01), one(enter, 0.01), one(enter, 0.01), one(key{Key: "Tab", Code: "Tab", VK: 9, Text: "\t"}, 0.01)}, []string{a}, 1},
		{"all letters dead", []func(){func() { w.scan(a, dead, false, 0.01) }}, []string{a}, 1},
		{"ALT and the numeric keypad", []func(){func() {
			for _, c := range a[:60] {
				for _, d := range fmt.Sprintf("0%d", c) {
					w.press(key{Key: string(d), Code: "Numpad" + string(d), Modifiers: 1, VK: 96 + int(d-'0')}, 0.004)
				}
			}
		}}, nil, 0},
		{"too long", []func(){func() { w.held = true; w.scan(strings.Repeat("A", 8300), qwerty, false, 0.001) }}, nil, 1},
		{"pasted", []func(){paste("", a)}, []string{a}, 1},
		{"pasted into a field", []func(){paste("text", a)}, nil, 0},
		{"pasted by a key", []func(){one(ctrlV, 1), func() { w.eval("paste('', '" + a + "')") }}, []string{a}, 1},
		{"pasted by a key among others", []func(){one(ctrlV, 1), one(ctrlV, 0.02), func() { w.eval("paste('', '" + a + "')") }}, nil, 0},
	} {
		before := w.eval("focusOn('text')")
		if strings.HasPrefix(c.name, "pasted by") {
			before = w.eval("focusOn('button')")
		}
		if strings.HasSuffix(c.name, "empty date") {
			before = w.eval("focusOn('empty')")
		}
		w.held = false
		w.at++
		for _, s := range c.steps {
			s()
		}
		s := w.take()
		var got []string
		var j scan.Joiner
		for _, x := range s.Scans {
			if x.Cut != (c.name == "too long") || len(x.Presses) > scan.MaxPresses {
				t.Errorf("%s: cut %t, %d keys", c.name, x.Cut, len(x.Presses))
			}
			for _, part := range x.Split(nil) {
				if text, _, err := j.Add(part, time.Unix(0, 0)); err == nil {
					got = append(got, text)
				}
			}
		}
		if !slices.Equal(got, c.want) || len(s.Scans) != c.parts || len(s.Acts) > 0 {
			t.Errorf("%s: %d scans gave %d codes, want %d and %d; did %q", c.name, len(s.Scans), len(got), c.parts, len(c.want), s.Acts)
		}
		if s.State != before && c.name != "a pause before the last three" {
			t.Errorf("%s\n before %s\n after  %s", c.name, before, s.State)
		}
	}
}

// TestWedgeRealTime: the page's real clock, 100 keys a second as they come, Enter missing and not. A machine that stalls may cut a scan in parts.
func TestWedgeRealTime(t *testing.T) {
	t.Parallel()
	w := openWedge(t, "?real")
	cards := vectorCodes(t)[:2]
	before := w.eval("focusOn('text')")
	for i, c := range cards {
		// Real time needs a machine that keeps it: one that stalls while it types gives a scan in parts, which says nothing of the page
		// when they don't join. Then the card is typed again.
		for attempt := 1; ; attempt++ {
			read, parts := w.typeInRealTime(t, c, i == 1, before)
			if read {
				t.Logf("card of %d characters: %d parts, attempt %d", len(c), parts, attempt)
				break
			}
			if parts <= 1 || attempt == 12 {
				t.Errorf("card %d: %d parts, not read, attempt %d", i, parts, attempt)
				break
			}
		}
	}
}

// typeInRealTime types a card at a hundred characters a second, with Enter or, with Caps Lock, without.
func (w *wedgeTab) typeInRealTime(t *testing.T, c string, caps bool, before string) (read bool, parts int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	for _, symbol := range c {
		<-tick.C
		w.at = float64(time.Now().UnixMicro()) / 1e6
		w.press(struck(t, symbol, azerty, caps), 0)
		if err := w.to.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	tick.Stop()
	if !caps {
		w.press(enter, 0)
	}
	w.at = 0
	var j scan.Joiner
	for deadline := time.Now().Add(3 * time.Second); !read && time.Now().Before(deadline); {
		s := w.take()
		for _, x := range s.Scans {
			parts++
			text, _, err := j.Add(x.Typed, time.Unix(0, 0))
			read = read || err == nil && text == c
			if err == nil && text != c {
				t.Fatal("another text")
			}
		}
		if len(s.Acts) > 0 || s.State != before && read {
			t.Errorf("did %q\n before %s\n after  %s", s.Acts, before, s.State)
		}
	}
	return read, parts
}
