// publish: everything that counters need, as static signed files.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/static"
	"sceau/cmd/internal/ui"
)

const publishLong = `Publishes keys, lists of ended rights and tables as static signed files, for any web server, share or USB stick.
Readers see the old state or the new one, never a mix. Run it every hour: it also renews the date that counters show.

    $ sceau publish ./operator --to ./public --zip ./lists.zip
    publication 3 of 2026-11-21 10:00 UTC: 1 change on 1 list, 6 new files
    written to ./public, ./lists.zip

What is there already is neither written nor read again; of two publishers at once one is refused. A bucket's keys come from the
environment: SCEAU_S3_ACCESS_KEY and SCEAU_S3_SECRET_KEY, or the names of files with them in SCEAU_S3_ACCESS_KEY_FILE and
SCEAU_S3_SECRET_KEY_FILE. "sceau mirror check" says whether what counters fetch is whole and current.

The offline keys are needed only when an insurer's facts or keys changed.

Each publication signs where the audit chain stands. It therefore checks the entries since the last one, and refuses when they do not
hold: "sceau audit verify" says what is wrong. --despite-audit publishes all the same, says so in the chain, and goes on from there.`

func newPublish(p *place) *cobra.Command {
	var to []string
	var zipName, address string
	var asJSON, despite, prune bool
	c := &cobra.Command{
		Use:   "publish DIR --to FOLDER|s3://BUCKET",
		Short: "Publish lists and keys as static signed files",
		Long:  publishLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(to) == 0 && zipName == "" {
				return ui.WithHint(ui.Usage("say where to publish"), "--to FOLDER, --to s3://BUCKET/PREFIX?endpoint=https://HOST, or --zip FILE.zip")
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			if op.PublicURL, err = publicURL(address); err != nil {
				return err
			}
			ctx, stop := interruptible(c)
			defer stop()
			unlock, err := lockPublication(ctx, args[0])
			if err != nil {
				return err
			}
			defer unlock()
			for _, dir := range to {
				if err := op.notBehind(ctx, dir); err != nil {
					return err
				}
			}
			publish := op.Publish
			if despite {
				publish = op.PublishDespiteAudit
			}
			report, err := publish(ctx, time.Time{})
			if errors.Is(err, issuer.ErrNoOfflineKeys) {
				return ui.WithHint(err, "attach the medium of the offline keys, or give --offline-keys")
			}
			if err != nil {
				return err
			}
			if err := op.exportAs(ctx, to, static.Options{Prune: prune}); err != nil {
				return err
			}
			if zipName != "" {
				if err := writeZip(ctx, op, zipName, report.At); err != nil {
					return err
				}
				to = append(to, zipName)
			}
			op.remind(ctx, func(r reminder, when string) {
				fmt.Fprintf(c.ErrOrStderr(), "due %s, %s: %s (%s)\n", day(r.at), when, r.what, r.do)
			})
			return sayPublish(c, report, to, asJSON)
		},
	}
	c.Flags().StringArrayVar(&to, "to", nil, "folder or bucket (s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION) to publish into; may be repeated")
	c.Flags().BoolVar(&prune, "prune", false, "also delete published files there that the register has forgotten: superseded more than 64 publications ago")
	c.Flags().StringVar(&zipName, "zip", "", "also write one zip with everything, for a stick or an e-mail")
	c.Flags().StringVar(&address, "url", "", "public address of the folder, for the Token Status Lists of other verifiers")
	c.Flags().BoolVar(&despite, "despite-audit", false, "publish although the audit chain is broken, once you know why")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

// lockPublication waits for another publisher: two at once would write their files over each other's.
func lockPublication(ctx context.Context, dir string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dir, ".publish.lock"))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("lock the publication: %w", err)
	} else if err != nil {
		return nil, fmt.Errorf("another publication is under way: %w", err)
	}
	return func() { lock.Unlock() }, nil
}

// writeZip writes the whole repository into one file, whole or not at all.
func writeZip(ctx context.Context, op *operator, name string, at time.Time) error {
	return replaceFile(name, true, func(w io.Writer) error {
		z := static.NewZip(w, at)
		_, err := op.Export(ctx, z)
		return errors.Join(err, z.Close())
	})
}

// publicURL checks the address under which the folder will be served.
func publicURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return "", ui.WithHint(ui.Usage("--url %q is no web address", s), "--url https://listes.example.fr/")
	}
	return s, nil
}

func sayPublish(c *cobra.Command, r *issuer.PublishReport, to []string, asJSON bool) error {
	for _, w := range r.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
	}
	if asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(struct {
			Schema    string   `json:"schema"`
			Version   int64    `json:"version"`
			Published string   `json:"published"`
			Events    int      `json:"events"`
			Lists     int      `json:"lists"`
			Files     int      `json:"files"`
			Bytes     int64    `json:"bytes"`
			To        []string `json:"to"`
		}{"sceau-publish-1", r.Version, r.At.UTC().Format(time.RFC3339), r.Events, len(r.Lists), len(r.Files), r.Bytes, to})
	}
	out := c.OutOrStdout()
	fmt.Fprintf(out, "publication %d of %s: %s on %s, %s\n", r.Version, r.At.UTC().Format("2006-01-02 15:04 UTC"),
		plural(r.Events, "change"), plural(len(r.Lists), "list"), plural(len(r.Files), "new file"))
	for i, name := range to {
		if i == 0 {
			fmt.Fprint(out, "written to ", name)
		} else {
			fmt.Fprint(out, ", ", name)
		}
	}
	fmt.Fprintln(out)
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
