// Calibration: an unknown keyboard is learnt from one scan and then reads every code; a damaged scan teaches nothing.

package scan

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestCalibrationText(t *testing.T) {
	text := CalibrationText()
	if len(text) != len(steps)*len(alphabet) || strings.Contains(text, prefix) {
		t.Fatalf("%d characters: %s", len(text), text)
	}
	for _, s := range alphabet {
		for k := range steps {
			if round := text[k*len(alphabet) : (k+1)*len(alphabet)]; strings.Count(round, string(s)) != 1 {
				t.Errorf("%q is not once in %s", s, round)
			}
		}
	}
	pairs := map[string]bool{}
	for i := range len(text) - 1 {
		if p := text[i : i+2]; pairs[p] || p[0] == p[1] {
			t.Errorf("the pair %s is there twice", p)
		}
		pairs[text[i:i+2]] = true
	}
	if strings.HasPrefix(text, "1") || strings.HasPrefix(text, "3") {
		t.Error("begins like the end of an AIM identifier: its doubling is then no damage")
	}
}

// unknown draws a layout that nobody knows: all characters of a pool in any order, on both levels.
func unknown(t *rapid.T) layout {
	var pool []rune
	for c := rune('!'); c < 0x250; c++ {
		if unicode.IsPrint(c) && !unicode.IsSpace(c) {
			pool = append(pool, c)
		}
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "layout"), 1))
	r.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	n := len(keys)
	if rapid.Bool().Draw(t, "letters") { // levels are two cases of one letter, as Caps Lock has them
		pool = slices.DeleteFunc(pool, func(c rune) bool {
			u := unicode.ToUpper(c)
			return !unicode.IsLower(c) || u == c || unicode.ToLower(u) != c
		})
		return layout{name: "unknown", plain: string(pool[:n]), shifted: strings.ToUpper(string(pool[:n]))}
	}
	return layout{name: "unknown", plain: string(pool[:n]), shifted: string(pool[n : 2*n])}
}

var states = []shift{asSent, capsLetters, capsAll}

func newCode(t *rapid.T) string { return randomCode(newRand(rapid.Uint64().Draw(t, "code"))) }

// TestLearn: any layout, learnt in any state of Caps Lock. With keys, codes are read in every state; with characters alone in the same one.
func TestLearn(t *testing.T) {
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		h := unknown(t)
		f := rapid.SampledFrom(families).Draw(t, "scanner")
		f.symbols = strings.Replace(f.symbols, " ", "*", 1)
		state := rapid.SampledFrom(states).Draw(t, "caps lock")
		cal := Typed{typedBy(CalibrationText(), f, h, state), pressed(noFail{}, CalibrationText(), f)}
		if rapid.Bool().Draw(t, "AIM") {
			cal.Text = "]Q1" + cal.Text + "\r\n"
			cal.Presses = slices.Concat([]Press{{"BracketRight", false}, {"KeyQ", true}, {"Digit1", false}}, cal.Presses, noise("Enter"))
		}
		full, err := Learn(cal)
		if err != nil {
			t.Fatalf("%s %s: %v", f.name, state, err)
		}
		full = again(t, full)
		blind, err := Learn(Typed{Text: cal.Text})
		if strings.HasPrefix(cal.Text, "]Q11") {
			// This keyboard writes the first symbol as the identifier's last one: a prefix or a symbol twice, there is no telling from characters alone.
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("characters alone, first one twice: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		blind = again(t, blind)
		for range 3 {
			code := newCode(t)
			for _, s := range states {
				b := Typed{typedBy(code, f, h, s), pressed(noFail{}, code, f)}
				if text, how, err := Read(b, full); err != nil || text != code || !how.Learnt || how.Advice() != "" {
					t.Fatalf("learnt %s, read %s: %+v, %v", state, s, how, err)
				}
				if s == state {
					if text, how, err := Read(Typed{Text: b.Text}, blind); err != nil || text != code || !how.Learnt {
						t.Fatalf("characters alone, %s: %v", s, err)
					}
				}
				n++
			}
			b := Typed{Text: typedBy(code[:150], f, h, state)}
			if text, _, err := Read(b, full); !errors.Is(err, ErrIncomplete) || text != "" {
				t.Fatalf("half: %q, %v", text, err)
			}
			two := Typed{typedBy(code+code[:99], f, h, state), pressed(noFail{}, code+code[:99], f)}
			if parts := two.Split(full); len(parts) != 2 {
				t.Fatalf("%d parts", len(parts))
			}
		}
	})
	t.Logf("count: %d codes read by learnt maps", n)
}

