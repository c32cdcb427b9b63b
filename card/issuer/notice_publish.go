// Publishing notices: each author's file is signed by its own offline key, whenever that key is at hand.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card/notice"
	"sceau/card/register"
	"sceau/signing/trust"
)

// editNotices tells the repository which notices stand. What ended drops out where the key is at hand, and stays where it is
// not: counters ignore it by themselves. A notice whose key is missing waits, and a warning names the key.
func (s *Issuer) editNotices(ctx context.Context, e *edition, now time.Time) error {
	var kept map[string][]notice.Notice
	public := map[string][]notice.Notice{}
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		if kept, err = keptNotices(tx, register.AnyOwner); err != nil {
			return err
		}
		for _, author := range append([]string{""}, sortedKeys(e.insurers)...) {
			if public[author], err = publishedNotices(tx, e.current, author); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, author := range sortedKeys(public) {
		if err := s.editNoticesOf(e, author, unended(kept[author], now), public[author], now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Issuer) editNoticesOf(e *edition, author string, want, public []notice.Notice, now time.Time) error {
	role, path := noticesRole(author), noticesPath(author)
	if len(want) == 0 && len(public) == 0 {
		return nil
	}
	var data []byte
	if len(want) > 0 {
		var err error
		if data, err = notice.Bytes(author, want); err != nil {
			return fmt.Errorf("%w: notices: %w", ErrDamaged, err)
		}
		if info, err := e.current.Target(path); err == nil && info.Check(data) == nil {
			return nil
		} else if err != nil && !errors.Is(err, trust.ErrNotFound) {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
	}
	for _, needed := range signersOfNotices(e.current, author) {
		if !e.canSign(needed) {
			e.warnings = append(e.warnings, noticeWarnings(author, needed, want, public, now)...)
			return nil
		}
	}
	if len(want) == 0 {
		return e.repo.RemoveTarget(role, path)
	}
	return e.repo.SetTarget(role, path, data, nil)
}

// signersOfNotices are the roles that must sign for an author's notices to change: its own, and targets where the delegation is
// one of before there were notices.
func signersOfNotices(current *trust.Trusted, author string) []string {
	roles := []string{noticesRole(author)}
	if author != "" && !current.TakesNotices(author) {
		roles = append(roles, trust.RoleTargets)
	}
	return roles
}

// noticeWarnings say what waits for a key. That something which ended can't be cleared away is not worth a word.
func noticeWarnings(author, missing string, want, public []notice.Notice, now time.Time) []string {
	who := "of the operator"
	if author != "" {
		who = "of " + author
	}
	waiting, leaving := 0, 0
	for _, n := range want {
		if !slices.Contains(public, n) {
			waiting++
		}
	}
	for _, n := range unended(public, now) {
		if !slices.Contains(want, n) {
			leaving++
		}
	}
	var out []string
	if waiting > 0 {
		out = append(out, fmt.Sprintf("%d of the notices %s not published: publish once with the medium that holds the key of %s", waiting, who, missing))
	}
	if leaving > 0 {
		out = append(out, fmt.Sprintf("%d withdrawn of the notices %s still published: publish once with the medium that holds the key of %s", leaving, who, missing))
	}
	return out
}
