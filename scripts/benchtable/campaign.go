// Campaigns from roster to verified files with the real program: time, memory and disk as they grow, and what a second worker adds.

package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sceau/fixtures/pgserver"
)

// What a campaign may cost.
const (
	campaignMemory = 400  // MB a worker
	campaignDisk   = 3000 // bytes a card in print runs
	campaignGrowth = 1.25 // CPU a card at the last size, beside the first
	campaignShared = 1    // two workers beside one: PostgreSQL has the same two cores
)

// campaignPoint is one size, measured.
type campaignPoint struct {
	cards        int
	plan, verify float64 // seconds
	wall, cpu    float64 // seconds of the worker
	peakMB       float64 // of the worker
	disk         float64 // bytes a card
}

var campaignColumns = []string{"cards", "plan_s", "worker_s", "worker_cpu_s", "worker_peak_mb", "bytes_a_card", "verify_s"}

// campaign measures growth and sharing. SCEAU_CAMPAIGN_SIZES names other sizes than 10,000 and 100,000 cards, SCEAU_CAMPAIGN_POINTS
// a CSV file that gets the points, SCEAU_CAMPAIGN_PLOT a drawing of them, SCEAU_CAMPAIGN_DIR a folder with room for the largest.
func (b *bench) campaign() error {
	bin := filepath.Join(b.tmp, "sceau-campaign")
	if err := build(bin); err != nil {
		return err
	}
	sizes, err := campaignSizes(os.Getenv("SCEAU_CAMPAIGN_SIZES"))
	if err != nil {
		return err
	}
	var points []campaignPoint
	for _, n := range sizes {
		p, err := measureCampaign(bin, b.tmp, n)
		if err != nil {
			return fmt.Errorf("%d cards: %w", n, err)
		}
		points = append(points, p)
		fmt.Fprintf(os.Stderr, "%d cards: planned in %.1f s, worked off in %.1f s (%.1f s of CPU, %.0f MB), verified in %.1f s, %.0f bytes a card\n",
			n, p.plan, p.wall, p.cpu, p.peakMB, p.verify, p.disk)
		// Each point is kept as soon as it is known: the next may take hours.
		if err := writeCampaignPoints(os.Getenv("SCEAU_CAMPAIGN_POINTS"), points); err != nil {
			return err
		}
	}
	if name := os.Getenv("SCEAU_CAMPAIGN_PLOT"); name != "" {
		if err := os.WriteFile(name, campaignPlot(points), 0o644); err != nil {
			return err
		}
	}
	first, last := points[0], points[len(points)-1]
	a, z := first.cpu/float64(first.cards), last.cpu/float64(last.cards)
	b.add(fmt.Sprintf("campaign: CPU of the worker a card, %s cards", grouped(last.cards)), us(z*1e9), fmt.Sprintf("%s at %s", us(a*1e9), grouped(first.cards)), z/a, campaignGrowth)
	b.add(fmt.Sprintf("campaign: peak memory of the worker, %s cards", grouped(last.cards)), fmt.Sprintf("%.0f MB", last.peakMB), fmt.Sprintf("%d MB", campaignMemory), last.peakMB/campaignMemory, 1)
	b.add(fmt.Sprintf("campaign: disk a card in print runs, %s cards", grouped(last.cards)), fmt.Sprintf("%.0f bytes", last.disk), grouped(campaignDisk)+" bytes", last.disk/campaignDisk, 1)
	return b.sharedCampaign(bin)
}

func campaignSizes(text string) ([]int, error) {
	if text == "" {
		return []int{10_000, 100_000}, nil
	}
	var out []int
	for f := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1000 || len(out) > 0 && n <= out[len(out)-1] {
			return nil, fmt.Errorf("SCEAU_CAMPAIGN_SIZES: %q: numbers from 1000, rising", f)
		}
		out = append(out, n)
	}
	return out, nil
}

