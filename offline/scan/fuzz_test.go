// Whatever arrives: no text that the judge did not pass, no map that does not explain what was typed.

package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func FuzzRead(f *testing.F) {
	r := newRand(27)
	code := randomCode(r)
	greek := strange(r)
	var all []string
	for c := range usKeys {
		all = append(all, c)
	}
	slices.Sort(all)
	pack := func(ps []Press) (b []byte) {
		for _, p := range ps {
			i, _ := slices.BinarySearch(all, p.Code)
			x := byte(i) << 1
			if p.Shift {
				x |= 1
			}
			b = append(b, x)
		}
		return b
	}
	for _, x := range families {
		b := burst(f, code, x, greek, asSent)
		f.Add(b.Text, pack(b.Presses), true)
		f.Add(typed(f, code, x, hosts[0], capsAll), pack(b.Presses[:100]), false)
		f.Add("", pack(slices.Concat(b.Presses, b.Presses)), true)
	}
	cal := burst(f, CalibrationText(), families[0], greek, asSent)
	learnt, err := Learn(cal)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cal.Text, pack(cal.Presses), false)
	f.Fuzz(func(t *testing.T, text string, keys []byte, mapped bool) {
		b := Typed{Text: text}
		for _, k := range keys {
			p := Press{Shift: k&1 != 0, Code: "F5"}
			if int(k>>1) < len(all) {
				p.Code = all[k>>1]
			}
			b.Presses = append(b.Presses, p)
		}
		m := learnt
		if !mapped {
			m = nil
		}
		got, how, err := Read(b, m)
		switch {
		case err != nil && (got != "" || how != (Repair{})):
			t.Fatal("a text beside an error")
		case err == nil && !verbatim(got) && !compactJWS(got):
			t.Fatalf("%q does not pass the judge", got)
		case err == nil && compactJWS(got) && strings.TrimFunc(text, ignorable) != got:
			t.Fatal("a JWS that was not typed")
		}
		for _, part := range b.Split(m) {
			if _, _, err := Read(part, m); errors.Is(err, ErrEmpty) {
				t.Fatal("a scan of nothing")
			}
		}
		if m, err := Learn(b); (m == nil) == (err == nil) {
			t.Fatal("a map beside an error")
		}
	})
}

func FuzzLearn(f *testing.F) {
	r := newRand(36)
	for _, h := range []layout{hosts[0], hosts[2], strange(r)} {
		f.Add(typed(f, CalibrationText(), families[0], h, asSent))
		f.Add("$A&" + typed(f, CalibrationText(), families[0], h, capsAll) + "\r")
	}
	f.Add(CalibrationText()[:107])
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Learn(Typed{Text: text})
		if err != nil {
			if m != nil {
				t.Fatal("a map beside an error")
			}
			return
		}
		// What was learnt explains what was typed, symbol by symbol.
		var seen []byte
		for _, c := range clean(text).runes {
			seen = append(seen, max(m.chars.symbol(c), '.'))
		}
		if !bytes.Contains(seen, []byte(CalibrationText())) {
			t.Fatalf("learnt from %q, which reads %s", text, seen)
		}
	})
}

func FuzzMap(f *testing.F) {
	f.Add([]byte(goodMap))
	m, err := Learn(burst(f, CalibrationText(), families[1], hosts[0], asSent))
	if err != nil {
		f.Fatal(err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	code := randomCode(newRand(37))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Map
		if err := m.UnmarshalJSON(b); err != nil {
			return
		}
		again, err := json.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		var back Map
		if err := json.Unmarshal(again, &back); err != nil || !alike(&back, &m) {
			t.Fatalf("%s: %v", again, err)
		}
		if text, _, err := Read(Typed{Text: code, Presses: noise("KeyA")}, &m); err != nil || text != code {
			t.Fatal("a map is in the way of a clean scan")
		}
	})
}
