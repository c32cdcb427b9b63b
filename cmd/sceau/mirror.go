// mirror: is what counters fetch from somewhere whole, genuine and current?

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer/depot"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/signing/trust"
)

// Exit codes of mirror check, beside 0 and 1.
const (
	exitBehind      = 3
	exitUnreachable = 4
)

// mirrorPatience bounds a check.
const mirrorPatience = 15 * time.Minute

const mirrorCheckLong = `Fetches what is published at an address, in a folder, in a zip or in a bucket, as a counter would, and verifies every file of it.
With --against it also says whether it is the register's newest publication, and how far behind.

    $ sceau mirror check https://listes.example.fr/ --against ./operator
    https://listes.example.fr/: publication 42 of 2027-03-02 10:00 UTC, whole and current: 412 files, 6.1 MB

    $ sceau mirror check ./public --against ./operator
    ./public: publication 41 of 2027-03-02 09:00 UTC, whole and genuine, 1 publication behind since 2027-03-02 10:00 UTC

Exit code 0 whole and current, 1 faulty, or only packs are (counters follow, and download more), 3 behind but genuine, 4 not reachable. Nothing is written anywhere.`

func newMirror(p *place) *cobra.Command {
	c := &cobra.Command{Use: "mirror", Short: "Check what counters fetch"}
	c.AddCommand(newMirrorCheck(p))
	return c
}

func newMirrorCheck(p *place) *cobra.Command {
	var root, against string
	var timeout time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "check URL|FOLDER|s3://BUCKET",
		Short: "Say whether a mirror is whole, genuine and current",
		Long:  mirrorCheckLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if root != "" && against != "" {
				return ui.Usage("--root and --against exclude each other: the register knows its root")
			}
			check := &mirrorCheck{root: root, now: clock.Now(), report: &mirrorReport{Schema: "sceau-mirror-check-1", Source: args[0]}}
			ctx, stop := interruptible(c)
			defer stop()
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			if against != "" {
				op, err := p.open(against)
				if err != nil {
					return err
				}
				defer op.Close()
				check.against = op.Issuer
			}
			done, err := check.open(ctx, args[0])
			if err != nil {
				return err
			}
			defer done()
			if err := check.run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return err
			} else if err != nil {
				check.report.trouble("", err)
			}
			if strings.HasPrefix(args[0], "http") && check.report.State != mirrorUnreachable {
				check.headers(ctx, args[0])
			}
			return sayMirror(c, check.report, asJSON)
		},
	}
	c.Flags().StringVar(&root, "root", "", "fingerprint of the operator's root, as sceau init and counters show it")
	c.Flags().StringVar(&against, "against", "", "folder of the operator whose register it is compared with")
	c.Flags().DurationVar(&timeout, "timeout", mirrorPatience, "how long the whole check may take")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

// open opens what is checked. What is not there is for run to say.
func (c *mirrorCheck) open(ctx context.Context, source string) (done func(), err error) {
	if !depot.IsBucket(source) {
		if c.src, err = trust.NewSource(source); errors.Is(err, trust.ErrUnreachable) {
			c.src = absentSource{err}
			return func() {}, nil
		}
		if err != nil {
			return nil, ui.WithHint(err, "an address such as https://HOST/lists, a folder, a .zip, or s3://BUCKET/PREFIX?endpoint=https://HOST:PORT")
		}
		if _, ok := c.src.(*trust.Dir); ok {
			d, err := depot.OpenReadOnly(ctx, source, depot.Options{})
			if err != nil {
				return nil, err
			}
			c.list = func(ctx context.Context) ([]depot.Entry, error) { return d.List(ctx, "") }
			return func() { depot.Close(d); _ = trust.CloseSource(c.src) }, nil
		}
		return func() { _ = trust.CloseSource(c.src) }, nil
	}
	d, err := depot.OpenReadOnly(ctx, source, depot.Options{})
	if errors.Is(err, depot.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		c.src = absentSource{fmt.Errorf("%w: %w", trust.ErrUnreachable, err)}
		return func() {}, nil
	}
	if err != nil {
		return nil, publicTrouble(source, err)
	}
	c.src = depotSource{d}
	c.list = func(ctx context.Context) ([]depot.Entry, error) { return d.List(ctx, "") }
	return func() { depot.Close(d) }, nil
}

