// The fuzz target of rosters, and their speed and memory beside plain encoding/csv.

package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sceau/rights"
)

// FuzzRoster holds that any file is read without panic, that what is taken is valid, and that every line is in a
// contract, in a reject or blank.
func FuzzRoster(f *testing.F) {
	a, b := person("A1", "Éloïse"), person("B2", "Deux")
	for _, s := range []string{
		head, head + a + b, "\ufeff" + head + a, strings.ReplaceAll(head+a+b, ";", ","), strings.ReplaceAll(head+a+b, "\n", "\r\n"),
		head + a + with(b, "nom", `"MARTIN`) + a, head + with(b, "notes", "\"Note\nune\"") + a, head + a + "\n;;;\n" + b + a,
		head + with(a, "nom", "MAR\xe9TIN") + b, head + with(a, "adherent", "") + b, head + with(a, "amc", "x-") + a + b, head + a + with(a, "rang", "2"),
		headA + personA("A1", "12 rue X", "01000", "Ville", "") + personA("A2", "Musterweg 1", "", "Bern", "Suisse"),
		"mouvement;" + headA + "C;" + personA("A1", "12 rue X", "01000", "Ville", "") + "S;" + personA("A2", "", "", "", ""),
		"amc,adherent,debut,fin,nom,prenom,naissance,PHAR\n1,1,20270101,20271231,A,B,19800101,'-(1)\n", "amc;adherent", "", "\xff\xfe",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := Read(bytes.NewReader(file), Options{Delta: true})
		if err != nil {
			if err.Error() == "" || r != nil {
				t.Fatal("error without text, or with a reader")
			}
			return
		}
		seen := map[int]int{}
		keys := map[string]bool{}
		for {
			c, lines, err := r.Next()
			if err == io.EOF {
				break
			}
			if whole := (*FileError)(nil); errors.As(err, &whole) {
				if whole.Code != "mojibake" && whole.Code != "header_again" {
					t.Fatalf("in the middle of the file: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Beneficiaries) == 0 { // a closure
				if c.From != 0 || rights.CheckAdherent(c.Adherent) != nil || c.To < rights.FirstDay || c.To > rights.LastDay {
					t.Fatalf("closed, but %+v", c)
				}
			} else if err := c.Check(); err != nil {
				t.Fatalf("taken, but %v", err)
			}
			if err := rights.DefaultCodes().CheckContract(c); err != nil {
				t.Fatalf("taken, but %v", err)
			}
			key := c.Insurer.Key() + " " + c.Adherent
			if len(lines) != len(c.Beneficiaries) && len(c.Beneficiaries) > 0 || keys[key] || !r.Has(c.Insurer.Key(), c.Adherent) {
				t.Fatalf("%d lines for %d beneficiaries, or a contract twice", len(lines), len(c.Beneficiaries))
			}
			keys[key] = true
			for _, n := range lines {
				seen[n]++
			}
		}
		last := 0
		for _, reject := range r.Rejects() {
			if reject.Line < last || reject.Code == "" || reject.Cause == "" {
				t.Fatalf("%+v behind line %d", reject, last)
			}
			if reject.Line != last {
				seen[reject.Line]++
			}
			last = reject.Line
		}
		s := r.Stats()
		physical := bytes.Count(file, []byte("\n"))
		if len(file) > 0 && file[len(file)-1] != '\n' {
			physical++
		}
		if s.Lines != physical-1 || s.Lines != s.Blank+s.Accepted+s.Rejected || len(seen) != s.Accepted+s.Rejected {
			t.Fatalf("%+v for %d lines, %d reported", s, physical, len(seen))
		}
		for n, times := range seen {
			if times != 1 || n < 2 || n > physical {
				t.Fatalf("line %d is reported %d times", n, times)
			}
		}
	})
}

// households writes a roster of n lines, households of about 2.5 people each, with 24 guarantee columns.
func households(n int) io.Reader {
	pr, pw := io.Pipe()
	go func() {
		domains := rights.DefaultCodes().DomainCodes()[:24]
		w, err := NewWriter(pw, WriterOptions{Domains: domains})
		values := []string{"100%", "IS 100%", "100/100/15", "IS PEC", "TM", "150EUR (1)", "", ""}
		for i := 0; err == nil && i < n; {
			c := rights.Contract{Insurer: rights.AMC(fmt.Sprint(775670482 + i%84)), Adherent: fmt.Sprintf("%08d", i), Conventions: []string{"IS", "SP"}, Responsable: true,
				From: 20819, To: 21183, Notes: []string{"Sur accord préalable"}}
			for p := range min(1+i%4, n-i) {
				b := rights.Beneficiary{Nom: "LEFÈVRE", Prenom: "Chloé " + string(rune('A'+p)), Birth: "19800301", Rang: 1, NIR: "189127512501282", Guarantees: map[string]rights.Guarantee{}}
				for k, d := range domains {
					if v := values[(i+k)%len(values)]; v != "" {
						g, err := rights.ParseGuarantee(v)
						if err != nil {
							panic(err)
						}
						b.Guarantees[d] = g
					}
				}
				c.Beneficiaries = append(c.Beneficiaries, b)
			}
			i += len(c.Beneficiaries)
			_, err = w.Write(c)
		}
		if err == nil {
			err = w.Flush()
		}
		pw.CloseWithError(err)
	}()
	return pr
}

// BenchmarkRead reads one million lines and compares with encoding/csv reading the same bytes. Metrics: lines a second,
// the time as a multiple of encoding/csv's, and the peak of the heap in use over what was there before, in MB.
func BenchmarkRead(b *testing.B) {
	const lines = 1_000_000
	file, err := os.Create(filepath.Join(b.TempDir(), "roster.csv")) // on disk, so that the heap is the reader's alone
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	size, err := io.Copy(file, households(lines))
	if err != nil {
		b.Fatal(err)
	}
	rewind := func() io.Reader {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		return file
	}
	b.SetBytes(size)
	var plain, whole time.Duration
	var peak uint64
	for b.Loop() {
		start := time.Now()
		c := csv.NewReader(rewind())
		c.Comma, c.ReuseRecord = ';', true
		rows := 0
		for {
			if _, err := c.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			rows++
		}
		plain += time.Since(start)

		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		before := m.HeapInuse
		start = time.Now()
		r, err := Read(rewind(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		people := 0
		for n := 0; ; n++ {
			c, _, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			people += len(c.Beneficiaries)
			if n%20000 == 0 {
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse-min(before, m.HeapInuse))
			}
		}
		whole += time.Since(start)
		if people != lines || rows != lines+1 || len(r.Rejects()) != 0 {
			b.Fatalf("%d people, %d rows, rejects %v", people, rows, r.Rejects())
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/whole.Seconds(), "lines/s")
	b.ReportMetric(whole.Seconds()/plain.Seconds(), "x-encoding/csv")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	b.ReportMetric(float64(size)/1e6, "file-MB")
}
