// With which operators' services the counter is enrolled, and the key that it signs its questions with: one for each, never
// the journal's own.

package mirror

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"sceau/signing"
	"sceau/signing/trust"
)

var (
	// ErrEnrolled: the counter is enrolled with that operator already.
	ErrEnrolled = errors.New("mirror: already enrolled")
	// ErrNotEnrolled: the counter is not enrolled with that operator.
	ErrNotEnrolled = errors.New("mirror: not enrolled")
	// ErrEnrolmentKey: the key of an enrolment can't be opened by this user on this computer. Enrol again.
	ErrEnrolmentKey = errors.New("mirror: key of the enrolment can't be opened")
)

// Enrolment is one operator's service that this counter may ask.
type Enrolment struct {
	Root      string    // fingerprint of the operator's repository, as it is shown
	Address   string    // of the service
	Counter   string    // id of this counter there
	PublicJWK []byte    // of the key that signs its requests
	Since     time.Time // seconds, UTC
	Facts     EnrolmentFacts
}

// EnrolmentFacts are what the operator said of the counter.
type EnrolmentFacts struct {
	FINESS     string   `json:"finess,omitempty"`
	Profession string   `json:"profession,omitempty"`
	Networks   []string `json:"networks,omitempty"`
	Name       string   `json:"name,omitempty"`
	CA         string   `json:"ca,omitempty"` // file with the certificates that the service's may be signed by, besides the system's
}

