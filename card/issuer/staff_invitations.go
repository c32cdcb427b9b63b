// Invitations and alarms as the operator lists them.

package issuer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sceau/card/register"
)

// OpenInvitation is an invitation that nobody has used; its code is not known any more.
type OpenInvitation struct {
	ID         string // digest of the code
	FINESS     string
	Profession string
	Name       string
	Networks   []string
	Until      time.Time
}

// Invitations lists those that can still be used, behind the id after.
func (s *Issuer) Invitations(ctx context.Context, after string, limit int) (list []OpenInvitation, next string, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		list = nil
		next, err = eachDocument(tx, invitationKind, "*", after, limit, func(d register.Document) error {
			var v invitationData
			if err := json.Unmarshal(d.Data, &v); err != nil {
				return fmt.Errorf("%w: an invitation", ErrDamaged)
			}
			if s.now().Before(d.Until) {
				list = append(list, OpenInvitation{d.ID, v.FINESS, v.Profession, v.Name, v.Networks, d.Until})
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return list, next, nil
}

// CancelInvitation makes a code worthless.
func (s *Issuer) CancelInvitation(ctx context.Context, id string) error {
	return s.Store.Update(ctx, func(tx register.Tx) error {
		var v invitationData
		if _, err := readDocument(tx, invitationKind, "*", id, &v); err != nil {
			return err
		}
		if err := tx.DropDocument(invitationKind, id); err != nil {
			return err
		}
		return s.audit(tx, "counter.uninvite", map[string]string{"finess": v.FINESS, "profession": v.Profession})
	})
}

// AlarmLine is an alarm of any part of the service.
type AlarmLine struct {
	ID      string
	Counter string
	Detail  json.RawMessage // as the part that raised it wrote it; no person
}

// AlarmLines lists alarms behind the id after, of every part of the service.
func (s *Issuer) AlarmLines(ctx context.Context, after string, limit int) (list []AlarmLine, next string, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		list = nil
		next, err = eachDocument(tx, alarmKind, "*", after, limit, func(d register.Document) error {
			list = append(list, AlarmLine{d.ID, d.Owner, d.Data})
			return nil
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return list, next, nil
}
