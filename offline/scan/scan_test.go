// Wedge faults: layouts, Caps Lock, prefixes, drops, doubles, merges. A scan is repaired exactly or refused, and never called a forgery.

package scan

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"sceau/card"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

// TestEveryLayout: each layout pair, each Caps Lock state, 200 codes; all come back exactly, and what was undone is named.
func TestEveryLayout(t *testing.T) {
	r := newRand(1)
	n := 0
	eachPair(func(f family, h layout) {
		for _, s := range []shift{asSent, capsLetters, capsAll, capsThird, lowered} {
			for range 200 {
				code := randomCode(r)
				garbled := typed(t, code, f, h, s)
				text, how, err := Undo(garbled)
				if err != nil || text != code {
					t.Fatalf("%s on %s, %s: %v\n typed %s", f.name, h.name, s, err, garbled)
				}
				if (garbled == code) != (how == Repair{}) || how.Around || how.Repeated {
					t.Fatalf("%s on %s, %s: %+v", f.name, h.name, s, how)
				}
				// With Caps Lock two pairs can explain the same characters, and QWERTZ on QWERTY is QWERTY on QWERTZ; otherwise the pair is named.
				if same := strings.HasPrefix(h.name, f.name); s == asSent && (how.CapsLock || same != (how.Layout == "") ||
					!same && (how.Advice() == "" || how.Scanner+how.Host[:6] != f.name+h.name[:6] && how.Host[:6]+how.Scanner != "QWERTZQWERTY")) {
					t.Fatalf("%s on %s: %+v, advice %q", f.name, h.name, how, how.Advice())
				}
				if s == lowered && !how.CapsLock {
					t.Fatalf("%s on %s, %s: %+v", f.name, h.name, s, how)
				}
				n++
			}
		}
	})
	if n != len(families)*len(hosts)*5*200 {
		t.Fatalf("only %d codes", n)
	}
}

// TestKnownPairs holds strings seen in the field, typed by no code of this package.
func TestKnownPairs(t *testing.T) {
	for _, c := range []struct {
		host           string
		meant, arrived string
	}{
		{"AZERTY (France, Windows ou Linux)", "004HQ3NIDBVD", `àà'HA"NIDBVD`},
		{"AZERTY (France, Windows ou Linux)", "004HQ3NIDBVD", `004ha3nidbvd`},
		{"AZERTY (France, Windows ou Linux)", "HA112", `HQ&&é`},
		{"AZERTY (France, Windows ou Linux)", "1234567890AQZWM", `&é"'(-è_çàQAWZ?`},
		{"AZERTY (France, Windows ou Linux)", "AQZWM", `qawz,`},
		{"AZERTY (Belgique, ou France sur Mac)", "6878", `§!è!`},
		{"QWERTZ (Allemagne, Autriche)", "YZ27", `ZY"/`},
	} {
		for _, tab := range tables {
			if tab.scanner != "QWERTY" || tab.host != c.host {
				continue
			}
			got := make([]byte, len([]rune(c.arrived)))
			tab.decode(got, []rune(c.arrived))
			if string(got) != c.meant {
				t.Errorf("%s: %q gives %q, want %q", c.host, c.arrived, got, c.meant)
			}
		}
	}
}

// TestTablesAreInvertible: within one pair no character stands for two symbols, and every symbol of a code is reached.
func TestTablesAreInvertible(t *testing.T) {
	eachPair(func(f family, h layout) {
		if len([]rune(h.plain)) != len(keys) || len([]rune(h.shifted)) != len(keys) || len(f.symbols) != len(keys) || h.more != "" && len([]rune(h.more)) != len(keys) {
			t.Fatalf("%s on %s: not %d keys", f.name, h.name, len(keys))
		}
		from := map[rune]int{}
		for _, level := range []string{h.plain, h.shifted, h.more} {
			for i, r := range []rune(level) {
				if k, ok := from[r]; ok && k != i && r != ' ' {
					t.Errorf("%s: %q is on two keys", h.name, r)
				}
				from[r] = i
			}
		}
		for _, s := range "1234567ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
			if strings.Count(f.symbols, string(s)) != 1 {
				t.Errorf("%s: %q is not on one key", f.name, s)
			}
		}
	})
}

