// Inventory: which key can do what, where it is, and what its theft would cost.

package issuer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/trust"
)

// InventoryOptions say how deep to look.
type InventoryOptions struct {
	Count bool // count the cards of each key, which reads every card of the register
}

// Inventory is every key that is named somewhere, and every key that is held.
type Inventory struct {
	At       time.Time
	Keys     []KeyFact
	Findings []KeyFinding
}

// States of a key beside those of package signing.
const (
	StateInForce = "in force" // a role of the repository is signed by it
	StateNext    = "next"     // published, and signs later
	StateUnused  = "unused"   // named by nothing that is published: replaced, or made by a command that was cut short
)

// KeyFact is one key. It needs no passphrase: public halves only.
type KeyFact struct {
	Name    string // in its store; "" when no store at hand holds it
	Purpose string
	Insurer string // key; "" for the operator's
	KID     string // signing.KID of the public half, for roles of the repository as well
	Where   string // online or offline; "" when no store at hand holds it
	State   string // StateInForce, StateNext, StateUnused, or that of package signing
	From    time.Time
	Until   time.Time // issue window, zero for an open side
	Expires time.Time // of what it signed: the role's metadata; zero for others
	Cards   int64     // signed with it; -1 when they were not counted
	Can     string    // what it can do
	Cost    string    // what its theft would cost
	Verb    string    // the command that answers a theft, behind "sceau ", DIR standing for the operator's folder
}

// KeyFinding is something to do about keys.
type KeyFinding struct {
	Code    string
	Serious bool
	Text    string
}

// Codes of findings.
const (
	FindingExpired      = "EXPIRED"
	FindingExpiresSoon  = "EXPIRES_SOON"
	FindingKeyMissing   = "KEY_MISSING"
	FindingOfflineHere  = "OFFLINE_KEY_ONLINE"
	FindingCardKeyOld   = "CARD_KEY_OLD"
	FindingCardKeyFull  = "CARD_KEY_FULL"
	FindingNoRoom       = "NO_ROOM"
	FindingNotTold      = "NOT_PUBLISHED"
	FindingUnused       = "UNUSED_KEYS"
	FindingCeremonyOpen = "CEREMONY_OPEN"
	FindingRootAlone    = "ROOT_ALONE"    // one share signs a root, of several that there are
	FindingRootNoSpare  = "ROOT_NO_SPARE" // a root needs all of its shares
)

const (
	// expirySoon is when a role's signature should be renewed: the offline keys have to be fetched.
	expirySoon = 90 * 24 * time.Hour
	// onlineSoon is likewise for what a running service renews by itself.
	onlineSoon = 48 * time.Hour
	// cardKeyYear is when a card key should be followed by another one.
	cardKeyYear = 396 * 24 * time.Hour
)

