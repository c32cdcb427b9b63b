// Which credentials a question about an exposure means, how long they lived, and what was within their reach.

package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/journal"
)

// resolve finds the credentials that a question means, and their lives.
func (t *traces) resolve(ctx context.Context, q ExposureQuery) error {
	switch q.Kind {
	case ExposeFINESS:
		if _, err := rights.CheckFINESS(q.ID); err != nil {
			return ErrUnknownCredential
		}
		return t.resolveCounters(ctx, func(c Counter) bool { return c.FINESS == q.ID })
	case ExposeCounter:
		return t.resolveCounters(ctx, func(c Counter) bool { return c.ID == q.ID })
	case ExposeDevice:
		return t.resolveDevice(ctx, q.ID)
	case ExposeKey:
		return t.resolveKey(ctx, q.ID)
	case ExposeAPIKey:
		return t.resolveAPIKey(ctx, q.ID)
	case ExposeOperator:
		return t.resolveOperator(ctx, q.ID)
	case ExposeRegister:
		t.out.Untraced = true
		return t.everybody(ctx, DataFile|DataCard|DataState|DataVisit|DataRights|DataReport)
	}
	return fmt.Errorf("%w: kind", ErrUnknownCredential)
}

// everybody puts all people of all insurers within reach.
func (t *traces) everybody(ctx context.Context, d Data) error {
	return t.issuer.Store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		for _, i := range all {
			t.within(i.Key, d)
		}
		return err
	})
}

func (t *traces) within(insurer string, d Data) {
	if t.reach == nil {
		t.reach = map[string]Data{}
	}
	if t.reach[insurer] == 0 {
		t.out.Everyone = append(t.out.Everyone, insurer)
		slices.Sort(t.out.Everyone)
	}
	t.reach[insurer] |= d
}

func (t *traces) resolveCounters(ctx context.Context, wanted func(Counter) bool) error {
	begun, ended, err := t.livesOfCounters(ctx)
	if err != nil {
		return err
	}
	for after := ""; ; {
		page, err := t.issuer.Counters(ctx, after, 500)
		if err != nil {
			return err
		}
		for _, c := range page {
			after = c.ID
			if wanted(c) {
				t.counters = append(t.counters, c.ID)
				t.out.Credentials = append(t.out.Credentials, Lived{Kind: ExposeCounter, ID: c.ID, FINESS: c.FINESS, Name: c.Name, State: string(c.State), From: begun[c.ID], To: ended[c.ID]})
			}
		}
		if len(page) < 500 {
			break
		}
	}
	if len(t.counters) == 0 {
		return ErrUnknownCredential
	}
	return nil
}

// livesOfCounters reads from the audit chain when counters were enrolled and revoked.
func (t *traces) livesOfCounters(ctx context.Context) (begun, ended map[string]time.Time, err error) {
	begun, ended = map[string]time.Time{}, map[string]time.Time{}
	err = t.issuer.eachAudit(ctx, func(e auditEntry) error {
		if e.Act == "counter.enrol" || e.Act == "counter.revoke" {
			var d struct {
				Counter string `json:"counter"`
			}
			if json.Unmarshal(e.Detail, &d) != nil {
				return nil
			}
			if e.Act == "counter.enrol" {
				begun[d.Counter] = e.At
			} else {
				ended[d.Counter] = e.At
			}
		}
		return nil
	})
	return begun, ended, err
}

// resolveDevice takes a computer: its journal, those that it kept before or after that one, and every counter that sent entries
// of them.
func (t *traces) resolveDevice(ctx context.Context, id string) error {
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return ErrUnknownCredential
	}
	senders, known := map[string]bool{}, 0
	t.devices = []string{id}
	add := func(device string) {
		if device != "" && !slices.Contains(t.devices, device) {
			t.devices = append(t.devices, device)
		}
	}
	for i := 0; i < len(t.devices); i++ {
		err := t.eachReceiptOf(ctx, t.devices[i], func(r register.Receipt) {
			senders[r.Counter] = true
			add(journalBefore(r))
		})
		if err != nil {
			return err
		}
		if i+1 < len(t.devices) || len(senders) == known {
			continue
		}
		known = len(senders) // a journal that names one of these as the one before is on the same disk
		for counter := range senders {
			err := t.eachReceiptFrom(ctx, counter, func(r register.Receipt) {
				if slices.Contains(t.devices, journalBefore(r)) {
					add(r.Device)
				}
			})
			if err != nil {
				return err
			}
		}
	}
	if len(senders) == 0 {
		return ErrUnknownCredential
	}
	return t.resolveCounters(ctx, func(c Counter) bool { return senders[c.ID] })
}

// journalBefore is the journal that a computer kept before, as the opening of the next one says; "" for any other entry.
func journalBefore(r register.Receipt) string {
	if r.Seq != 1 {
		return ""
	}
	e, err := journal.DecodeEntry(r.Entry)
	if err != nil {
		return ""
	}
	o, err := receipt.DecodeOpening(e.Body)
	if err != nil {
		return ""
	}
	return o.Before
}