// noFail stands in for a test where nothing can go wrong: rapid's T is no testing.TB.
type noFail struct{ testing.TB }

func (noFail) Helper()               {}
func (noFail) Fatalf(string, ...any) { panic("no key") }
func typedBy(text string, f family, h layout, s shift) string {
	return typed(noFail{}, text, f, h, s)
}

// again takes a map through its JSON.
func again(t *rapid.T, m *Map) *Map {
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back *Map
	if err := json.Unmarshal(b, &back); err != nil || !alike(back, m) {
		t.Fatalf("%s: %v", b, err)
	}
	return back
}

// damage loses, doubles, changes or swaps what stands at one place.
func damage[T comparable](s []T, way, i int, other T) []T {
	s = slices.Clone(s)
	switch way {
	case 0:
		return slices.Delete(s, i, i+1)
	case 1:
		return slices.Insert(s, i, s[i])
	case 2:
		s[i] = other
	default:
		if i+1 < len(s) {
			s[i], s[i+1] = s[i+1], s[i]
		}
	}
	return s
}

// TestLearnEveryDamage: each place of a calibration scan, each way, in characters alone and in both: refused, every one.
func TestLearnEveryDamage(t *testing.T) {
	r := newRand(31)
	n := 0
	for _, h := range []layout{hosts[0], hosts[2], strange(r)} {
		cal := burst(t, CalibrationText(), families[0], h, asSent)
		text := []rune(cal.Text)
		for i := range text {
			for way := range 4 {
				others := []int{(i + 1) % len(text)}
				if way == 2 {
					others = append(others, (i+50)%len(text), (i+71)%len(text))
				}
				for _, o := range others {
					g, k := damage(text, way, i, text[o]), damage(cal.Presses, way, i, cal.Presses[o])
					if slices.Equal(g, text) {
						continue // the last one, swapped with nothing
					}
					for _, b := range []Typed{{string(g), k}, {Text: string(g)}, {Presses: k}, {cal.Text, k}} {
						if m, err := Learn(b); m != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrAmbiguous) {
							t.Fatalf("way %d at %d: %v", way, i, err)
						}
						n++
					}
				}
			}
			g := damage(text, 2, i, '€')
			if m, err := Learn(Typed{Text: string(g)}); m != nil || !errors.Is(err, ErrDamaged) {
				t.Fatalf("changed at %d: %v", i, err)
			}
		}
	}
	t.Logf("count: %d damaged calibration scans refused", n)
}

// TestLearnMuchDamage: up to five faults at once, a prefix and a suffix too. What is learnt nevertheless is the right map, never another.
func TestLearnMuchDamage(t *testing.T) {
	right, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := unknown(t)
		text := []rune(typedBy(CalibrationText(), families[0], h, asSent))
		want, err := Learn(Typed{Text: string(text)})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 5).Draw(t, "faults") {
			i, o := rapid.IntRange(0, len(text)-1).Draw(t, "at"), rapid.IntRange(0, len(text)-1).Draw(t, "other")
			text = damage(text, rapid.IntRange(0, 3).Draw(t, "way"), i, text[o])
		}
		around := func(label string) []rune {
			return rapid.SliceOfN(rapid.SampledFrom(text), 0, 5).Draw(t, label)
		}
		m, err := Learn(Typed{Text: string(slices.Concat(around("before"), text, around("after")))})
		switch {
		case err != nil:
			refused++
		case !alike(m, want):
			t.Fatal("another map")
		default:
			right++
		}
	})
	t.Logf("count: %d refused, %d undone by one another, 0 wrong maps", refused, right)
}

