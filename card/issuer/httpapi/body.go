// Bodies in: of one declared type, and JSON in its one strict form.

package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

const (
	maxDepth   = 8
	maxMembers = 10_000 // of a body, values of lists included
)

// isMedia says whether the body is of one of the media types.
func isMedia(r *http.Request, types []string) bool {
	if len(r.Header.Values("Content-Type")) != 1 {
		return false
	}
	got, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(types, got) {
		return false
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	return true
}

// checkJSON refuses what decoders disagree on: it takes one JSON object of UTF-8, no member twice, none spelt with capitals, no
// null, no NUL, no deep nesting, nothing behind it. Its error quotes nothing.
func checkJSON(b []byte) error {
	if !utf8.Valid(b) {
		return errBody
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return errBody
	}
	w := walker{dec: dec, left: maxMembers}
	if !w.object(1) {
		return errBody
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errBody
	}
	return nil
}

type walker struct {
	dec  *json.Decoder
	left int
}

func (w *walker) object(depth int) bool {
	seen := map[string]bool{}
	for w.dec.More() {
		t, err := w.dec.Token()
		name, ok := t.(string)
		if err != nil || !ok || seen[name] || !plainName(name) {
			return false
		}
		seen[name] = true
		if !w.value(depth) {
			return false
		}
	}
	_, err := w.dec.Token() // the closing brace
	return err == nil
}

func (w *walker) value(depth int) bool {
	if w.left--; w.left < 0 {
		return false
	}
	t, err := w.dec.Token()
	if err != nil {
		return false
	}
	switch t := t.(type) {
	case nil:
		return false // null is no value of any body here
	case string:
		return !strings.ContainsRune(t, 0)
	case json.Delim:
		if depth == maxDepth {
			return false
		}
		if t == '{' {
			return w.object(depth + 1)
		}
		for w.dec.More() {
			if !w.value(depth + 1) {
				return false
			}
		}
		_, err := w.dec.Token() // the closing bracket
		return err == nil
	}
	return true
}

// plainName: encoding/json takes "ID" for "id", so only one spelling may pass.
func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// blamed names the member or parameter that huma refused: of what was sent, at most a name.
func blamed(theirs *huma.ErrorModel) string {
	for _, one := range theirs.Errors {
		_, name, _ := strings.Cut(one.Location, ".")
		name, _, _ = strings.Cut(name, "[")
		if name != "" && len(name) <= 64 && plainName(strings.ReplaceAll(name, ".", "_")) {
			return name
		}
	}
	return ""
}
