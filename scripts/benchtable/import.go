// A million insured people into both registers, with the real program: how fast, in how much memory, and whether ten times the
// lines take ten times as long.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"sceau/fixtures/gen"
	"sceau/fixtures/pgserver"
)

const (
	importLines  = 1_000_000
	importRate   = 20_000.0 // lines a second, at least
	importPeak   = 400.0    // MB resident
	importLinear = 1.5      // a million lines beside ten times a hundred thousand, in CPU time: the tree of a register grows
)

func (b *bench) imports() error {
	bin := filepath.Join(b.tmp, "sceau-import")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, "sceau/cmd/sceau")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	large, lines, err := b.roster("large.csv", importLines)
	if err != nil {
		return err
	}
	small, fewer, err := b.roster("small.csv", importLines/10)
	if err != nil {
		return err
	}
	one, err := b.importInto(bin, "sqlite", large)
	if err != nil {
		return err
	}
	ten, err := b.importInto(bin, "sqlite-small", small)
	if err != nil {
		return err
	}
	beside := float64(one.cpu) / float64(ten.cpu) * float64(fewer) / float64(lines)
	b.addImport("SQLite", lines, one)
	b.add("CPU time a line of that import, beside one of 100,000", fmt.Sprintf("%.0f µs", float64(one.cpu.Microseconds())/float64(lines)),
		fmt.Sprintf("%.0f µs", float64(ten.cpu.Microseconds())/float64(fewer)), beside, importLinear)

	g := new(ground)
	defer g.clear()
	return g.run(func() {
		server := pgserver.Start(g, pgserver.Options{Fsync: true, Settings: map[string]string{"shared_buffers": "128MB", "max_wal_size": "1GB"}})
		os.Setenv("SCEAU_DATABASE", server.Database(g))
		defer os.Unsetenv("SCEAU_DATABASE")
		p, err := b.importInto(bin, "postgres", large)
		if err != nil {
			g.Fatal(err)
		}
		b.addImport("PostgreSQL", lines, p)
	})
}

func (b *bench) addImport(store string, lines int, p process) {
	rate := float64(lines) / p.wall.Seconds()
	b.add(fmt.Sprintf("import of %d beneficiaries into %s, encrypted, lines a second on the clock", lines, store), fmt.Sprintf("%.0f", rate), "20,000", importRate/rate, 1)
	b.add("its resident memory", fmt.Sprintf("%.0f MB", p.peakMB), "400 MB", p.peakMB/importPeak, 1)
}

// roster writes a file of about so many lines, with addresses.
func (b *bench) roster(name string, lines int) (path string, written int, err error) {
	people, err := gen.New(6, gen.Options{Households: lines * 10 / 24, Insurers: 1, Addresses: true})
	if err != nil {
		return "", 0, err
	}
	f, err := os.Create(filepath.Join(b.tmp, name))
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	totals, err := people.StreamRoster(f, nil)
	if err != nil {
		return "", 0, err
	}
	return f.Name(), totals.Lines, f.Close()
}

// importInto makes an operator and imports a file.
func (b *bench) importInto(bin, name, file string) (process, error) {
	dir := filepath.Join(b.tmp, name)
	if _, err := measure(0, "", bin, "init", dir, "--insurer", "775670482", "--name", "Mutuelle Exemple"); err != nil {
		return process{}, err
	}
	return measure(0, "", bin, "import", dir, file, "--quiet")
}
