// Counters: invited, enrolled with their own key, suspended, restored, revoked. Each change stands in the audit chain.

package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card/register"
	"sceau/rights"
	"sceau/signing"
)

// CounterState says whether a counter may ask.
type CounterState string

// States of a counter.
const (
	CounterActive    CounterState = "active"
	CounterSuspended CounterState = "suspended" // until it is restored
	CounterRevoked   CounterState = "revoked"   // for ever: its computer enrolls again with another key
)

// Counter is an enrolled device.
type Counter struct {
	ID         string // kid of its request key
	FINESS     string
	Profession string   // code of package offline/counter
	Name       string   // of the establishment, "" for none
	Networks   []string // circuits such as "SP"
	State      CounterState
	JWK        []byte    // its public request key
	Since      time.Time // of the state
	Why        string    // class of the reason of the state, a-z and "-"; never a free text
}

// Errors of counters.
var (
	// ErrUnknownCounter says that no such counter is enrolled.
	ErrUnknownCounter = errors.New("issuer: unknown counter")
	// ErrInvitation says that the code opens no invitation: never given, used, or over. Which of these is not said.
	ErrInvitation = errors.New("issuer: no invitation with this code")
	// ErrKeyTaken says that the key is a counter's already, or one of the operator's or the insurers' own.
	ErrKeyTaken = errors.New("issuer: this key is in use")
	// ErrCounterFacts says that a fact about a counter is out of its form; the text names which one.
	ErrCounterFacts = errors.New("issuer: faulty facts of a counter")
)

// counterKind are documents of this package: id = the counter's, no owner, Data = counterData.
const counterKind = "counter"

type counterData struct {
	FINESS     string          `json:"finess"`
	Profession string          `json:"profession"`
	Name       string          `json:"name,omitempty"`
	Networks   []string        `json:"networks,omitempty"`
	State      CounterState    `json:"state"`
	JWK        json.RawMessage `json:"jwk"`
	Since      time.Time       `json:"since"`
	Why        string          `json:"why,omitempty"`
}

func (c Counter) document(version int64) (register.Document, error) {
	b, err := json.Marshal(counterData{c.FINESS, c.Profession, c.Name, c.Networks, c.State, c.JWK, c.Since.UTC(), c.Why})
	if err != nil {
		return register.Document{}, fmt.Errorf("issuer: counter %s: %w", c.ID, err)
	}
	return register.Document{Kind: counterKind, ID: c.ID, Version: version, Data: b}, nil
}

func readCounter(d register.Document) (Counter, error) {
	var c counterData
	if err := json.Unmarshal(d.Data, &c); err != nil {
		return Counter{}, fmt.Errorf("%w: counter %s", ErrDamaged, d.ID)
	}
	// A counter is its key: a row whose key was exchanged must not speak for another.
	k, err := signing.ParseJWK(c.JWK)
	if err != nil || k.KID != d.ID {
		return Counter{}, fmt.Errorf("%w: key of counter %s", ErrDamaged, d.ID)
	}
	return Counter{d.ID, c.FINESS, c.Profession, c.Name, c.Networks, c.State, []byte(c.JWK), c.Since, c.Why}, nil
}

// Counter reads one counter: ErrUnknownCounter. What it returns is at most a second old, and never older than a change that
// this process made.
func (s *Issuer) Counter(ctx context.Context, id string) (Counter, error) {
	if _, err := signing.KIDBytes(id); err != nil {
		return Counter{}, ErrUnknownCounter
	}
	l := s.living()
	now := s.now()
	c, generation, ok := l.counter(id, now)
	if !ok {
		if err := s.look(ctx, l, now); err != nil {
			return Counter{}, err
		}
		c, generation, ok = l.counter(id, now)
	}
	if ok {
		return c, nil
	}
	err := s.Store.View(ctx, func(tx register.Tx) error {
		d, err := tx.Document(counterKind, id)
		if errors.Is(err, register.ErrNotFound) {
			return ErrUnknownCounter
		}
		if err != nil {
			return err
		}
		c, err = readCounter(d)
		return err
	})
	if err != nil {
		return Counter{}, err
	}
	l.keepCounter(c, generation, now)
	return c, nil
}

