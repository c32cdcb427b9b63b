// recover --go-on: what a published folder still knows of the time after the backup, when no newer backup exists.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/offline"
	"sceau/signing/trust"
)

// lost is what was brought back, and what could not be.
type lost struct {
	ended   int          // cards whose end was recorded again
	unknown []card.Place // cards that ended and that the register does not have: they were made after the backup
	refused []string     // ends that the register could not take
	lists   []uint32     // opened, so that no place is given twice
	status  []string     // insurers
	keys    []string     // that counters trust less than the backup did
}

// maxPublishedFile bounds what is read of a published folder.
const maxPublishedFile = 64 << 20

// found is a published folder, read and verified whole before anything of it is recorded.
type found struct {
	pages    []*status.Page
	facts    []*card.Insurer         // issuer.json
	own      map[uint32]*status.Page // the register's
	insurers []string
	highest  uint32 // list that was published
}

// readLost reads the published folder by the register's own root.
func (o *operator) readLost(ctx context.Context, public string) (*found, error) {
	dir, err := trust.OpenDir(public)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	read := func(path string) ([]byte, error) { return dir.Fetch(ctx, path, maxPublishedFile) }
	out := &found{own: map[uint32]*status.Page{}}
	var t *trust.Trusted
	err = o.store.View(ctx, func(tx register.Tx) error {
		root, err := tx.File("1.root.json")
		if err != nil {
			return err
		}
		if t, err = trust.Open(read, root); err != nil {
			return fmt.Errorf("%s: %w", public, err)
		}
		mine, err := trust.Open(func(path string) ([]byte, error) {
			b, err := tx.File(path)
			if errors.Is(err, register.ErrNotFound) {
				err = trust.ErrNotFound
			}
			return b, err
		}, root)
		if err != nil {
			return err
		}
		if t.RootVersion() > mine.RootVersion() {
			return fmt.Errorf("%s has root %d, the backup root %d: only a backup made after that ceremony goes on", public, t.RootVersion(), mine.RootVersion())
		}
		lists, err := tx.Lists()
		if err != nil {
			return err
		}
		for _, l := range lists {
			b, err := tx.Page(l.Number)
			if errors.Is(err, register.ErrNotFound) {
				out.own[l.Number] = status.New(l.Insurer, l.Number)
				continue
			}
			if err != nil {
				return err
			}
			if out.own[l.Number], err = status.Decode(b); err != nil {
				return err
			}
		}
		all, err := tx.Insurers()
		for _, i := range all {
			out.insurers = append(out.insurers, i.Key)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, insurer := range t.Insurers() {
		targets, err := t.Targets(insurer)
		if err != nil {
			return nil, err
		}
		for _, target := range targets {
			kind, key, number := offline.Target(target.Path)
			if kind == offline.IssuerTarget && key == insurer {
				doc, err := publishedFacts(read, target, insurer)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", public, err)
				}
				out.facts = append(out.facts, doc)
			}
			if kind != offline.PageTarget || key != insurer {
				continue
			}
			out.highest = max(out.highest, number)
			page, err := publishedPage(read, target, insurer, number)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", public, err)
			}
			out.pages = append(out.pages, page)
		}
	}
	return out, nil
}

// publishedPage reads one list. One insurer's keys sign for its own list alone: what ends cards of another is refused, as
// counters do.
func publishedPage(read func(path string) ([]byte, error), target trust.Info, insurer string, list uint32) (*status.Page, error) {
	b, err := read(target.FetchPath())
	if err == nil {
		err = target.Check(b)
	}
	if err != nil {
		return nil, err
	}
	page, err := status.Decode(b)
	if err != nil {
		return nil, err
	}
	if page.Issuer() != insurer || page.List() != list {
		return nil, fmt.Errorf("%s holds list %d of insurer %s", target.Path, page.List(), page.Issuer())
	}
	return page, nil
}

// publishedFacts reads one insurer's issuer.json, which says which of its keys were stolen.
func publishedFacts(read func(path string) ([]byte, error), target trust.Info, insurer string) (*card.Insurer, error) {
	b, err := read(target.FetchPath())
	if err == nil {
		err = target.Check(b)
	}
	if err != nil {
		return nil, err
	}
	doc, err := card.ParseInsurer(b)
	if err != nil {
		return nil, err
	}
	if doc.AMC.Key() != insurer {
		return nil, fmt.Errorf("%s holds facts of insurer %s", target.Path, doc.AMC.Key())
	}
	return doc, nil
}

// adopt takes back which keys were stolen, before anything is signed with one of them; it opens a new list for each insurer, because places of cards made after the backup are in the old ones, and then records
// again the ends of rights that were published.
func (o *operator) adopt(ctx context.Context, there *found) (*lost, error) {
	out := &lost{status: there.insurers}
	for _, doc := range there.facts {
		changed, err := o.AdoptKeyStates(ctx, doc)
		if errors.Is(err, issuer.ErrUnknownInsurer) {
			continue // founded after the backup: none of its keys is here
		}
		if err != nil {
			return nil, err
		}
		for _, k := range changed {
			out.keys = append(out.keys, fmt.Sprintf("key %s of %s was published as %s: it is so again, and signs nothing", k.KID, doc.AMC.Key(), k.State))
		}
	}
	err := o.store.Update(ctx, func(tx register.Tx) error {
		out.lists = nil // the transaction may run again
		for _, insurer := range there.insurers {
			for {
				l, err := tx.AddList(insurer)
				if err != nil {
					return err
				}
				if out.lists = append(out.lists, l.Number); l.Number > there.highest {
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, page := range there.pages {
		if err := o.adoptPage(ctx, page, there.own[page.List()], out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// adoptPage records the events of a published page that the register's own page lacks.
func (o *operator) adoptPage(ctx context.Context, published, own *status.Page, out *lost) error {
	known := map[uint32]int{}
	if own != nil {
		for e := range own.All() {
			known[e.Index]++
		}
	}
	for e := range published.All() {
		if known[e.Index] > 0 {
			known[e.Index]--
			continue
		}
		place := card.Place{List: published.List(), Index: e.Index}
		kind := e.Kind
		if kind == status.Replaced {
			kind = status.Void // by a card that is not here: what it ended stays ended
		}
		_, err := o.SetStatus(ctx, issuer.StatusRequest{Kind: kind, From: e.From, Class: "recovered", Targets: []issuer.Target{{Place: place}}})
		switch {
		case err == nil:
			out.ended++
		case errors.Is(err, issuer.ErrUnknownCard):
			out.unknown = append(out.unknown, place)
		case errors.Is(err, issuer.ErrTargets):
			out.refused = append(out.refused, fmt.Sprintf("%s: %s from %s: %v", place, e.Kind, e.From, errors.Unwrap(err)))
		default:
			return err
		}
	}
	return nil
}

// sayLost tells what was brought back, what was not, and what makes counters follow again.
func (r *recovery) sayLost(l *lost) {
	out, loud := r.command.OutOrStdout(), r.command.ErrOrStderr()
	fmt.Fprintf(out, "%s of rights brought back from %s\n", plural(l.ended, "end"), r.public)
	fmt.Fprintf(out, "new cards get places in %s from now on\n", listed(l.lists))
	if len(l.unknown) > 0 {
		fmt.Fprintf(loud, "WARNING: %s that had ended were made after the backup and are not in the register: nothing ends them any more\n", plural(len(l.unknown), "card"))
		for _, p := range l.unknown {
			fmt.Fprintf(loud, "  %s\n", p)
		}
	}
	for _, text := range l.keys {
		fmt.Fprintln(loud, text)
	}
	if len(l.keys) > 0 {
		fmt.Fprintf(loud, "  sceau keys audit %s says which key signs now; the list of a stolen key holds only cards that are in this backup\n", shellWord(r.dir))
	}
	for _, text := range l.refused {
		fmt.Fprintln(loud, "not brought back:", text)
	}
	fmt.Fprintln(loud, "counters refuse the older lists until the keys that sign them are new:")
	for _, insurer := range l.status {
		fmt.Fprintf(loud, "  sceau keys rotate %s status --insurer %s\n", shellWord(r.dir), insurer)
	}
	fmt.Fprintf(loud, "  sceau keys rotate %s online --medium … --to NEW_FOLDER\n", shellWord(r.dir))
	fmt.Fprintf(loud, "serve NEW_FOLDER in place of %s; issue again what was issued since the backup\n", r.public)
}

func listed(numbers []uint32) string {
	var all []string
	for _, n := range numbers {
		all = append(all, fmt.Sprint(n))
	}
	if len(all) == 1 {
		return "list " + all[0]
	}
	return "lists " + strings.Join(all, ", ")
}
