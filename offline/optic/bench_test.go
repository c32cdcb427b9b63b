package optic

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v %s", name, err, errs.String())
	}
	return out.String()
}

// BenchmarkRead reads the pictures of the set, each with a child of its own, and beside it has zbarimg read the same files: how
// many each reads, and the ratio of their times, both with the start of a process.
func BenchmarkRead(b *testing.B) {
	zbarimg := tool(b, "zbarimg")
	set, err := theSet()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	var pictures, documents int
	var ours, peers, pdfs time.Duration
	var read, peerRead int
	r := reader()
	for b.Loop() {
		for _, s := range set {
			start := time.Now()
			f, err := r.Read(b.Context(), bytes.NewReader(s.Data))
			took := time.Since(start)
			if s.Format == "pdf" {
				pdfs += took
				documents++
				continue
			}
			ours += took
			pictures++
			if err == nil && f.Texts[0] == s.Code {
				read++
			}
			file := filepath.Join(dir, s.Name)
			if err := os.WriteFile(file, s.Data, 0o600); err != nil {
				b.Fatal(err)
			}
			start = time.Now()
			out, _ := exec.Command(zbarimg, "-q", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
			peers += time.Since(start)
			if strings.TrimSpace(string(out)) == s.Code {
				peerRead++
			}
		}
	}
	per := func(d time.Duration, n int) float64 { return float64(d.Microseconds()) / 1000 / float64(n) }
	b.ReportMetric(per(ours, pictures), "ms/picture")
	b.ReportMetric(per(pdfs, documents), "ms/PDF")
	b.ReportMetric(per(peers, pictures), "zbarimg-ms/picture")
	b.ReportMetric(float64(ours)/float64(peers), "zbarimg-times")
	b.ReportMetric(100*float64(read)/float64(pictures), "%read")
	b.ReportMetric(100*float64(peerRead)/float64(pictures), "zbarimg-%read")
}

// BenchmarkStart is what every reading pays before it begins.
func BenchmarkStart(b *testing.B) {
	r := reader()
	for b.Loop() {
		if err := r.Warm(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
