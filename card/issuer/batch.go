// One batch of cards on its way: reserve and log, sign, store, emit. It is where crash safety lives.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
)

// job is a card to make.
type job struct {
	contract     register.Contract
	facts        rights.Contract
	person       int         // register.Household, or the position in the contract
	slot         int         // register.Card.Person
	replaces     card.Place  // Place{} for none
	replacedFrom rights.Date // first day of the new card, last of the old one
}

// pending is a card between its intent and its emission.
type pending struct {
	card   register.Card
	claims card.Claims
	draft  *card.Draft // nil when the intent comes from a run that was cut short
	key    cardKey
	jws    string
	code   string
	fault  error // an intent of an earlier run that turned out to be no card
}

// run is one Issue or Reprint.
type run struct {
	issuer *Issuer
	keys   *keyCache
	at     time.Time
	fixed  bool // at was asked for: no other time will do
	emit   func(Issued) error
	begun  func(register.Tx, []card.Place) error // see ReprintRequest; nil for none
}

// begin plans one batch and reserves its cards. When it returns, they are intents and logged; nothing is signed.
func (r *run) begin(ctx context.Context, plan func(register.Tx) ([]job, error)) (cards []*pending, refused []NotIssued, err error) {
	err = r.issuer.Store.Update(ctx, func(tx register.Tx) error {
		jobs, err := plan(tx)
		if err != nil || len(jobs) == 0 {
			return err
		}
		cards, refused, err = r.reserve(tx, jobs)
		if err != nil || r.begun == nil {
			return err
		}
		var made []card.Place
		for _, p := range cards {
			made = append(made, p.card.Place)
		}
		return r.begun(tx, made)
	})
	if err != nil {
		return nil, nil, err
	}
	return cards, refused, nil
}

// resume finishes the intents that a crash, or another process at this very moment, left. What another process finishes
// first is left to it: it emits. An intent that can't be finished (its key was retired, it is damaged) is reported and
// stops no other.
func (r *run) resume(ctx context.Context, report *IssueReport) error {
	stuck := map[card.Place]bool{}
	for {
		var cards []*pending
		looked := 0
		err := r.issuer.Store.Update(ctx, func(tx register.Tx) error {
			intents, err := tx.Intents(r.issuer.batch() + len(stuck))
			if err != nil {
				return err
			}
			for _, c := range intents {
				if t := r.issuer.tenant; t != "" && c.Contract.Insurer != t {
					stuck[c.Place] = true // another insurer's: neither theirs to finish nor for their part of the audit chain
				}
				if stuck[c.Place] {
					continue
				}
				looked++
				i, err := insurer(tx, c.Contract.Insurer)
				if err != nil {
					return err
				}
				key, err := r.keyOf(i, c)
				if err != nil {
					stuck[c.Place] = true
					report.Stuck = append(report.Stuck, Unfinished{c.Place, err})
					continue
				}
				cards = append(cards, &pending{card: c, key: key})
			}
			if len(cards) == 0 {
				return nil
			}
			return r.log(tx, "issue.resume", cards)
		})
		if err != nil || looked == 0 {
			return err
		}
		n, err := r.finish(ctx, cards)
		report.Resumed += n
		if err != nil {
			return err
		}
		for _, p := range cards {
			if p.fault != nil {
				stuck[p.card.Place] = true
				report.Stuck = append(report.Stuck, Unfinished{p.card.Place, p.fault})
			}
		}
	}
}