// absentSource is a source that is not there.
type absentSource struct{ err error }

func (s absentSource) Fetch(context.Context, string, int64) ([]byte, error) { return nil, s.err }

// Limits of what a web server may do to timestamp.json without a word.
const (
	maxCached = 5 * time.Minute
	maxSkew   = 2 * time.Minute
	headWait  = 20 * time.Second
)

// headers looks at how a web server lets others keep timestamp.json: an old one from a cache makes counters believe that nothing happened.
func (c *mirrorCheck) headers(ctx context.Context, source string) {
	ctx, cancel := context.WithTimeout(ctx, headWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, strings.TrimRight(source, "/")+"/timestamp.json", nil)
	if err != nil {
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // the check itself has fetched it
	}
	resp.Body.Close()
	for _, part := range strings.Split(resp.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(value); err == nil && name == "max-age" && time.Duration(n)*time.Second > maxCached {
			c.report.note("caches may keep timestamp.json for %v: let the server send Cache-Control: no-cache for it", time.Duration(n)*time.Second)
		}
	}
	if n, err := strconv.Atoi(resp.Header.Get("Age")); err == nil && time.Duration(n)*time.Second > maxCached {
		c.report.note("timestamp.json came from a cache, %v old", time.Duration(n)*time.Second)
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil && c.now.Sub(at).Abs() > maxSkew {
		c.report.note("the server's clock and this computer's differ by %v", c.now.Sub(at).Abs().Round(time.Second))
	}
}

// maxFaults bounds how many faults are printed.
const maxFaults = 20

func sayMirror(c *cobra.Command, r *mirrorReport, asJSON bool) error {
	code := map[string]int{mirrorCurrent: ui.ExitOK, mirrorBehind: exitBehind, mirrorSlow: ui.ExitFailure, mirrorFaulty: ui.ExitFailure, mirrorUnreachable: exitUnreachable}[r.State]
	out := c.OutOrStdout()
	if asJSON {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
		return ui.Exit(code)
	}
	fmt.Fprintf(out, "%s: ", r.Source)
	if r.Version > 0 {
		fmt.Fprintf(out, "publication %d of %s, ", r.Version, minute(r.Published))
	}
	switch {
	case r.State == mirrorCurrent && r.Register > 0:
		fmt.Fprintf(out, "whole and current: %s, %s\n", plural(r.Files, "file"), megabytes(r.Bytes))
	case r.State == mirrorCurrent:
		fmt.Fprintf(out, "whole, good until %s: %s, %s\n", minute(r.Expires), plural(r.Files, "file"), megabytes(r.Bytes))
	case r.State == mirrorBehind && r.Behind > 0:
		fmt.Fprintf(out, "whole and genuine, %s behind", plural(int(r.Behind), "publication"))
		if r.Since != "" {
			fmt.Fprintf(out, " since %s", minute(r.Since))
		}
		fmt.Fprintln(out)
	case r.State == mirrorBehind:
		fmt.Fprintf(out, "whole and genuine, but its time was over on %s: counters go green by it no more\n", minute(r.Since))
	case r.State == mirrorSlow:
		fmt.Fprintf(out, "genuine, but packs are damaged: counters follow, and download more than they need\n")
	case r.State == mirrorUnreachable:
		fmt.Fprintln(out, "not reachable")
	default:
		fmt.Fprintf(out, "faulty: counters keep the last good state that they have, and learn nothing new here\n")
	}
	for i, f := range r.Faults {
		if i == maxFaults {
			fmt.Fprintf(out, "  and %d more\n", len(r.Faults)-i)
			break
		}
		if f.File != "" {
			fmt.Fprintf(out, "  %s: ", f.File)
		} else {
			fmt.Fprint(out, "  ")
		}
		fmt.Fprintf(out, "%s\n    do: %s\n", f.What, f.Do)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(out, "  note:", n)
	}
	if r.Root != "" && !r.Expected {
		fmt.Fprintln(out, "  root:", r.Root)
	}
	return ui.Exit(code)
}

// minute spells a time of a report.
func minute(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Format("2006-01-02 15:04 UTC")
}

func megabytes(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
