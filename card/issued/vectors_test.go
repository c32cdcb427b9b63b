package issued

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
)

// vector is a file with what it holds, or one that must be refused.
type vector struct {
	Name    string   `json:"name"`
	File    string   `json:"file"` // hexadecimal
	Path    string   `json:"path,omitempty"`
	Refused bool     `json:"refused,omitempty"`
	Insurer string   `json:"insurer,omitempty"`
	KID     string   `json:"kid,omitempty"`
	Part    int      `json:"part,omitempty"`
	Parts   int      `json:"parts,omitempty"`
	Listed  []string `json:"listed,omitempty"`
	Absent  []string `json:"absent,omitempty"`
}

func TestVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	good, refused := 0, 0
	for _, v := range all {
		file, err := hex.DecodeString(v.File)
		if err != nil {
			t.Fatal(v.Name, err)
		}
		p, err := Decode(file)
		if v.Refused {
			if refused++; !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", v.Name, err)
			}
			continue
		}
		if good++; err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if p.Owner() != v.Insurer || p.KID() != v.KID || p.Index() != v.Part || p.Count() != v.Parts || p.Len() != len(v.Listed) {
			t.Errorf("%s: %s %s %d of %d, %d cards", v.Name, p.Owner(), p.KID(), p.Index(), p.Count(), p.Len())
		}
		if want := "amc/" + v.Insurer + "/issued/" + Name(v.KID, v.Part, v.Parts); v.Path != want {
			t.Errorf("%s: %s, not %s", v.Name, v.Path, want)
		}
		for n, list := range [][]string{v.Listed, v.Absent} {
			for _, text := range list {
				d, err := hex.DecodeString(text)
				if err != nil || len(d) != DigestSize || p.Has([DigestSize]byte(d)) != (n == 0) {
					t.Errorf("%s: %s", v.Name, text)
				}
			}
		}
	}
	if good < 4 || refused < 8 || !slices.ContainsFunc(all, func(v vector) bool { return v.Parts > 1 }) {
		t.Errorf("%d good vectors and %d refused ones", good, refused)
	}
}