// reserve gives each job a place, encodes what will be signed and writes both down. It returns when nothing is signed yet.
func (r *run) reserve(tx register.Tx, jobs []job) ([]*pending, []NotIssued, error) {
	draw := &drawer{issuer: r.issuer, tx: tx, drawn: map[card.Place]bool{}, lists: map[string]register.List{}}
	drafts := make([]*pending, len(jobs))
	for i, j := range jobs {
		key, at, err := r.keyFor(tx, j.contract.Key.Insurer)
		if err != nil {
			return nil, nil, err
		}
		place, err := draw.place(j.contract.Key.Insurer)
		if err != nil {
			return nil, nil, err
		}
		drafts[i] = &pending{key: key, card: register.Card{
			Place: place, Contract: j.contract.Key, Person: j.slot, From: j.contract.From, To: j.contract.To,
			Revision: j.contract.Revision, KID: key.signer.KID(), IssuedAt: at,
			Replaces: j.replaces, ReplacedFrom: j.replacedFrom,
		}}
	}
	// Encoding is most of the work before signing, and touches nothing shared.
	faults := make([]error, len(jobs))
	err := parallel(len(jobs), func(i int) error {
		faults[i] = drafts[i].prepare(jobs[i])
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	var cards []*pending
	var refused []NotIssued
	for i, p := range drafts {
		if faults[i] != nil {
			refused = append(refused, NotIssued{Contract: p.card.Contract, Person: jobs[i].person, Err: faults[i]})
			continue
		}
		if err := tx.AddCard(p.card); err != nil {
			return nil, nil, err
		}
		cards = append(cards, p)
	}
	if len(cards) == 0 {
		return nil, refused, nil
	}
	return cards, refused, r.log(tx, "issue.log", cards)
}

// prepare turns the contract into claims and a draft.
func (p *pending) prepare(j job) error {
	claims, err := card.FromContract(j.facts, p.card.Place, p.card.IssuedAt, j.person)
	if err != nil {
		return err
	}
	draft, err := card.Prepare(claims, p.card.KID)
	if err != nil {
		return err
	}
	payload, err := payloadOf(draft.SigningInput())
	if err != nil {
		return err
	}
	// The claims may end before the contract's last day (one person's own dates): the register says what the card says.
	p.card.From, p.card.To = claims.ValidFrom(), claims.ValidTo()
	p.claims, p.draft, p.card.Payload = claims, draft, payload
	return nil
}

func payloadOf(signingInput string) ([]byte, error) {
	for i := len(signingInput) - 1; i >= 0; i-- {
		if signingInput[i] == '.' {
			return base64.RawURLEncoding.DecodeString(signingInput[i+1:])
		}
	}
	return nil, fmt.Errorf("%w: signing input without a payload", ErrDamaged)
}

// logged is what the audit chain says about a batch of sign log entries; Digests lets fsck find an altered log.
type logged struct {
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
	Digests string `json:"digests"` // SHA-256 of the digests, one after the other, hexadecimal
}

// log writes one entry of the sign log for each card, and binds them to the audit chain.
func (r *run) log(tx register.Tx, act string, cards []*pending) error {
	h := sha256.New()
	var l logged
	for _, p := range cards {
		digest := sha256.Sum256([]byte(signing.SigningInput(card.Kind, p.card.KID, p.card.Payload)))
		e, err := tx.LogSign(register.SignEntry{Place: p.card.Place, KID: p.card.KID, Digest: digest, At: r.issuer.now()})
		if err != nil {
			return err
		}
		if l.First == 0 {
			l.First = e.Seq
		}
		l.Last = e.Seq
		h.Write(digest[:])
	}
	l.Digests = hex.EncodeToString(h.Sum(nil))
	return r.issuer.audit(tx, act, l)
}

// finish signs what was logged, stores it, and emits it.
func (r *run) finish(ctx context.Context, cards []*pending) (int, error) {
	if len(cards) == 0 {
		return 0, nil
	}
	signErr := parallel(len(cards), func(i int) error {
		err := cards[i].sign()
		if cards[i].draft == nil && errors.Is(err, ErrDamaged) {
			cards[i].fault, err = err, nil
		}
		return err
	})
	signed := cards[:0:0]
	for _, p := range cards {
		if p.jws != "" {
			signed = append(signed, p)
		}
	}
	// What was signed before a fault is kept: a signature that exists should be in the register.
	stored, err := r.store(ctx, signed)
	if err != nil {
		return 0, errors.Join(signErr, err)
	}
	for i, p := range stored {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		err := r.emit(Issued{Place: p.card.Place, Contract: p.card.Contract, Person: p.card.Person, Claims: p.claims, JWS: p.jws, CodeText: p.code})
		if err != nil {
			return i, errors.Join(signErr, err)
		}
	}
	return len(stored), signErr
}

// sign makes the signature; Seal verifies it and reads the whole card back before it returns.
func (p *pending) sign() error {
	if p.draft != nil {
		token, err := p.draft.Seal(p.key.signer)
		if err != nil {
			return fmt.Errorf("issuer: sign card %s: %w", p.card.Place, err)
		}
		p.jws, p.code = token.JWS(), token.CodeText()
		return nil
	}
	// The very bytes that were logged, not an encoding made anew: the encoder may have changed since.
	jws, err := p.key.signer.Seal(p.card.Payload)
	if err != nil {
		return fmt.Errorf("issuer: sign card %s: %w", p.card.Place, err)
	}
	u, err := card.Parse(jws)
	if err != nil {
		return fmt.Errorf("%w: the intent of card %s is no card: %w", ErrDamaged, p.card.Place, err)
	}
	// Of a stolen key: an intent is on its list.
	c, err := u.VerifyListed(p.key.public, func([16]byte) bool { return true })
	if err != nil {
		return fmt.Errorf("%w: the intent of card %s: %w", ErrDamaged, p.card.Place, err)
	}
	if c.Place() != p.card.Place {
		return fmt.Errorf("%w: the intent of card %s is another card's", ErrDamaged, p.card.Place)
	}
	p.jws, p.code, p.claims = jws, u.CodeText(), c.Claims()
	return nil
}

// store makes the cards live, and what they replace replaced. A card that another process finished meanwhile is left out:
// that process emits it.
func (r *run) store(ctx context.Context, cards []*pending) ([]*pending, error) {
	if len(cards) == 0 {
		return nil, nil
	}
	var stored, ended []*pending
	err := r.issuer.Store.Update(ctx, func(tx register.Tx) error {
		var replaced int
		for _, p := range cards {
			now, err := tx.Card(p.card.Place)
			if err != nil {
				return err
			}
			if now.State != register.Intent {
				continue
			}
			parts, err := signing.SplitCompact(p.jws)
			if err != nil {
				return err
			}
			var end *register.Event
			if p.card.Replaces != (card.Place{}) {
				n := 0
				if end, n, err = r.replace(tx, p.card); err != nil {
					return err
				}
				replaced += n
			}
			if err := tx.SealCard(p.card.Place, parts.Signature[:]); err != nil {
				return err
			}
			if end != nil {
				if err := r.inherit(tx, p.card, *end); err != nil {
					return err
				}
				ended = append(ended, p)
				continue
			}
			stored = append(stored, p)
		}
		if len(stored)+len(ended) == 0 {
			return nil
		}
		return r.issuer.audit(tx, "issue.live", struct {
			Cards    int `json:"cards"`
			Replaced int `json:"replaced"`
		}{len(stored) + len(ended), replaced})
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// replace ends the card that this one takes the place of, and counts it. When that card was revoked or suspended since this
// one was begun, it returns the event: it holds for both.
func (r *run) replace(tx register.Tx, c register.Card) (end *register.Event, replaced int, _ error) {
	old, err := tx.Card(c.Replaces)
	if err != nil {
		return nil, 0, err
	}
	if old.State == register.Void || old.State == register.Suspended {
		events, err := tx.EventsOf(old.Place)
		if err != nil {
			return nil, 0, err
		}
		if len(events) == 0 {
			return nil, 0, fmt.Errorf("%w: card %s is %s without an event", ErrDamaged, old.Place, old.State)
		}
		end = &events[len(events)-1]
	}
	if !old.State.Standing() {
		return end, 0, nil
	}
	_, err = tx.AddEvent(register.Event{
		Place: old.Place, Kind: status.Replaced, From: c.ReplacedFrom, Class: "reprint", Actor: r.issuer.Actor, At: r.issuer.now(),
	})
	if err != nil {
		return nil, 0, err
	}
	return end, 1, tx.SetCardState(old.Place, old.State, register.Replaced)
}

// inherit gives a new card the end of the one that it replaces. It is not handed to anyone.
func (r *run) inherit(tx register.Tx, c register.Card, end register.Event) error {
	state := register.Void
	if end.Kind == status.Suspended {
		state = register.Suspended
	}
	_, err := tx.AddEvent(register.Event{Place: c.Place, Kind: end.Kind, From: end.From, Class: end.Class, Actor: r.issuer.Actor, At: r.issuer.now()})
	if err != nil {
		return err
	}
	return tx.SetCardState(c.Place, register.Live, state)
}
