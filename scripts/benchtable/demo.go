// The demonstration, whole, with the real program.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const demoLimit = 20 * time.Second

func (b *bench) demo() error {
	bin := filepath.Join(b.tmp, "sceau")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, "sceau/cmd/sceau")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var walls []float64
	for i := range 5 {
		p, err := measure(0, "", bin, "demo", "--dir", filepath.Join(b.tmp, fmt.Sprint("demo", i)))
		if err != nil {
			return err
		}
		walls = append(walls, float64(p.wall))
	}
	b.add("sceau demo: 500 households, from roster to verdicts, the service and its outage included", fmt.Sprintf("%.1f s", median(walls)/1e9), "20 s", median(walls)/float64(demoLimit), 1)
	return nil
}
