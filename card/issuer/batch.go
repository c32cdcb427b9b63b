// One batch of cards on its way: reserve and log, sign, store, emit. It is where crash safety lives.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
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
	job    job // zero when the intent comes from a run that was cut short
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
		cards, refused, err = r.reserve(tx, jobs, nil)
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

// reserve gives each job a place, encodes what will be signed and writes both down. It returns when nothing is signed yet.
// Drafts that were made ahead, and that are still what would be made now, are not made again.
func (r *run) reserve(tx register.Tx, jobs []job, ahead drafts) ([]*pending, []NotIssued, error) {
	made, err := r.placed(tx, jobs, ahead)
	if err != nil {
		return nil, nil, err
	}
	// Encoding is most of the work before signing, and touches nothing shared.
	faults := prepareAll(made)
	var cards []*pending
	var rows []register.Card
	var refused []NotIssued
	for i, p := range made {
		if faults[i] != nil {
			refused = append(refused, NotIssued{Contract: p.card.Contract, Person: p.job.person, Err: faults[i]})
			continue
		}
		cards, rows = append(cards, p), append(rows, p.card)
	}
	if len(cards) == 0 {
		return nil, refused, nil
	}
	if err := addCards(tx, rows); err != nil {
		return nil, nil, err
	}
	return cards, refused, r.log(tx, "issue.log", cards)
}

// issuing is what an insurer's cards are made with in one transaction.
type issuing struct {
	key    cardKey
	at     time.Time
	places []card.Place // one for each card to come
}

// placed gives each job its key and its place.
func (r *run) placed(tx register.Tx, jobs []job, ahead drafts) ([]*pending, error) {
	draw := &drawer{issuer: r.issuer, tx: tx, drawn: map[card.Place]bool{}, lists: map[string]register.List{}}
	with := map[string]*issuing{}
	made := make([]*pending, len(jobs))
	missing := map[string]int{}
	for i, j := range jobs {
		key := j.contract.Key.Insurer
		if with[key] == nil {
			k, at, err := r.keyFor(tx, key)
			if err != nil {
				return nil, err
			}
			with[key] = &issuing{key: k, at: at}
		}
		if made[i] = ahead.usable(j, with[key]); made[i] == nil {
			missing[key]++
		}
	}
	if err := ahead.checkPlaces(draw, made, missing); err != nil {
		return nil, err
	}
	for i, j := range jobs {
		if made[i] != nil {
			continue
		}
		w := with[j.contract.Key.Insurer]
		if len(w.places) == 0 {
			var err error
			if w.places, err = draw.places(j.contract.Key.Insurer, missing[j.contract.Key.Insurer]); err != nil {
				return nil, err
			}
		}
		made[i] = j.pending(w.key, w.at, w.places[0])
		w.places = w.places[1:]
	}
	return made, nil
}

// pending is the card of a job at a place, with nothing encoded yet.
func (j job) pending(key cardKey, at time.Time, place card.Place) *pending {
	return &pending{job: j, key: key, card: register.Card{
		Place: place, Contract: j.contract.Key, Person: j.slot, From: j.contract.From, To: j.contract.To,
		Revision: j.contract.Revision, KID: key.signer.KID(), IssuedAt: at,
		Replaces: j.replaces, ReplacedFrom: j.replacedFrom,
	}}
}

// prepareAll encodes those that are not encoded yet, on all processors, and returns what is wrong with each.
func prepareAll(cards []*pending) []error {
	faults := make([]error, len(cards))
	_ = parallel(len(cards), func(i int) error { // never fails: a card that can't be made stops no other
		if cards[i].draft == nil {
			faults[i] = cards[i].prepare()
		}
		return nil
	})
	return faults
}

// prepare turns the contract into claims and a draft.
func (p *pending) prepare() error {
	claims, err := card.FromContract(p.job.facts, p.card.Place, p.card.IssuedAt, p.job.person)
	if err != nil {
		return err
	}
	draft, err := card.Prepare(claims, p.card.KID)
	if err != nil {
		return err
	}
	// The claims may end before the contract's last day (one person's own dates): the register says what the card says.
	p.card.From, p.card.To = claims.ValidFrom(), claims.ValidTo()
	p.claims, p.draft, p.card.Payload = claims, draft, draft.Payload()
	return nil
}

// logged is what the audit chain says about a batch of sign log entries; Digests lets fsck find an altered log.
type logged struct {
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
	Digests string `json:"digests"` // SHA-256 of the digests, one after the other, hexadecimal
}

// log writes one entry of the sign log for each card, and binds them to the audit chain.
func (r *run) log(tx register.Tx, act string, cards []*pending) error {
	entries := make([]register.SignEntry, len(cards))
	h := sha256.New()
	for i, p := range cards {
		digest := p.digest()
		entries[i] = register.SignEntry{Place: p.card.Place, KID: p.card.KID, Digest: digest, At: r.issuer.now()}
		h.Write(digest[:])
	}
	entries, err := logSigns(tx, entries)
	if err != nil {
		return err
	}
	l := logged{First: entries[0].Seq, Last: entries[len(entries)-1].Seq}
	l.Digests = hex.EncodeToString(h.Sum(nil))
	return r.issuer.audit(tx, act, l)
}

// digest is that of the signing input.
func (p *pending) digest() [sha256.Size]byte {
	if p.draft != nil {
		return p.draft.Digest()
	}
	return sha256.Sum256([]byte(signing.SigningInput(card.Kind, p.card.KID, p.card.Payload)))
}

// finish signs what was logged, stores it, and emits it.
func (r *run) finish(ctx context.Context, cards []*pending) (int, error) {
	stored, signErr, err := r.complete(ctx, cards)
	if err != nil {
		return 0, err
	}
	for i, p := range stored {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if err := r.emit(p.issued()); err != nil {
			return i, errors.Join(signErr, err)
		}
	}
	return len(stored), signErr
}

func (p *pending) issued() Issued {
	return Issued{Place: p.card.Place, Contract: p.card.Contract, Person: p.card.Person, Claims: p.claims, JWS: p.jws, CodeText: p.code}
}

// complete signs what was logged and stores it: what was signed before a fault of the signer is kept, because a signature that
// exists should be in the register. It returns the cards that this run made live, and that fault beside them.
func (r *run) complete(ctx context.Context, cards []*pending) (stored []*pending, signErr, err error) {
	if len(cards) == 0 {
		return nil, nil, nil
	}
	signErr = r.signAll(ctx, cards)
	signed := cards[:0:0]
	for _, p := range cards {
		if p.jws != "" {
			signed = append(signed, p)
		}
	}
	// Also when the caller gave up meanwhile: else a slow key would sign the same cards at each try and never be done.
	stored, err = r.store(context.WithoutCancel(ctx), signed)
	if err != nil {
		return nil, nil, errors.Join(signErr, err)
	}
	return stored, signErr, nil
}

// signAll signs on all processors, each key no faster than it may.
func (r *run) signAll(ctx context.Context, cards []*pending) error {
	return parallel(len(cards), func(i int) error {
		if err := r.issuer.pace(ctx, cards[i].card.KID); err != nil {
			return err
		}
		err := cards[i].sign()
		if cards[i].draft == nil && errors.Is(err, ErrDamaged) {
			cards[i].fault, err = err, nil
		}
		return err
	})
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
