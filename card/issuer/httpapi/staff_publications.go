// Publications and the audit chain, as staff ask for them.

package httpapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/register"
)

// Publication is one version of the published files.
type Publication struct {
	Version int64  `json:"version"`
	At      string `json:"at"`
}

type publicationOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Publication
}

// AuditEntry is an entry of the audit chain.
type AuditEntry struct {
	Seq    uint64          `json:"seq"`
	At     string          `json:"at"`
	Actor  string          `json:"actor"`
	Act    string          `json:"act"`
	Detail json.RawMessage `json:"detail,omitempty" doc:"counts, pseudonyms and card numbers; nobody's name"`
	Hash   string          `json:"hash" doc:"of the entry, which is bound to all before it"`
}

type auditOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Entries []AuditEntry `json:"entries" nullable:"false"`
		Next    string       `json:"next,omitempty" doc:"also behind an empty page: there is more to look at"`
	}
}

// publishedEnough is how soon after a publication the next one, of nothing new, is not worth every counter's download.
const publishedEnough = time.Minute

// justPublished says whether the last publication is young and nothing waits for the next.
func (s *Server) justPublished(ctx context.Context) (last register.Publication, done bool, err error) {
	err = s.o.Issuer.Store.View(ctx, func(tx register.Tx) error {
		if last, err = tx.LastPublication(); err != nil {
			return err
		}
		if age := s.now().Sub(last.At); age < 0 || age >= publishedEnough {
			return nil
		}
		lists, err := tx.Lists()
		if err != nil {
			return err
		}
		for _, l := range lists {
			if pending, err := tx.PendingEvents(l.Number); err != nil || len(pending) > 0 {
				return err
			}
		}
		done = true
		return nil
	})
	if errors.Is(err, register.ErrNotFound) {
		return register.Publication{}, false, nil
	}
	if err != nil {
		return register.Publication{}, false, err
	}
	return last, done, nil
}

func (s *Server) publicationRoutes() {
	add(s, huma.Operation{OperationID: "publish", Method: http.MethodPost, Path: "/v1/publications", Summary: "Publish what is pending", DefaultStatus: http.StatusCreated,
		Description: "Publishes for every insurer of the operator. Within a minute of the last publication, and with nothing pending, it answers with that one."},
		staffPolicy(0, RolePublish), func(ctx context.Context, who Principal, in *Keyed) (*publicationOutput, error) {
			out, err := once[Publication](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
				if last, done, err := s.justPublished(ctx); err != nil {
					return err
				} else if done {
					return s.o.Issuer.Store.Update(ctx, func(tx register.Tx) error { return t.Done(tx, Publication{last.Version, momentText(last.At)}) })
				}
				report, err := s.o.Issuer.As(w).Publish(ctx, s.now())
				if err != nil {
					return err
				}
				return s.o.Issuer.Store.Update(ctx, func(tx register.Tx) error {
					return t.Done(tx, Publication{report.Version, momentText(s.now())})
				})
			})
			if err != nil {
				return nil, err
			}
			return &publicationOutput{"no-store", out}, nil
		})

	add(s, huma.Operation{OperationID: "last-publication", Method: http.MethodGet, Path: "/v1/publications/last", Summary: "The last publication"},
		staffPolicy(0, RolePublish, RoleRevoke, RoleIssue, RoleAudit), func(ctx context.Context, _ Principal, _ *struct{}) (*publicationOutput, error) {
			var last register.Publication
			err := s.o.Issuer.Store.View(ctx, func(tx register.Tx) (err error) { last, err = tx.LastPublication(); return err })
			if errors.Is(err, register.ErrNotFound) {
				return nil, errAbsent
			}
			if err != nil {
				return nil, err
			}
			return &publicationOutput{"no-store", Publication{last.Version, momentText(last.At)}}, nil
		})

	add(s, huma.Operation{OperationID: "audit", Method: http.MethodGet, Path: "/v1/audit", Summary: "Who did what: the entries of one's own insurer",
		Description: "Oldest first. The operator sees all entries."},
		staffPolicy(0, RoleAudit), func(ctx context.Context, who Principal, in *page) (*auditOutput, error) {
			after := uint64(0)
			if in.After != "" {
				var err error
				if after, err = strconv.ParseUint(in.After, 10, 63); err != nil {
					return nil, errField.about("after")
				}
			}
			lines, next, err := s.o.Issuer.AuditPage(ctx, scope(who), after, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &auditOutput{CacheControl: "no-store"}
			out.Body.Entries = []AuditEntry{}
			for _, l := range lines {
				out.Body.Entries = append(out.Body.Entries, AuditEntry{l.Seq, momentText(l.At), l.Actor, l.Act, l.Detail, hex.EncodeToString(l.Hash[:])})
			}
			if next != 0 {
				out.Body.Next = strconv.FormatUint(next, 10)
			}
			return out, nil
		})
}
