// The part of a publication that speaks of cards: the status page of each list, its changes, its Token Status List.

package issuer

import (
	"fmt"
	"strings"
	"time"

	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing/trust"
)

func (s *Issuer) editList(e *edition, l register.List, now time.Time, day rights.Date) error {
	role, old := trust.StatusRole(l.Insurer), e.pages[l.Number]
	page := old
	if page == nil {
		// Published from its first card on, even when empty: "not on the page" then means valid, "no page" unknown.
		page = status.New(l.Insurer, l.Number)
	}
	events := e.pending[l.Number]
	if len(events) > 0 {
		entries := make([]status.Entry, len(events))
		for i, ev := range events {
			entries[i] = status.Entry{Index: ev.Place.Index, From: ev.From, Published: day, Kind: ev.Kind}
		}
		var err error
		if page, err = page.Append(entries); err != nil {
			return fmt.Errorf("issuer: page of list %d: %w", l.Number, err)
		}
	}
	if old == nil || page != old {
		e.next[l.Number] = page
		if err := e.repo.SetTarget(role, pagePath(l.Insurer, l.Number), page.Encode(), revision(page)); err != nil {
			return err
		}
	}
	if old != nil && page != old {
		changes, err := status.Diff(old, page)
		if err != nil {
			return fmt.Errorf("issuer: changes of list %d: %w", l.Number, err)
		}
		if err := e.replaceChanges(role, l, changes); err != nil {
			return err
		}
	}
	e.said[l.Number] = page
	return nil
}

// replaceChanges publishes the changes that lead to a list's new page: in the pack that counters read, and as a target for those of before
// there were packs. Older targets go: with a line for each of them the metadata would outgrow the changes.
func (e *edition) replaceChanges(role string, l register.List, changes *status.Changes) error {
	path, data := changesPath(l.Insurer, l.Number, changes.From(), changes.To()), changes.Encode()
	e.changes = append(e.changes, trust.File{Path: path, Data: data})
	if err := e.repo.SetTarget(role, path, data, nil); err != nil {
		return err
	}
	if e.targets[l.Insurer] == nil {
		infos, err := e.current.Targets(l.Insurer)
		if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		e.targets[l.Insurer] = infos
	}
	for _, i := range e.targets[l.Insurer] {
		if strings.HasPrefix(i.Path, pagePath(l.Insurer, l.Number)+".") {
			if err := e.repo.RemoveTarget(role, i.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// revision is said beside a page's hash, so that a counter knows from the metadata alone which changes to fetch.
func revision(p *status.Page) map[string]uint64 { return map[string]uint64{"revision": p.Revision()} }

// publicURL ends in "/" unless it is empty.
func (s *Issuer) publicURL() string {
	if s.PublicURL == "" || strings.HasSuffix(s.PublicURL, "/") {
		return s.PublicURL
	}
	return s.PublicURL + "/"
}