// TestAround: what scanners and editors put around and into a code.
func TestAround(t *testing.T) {
	r := newRand(3)
	fr, us := hosts[0], hosts[2]
	for name, wrap := range map[string]func(string) string{
		"AIM QR model 2":      func(s string) string { return "]Q1" + s },
		"AIM QR with ECI":     func(s string) string { return "]Q3" + s },
		"STX and ETX":         func(s string) string { return "\x02" + s + "\x03" },
		"tab and return":      func(s string) string { return s + "\t\r\n" },
		"group separator":     func(s string) string { return s + "\x1d" },
		"byte order mark":     func(s string) string { return "\ufeff" + s },
		"blank every fifty":   func(s string) string { return slicesJoin(s, 50, " ") },
		"no-break spaces":     func(s string) string { return slicesJoin(s, 7, "\u00a0") },
		"narrow and zero":     func(s string) string { return slicesJoin(s, 31, "\u202f\u200b") },
		"site prefix, suffix": func(s string) string { return "CARTE=" + s + "#" },
	} {
		for range 20 {
			code := randomCode(r)
			text, how, err := Undo(wrap(code))
			if err != nil || text != code || !how.Around || how.Layout != "" || how.CapsLock || how.Advice() != "" {
				t.Errorf("%s: %q, %+v, %v", name, text, how, err)
			}
		}
	}
	// The identifier is typed through the same keyboard: ] is on the key that gives $ on AZERTY.
	code := randomCode(r)
	text, how, err := Undo("$A&" + typed(t, code, families[0], fr, asSent) + "\r")
	if err != nil || text != code || !how.Around || how.Host != fr.name {
		t.Errorf("AIM on AZERTY: %q, %+v, %v", text, how, err)
	}
	// Decomposed accents and single-byte encodings.
	garbled := typed(t, code, families[0], fr, asSent)
	for name, s := range map[string]string{
		"decomposed":  strings.NewReplacer("é", "e\u0301", "è", "e\u0300", "à", "a\u0300", "ç", "c\u0327").Replace(garbled),
		"windows1252": strings.NewReplacer("é", "\xe9", "è", "\xe8", "à", "\xe0", "ç", "\xe7").Replace(garbled),
		"cp850":       strings.NewReplacer("é", "\x82", "è", "\x8a", "à", "\x85", "ç", "\x87").Replace(garbled),
	} {
		if text, _, err := Undo(s); err != nil || text != code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, how, err := Undo(typed(t, code, families[0], us, capsAll)); err != nil || text != code || !how.CapsLock || how.Layout != "" {
		t.Errorf("Shift turned round: %+v, %v", how, err)
	}
}

func slicesJoin(s string, n int, sep string) string {
	var parts []string
	for part := range slices.Chunk([]byte(s), n) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, sep)
}

// TestSingleFaults drops, doubles and changes each character in turn, on the layouts that matter: the result is refused, or is the code itself (a
// doubled T before the prefix); it is never another text.
func TestSingleFaults(t *testing.T) {
	r := newRand(4)
	var refused, same, count int
	judge := func(code, garbled string) {
		t.Helper()
		count++
		text, _, err := Undo(garbled)
		switch {
		case err == nil && text == code:
			same++
		case err == nil:
			t.Fatalf("another text: %s", text)
		case !errors.Is(err, ErrIncomplete):
			t.Fatalf("%v: %s", err, garbled)
		default:
			refused++
		}
	}
	for _, h := range hosts[:3] {
		for range 3 {
			code := randomCode(r)
			g := []rune(typed(t, code, families[0], h, asSent))
			for i := range g {
				judge(code, string(slices.Delete(slices.Clone(g), i, i+1)))
				judge(code, string(slices.Insert(slices.Clone(g), i, g[i])))
				for _, other := range []rune{'A', '2', '1', 'x', 'é', '?', '%'} {
					if other != g[i] && unicode.ToUpper(other) != g[i] {
						c := slices.Clone(g)
						c[i] = other
						judge(code, string(c))
					}
				}
				if i+1 < len(g) && g[i] != g[i+1] {
					c := slices.Clone(g)
					c[i], c[i+1] = c[i+1], c[i]
					judge(code, string(c))
				}
			}
		}
	}
	if refused == 0 || same > count/100 {
		t.Fatalf("%d of %d refused, %d unharmed", refused, count, same)
	}
	t.Logf("count: %d faults: %d refused, %d were the code itself, 0 another text", count, refused, same)
}

