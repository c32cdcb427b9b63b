// The part of a publication that other verifiers read: a Token Status List for each list.

package issuer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
)

// Lifetime of a Token Status List: other verifiers ask again after the ttl and refuse it after exp.
const (
	tokenListLife = 7 * 24 * time.Hour
	tokenListTTL  = 12 * 60 * 60
)

// oldToken is what a published Token Status List says of itself.
type oldToken struct {
	Subject string `json:"sub"`
	Issued  int64  `json:"iat"`
	kid     string
}

// tokenLists makes the Token Status Lists. One of today whose page has not changed, under the same name and key, stands: its statuses are
// those of the day.
func (s *Issuer) tokenLists(ctx context.Context, e *edition, now time.Time, day rights.Date) error {
	made := make([]*register.NewFile, len(e.lists))
	signers := map[string]*signing.Signer{}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range e.lists {
		if ctx.Err() != nil {
			break
		}
		signer := signers[l.Insurer]
		if signer == nil {
			var err error
			if signer, err = e.listSigner(l.Insurer, now); err != nil {
				return errors.Join(err, g.Wait())
			}
			signers[l.Insurer] = signer
		}
		path := tokenListPath(l.Insurer, l.Number)
		sub := s.publicURL() + path
		if old, ok := e.tokensHeld[l.Number]; ok && e.next[l.Number] == nil && old.Subject == sub && old.kid == signer.KID() &&
			old.Issued <= now.Unix() && rights.DateAt(time.Unix(old.Issued, 0)) == day {
			continue
		}
		page := e.said[l.Number]
		g.Go(func() error {
			jwt, err := status.TokenStatusList(page, day, sub, now, now.Add(tokenListLife), tokenListTTL, signer)
			if err != nil {
				return fmt.Errorf("issuer: token status list %d: %w", l.Number, err)
			}
			made[i] = &register.NewFile{Path: path, Data: []byte(jwt), Mutable: true}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, f := range made {
		if f != nil {
			e.tokens = append(e.tokens, *f)
		}
	}
	return ctx.Err()
}

// readTokens reads what the published Token Status Lists say of themselves. One that can't be read is made again.
func (e *edition) readTokens(tx register.Tx) error {
	for _, l := range e.lists {
		b, err := tx.File(tokenListPath(l.Insurer, l.Number))
		if errors.Is(err, register.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		parts := bytes.Split(b, []byte("."))
		if len(parts) != 3 {
			continue
		}
		var t oldToken
		var head struct {
			KID string `json:"kid"`
		}
		if part(parts[0], &head) != nil || part(parts[1], &t) != nil {
			continue
		}
		t.kid = head.KID
		e.tokensHeld[l.Number] = t
	}
	return nil
}

func part(text []byte, to any) error {
	b, err := base64.RawURLEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}
