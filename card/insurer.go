// issuer.json: what an insurer publishes about itself. FORMAT.md, "issuer.json".

package card

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sceau/rights"
	"sceau/signing"
)

// IssuerFormat is the first member of issuer.json; the version is inside the bytes that the repository's hash covers.
const IssuerFormat = "tp-issuer-1"

// Insurer is the content of one issuer.json.
type Insurer struct {
	AMC                rights.AMC
	Name               string               // as displayed, by the rule of rights.CheckNote
	PhoneProfessionals string               // for counters; "" when none
	PhoneMembers       string               // for beneficiaries; "" when none
	CardKeys           []*signing.PublicKey // of Kind, owned by AMC.Key(), 1 to MaxCardKeys
	StatusKeys         []*signing.PublicKey // of StatusListKind, owned by AMC.Key(), 0 to MaxStatusKeys
	Outage             OutagePolicy
}

// Keyring returns the card keys, ready for look-ups.
func (i *Insurer) Keyring() (*signing.Keyring, error) {
	ring := new(signing.Keyring)
	for _, k := range i.CardKeys {
		if err := ring.Add(k); err != nil {
			return nil, err
		}
	}
	return ring, nil
}

// Bytes returns the canonical issuer.json: keys by ascending kid, domains by ascending code. It refuses what
// ParseInsurer would refuse.
func (i *Insurer) Bytes() ([]byte, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 2048)
	b = append(b, `{"format":"`+IssuerFormat+`","amc":`...)
	b = appendString(b, string(i.AMC))
	b = append(b, `,"name":`...)
	b = appendString(b, i.Name)
	b = append(b, `,"phones":{`...)
	if i.PhoneProfessionals != "" {
		b = append(b, `"professionals":`...)
		b = appendString(b, i.PhoneProfessionals)
	}
	if i.PhoneMembers != "" {
		if i.PhoneProfessionals != "" {
			b = append(b, ',')
		}
		b = append(b, `"members":`...)
		b = appendString(b, i.PhoneMembers)
	}
	b = append(b, `},"card_keys":[`...)
	b = appendKeys(b, i.CardKeys)
	b = append(b, `],"status_keys":[`...)
	b = appendKeys(b, i.StatusKeys)
	b = append(b, `],"outage":`...)
	b = i.Outage.append(b)
	b = append(b, '}')
	if len(b) > MaxIssuerFile {
		return nil, malformed("issuer_size", "issuer.json larger than its bound")
	}
	return b, nil
}

func appendKeys(b []byte, keys []*signing.PublicKey) []byte {
	for n, k := range byKID(keys) {
		b = comma(b, n)
		b = append(b, `{"jwk":`...)
		b = append(b, k.JWK()...)
		if !k.From.IsZero() {
			b = appendString(append(b, `,"from":`...), k.From.UTC().Format(keyTime))
		}
		if !k.Until.IsZero() {
			b = appendString(append(b, `,"until":`...), k.Until.UTC().Format(keyTime))
		}
		b = appendString(append(b, `,"state":`...), string(k.State))
		b = append(b, '}')
	}
	return b
}

// keyTime is how issuer.json writes the ends of a key's window: UTC, whole seconds.
const keyTime = "2006-01-02T15:04:05Z"

func byKID(keys []*signing.PublicKey) []*signing.PublicKey {
	return slices.SortedFunc(slices.Values(keys), func(a, b *signing.PublicKey) int { return strings.Compare(a.KID, b.KID) })
}

// ParseInsurer reads what Bytes writes and nothing else. The keys come with their kind, owner, window and state.
// Errors: ErrMalformed, and signing.ErrBadKey for a JWK that is no key of this profile.
func ParseInsurer(b []byte) (*Insurer, error) {
	if len(b) > MaxIssuerFile {
		return nil, malformed("issuer_size", "issuer.json larger than its bound")
	}
	s := string(b)
	r := jsonReader{s: s}
	i := r.insurer()
	r.end()
	if r.err != nil {
		return nil, classify(s, r.err)
	}
	again, err := i.Bytes()
	if err != nil {
		return nil, err
	}
	if string(again) != s {
		return nil, malformed("issuer_not_canonical", "issuer.json is spelled in another way")
	}
	return i, nil
}

var insurerMembers = []string{"format", "amc", "name", "phones", "card_keys", "status_keys", "outage"}

func (r *jsonReader) insurer() *Insurer {
	i := new(Insurer)
	cur := memberCursor{names: insurerMembers}
	r.expect('{')
	for r.err == nil {
		m := r.member(&cur)
		if m < 0 {
			break
		}
		switch insurerMembers[m] {
		case "format":
			if format := r.str(); r.err == nil && format != IssuerFormat {
				r.fail("issuer_format", "version of issuer.json that this program doesn't know")
			}
		case "amc":
			i.AMC = rights.AMC(r.str())
		case "name":
			i.Name = r.str()
		case "phones":
			r.phones(i)
		case "card_keys":
			i.CardKeys = r.keys(Kind, i.AMC.Key(), MaxCardKeys)
		case "status_keys":
			i.StatusKeys = r.keys(StatusListKind, i.AMC.Key(), MaxStatusKeys)
		case "outage":
			i.Outage = r.outage()
		}
	}
	r.require(&cur, insurerMembers)
	return i
}

