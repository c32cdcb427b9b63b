// Sessions of people who logged in at their provider: kept as digests, over after a pause or a day's work.

package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sceau/card/register"
)

// kindSession: Data is storedSession; ID the digest of the secret in the browser's cookie; Owner the insurer.
const kindSession = "session"

// touchEvery is how often the moment of the last request is written down.
const touchEvery = time.Minute

// Login is a person whom the provider named and the operator's mapping let in.
type Login struct {
	Provider string // issuer identifier of the provider
	Subject  string // its id of the person; kept only as a digest
	Insurer  string // rights.AMC.Key; "" for the operator
	Roles    []Role
}

type storedSession struct {
	Person string    `json:"person"`
	Actor  string    `json:"actor"`
	Roles  []Role    `json:"roles"`
	Begun  time.Time `json:"begun"`
	Seen   time.Time `json:"seen"`
}

// PersonOf names a person of a provider as the audit chain does: the beginning of a digest of provider and subject, which
// those who know their people can compute, and nobody else can read.
func PersonOf(provider, subject string) string { return "person:" + digestOf(provider, subject)[:16] }

// OpenSession begins a session and returns the secret for the browser, which is not kept.
func (s *Issuer) OpenSession(ctx context.Context, l Login) (string, error) {
	if l.Provider == "" || l.Subject == "" {
		return "", ErrCredential
	}
	if err := CheckRoles(l.Insurer, l.Roles); err != nil {
		return "", err
	}
	secret, err := s.draw(32)
	if err != nil {
		return "", err
	}
	now := s.second()
	person := PersonOf(l.Provider, l.Subject)
	d := register.Document{Kind: kindSession, ID: digestOf(secret), Owner: l.Insurer, Until: now.Add(s.Limits.session())}
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		if l.Insurer != "" {
			if _, err := insurer(tx, l.Insurer); err != nil {
				return err
			}
		}
		if _, err := tx.DropDocuments(kindSession, now); err != nil {
			return err
		}
		if err := writeDocument(tx, d, storedSession{Person: person, Actor: person, Roles: l.Roles, Begun: now, Seen: now}); err != nil {
			return err
		}
		return s.As(Staff{Actor: person, Insurer: l.Insurer}).audit(tx, "login", map[string]any{"roles": l.Roles})
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Session says who shows a secret; ErrCredential for every reason why nobody is believed.
func (s *Issuer) Session(ctx context.Context, secret string) (Staff, error) {
	if len(secret) != 43 {
		return Staff{}, ErrCredential
	}
	id, now := digestOf(secret), s.second()
	var d register.Document
	var v storedSession
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		d, err = readDocument(tx, kindSession, "*", id, &v)
		return err
	})
	if errors.Is(err, ErrUnknownDocument) {
		return Staff{}, ErrCredential
	}
	if err != nil {
		return Staff{}, err
	}
	if !now.Before(d.Until) || now.Sub(v.Seen) >= s.Limits.idle() {
		return Staff{}, ErrCredential
	}
	if now.Sub(v.Seen) >= touchEvery {
		err := s.Store.Update(ctx, func(tx register.Tx) error {
			d, err := readDocument(tx, kindSession, "*", id, &v)
			if err != nil {
				return err
			}
			v.Seen = now
			return writeDocument(tx, d, v)
		})
		if errors.Is(err, ErrUnknownDocument) { // logged out meanwhile
			return Staff{}, ErrCredential
		}
		if err != nil {
			return Staff{}, err
		}
	}
	return Staff{Credential: "session:" + id[:16], Person: v.Person, Insurer: d.Owner, Roles: v.Roles, Actor: v.Actor}, nil
}

// CloseSession ends a session; an unknown one is over already.
func (s *Issuer) CloseSession(ctx context.Context, secret string) error {
	return s.dropSession(ctx, digestOf(secret))
}

// CloseSessions ends every session of a person of a provider, or of everybody ("*"), and says how many.
func (s *Issuer) CloseSessions(ctx context.Context, person string) (int, error) {
	var ids []string
	err := s.Store.View(ctx, func(tx register.Tx) error {
		for after := ""; ; {
			next, err := eachDocument(tx, kindSession, "*", after, 1000, func(d register.Document) error {
				var v storedSession
				if err := json.Unmarshal(d.Data, &v); err != nil {
					return fmt.Errorf("%w: a session", ErrDamaged)
				}
				if person == "*" || v.Person == person {
					ids = append(ids, d.ID)
				}
				return nil
			})
			if err != nil || next == "" {
				return err
			}
			after = next
		}
	})
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := s.dropSession(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

func (s *Issuer) dropSession(ctx context.Context, id string) error {
	return s.Store.Update(ctx, func(tx register.Tx) error {
		var v storedSession
		d, err := readDocument(tx, kindSession, "*", id, &v)
		if errors.Is(err, ErrUnknownDocument) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := tx.DropDocument(kindSession, id); err != nil {
			return err
		}
		return s.As(Staff{Actor: v.Actor, Insurer: d.Owner}).audit(tx, "logout", struct{}{})
	})
}
