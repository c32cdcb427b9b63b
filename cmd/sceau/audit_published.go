// audit verify --published: heads of the audit chain as others keep them, in copies of what was published.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/signing/journal"
	"sceau/signing/trust"
)

// publishedHead is what a copy of the repository says of the audit chain.
type publishedHead struct {
	Source  string `json:"source"`
	Version int64  `json:"version"`
	At      string `json:"at"`
	Head    string `json:"head"`
	head    journal.Head
}

// publishedHeads reads the copies, each verified as a counter would that pinned the register's own root. A copy that does not hold
// for this root is an error: it is another operator's, or the register's root is not the one that was published.
func publishedHeads(ctx context.Context, i *issuer.Issuer, sources []string) ([]publishedHead, error) {
	if len(sources) == 0 {
		return nil, nil
	}
	var root []byte
	err := i.Store.View(ctx, func(tx register.Tx) (err error) { root, err = tx.File("1.root.json"); return err })
	if errors.Is(err, register.ErrNotFound) {
		return nil, errors.New("nothing was published from this register")
	}
	if err != nil {
		return nil, err
	}
	var out []publishedHead
	for _, source := range sources {
		h, err := readPublished(ctx, root, source)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

func readPublished(ctx context.Context, root []byte, source string) (_ publishedHead, err error) {
	fail := func(err error) (publishedHead, error) {
		return publishedHead{}, fmt.Errorf("--published %s: %w", source, err)
	}
	src, err := trust.NewSource(source)
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, trust.CloseSource(src)) }()
	t, _, err := trust.Refresh(ctx, src, trust.RefreshOptions{Root: root, Now: clock.Now()})
	if err != nil {
		return publishedHead{}, ui.WithHint(fmt.Errorf("--published %s: %w", source, err),
			"it does not hold for this register's root (%s): it is another operator's or damaged, or the register's root was replaced", trust.Fingerprint(root))
	}
	if t.Anchor() == "" {
		return fail(fmt.Errorf("publication %d holds no head of the audit chain: it was made before the first entry, or by an older program", t.Version()))
	}
	head, err := issuer.ParseAnchor(t.Anchor())
	if err != nil {
		return fail(err)
	}
	return publishedHead{Source: source, Version: t.Version(), At: t.Published().UTC().Format(time.RFC3339), Head: headText(head), head: head}, nil
}

// vouched is a head that somebody else keeps, and who.
type vouched struct {
	journal.Head
	who string
}

// blame says which entries may have been altered first, when a chain that holds in itself does not meet a head that somebody else
// kept: none before the last head that agrees, and at the latest the one of the first head that does not.
func (v *auditVerdict) blame(fault *journal.Fault, end uint64, heads []vouched) {
	// At the end of the chain nothing follows that would tell an entry that was edited from a chain that was computed anew.
	if !errors.Is(fault.What, journal.ErrRewritten) && (fault.Seq != end || !errors.Is(fault.What, journal.ErrEdited)) {
		return // the entry is known
	}
	var agrees, differs *vouched
	for i, h := range heads {
		if h.Seq < fault.Seq && (agrees == nil || h.Seq > agrees.Seq) {
			agrees = &heads[i]
		}
		if h.Seq == fault.Seq && differs == nil {
			differs = &heads[i]
		}
	}
	v.First = 1
	var b strings.Builder
	if agrees != nil {
		v.First = agrees.Seq + 1
		fmt.Fprintf(&b, "head %d of %s agrees", agrees.Seq, agrees.who)
	} else {
		b.WriteString("no earlier head is known")
	}
	if differs != nil {
		fmt.Fprintf(&b, ", head %d of %s does not", differs.Seq, differs.who)
	}
	v.Why = b.String()
}