// campaignOffice is an operator with a campaign that is started.
func campaignOffice(bin, dir string, env []string, cards int) (o *office, plan time.Duration, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, err
	}
	o = &office{bin: bin, dir: dir, env: env}
	roster := filepath.Join(dir, "roster.csv")
	for _, args := range [][]string{
		{"init", o.operator(), "--insurer", "775670482", "--name", "Mutuelle Exemple"},
		{"sample", roster, "--households", strconv.Itoa(cards), "--bad", "0", "--addresses"},
		{"import", o.operator(), roster},
	} {
		if _, err := o.run(args...); err != nil {
			return nil, 0, err
		}
	}
	began := time.Now()
	out, err := o.run("campaign", "create", o.operator(), "--name", "bench", "--window", "dl", "--marks", "--to", filepath.Join(dir, "print"), "--json", "--quiet")
	if err != nil {
		return nil, 0, err
	}
	plan = time.Since(began)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		return nil, 0, err
	}
	_, err = o.run("campaign", "start", o.operator(), made.ID, "--no-work") // workers are measured
	return o, plan, err
}

func measureCampaign(bin, tmp string, cards int) (campaignPoint, error) {
	ground := tmp
	if own := os.Getenv("SCEAU_CAMPAIGN_DIR"); own != "" {
		ground = own
	}
	dir, err := os.MkdirTemp(ground, "campaign-")
	if err != nil {
		return campaignPoint{}, err
	}
	defer os.RemoveAll(dir)
	o, plan, err := campaignOffice(bin, dir, nil, cards)
	if err != nil {
		return campaignPoint{}, err
	}
	w, err := measure(0, "", bin, "worker", o.operator(), "--until-idle")
	if err != nil {
		return campaignPoint{}, err
	}
	print := filepath.Join(dir, "print")
	v, err := measure(3, "", bin, "campaign", "verify", print) // 3: the files are whole; whose manifest it is was not asked
	if err != nil {
		return campaignPoint{}, err
	}
	size, err := folderSize(print)
	if err != nil {
		return campaignPoint{}, err
	}
	return campaignPoint{cards: cards, plan: plan.Seconds(), verify: v.wall.Seconds(), wall: w.wall.Seconds(), cpu: w.cpu.Seconds(), peakMB: w.peakMB, disk: float64(size) / float64(cards)}, nil
}

func folderSize(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// sharedCards is the size of the campaign that one worker, then two, work off.
const sharedCards = 10_000

// sharedCampaign works the same campaign off with one process of one core, then with two of them, on one PostgreSQL.
func (b *bench) sharedCampaign(bin string) error {
	var walls []float64
	for _, workers := range []int{1, 2} {
		wall, err := b.sharedBy(bin, workers)
		if err != nil {
			return fmt.Errorf("%d workers: %w", workers, err)
		}
		walls = append(walls, wall.Seconds())
	}
	b.add("campaign: two workers on one PostgreSQL, time", fmt.Sprintf("%.1f s", walls[1]), fmt.Sprintf("%.1f s by one", walls[0]), walls[1]/walls[0], campaignShared)
	return nil
}

func (b *bench) sharedBy(bin string, workers int) (wall time.Duration, err error) {
	t := &ground{}
	defer t.clear()
	var env []string
	if err := t.run(func() {
		s := pgserver.Start(t, pgserver.Options{Fsync: true, Settings: map[string]string{"shared_buffers": "128MB", "max_wal_size": "1GB", "autovacuum_naptime": "60s"}})
		env = append(env, "SCEAU_DATABASE="+s.Database(t), "GOMAXPROCS=1")
	}); err != nil {
		return 0, err
	}
	dir := filepath.Join(b.tmp, fmt.Sprint("shared", workers))
	defer os.RemoveAll(dir)
	o, _, err := campaignOffice(bin, dir, env, sharedCards)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	var all []*exec.Cmd
	for range workers {
		c := o.command("worker", o.operator(), "--until-idle", "--workers", "1", "--look-every", "500ms")
		c.Stderr = nil
		if err := c.Start(); err != nil {
			return 0, err
		}
		all = append(all, c)
	}
	for _, c := range all {
		err = errors.Join(err, c.Wait())
	}
	return time.Since(began), err
}

func writeCampaignPoints(name string, points []campaignPoint) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriter(f)
	w := csv.NewWriter(buffered)
	rows := [][]string{campaignColumns}
	for _, p := range points {
		row := []string{strconv.Itoa(p.cards)}
		for _, v := range []float64{p.plan, p.wall, p.cpu, p.peakMB, p.disk, p.verify} {
			row = append(row, strconv.FormatFloat(v, 'f', 1, 64))
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return errors.Join(buffered.Flush(), f.Sync())
}

// grouped writes 100000 as 100,000.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
