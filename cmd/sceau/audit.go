// audit: the chain of everything that was done, shown and verified.

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/ui"
	"sceau/signing/journal"
)

func newAudit(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Show and verify the audit chain",
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAuditVerify(p), newAuditShow(p))
	return c
}

func newAuditVerify(p *place) *cobra.Command {
	var known, copies []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Verify the audit chain and the trace of online checks",
		Long: `Walks the audit chain from its first entry to its head and compares the trace of online checks with the digests that
the chain holds. The first bad row is named; exit code 1.

A chain that was computed anew from some entry on holds in itself. What was published shows it: each publication holds the head
of the chain, signed, and everybody who follows the operator keeps a copy. Give copies from places that whoever had the register
could not change (--published), or heads that you noted yourself (--head). The first altered entry is then one of those after the
last head that agrees, up to the first that does not: the more copies, the fewer.

    $ sceau audit verify ./operator --published https://mirror.example/lists --published ./stick.zip
    audit: 1060 entries, head 1060:41ab…
    published: head 1042 of publication 31, 2027-03-02T10:00:00Z, https://mirror.example/lists
    published: head 980 of publication 28, 2027-02-27T10:00:00Z, ./stick.zip
    trace: 52310 rows in 940 ranges, 12 not bound yet`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			var heads []vouched
			for _, text := range known {
				h, err := parseHead(text)
				if err != nil {
					return err
				}
				heads = append(heads, vouched{h, "--head"})
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			published, err := publishedHeads(ctx, op.Issuer, copies)
			if err != nil {
				return err
			}
			for _, p := range published {
				heads = append(heads, vouched{p.head, p.Source})
			}
			v, err := verifyAudit(ctx, op.Issuer, heads)
			if err != nil {
				return err
			}
			v.Published = published
			if err := v.write(c.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if !v.whole() {
				return ui.Exit(ui.ExitFailure)
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&known, "head", nil, "NUMBER:HASH that was noted before; may be repeated")
	c.Flags().StringArrayVar(&copies, "published", nil, "folder, zip or address of a copy of what was published; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

// parseHead reads a head as verify writes it.
func parseHead(s string) (journal.Head, error) {
	seq, hash, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(seq, 10, 64)
	b, err2 := hex.DecodeString(hash)
	if err != nil || err2 != nil || len(b) != 32 || n == 0 {
		return journal.Head{}, ui.Usage("--head %q is no NUMBER:HASH", s)
	}
	return journal.Head{Seq: n, Hash: [32]byte(b)}, nil
}

func headText(h journal.Head) string {
	return fmt.Sprintf("%d:%s", h.Seq, hex.EncodeToString(h.Hash[:]))
}

// auditVerdict is what verify found.
type auditVerdict struct {
	Schema    string          `json:"schema"`
	Entries   uint64          `json:"entries"`
	Head      string          `json:"head,omitempty"`
	Bad       uint64          `json:"bad,omitempty"` // number of the first bad entry
	What      string          `json:"what,omitempty"`
	First     uint64          `json:"first,omitempty"` // the first altered entry is one of First to Bad; 0 when Bad is it
	Why       string          `json:"why,omitempty"`   // which heads say so
	Published []publishedHead `json:"published,omitempty"`
	Rows      int64           `json:"rows"` // of the trace that are bound
	Ranges    int             `json:"ranges"`
	Unbound   int64           `json:"unbound"`
	Trace     []traceFault    `json:"trace,omitempty"`
}

// traceFault is a range of the trace that is not what was bound.
type traceFault struct {
	Audit uint64 `json:"audit"` // entry that holds its digest
	First int64  `json:"first"`
	Last  int64  `json:"last"`
	What  string `json:"what"`
}

func (v *auditVerdict) whole() bool { return v.Bad == 0 && len(v.Trace) == 0 }

// verifyAudit walks chain and trace. What is wrong with them is no error.
func verifyAudit(ctx context.Context, i *issuer.Issuer, heads []vouched) (*auditVerdict, error) {
	v := &auditVerdict{Schema: "sceau-audit-1"}
	var known []journal.Head
	for _, h := range heads {
		known = append(known, h.Head)
	}
	var end uint64
	err := i.Store.View(ctx, func(tx register.Tx) error {
		stored, err := tx.AuditHead()
		if err != nil {
			return err
		}
		end = stored.Seq
		last, err := tx.LastPublication()
		if err == nil && last.Audit.Seq > 0 {
			known = append(known, last.Audit)
		} else if err != nil && !errors.Is(err, register.ErrNotFound) {
			return err
		}
		head, err := register.CheckAudit(tx, known...)
		if err == nil {
			v.Entries, v.Head = head.Seq, headText(head)
		}
		return err
	})
	var fault *journal.Fault
	if errors.As(err, &fault) {
		v.Bad, v.What = fault.Seq, fault.What.Error()
		v.blame(fault, end, heads)
		return v, nil // the digests of a chain that does not hold vouch for nothing
	}
	if err != nil {
		return nil, err
	}
	trace, err := i.CheckTrace(ctx)
	if err != nil {
		return nil, err
	}
	v.Rows, v.Ranges, v.Unbound = trace.Rows, trace.Ranges, trace.Unbound
	for _, f := range trace.Faults {
		v.Trace = append(v.Trace, traceFault{f.Audit, f.Range.First, f.Range.Last, f.What})
	}
	return v, nil
}

func (v *auditVerdict) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(v)
	}
	if v.Bad > 0 {
		fmt.Fprintf(out, "audit: entry %d: %s\n", v.Bad, v.What)
		switch {
		case v.First > 0 && v.First == v.Bad:
			fmt.Fprintf(out, "audit: the first altered entry is %d: %s\n", v.Bad, v.Why)
		case v.First > 0:
			fmt.Fprintf(out, "audit: the first altered entry is one of %d to %d: %s\n", v.First, v.Bad, v.Why)
		}
		return nil
	}
	fmt.Fprintf(out, "audit: %s, head %s\n", entries(int64(v.Entries)), v.Head)
	for _, p := range v.Published {
		fmt.Fprintf(out, "published: head %d of publication %d, %s, %s\n", p.head.Seq, p.Version, p.At, p.Source)
	}
	for _, f := range v.Trace {
		fmt.Fprintf(out, "trace: rows %d to %d are not what audit entry %d bound: %s\n", f.First, f.Last, f.Audit, f.What)
	}
	_, err := fmt.Fprintf(out, "trace: %s in %s, %d not bound yet\n", plural(int(v.Rows), "row"), plural(v.Ranges, "range"), v.Unbound)
	return err
}

func newAuditShow(p *place) *cobra.Command {
	var after uint64
	var limit int
	var asJSON bool
	c := &cobra.Command{
		Use:   "show DIR",
		Short: "Show entries of the audit chain",
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 || limit > 10_000 {
				return ui.Usage("--limit: 1 to 10000")
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			lines, _, err := op.AuditPage(ctx, "*", after, limit)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			for _, l := range lines {
				if asJSON {
					err = json.NewEncoder(out).Encode(struct {
						Seq    uint64          `json:"seq"`
						At     string          `json:"at"`
						Actor  string          `json:"actor"`
						Act    string          `json:"act"`
						Detail json.RawMessage `json:"detail,omitempty"`
						Hash   string          `json:"hash"`
					}{l.Seq, l.At.UTC().Format(time.RFC3339), l.Actor, l.Act, l.Detail, hex.EncodeToString(l.Hash[:])})
				} else {
					_, err = fmt.Fprintf(out, "%d  %s  %s  %s  %s\n", l.Seq, stampOf(l.At), l.Actor, l.Act, l.Detail)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().Uint64Var(&after, "after", 0, "only entries after this number")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document a line")
	return c
}