// TestHalf: every length at which a scan can break off, from either end.
func TestHalf(t *testing.T) {
	r := newRand(5)
	for _, h := range hosts[:3] {
		code := randomCode(r)
		g := []rune(typed(t, code, families[0], h, asSent))
		for i := len(prefix); i < len(g); i++ {
			if _, _, err := Undo(string(g[:i])); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("first %d on %s: %v", i, h.name, err)
			}
		}
		for i := 1; i < len(g)-shortest/2; i++ {
			if _, _, err := Undo(string(g[i:])); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("without the first %d on %s: %v", i, h.name, err)
			}
		}
	}
}

func TestNotACode(t *testing.T) {
	for in, want := range map[string]error{
		"": ErrEmpty, " \t\r\n": ErrEmpty, "\u00a0\u200b": ErrEmpty,
		"3400936404649": ErrNotCode, "]d2010340093640464917270300": ErrNotCode, "TP": ErrNotCode, "bonjour": ErrNotCode, "\xff\xfe\x00": ErrNotCode,
		"https://example.org/TP": ErrNotCode, "shc:/5676290952432060346029243740446031222959532654603460292540772804336028": ErrNotCode,
		"TP1": ErrIncomplete, "tp&": ErrIncomplete, "TP1AAAA": ErrIncomplete,
		"TP1" + strings.Repeat("A", 200): ErrIncomplete, "TP1" + strings.Repeat("A", 5000): ErrIncomplete, strings.Repeat("TP1", 100): ErrIncomplete,
		strings.Repeat("A", maxTyped+1): ErrNotCode, "eyJ.x.é": ErrNotCode,
	} {
		text, how, err := Undo(in)
		if !errors.Is(err, want) || text != "" || how != (Repair{}) {
			t.Errorf("%.40q: %q, %+v, %v, want %v", in, text, how, err, want)
		}
	}
}

// TestCompactJWS: what is pasted from a file or a wallet is not touched.
func TestCompactJWS(t *testing.T) {
	const jws = "eyJhbGciOiJFUzI1NiJ9.q1YqVrJSMjQyVrJ_-aq.c2lnbmF0dXJl"
	for _, in := range []string{jws, jws + "\r\n", " \ufeff" + jws + "\u00a0"} {
		text, how, err := Undo(in)
		if err != nil || text != jws || how.Layout != "" || how.CapsLock {
			t.Errorf("%q: %q, %+v, %v", in, text, how, err)
		}
	}
	if got := Split(jws + "\n" + jws); !slices.Equal(got, []string{jws, jws}) {
		t.Errorf("%q", got)
	}
}

// undoAll is what a counter does with its input.
func undoAll(input string) (texts []string) {
	for _, s := range Split(input) {
		text, _, err := Undo(s)
		if err != nil {
			text = "!" + err.Error()
		}
		texts = append(texts, text)
	}
	return texts
}

