// issuer.json: one text for one insurer, and every other text refused.

package card

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

func testInsurer(t testing.TB) *Insurer {
	t.Helper()
	key := func(kind signing.Kind, name string, from, until string, state signing.State) *signing.PublicKey {
		k := testSigner(t, kind, name).Public()
		k.Owner, k.State = "775670482", state
		for text, at := range map[string]*time.Time{from: &k.From, until: &k.Until} {
			if text == "" {
				continue
			}
			v, err := time.Parse(time.DateOnly, text)
			if err != nil {
				t.Fatal(err)
			}
			*at = v
		}
		return k
	}
	return &Insurer{
		AMC: "0775670482", Name: `Mutuelle "Exemple" & Fils`, PhoneProfessionals: "+33 9 69 39 00 00", PhoneMembers: "0969390001",
		CardKeys: []*signing.PublicKey{
			key(Kind, "card", "2026-11-01", "", signing.StateActive),
			key(Kind, "last year", "2025-11-01", "2026-11-01", signing.StateRetired),
			key(Kind, "stolen", "", "2026-05-01", signing.StateListed),
		},
		StatusKeys: []*signing.PublicKey{key(StatusListKind, "status", "", "", signing.StateActive)},
		Outage:     DefaultOutage(),
	}
}

func TestInsurerRoundTrip(t *testing.T) {
	for name, edit := range map[string]func(*Insurer){
		"full":                func(*Insurer) {},
		"no phones":           func(i *Insurer) { i.PhoneProfessionals, i.PhoneMembers = "", "" },
		"one phone":           func(i *Insurer) { i.PhoneProfessionals = "" },
		"one key, no status":  func(i *Insurer) { i.CardKeys, i.StatusKeys = i.CardKeys[:1], nil },
		"one policy for all":  func(i *Insurer) { i.Outage.Domains = map[string]Limits{} },
		"no ceiling":          func(i *Insurer) { i.Outage.Default.PayableEuros = 0 },
		"keys in other order": func(i *Insurer) { i.CardKeys[0], i.CardKeys[2] = i.CardKeys[2], i.CardKeys[0] },
	} {
		i := testInsurer(t)
		edit(i)
		b, err := i.Bytes()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !json.Valid(b) {
			t.Errorf("%s: encoding/json doesn't take it", name)
		}
		back, err := ParseInsurer(b)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		i.CardKeys = byKID(i.CardKeys)
		if len(i.StatusKeys) == 0 {
			back.StatusKeys, i.StatusKeys = nil, nil
		}
		if back.AMC != i.AMC || back.Name != i.Name || back.PhoneMembers != i.PhoneMembers || back.PhoneProfessionals != i.PhoneProfessionals ||
			back.Outage.Default != i.Outage.Default || !maps.Equal(back.Outage.Domains, i.Outage.Domains) {
			t.Errorf("%s: got %+v, want %+v", name, back, i)
		}
		for n, k := range back.CardKeys {
			w := i.CardKeys[n]
			if k.KID != w.KID || k.Kind != Kind || k.Owner != "775670482" || k.State != w.State || !k.From.Equal(w.From) || !k.Until.Equal(w.Until) {
				t.Errorf("%s: key %+v, want %+v", name, k, w)
			}
		}
		ring, err := back.Keyring()
		if err != nil || ring.Len() != len(i.CardKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What ParseInsurer gives opens the cards that its keys sealed.
func TestInsurerOpensCards(t *testing.T) {
	b, err := testInsurer(t).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	i, err := ParseInsurer(b)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := i.Keyring()
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse(sealJSON(t, testJSON))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ring.Lookup(u.KID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Verify(key); err != nil {
		t.Error(err)
	}
}

func TestInsurerClasses(t *testing.T) {
	raw, err := testInsurer(t).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	twin := string(raw)
	if _, err := ParseInsurer(raw); err != nil {
		t.Fatal(err)
	}
	firstKey := twin[strings.Index(twin, `{"jwk"`) : strings.Index(twin, `{"jwk"`)+strings.Index(twin[strings.Index(twin, `{"jwk"`):], `"state"`)]
	x := twin[strings.Index(twin, `"x":"`)+5:][:43]
	kid := twin[strings.Index(twin, `"kid":"`)+7:][:11]
	once := func(old, new string) string {
		if !strings.Contains(twin, old) {
			t.Fatalf("twin has no %q", old)
		}
		return strings.Replace(twin, old, new, 1)
	}
	for _, c := range []struct{ name, text, code string }{
		{"empty", "", "json_empty"},
		{"white space", once(`,"amc"`, `, "amc"`), "json_space"},
		{"indented file", indented(t, raw), "json_space"},
		{"trailing line break", twin + "\n", "json_space"},
		{"other version", once("tp-issuer-1", "tp-issuer-2"), "issuer_format"},
		{"no format", once(`"format":"tp-issuer-1",`, ""), "format_missing"},
		{"no outage policy", twin[:strings.Index(twin, `,"outage"`)] + "}", "outage_missing"},
		{"unknown member", once(`,"amc"`, `,"url":"x","amc"`), "member_unknown"},
		{"case variant", once(`"amc"`, `"AMC"`), "member_case"},
		{"duplicate", once(`,"name"`, `,"amc":"0775670482","name"`), "json_duplicate"},
		{"members out of order", once(`"format":"tp-issuer-1","amc":"0775670482"`, `"amc":"0775670482","format":"tp-issuer-1"`), "member_order"},
		{"amc with spaces", once("0775670482", "077 567 0482"), "amc_form"},
		{"amc all zeros", once("0775670482", "0000000000"), "amc_form"},
		{"name empty", once(`Mutuelle \"Exemple\" & Fils`, ""), "name_form"},
		{"name with bidi override", once("Fils", "Fi\u202els"), "name_form"},
		{"name with a web address", once("Fils", "www.fils"), "name_form"},
		{"phone with letters", once("0969390001", "0969 DROITS"), "phone_form"},
		{"phone as URL", once("0969390001", "tel:0969390001"), "phone_form"},
		{"phone empty", once("0969390001", ""), "phone_empty"},
		{"no card key", twin[:strings.Index(twin, `"card_keys":[`)+13] + twin[strings.Index(twin, `],"status_keys"`):], "keys_empty"},
		{"key twice", once(firstKey, firstKey+`"state":"active"},`+firstKey), "key_twice"},
		{"JWK with a private member", once(`"use":"sig"`, `"use":"sig","d":"AAAA"`), "jwk_private"},
		{"JWK for encryption", once(`"use":"sig"`, `"use":"enc"`), "jwk_use"},
		{"JWK with key_ops", once(`"alg":"ES256"`, `"alg":"ES256","key_ops":["verify"]`), "jwk_not_canonical"},
		{"JWK members in other order", once(`"kty":"EC","crv":"P-256"`, `"crv":"P-256","kty":"EC"`), "jwk_not_canonical"},
		{"JWK off the curve", once(x, strings.Repeat("A", 43)), "jwk_off_curve"},
		{"JWK under another kid", once(kid, "AAAAAAAAAAA"), "jwk_kid"},
		{"state unknown", once(`"state":"active"`, `"state":"trusted"`), "key_state"},
		{"state missing", once(`,"state":"active"`, ``), "state_missing"},
		{"window reversed", once(`"from":"2025-11-01`, `"from":"2026-12-01`), "key_window"},
		{"window in another zone", once(`2025-11-01T00:00:00Z`, `2025-11-01T00:00:00+01:00`), "key_time_form"},
		{"window with fractions", once(`2025-11-01T00:00:00Z`, `2025-11-01T00:00:00.5Z`), "key_time_form"},
		{"window 31 November", once(`2025-11-01T`, `2025-11-31T`), "key_time_form"},
		{"window in 1970", once(`2025-11-01T`, `1970-11-01T`), "key_time_form"},
		{"reserve 0", once(`"reserve_hours":72`, `"reserve_hours":0`), "outage_hours_range"},
		{"refuse after a year", once(`"refuse_hours":720`, `"refuse_hours":8785`), "outage_hours_range"},
		{"reserve after refuse", once(`"reserve_hours":72,`, `"reserve_hours":721,`), "outage_hours_order"},
		{"euros wrap 32 bits", once(`"payable_euros":150`, `"payable_euros":4294967446`), "outage_euros_range"},
		{"euros negative", once(`"payable_euros":150`, `"payable_euros":-1`), "json_negative"},
		{"hours as text", once(`"reserve_hours":72`, `"reserve_hours":"72"`), "value_type"},
		{"limits incomplete", once(`,"payable_euros":150`, ``), "payable_euros_missing"},
		{"domain in lower case", once(`"AUDI"`, `"audi"`), "outage_domain_form"},
		{"domain twice", once(`"DENT"`, `"AUDI"`), "json_duplicate"},
		{"domains out of order", strings.Replace(once(`"AUDI"`, `"@"`), `"DENT"`, `"AUDI"`, 1), ""},
		{"too large", twin + strings.Repeat(" ", MaxIssuerFile), "issuer_size"},
	} {
		text := c.text
		if c.name == "domains out of order" {
			text = strings.Replace(text, `"@"`, `"DENT"`, 1)
			c.code = "issuer_not_canonical"
		}
		i, err := ParseInsurer([]byte(text))
		if i != nil || signing.CodeOf(err) != c.code || !errors.Is(err, ErrMalformed) && !errors.Is(err, signing.ErrBadKey) {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
}

func indented(t *testing.T, b []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// One key, one purpose; one insurer, its own keys.
func TestBytesRefuses(t *testing.T) {
	for code, edit := range map[string]func(*Insurer){
		"key_other_kind":  func(i *Insurer) { i.CardKeys[1].Kind = StatusListKind },
		"key_other_owner": func(i *Insurer) { i.CardKeys[1].Owner = "784647349" },
		"key_twice":       func(i *Insurer) { k := *i.CardKeys[0]; k.Kind = StatusListKind; i.StatusKeys[0] = &k },
		"key_empty":       func(i *Insurer) { i.CardKeys[1] = nil },
		"key_state":       func(i *Insurer) { i.CardKeys[1].State = "" },
		"key_time_form":   func(i *Insurer) { i.CardKeys[1].From = i.CardKeys[1].From.Add(1) },
		"keys_count":      func(i *Insurer) { i.CardKeys = make([]*signing.PublicKey, MaxCardKeys+1) },
	} {
		i := testInsurer(t)
		edit(i)
		if b, err := i.Bytes(); b != nil || signing.CodeOf(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestOutageFor(t *testing.T) {
	p := DefaultOutage()
	if err := p.check(); err != nil {
		t.Fatal(err)
	}
	if got := p.For("PHAR"); got != (Limits{72, 720, 150}) || p.For("") != got {
		t.Error(got)
	}
	if got := p.For("OPTI"); got.RefuseHours >= p.Default.RefuseHours || got.PayableEuros >= p.Default.PayableEuros {
		t.Error(got)
	}
	if !reflect.DeepEqual((OutagePolicy{Default: Limits{1, 2, 3}}).For("PHAR"), Limits{1, 2, 3}) {
		t.Error("policy without domains")
	}
}