// Inventory reads it from what is published and from the public halves in the stores: no passphrase, no signature, no document
// of the register is needed. Where is what is known here; a caller with several media knows better.
func (s *Issuer) Inventory(ctx context.Context, o InventoryOptions) (*Inventory, error) {
	b := &inventory{issuer: s, ring: s.ring(), named: map[string]bool{}, expires: map[string]time.Time{}, counts: map[string]int64{},
		Inventory: &Inventory{At: s.now().UTC().Truncate(time.Second)}}
	err := s.Store.View(ctx, func(tx register.Tx) error {
		var err error
		if b.trusted, err = openPublished(tx); err != nil {
			return err
		}
		if b.service, err = readService(tx, b.trusted); err != nil {
			return err
		}
		if b.insurers, err = tx.Insurers(); err != nil {
			return err
		}
		files, err := b.trusted.Metadata()
		if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		for _, f := range files {
			b.expiry(f)
		}
		if err := openCeremony(tx); errors.Is(err, ErrCeremonyOpen) {
			b.found(FindingCeremonyOpen, false, "a root ceremony is under way: finish it or give it up")
		} else if err != nil && !errors.Is(err, register.ErrCorrupt) { // documents may be sealed to this reader
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if o.Count {
		if err := b.count(ctx); err != nil {
			return nil, err
		}
	}
	return b.Inventory, b.all(o.Count)
}

// inventory is one in the making.
type inventory struct {
	*Inventory
	issuer   *Issuer
	ring     *ring
	trusted  *trust.Trusted
	service  *card.Service
	insurers []register.Insurer
	expires  map[string]time.Time // by role
	signs    int                  // how many shares sign a root
	counts   map[string]int64     // cards by kid
	named    map[string]bool      // kids
}

func (b *inventory) found(code string, serious bool, format string, args ...any) {
	b.Findings = append(b.Findings, KeyFinding{code, serious, fmt.Sprintf(format, args...)})
}

// expiry reads until when one file of metadata is good. Every file was verified; of several roots the last one counts.
func (b *inventory) expiry(f trust.File) {
	var said struct {
		Signed struct {
			Expires time.Time `json:"expires"`
		} `json:"signed"`
	}
	role := strings.TrimSuffix(f.Path, ".json")
	if _, after, numbered := strings.Cut(role, "."); numbered {
		role = after
	}
	if json.Unmarshal(f.Data, &said) == nil && said.Signed.Expires.After(b.expires[role]) {
		b.expires[role] = said.Signed.Expires
	}
}

// count reads every card.
func (b *inventory) count(ctx context.Context) error {
	var lists []register.List
	if err := b.issuer.Store.View(ctx, func(tx register.Tx) (err error) { lists, err = tx.Lists(); return err }); err != nil {
		return err
	}
	for _, l := range lists {
		for after, more := int64(-1), true; more; {
			err := b.issuer.Store.View(ctx, func(tx register.Tx) error {
				page, err := tx.CardsAfter(l.Number, after, stolenPage)
				if more = len(page) > 0; more {
					after = int64(page[len(page)-1].Place.Index)
				}
				for _, c := range page {
					b.counts[c.KID]++
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *inventory) all(counted bool) error {
	roles := []struct{ role, purpose, insurer string }{{trust.RoleRoot, PurposeRoot, ""}, {trust.RoleTargets, PurposeTargets, ""},
		{trust.RoleSnapshot, PurposeSnapshot, ""}, {trust.RoleTimestamp, PurposeTimestamp, ""}}
	for _, i := range b.insurers {
		roles = append(roles, struct{ role, purpose, insurer string }{trust.InsurerRole(i.Key), PurposeInsurer, i.Key},
			struct{ role, purpose, insurer string }{trust.StatusRole(i.Key), PurposeStatus, i.Key})
	}
	for _, r := range roles {
		if err := b.role(r.role, r.purpose, r.insurer); err != nil {
			return err
		}
	}
	if b.service != nil {
		b.document(PurposeAccord, "", keyAccord, b.service.AccordKeys, card.MaxServiceKeys, counted)
		b.document(PurposeSettlement, "", keySettlement, b.service.SettlementKeys, card.MaxServiceKeys, counted)
		if len(b.service.ManifestKeys) > 0 {
			b.document(PurposeManifest, "", keyManifest, b.service.ManifestKeys, card.MaxServiceKeys, counted)
		} else {
			b.found(FindingKeyMissing, false, "service.json names no key for the manifests of campaigns: publish once with the offline keys, which makes it")
		}
	}
	for _, i := range b.insurers {
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
		}
		b.document(PurposeCard, i.Key, cardFamily(i.Key), doc.CardKeys, card.MaxCardKeys, counted)
		b.document(PurposeList, i.Key, listFamily(i.Key), doc.StatusKeys, card.MaxStatusKeys, counted)
		info, err := b.trusted.Target(insurerPath(i.Key))
		if err != nil || info.Check(i.Document) != nil {
			b.found(FindingNotTold, true, "issuer.json of %s changed and counters do not know: publish once with the insurer's offline key", i.Key)
		}
	}
	return b.unused()
}

// role lists who signs a role.
func (b *inventory) role(role, purpose, insurer string) error {
	keys, threshold, err := b.trusted.Authority(role)
	if err != nil {
		return fmt.Errorf("%w: role %s: %w", ErrDamaged, role, err)
	}
	if role == trust.RoleRoot {
		b.signs = threshold
		switch n := len(keys); {
		case threshold < 2 && n > 1:
			b.found(FindingRootAlone, true, "each of the %d shares of the root alone signs a new root: whoever steals one owns the repository. Have two of them sign: sceau keys rotate DIR root --threshold 2 --medium …", n)
		case threshold == n:
			b.found(FindingRootNoSpare, false, "a root needs every one of its %s: when one is lost, no root can be signed any more. Add one: sceau keys rotate DIR root --keep --new-medium PATH --medium …", sharesOf(n))
		}
	}
	f, off := familyOf(role)
	h, where := &b.ring.online, whereOnline
	if off {
		h, where = &b.ring.offline, whereOffline
	}
	for _, pub := range keys {
		k := KeyFact{Purpose: purpose, Insurer: insurer, KID: signing.KID(pub), State: StateInForce, Expires: b.expires[role], Cards: -1}
		if name, err := h.find(f, pub); err == nil {
			k.Name, k.Where = name, where
		} else if !off {
			b.found(FindingKeyMissing, true, "the key of %s is not in the online folder: nothing can be published without it", role)
		}
		b.add(k)
	}
	left := b.expires[role].Sub(b.At)
	soon := expirySoon
	if !off {
		soon = onlineSoon
	}
	switch {
	case left <= 0:
		b.found(FindingExpired, true, "%s expired on %s", role, b.expires[role].Format(time.DateOnly))
	case left < soon:
		b.found(FindingExpiresSoon, false, "%s expires on %s: publish with its key before", role, b.expires[role].Format(time.DateOnly))
	}
	return nil
}

const (
	whereOnline  = "online"
	whereOffline = "offline"
)

// document lists the keys of a purpose that a document names.
func (b *inventory) document(purpose, insurer string, f family, keys []*signing.PublicKey, limit int, counted bool) {
	signs := false
	for _, p := range newestFirst(keys) {
		k := KeyFact{Purpose: purpose, Insurer: insurer, KID: p.KID, State: string(p.State), From: p.From, Until: p.Until, Cards: -1}
		if purpose == PurposeCard && counted {
			k.Cards = b.counts[p.KID]
		}
		if p.State == signing.StateActive && p.From.After(b.At) {
			k.State = StateNext
		}
		if name, err := b.ring.online.find(f, p.ECDSA()); err == nil {
			k.Name, k.Where = name, whereOnline
			signs = signs || p.State == signing.StateActive && p.InWindow(b.At)
		}
		if purpose == PurposeCard && p.State == signing.StateActive && p.Until.IsZero() && b.At.Sub(p.From) > cardKeyYear {
			b.found(FindingCardKeyOld, false, "the card key %s of %s signs since %s: give it a successor", p.KID, insurer, p.From.UTC().Format(time.DateOnly))
		}
		if k.Cards > maxListed*9/10 {
			b.found(FindingCardKeyFull, true, "the card key %s of %s signed %d cards: a list of them holds %d", p.KID, insurer, k.Cards, int64(maxListed))
		}
		b.add(k)
	}
	if !signs {
		b.found(FindingKeyMissing, true, "no key at hand may sign as %s of %s today", purpose, cmp.Or(insurer, "the service"))
	}
	if len(keys) > limit-8 {
		b.found(FindingNoRoom, len(keys) >= limit, "%d of %d places for keys of %s of %s are taken", len(keys), limit, purpose, cmp.Or(insurer, "the service"))
	}
}

func (b *inventory) add(k KeyFact) {
	b.named[k.KID] = true
	k.Can, k.Cost, k.Verb = meaning(k, b.signs)
	b.Keys = append(b.Keys, k)
}

// unused lists what the stores hold and nothing names, and offline keys that lie with the online ones.
func (b *inventory) unused() error {
	for _, h := range []struct {
		shelf *shelf
		where string
	}{{&b.ring.online, whereOnline}, {&b.ring.offline, whereOffline}} {
		if h.shelf.keys == nil {
			continue
		}
		if _, err := h.shelf.list(""); err != nil {
			continue // locked away
		}
		var left []string
		for _, name := range slices.Sorted(slices.Values(h.shelf.names)) {
			purpose, insurer, off := purposeOf(name, b.insurers)
			if off && h.where == whereOnline {
				b.found(FindingOfflineHere, true, "the key %s lies with the online keys: it belongs on media of its own", name)
			}
			pub, err := h.shelf.public(name)
			if err != nil || purpose == "" {
				continue
			}
			if kid := signing.KID(pub); !b.named[kid] {
				if purpose == PurposeRoot || !b.replaced(purpose, insurer, name) {
					left = append(left, name)
				}
				b.add(KeyFact{Name: name, Purpose: purpose, Insurer: insurer, KID: kid, Where: h.where, State: StateUnused, Cards: -1})
			}
		}
		if len(left) > 0 {
			b.found(FindingUnused, false, "named by nothing that is published, in the %s store: %s. An old share of the root still speaks to counters that did not follow yet: destroy its copies. "+
				"Another key was left by a ceremony that is open or was given up, or by a command that was cut short: where none is under way, take its files out of the folder", h.where, strings.Join(left, ", "))
		}
	}
	return nil
}

// replaced says whether a later key of the same purpose is named: the one before is kept beside it, as every rotation leaves it.
func (b *inventory) replaced(purpose, insurer, name string) bool {
	return slices.ContainsFunc(b.Keys, func(k KeyFact) bool {
		return k.Purpose == purpose && k.Insurer == insurer && k.State != StateUnused && k.Name != "" && serial(k.Name) > serial(name)
	})
}

// serial is the number behind a name's last dot: the first key of a role has none.
func serial(name string) int {
	_, number, _ := strings.Cut(name, ".")
	return max(atoi(number, 2), 1)
}

func sharesOf(n int) string {
	if n == 1 {
		return "shares, which is one"
	}
	return fmt.Sprintf("%d shares", n)
}

// purposeOf reads what a key is for from its name.
func purposeOf(name string, insurers []register.Insurer) (purpose, insurer string, offline bool) {
	for _, k := range []struct {
		f       family
		purpose string
		offline bool
	}{{rootFamily, PurposeRoot, true}, {keyTargets, PurposeTargets, true}, {keySnapshot, PurposeSnapshot, false},
		{keyTimestamp, PurposeTimestamp, false}, {keyAccord, PurposeAccord, false}, {keySettlement, PurposeSettlement, false},
		{keyManifest, PurposeManifest, false}} {
		if k.f.number(name) > 0 {
			return k.purpose, "", k.offline
		}
	}
	for _, i := range insurers {
		status, _ := familyOf(trust.StatusRole(i.Key))
		own, _ := familyOf(trust.InsurerRole(i.Key))
		switch {
		case cardFamily(i.Key).number(name) > 0:
			return PurposeCard, i.Key, false
		case listFamily(i.Key).number(name) > 0:
			return PurposeList, i.Key, false
		case status.number(name) > 0:
			return PurposeStatus, i.Key, false
		case own.number(name) > 0:
			return PurposeInsurer, i.Key, true
		}
	}
	return "", "", false
}
