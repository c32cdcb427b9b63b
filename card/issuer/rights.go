// CheckRights: one question of an enrolled counter, answered from the register as it is now, traced before it leaves.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/register"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
)

// Errors of CheckRights.
var (
	// ErrReplayed says that this request was taken before: nothing was answered, and nothing was traced again.
	ErrReplayed = errors.New("issuer: this request was taken before")
	// ErrBusy says that more checks wait than can be stored in time: ask again a little later.
	ErrBusy = errors.New("issuer: too many checks are waiting")
	// ErrStopped says that this server takes no checks any more.
	ErrStopped = errors.New("issuer: no checks are taken any more")
	// ErrQuestion says that the question itself is out of its bounds: domains, person, date of care or request id.
	ErrQuestion = errors.New("issuer: not a lawful question")
	// ErrCounterState says that the counter may not ask: suspended or revoked.
	ErrCounterState = errors.New("issuer: the counter is suspended or revoked")
)

// CheckRequest is one question.
type CheckRequest struct {
	Counter   Counter     // from its credential, as Issuer.Counter gave it
	RequestID string      // of the signed request: 22 characters of base64url; taken once
	Card      string      // code text or compact JWS
	Domains   []string    // 0 to accord.MaxAnswers, the one that matters first; none asks for the card alone
	Care      rights.Date // 0 for today in Paris
	Person    int         // place on the card, 1 to 12; 0 for everybody on it
}

// CheckReport is the answer.
type CheckReport struct {
	JWS     string         // the sealed accord; "" when none was given
	Accord  *accord.Accord // what it says
	Refused string         // reason code of package offline when no accord was given: the card is not authentic
}

// CheckRights answers. When it returns a report, the register holds the trace of it: whoever reads rights is recorded first.
// A crash between the two leaves a trace without an answer; the counter asks again with another id.
// Errors: ErrReplayed, ErrBusy, ErrStopped, ErrQuestion, ErrCounterState, and those of the register and of the key store.
func (s *Issuer) CheckRights(ctx context.Context, q CheckRequest) (*CheckReport, error) {
	now := s.now().UTC()
	if err := q.check(now); err != nil {
		return nil, err
	}
	if q.Counter.State != CounterActive {
		return nil, ErrCounterState
	}
	known, err := s.factsNow(ctx, now)
	if err != nil {
		return nil, err
	}
	// Before anything is promised: an answer that nobody can sign must leave no trace of one.
	signer, err := s.serviceSigner(known, keyAccord, now)
	if err != nil {
		return nil, err
	}
	p := &present{facts: known, now: now}
	reading := offline.Read(p, q.Card)
	if reading.Card() == nil {
		return s.refuse(ctx, q, now, reading.Judge(p, q.query(now, "")))
	}
	a, err := s.answer(ctx, q, p, reading)
	if err != nil {
		return nil, err
	}
	if err := s.commitAccord(ctx, q, now, a); err != nil {
		return nil, err
	}
	token, err := accord.Seal(signer, a)
	if err != nil {
		return nil, fmt.Errorf("issuer: seal an accord: %w", err)
	}
	return &CheckReport{JWS: token, Accord: a}, nil
}

// check holds a question to its bounds and fills what was left out.
func (q *CheckRequest) check(now time.Time) error {
	if q.Care == 0 {
		q.Care = rights.DateAt(now)
	}
	if len(q.Domains) == 0 {
		q.Domains = []string{""}
	}
	id, err := base64.RawURLEncoding.Strict().DecodeString(q.RequestID)
	if err != nil || len(id) != requestIDBytes || len(q.RequestID) != requestIDSize {
		return fmt.Errorf("%w: request id", ErrQuestion)
	}
	if at := q.Care.Midnight().Unix(); at < card.MinTime || at >= card.MaxTime {
		return fmt.Errorf("%w: date of care", ErrQuestion)
	}
	if q.Person < 0 || q.Person > card.MaxPeople {
		return fmt.Errorf("%w: person", ErrQuestion)
	}
	if len(q.Domains) > accord.MaxAnswers {
		return fmt.Errorf("%w: too many domains", ErrQuestion)
	}
	for i, d := range q.Domains {
		if d == "" && len(q.Domains) == 1 {
			continue
		}
		if rights.CheckDomain(d) != nil || slices.Contains(q.Domains[:i], d) {
			return fmt.Errorf("%w: domain", ErrQuestion)
		}
	}
	return nil
}

