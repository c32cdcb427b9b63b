// What recording a check costs, beside the least that a durable insert can cost on the same disk.

package mirror

import (
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkAppend compares an Append with a bare insert of a body of the same size, both on the disk before they return.
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	book := openTest(b, dir, newClock())
	bare, err := database(filepath.Join(dir, "bare.db"), "rwc", "")
	must(b, err)
	defer bare.Close()
	_, err = bare.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
	must(b, err)
	body := check(1).Body()
	var ours, least time.Duration
	for i := 0; b.Loop(); i++ {
		// In turns, so that both meet the same moments of the disk.
		began := time.Now()
		_, err := book.Append(ctx, check(i))
		must(b, err)
		middle := time.Now()
		_, err = bare.Exec("INSERT INTO t (body) VALUES (?)", body)
		must(b, err)
		ours += middle.Sub(began)
		least += time.Since(middle)
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/append")
	b.ReportMetric(float64(least.Microseconds())/float64(b.N), "µs/insert")
	b.ReportMetric(float64(ours)/float64(least), "ratio")
}

func BenchmarkVerify(b *testing.B) {
	book := openTest(b, b.TempDir(), newClock())
	fill(b, book, 2000)
	for b.Loop() {
		_, _, err := book.Verify(ctx)
		must(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/2001, "µs/entry")
}
