// The theme file: what an insurer may change about its card, and what the card refuses for the reader's sake.

package pdf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ErrTheme is the family of every refusal of a theme or a logo: the insurer's staff must change the file.
var ErrTheme = errors.New("pdf: theme")

// Theme is an insurer's look. The zero value is not usable; take DefaultTheme or ParseTheme.
type Theme struct {
	Primary   Color  // bands and headings
	OnPrimary Color  // text on bands, at least MinContrast
	Accent    Color  // thin marks; never carries meaning or text
	Slogan    string // under the insurer's name in the letter; at most 80 characters
	Logo      string // path of a PNG or JPEG file as the theme file names it; the caller reads it and calls SetLogo

	logo *logo
}

// maxTheme bounds a theme file: a real one is under 300 bytes.
const maxTheme = 8 << 10

// DefaultTheme is the look of an insurer that gave none: petrol and apricot.
func DefaultTheme() *Theme {
	return &Theme{Primary: Color{0x0b, 0x4a, 0x5e}, OnPrimary: white, Accent: Color{0xf2, 0x9f, 0x4b}}
}

// themeFile is the JSON of a theme. Every member is optional.
type themeFile struct {
	Primary       *string `json:"primary"`
	TextOnPrimary *string `json:"text_on_primary"`
	Accent        *string `json:"accent"`
	Slogan        *string `json:"slogan"`
	Logo          *string `json:"logo"`
}

// ParseTheme reads a theme file:
//
//	{"primary": "#0b4a5e", "accent": "#f29f4b", "text_on_primary": "#ffffff", "slogan": "…", "logo": "logo.png"}
//
// Every member may be left out; an unknown, doubled or differently cased one is refused. Without text_on_primary the text
// is white or black, whichever reads better; a chosen pair below MinContrast is refused with its ratio. All errors are ErrTheme.
func ParseTheme(b []byte) (*Theme, error) {
	if len(b) > maxTheme {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTheme, len(b), maxTheme)
	}
	if err := checkMembers(b); err != nil {
		return nil, err
	}
	var f themeFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTheme, err)
	}
	t := DefaultTheme()
	for _, c := range []struct {
		from *string
		to   *Color
	}{{f.Primary, &t.Primary}, {f.Accent, &t.Accent}} {
		if c.from == nil {
			continue
		}
		var err error
		if *c.to, err = ParseColor(*c.from); err != nil {
			return nil, err
		}
	}
	t.OnPrimary = t.Primary.over()
	if f.TextOnPrimary != nil {
		c, err := ParseColor(*f.TextOnPrimary)
		if err != nil {
			return nil, err
		}
		if r := Contrast(c, t.Primary); r < MinContrast {
			return nil, fmt.Errorf("%w: text_on_primary %s on primary %s has a contrast of %.2f:1, at least %.1f:1 is needed",
				ErrTheme, c, t.Primary, r, MinContrast)
		}
		t.OnPrimary = c
	}
	if f.Slogan != nil {
		if !utf8.ValidString(*f.Slogan) || utf8.RuneCountInString(*f.Slogan) > 80 {
			return nil, fmt.Errorf("%w: slogan longer than 80 characters", ErrTheme)
		}
		t.Slogan = *f.Slogan
	}
	if f.Logo != nil {
		t.Logo = *f.Logo
	}
	return t, nil
}

// checkMembers refuses what encoding/json lets through: an unknown or doubled member, a case variant, bytes after the object.
func checkMembers(b []byte) error {
	known := map[string]bool{"primary": true, "text_on_primary": true, "accent": true, "slogan": true, "logo": true}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%w: not a JSON object", ErrTheme)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: %v", ErrTheme, err)
		}
		name, _ := t.(string)
		fresh, ok := known[name]
		if !ok {
			return fmt.Errorf("%w: unknown member %.40q", ErrTheme, name)
		}
		if !fresh {
			return fmt.Errorf("%w: member %q given twice", ErrTheme, name)
		}
		known[name] = false
		v, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: %v", ErrTheme, err)
		}
		if _, ok := v.(string); !ok {
			return fmt.Errorf("%w: member %q is not a text", ErrTheme, name)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: %v", ErrTheme, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: bytes after the object", ErrTheme)
	}
	return nil
}