// TestLearnDead: keys whose characters get lost, merge with the next one, or are alike.
func TestLearnDead(t *testing.T) {
	r := newRand(32)
	h := strange(r)
	cal := burst(t, CalibrationText(), families[0], h, asSent)
	code := burst(t, randomCode(r), families[0], h, asSent)
	for i, s := range alphabet {
		dead := string([]rune(typed(t, string(s), families[0], h, asSent))[0])
		next := typed(t, string(alphabet[(i+7)%len(alphabet)]), families[0], h, asSent)
		for name, text := range map[string]string{
			"lost":       strings.ReplaceAll(cal.Text, dead, ""),
			"two lost":   strings.ReplaceAll(strings.ReplaceAll(cal.Text, dead, ""), next, ""),
			"alike":      strings.ReplaceAll(cal.Text, dead, next),
			"a space":    strings.ReplaceAll(cal.Text, dead, " "),
			"unreadable": strings.ReplaceAll(cal.Text, dead, "\ufffd"),
		} {
			if m, err := Learn(Typed{Text: text}); m != nil || !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%s %q: %v", name, s, err)
			}
			m, err := Learn(Typed{text, cal.Presses})
			if err != nil || m.chars != nil {
				t.Errorf("%s %q, with keys: %v", name, s, err)
				continue
			}
			if _, how, err := Read(Typed{Text: "ψ", Presses: code.Presses}, m); err != nil || !how.Learnt {
				t.Errorf("%s %q, read: %v", name, s, err)
			}
		}
		// The character after a dead key is swallowed with it.
		g := []rune(cal.Text)
		for j := len(g) - 2; j >= 0; j-- {
			if string(g[j]) == dead {
				g = slices.Delete(g, j, j+2)
			}
		}
		if m, err := Learn(Typed{Text: string(g)}); m != nil || err == nil {
			t.Errorf("swallowed after %q: learnt", s)
		}
	}
	if text, how, err := Read(Typed{Text: code.Text}, nil); err == nil || text != "" || how != (Repair{}) {
		t.Error("a strange layout is known after all")
	}
}

