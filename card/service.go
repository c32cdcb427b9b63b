// service.json: with which keys the operator's rights service signs its answers. FORMAT.md, "service.json".

package card

import (
	"sceau/rights"
	"sceau/signing"
)

// ServiceFormat is the first member of service.json.
const ServiceFormat = "tp-service-1"

// What the service's online keys sign: answers to online checks and answers to uploaded journals, which package card/accord makes
// and reads, and the manifests of print files, which package card/manifest does.
const (
	AccordKind     signing.Kind = "tp-accord-1"
	SettlementKind signing.Kind = "tp-settlement-1"
	ManifestKind   signing.Kind = "tp-campaign-1"
)

// MaxServiceKeys bounds the keys of each purpose: two a year for fifteen years.
const MaxServiceKeys = 32

// MaxServiceFile is the longest service.json that ParseService reads, in bytes.
const MaxServiceFile = 32 << 10

// Service is the content of one service.json. There is one for each repository, signed by its targets role.
type Service struct {
	Name           string               // of the operator, as displayed, by the rule of rights.CheckNote
	AccordKeys     []*signing.PublicKey // of AccordKind, without owner, 1 to MaxServiceKeys
	SettlementKeys []*signing.PublicKey // of SettlementKind, without owner, 1 to MaxServiceKeys
	ManifestKeys   []*signing.PublicKey // of ManifestKind, without owner, 0 to MaxServiceKeys; none leaves the member out
}

// Bytes returns the canonical service.json: keys by ascending kid. It refuses what ParseService would refuse.
func (s *Service) Bytes() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 1024)
	b = append(b, `{"format":"`+ServiceFormat+`","name":`...)
	b = appendString(b, s.Name)
	b = appendKeys(append(b, `,"accord_keys":[`...), s.AccordKeys)
	b = appendKeys(append(b, `],"settlement_keys":[`...), s.SettlementKeys)
	if len(s.ManifestKeys) > 0 {
		b = appendKeys(append(b, `],"manifest_keys":[`...), s.ManifestKeys)
	}
	b = append(b, "]}"...)
	if len(b) > MaxServiceFile {
		return nil, malformed("service_size", "service.json larger than its bound")
	}
	return b, nil
}

// ParseService reads what Bytes writes and nothing else. The keys come with their kind, window and state.
// Errors: ErrMalformed, and signing.ErrBadKey for a JWK that is no key of this profile.
func ParseService(b []byte) (*Service, error) {
	if len(b) > MaxServiceFile {
		return nil, malformed("service_size", "service.json larger than its bound")
	}
	text := string(b)
	r := jsonReader{s: text}
	s := r.service()
	r.end()
	if r.err != nil {
		return nil, classify(text, r.err)
	}
	again, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	if string(again) != text {
		return nil, malformed("service_not_canonical", "service.json is spelled in another way")
	}
	return s, nil
}

var serviceMembers = []string{"format", "name", "accord_keys", "settlement_keys", "manifest_keys"}

func (r *jsonReader) service() *Service {
	s := new(Service)
	cur := memberCursor{names: serviceMembers}
	r.expect('{')
	for r.err == nil {
		m := r.member(&cur)
		if m < 0 {
			break
		}
		switch serviceMembers[m] {
		case "format":
			if format := r.str(); r.err == nil && format != ServiceFormat {
				r.fail("service_format", "version of service.json that this program doesn't know")
			}
		case "name":
			s.Name = r.str()
		case "accord_keys":
			s.AccordKeys = r.keys(AccordKind, "", MaxServiceKeys)
		case "settlement_keys":
			s.SettlementKeys = r.keys(SettlementKind, "", MaxServiceKeys)
		case "manifest_keys":
			s.ManifestKeys = r.keys(ManifestKind, "", MaxServiceKeys)
		}
	}
	r.require(&cur, serviceMembers[:4])
	return s
}

func (s *Service) check() error {
	if rights.CheckNote(s.Name) != nil {
		return malformed("name_form", "displayed name outside the rule for texts")
	}
	seen := make(map[string]bool)
	for _, part := range []struct {
		kind signing.Kind
		keys []*signing.PublicKey
	}{{AccordKind, s.AccordKeys}, {SettlementKind, s.SettlementKeys}, {ManifestKind, s.ManifestKeys}} {
		if len(part.keys) == 0 && part.kind != ManifestKind {
			return malformed("keys_empty", "no key for one of the purposes")
		}
		if len(part.keys) > MaxServiceKeys {
			return malformed("keys_count", "too many keys")
		}
		for _, k := range part.keys {
			if err := checkKey(k, part.kind, "", seen); err != nil {
				return err
			}
		}
	}
	return nil
}
