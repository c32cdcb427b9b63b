// Tests of receipts: bodies, numbers, printed lines, exports.

package receipt

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sceau/offline"
	"sceau/signing/journal"
)

const deviceID = "0123456789abcdef0123456789abcdef"

func good() Receipt {
	return Receipt{Version: 1, Card: "775670482/3-583021", KID: "AAECAwQFBgc", Care: 20883, Domain: "PHAR", Person: 2, Status: offline.Reserve, Reason: offline.StaleList,
		Detail: "some_code", Since: 20870, Own: true, List: 3, Revision: 1042, Published: time.Unix(1803888000, 0).UTC(), Age: 26 * time.Hour, Policy: "0123456789abcdef",
		PayUntil: time.Unix(1806480000, 0).UTC(), PayEuros: 150, Mode: Offline}
}

func recordOf(t testing.TB, r Receipt, at time.Time) Record {
	t.Helper()
	head, err := journal.Start(deviceID)
	if err != nil {
		t.Fatal(err)
	}
	head.Seq = 1041
	e, err := journal.Append(head, r.Body(), at)
	if err != nil {
		t.Fatal(err)
	}
	return Record{Number: NumberOf(deviceID, e), Device: deviceID, Seq: e.Seq, Row: e.Seq, At: e.At, Hash: e.Hash(), Receipt: r}
}