func TestNotCalibration(t *testing.T) {
	r := newRand(33)
	code := randomCode(r)
	us := families[0]
	for name, c := range map[string]struct {
		in   Typed
		want error
	}{
		"nothing":              {Typed{}, ErrNotCalibration},
		"blanks":               {Typed{Text: "  \n"}, ErrNotCalibration},
		"a card":               {burst(t, code, us, hosts[2], asSent), ErrNotCalibration},
		"a card, ill set":      {burst(t, code, us, hosts[0], asSent), ErrNotCalibration},
		"a card, unknown":      {Typed{Text: burst(t, code, us, strange(r), asSent).Text}, ErrNotCalibration},
		"half a card":          {Typed{Text: code[:108]}, ErrDamaged},
		"a medicine":           {Typed{Text: "3400936404649"}, ErrNotCalibration},
		"one key held":         {Typed{Text: strings.Repeat("a", 108)}, ErrAmbiguous},
		"twice":                {Typed{Text: CalibrationText() + CalibrationText()}, ErrNotCalibration},
		"half":                 {Typed{Text: CalibrationText()[:53]}, ErrNotCalibration},
		"most":                 {Typed{Text: CalibrationText()[:90]}, ErrDamaged},
		"lower case in part":   {Typed{Text: CalibrationText()[:50] + strings.ToLower(CalibrationText()[50:])}, ErrDamaged},
		"no UTF-8":             {Typed{Text: strings.ReplaceAll(CalibrationText(), "K", "\x81")}, ErrAmbiguous},
		"too long":             {Typed{Text: strings.Repeat("A", maxTyped+1)}, ErrNotCalibration},
		"too many":             {Typed{Presses: make([]Press, MaxPresses+1)}, ErrNotCalibration},
		"keys of another scan": {Typed{CalibrationText(), pressed(t, code[:120], us)}, ErrDamaged},
		"keys that write none": {Typed{CalibrationText(), noise("F1", "F2")}, ErrNotCalibration},
	} {
		if m, err := Learn(c.in); m != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if m, err := Learn(burst(t, CalibrationText(), us, hosts[2], asSent)); err != nil || string(m.arrives) != alphabet {
		t.Errorf("a well-set scanner: %v", err)
	}
}

const goodMap = `{"chars":"abcdefghijklmnopqrstuvwxyz0123456789"}`

func TestMapIsStrict(t *testing.T) {
	r := newRand(34)
	cal := burst(t, CalibrationText(), families[1], hosts[0], asSent)
	m, err := Learn(cal)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	both := string(b)
	var keysOnly document
	if err := json.Unmarshal(b, &keysOnly); err != nil {
		t.Fatal(err)
	}
	quoted := `"` + strings.Join(keysOnly.Keys, `","`) + `"`
	for _, in := range []string{goodMap, both, `{"keys":[` + quoted + `]}`, " \n" + goodMap + "\t", `{"keys":[` + quoted + `],"chars":"` + alphabet + `"}`,
		strings.Replace(goodMap, `"a`, `"\u0026`, 1), strings.Replace(goodMap, `"a`, `"&`, 1)} {
		var m Map
		if err := json.Unmarshal([]byte(in), &m); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
	for _, in := range []string{
		``, `null`, `{}`, `[]`, `"abc"`, `1`, `{"chars":""}`, `{"keys":[]}`, `{"keys":null}`, `{"chars":null}`, `{"chars":1}`, `{"chars":"abc"}`,
		strings.Replace(goodMap, `"a`, `"b`, 1), strings.Replace(goodMap, `"a`, `" `, 1), strings.Replace(goodMap, `"a`, "\"\u200b", 1),
		strings.Replace(goodMap, `"a`, "\"\ufffd", 1), strings.Replace(goodMap, `"a`, "\"\xff", 1), strings.Replace(goodMap, `"a`, `"\ud800`, 1),
		strings.Replace(goodMap, `9"`, `9a"`, 1), strings.Replace(goodMap, "chars", "Chars", 1), strings.Replace(goodMap, "}", `,"chars":"x"}`, 1),
		strings.Replace(goodMap, "}", `,`+goodMap[1:], 1), strings.Replace(goodMap, "}", `,"more":1}`, 1), strings.Replace(goodMap, "}", `,"keys":[]}`, 1), strings.Replace(goodMap, "}", `,"keys":null}`, 1),
		strings.Replace(goodMap, "}", `,"keys":["KeyA"]}`, 1), goodMap + goodMap, goodMap + "x", goodMap[:len(goodMap)-1], both[:len(both)-3],
		strings.Replace(both, `"KeyE"`, `"KeyA"`, 1), strings.Replace(both, `"KeyE"`, `"F5"`, 1), strings.Replace(both, `"KeyE"`, `"Enter"`, 1),
		strings.Replace(both, `"KeyE"`, `"Space"`, 1), strings.Replace(both, `"KeyE"`, `5`, 1), strings.Replace(both, `"KeyE"`, `null`, 1),
		strings.Replace(both, `"keys"`, `"keys":[`+quoted+`],"keys"`, 1), `{"chars":"` + strings.Repeat("a", 20000) + `"}`,
	} {
		keep := Map{arrives: []rune("x")}
		if err := keep.UnmarshalJSON([]byte(in)); !errors.Is(err, ErrMap) || string(keep.arrives) != "x" {
			t.Errorf("accepted, or changed by, %.80s: %v", in, err)
		}
	}
	if _, err := json.Marshal(&Map{}); !errors.Is(err, ErrMap) {
		t.Errorf("a map that knows nothing: %v", err)
	}
	if b, err := json.Marshal((*Map)(nil)); err != nil || string(b) != "null" {
		t.Errorf("nil: %s, %v", b, err)
	}
	if text, how, err := Read(burst(t, randomCode(r), families[0], hosts[0], asSent), &Map{}); err != nil || text == "" || how.Learnt {
		t.Errorf("the zero map is in the way: %v", err)
	}
}

// TestWrongMap: a map of another keyboard costs nothing, and leads to nothing wrong.
func TestWrongMap(t *testing.T) {
	r := newRand(35)
	wrong, err := Learn(burst(t, CalibrationText(), families[1], hosts[4], asSent))
	if err != nil {
		t.Fatal(err)
	}
	eachPair(func(f family, h layout) {
		code := randomCode(r)
		if text, _, err := Read(burst(t, code, f, h, asSent), wrong); err != nil || text != code {
			t.Errorf("%s on %s: %v", f.name, h.name, err)
		}
	})
}

// alike says that two maps lead to the same symbols.
func alike(a, b *Map) bool {
	return slices.Equal(a.arrives, b.arrives) && slices.Equal(a.codes, b.codes)
}
