package roster

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestScanAgrees: Scan refuses what reading to the end refuses, and with the same code.
func TestScanAgrees(t *testing.T) {
	head := "amc;adherent;debut;fin;nom;prenom;naissance;PHAR\n"
	row := "775670482;A1;01/01/2027;31/12/2027;MARTIN;Zoé;19800101;100%\n"
	for name, text := range map[string]string{
		"good": head + row, "empty": "", "header alone": head, "no end": head + strings.TrimSuffix(row, "\n"), "twice": head + row + head + row,
		"twice with marks": "\ufeff" + head + row + "\ufeff" + head + row, "twice, CRLF": strings.ReplaceAll(head+row+head+row, "\n", "\r\n"),
		"accents": head + strings.ReplaceAll(row, "é", "Ã©"), "late accents": head + strings.Repeat(strings.ReplaceAll(row, "é", "e"), 9000) + strings.ReplaceAll(row, "é", "Ã©"),
		"quote": head + `"` + row + row + head, "rejects": head + "x;y\n" + row, "no header": row + row, "long": head + strings.Repeat("x", 3*MaxLine) + "\n" + head, "NUL": head + "\x00\n" + row,
	} {
		r, reading := Read(strings.NewReader(text), Options{})
		for reading == nil {
			_, _, reading = r.Next()
		}
		if reading == io.EOF {
			reading = nil
		}
		var a, b *FileError
		scanned := Scan(strings.NewReader(text), Options{})
		if errors.As(reading, &a) != errors.As(scanned, &b) || a != nil && *a != *b || (reading == nil) != (scanned == nil) {
			t.Errorf("%s: Next says %v, Scan %v", name, reading, scanned)
		}
	}
	broken := errors.New("broken")
	if err := Scan(io.MultiReader(strings.NewReader(head+row), brokenReader{broken}), Options{}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

type brokenReader struct{ err error }

func (f brokenReader) Read([]byte) (int, error) { return 0, f.err }

// BenchmarkScan stands beside the reading of the same lines.
func BenchmarkScan(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("amc;adherent;debut;fin;nom;prenom;naissance;PHAR\n")
	for range 20_000 {
		text.WriteString("775670482;A1;01/01/2027;31/12/2027;MARTIN;Zoé;19800101;100%\n")
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if err := Scan(bytes.NewReader(text.Bytes()), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
