// notices.json: one author's notices as bytes, one spelling for each set. FORMAT.md.

package notice

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"time"
)

// Format is the first member of notices.json; the version is inside the bytes that the repository's hash covers.
const Format = "tp-notices-1"

// operator is how the file spells the author "", the operator of the repository. No insurer's key has small letters.
const operator = "operator"

// moment is how the file writes times: UTC, whole seconds.
const moment = "2006-01-02T15:04:05Z"

// Bytes returns the canonical notices.json of an author: an insurer's key, or "" for the operator. It refuses what Parse would
// refuse, with ErrMalformed; an *Unsuitable when one notice is to blame.
func Bytes(author string, all []Notice) ([]byte, error) {
	if !isAuthor(author) {
		return nil, malformed("notices_author", "no insurer's key")
	}
	if err := checkAll(all); err != nil {
		return nil, err
	}
	if author == "" {
		author = operator
	}
	b := make([]byte, 0, 1024)
	b = appendText(append(b, `{"format":"`+Format+`","author":`...), author)
	b = append(b, `,"notices":[`...)
	for i, n := range slices.SortedFunc(slices.Values(all), byAge) {
		if i > 0 {
			b = append(b, ',')
		}
		b = n.append(b)
	}
	b = append(b, "]}"...)
	if len(b) > MaxFile {
		return nil, malformed("notices_size", "larger than its bound")
	}
	return b, nil
}

func (n Notice) append(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), n.ID)
	b = appendText(append(b, `,"kind":`...), string(n.Kind))
	b = appendText(append(b, `,"issued":`...), n.Issued.UTC().Format(moment))
	b = appendText(append(b, `,"from":`...), n.From.UTC().Format(moment))
	b = appendText(append(b, `,"until":`...), n.Until.UTC().Format(moment))
	b = appendText(append(b, `,"title":`...), n.Title)
	b = appendText(append(b, `,"text":`...), n.Text)
	if n.Guaranteed != "" {
		b = appendText(append(b, `,"guaranteed":`...), n.Guaranteed)
	}
	if n.Phone != "" {
		b = appendText(append(b, `,"phone":`...), n.Phone)
	}
	return append(b, '}')
}

// appendText writes a text of the alphabet of notices, which has neither backslashes nor control characters.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

func isAuthor(s string) bool {
	if len(s) > 10 || s != "" && s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

type fileDoc struct {
	Format  string      `json:"format"`
	Author  string      `json:"author"`
	Notices []noticeDoc `json:"notices"`
}

type noticeDoc struct {
	ID         string `json:"id"`
	Kind       Kind   `json:"kind"`
	Issued     string `json:"issued"`
	From       string `json:"from"`
	Until      string `json:"until"`
	Title      string `json:"title"`
	Text       string `json:"text"`
	Guaranteed string `json:"guaranteed"`
	Phone      string `json:"phone"`
}

// Parse reads what Bytes writes for the same author and nothing else; the newest notice comes first. The author is the one
// whose role signed the file: a file that speaks for another one is refused. Errors: ErrMalformed.
func Parse(author string, b []byte) ([]Notice, error) {
	if len(b) > MaxFile {
		return nil, malformed("notices_size", "larger than its bound")
	}
	var f fileDoc
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, malformed("notices_json", "not the JSON of this format")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, malformed("notices_json", "bytes after the value")
	}
	if f.Format != Format {
		return nil, malformed("notices_format", "version of notices.json that this program doesn't know")
	}
	if want := author; f.Author != want && !(want == "" && f.Author == operator) {
		return nil, malformed("notices_author", "the file speaks for somebody else")
	}
	var all []Notice
	for _, n := range f.Notices {
		one := Notice{ID: n.ID, Kind: n.Kind, Title: n.Title, Text: n.Text, Guaranteed: n.Guaranteed, Phone: n.Phone}
		for _, t := range []struct {
			field, text string
			to          *time.Time
		}{{"issued", n.Issued, &one.Issued}, {"from", n.From, &one.From}, {"until", n.Until, &one.Until}} {
			var err error
			if *t.to, err = time.Parse(moment, t.text); err != nil {
				return nil, unsuitable(t.field, "notice_time", "no UTC time with whole seconds")
			}
		}
		all = append(all, one)
	}
	again, err := Bytes(author, all)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) { // also members twice, in another order or case, escapes, white space, damaged UTF-8
		return nil, malformed("notices_not_canonical", "notices.json is spelled in another way")
	}
	return all, nil
}
