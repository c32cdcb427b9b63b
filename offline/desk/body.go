// Bodies in and out: JSON in its one strict form, and never more than a bound.

package desk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Bounds of bodies, in bytes.
const (
	maxScanBody    = 512 << 10 // the longest burst, each of its keys with its name
	maxSmallBody   = 16 << 10
	maxPictureBody = 32 << 20
	maxBundleBody  = 64 << 20
	maxDepth       = 8
)

// readJSON reads a JSON body into a pointer to a struct. Errors: errMedia, errLong, errBody.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	b, err := readJSONBody(w, r, limit)
	if err != nil {
		return err
	}
	return decodeStrict(b, int(limit), into)
}

func readJSONBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if !isMedia(r, "application/json") {
		return nil, errMedia
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return nil, errLong
		}
		return nil, errBody
	}
	return b, nil
}

// isMedia says whether the body is of one of the media types; "image/" stands for all images.
func isMedia(r *http.Request, types ...string) bool {
	if len(r.Header.Values("Content-Type")) != 1 || r.Header.Get("Content-Encoding") != "" {
		return false
	}
	got, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return false
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	for _, t := range types {
		if got == t || strings.HasSuffix(t, "/") && strings.HasPrefix(got, t) {
			return true
		}
	}
	return false
}

// decodeStrict decodes one JSON object: UTF-8, no member twice, none that is unknown or spelt in capitals, no NUL, no deep
// nesting, nothing behind it. The error is errLong or errBody and quotes nothing.
func decodeStrict(b []byte, limit int, into any) error {
	if len(b) > limit {
		return errLong
	}
	if err := checkJSON(b); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if dec.Decode(into) != nil {
		return errBody
	}
	return nil
}

// checkJSON refuses what decoders disagree on.
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
	if !walkObject(dec, 1) {
		return errBody
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errBody
	}
	return nil
}

func walkObject(dec *json.Decoder, depth int) bool {
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok || seen[name] || !plainName(name) {
			return false
		}
		seen[name] = true
		if !walkValue(dec, depth) {
			return false
		}
	}
	_, err := dec.Token() // the closing brace
	return err == nil
}

func walkValue(dec *json.Decoder, depth int) bool {
	t, err := dec.Token()
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
			return walkObject(dec, depth+1)
		}
		for dec.More() {
			if !walkValue(dec, depth+1) {
				return false
			}
		}
		_, err := dec.Token() // the closing bracket
		return err == nil
	}
	return true
}

// plainName: encoding/json takes "ID" for "id", so only one spelling may pass.
func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != ""
}

// writeJSON sends a whole answer. It fails only when v can't be written as JSON or nobody listens any more.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(true)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return gone(err)
}

// gone turns the error of a write into nothing: whoever asked has left, and that is no error of ours.
func gone(error) error { return nil }
