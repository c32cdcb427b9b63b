package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card/qr"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
)

func TestScan(t *testing.T) {
	s := newScene(t)
	var got scanned
	a := s.post("scan", scanOf(7, s.good))
	a.json(t, &got)
	if a.status != 200 || got.ID != 7 || got.Status != offline.Valid || got.Domain != "PHAR" || got.Code != s.good || got.Receipt == "" || !got.Recorded {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got.Words.Headline != "DROITS OUVERTS" {
		t.Errorf("%q", got.Words.Headline)
	}
	s.post("scan?lang=en", scanOf(8, s.good)).json(t, &got)
	if got.ID != 8 || !strings.Contains(got.Words.Headline, "RIGHTS") {
		t.Errorf("in English: %d %q", got.ID, got.Words.Headline)
	}
	for _, code := range s.forged {
		var bad scanned
		s.post("scan", scanOf(9, code)).json(t, &bad)
		if bad.Status == offline.Valid || bad.Card != nil {
			t.Errorf("forged: %s %s", bad.Status, bad.Reason)
		}
	}
}

// Two halves of one code are one scan; two codes in one are none.
func TestHalvesAndPairs(t *testing.T) {
	s := newScene(t)
	half := len(s.good) / 2
	var got scanned
	s.post("scan", scanOf(1, s.good[:half])).json(t, &got)
	if got.Status != offline.Unknown || got.Receipt != "" {
		t.Fatalf("first half: %+v", got)
	}
	got = scanned{}
	s.post("scan", scanOf(2, s.good[half:])).json(t, &got)
	if got.Status != offline.Valid || got.Code != s.good {
		t.Errorf("second half: %s %s", got.Status, got.Misread)
	}
	got = scanned{}
	s.post("scan", scanOf(3, s.good+s.forged[0])).json(t, &got)
	if got.Status == offline.Valid || len(got.Codes) != 2 || got.Codes[0] != s.good || got.Codes[1] != s.forged[0] {
		t.Errorf("two in one: %s, %d codes", got.Status, len(got.Codes))
	}
	// A cleared screen forgets the half of the card before.
	got = scanned{}
	s.post("scan", scanOf(6, s.good[:half]))
	s.post("scan", strings.Replace(scanOf(7, s.good[half:]), "{", `{"fresh":true,`, 1)).json(t, &got)
	if got.Status == offline.Valid {
		t.Error("a half scan outlives a cleared screen")
	}
	// The longest burst that the page keeps, with every key's name, is judged and not refused for its length.
	var keys []string
	for range scan.MaxPresses {
		keys = append(keys, `{"code":"NumpadDecimal","shift":false}`)
	}
	got = scanned{}
	a := s.post("scan", `{"id":8,"typed":"`+strings.Repeat("é", scan.MaxPresses)+`","presses":[`+strings.Join(keys, ",")+`]}`)
	if a.json(t, &got); a.status != 200 || got.Status != offline.Unknown || got.ID != 8 {
		t.Errorf("%d keys: %d %.200s", scan.MaxPresses, a.status, a.body)
	}
	// Another session's halves are another scanner's.
	got = scanned{}
	s.post("scan", scanOf(4, s.good[:half]))
	s.secret = s.launch()
	s.post("scan", scanOf(5, s.good[half:])).json(t, &got)
	if got.Status == offline.Valid {
		t.Error("halves of two sessions made one card")
	}
}

// Every error on the way to a verdict says that nothing was verified, and of which scan.
func TestEveryScanErrorSaysNotVerified(t *testing.T) {
	s := newScene(t, func(o *Options) { o.Ask = thrower{} })
	for name, body := range map[string]string{"panic": scanOf(41, "TP1"), "day": `{"id":41,"typed":"x","care":"2027-02-30"}`, "person": `{"id":41,"typed":"x","person":13}`,
		"domain": `{"id":41,"typed":"x","domain":"x y"}`, "not JSON": `{"id":41`} {
		a := s.post("scan", body)
		var got failure
		a.json(t, &got)
		if a.status < 400 || got.ID == nil || got.Status != offline.Unknown || got.Words == nil || got.Words.Headline != "NON VÉRIFIÉ" || got.Error.What == "" || got.Error.Todo == "" || got.Error.Code == "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if got.ID != nil && *got.ID != 41 && name != "not JSON" {
			t.Errorf("%s: answer to %d", name, *got.ID)
		}
	}
	if a := s.post("scan?lang=en", scanOf(1, "TP1")); !bytes.Contains(a.body, []byte("NOT VERIFIED")) {
		t.Errorf("%s", a.body)
	}
	// The server lives on.
	if a := s.get("state"); a.status != 200 {
		t.Errorf("after panics: %d", a.status)
	}
	if log := s.log.String(); strings.Contains(log, "LEFÈVRE") || !strings.Contains(log, "scan panicked") || !strings.Contains(log, "thrower") {
		t.Errorf("log: %s", log)
	}
}