// query is the question in the terms of the counter's own code.
func (q *CheckRequest) query(now time.Time, domain string) offline.Query {
	return offline.Query{Domain: domain, Person: q.Person, Care: q.Care, Now: now}
}

// row is the trace of a question, before it is known what was answered.
func (q *CheckRequest) row(now time.Time) register.Check {
	return register.Check{Counter: q.Counter.ID, At: now.Truncate(time.Millisecond), Care: q.Care, Domain: q.Domains[0], Person: q.Person}
}

func (s *Issuer) commit(ctx context.Context, q CheckRequest, now time.Time, row register.Check) error {
	until := now.Add(requestLife).Truncate(time.Second)
	return s.living().committer.Commit(ctx, register.Request{Counter: q.Counter.ID, ID: q.RequestID, Until: until}, row)
}

// refuse traces a card that is not authentic. Nothing that it says of itself is believed, so nothing of it is kept.
func (s *Issuer) refuse(ctx context.Context, q CheckRequest, now time.Time, v offline.Verdict) (*CheckReport, error) {
	row := q.row(now)
	row.Status, row.Reason = string(v.Status), string(v.Reason)
	if err := s.commit(ctx, q, now, row); err != nil {
		return nil, err
	}
	return &CheckReport{Refused: string(v.Reason)}, nil
}

// answer says what holds of an authentic card, unsigned and untraced.
func (s *Issuer) answer(ctx context.Context, q CheckRequest, p *present, reading *offline.Reading) (*accord.Accord, error) {
	c := reading.Card()
	insurer, place, at := c.Issuer().Key(), c.Place(), p.now.Truncate(time.Second)
	a := &accord.Accord{Request: q.RequestID, Insurer: insurer, Place: place, KID: c.KID(), Counter: q.Counter.ID, FINESS: q.Counter.FINESS,
		Care: q.Care, Person: q.Person, At: at, Until: reliedUpon(at), Answers: make([]accord.Answer, 0, len(q.Domains))}
	h, err := s.holdingOf(ctx, place)
	if err != nil && !errors.Is(err, register.ErrNotFound) {
		return nil, err
	}
	if err != nil || !wasIssued(h, c) {
		return a, s.notIssued(ctx, q, a, reading, p)
	}
	if p.page, err = pageOf(insurer, place, h.Events, rights.DateAt(p.now)); err != nil {
		return nil, err
	}
	if h.Card.State != register.Live && len(h.Events) == 0 {
		return nil, fmt.Errorf("%w: card %s is %s without an event", ErrDamaged, place, h.Card.State)
	}
	var against *comparison
	if h.Card.Revision != h.Contract.Revision {
		now, err := h.Contract.Rights()
		if err != nil {
			return nil, err
		}
		if against = compare(c.Claims(), now); against != nil {
			a.Changed = against.changed
		}
	}
	for _, domain := range q.Domains {
		query := q.query(p.now, domain)
		v := reading.Judge(p, query)
		if against != nil {
			v = against.judge(v, query, p.page)
		}
		a.Answers = append(a.Answers, answerOf(v, a.Until))
	}
	return a, nil
}

// reliedUpon is until when an accord given at that time need not be asked for again: the end of the day in Paris, and an hour
// at least.
func reliedUpon(at time.Time) time.Time {
	end := (rights.DateAt(at) + 1).Midnight().UTC()
	if hour := at.Add(time.Hour); hour.After(end) {
		return hour
	}
	return end
}

