package main

import (
	"crypto/sha256"
	"errors"
	"testing"

	"sceau/card/status"
	"sceau/offline"
	"sceau/signing/trust"
)

// A list is taken back only from the insurer that it belongs to: with its keys, one insurer could end cards of another.
func TestPublishedPage(t *testing.T) {
	const a, b = "775670482", "302976568"
	for name, c := range map[string]struct {
		insurer string
		list    uint32
		change  func([]byte) []byte
		good    bool
	}{
		"its own":            {a, 1, nil, true},
		"another insurer's":  {b, 1, nil, false},
		"another list":       {a, 2, nil, false},
		"not what is signed": {a, 1, func(d []byte) []byte { return append(d, 0) }, false},
	} {
		data := status.New(c.insurer, c.list).Encode()
		target := trust.Info{Path: offline.PagePath(a, 1), Length: int64(len(data)), SHA256: sha256.Sum256(data)}
		if c.change != nil {
			data = c.change(data)
		}
		p, err := publishedPage(func(path string) ([]byte, error) {
			if path != target.FetchPath() {
				return nil, errors.New("no such file")
			}
			return data, nil
		}, target, a, 1)
		if (err == nil) != c.good || (p != nil) != c.good {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}