// thrower panics with a person's name, as a fault in the middle of a verdict would.
type thrower struct{}

func (thrower) Ask(context.Context, counter.Question) counter.Answer { panic("LEFÈVRE Anne 0012284") }

// Whoever stands at the counter has no terminal: advice names screens and buttons.
func TestAdviceNamesNoCommand(t *testing.T) {
	for _, k := range []*known{errBody, errLong, errMedia, errInside, errBusy, errSettings, errNoCode, errNotPicture, errPictureLarge, errPictureSlow, errReader, errSeveral,
		errBundleGone, errNumber, errNoReceipt, errFilter, errNotCalibration, errAmbiguous, errAmount, errGeneral, errCanceled} {
		for _, lang := range []offline.Language{offline.French, offline.English} {
			said := k.trouble(lang)
			if text := said.What + said.Todo; strings.Contains(text, "fsck") || strings.Contains(text, " --") || strings.Contains(text, "comptoir ") && !strings.Contains(text, "le comptoir") || strings.Contains(text, "reçu") && k == errNumber {
				t.Errorf("%s: %q", k.code, text)
			}
		}
	}
}

func TestPanicElsewhere(t *testing.T) {
	s := newScene(t)
	s.book.peeked = func(string) { panic("LEFÈVRE Anne") }
	a := s.post("peek", `{"from":"/srv/public"}`)
	var got failure
	a.json(t, &got)
	if a.status != 500 || got.Error.Code != "internal" || got.Error.What != "le programme a rencontré une erreur" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if strings.Contains(s.log.String(), "LEFÈVRE") || !strings.Contains(s.log.String(), "handler panicked") {
		t.Errorf("log: %s", s.log)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	s := newScene(t)
	for _, path := range []string{"/", "/s/" + s.secret + "/state", "/s/wrong/state", "/nothing"} {
		a := s.send("GET", path, "")
		for name, want := range headers {
			if a.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, a.header.Get(name))
			}
		}
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Server" || name == "Set-Cookie" {
				t.Errorf("%s: %s", path, name)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	s := newScene(t)
	var got counter.Settings
	s.get("settings").json(t, &got)
	if got.Profession != "pharmacie" {
		t.Fatalf("%+v", got)
	}
	got.Theme, got.Name = "dark", "Pharmacie du Port"
	b := must(json.Marshal(got))(t)
	if a := s.post("settings", string(b)); a.status != 200 || !bytes.Contains(s.book.settings, []byte("Pharmacie du Port")) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, body := range map[string]string{"unknown member": `{"trust_root":"x"}`, "language": `{"language":"de"}`, "port": `{"port":80}`,
		"huge": `{"name":"` + strings.Repeat("x", maxSmallBody) + `"}`, "markup": `{"name":"\u202e<script>"}`, "type": `{"port":"x"}`, "twice": `{"port":2000,"port":3000}`} {
		before := s.book.effects.Load()
		if a := s.post("settings", body); a.status < 400 || s.book.effects.Load() != before {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	s.book.err = errors.New("disk full")
	if a := s.post("settings", `{"theme":"light"}`); a.status < 400 || s.Settings().Theme != "dark" {
		t.Errorf("not saved, and yet in use: %d %+v", a.status, s.Settings())
	}
	s.book.err = nil
}

func TestCalibration(t *testing.T) {
	s := newScene(t)
	if a := s.get("calibration.svg"); a.status != 200 || a.header.Get("Content-Type") != "image/svg+xml" || !bytes.Contains(a.body, []byte("<svg")) {
		t.Errorf("%d %s", a.status, a.header.Get("Content-Type"))
	}
	if _, err := qr.Encode(scan.CalibrationText()); err != nil {
		t.Error(err)
	}
	// A keyboard that nobody knows: every symbol comes as another.
	scrambled := func(text string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || strings.ContainsRune("$%*+-./: ", r) {
				return r + 0x400
			}
			return r
		}, text)
	}
	if a := s.post("calibration", `{"typed":"nothing","presses":[]}`); a.status != http.StatusUnprocessableEntity {
		t.Errorf("nonsense: %d %s", a.status, a.body)
	}
	b := must(json.Marshal(scan.Typed{Text: scrambled(scan.CalibrationText()), Presses: []scan.Press{}}))(t)
	if a := s.post("calibration", string(b)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var got scanned
	s.post("scan", scanOf(1, scrambled(s.good))).json(t, &got)
	if got.Status != offline.Valid {
		t.Errorf("learnt keyboard: %s %s", got.Reason, got.Misread)
	}
	// Saving other settings keeps it; the page never sees it.
	s.post("settings", `{"profession":"pharmacie","theme":"dark"}`)
	if s.Settings().Learnt == nil || bytes.Contains(s.get("settings").body, []byte("keyboard")) {
		t.Error("the learnt keyboard went away, or out")
	}
	if a := s.post("calibration/forget", `{}`); a.status != 200 || s.Settings().Learnt != nil {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// endless gives bytes for ever, without saying how many.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBodiesAreBounded(t *testing.T) {
	s := newScene(t)
	for name, media := range map[string]string{"scan": "application/json", "settings": "application/json", "peek": "application/json", "picture": "application/pdf", "bundle": "application/zip"} {
		r := must(http.NewRequest("POST", s.origin()+"/s/"+s.secret+"/"+name, struct{ io.Reader }{io.LimitReader(endless{}, 65<<20)}))(t)
		r.Header.Set("Content-Type", media)
		r.Header.Set("Origin", s.origin())
		a, err := client.Do(r)
		if err != nil {
			continue // the server answered and cut the connection while we were still sending
		}
		a.Body.Close()
		if a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if left := must(filepath.Glob(filepath.Join(s.o.Temp, "*")))(t); len(left) != 0 {
		t.Errorf("left behind: %d files", len(left))
	}
}

// Every JSON body of every route refuses what is not exactly its form, before anything happens.
func TestBodiesAreStrict(t *testing.T) {
	s := newScene(t)
	deep := `{"id":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`
	bad := map[string]string{"empty": ``, "not JSON": `hello`, "array": `[]`, "null": `null`, "two": `{}{}`, "unknown": `{"zz":1}`, "twice": `{"id":1,"id":2,"typed":"a","typed":"b"}`,
		"case": `{"ID":1}`, "NUL": "{\"typed\":\"a\\u0000b\"}", "raw NUL": "{\"typed\":\"a\x00b\"}", "deep": deep, "not UTF-8": "{\"typed\":\"\xff\"}", "cut": `{"typed":"a`,
		"null member": `{"typed":null}`, "wrong type": `{"typed":1,"from":1,"fingerprint":1,"spent":1,"theme":1,"code":1}`, "proto": `{"__proto__":{}}`, "comment": `{/**/}`}
	met := 0
	for _, r := range s.routes {
		if r.method != "POST" || r.kind != people || r.name == "picture" || r.name == "bundle" {
			continue
		}
		for name, body := range bad {
			met++
			before := s.book.effects.Load()
			a := s.post(r.name, body)
			if a.status < 400 || a.status >= 500 || s.book.effects.Load() != before {
				t.Errorf("%s, %s: %d %.100s", r.name, name, a.status, a.body)
			}
			var got failure
			a.json(t, &got)
			if got.Error.Code == "" || got.Error.What == "" || got.Error.Todo == "" {
				t.Errorf("%s, %s: %s", r.name, name, a.body)
			}
		}
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json; charset=utf-16"} {
			if a := s.post(r.name, `{}`, "Content-Type", media); a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %q: %d", r.name, media, a.status)
			}
		}
	}
	for name, body := range bad {
		met++
		before := s.book.effects.Load()
		if a := s.v1("POST", "verify", body, "Content-Type", "application/json"); a.status < 400 || a.status >= 500 || s.book.effects.Load() != before || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("/v1/verify, %s: %d %s %.100s", name, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	nested := func(n int) []byte { return []byte(`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`) }
	if checkJSON(nested(maxDepth-1)) != nil || checkJSON(nested(maxDepth)) == nil || checkJSON(bytes.ReplaceAll(nested(1000), []byte("[]"), []byte(`[{"a":[]}]`))) == nil {
		t.Error("depth")
	}
	if met < 10*len(bad) {
		t.Errorf("met only %d cases", met)
	}
}

// The state comes once at once, and again when something changed, and the desk knows who looks.
func TestEvents(t *testing.T) {
	s := newScene(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := must(http.NewRequestWithContext(ctx, "GET", s.origin()+"/s/"+s.secret+"/events?lang=en", nil))(t)
	a := must(client.Do(r))(t)
	defer a.Body.Close()
	next := func() situation {
		t.Helper()
		var b []byte
		one := make([]byte, 1)
		for !bytes.HasSuffix(b, []byte("\n\n")) {
			if _, err := a.Body.Read(one); err != nil {
				t.Fatalf("%v after %q", err, b)
			}
			b = append(b, one[0])
		}
		var got situation
		data, ok := strings.CutPrefix(string(b), "event: state\ndata: ")
		if !ok || json.Unmarshal([]byte(data), &got) != nil {
			t.Fatalf("%q", b)
		}
		return got
	}
	if got := next(); got.Mode != "rescue" || len(got.Lists) != 1 || got.Oldest.Level != "ok" || got.Oldest.AgeWords != "2 hours" || s.Clients() != 1 {
		t.Errorf("%+v, %d clients", got, s.Clients())
	}
	s.post("settings", `{"theme":"dark"}`)
	if got := next(); got.Settings.Theme != "dark" {
		t.Errorf("%+v", got.Settings)
	}
	// The end of the session ends its streams.
	s.launches.endAll()
	if _, err := io.ReadAll(a.Body); err != nil && ctx.Err() != nil {
		t.Error("the stream outlives its session")
	}
	for s.Clients() != 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond) // a real connection: there is nothing to wait on
	}
	if s.Clients() != 0 {
		t.Error("somebody still looks")
	}
}

// Streams and slow sources outlive the patience that every other request has to do with.
func TestPatience(t *testing.T) {
	s := newScene(t, func(o *Options) { o.patience = 300 * time.Millisecond })
	s.book.slow = time.Second
	if a := s.post("follow", `{"from":"/srv/public","root":"3F0A 91C4"}`); a.status != 200 {
		t.Errorf("a slow source: %d %s", a.status, a.body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	a := must(client.Do(must(http.NewRequestWithContext(ctx, "GET", s.origin()+"/s/"+s.secret+"/events", nil))(t)))(t)
	defer a.Body.Close()
	if _, err := io.ReadAll(a.Body); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the stream ended by itself: %v", err)
	}
	if a := s.send("GET", "/s/"+s.secret+"/state", ""); a.status != 200 {
		t.Errorf("%d", a.status)
	}
}

// Eight hands at once, for the race detector and for verdicts that never mix.
func TestManyHands(t *testing.T) {
	s := newScene(t)
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	var asked atomic.Int64
	for hand := range 8 {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				switch {
				case hand == 6:
					s.post("settings", fmt.Sprintf(`{"profession":"pharmacie","sync_minutes":%d}`, 5+i%100))
				case hand == 7:
					s.post("sync", `{}`)
					s.get("state")
					s.Changed()
				default:
					id, code, want := hand*1000000+i, s.good, offline.Valid
					if i%2 == 1 {
						code, want = s.forged[0], offline.Unknown
					}
					var got scanned
					a := s.post("scan", scanOf(id, code))
					if err := json.Unmarshal(a.body, &got); err != nil || got.ID != int64(id) || (got.Status == offline.Valid) != (want == offline.Valid) {
						t.Errorf("scan %d: %d %v %s", id, got.ID, err, got.Status)
						return
					}
					asked.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if int(asked.Load()) != len(s.book.written) || asked.Load() < 50 {
		t.Errorf("%d scans, %d entries", asked.Load(), len(s.book.written))
	}
}

// The log says what happened, and nothing of what was sent.
func TestLogNamesNobody(t *testing.T) {
	s := newScene(t)
	s.post("scan", scanOf(1, s.good))
	s.post("scan", scanOf(1, "LEFEVRE ANNE 185031234567890"))
	s.get("journal?number=SECRETQUERY")
	s.send("GET", "/s/"+s.secret+"/web/CANARY.js", "")
	s.send("GET", "/CANARY", "")
	s.send("CANARY", "/CANARY", "")
	s.v1("POST", "verify", scanOf(1, "CANARY"))
	s.v1("GET", "receipts/CANARY", "")
	log := s.log.String()
	for _, canary := range []string{s.secret, s.good[:20], "LEFEVRE", "185031", "SECRETQUERY", "CANARY", someToken, "0012284"} {
		if strings.Contains(log, canary) {
			t.Errorf("log holds %q", canary)
		}
	}
	if !strings.Contains(log, `route="people scan"`) || !strings.Contains(log, "refused=route") {
		t.Errorf("log says too little:\n%s", log)
	}
}

func FuzzScanBody(f *testing.F) {
	for _, seed := range []string{`{"id":7,"typed":"TP1ABC","presses":[{"code":"Digit1","shift":false}],"domain":"PHAR","care":"2027-03-02","person":1}`, `{}`, `{"id":1e3}`, `{"id":-0}`,
		`{"presses":[[[[[[[[[]]]]]]]]]}`, `{"id":1,"id":2}`, `{"ıd":1}`, "{\"typed\":\"\\u0000\"}", `{"typed":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got scanBody
		if decodeStrict(b, maxScanBody, &got) != nil {
			return
		}
		if len(b) > maxScanBody || strings.ContainsRune(got.Typed, 0) {
			t.Fatal("taken, and over a bound")
		}
		// Whatever is taken reads the same as by a decoder that is strict in another way.
		again := must(json.Marshal(got))(t)
		var other scanBody
		if err := decodeStrict(again, 1<<30, &other); got.Presses != nil && err != nil || got.Presses != nil && fmt.Sprint(got) != fmt.Sprint(other) {
			t.Fatalf("%s became %s: %v", b, again, err)
		}
		if _, err := question(got.Domain, got.Care, got.Person); err != nil && !errors.Is(err, errBody) {
			t.Fatal(err)
		}
	})
}