// wasIssued says whether the register holds the very card that was presented: a stolen key can sign any place.
func wasIssued(h register.Holding, c *card.Card) bool {
	k := h.Card
	return k.State != register.Intent && k.KID == c.KID() && k.Contract.Insurer == c.Issuer().Key() &&
		sha256.Sum256([]byte(signing.SigningInput(card.Kind, k.KID, k.Payload))) == c.Digest()
}

// notIssued answers for a card that was never issued under a signature that holds: its key is stolen, or the register was set
// back. Either is an alarm.
func (s *Issuer) notIssued(ctx context.Context, q CheckRequest, a *accord.Accord, reading *offline.Reading, p *present) error {
	for _, domain := range q.Domains {
		v := conclude(reading.Judge(p, q.query(p.now, domain)), offline.NotIssued)
		v.Since, v.Own = 0, false
		a.Answers = append(a.Answers, answerOf(v, a.Until))
	}
	return s.raise(ctx, Alarm{ID: "not-issued-" + a.Insurer + "-" + a.Place.String(), Rule: RuleNotIssued, At: a.At, Counter: a.Counter,
		Card: a.Insurer + "/" + a.Place.String(), Count: 1})
}

// answerOf is one verdict as the accord says it: people by number, and values only of those who are covered.
func answerOf(v offline.Verdict, until time.Time) accord.Answer {
	out := accord.Answer{Domain: v.Domain, Status: string(v.Status), Reason: string(v.Reason), Since: v.Since, Own: v.Own,
		People: make([]accord.PersonValue, len(v.People))}
	for i, p := range v.People {
		out.People[i] = accord.PersonValue{Number: p.Number, Covered: p.Covered}
		if p.Covered {
			out.People[i].Value = p.Value
		}
	}
	if v.Pay != nil {
		out.PayUntil, out.PayEuros = v.Pay.Until.UTC().Truncate(time.Second), v.Pay.Euros
		if out.PayUntil.Before(until) {
			out.PayUntil = until
		}
	}
	return out
}

// drawNumber is how often a number may be taken already: with 2^33 accords given, once in four million.
const drawNumber = 4

// commitAccord gives the accord its number and stores its trace: the answer for the domain that matters first.
func (s *Issuer) commitAccord(ctx context.Context, q CheckRequest, now time.Time, a *accord.Accord) error {
	first := a.Answers[0]
	row := q.row(now)
	row.Insurer, row.Place, row.Status, row.Reason = a.Insurer, a.Place, first.Status, first.Reason
	row.Pay = register.Promise{Until: first.PayUntil, Euros: first.PayEuros}
	var err error
	for range drawNumber {
		var random [7]byte
		if _, err = io.ReadFull(s.random(), random[:]); err != nil {
			return fmt.Errorf("issuer: draw a number: %w", err)
		}
		a.Number = accord.NewNumber(random)
		row.Number = string(a.Number)
		if err = s.commit(ctx, q, now, row); !errors.Is(err, register.ErrConflict) {
			break
		}
	}
	return err
}

const (
	requestIDBytes = 16
	requestIDSize  = 22
	// requestLife is longer than a signed request is believed, either way.
	requestLife = 5 * time.Minute
)

// TraceOf calls each for every check that a counter made after number seq of the trace, oldest first; 0 begins.
func (s *Issuer) TraceOf(ctx context.Context, counter string, seq int64, each func(register.Check) error) error {
	for {
		var page []register.Check
		err := s.Store.View(ctx, func(tx register.Tx) (err error) {
			page, err = tx.ChecksAfter(seq, counter, "", tracePage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, c := range page {
			if err := each(c); err != nil {
				return err
			}
			seq = c.Seq
		}
	}
}

// tracePage is how many rows of the trace are read in one transaction.
const tracePage = 1000
