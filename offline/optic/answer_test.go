package optic

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	long := strings.Repeat("A", maxText)
	var most Found
	for i := range MaxCodes {
		most.Texts = append(most.Texts, fmt.Sprintf("%02d", i)+long[2:])
	}
	most.Pages, most.Looked = 1000, MaxPages
	for _, f := range []Found{{Texts: []string{"TP1ABC"}, Pages: 1, Looked: 1}, {Texts: []string{"B $%*+-./:", "A"}, Pages: 3, Looked: 2}, most} {
		got, err := parseAnswer(formatAnswer(f, nil))
		if err != nil || got.Pages != f.Pages || got.Looked != f.Looked || !slices.Equal(got.Texts, f.Texts) {
			t.Errorf("%d texts came back as %d: %v", len(f.Texts), len(got.Texts), err)
		}
	}
	for _, want := range []error{ErrNothing, ErrFormat, ErrLocked, ErrTooLarge, ErrTimeout} {
		if _, err := parseAnswer(formatAnswer(Found{}, fmt.Errorf("%w: more", want))); !errors.Is(err, want) {
			t.Errorf("%v came back as %v", want, err)
		}
	}
	// What formatAnswer never writes.
	twice := "found 1 1 2\nA\nA\nend\n"
	for _, bad := range []string{"", "\n", "end\n", "found\nend\n", "found 1 1 1\nend\n", "found 1 1 1\nA\n", "found 1 1 1\nA\nend", "found 1 1 1\nA\nend\n\n",
		"found 1 1 1\na\nend\n", "found 1 1 1\n\nend\n", "found 1 1 1\nA\x00\nend\n", "found 1 1 1\nÉ\nend\n", "found 1 1 1\nA\r\nend\n", twice,
		"found 1 1 2\nA\nend\n", "found 1 1 1\nA\nB\nend\n", "found 0 0 1\nA\nend\n", "found 1 2 1\nA\nend\n", "found 99 21 1\nA\nend\n", "found 1 1 0\nend\n",
		"found 01 1 1\nA\nend\n", "found +1 1 1\nA\nend\n", "found -1 1 1\nA\nend\n", "found 1  1 1\nA\nend\n", "found 1 1 1 1\nA\nend\n", "FOUND 1 1 1\nA\nend\n",
		"found 10000000 1 1\nA\nend\n", "found 99999999999999999999 1 1\nA\nend\n", "broken 0 0 0\nend\n", "nothing 1 0 0\nend\n", "nothing 0 0 1\nA\nend\n",
		"nothing 0 0 0\n", "nothing 0 0 0\nend\nend\n", "found 1 1 1\n" + long + "A\nend\n", "found 1 1 33\n" + strings.Repeat("A\n", 33) + "end\n",
		strings.Repeat("found 1 1 1\nA\nend\n", 9000)} {
		if f, err := parseAnswer([]byte(bad)); !errors.Is(err, ErrBroken) || len(f.Texts) > 0 {
			t.Errorf("%.60q was believed: %v", bad, err)
		}
	}
}

func TestOrders(t *testing.T) {
	in := bytes.NewReader(append(order{Cache: "/a b/é", Budget: time.Second}.line(), "the file"...))
	o, err := readOrder(in)
	if err != nil || o.Cache != "/a b/é" || o.Budget != time.Second || in.Len() != len("the file") {
		t.Errorf("order %+v, %d bytes left, %v", o, in.Len(), err)
	}
	for _, bad := range []string{"", "{}\n", "x\n", `{"cache":"","budget_ns":0}` + "\n", `{"cache":"","budget_ns":-1}` + "\n", `{"cache":"","budget_ns":1}`,
		`{"cache":"","budget_ns":1,"more":1}` + "\n", strings.Repeat(" ", maxOrder) + `{"cache":"","budget_ns":1}` + "\n"} {
		if _, err := readOrder(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q is an order", bad)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte("found 2 1 2\nTP1ABC\nB\nend\n"))
	f.Add([]byte("nothing 0 0 0\nend\n"))
	f.Add([]byte("found 1 1 1\nA"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseAnswer(b)
		if errors.Is(err, ErrBroken) {
			return
		}
		if !bytes.Equal(formatAnswer(got, err), b) {
			t.Errorf("%q was believed, but is not what a child writes", b)
		}
		for _, s := range got.Texts {
			if !alphanumeric(s) {
				t.Errorf("text %q", s)
			}
		}
	})
}
