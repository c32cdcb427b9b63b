// Notices: what the operator and each insurer tell counters, kept in the register and signed at the next publication.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sceau/card/notice"
	"sceau/card/register"
	"sceau/signing/trust"
)

// kindNotice: Data is storedNotice; ID the notice's own; Owner its author: an insurer, "" for the operator. Withdrawing one
// drops it: the audit chain says what it was.
const kindNotice = "notice"

// noticeKept is how long a notice stays in the register after its end, for whoever asks what was said.
const noticeKept = 400 * 24 * time.Hour

// Errors about notices; what is wrong with one's content is a *notice.Unsuitable.
var (
	// ErrUnknownNotice says that no notice of this author has this id.
	ErrUnknownNotice = errors.New("issuer: unknown notice")
	// ErrNoticeThere says that a notice has this id already.
	ErrNoticeThere = errors.New("issuer: a notice has this id already")
	// ErrNoticeOver says that it would end before anybody could read it.
	ErrNoticeOver = errors.New("issuer: the notice would be over already")
	// ErrNotices says that the author has as many notices as one file holds: withdraw one.
	ErrNotices = errors.New("issuer: no more notices fit: withdraw one")
)

// Statement is a notice with its author, and how far it got.
type Statement struct {
	Author string // insurer's key, "" for the operator
	notice.Notice
	State StatementState
}

// StatementState says how far a notice got.
type StatementState string

// States of a notice.
const (
	StatementWaiting   StatementState = "waiting"   // for the next publication with its author's key
	StatementPublished StatementState = "published" // counters that synchronise have it
	StatementLeaving   StatementState = "leaving"   // withdrawn, still published until the next publication with its author's key
	StatementOver      StatementState = "over"      // ended; counters show it no more, published or not
)

type storedNotice struct {
	Kind       notice.Kind `json:"kind"`
	Issued     time.Time   `json:"issued"`
	From       time.Time   `json:"from"`
	Until      time.Time   `json:"until"`
	Title      string      `json:"title"`
	Text       string      `json:"text"`
	Guaranteed string      `json:"guaranteed,omitempty"`
	Phone      string      `json:"phone,omitempty"`
}

func (n storedNotice) notice(id string) notice.Notice {
	return notice.Notice{ID: id, Kind: n.Kind, Issued: n.Issued, From: n.From, Until: n.Until, Title: n.Title, Text: n.Text, Guaranteed: n.Guaranteed, Phone: n.Phone}
}

// AddNotice keeps a notice of an author for the next Publish: an insurer's key, or "" for the operator. An empty ID is drawn, a
// zero Issued is now, a zero From is Issued. Errors: *notice.Unsuitable, ErrNoticeOver, ErrNoticeThere, ErrNotices,
// ErrUnknownInsurer.
func (s *Issuer) AddNotice(ctx context.Context, author string, n notice.Notice) (notice.Notice, error) {
	now := s.second()
	if n.Issued.IsZero() {
		n.Issued = now
	}
	if n.From.IsZero() {
		n.From = n.Issued
	}
	if n.ID == "" {
		var b [5]byte
		if _, err := io.ReadFull(s.random(), b[:]); err != nil {
			return notice.Notice{}, fmt.Errorf("issuer: draw an id: %w", err)
		}
		n.ID = string(n.Kind) + "-" + strings.ToLower(base32.HexEncoding.EncodeToString(b[:]))
	}
	n.Issued, n.From, n.Until = n.Issued.UTC(), n.From.UTC(), n.Until.UTC()
	if err := n.Check(); err != nil {
		return notice.Notice{}, err
	}
	if !now.Before(n.Until) {
		return notice.Notice{}, ErrNoticeOver
	}
	data, err := notice.Bytes(author, []notice.Notice{n})
	if err != nil {
		return notice.Notice{}, err
	}
	digest := sha256.Sum256(data)
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		if author != "" {
			if _, err := insurer(tx, author); err != nil {
				return err
			}
		}
		if _, err := tx.Document(kindNotice, n.ID); err == nil {
			return ErrNoticeThere
		} else if !errors.Is(err, register.ErrNotFound) {
			return err
		}
		all, err := liveNotices(tx, author, now)
		if err != nil {
			return err
		}
		if len(all) >= notice.MaxNotices {
			return ErrNotices
		}
		d := register.Document{Kind: kindNotice, ID: n.ID, Owner: author, Until: n.Until.Add(noticeKept)}
		if err := writeDocument(tx, d, storedNotice{n.Kind, n.Issued, n.From, n.Until, n.Title, n.Text, n.Guaranteed, n.Phone}); err != nil {
			return err
		}
		if _, err := tx.DropDocuments(kindNotice, now); err != nil {
			return err
		}
		return s.audit(tx, "notice.add", map[string]any{"notice": n.ID, "insurer": author, "kind": n.Kind, "until": n.Until, "sha256": hex.EncodeToString(digest[:])})
	})
	if err != nil {
		return notice.Notice{}, err
	}
	return n, nil
}

