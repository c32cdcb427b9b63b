// Four eyes: what is too much for one person waits for another's consent.

package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// kindApproval: Data is storedApproval; Owner the insurer. It is kept after its decision: it says who agreed to what.
const kindApproval = "approval"

const approvalKept = 400 * 24 * time.Hour

// MaxStatusTargets is how many cards and contracts one change may name.
const MaxStatusTargets = 10_000

// Errors about approvals.
var (
	// ErrSameEyes says that whoever asked can't be the one who agrees.
	ErrSameEyes = errors.New("issuer: another person must decide")
	// ErrDecided says that it was decided, or is over.
	ErrDecided = errors.New("issuer: this was decided already, or is over")
	// ErrDecider says that the credential has not the role that deciding needs.
	ErrDecider = errors.New("issuer: this credential can't decide this")
	// ErrTooMany says that a request names more than one request may.
	ErrTooMany = errors.New("issuer: too many at once")
)

// ApprovalState is what became of a request for consent.
type ApprovalState string

// States of an approval.
const (
	ApprovalOpen     ApprovalState = "open"
	ApprovalAccepted ApprovalState = "accepted"
	ApprovalRefused  ApprovalState = "refused"
	ApprovalExpired  ApprovalState = "expired"
)

// Approval is a request for consent.
type Approval struct {
	ID      string
	Insurer string      // for whose cards
	Act     string      // "void", "suspended", "restored"; "issue" for cards above the day's limit
	Cards   int         // how many it concerns
	From    rights.Date // first day of a change of status
	Class   string
	Asker   string // actors
	Decider string
	Asked   time.Time
	Ends    time.Time
	Decided time.Time
	State   ApprovalState
}

type storedApproval struct {
	Act        string        `json:"act"` // actStatus or actIssue
	Kind       status.Kind   `json:"kind,omitempty"`
	Places     []card.Place  `json:"places,omitempty"`
	Cards      int           `json:"cards"`
	From       rights.Date   `json:"from,omitzero"`
	Class      string        `json:"class,omitempty"`
	Asker      string        `json:"asker"`
	Person     string        `json:"person"`
	Credential string        `json:"credential"`
	Asked      time.Time     `json:"asked"`
	Ends       time.Time     `json:"ends"`
	State      ApprovalState `json:"state"`
	Decider    string        `json:"decider,omitempty"`
	Decided    time.Time     `json:"decided,omitzero"`
}

func (v storedApproval) approval(d register.Document, now time.Time) Approval {
	a := Approval{ID: d.ID, Insurer: d.Owner, Act: v.Act, Cards: v.Cards, From: v.From, Class: v.Class, Asker: v.Asker, Decider: v.Decider,
		Asked: v.Asked, Ends: v.Ends, Decided: v.Decided, State: v.State}
	if v.Act == actStatus {
		a.Act = v.Kind.String()
	}
	if a.State == ApprovalOpen && !now.Before(v.Ends) {
		a.State = ApprovalExpired
	}
	return a
}

// ask stores a request for consent.
func (s *Issuer) ask(tx register.Tx, who Staff, v storedApproval) (Approval, error) {
	id, err := s.draw(12)
	if err != nil {
		return Approval{}, err
	}
	now := s.second()
	v.Asker, v.Person, v.Credential, v.State = who.Actor, who.Person, who.Credential, ApprovalOpen
	v.Asked, v.Ends = now, now.Add(s.Limits.approval())
	d := register.Document{Kind: kindApproval, ID: id, Owner: who.Insurer, Until: v.Ends.Add(approvalKept)}
	if err := writeDocument(tx, d, v); err != nil {
		return Approval{}, err
	}
	a := v.approval(d, now)
	return a, s.As(who).audit(tx, "approval.ask", map[string]any{"approval": id, "act": a.Act, "cards": a.Cards})
}

// Changed is what became of a request: done, or waiting for another person's consent.
type Changed struct {
	Report   *StatusReport // nil while it waits
	Approval *Approval     // nil when it was done
}

// ChangeStatus is SetStatus by staff, for cards of their insurer. What goes over the day's limit of a person is done only
// when another one agrees; nothing of it is done before. done is called in the transaction that stores either.
func (s *Issuer) ChangeStatus(ctx context.Context, who Staff, req StatusRequest, done func(register.Tx, Changed) error) (Changed, error) {
	if len(req.Targets) > MaxStatusTargets {
		return Changed{}, ErrTooMany
	}
	if who.Insurer == "" {
		return Changed{}, ErrUnknownInsurer
	}
	req.Insurer = who.Insurer
	if req.From == 0 {
		req.From = rights.DateAt(s.now()) // what is agreed to later is what was asked for now
	}
	var out Changed
	var wanted []card.Place
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		report, err := s.As(who).changeStatus(tx, req)
		if err != nil {
			return err
		}
		wanted = wanted[:0]
		for _, c := range report.Changes {
			if c.Recorded {
				wanted = append(wanted, c.Place)
			}
		}
		if err := s.spend(tx, who, actStatus, len(wanted)); err != nil {
			return err
		}
		if err := s.journalStates(tx, who, report); err != nil {
			return err
		}
		out = Changed{Report: report}
		return callDone(tx, done, out)
	})
	if errors.Is(err, errOver) {
		if len(wanted) > MaxStatusTargets {
			return Changed{}, ErrTooMany
		}
		err = s.Store.Update(ctx, func(tx register.Tx) error {
			a, err := s.ask(tx, who, storedApproval{Act: actStatus, Kind: req.Kind, Places: wanted, Cards: len(wanted), From: req.From, Class: req.Class})
			if err != nil {
				return err
			}
			out = Changed{Approval: &a}
			return callDone(tx, done, out)
		})
	}
	if err != nil {
		return Changed{}, err
	}
	return out, nil
}

