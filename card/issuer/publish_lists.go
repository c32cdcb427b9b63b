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
		if err := e.repo.SetTarget(role, changesPath(l.Insurer, l.Number, old.Revision(), page.Revision()), changes.Encode(), nil); err != nil {
			return err
		}
		if r := page.Revision(); r > keepChanges {
			gone := changesPath(l.Insurer, l.Number, r-keepChanges-1, r-keepChanges)
			if _, err := e.current.Target(gone); err == nil {
				if err := e.repo.RemoveTarget(role, gone); err != nil {
					return err
				}
			}
		}
	}
	return s.tokenList(e, l, page, now, day)
}

// revision is said beside a page's hash, so that a counter knows from the metadata alone which changes to fetch.
func revision(p *status.Page) map[string]uint64 { return map[string]uint64{"revision": p.Revision()} }

// tokenList makes the Token Status List of a page. It is signed anew at each publication, because it expires.
func (s *Issuer) tokenList(e *edition, l register.List, page *status.Page, now time.Time, day rights.Date) error {
	signer, err := e.listSigner(l.Insurer, now)
	if err != nil {
		return err
	}
	path := tokenListPath(l.Insurer, l.Number)
	jwt, err := status.TokenStatusList(page, day, s.publicURL()+path, now, now.Add(tokenListLife), tokenListTTL, signer)
	if err != nil {
		return fmt.Errorf("issuer: token status list %d: %w", l.Number, err)
	}
	e.tokens = append(e.tokens, register.NewFile{Path: path, Data: []byte(jwt), Mutable: true})
	return nil
}

// publicURL ends in "/" unless it is empty.
func (s *Issuer) publicURL() string {
	if s.PublicURL == "" || strings.HasSuffix(s.PublicURL, "/") {
		return s.PublicURL
	}
	return s.PublicURL + "/"
}