// Enrolments returns those that are finished, in the order in which they were begun.
func (b *Book) Enrolments(ctx context.Context) ([]Enrolment, error) {
	out := []Enrolment{}
	err := b.read(ctx, func(c *sql.Conn) error {
		if ok, err := linked(ctx, c); !ok || err != nil {
			return err
		}
		rows, err := c.QueryContext(ctx, "SELECT root, address, counter, public, facts, since FROM enrolment WHERE state = 'active' ORDER BY id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e Enrolment
			var facts []byte
			var since int64
			if err := rows.Scan(&e.Root, &e.Address, &e.Counter, &e.PublicJWK, &facts, &since); err != nil {
				return err
			}
			e.Since = time.Unix(since, 0).UTC()
			if json.Unmarshal(facts, &e.Facts) != nil {
				return damaged("enrolment")
			}
			out = append(out, e)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pending stands for the root that is not known before the service answered.
func pending(address string) string { return "pending " + address }

// BeginEnrolment makes the key for a service at an address and keeps it before anything is sent: whatever is cut, the key
// that the service was told is still here, and the next call returns it again. Errors are of ErrNotRecorded.
func (b *Book) BeginEnrolment(ctx context.Context, address string, kind signing.Kind) (*signing.Signer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var signer *signing.Signer
	err := b.write(ctx, func(c *sql.Conn) error {
		var public, sealed []byte
		err := c.QueryRowContext(ctx, "SELECT public, key FROM enrolment WHERE root = ?", pending(address)).Scan(&public, &sealed)
		if err == nil {
			if signer, err = openSigner(kind, public, sealed); err == nil {
				return nil
			}
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if signer, public, sealed, err = newSigner(kind); err != nil {
			return err
		}
		_, err = c.ExecContext(ctx, `INSERT INTO enrolment (root, address, counter, state, public, key, facts, since) VALUES (?, ?, '', 'pending', ?, ?, x'7b7d', ?)
			ON CONFLICT (root) DO UPDATE SET public = excluded.public, key = excluded.key, since = excluded.since`,
			pending(address), address, public, sealed, b.now().Unix())
		return err
	})
	if err != nil {
		return nil, err
	}
	return signer, nil
}

// FinishEnrolment makes what BeginEnrolment began at begun an enrolment: ErrEnrolled when there is one with that operator,
// ErrNotEnrolled when nothing was begun, else of ErrNotRecorded.
func (b *Book) FinishEnrolment(ctx context.Context, begun string, e Enrolment) error {
	facts, err := json.Marshal(e.Facts)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var refused error
	err = b.write(ctx, func(c *sql.Conn) error {
		refused = nil
		var id int64
		var public, sealed []byte
		err := c.QueryRowContext(ctx, "SELECT id, public, key FROM enrolment WHERE root = ? AND state = 'pending'", pending(begun)).Scan(&id, &public, &sealed)
		if errors.Is(err, sql.ErrNoRows) {
			refused = ErrNotEnrolled
			return nil
		}
		if err != nil {
			return err
		}
		old, state, err := enrolmentOf(ctx, c, e.Root)
		if err != nil {
			return err
		}
		if state == "active" {
			refused = ErrEnrolled
			return nil
		}
		if old != 0 { // was removed: what it answered then stays its answer
			if _, err := c.ExecContext(ctx, "DELETE FROM enrolment WHERE id = ?", id); err != nil {
				return err
			}
			id = old
		}
		_, err = c.ExecContext(ctx, "UPDATE enrolment SET root = ?, address = ?, counter = ?, state = 'active', public = ?, key = ?, facts = ?, since = ? WHERE id = ?",
			e.Root, e.Address, e.Counter, public, sealed, facts, b.now().Unix(), id)
		return err
	})
	return errors.Join(err, refused)
}

// RemoveEnrolment forgets the key and the address of an enrolment; the answers that its service gave stay. ErrNotEnrolled.
func (b *Book) RemoveEnrolment(ctx context.Context, root string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := false
	err := b.write(ctx, func(c *sql.Conn) error {
		id, state, err := enrolmentOf(ctx, c, root)
		if err != nil {
			return err
		}
		if found = state == "active"; !found {
			return nil
		}
		if _, err := c.ExecContext(ctx, "DELETE FROM upload WHERE enrolment = ?", id); err != nil {
			return err
		}
		_, err = c.ExecContext(ctx, "UPDATE enrolment SET state = 'removed', key = NULL, counter = '', address = '', facts = x'7b7d' WHERE id = ?", id)
		return err
	})
	if err == nil && !found {
		return ErrNotEnrolled
	}
	return err
}

// enrolmentOf finds a row by a fingerprint, however that is spelled; 0 when there is none.
func enrolmentOf(ctx context.Context, c *sql.Conn, root string) (id int64, state string, err error) {
	rows, err := c.QueryContext(ctx, "SELECT id, root, state FROM enrolment WHERE state <> 'pending'")
	if err != nil {
		return 0, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var one int64
		var have, is string
		if err := rows.Scan(&one, &have, &is); err != nil {
			return 0, "", err
		}
		if trust.SameFingerprint(have, root) {
			id, state = one, is
		}
	}
	return id, state, rows.Err()
}

// EnrolmentSigner opens the key of an enrolment: ErrNotEnrolled, ErrEnrolmentKey.
func (b *Book) EnrolmentSigner(ctx context.Context, root string, kind signing.Kind) (*signing.Signer, error) {
	var public, sealed []byte
	found := false
	err := b.read(ctx, func(c *sql.Conn) error {
		if ok, err := linked(ctx, c); !ok || err != nil {
			return err
		}
		id, state, err := enrolmentOf(ctx, c, root)
		if found = state == "active"; !found || err != nil {
			return err
		}
		return c.QueryRowContext(ctx, "SELECT public, key FROM enrolment WHERE id = ?", id).Scan(&public, &sealed)
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotEnrolled
	}
	return openSigner(kind, public, sealed)
}

func newSigner(kind signing.Kind) (s *signing.Signer, public, sealed []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, nil, err
	}
	if sealed, err = sealKey(der); err != nil {
		return nil, nil, nil, err
	}
	if s, err = signing.NewSigner(kind, key); err != nil {
		return nil, nil, nil, err
	}
	return s, s.Public().JWK(), sealed, nil
}

// openSigner opens a stored key. The error is ErrEnrolmentKey.
func openSigner(kind signing.Kind, public, sealed []byte) (*signing.Signer, error) {
	if len(sealed) == 0 {
		return nil, ErrEnrolmentKey
	}
	der, err := openKey(sealed)
	if err != nil {
		return nil, ErrEnrolmentKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, ErrEnrolmentKey
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, ErrEnrolmentKey
	}
	s, err := signing.NewSigner(kind, key)
	if err != nil || !bytes.Equal(s.Public().JWK(), public) {
		return nil, ErrEnrolmentKey
	}
	return s, nil
}
