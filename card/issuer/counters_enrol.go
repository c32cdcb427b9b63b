// Invite and Enrol: how a computer becomes a counter.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/register"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
)

// InviteRequest says whom an invitation is for.
type InviteRequest struct {
	FINESS     string
	Profession string
	Name       string // of the establishment, "" for none
	Networks   []string
	Hours      int    // how long the code can be used, 1 to MaxInviteHours; 0 means 48
	Address    string // of the service, as the counter reaches it
}

// MaxInviteHours bounds the life of an invitation.
const MaxInviteHours = 14 * 24

// Invited is a new invitation. The code is shown once, to the person who asked for it: the register keeps only its digest.
type Invited struct {
	Invitation accord.Invitation
	Until      time.Time
	Warning    string // about the FINESS or the networks, in French; "" for none
}

// EnrolRequest is a computer that holds a code.
type EnrolRequest struct {
	Code string // as typed, or accord.CodeText of a scanned one
	// Key is the computer's new request key, of assertion.Kind: the caller has opened a request with it that was signed for
	// this enrolment, and checked it, which proves that the computer holds the private half.
	Key       *signing.PublicKey
	RequestID string // of that request
}

// invitationKind are documents of this package: id = digest of the code in hexadecimal, no owner, Data = invitationData,
// dropped when used or over.
const invitationKind = "invitation"

type invitationData struct {
	FINESS     string   `json:"finess"`
	Profession string   `json:"profession"`
	Name       string   `json:"name,omitempty"`
	Networks   []string `json:"networks,omitempty"`
}

// codeDigest is all that is kept of a code. It has 80 random bits, so that its digest can't be searched.
func codeDigest(code [10]byte) string {
	sum := sha256.Sum256(append([]byte("sceau-invitation-1\x00"), code[:]...))
	return hex.EncodeToString(sum[:])
}

// Invite makes a one-time code for one establishment. ErrCounterFacts names what is faulty.
func (s *Issuer) Invite(ctx context.Context, r InviteRequest) (*Invited, error) {
	warning, err := checkFacts(r.FINESS, r.Profession, r.Name, r.Networks)
	if err != nil {
		return nil, err
	}
	if len(s.Professions) > 0 && !slices.Contains(s.Professions, r.Profession) {
		return nil, fmt.Errorf("%w: profession: one of %s", ErrCounterFacts, strings.Join(s.Professions, ", "))
	}
	warning = strings.Join(slices.DeleteFunc([]string{warning, s.strangeNetworks(r.Networks)}, func(w string) bool { return w == "" }), " ; ")
	if r.Hours == 0 {
		r.Hours = 48
	}
	if r.Hours < 1 || r.Hours > MaxInviteHours {
		return nil, fmt.Errorf("%w: hours", ErrCounterFacts)
	}
	now := s.now().UTC().Truncate(time.Second)
	out := &Invited{Invitation: accord.Invitation{Address: r.Address}, Until: now.Add(time.Duration(r.Hours) * time.Hour), Warning: warning}
	if _, err := io.ReadFull(s.random(), out.Invitation.Code[:]); err != nil {
		return nil, fmt.Errorf("issuer: invite: %w", err)
	}
	if _, err := out.Invitation.Text(); err != nil {
		return nil, fmt.Errorf("%w: address", ErrCounterFacts)
	}
	data, err := json.Marshal(invitationData{r.FINESS, r.Profession, r.Name, r.Networks})
	if err != nil {
		return nil, fmt.Errorf("issuer: invite: %w", err)
	}
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		root, err := tx.File(rootPath)
		if errors.Is(err, register.ErrNotFound) {
			return fmt.Errorf("%w: never initialised", ErrDamaged)
		}
		if err != nil {
			return err
		}
		out.Invitation.Root = sha256.Sum256(root)
		if _, err := tx.DropDocuments(invitationKind, now); err != nil {
			return err
		}
		d := register.Document{Kind: invitationKind, ID: codeDigest(out.Invitation.Code), Version: 1, Until: out.Until, Data: data}
		if err := tx.PutDocument(d); err != nil {
			return err
		}
		return s.audit(tx, "counter.invite", map[string]any{"finess": r.FINESS, "profession": r.Profession, "hours": r.Hours})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// strangeNetworks warns of those that today's table of types de convention lacks; "" for none.
func (s *Issuer) strangeNetworks(networks []string) string {
	codes := s.Codes
	if codes == nil {
		codes = rights.DefaultCodes()
	}
	var strange []string
	for _, n := range networks {
		if _, ok := codes.Convention(n, rights.DateAt(s.now())); !ok {
			strange = append(strange, n)
		}
	}
	if len(strange) == 0 {
		return ""
	}
	return "type de convention absent des tables : " + strings.Join(strange, ", ")
}

// Enrol uses up an invitation and enrolls the key. Of two at the same time one gets ErrInvitation. Wrong codes are counted
// for the watch; how many one source may try is the caller's to bound. Errors: ErrInvitation, ErrKeyTaken, ErrReplayed.
func (s *Issuer) Enrol(ctx context.Context, r EnrolRequest) (Counter, error) {
	if r.Key == nil || r.Key.Kind != assertion.Kind || r.Key.JWK() == nil || len(r.RequestID) != requestIDSize {
		return Counter{}, ErrQuestion
	}
	code, err := accord.ParseCode(r.Code)
	if err != nil {
		s.living().wrongCodes.Add(1)
		return Counter{}, ErrInvitation
	}
	now := s.now().UTC().Truncate(time.Second)
	var c Counter
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		fresh, err := tx.TakeRequests([]register.Request{{Counter: r.Key.KID, ID: r.RequestID, Until: now.Add(requestLife)}})
		if err != nil {
			return err
		}
		if len(fresh) != 1 || !fresh[0] {
			return ErrReplayed
		}
		c, err = s.enrol(tx, r.Key, codeDigest(code), now)
		return err
	})
	if errors.Is(err, ErrInvitation) {
		s.living().wrongCodes.Add(1)
	}
	s.living().forgetCounter(r.Key.KID)
	if err != nil {
		return Counter{}, err
	}
	return c, nil
}

