// Root ceremonies: a new root is drafted, signed by several holders at different times, and put in force.

package issuer

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/trust"
)

// Errors of ceremonies.
var (
	// ErrUnknownCeremony says that no ceremony has this id.
	ErrUnknownCeremony = errors.New("issuer: unknown ceremony")
	// ErrCeremonyOver says that the ceremony was finished or given up.
	ErrCeremonyOver = errors.New("issuer: the ceremony is over")
	// ErrCeremonyOpen says that another ceremony is under way: finish it or give it up.
	ErrCeremonyOpen = errors.New("issuer: another ceremony is under way")
	// ErrUnsigned says that signatures are still missing.
	ErrUnsigned = errors.New("issuer: signatures are still missing")
	// ErrNoHolder says that a medium holds no root key that may sign this draft.
	ErrNoHolder = errors.New("issuer: no key of this medium may sign the draft")
	// ErrDraft says that what came back is not the draft of this ceremony with more signatures: altered, or another one's.
	ErrDraft = errors.New("issuer: not the draft of this ceremony")
	// ErrPlan says that a root can't be like this.
	ErrPlan = errors.New("issuer: not a possible root")
	// ErrStale says that another root came into force since the draft was made: give the ceremony up and begin anew.
	ErrStale = errors.New("issuer: the draft follows a root that is no longer in force")
)

// Why a root is changed.
const (
	WhyRotation = "rotation"
	WhyRenewal  = "renewal"
	WhyLoss     = "loss"
	WhyTheft    = "theft"
)

// RootPlan says what the next root changes. The zero plan keeps all keys and only moves the expiry.
type RootPlan struct {
	Why string // "" means WhyRotation
	// Holders get a new root key each, one medium each. The keys that Leave names go; nil means all of today's when there are
	// Holders, none otherwise.
	Holders   []Keys
	Leave     []string // kids of root keys
	Threshold int      // 0 keeps it
	// The keys that are replaced. New ones are made in Offline (targets) and Online (the others).
	Targets, Snapshot, Timestamp bool
}

// States of a ceremony.
const (
	CeremonyOpen      = "open"
	CeremonyPublished = "published"
	CeremonyAbandoned = "abandoned"
)

// RootCeremony is where a ceremony stands.
type RootCeremony struct {
	ID      string
	Why     string
	State   string
	Created time.Time
	Number  int64  // version of the new root
	Root    []byte // in force when it began
	Draft   []byte // with the signatures made so far: the file that holders sign, see trust.SignRoot
	// Before and After are who signs for each role: role → kids. The thresholds are those of the root role.
	Before, After                   map[string][]string
	ThresholdBefore, ThresholdAfter int
	Signed                          []string // kids of root keys that signed the draft
	MissingOld, MissingNew          int      // signatures still missing by the root in force, and by the new one
	Steps                           []CeremonyStep
	Version                         int64 // publication that put it in force; 0 before
	Warnings                        []string
}

// Ready says that no signature is missing.
func (c *RootCeremony) Ready() bool { return c.MissingOld == 0 && c.MissingNew == 0 }

// replaces says whether the ceremony gives all roles of a plan other keys, and leaves the root's holders as they are: who stole
// online keys may have begun one that puts his own among them.
func (c *RootCeremony) replaces(p RootPlan) bool {
	if !slices.Equal(c.Before[trust.RoleRoot], c.After[trust.RoleRoot]) || c.ThresholdBefore != c.ThresholdAfter {
		return false
	}
	for role, wanted := range map[string]bool{trust.RoleTargets: p.Targets, trust.RoleSnapshot: p.Snapshot, trust.RoleTimestamp: p.Timestamp} {
		if wanted && slices.Equal(c.Before[role], c.After[role]) {
			return false
		}
	}
	return true
}

// CeremonyStep is one thing that was done.
type CeremonyStep struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // begun, signed, signature received, published, abandoned
	KID  string    `json:"kid,omitempty"`
	Who  string    `json:"who"` // Issuer.Actor; of a signature that was received, who took it in
	// Where is the place of the key that signed, for one that can say where it is.
	Where string `json:"where,omitempty"`
}

// ceremonyKind are documents of this file: id = RootCeremony.ID, owner "", data a ceremonyData.
const ceremonyKind = "ceremony"

type ceremonyData struct {
	Why     string         `json:"why"`
	State   string         `json:"state"`
	Draft   []byte         `json:"draft"`
	Steps   []CeremonyStep `json:"steps"`
	Version int64          `json:"version,omitempty"`
}

func (d *ceremonyData) ceremony(id string) (*RootCeremony, error) {
	c := &RootCeremony{ID: id, Why: d.Why, State: d.State, Draft: d.Draft, Steps: d.Steps, Version: d.Version,
		Before: map[string][]string{}, After: map[string][]string{}}
	review, err := trust.ReviewRoot(d.Draft)
	if err != nil {
		return nil, fmt.Errorf("%w: draft of ceremony %s: %w", ErrDamaged, id, err)
	}
	if c.Root, _, err = trust.ParseRootDraft(d.Draft); err != nil {
		return nil, fmt.Errorf("%w: draft of ceremony %s: %w", ErrDamaged, id, err)
	}
	if len(d.Steps) > 0 {
		c.Created = d.Steps[0].At
	}
	for role, keys := range review.Present.Keys {
		c.Before[role] = kids(keys)
	}
	for role, keys := range review.Next.Keys {
		c.After[role] = kids(keys)
	}
	c.Number, c.Signed = review.Next.Version, kids(review.Next.Signed)
	c.ThresholdBefore, c.ThresholdAfter = review.Present.Thresholds[trust.RoleRoot], review.Next.Thresholds[trust.RoleRoot]
	c.MissingOld, c.MissingNew = review.MissingOld, review.MissingNext
	return c, nil
}

