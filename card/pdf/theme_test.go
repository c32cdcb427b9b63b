package pdf

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

func TestParseTheme(t *testing.T) {
	th, err := ParseTheme([]byte(`{"primary":"#FFD400","accent":"#000000","slogan":"Bien","logo":"a.png"}`))
	if err != nil {
		t.Fatal(err)
	}
	if th.OnPrimary != black || th.Primary != (Color{255, 212, 0}) || th.Slogan != "Bien" || th.Logo != "a.png" {
		t.Errorf("%+v", th)
	}
	for _, bad := range []string{
		``, `null`, `[]`, `"x"`, `{`, `{}{}`, `{"primary":"#0b4a5e"} x`, `{"colour":"#0b4a5e"}`, `{"Primary":"#0b4a5e"}`,
		`{"primary":"#0b4a5e","primary":"#ffffff"}`, `{"primary":1}`, `{"primary":null}`, `{"primary":{"r":1}}`, `{"primary":["#0b4a5e"]}`,
		`{"primary":"0b4a5e"}`, `{"primary":"#0b4a5"}`, `{"primary":"#0b4a5g"}`, `{"primary":"rgb(1,2,3)"}`, `{"accent":""}`,
		`{"text_on_primary":"#0b4a5f"}`, `{"primary":"#777777","text_on_primary":"#808080"}`,
		`{"slogan":"` + strings.Repeat("é", 81) + `"}`, `{"slogan":"` + strings.Repeat(" ", maxTheme) + `"}`,
	} {
		if th, err := ParseTheme([]byte(bad)); !errors.Is(err, ErrTheme) || th != nil {
			t.Errorf("%.60s: %v", bad, err)
		}
	}
	_, err = ParseTheme([]byte(`{"primary":"#777777","text_on_primary":"#ffffff"}`))
	if err == nil || !strings.Contains(err.Error(), "4.48:1") {
		t.Errorf("the ratio is not said: %v", err)
	}
}

// TestContrast checks the rule's own yardstick, then that no primary colour can make a band unreadable.
func TestContrast(t *testing.T) {
	if r := Contrast(black, white); r < 20.99 || r > 21.01 {
		t.Errorf("black on white is %.2f", r)
	}
	for v := range 1 << 12 {
		c := Color{uint8(v>>8) * 17, uint8(v>>4&15) * 17, uint8(v&15) * 17}
		if r := Contrast(c, c.over()); r < MinContrast {
			t.Errorf("%s: %.2f", c, r)
		}
		if r := Contrast(c.onWhite(), white.mix(c, 0.14)); r < MinContrast {
			t.Errorf("heading of %s: %.2f", c, r)
		}
	}
}

func FuzzParseTheme(f *testing.F) {
	f.Add([]byte(`{"primary":"#0b4a5e","accent":"#f29f4b","text_on_primary":"#ffffff","slogan":"x","logo":"y"}`))
	f.Add([]byte(`{"primary":"#0b4a5e","primary":"#0b4a5e"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		th, err := ParseTheme(b)
		if (err == nil) == (th == nil) {
			t.Fatal("a value beside an error")
		}
		if err == nil && Contrast(th.OnPrimary, th.Primary) < MinContrast {
			t.Fatal("unreadable theme")
		}
	})
}

func TestSetLogo(t *testing.T) {
	encode := func(w, h int) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := testLogo(t)
	for name, bad := range map[string][]byte{
		"empty": nil, "text": []byte("logo"), "svg": []byte("<svg/>"), "cut": good[:len(good)/2],
		"long": encode(1300, 100), "tall": encode(100, 400), "pixels": encode(2400, 1700),
		"bytes": append(bytes.Clone(good), make([]byte, maxLogoBytes)...),
	} {
		th := DefaultTheme()
		if err := th.SetLogo(bad); !errors.Is(err, ErrTheme) || th.logo != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	th := DefaultTheme()
	if err := th.SetLogo(append(bytes.Clone(good), "hidden behind the picture"...)); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(th.logo.png, []byte("hidden")) || th.logo.w > logoWidth || th.logo.h > logoHeight {
		t.Error("the logo was not redrawn")
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, 300, 100)), nil); err != nil {
		t.Fatal(err)
	}
	if err := th.SetLogo(b.Bytes()); err != nil {
		t.Error(err)
	}
}