// journalStates writes down the cards of a change that changed nothing about them: whoever asks for that learns their state.
func (s *Issuer) journalStates(tx register.Tx, who Staff, report *StatusReport) error {
	var read []string
	for _, c := range report.Changes {
		if !c.Recorded {
			read = append(read, c.Place.String())
		}
	}
	for part := range slices.Chunk(read, journalledCards) {
		if err := s.As(who).audit(tx, actRead, map[string]any{"cards": part, "what": "state"}); err != nil {
			return err
		}
	}
	return nil
}

// journalledCards is how many cards one entry of the audit chain names.
const journalledCards = 1000

func callDone[V any](tx register.Tx, done func(register.Tx, V) error, v V) error {
	if done == nil {
		return nil
	}
	return done(tx, v)
}

// Decide accepts or refuses. Accepting a change of status makes it, in the same transaction; accepting an issue lets the asker
// issue so many more cards this day. The decider is another person of the same insurer than the asker, whatever credentials
// these two hold.
func (s *Issuer) Decide(ctx context.Context, who Staff, id string, accept bool, done func(register.Tx, Approval) error) (Approval, error) {
	var out Approval
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		var v storedApproval
		d, err := readDocument(tx, kindApproval, who.Insurer, id, &v)
		if err != nil {
			return err
		}
		now := s.second()
		need := RoleRevoke
		if v.Act == actIssue {
			need = RoleIssue
		}
		switch {
		case !who.Has(need):
			return ErrDecider
		case accept && (who.Person == v.Person || who.Credential == v.Credential):
			return ErrSameEyes
		case v.State != ApprovalOpen || !now.Before(v.Ends):
			return ErrDecided
		}
		v.State, v.Decider, v.Decided = ApprovalRefused, who.Actor, now
		if accept {
			v.State = ApprovalAccepted
			if err := s.consent(tx, d, v); err != nil {
				return err
			}
		}
		if err := writeDocument(tx, d, v); err != nil {
			return err
		}
		out = v.approval(d, now)
		if err := callDone(tx, done, out); err != nil {
			return err
		}
		return s.As(who).audit(tx, "approval."+string(v.State), map[string]any{"approval": id, "act": out.Act, "cards": v.Cards, "asker": v.Asker})
	})
	if err != nil {
		return Approval{}, err
	}
	return out, nil
}

// consent does what was agreed to, in the name of who asked.
func (s *Issuer) consent(tx register.Tx, d register.Document, v storedApproval) error {
	if v.Act == actIssue {
		return s.count(tx, d.Owner, v.Person, actIssue, func(sp *spending) error { sp.Granted += v.Cards; return nil })
	}
	req := StatusRequest{Kind: v.Kind, From: v.From, Class: v.Class, Insurer: d.Owner}
	for _, p := range v.Places {
		req.Targets = append(req.Targets, Target{Place: p})
	}
	_, err := s.As(Staff{Actor: v.Asker, Insurer: d.Owner}).changeStatus(tx, req)
	return err
}

// Approvals lists an insurer's requests for consent behind the id after, or those of all ("*").
func (s *Issuer) Approvals(ctx context.Context, insurerKey, after string, limit int) (list []Approval, next string, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		next, err = eachDocument(tx, kindApproval, insurerKey, after, limit, func(d register.Document) error {
			var v storedApproval
			if err := json.Unmarshal(d.Data, &v); err != nil {
				return fmt.Errorf("%w: approval %s", ErrDamaged, d.ID)
			}
			list = append(list, v.approval(d, s.second()))
			return nil
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return list, next, nil
}

// ApprovalOf reads one request for consent and the cards it would change.
func (s *Issuer) ApprovalOf(ctx context.Context, insurerKey, id string) (Approval, []card.Place, error) {
	var v storedApproval
	var d register.Document
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		d, err = readDocument(tx, kindApproval, insurerKey, id, &v)
		return err
	})
	if err != nil {
		return Approval{}, nil, err
	}
	return v.approval(d, s.second()), v.Places, nil
}