// WithdrawNotice takes a notice back: the next Publish with its author's key leaves it out, and counters forget it when they
// synchronise. author "*" takes anybody's. Errors: ErrUnknownNotice.
func (s *Issuer) WithdrawNotice(ctx context.Context, author, id string) error {
	return s.Store.Update(ctx, func(tx register.Tx) error {
		var n storedNotice
		d, err := readDocument(tx, kindNotice, author, id, &n)
		if errors.Is(err, ErrUnknownDocument) {
			return ErrUnknownNotice
		}
		if err != nil {
			return err
		}
		if err := tx.DropDocument(kindNotice, id); err != nil {
			return err
		}
		return s.audit(tx, "notice.withdraw", map[string]any{"notice": id, "insurer": d.Owner, "kind": n.Kind, "until": n.Until})
	})
}

// Notices lists the notices of an author, "" for the operator's own, or "*" for all: by author, the newest first, with those
// that were withdrawn and are still published.
func (s *Issuer) Notices(ctx context.Context, author string) ([]Statement, error) {
	now := s.second()
	var out []Statement
	err := s.Store.View(ctx, func(tx register.Tx) error {
		kept, err := keptNotices(tx, author)
		if err != nil {
			return err
		}
		root, err := tx.File(rootPath)
		if err != nil {
			return err
		}
		current, err := trust.Open(reader(tx), root)
		if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		authors, err := authors(tx, author)
		if err != nil {
			return err
		}
		for _, a := range authors {
			public, err := publishedNotices(tx, current, a)
			if err != nil {
				return err
			}
			out = append(out, statements(a, kept[a], public, now)...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func statements(author string, kept, public []notice.Notice, now time.Time) []Statement {
	var out []Statement
	add := func(n notice.Notice, state StatementState) {
		if !now.Before(n.Until) {
			state = StatementOver
		}
		out = append(out, Statement{author, n, state})
	}
	for _, n := range kept {
		state := StatementWaiting
		if slices.Contains(public, n) {
			state = StatementPublished
		}
		add(n, state)
	}
	for _, n := range public {
		if !slices.Contains(kept, n) && now.Before(n.Until) {
			add(n, StatementLeaving)
		}
	}
	slices.SortStableFunc(out, func(a, b Statement) int { return b.Issued.Compare(a.Issued) })
	return out
}

// authors are those that a list of notices speaks of: the operator first.
func authors(tx register.Tx, author string) ([]string, error) {
	if author != "*" {
		if author != "" {
			if _, err := insurer(tx, author); err != nil {
				return nil, err
			}
		}
		return []string{author}, nil
	}
	all, err := tx.Insurers()
	if err != nil {
		return nil, err
	}
	out := []string{""}
	for _, i := range all {
		out = append(out, i.Key)
	}
	slices.Sort(out)
	return out, nil
}

// keptNotices are those in the register, by author.
func keptNotices(tx register.Tx, author string) (map[string][]notice.Notice, error) {
	out := map[string][]notice.Notice{}
	for after := ""; ; {
		next, err := eachDocument(tx, kindNotice, author, after, 200, func(d register.Document) error {
			var n storedNotice
			if err := json.Unmarshal(d.Data, &n); err != nil {
				return fmt.Errorf("%w: notice %s", ErrDamaged, d.ID)
			}
			out[d.Owner] = append(out[d.Owner], n.notice(d.ID))
			return nil
		})
		if err != nil {
			return nil, err
		}
		if after = next; next == "" {
			return out, nil
		}
	}
}

// liveNotices are those of one author that are not over.
func liveNotices(tx register.Tx, author string, now time.Time) ([]notice.Notice, error) {
	kept, err := keptNotices(tx, author)
	if err != nil {
		return nil, err
	}
	return unended(kept[author], now), nil
}

func unended(all []notice.Notice, now time.Time) []notice.Notice {
	return slices.DeleteFunc(slices.Clone(all), func(n notice.Notice) bool { return !now.Before(n.Until) })
}

// publishedNotices are those that counters get today.
func publishedNotices(tx register.Tx, current *trust.Trusted, author string) ([]notice.Notice, error) {
	info, err := current.Target(noticesPath(author))
	if errors.Is(err, trust.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	data, err := tx.File(info.FetchPath())
	if err == nil {
		err = info.Check(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: published notices: %w", ErrDamaged, err)
	}
	out, err := notice.Parse(author, data)
	if err != nil {
		return nil, fmt.Errorf("%w: published notices: %w", ErrDamaged, err)
	}
	return out, nil
}

func noticesPath(author string) string {
	if author == "" {
		return "notices.json"
	}
	return "amc/" + author + "/notices.json"
}

func noticesRole(author string) string {
	if author == "" {
		return trust.RoleTargets
	}
	return trust.InsurerRole(author)
}