// TestBody pins the bytes: they are hashed for years, and FORMAT.md shows them.
func TestBody(t *testing.T) {
	const full = `{"v":1,"card":"775670482/3-583021","kid":"AAECAwQFBgc","care":"2027-03-06","domain":"PHAR","person":2,"status":"reserve","reason":"STALE_LIST",` +
		`"detail":"some_code","since":"2027-02-21","own":true,"list":3,"revision":1042,"published":1803888000,"age":93600,"policy":"0123456789abcdef",` +
		`"pay_until":1806480000,"pay_euros":150,"mode":"offline"}`
	if got := string(good().Body()); got != full {
		t.Errorf("%s", got)
	}
	least := Receipt{Version: 1, Status: offline.Unknown, Reason: offline.UnknownIssuer, Mode: Online}
	if got := string(least.Body()); got != `{"v":1,"status":"unknown","reason":"UNKNOWN_ISSUER","mode":"online"}` {
		t.Errorf("%s", got)
	}
	for _, r := range []Receipt{good(), least} {
		if again, err := Decode(r.Body()); err != nil || again != r {
			t.Errorf("%+v %v", again, err)
		}
	}
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil || !bytes.Contains(bytes.ReplaceAll(doc, []byte("\n"), nil), []byte(full)) {
		t.Errorf("FORMAT.md does not show this body: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := string(good().Body())
	if _, err := Decode([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	swap := func(old, with string) string {
		if !strings.Contains(whole, old) {
			t.Fatal(old)
		}
		return strings.Replace(whole, old, with, 1)
	}
	for _, b := range []string{"", "x", "null", "[]", "{}", "1", whole + " ", " " + whole, whole + whole, whole[:len(whole)-1], "\ufeff" + whole,
		swap(`"v":1`, `"v":2`), swap(`"v":1`, `"v":1.0`), swap(`"v":1,`, ``), swap(`"v":1`, `"V":1`), swap(`"v":1`, `"v":1,"v":1`),
		swap("775670482/", "0775670482/"), swap("775670482/", "77567048212/"), swap("/3-583021", "/3-0583021"), swap("/3-583021", "/0-1"), swap("/3-583021", "/3-9999999"),
		swap("/3-583021", ""), swap(`"card":"775670482/3-583021",`, ""), swap("AAECAwQFBgc", "AAECAwQFBgd"), swap("AAECAwQFBgc", "Léa Martin"), swap(`"kid":"AAECAwQFBgc",`, ""),
		swap("2027-03-06", "2027-02-30"), swap("2027-03-06", "06/03/2027"), swap(`"care":"2027-03-06",`, `"care":"",`), swap("PHAR", "phar"), swap("PHAR", "P"), swap("PHAR", "2700599999999"),
		swap("PHAR", "PH R"), swap(`"person":2`, `"person":13`), swap(`"person":2`, `"person":-1`), swap(`"person":2`, `"person":0`), swap(`"person":2`, `"person":"2"`),
		swap(`"reserve"`, `"green"`), swap(`"reserve"`, `""`), swap("STALE_LIST", "stale"), swap("STALE_LIST", strings.Repeat("A", 33)), swap("some_code", "Some code"), swap("some_code", strings.Repeat("a", 65)),
		swap("2027-02-21", "x"), swap(`"own":true`, `"own":false`), swap(`"list":3,`, ``), swap(`"list":3`, `"list":4294967295`), swap(`"revision":1042`, `"revision":-1`),
		swap(`"published":1803888000,`, ``), swap(`"published":1803888000`, `"published":-5`), swap(`"published":1803888000`, `"published":1e9`), swap(`"published":1803888000`, `"published":999999999999`),
		swap(`"age":93600`, `"age":-1`), swap(`"age":93600`, `"age":9223372036854775807`), swap("0123456789abcdef", "0123456789ABCDEF"), swap("0123456789abcdef", "0123"),
		swap(`"pay_until":1806480000,`, ``), swap(`"pay_euros":150`, `"pay_euros":-1`), swap(`"pay_euros":150`, `"pay_euros":100001`), swap(`"offline"`, `"hors ligne"`), swap(`,"mode":"offline"`, ``),
		swap(`"mode"`, `"name":"Léa Martin","mode"`), strings.Repeat(" ", MaxBody+1),
	} {
		r, err := Decode([]byte(b))
		if !errors.Is(err, ErrReceipt) || r != (Receipt{}) {
			t.Errorf("%.200s: %+v %v", b, r, err)
		} else if strings.Contains(err.Error(), "Martin") || strings.Contains(err.Error(), "2700599") {
			t.Errorf("quoted: %v", err)
		}
	}
	// Nothing is good without an authentic card.
	for _, status := range []offline.Status{offline.Valid, offline.Reserve} {
		if err := (Receipt{Version: 1, Status: status, Reason: offline.OK, Mode: Offline}).Check(); !errors.Is(err, ErrReceipt) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// Of keeps what is lawful of any verdict, and what it makes can always be stored.
func TestOf(t *testing.T) {
	at := time.Date(2027, 3, 2, 9, 0, 0, 987654321, time.FixedZone("x", 3600))
	for _, v := range []offline.Verdict{
		{}, {Status: offline.Unknown, Reason: offline.UnknownDomain, Domain: "2700599999999", Care: -4, Person: 99, Detail: "Léa Martin", Since: 1 << 30},
		{Status: offline.Unknown, Reason: offline.Unreadable, Domain: "PHAR", Care: 20883, Person: -1, Detail: "crc_mismatch"},
		{Status: offline.Refused, Reason: offline.Malformed, List: &offline.List{List: 1}, Pay: &offline.Payment{}},
		{Status: offline.Refused, Reason: offline.BadSignature, List: &offline.List{Published: at}},
	} {
		r := Of(v, Offline)
		if v.Reason == "" {
			continue // not a verdict of Check
		}
		again, err := Decode(r.Body())
		if err != nil || again != r {
			t.Errorf("%+v: %+v %v", v, again, err)
		}
		if r.Domain != "" && r.Domain != "PHAR" || r.Detail != "" && r.Detail != "crc_mismatch" || r.Person != 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestOpening(t *testing.T) {
	const jwk = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"%s","use":"sig","alg":"ES256"}`
	key := []byte(fmt.Sprintf(jwk, "oKIywvGUpTU")) // of RFC 7515 appendix A.3; its kid is checked below
	o := Opening{Device: deviceID, Key: key, Because: First}
	body, err := o.Body()
	if err != nil {
		t.Fatal(err)
	}
	later := Opening{Device: deviceID, Key: key, Because: Damaged, Before: "f" + deviceID[1:], Seq: 9, Hash: [32]byte{1}, Claimed: 12}
	second, err := later.Body()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{body, second} {
		got, err := DecodeOpening(b)
		if again, err2 := got.Body(); err != nil || err2 != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: %v %v", b, err, err2)
		}
		if _, err := Decode(b); !errors.Is(err, ErrReceipt) {
			t.Errorf("an opening is taken for a receipt: %v", err)
		}
		for _, bad := range []string{"", string(b) + " ", strings.Replace(string(b), `"v":1`, `"v":2`, 1), strings.Replace(string(b), deviceID, "x", 1), strings.Replace(string(b), "oKIywvGUpTU", "oKIywvGUpTA", 1),
			strings.Replace(string(b), `"because":"`, `"because":"x`, 1), strings.Replace(string(b), `"because"`, `"seq":3,"because"`, 1)} {
			if got, err := DecodeOpening([]byte(bad)); !errors.Is(err, ErrReceipt) || got.Device != "" {
				t.Errorf("%s: %v", bad, err)
			}
		}
	}
	if _, err := DecodeOpening(good().Body()); !errors.Is(err, ErrReceipt) {
		t.Errorf("a receipt is taken for an opening: %v", err)
	}
	for _, bad := range []Opening{{}, {Device: deviceID, Key: key, Because: First, Before: later.Before}, {Device: deviceID, Key: key, Because: Damaged, Before: deviceID},
		{Device: deviceID, Key: key, Because: Damaged, Seq: 1}, {Device: deviceID, Key: append([]byte(" "), key...), Because: First}} {
		if b, err := bad.Body(); !errors.Is(err, ErrReceipt) || b != nil {
			t.Errorf("%+v: %s %v", bad, b, err)
		}
	}
}

func TestNumber(t *testing.T) {
	rec := recordOf(t, good(), time.Unix(1803978271, 0))
	p := Parts{"04HM", 1042, string(rec.Number)[10:]}
	if string(rec.Number) != "04HM-1042-"+p.Check || len(p.Check) != 4 || !p.Matches(rec.Device, rec.Seq, rec.Hash) {
		t.Fatal(rec.Number)
	}
	if twenty([3]byte{0xff, 0xff, 0xff}) != "ZZZZ" || twenty([3]byte{0, 0, 0x10}) != "0001" || twenty([3]byte{0, 0, 0x0f}) != "0000" {
		t.Error("20 bits, the first ones")
	}
	for _, typed := range []string{"04HM-1042-M3TZ", "04hm-1042-m3tz", "04HM1042M3TZ", " 04 HM 1042 M3 TZ ", "O4HM–1O42—M3TZ", "04HM-lo42-m3tz", "04hm\u00a01042\u202fm3tz\r\n", "04HM-1042M3TZ"} {
		if got, err := ParseNumber(typed); err != nil || got != (Parts{"04HM", 1042, "M3TZ"}) || got.Number() != "04HM-1042-M3TZ" {
			t.Errorf("%q: %+v %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "-", "04HM", "04HM-M3TZ", "04HM-0-M3TZ", "04HM-01042-M3TZ", "04HM--M3TZ", "04HU-1042-M3TZ", "04HM-1042-M3TU", "04HM-10A2-M3TZ", "04HM-99999999999999999999-M3TZ",
		"04HM-+1042-M3TZ", "04HM_1042_M3TZ", "04HM-1042-M3T", "4HM-1042-M3TZ", "04H-M1042-M3TZ", "-04HM-1042-M3TZ", "\u212a7QF-1042-M3TZ", "é4HM-1042-M3TZ", "04HM-1042-M3TZ\x00", strings.Repeat(" ", 200) + "04HM-1042-M3TZ", "04HM-1.042-M3TZ", "Martin"} {
		if got, err := ParseNumber(typed); err != ErrNumber || got != (Parts{}) {
			t.Errorf("%q: %+v %v", typed, got, err)
		}
	}
	for _, id := range []string{"", "x", deviceID[1:], strings.ToUpper(deviceID)} {
		if NumberOf(id, journal.Entry{Seq: 1}) != "" || Short(id) != "" {
			t.Errorf("%q is taken for a device", id)
		}
	}
}

func TestLines(t *testing.T) {
	for _, lang := range []offline.Language{offline.French, offline.English} {
		for _, reason := range offline.Reasons() {
			r := Receipt{Version: 1, Care: 20883, Domain: "PHAR", Status: offline.StatusOf(reason), Reason: reason, Since: 20870, Mode: Offline}
			if r.Status == offline.Valid || r.Status == offline.Reserve {
				r = good()
				r.Reason, r.Status = reason, offline.StatusOf(reason)
			}
			rec := recordOf(t, r, time.Unix(1803978271, 0))
			rows := Lines(lang, rec, "", Counter{Name: "Pharmacie de l’Exemple", FINESS: "750000019"})
			all := Title(lang, rec) + "\n"
			for i, row := range rows {
				if strings.TrimSpace(row.Label) == "" || strings.TrimSpace(row.Value) == "" {
					t.Errorf("%s %s: empty row %d %+v", lang, reason, i, row)
				}
				all += row.Label + "\t" + row.Value + "\n"
			}
			all += strings.Join(SmallPrintOf(lang, Record{}), "\n")
			for _, must := range []string{string(rec.Number), "02/03/2027", "10:04:31", "06/03/2027", "PHAR", string(reason), "FINESS 750000019", deviceID[:8]} {
				if !strings.Contains(all, must) {
					t.Errorf("%s %s: %q is missing", lang, reason, must)
				}
			}
			if strings.Contains(strings.ToLower(all), "porteur vérifié") || strings.Contains(all, "bearer verified") || strings.Contains(all, "{") || strings.Contains(all, "%!") {
				t.Errorf("%s %s: %s", lang, reason, all)
			}
			if lang == offline.French && regexp.MustCompile(` [:;!?»]|« | €`).MatchString(all) {
				t.Errorf("%s: a plain space before a sign: %q", reason, regexp.MustCompile(`.{12} [:;!?»].{5}|« .{9}`).FindString(all))
			}
			if r.Card == "" && strings.Contains(all, "775670482") {
				t.Errorf("%s: a card that was not authenticated is named", reason)
			}
		}
	}
	if s := strings.Join(SmallPrintOf(offline.French, Record{}), " "); !strings.Contains(s, "«\u00a0Carte authentique\u00a0»") || !strings.Contains(s, "ne prouve pas l’identité") {
		t.Error(s)
	}
	// A refusal that an earlier online answer gave isn't put down to the list.
	for detail, want := range map[string]string{"": "hors ligne, d’après les listes signées de ce poste", offline.DetailTold: "hors ligne, d’après une réponse en ligne plus récente que la liste"} {
		r := good()
		r.Status, r.Reason, r.Detail, r.PayUntil, r.PayEuros = offline.Refused, offline.Revoked, detail, time.Time{}, 0
		if text := fmt.Sprint(Lines(offline.French, recordOf(t, r, time.Unix(1803978271, 0)), "", Counter{})); !strings.Contains(text, want) || !strings.Contains(text, "aucun") {
			t.Errorf("%q: %s", detail, text)
		}
	}
	// The words of the screen win; without name and FINESS there is no row for them; an unknown language is French.
	rows := Lines("de", recordOf(t, good(), time.Unix(1803978271, 0)), "DROITS OUVERTS À L’ÉCRAN", Counter{})
	if rows[0].Label != "Numéro de preuve" || rows[1].Label != "Vérification faite le" || !strings.HasPrefix(rows[4].Value, "DROITS OUVERTS À L’ÉCRAN (") {
		t.Errorf("%q", rows)
	}
	// The hour that comes twice.
	for at, want := range map[string]string{"2027-10-31T00:30:00Z": "31/10/2027 à 02:30:00 UTC+02:00", "2027-10-31T01:30:00Z": "31/10/2027 à 02:30:00 UTC+01:00", "2027-10-31T02:30:00Z": "31/10/2027 à 03:30:00"} {
		when, err := time.Parse(time.RFC3339, at)
		if got := moment(offline.French, when, true); err != nil || got != want {
			t.Errorf("%s: %s", at, got)
		}
	}
}

func sequence(n int, end error, rec Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for range n {
			if !yield(rec, nil) {
				return
			}
		}
		if end != nil {
			yield(Record{}, end)
		}
	}
}

func TestCSV(t *testing.T) {
	rec := recordOf(t, good(), time.Unix(1803978271, 0))
	rec.Receipt.KID = "-formula1AA" // a kid may begin with a dash
	rec.Receipt.Detail = ""
	var b bytes.Buffer
	if err := WriteCSV(&b, sequence(3, nil, rec)); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(b.String(), "\ufeff")
	if !ok || strings.Count(text, "\r\n") != 4 {
		t.Errorf("%q", b.String())
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 4 || len(rows[0]) != len(columns) || rows[1][0] != string(rec.Number) || rows[1][1] != "2027-03-02 10:04:31" || rows[1][10] != "'-formula1AA" || rows[1][14] != "26" {
		t.Errorf("%q %v", rows, err)
	}
	for in, want := range map[string]string{"=1+1": "'=1+1", "+33": "'+33", "-2": "'-2", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "": "", "a=b": "a=b", "'x": "'x"} {
		if got := Cell(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	cut := errors.New("cut")
	for name, err := range map[string]error{"sequence": WriteCSV(&b, sequence(1, cut, rec)), "JSON": WriteJSON(&b, sequence(1, cut, rec)), "writer": WriteCSV(narrow{}, sequence(9, nil, rec)), "JSON writer": WriteJSON(narrow{}, sequence(9, nil, rec))} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type narrow struct{}

func (narrow) Write(b []byte) (int, error) { return 0, errors.New("no room") }

func TestJSON(t *testing.T) {
	rec := recordOf(t, good(), time.Unix(1803978271, 123456000))
	for _, n := range []int{0, 1, 3} {
		var b bytes.Buffer
		if err := WriteJSON(&b, sequence(n, nil, rec)); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Schema  string       `json:"schema"`
			Records []recordText `json:"records"`
		}
		if err := json.Unmarshal(b.Bytes(), &doc); err != nil || doc.Schema != "sceau-journal-1" || len(doc.Records) != n || doc.Records == nil {
			t.Fatalf("%s %v", b.String(), err)
		}
		for _, got := range doc.Records {
			if r, err := Decode(got.Receipt); err != nil || r != good() || got.At != "2027-03-02T09:04:31.123456Z" || got.Number != rec.Number {
				t.Errorf("%+v %v", got, err)
			}
		}
	}
	var b bytes.Buffer
	WriteJSON(&b, sequence(2, errors.New("cut"), rec))
	if json.Valid(b.Bytes()) {
		t.Error("an export that was cut looks whole")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(good().Body())
	f.Add([]byte(`{"v":1,"status":"unknown","reason":"X","mode":"online"}`))
	f.Add([]byte(`{"v":1,"opens":"0123456789abcdef0123456789abcdef","key":{},"because":"first"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Decode(b); err == nil && !bytes.Equal(r.Body(), b) {
			t.Errorf("%s comes back as %s", b, r.Body())
		}
		if o, err := DecodeOpening(b); err == nil {
			if again, err := o.Body(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s comes back as %s", b, again)
			}
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"K7QF-1042-M3TZ", "k7qf1042m3tz", "O-O-O", "é", "18446744073709551615"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseNumber(s)
		if err != nil {
			return
		}
		if again, err := ParseNumber(string(p.Number())); err != nil || again != p || p.Seq == 0 {
			t.Errorf("%q: %+v %+v %v", s, p, again, err)
		}
	})
}
