// Once: the same request with the same key is done once, whoever dies meanwhile, and answered alike.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sceau/card/register"
)

// kindOnce: Data is storedOnce; ID a digest of credential and key; Owner the insurer. Answers hold no person and no secret.
const kindOnce = "idempotency"

const (
	onceKept  = 24 * time.Hour
	onceLease = 60 * time.Second // how long a request is believed to be at work
	onceWork  = 45 * time.Second // how long it may be: well within its lease
)

// Errors of Once.
var (
	// ErrKeyReuse says that the key came with another request before.
	ErrKeyReuse = errors.New("issuer: the idempotency key belongs to another request")
	// ErrRunning says that the same request is being worked on.
	ErrRunning = errors.New("issuer: the same request is being worked on")
	// ErrKeyForm says that a key is not 8 to 128 printable characters.
	ErrKeyForm = errors.New("issuer: an idempotency key has 8 to 128 printable characters")
)

type storedOnce struct {
	Request string          `json:"request"` // digest of route and body
	Attempt string          `json:"attempt"` // who works on it: whoever finds another was overtaken, and stores nothing
	Done    bool            `json:"done,omitempty"`
	Lease   time.Time       `json:"lease,omitzero"`
	Note    json.RawMessage `json:"note,omitempty"` // what was begun
	Answer  json.RawMessage `json:"answer,omitempty"`
}

// Ticket is one request at work. A nil *Ticket remembers nothing: for programs that need no repetition.
type Ticket struct {
	issuer  *Issuer
	id      string
	owner   string
	attempt string
	note    json.RawMessage
}

// RequestDigest binds a key to a request.
func RequestDigest(route string, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(route), route)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// Once does work for a key of a credential, and returns the answer that work gave to Done, or gave when it was first done
// (again). Work must call Done in the last transaction of what it does; work of several transactions calls Note in the
// first, and begins by looking at Noted: it is how the next attempt finds what a dead one did. Work that fails before its
// first Note may be sent again with the same key.
func (s *Issuer) Once(ctx context.Context, who Staff, key, request string, work func(context.Context, *Ticket) error) (answer json.RawMessage, again bool, err error) {
	if len(key) < 8 || !documentID(key) {
		return nil, false, ErrKeyForm
	}
	t := &Ticket{issuer: s, id: digestOf(who.Credential, key), owner: who.Insurer}
	if t.attempt, err = s.draw(9); err != nil {
		return nil, false, err
	}
	var stored storedOnce
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		now := s.second()
		stored = storedOnce{}
		d, err := readDocument(tx, kindOnce, who.Insurer, t.id, &stored)
		switch {
		case errors.Is(err, ErrUnknownDocument):
			d = register.Document{Kind: kindOnce, ID: t.id, Owner: who.Insurer}
			stored = storedOnce{Request: request}
		case err != nil:
			return err
		case !now.Before(d.Until):
			stored = storedOnce{Request: request}
		case stored.Request != request:
			return ErrKeyReuse
		case stored.Done:
			return nil
		case now.Before(stored.Lease):
			return ErrRunning
		}
		stored.Attempt, stored.Lease, d.Until = t.attempt, now.Add(onceLease), now.Add(onceKept)
		t.note = stored.Note
		return writeDocument(tx, d, stored)
	})
	if err != nil {
		return nil, false, err
	}
	if stored.Done {
		return stored.Answer, true, nil
	}
	limited, cancel := context.WithTimeout(ctx, onceWork)
	defer cancel()
	if err := work(limited, t); err != nil {
		t.release(context.WithoutCancel(ctx), err)
		return nil, false, err
	}
	err = s.Store.View(ctx, func(tx register.Tx) error {
		_, err := readDocument(tx, kindOnce, who.Insurer, t.id, &stored)
		if err == nil && !stored.Done {
			err = errors.New("issuer: a request ended without its answer")
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return stored.Answer, false, nil
}

// change writes the ticket's document in the transaction of the work.
func (t *Ticket) change(tx register.Tx, fn func(*storedOnce)) error {
	var stored storedOnce
	d, err := readDocument(tx, kindOnce, t.owner, t.id, &stored)
	if err != nil {
		return err
	}
	if stored.Attempt != t.attempt || stored.Done {
		return ErrRunning
	}
	fn(&stored)
	return writeDocument(tx, d, stored)
}

// release lets the next attempt begin at once. Nothing is forgotten of work that was begun, or that may have been stored.
func (t *Ticket) release(ctx context.Context, why error) {
	_ = t.issuer.Store.Update(ctx, func(tx register.Tx) error { // else the lease ends by itself
		var stored storedOnce
		d, err := readDocument(tx, kindOnce, t.owner, t.id, &stored)
		if err != nil || stored.Attempt != t.attempt || stored.Done {
			return err
		}
		if stored.Note == nil && !errors.Is(why, register.ErrOutcomeUnknown) {
			return tx.DropDocument(kindOnce, t.id)
		}
		stored.Lease = time.Time{}
		return writeDocument(tx, d, stored)
	})
}

// Done stores the answer together with the work.
func (t *Ticket) Done(tx register.Tx, answer any) error {
	if t == nil {
		return nil
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("issuer: encode an answer: %w", err)
	}
	return t.change(tx, func(v *storedOnce) { v.Done, v.Answer, v.Note = true, b, nil })
}

// Note stores what was begun together with its beginning.
func (t *Ticket) Note(tx register.Tx, v any) error {
	if t == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("issuer: encode a note: %w", err)
	}
	return t.change(tx, func(o *storedOnce) { o.Note = b })
}

// Noted reads what an attempt that died had begun; false when nothing.
func (t *Ticket) Noted(v any) (bool, error) {
	if t == nil || t.note == nil {
		return false, nil
	}
	if err := json.Unmarshal(t.note, v); err != nil {
		return false, fmt.Errorf("%w: the note of a request", ErrDamaged)
	}
	return true, nil
}
