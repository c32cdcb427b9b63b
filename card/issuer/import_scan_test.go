package issuer

import (
	"errors"
	"io"
	"strings"
	"testing"

	"sceau/rights/roster"
)

// TestWholeFileFaults: nothing is taken of a file that is two files in one or was encoded twice, into an empty register or a filled one,
// whatever the options.
func TestWholeFileFaults(t *testing.T) {
	good := rosterUntil(300, 0, "")
	other := strings.ReplaceAll(good, ";A0", ";B0")
	deltas := deltaHeader + moved("C", line("N1", "Zoé", "100%")) + deltaHeader + moved("C", line("N2", "Zoé", "100%"))
	// The accents come behind what a first batch takes.
	twice := strings.ReplaceAll(good, "Éloïse", "Eloise") + line("Z1", "Ã‰loÃ¯se", "100%")
	for name, tc := range map[string]struct {
		text, code string
		o          ImportOptions
	}{
		"twice the same": {good + good, "header_again", ImportOptions{}},
		"two files":      {good + other, "header_again", ImportOptions{MaxClosed: 100}},
		"rejects":        {good + good, "header_again", ImportOptions{MaxRejects: 50}},
		"delta":          {deltas, "header_again", ImportOptions{Delta: true}},
		"accents":        {twice, "mojibake", ImportOptions{}},
		"no file":        {"", "empty", ImportOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, filled := range []bool{false, true} {
				w := newWorld(t)
				w.issuer.Batch = 50
				if filled {
					must1(w.take(strings.ReplaceAll(good, "100%", "150%"), ImportOptions{}))(t)
				}
				before := w.contracts()
				var whole *roster.FileError
				r, _, err := w.guarded(tc.text, tc.o)
				if !errors.As(err, &whole) || whole.Code != tc.code || !r.Untouched {
					t.Errorf("filled %v: %+v %v", filled, r, err)
				}
				after := w.contracts()
				if len(after) != len(before) {
					t.Errorf("filled %v: %d contracts, then %d", filled, len(before), len(after))
				}
				for k, c := range after {
					if c.Revision != before[k].Revision {
						t.Errorf("filled %v: a contract was changed", filled)
					}
				}
			}
		})
	}
	// A file that fails while it is read again is taken as far as it went, and says so.
	w := newWorld(t)
	w.issuer.Batch = 50
	n, broken := 0, errors.New("broken")
	r, err := w.issuer.ImportFile(t.Context(), func() (io.Reader, error) {
		if n++; n == 1 {
			return strings.NewReader(good), nil
		}
		return io.MultiReader(strings.NewReader(good[:len(good)/2]), errReader{broken}), nil
	}, ImportOptions{})
	if !errors.Is(err, broken) || r.Untouched || r.Created == 0 || len(w.contracts()) != r.Created {
		t.Errorf("%+v %v, %d contracts", r, err, len(w.contracts()))
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }
