// The counter at the size of a country, with the real program.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	syncLimit   = time.Second
	memoryLimit = 150.0 // MB resident
	startLimit  = 60 * time.Millisecond
)

func (b *bench) nation() error {
	bin := filepath.Join(b.tmp, "comptoir")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, "sceau/cmd/comptoir")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	n, err := makeNation(filepath.Join(b.tmp, "nation"), time.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	var cpus, peaks []float64
	counter := ""
	for i := range 5 {
		counter = filepath.Join(b.tmp, fmt.Sprint("counter", i))
		p, err := measure(0, "", bin, "sync", counter, "--from", n.dir)
		if err != nil {
			return err
		}
		cpus, peaks = append(cpus, float64(p.cpu)), append(peaks, p.peakMB)
	}
	size := fmt.Sprintf("%d lists, %d ended rights of 33 million cards", n.lists, n.entries)
	b.add("first sync from a folder: "+size, fmt.Sprintf("%.0f ms CPU", median(cpus)/1e6), "1 s", median(cpus)/float64(syncLimit), 1)
	b.add("its resident memory", fmt.Sprintf("%.0f MB", median(peaks)), "150 MB", median(peaks)/memoryLimit, 1)

	var walls []float64
	for range 31 {
		p, err := measure(0, n.code+"\n", bin, "verify", counter, "--json", "--on", "2027-03-02")
		if err != nil {
			return err
		}
		walls = append(walls, float64(p.wall))
	}
	b.add("one-shot comptoir verify with that list, start to exit, its journal entry included", fmt.Sprintf("%.0f ms", median(walls)/1e6), "60 ms", median(walls)/float64(startLimit), 1)
	return b.desk(bin, counter, n.code)
}