// Counters returns at most limit counters whose id comes after the given one in byte order; "" begins.
func (s *Issuer) Counters(ctx context.Context, after string, limit int) ([]Counter, error) {
	if after != "" && !documentID(after) {
		return nil, ErrUnknownDocument
	}
	var out []Counter
	err := s.Store.View(ctx, func(tx register.Tx) error {
		docs, err := tx.DocumentsAfter(counterKind, "*", after, limit)
		if err != nil {
			return err
		}
		for _, d := range docs {
			c, err := readCounter(d)
			if err != nil {
				return err
			}
			out = append(out, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CounterIn reads a counter in a transaction of the caller's. Error: ErrUnknownCounter.
func CounterIn(tx register.Tx, id string) (Counter, error) {
	d, err := tx.Document(counterKind, id)
	if errors.Is(err, register.ErrNotFound) {
		return Counter{}, ErrUnknownCounter
	}
	if err != nil {
		return Counter{}, err
	}
	return readCounter(d)
}

// SuspendCounter keeps a counter from asking until it is restored; why is a class of at most 32 of a-z and "-". Doing it
// again changes nothing. ErrState for a revoked one.
func (s *Issuer) SuspendCounter(ctx context.Context, id, why string) (Counter, error) {
	return s.setCounter(ctx, id, "counter.suspend", why, CounterSuspended)
}

// RestoreCounter lets a suspended counter ask again. ErrState for a revoked one.
func (s *Issuer) RestoreCounter(ctx context.Context, id string) (Counter, error) {
	return s.setCounter(ctx, id, "counter.restore", "", CounterActive)
}

// RevokeCounter ends a counter for ever: its key is never taken again.
func (s *Issuer) RevokeCounter(ctx context.Context, id, why string) (Counter, error) {
	return s.setCounter(ctx, id, "counter.revoke", why, CounterRevoked)
}

func (s *Issuer) setCounter(ctx context.Context, id, act, why string, state CounterState) (Counter, error) {
	if err := checkClass(why); err != nil {
		return Counter{}, err
	}
	return s.changeCounter(ctx, id, act, func(_ register.Tx, c *Counter) (bool, error) {
		return c.move(state, why, s.now())
	})
}

// move changes the state; false when it is so already.
func (c *Counter) move(state CounterState, why string, now time.Time) (bool, error) {
	if c.State == state {
		return false, nil
	}
	if c.State == CounterRevoked {
		return false, fmt.Errorf("%w: counter %s is revoked", ErrState, c.ID)
	}
	c.State, c.Why, c.Since = state, why, now.UTC().Truncate(time.Second)
	return true, nil
}

// RenameCounter changes the displayed name of a counter's establishment; "" removes it.
func (s *Issuer) RenameCounter(ctx context.Context, id, name string) (Counter, error) {
	if err := checkCounterName(name); err != nil {
		return Counter{}, err
	}
	return s.changeCounter(ctx, id, "counter.rename", func(_ register.Tx, c *Counter) (bool, error) {
		changed := c.Name != name
		c.Name = name
		return changed, nil
	})
}

// changeCounter changes one counter with its audit entry; change says whether anything was.
func (s *Issuer) changeCounter(ctx context.Context, id, act string, change func(register.Tx, *Counter) (bool, error)) (Counter, error) {
	var c Counter
	err := s.Store.Update(ctx, func(tx register.Tx) (err error) {
		c, err = s.changeCounterIn(tx, id, act, change)
		return err
	})
	// Also after an error: of a lost connection nobody knows whether it was stored.
	s.living().forgetCounter(id)
	if err != nil {
		return Counter{}, err
	}
	return c, nil
}

func (s *Issuer) changeCounterIn(tx register.Tx, id, act string, change func(register.Tx, *Counter) (bool, error)) (Counter, error) {
	d, err := tx.Document(counterKind, id)
	if errors.Is(err, register.ErrNotFound) {
		return Counter{}, ErrUnknownCounter
	}
	if err != nil {
		return Counter{}, err
	}
	c, err := readCounter(d)
	if err != nil {
		return Counter{}, err
	}
	changed, err := change(tx, &c)
	if err != nil || !changed {
		return c, err
	}
	next, err := c.document(d.Version + 1)
	if err != nil {
		return Counter{}, err
	}
	if err := tx.PutDocument(next); err != nil {
		return Counter{}, err
	}
	return c, s.audit(tx, act, map[string]string{"counter": id, "why": c.Why})
}

const (
	maxCounterName = 80
	maxNetworks    = 16
)

func checkCounterName(name string) error {
	if name != "" && (len(name) > maxCounterName || rights.CheckNote(name) != nil) {
		return fmt.Errorf("%w: name", ErrCounterFacts)
	}
	return nil
}

// checkFacts holds what an operator says of a counter to its form; returns a warning of the FINESS.
func checkFacts(finess, profession, name string, networks []string) (warning string, err error) {
	warning, err = rights.CheckFINESS(finess)
	if err != nil {
		return "", fmt.Errorf("%w: finess: %w", ErrCounterFacts, err)
	}
	ok := len(profession) >= 2 && len(profession) <= 32
	for _, c := range profession {
		ok = ok && (c >= 'a' && c <= 'z' || c == '-')
	}
	if !ok {
		return "", fmt.Errorf("%w: profession", ErrCounterFacts)
	}
	if err := checkCounterName(name); err != nil {
		return "", err
	}
	if len(networks) > maxNetworks {
		return "", fmt.Errorf("%w: networks", ErrCounterFacts)
	}
	for i, n := range networks {
		if rights.CheckConvention(n) != nil || slices.Contains(networks[:i], n) {
			return "", fmt.Errorf("%w: networks", ErrCounterFacts)
		}
	}
	return warning, nil
}