func TestSplit(t *testing.T) {
	r := newRand(6)
	a, b, c := randomCode(r), randomCode(r), randomCode(r)
	const bad = "!scan: incomplete"
	for _, h := range hosts[:3] {
		g := func(s string) string { return typed(t, s, families[0], h, asSent) }
		for name, x := range map[string]struct {
			input string
			want  []string
		}{
			"nothing":                    {" \n\r\n\t", nil},
			"one a line":                 {g(a) + "\n" + g(b) + "\r\n\r\n" + g(c), []string{a, b, c}},
			"tabs":                       {g(a) + "\t" + g(b) + "\t", []string{a, b}},
			"STX and ETX":                {"\x02" + g(a) + "\x03\x02" + g(b) + "\x03", []string{a, b}},
			"merged":                     {g(a) + g(b) + g(c), []string{a, b, c}},
			"merged with identifiers":    {"]Q1" + g(a) + "]Q1" + g(b), []string{a, b}},
			"merged with blanks":         {g(a) + "  " + g(b), []string{a, b}},
			"doubled":                    {g(a) + g(a), []string{a}},
			"doubled on two lines":       {g(a) + "\n" + g(a), []string{a, a}},
			"there and back":             {g(a) + g(b) + g(a), []string{a, b, a}},
			"first half, then whole":     {g(a[:150]) + g(b), []string{bad, b}},
			"whole, then first half":     {g(a) + g(b[:150]), []string{a, bad}},
			"second half, then whole":    {g(a[90:]) + g(b), []string{bad, b}},
			"two halves":                 {g(a[:150]) + g(b[:150]), []string{bad}},
			"a bad one among good ones":  {g(a) + g(b[:100]+b[101:]) + g(c), []string{a, bad, c}},
			"something else on its line": {"3400936404649\n" + g(a), []string{"!scan: not a card's code", a}},
		} {
			if got := undoAll(x.input); !slices.Equal(got, x.want) {
				t.Errorf("%s on %s:\n got %q\nwant %q", name, h.name, got, x.want)
			}
		}
		if _, _, err := Undo(g(a) + g(b)); !errors.Is(err, ErrMerged) {
			t.Errorf("merged, undone at once: %v", err)
		}
		if text, how, err := Undo(g(a) + g(a)); err != nil || text != a || !how.Repeated {
			t.Errorf("doubled, undone at once: %+v, %v", how, err)
		}
	}
}

// TestBurst: fifty scans in a row without one terminator.
func TestBurst(t *testing.T) {
	r := newRand(7)
	for _, h := range hosts[:2] {
		var b strings.Builder
		var want []string
		for range 50 {
			code := randomCode(r)
			want = append(want, code)
			b.WriteString(typed(t, code, families[0], h, asSent))
		}
		if got := undoAll(b.String()); !slices.Equal(got, want) {
			t.Errorf("%d scans of 50 on %s", len(got), h.name)
		}
	}
}

// TestCardAgrees: what passes here is never unreadable for the card package, and the other way round.
func TestCardAgrees(t *testing.T) {
	r := newRand(8)
	readable := func(s string) bool {
		_, err := card.Parse(s)
		return !errors.Is(err, card.ErrUnreadable)
	}
	for range 200 {
		code := randomCode(r)
		if !readable(code) || !verbatim(code) {
			t.Fatal("a whole code is not readable")
		}
		b := []byte(code)
		i := 3 + r.IntN(len(b)-3)
		b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567189a "[r.IntN(37)]
		if readable(string(b)) != verbatim(string(b)) {
			t.Fatalf("the two judges differ on %s", b)
		}
	}
}

func FuzzUndo(f *testing.F) {
	r := newRand(9)
	code := randomCode(r)
	f.Add(code)
	f.Add("")
	f.Add("eyJ.a.b")
	for _, h := range hosts {
		for _, s := range []shift{asSent, capsAll} {
			f.Add("]Q1" + typed(f, code, families[0], h, s) + "\r\n")
		}
	}
	f.Add(code + randomCode(r))
	f.Fuzz(func(t *testing.T, in string) {
		text, how, err := Undo(in)
		if err != nil {
			if text != "" || how != (Repair{}) {
				t.Fatal("a text beside an error")
			}
		} else if !verbatim(text) && !compactJWS(text) {
			t.Fatalf("%q does not pass the judge", text)
		} else if again, h, err := Undo(text); again != text || h != (Repair{}) || err != nil {
			t.Fatalf("%q is not what was printed", text)
		}
		for _, s := range Split(in) {
			if blank(s) {
				t.Fatal("a scan of blanks")
			}
			if _, _, err := Undo(s); errors.Is(err, ErrMerged) {
				t.Fatalf("%q was not split", s)
			}
		}
	})
}