// resolveKey tells a counter's key, which asks, from a signing key, which reads nobody.
func (t *traces) resolveKey(ctx context.Context, kid string) error {
	if _, err := signing.KIDBytes(kid); err != nil {
		return ErrUnknownCredential
	}
	err := t.resolveCounters(ctx, func(c Counter) bool { return c.ID == kid })
	if !errors.Is(err, ErrUnknownCredential) {
		return err
	}
	purpose, insurer, err := t.issuer.purposeOf(ctx, kid)
	if err != nil {
		return err
	}
	t.out.Purpose = purpose
	t.out.Credentials = []Lived{{Kind: ExposeKey, ID: kid, Insurer: insurer, State: purpose}}
	return nil
}

// purposeOf says what a signing key of this operator is for; ErrUnknownCredential for another key.
func (s *Issuer) purposeOf(ctx context.Context, kid string) (purpose, insurer string, err error) {
	all, err := s.Inventory(ctx, InventoryOptions{})
	if err != nil {
		return "", "", err
	}
	for _, k := range all.Keys {
		if k.KID == kid {
			return k.Purpose, k.Insurer, nil
		}
	}
	return "", "", ErrUnknownCredential
}

func (t *traces) resolveAPIKey(ctx context.Context, id string) error {
	var k storedKey
	var d register.Document
	err := t.issuer.Store.View(ctx, func(tx register.Tx) (err error) { d, err = readDocument(tx, kindKey, "*", id, &k); return err })
	if errors.Is(err, ErrUnknownDocument) {
		return ErrUnknownCredential
	}
	if err != nil {
		return err
	}
	l := Lived{Kind: ExposeAPIKey, ID: id, Insurer: d.Owner, Roles: k.Roles, From: k.Made, To: k.Revoked, State: "active"}
	if k.Ends != 0 {
		if end := (k.Ends + 1).Midnight().UTC(); l.To.IsZero() || end.Before(l.To) {
			l.To = end
		}
	}
	if !l.To.IsZero() && !l.To.After(t.out.At) {
		l.State = "ended"
	}
	t.actor = "key:" + id
	t.out.Credentials = []Lived{l}
	if t.overlaps(l.From, l.To) {
		return t.reachOf(ctx, d.Owner, k.Roles)
	}
	return nil
}

// reachOf says what roles could read. The operator's have no role over people; its reports name cards of every insurer.
func (t *traces) reachOf(ctx context.Context, insurer string, roles []Role) error {
	var d Data
	for _, r := range roles {
		switch r {
		case RoleRead:
			d |= DataFile | DataCard | DataState | DataReport
		case RoleIssue:
			d |= DataCard | DataState
		case RoleRevoke:
			d |= DataState
		case RoleAudit:
			d |= DataReport
		}
	}
	switch {
	case d == 0:
	case insurer == "":
		return t.everybody(ctx, d)
	default:
		t.within(insurer, d)
	}
	return nil
}

// overlaps says whether a life and the span that is looked at have a moment in common.
func (t *traces) overlaps(from, to time.Time) bool {
	return (t.out.To.IsZero() || from.Before(t.out.To)) && (to.IsZero() || t.out.From.IsZero() || to.After(t.out.From))
}

// resolveOperator takes an account as the audit chain names it.
func (t *traces) resolveOperator(ctx context.Context, id string) error {
	if id == "" || len(id) > 128 || strings.HasPrefix(id, "key:") || strings.HasPrefix(id, "counter ") {
		return ErrUnknownCredential
	}
	staff := strings.HasPrefix(id, "person:")
	l := Lived{Kind: ExposeOperator, ID: id}
	found := false
	err := t.issuer.eachAudit(ctx, func(e auditEntry) error {
		if e.Actor != id {
			return nil
		}
		if !found {
			l.From, found = e.At, true
		}
		l.To = e.At
		if !staff || e.Act != "login" {
			return nil
		}
		l.Insurer = e.Insurer
		var d struct {
			Roles []Role `json:"roles"`
		}
		if json.Unmarshal(e.Detail, &d) != nil {
			return nil
		}
		for _, r := range d.Roles {
			if !slices.Contains(l.Roles, r) {
				l.Roles = append(l.Roles, r)
			}
		}
		if t.overlaps(e.At, e.At.Add(t.issuer.Limits.session())) {
			return t.reachOf(ctx, e.Insurer, d.Roles)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !found {
		return ErrUnknownCredential
	}
	if staff {
		l.To = l.To.Add(t.issuer.Limits.session()) // a session may go on without a trace until then
		t.actor = id
	}
	t.out.Credentials = []Lived{l}
	if staff {
		return nil
	}
	// A user of the server holds the passphrase, and reads the register without asking the service.
	t.actor, t.out.Untraced = id, true
	return t.everybody(ctx, DataFile|DataCard|DataState|DataVisit|DataRights|DataReport)
}