func (r *jsonReader) phones(i *Insurer) {
	cur := memberCursor{names: []string{"professionals", "members"}}
	r.expect('{')
	for r.err == nil {
		m := r.member(&cur)
		if m < 0 {
			break
		}
		phone := r.str()
		if r.err == nil && phone == "" {
			r.fail("phone_empty", "empty instead of left out")
		}
		if m == 0 {
			i.PhoneProfessionals = phone
		} else {
			i.PhoneMembers = phone
		}
	}
}

func (r *jsonReader) keys(kind signing.Kind, owner string, limit int) []*signing.PublicKey {
	var out []*signing.PublicKey
	r.expect('[')
	for r.err == nil && r.peek() != ']' {
		if len(out) > 0 {
			r.expect(',')
		}
		k := r.key()
		if r.err != nil {
			break
		}
		k.Kind, k.Owner = kind, owner
		out = append(out, k)
		if len(out) > limit {
			r.fail("keys_count", "too many keys")
		}
	}
	r.expect(']')
	return out
}

func (r *jsonReader) key() *signing.PublicKey {
	cur := memberCursor{names: []string{"jwk", "from", "until", "state"}}
	var k *signing.PublicKey
	var from, until time.Time
	var state string
	r.expect('{')
	for r.err == nil {
		m := r.member(&cur)
		if m < 0 {
			break
		}
		switch m {
		case 0:
			raw := r.raw(3)
			if r.err != nil {
				return nil
			}
			parsed, err := signing.ParseJWK([]byte(raw))
			if err != nil {
				r.err = err
				return nil
			}
			if string(parsed.JWK()) != raw {
				r.fail("jwk_not_canonical", "JWK is spelled in another way")
			}
			k = parsed
		case 1:
			from = r.keyTime()
		case 2:
			until = r.keyTime()
		case 3:
			state = r.str()
		}
	}
	r.require(&cur, []string{"jwk", "state"})
	if r.err != nil {
		return nil
	}
	st, err := signing.ParseState(state)
	if err != nil {
		r.err = err
		return nil
	}
	k.State = st
	if err := k.SetWindow(from, until); err != nil {
		r.err = err
		return nil
	}
	return k
}

func (r *jsonReader) keyTime() time.Time {
	s := r.str()
	if r.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(keyTime, s)
	if err != nil || t.Format(keyTime) != s || t.Unix() < MinTime || t.Unix() > MaxTime {
		r.fail("key_time_form", "end of a key's window is no UTC time of the years 2020 to 2099")
		return time.Time{}
	}
	return t
}

func (i *Insurer) check() error {
	if amc, err := rights.ParseAMC(string(i.AMC)); err != nil || amc != i.AMC {
		return malformed("amc_form", "N° AMC outside its form")
	}
	if rights.CheckNote(i.Name) != nil {
		return malformed("name_form", "displayed name outside the rule for texts")
	}
	for _, p := range []string{i.PhoneProfessionals, i.PhoneMembers} {
		if p != "" && !phone(p) {
			return malformed("phone_form", "phone number outside its form")
		}
	}
	if len(i.CardKeys) == 0 {
		return malformed("keys_empty", "no card key")
	}
	if len(i.CardKeys) > MaxCardKeys || len(i.StatusKeys) > MaxStatusKeys {
		return malformed("keys_count", "too many keys")
	}
	seen := make(map[string]bool)
	for n, k := range slices.Concat(i.CardKeys, i.StatusKeys) {
		kind := Kind
		if n >= len(i.CardKeys) {
			kind = StatusListKind
		}
		if err := checkKey(k, kind, i.AMC.Key(), seen); err != nil {
			return err
		}
	}
	return i.Outage.check()
}

// checkKey refuses a key that a document can't name for that purpose and owner; seen holds the kids of those before it.
func checkKey(k *signing.PublicKey, kind signing.Kind, owner string, seen map[string]bool) error {
	switch {
	case k == nil || k.JWK() == nil:
		return malformed("key_empty", "no key where one should be")
	case k.Kind != kind:
		return malformed("key_other_kind", "key for another purpose")
	case k.Owner != owner:
		return malformed("key_other_owner", "key of another insurer")
	case seen[k.KID]:
		return malformed("key_twice", "the same key twice: one purpose for each key")
	}
	seen[k.KID] = true
	if _, err := signing.ParseState(string(k.State)); err != nil {
		return err
	}
	for _, t := range []time.Time{k.From, k.Until} {
		if !t.IsZero() && (t.Nanosecond() != 0 || t.Unix() < MinTime || t.Unix() > MaxTime) {
			return malformed("key_time_form", "end of a key's window is no whole second of the years 2020 to 2099")
		}
	}
	return nil
}

// IsPhone says whether issuer.json could hold s as a phone number.
func IsPhone(s string) bool { return phone(s) }

// phone says whether s is 3 to 24 of 0-9, spaces, "." and "+", beginning with a digit or "+".
func phone(s string) bool {
	if len(s) < 3 || len(s) > 24 || s[0] == ' ' || s[0] == '.' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != ' ' && c != '.' && (c != '+' || i > 0) {
			return false
		}
	}
	return true
}

// sortedDomains returns the codes of a policy in the order in which they are written.
func sortedDomains(m map[string]Limits) []string { return slices.Sorted(maps.Keys(m)) }
