//go:build linux

package issuer

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"sceau/card/register"
	"sceau/rights/roster"
)

// intake is an issuer on any store, for imports alone.
type intake struct {
	t      testing.TB
	issuer *Issuer
	clock  time.Time
}

func newIntake(t testing.TB, s register.Store) *intake {
	i := &intake{t: t, clock: begin}
	i.issuer = &Issuer{Store: s, Now: func() time.Time { return i.clock }, Actor: "test", Batch: 3}
	return i
}

func (i *intake) file(text string, o ImportOptions) (*ImportReport, []roster.Reject, error) {
	i.t.Helper()
	var rejects []roster.Reject
	o.Reject = func(r roster.Reject) error { rejects = append(rejects, r); return nil }
	r, err := i.issuer.ImportFile(context.Background(), func() (io.Reader, error) { return strings.NewReader(text), nil }, o)
	return r, rejects, err
}

// contracts are "N° people to" of an insurer, sorted.
func (i *intake) contracts(insurer string) []string {
	i.t.Helper()
	var out []string
	err := i.issuer.Store.View(context.Background(), func(tx register.Tx) error {
		all, err := tx.ContractsAfter(insurer, "", 1000)
		for _, c := range all {
			facts, failed := c.Rights()
			if failed != nil {
				return failed
			}
			out = append(out, fmt.Sprintf("%s %d %s", c.Key.Adherent, len(facts.Beneficiaries), c.To))
		}
		return err
	})
	if err != nil {
		i.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestHostileFiles: what can happen to a file leaves whole contracts or none, and the whole file afterwards completes them.
func TestHostileFiles(t *testing.T) {
	var keys []string
	for n := range hostileFiles(amc) {
		keys = append(keys, fmt.Sprint(775670500+n))
	}
	for name, store := range sealedStores(t, keys...) {
		in := newIntake(t, store)
		for n, key := range keys { // an insurer each, so that one register is enough
			c := hostileFiles(key)[n]
			r, rejects, err := in.file(c.file, ImportOptions{MaxClosed: 100})
			var refused *roster.FileError
			switch {
			case errors.As(err, &refused):
				if refused.Code != c.fault {
					t.Errorf("%s, %s: %s, want %s", name, c.name, refused.Code, c.fault)
				}
			case err != nil:
				t.Errorf("%s, %s: %v", name, c.name, err)
			case c.fault == "" && (len(rejects) > 0 || len(r.Causes) > 0):
				t.Errorf("%s, %s: %v", name, c.name, rejects)
			case c.fault != "" && (len(rejects) == 0 || !slices.ContainsFunc(r.Causes, func(g RejectCause) bool { return g.Code == c.fault && g.Line == c.line && g.Cause != "" && g.Count > 0 })):
				t.Errorf("%s, %s: %+v, want %s in line %d", name, c.name, r.Causes, c.fault, c.line)
			}
			whole := []string{"A0 2 2027-12-31", "A1 2 2027-12-31", "A2 2 2027-12-31", "A3 2 2027-12-31", "A4 2 2027-12-31", "A5 2 2027-12-31", "A6 2 2027-12-31", "A7 2 2027-12-31",
				"A8 2 2027-12-31", "A9 2 2027-12-31"}
			got := in.contracts(key)
			if len(got) != c.taken {
				t.Errorf("%s, %s: %d contracts taken, want %d", name, c.name, len(got), c.taken)
			}
			for _, k := range got {
				if !slices.Contains(whole, k) {
					t.Errorf("%s, %s: half a contract was taken: %s", name, c.name, k)
				}
			}
			if _, _, err := in.file(hostileFiles(key)[0].file, ImportOptions{Again: true}); err != nil || !slices.Equal(in.contracts(key), whole) {
				t.Errorf("%s, %s: the whole file does not complete it: %v, %v", name, c.name, in.contracts(key), err)
			}
		}
	}
}

type hostileFile struct {
	name, file string
	fault      string // code of the file's error, or of the first cause
	line       int    // of the first cause
	taken      int    // contracts
}

// hostileFiles are ten contracts of two people each, and what becomes of their file; the first is the whole one.
func hostileFiles(key string) []hostileFile {
	line := func(adherent, prenom, rate string) string {
		return strings.Replace(line(adherent, prenom, rate), amc, key, 1)
	}
	file := header
	for i := range 10 {
		file += line(fmt.Sprint("A", i), "Éloïse", "100%") + line(fmt.Sprint("A", i), "Noé", "100%")
	}
	half := file[:strings.Index(file, line("A5", "Noé", "100%"))]
	var latin, twice strings.Builder
	for _, r := range file {
		latin.WriteByte(byte(r))
	}
	for _, b := range []byte(file) {
		twice.WriteRune(rune(b))
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(file)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, file)
	z.Close()
	return []hostileFile{
		{"whole", file, "", 0, 10},
		{"Windows-1252", latin.String(), "", 0, 10},
		{"CRLF and LF", strings.Replace(file, "\n", "\r\n", 7), "", 0, 10},
		{"no last line end", strings.TrimSuffix(file, "\n"), "", 0, 10},
		{"cut in a quoted cell", half + key + `;A5;"SP`, "truncated", 13, 5},
		{"cut within a letter", half + key + ";A5;SP;oui;01/01/2027;31/12/2027;EXEMPLE;No\xc3", "truncated", 13, 5},
		{"joined with itself", file + file, "header_again", 0, 0},
		{"repeated without header", file + strings.TrimPrefix(file, header), "contract_split", 22, 10},
		{"encoded twice", twice.String(), "mojibake", 0, 0},
		{"UTF-16 without mark", string(wide), "utf16", 0, 0},
		{"UTF-16", "\xff\xfe" + string(wide), "utf16", 0, 0},
		{"gzip", zipped.String(), "compressed", 0, 0},
		{"empty", "", "empty", 0, 0},
		{"CR alone", strings.ReplaceAll(file, "\n", "\r"), "line_ends", 0, 0},
		{"one CR", strings.Replace(file, "\n"+key+";A3", "\r"+key+";A3", 1), "line_ends", 7, 8},
		{"NUL", strings.Replace(file, ";Noé", ";N\x00é", 1), "control_character", 3, 9},
		{"10 MB line", strings.Replace(file, "A4;SP;oui;01/01/2027;31/12/2027;EXEMPLE", "A4;SP;oui;01/01/2027;31/12/2027;"+strings.Repeat("X", 10<<20), 1), "line_too_long", 10, 9},
		{"duplicate key", file + line("A2", "Zoé", "100%"), "contract_split", 22, 10},
	}
}

// TestImportResumed: an import that is stopped anywhere is completed by the same file, in both stores.
func TestImportResumed(t *testing.T) {
	file := header
	for i := range 20 {
		file += line(fmt.Sprintf("A%02d", i), "Éloïse", "100%")
	}
	for name, s := range sealedStores(t, amc) {
		in := newIntake(t, s)
		for after := range 6 {
			ctx, cancel := context.WithCancel(context.Background())
			n := 0
			_, err := in.issuer.ImportFile(ctx, func() (io.Reader, error) { return strings.NewReader(file), nil }, ImportOptions{MaxClosed: 100, Progress: func(ImportProgress) {
				if n++; n > after {
					cancel()
				}
			}})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: %v", name, err)
			}
			if got := len(in.contracts(amc)); got < 3*(after+1) || got == 20 && after < 5 {
				t.Errorf("%s: %d contracts after %d batches", name, got, after+1)
			}
		}
		r, _, err := in.file(file, ImportOptions{})
		if err != nil || r.Contracts != 20 || len(in.contracts(amc)) != 20 || r.Changed != 0 {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}
