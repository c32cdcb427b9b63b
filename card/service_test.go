// service.json: one text for one service, and every other text refused.

package card

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

func testService(t testing.TB) *Service {
	t.Helper()
	key := func(kind signing.Kind, name string) *signing.PublicKey { return testSigner(t, kind, name).Public() }
	old := key(AccordKind, "accord last year")
	old.State, old.From, old.Until = signing.StateRetired, time.Unix(1793488000, 0).UTC(), time.Unix(1793489000, 0).UTC()
	s := &Service{Name: `Droits "Exemple"`, AccordKeys: []*signing.PublicKey{key(AccordKind, "accord"), old},
		SettlementKeys: []*signing.PublicKey{key(SettlementKind, "settlement")}}
	return s
}

func TestServiceRoundTrip(t *testing.T) {
	s := testService(t)
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseService(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	s.AccordKeys = byKID(s.AccordKeys)
	if !reflect.DeepEqual(back, s) {
		t.Errorf("got %+v, want %+v", back, s)
	}
}

func TestServiceRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Service)
		code string
	}{
		"no name":           {func(s *Service) { s.Name = "" }, "name_form"},
		"name":              {func(s *Service) { s.Name = "a\nb" }, "name_form"},
		"no accord key":     {func(s *Service) { s.AccordKeys = nil }, "keys_empty"},
		"no settlement key": {func(s *Service) { s.SettlementKeys = nil }, "keys_empty"},
		"nil key":           {func(s *Service) { s.AccordKeys[0] = nil }, "key_empty"},
		"exchanged":         {func(s *Service) { s.AccordKeys, s.SettlementKeys = s.SettlementKeys, s.AccordKeys }, "key_other_kind"},
		"card key":          {func(s *Service) { s.AccordKeys[0].Kind = Kind }, "key_other_kind"},
		"an insurer's":      {func(s *Service) { s.AccordKeys[0].Owner = "775670482" }, "key_other_owner"},
		"one key for both": {func(s *Service) {
			twin := *s.AccordKeys[0]
			twin.Kind = SettlementKind
			s.SettlementKeys = append(s.SettlementKeys, &twin)
		}, "key_twice"},
		"an accord key for manifests": {func(s *Service) { s.ManifestKeys = []*signing.PublicKey{s.AccordKeys[0]} }, "key_other_kind"},
		"one key for settlements and manifests": {func(s *Service) {
			twin := *s.SettlementKeys[0]
			twin.Kind = ManifestKind
			s.ManifestKeys = []*signing.PublicKey{&twin}
		}, "key_twice"},
		"too many manifest keys": {func(s *Service) {
			twin := *s.SettlementKeys[0]
			twin.Kind = ManifestKind
			s.ManifestKeys = slices.Repeat([]*signing.PublicKey{&twin}, MaxServiceKeys+1)
		}, "keys_count"},
		"key twice": {func(s *Service) { s.AccordKeys = append(s.AccordKeys, s.AccordKeys[0]) }, "key_twice"},
		"too many":  {func(s *Service) { s.AccordKeys = slices.Repeat(s.AccordKeys, MaxServiceKeys) }, "keys_count"},
		"state":     {func(s *Service) { s.AccordKeys[0].State = "x" }, "key_state"},
		"fraction":  {func(s *Service) { s.AccordKeys[0].From = time.Unix(1793488000, 1) }, "key_time_form"},
	} {
		s := testService(t)
		c.edit(s)
		if b, err := s.Bytes(); signing.CodeOf(err) != c.code || b != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := testService(t).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, bad := range map[string]string{
		"empty": "", "null": "null", "object": "{}", "insurer": strings.Replace(text, ServiceFormat, IssuerFormat, 1),
		"next version":   strings.Replace(text, ServiceFormat, "tp-service-2", 1),
		"white space":    strings.Replace(text, `,"name"`, `, "name"`, 1),
		"trailing":       text + " ",
		"unknown member": strings.Replace(text, `,"name"`, `,"url":"x","name"`, 1),
		"member twice":   strings.Replace(text, `,"name"`, `,"format":"tp-service-1","name"`, 1),
		"null keys":      strings.Replace(text, `"accord_keys":[`, `"accord_keys":null,"x":[`, 1),
		"members change places": strings.Replace(strings.Replace(strings.Replace(text, "accord_keys", "x", 1), "settlement_keys", "accord_keys", 1),
			`"x"`, `"settlement_keys"`, 1),
		"too long": text + strings.Repeat(" ", MaxServiceFile),
	} {
		if s, err := ParseService([]byte(bad)); !errors.Is(err, ErrMalformed) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range text {
		if s, err := ParseService([]byte(text[:n])); err == nil || s != nil {
			t.Fatalf("cut at %d: accepted", n)
		}
	}
	// Keys out of order are the same keys in another spelling.
	i, j := strings.Index(text, `{"jwk"`), strings.Index(text, `,{"jwk"`)
	end := strings.Index(text, `],"settlement_keys"`)
	swapped := text[:i] + text[j+1:end] + "," + text[i:j] + text[end:]
	if s, err := ParseService([]byte(swapped)); signing.CodeOf(err) != "service_not_canonical" || s != nil {
		t.Errorf("keys out of order: %v", err)
	}
}

func FuzzParseService(f *testing.F) {
	b, err := testService(f).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseService(b)
		if err != nil {
			return
		}
		if again, err := s.Bytes(); err != nil || string(again) != string(b) {
			t.Errorf("read %q, written %q, %v", b, again, err)
		}
	})
}

// Manifest keys came later: a document without them is still read, one with an empty list never was.
func TestServiceManifestKeys(t *testing.T) {
	s := testService(t)
	old, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	k := testSigner(t, ManifestKind, "manifest").Public()
	s.ManifestKeys = []*signing.PublicKey{k}
	with, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseService(with)
	if err != nil || len(got.ManifestKeys) != 1 || got.ManifestKeys[0].KID != k.KID || got.ManifestKeys[0].Kind != ManifestKind {
		t.Fatalf("%v", err)
	}
	if got, err = ParseService(old); err != nil || got.ManifestKeys != nil {
		t.Fatalf("%v", err)
	}
	for name, text := range map[string]string{
		"empty":      string(old[:len(old)-1]) + `,"manifest_keys":[]}`,
		"before":     strings.Replace(string(with), `"settlement_keys"`, `"manifest_keys"`, 1),
		"twice":      string(with[:len(with)-1]) + strings.TrimPrefix(string(with), string(old[:len(old)-1])),
		"misspelled": strings.Replace(string(with), "manifest_keys", "manifests_keys", 1),
	} {
		if got, err := ParseService([]byte(text)); err == nil || got != nil {
			t.Errorf("%s is read", name)
		}
	}
}
