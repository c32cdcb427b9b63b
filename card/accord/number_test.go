// Numbers and invitations, as people type them.

package accord

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"sceau/signing"
)

func TestNumber(t *testing.T) {
	seen := map[Number]bool{}
	for range 10000 {
		var b [7]byte
		rand.Read(b[:])
		n := NewNumber(b)
		if seen[n] || n.Check() != nil {
			t.Fatalf("%q twice or not in its form", n)
		}
		seen[n] = true
		typed := strings.NewReplacer("-", " ", "0", "o", "1", "l").Replace(strings.ToLower(string(n)))
		if got, err := ParseNumber(typed); err != nil || got != n {
			t.Fatalf("%q typed as %q: %q, %v", n, typed, got, err)
		}
	}
	// Bits that would look like the entry of a receipt.
	if n := NewNumber([7]byte{}); n != "A000-000A-0000" {
		t.Errorf("all zero: %s", n)
	}
	if n := NewNumber([7]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); n != "AZZZ-ZZZZ-ZZZZ" {
		t.Errorf("all one: %s", n)
	}
	for _, s := range []string{"", "A", "A7QF-XM3T-9AB", "A7QF-XM3T-9ABDE", "B7QF-XM3T-9ABD", "A7QF-1042-M3TZ", "A7QF-XM3U-9ABD", "A7QF_XM3T_9ABD",
		"A7QF-XM3T-9ABÉ", "\u212a7QF-XM3T-9ABD", strings.Repeat("A", 200), "A7QF-XM3T-9ABD\x00"} {
		if n, err := ParseNumber(s); !errors.Is(err, ErrNumber) || n != "" {
			t.Errorf("%q: %q, %v", s, n, err)
		}
	}
}

func TestInvitation(t *testing.T) {
	i := Invitation{Code: [10]byte{0x9e, 1, 2, 3, 4, 5, 6, 7, 8, 9}, Root: [32]byte{1, 2, 3}, Address: "https://droits.example:8443/service"}
	text := must(i.Text())(t)
	if got := must(ParseInvitation(text))(t); got != i {
		t.Errorf("got %+v", got)
	}
	code := i.CodeText()
	for _, s := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "0", "O") + "\n"} {
		if got, err := ParseCode(s); err != nil || got != i.Code {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", code[:18], code + "A", strings.Replace(code, "-", "_", 1), strings.Repeat("U", 16), code + "\x00"} {
		if _, err := ParseCode(s); !errors.Is(err, ErrInvitation) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for n := range text {
		for _, bad := range []string{text[:n], text[:n] + "7" + text[n+1:], text[:n] + "\n" + text[n:], text[:n] + strings.ToLower(text[n:])} {
			if bad == text {
				continue
			}
			if _, err := ParseInvitation(bad); !errors.Is(err, ErrInvitation) {
				t.Fatalf("damaged at %d: %v", n, err)
			}
		}
	}
	for _, address := range []string{"", "ftp://x.example", "droits.example", "https://", "https://u:p@x.example", "https://x.example/?q=1", "https://x.example/?",
		"https://x.example/#a", "https://x.example/#", "https://x.example/ a", "HTTPS://x.example", "https://x.example/é", "javascript:alert(1)",
		"https://" + strings.Repeat("a", MaxAddress), "//x.example", "https://:443"} {
		bad := i
		bad.Address = address
		if s, err := bad.Text(); !errors.Is(err, ErrInvitation) || s != "" {
			t.Errorf("%q: %v", address, err)
		}
	}
	if strings.Contains(ErrInvitation.Error(), code) || signing.CodeOf(ErrInvitation) != "" {
		t.Error("the error says too much")
	}
}

func FuzzInvitation(f *testing.F) {
	f.Add(must(Invitation{Address: "https://droits.example"}.Text())(f))
	f.Add("A7QF-XM3T-9ABD")
	f.Fuzz(func(t *testing.T, s string) {
		if i, err := ParseInvitation(s); err == nil {
			if again := must(i.Text())(t); again != s {
				t.Errorf("read %q, written %q", s, again)
			}
		}
		if n, err := ParseNumber(s); err == nil && n.Check() != nil {
			t.Errorf("%q gave %q", s, n)
		}
		if c, err := ParseCode(s); err == nil && must(ParseCode(CodeText(c)))(t) != c {
			t.Errorf("%q gave %x", s, c)
		}
	})
}
