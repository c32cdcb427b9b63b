// What a page sees of a scan: the characters that arrived and the physical keys that were pressed. The keys know nothing of the computer's layout.

package scan

import "strings"

// MaxPresses bounds one burst.
const MaxPresses = 8192

// Press is one physical key: KeyboardEvent.code, which names the place of the key after a US keyboard, and whether Shift was held.
// Modifiers alone, and keys held with Ctrl, Alt or Meta, are none.
type Press struct {
	Code  string `json:"code"`
	Shift bool   `json:"shift"`
}

// Typed is what one burst gave, both ways. Either may be missing: a text that was pasted has no keys, a dead key has no character.
type Typed struct {
	Text    string  `json:"typed"`
	Presses []Press `json:"presses"`
}

// usKeys holds what each key that writes gives on a US keyboard: without Shift, then with it.
var usKeys = func() map[string]string {
	m := map[string]string{
		"Minus": "-_", "Equal": "=+", "BracketLeft": "[{", "BracketRight": "]}", "Backslash": `\|`, "Semicolon": ";:", "Quote": `'"`,
		"Backquote": "`~", "Comma": ",<", "Period": ".>", "Slash": "/?", "Space": "  ", "IntlBackslash": "<>", "IntlRo": `\_`, "IntlYen": `\|`,
		"NumpadAdd": "++", "NumpadSubtract": "--", "NumpadMultiply": "**", "NumpadDivide": "//", "NumpadDecimal": "..", "NumpadComma": ",,",
		"NumpadEqual": "==", "Enter": "\n\n", "NumpadEnter": "\n\n", "Tab": "\t\t",
	}
	for i, c := range "1234567890" {
		m["Digit"+string(c)] = string(c) + string(")!@#$%^&*("[(i+1)%10])
		m["Numpad"+string(c)] = string(c) + string(c)
	}
	for c := 'A'; c <= 'Z'; c++ {
		m["Key"+string(c)] = string(c+'a'-'A') + string(c)
	}
	return m
}()

// keyTables undo what a scanner believed, from the places of the keys: a US keyboard stands in for the computer's.
var keyTables = func() (ts []*table) {
	for _, f := range families {
		for _, h := range hosts {
			if h.name == "QWERTY (États-Unis)" {
				ts = append(ts, makeTable(f, h))
			}
		}
	}
	return ts
}()

// asUS writes presses as a US keyboard does, one byte each; at holds the press behind each byte. Keys that write nothing are left out.
func asUS(presses []Press) (line string, at []int) {
	return spell(presses, func(p Press) byte {
		k, ok := usKeys[p.Code]
		switch {
		case !ok:
			return 0
		case p.Shift:
			return k[1]
		default:
			return k[0]
		}
	})
}

func spell(presses []Press, byteOf func(Press) byte) (line string, at []int) {
	var b strings.Builder
	for i, p := range presses {
		if c := byteOf(p); c != 0 {
			b.WriteByte(c)
			at = append(at, i)
		}
	}
	return b.String(), at
}

// Read returns the code text that was printed, from what one burst gave. Characters as printed are believed first, then a learnt map, then the known
// pairs of layouts, then the physical keys; whichever it is, only a text whose checksum holds comes back (or a bare compact JWS, which has none, as
// Undo says). Errors are those of Undo, and none says anything about the card. learnt may be nil.
func Read(t Typed, learnt *Map) (text string, how Repair, err error) {
	if verbatim(t.Text) {
		return t.Text, Repair{}, nil
	}
	if len(t.Presses) > MaxPresses {
		return "", Repair{}, ErrNotCode
	}
	for _, r := range routes(t, learnt) {
		text, how, fault := r.one()
		if fault == nil {
			return text, how, nil
		}
		if err == nil || telling(fault) > telling(err) {
			err = fault
		}
	}
	return "", Repair{}, err
}

// Split takes a burst apart where several scans ran into one another, each for Read. Of the characters and the keys, those are followed that lead to
// more whole codes. A burst with one scan comes back as it is; one with nothing but blanks gives none.
func (t Typed) Split(learnt *Map) []Typed {
	if len(t.Presses) > MaxPresses {
		t.Presses = nil
	}
	var best []Typed
	most := -1
	for _, r := range routes(t, learnt) {
		var parts []Typed
		whole := 0
		for _, s := range split(r.line, r.read) {
			parts = append(parts, r.part(s))
			if pieces, err := r.read(r.line[s.from:s.to]); err == nil && pieces[0].text != "" {
				whole++
			}
		}
		if whole > most && len(parts) > 0 {
			best, most = parts, whole
		}
	}
	if len(best) == 1 {
		return []Typed{t}
	}
	return best
}

// route is one way to a text: a line, and how it is read.
type route struct {
	line string
	read func(string) ([]piece, error)
	by   []*table // what read undoes
	at   []int    // the press behind each byte of the line, nil when it is the text
	from []Press  // of at
	mark func(*Repair)
}

func routes(t Typed, learnt *Map) []route {
	by := func(ts ...*table) func(string) ([]piece, error) {
		return func(line string) ([]piece, error) {
			if len(line) > maxTyped {
				return nil, ErrNotCode
			}
			return judge(line, ts)
		}
	}
	var rs []route
	if learnt != nil {
		mark := func(r *Repair) { *r = Repair{Learnt: true, Around: r.Around, Repeated: r.Repeated} }
		if learnt.chars != nil {
			rs = append(rs, route{line: t.Text, read: by(learnt.chars), by: []*table{learnt.chars}, mark: mark})
		}
		if len(t.Presses) > 0 && learnt.keys != nil {
			line, at := spell(t.Presses, learnt.key)
			rs = append(rs, route{line: line, at: at, from: t.Presses, read: by(printed), by: []*table{printed}, mark: mark})
		}
	}
	rs = append(rs, route{line: t.Text, read: read, by: tables, mark: func(*Repair) {}})
	if len(t.Presses) > 0 {
		line, at := asUS(t.Presses)
		rs = append(rs, route{line: line, at: at, from: t.Presses, read: by(keyTables...), by: keyTables, mark: func(r *Repair) {
			*r = Repair{Keys: true, Scanner: r.Scanner, Around: r.Around, Repeated: r.Repeated}
			if r.Scanner == "" {
				r.Scanner = families[0].name
			}
			r.Layout = r.Scanner + " sur une disposition inconnue"
		}})
	}
	return rs
}

func (r route) one() (string, Repair, error) {
	pieces, err := r.read(r.line)
	if err != nil {
		return "", Repair{}, err
	}
	text, how, err := agreed(pieces)
	if err != nil {
		return "", Repair{}, err
	}
	r.mark(&how)
	return text, how, nil
}

func (r route) part(s span) Typed {
	if r.at == nil {
		return Typed{Text: r.line[s.from:s.to]}
	}
	return Typed{Presses: r.from[r.at[s.from] : r.at[s.to-1]+1]}
}

// telling orders errors: of two ways that failed, the person hears of the one that came nearer to a code.
func telling(err error) int {
	switch err {
	case ErrMerged:
		return 3
	case ErrIncomplete:
		return 2
	case ErrNotCode:
		return 1
	default:
		return 0
	}
}