func kids(keys []*ecdsa.PublicKey) []string {
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		out = append(out, signing.KID(k))
	}
	return out
}

func (s *Issuer) step(what, kid string) CeremonyStep {
	return CeremonyStep{At: s.now().UTC().Truncate(time.Second), What: what, KID: kid, Who: s.Actor}
}

func readCeremony(tx register.Documents, id string) (register.Document, ceremonyData, error) {
	var d ceremonyData
	doc, err := tx.Document(ceremonyKind, id)
	if errors.Is(err, register.ErrNotFound) {
		return doc, d, fmt.Errorf("%w: %.40q", ErrUnknownCeremony, id)
	}
	if err != nil {
		return doc, d, err
	}
	if err := json.Unmarshal(doc.Data, &d); err != nil {
		return doc, d, fmt.Errorf("%w: ceremony %s", ErrDamaged, id)
	}
	return doc, d, nil
}

func putCeremony(tx register.Documents, id string, version int64, d ceremonyData) error {
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("issuer: ceremony: %w", err)
	}
	return tx.PutDocument(register.Document{Kind: ceremonyKind, ID: id, Version: version, Data: b})
}

// Ceremony returns one ceremony, or ErrUnknownCeremony.
func (s *Issuer) Ceremony(ctx context.Context, id string) (*RootCeremony, error) {
	var d ceremonyData
	err := s.Store.View(ctx, func(tx register.Tx) (err error) { _, d, err = readCeremony(tx, id); return err })
	if err != nil {
		return nil, err
	}
	return d.ceremony(id)
}

// Ceremonies returns all, oldest first.
func (s *Issuer) Ceremonies(ctx context.Context) ([]RootCeremony, error) {
	var out []RootCeremony
	err := s.Store.View(ctx, func(tx register.Tx) error {
		for after, more := "", true; more; {
			docs, err := tx.DocumentsAfter(ceremonyKind, "", after, 100)
			if err != nil {
				return err
			}
			more = len(docs) == 100
			for _, doc := range docs {
				after = doc.ID
				var d ceremonyData
				if err := json.Unmarshal(doc.Data, &d); err != nil {
					return fmt.Errorf("%w: ceremony %s", ErrDamaged, doc.ID)
				}
				c, err := d.ceremony(doc.ID)
				if err != nil {
					return err
				}
				out = append(out, *c)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b RootCeremony) int { return a.Created.Compare(b.Created) })
	return out, nil
}

// BeginRoot makes the new keys of a plan and drafts the next root, unsigned. Nothing that is published changes before FinishRoot.
// A crash before it returns leaves keys that nothing names. Errors: ErrCeremonyOpen, ErrPlan, ErrUnknownKey for one in Leave,
// ErrNoOfflineKeys, and those of the key stores.
func (s *Issuer) BeginRoot(ctx context.Context, p RootPlan) (*RootCeremony, error) {
	if p.Why == "" {
		p.Why = WhyRotation
	}
	if !slices.Contains([]string{WhyRotation, WhyRenewal, WhyLoss, WhyTheft}, p.Why) {
		return nil, fmt.Errorf("%w: nobody changes a root for %.20q", ErrPlan, p.Why)
	}
	e, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.noneOpen(ctx); err != nil {
		return nil, err
	}
	now := s.now().UTC().Truncate(time.Second)
	change, err := s.rootChange(e, p)
	if err != nil {
		return nil, err
	}
	draft, err := e.repo.DraftRoot(now, change)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	d := ceremonyData{Why: p.Why, State: CeremonyOpen, Draft: draft, Steps: []CeremonyStep{s.step("begun", "")}}
	id := fmt.Sprintf("root-%d", e.current.RootVersion()+1)
	c, err := d.ceremony(id)
	if err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		if err := openCeremony(tx); err != nil {
			return err
		}
		for n := 2; ; n++ { // others of this number were given up
			if _, err := tx.Document(ceremonyKind, c.ID); errors.Is(err, register.ErrNotFound) {
				break
			} else if err != nil {
				return err
			}
			c.ID = fmt.Sprintf("%s.%d", id, n)
		}
		if err := putCeremony(tx, c.ID, 1, d); err != nil {
			return err
		}
		return s.audit(tx, "ceremony.begin", map[string]string{"ceremony": c.ID, "why": p.Why})
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Issuer) noneOpen(ctx context.Context) error {
	return s.Store.View(ctx, openCeremony)
}

// openCeremony refuses when one is under way.
func openCeremony(tx register.Tx) error {
	for after := ""; ; {
		docs, err := tx.DocumentsAfter(ceremonyKind, "", after, 100)
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, doc := range docs {
			after = doc.ID
			var d ceremonyData
			if err := json.Unmarshal(doc.Data, &d); err != nil {
				return fmt.Errorf("%w: ceremony %s", ErrDamaged, doc.ID)
			}
			if d.State == CeremonyOpen {
				return fmt.Errorf("%w: %s", ErrCeremonyOpen, doc.ID)
			}
		}
	}
}