func (s *Issuer) enrol(tx register.Tx, key *signing.PublicKey, digest string, now time.Time) (Counter, error) {
	d, err := tx.Document(invitationKind, digest)
	if errors.Is(err, register.ErrNotFound) {
		return Counter{}, ErrInvitation
	}
	if err != nil {
		return Counter{}, err
	}
	if !now.Before(d.Until) {
		return Counter{}, ErrInvitation
	}
	var i invitationData
	if err := json.Unmarshal(d.Data, &i); err != nil {
		return Counter{}, fmt.Errorf("%w: an invitation", ErrDamaged)
	}
	if err := s.keyFree(tx, key.KID); err != nil {
		return Counter{}, err
	}
	if err := tx.DropDocument(invitationKind, digest); err != nil {
		return Counter{}, err
	}
	c := Counter{ID: key.KID, FINESS: i.FINESS, Profession: i.Profession, Name: i.Name, Networks: i.Networks, State: CounterActive,
		JWK: key.JWK(), Since: now}
	doc, err := c.document(1)
	if err != nil {
		return Counter{}, err
	}
	if err := tx.PutDocument(doc); err != nil {
		return Counter{}, err
	}
	return c, s.audit(tx, "counter.enrol", map[string]string{"counter": c.ID, "finess": c.FINESS})
}

// keyFree refuses a key that has a purpose already: a counter's, also of a revoked one, an insurer's or one of the operator's
// online keys. Offline keys are not looked at: who holds one has no need of a counter.
func (s *Issuer) keyFree(tx register.Tx, kid string) error {
	if _, err := tx.Document(counterKind, kid); err == nil {
		return ErrKeyTaken
	} else if !errors.Is(err, register.ErrNotFound) {
		return err
	}
	all, err := tx.Insurers()
	if err != nil {
		return err
	}
	for _, i := range all {
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
		}
		for _, k := range append(doc.CardKeys, doc.StatusKeys...) {
			if k.KID == kid {
				return ErrKeyTaken
			}
		}
	}
	own, err := s.ownKIDs()
	if err != nil {
		return err
	}
	if own[kid] {
		return ErrKeyTaken
	}
	return nil
}
