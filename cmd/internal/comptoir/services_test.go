package comptoir

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/status"
	"sceau/cmd/internal/ui"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
	"sceau/signing/trust"
)

// operator is an insurer's repository and service, at one address.
type operator struct {
	t        *testing.T
	keys     map[string]*ecdsa.PrivateKey
	files    map[string][]byte
	root     [32]byte
	code     [10]byte
	server   *httptest.Server
	text     string // of the one card
	silent   bool   // the repository names no service
	mu       sync.Mutex
	counter  *signing.PublicKey
	down     bool
	serial   byte
	reason   string
	entries  int
	disputed uint64
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (o *operator) key(name string) *ecdsa.PrivateKey {
	if o.keys[name] == nil {
		o.keys[name] = must[*ecdsa.PrivateKey](o.t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	return o.keys[name]
}

func (o *operator) signer(kind signing.Kind, name string) *signing.Signer {
	return must[*signing.Signer](o.t)(signing.NewSigner(kind, o.key(name)))
}

const amc = "775670482"

func newOperator(t *testing.T, silentOnes ...bool) *operator {
	t.Helper()
	o := &operator{t: t, keys: map[string]*ecdsa.PrivateKey{}, files: map[string][]byte{}, code: [10]byte{1, 2, 3}, reason: "OK", silent: len(silentOnes) > 0}
	now := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	repo := must[*trust.Repo](t)(trust.Create(now, trust.CreateOptions{Root: []crypto.PublicKey{o.key("root").Public()}, RootThreshold: 1,
		Targets: o.key("targets").Public(), Snapshot: o.key("snapshot").Public(), Timestamp: o.key("timestamp").Public()}))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(repo.SetTarget(trust.RoleTargets, "codes.json", rights.DefaultCodes().Bytes(), nil))
	if !o.silent {
		service := &card.Service{Name: "Mutuelle Exemple"}
		for name, kind := range map[string]signing.Kind{"accord": accord.Kind, "settlement": accord.SettlementKind} {
			k := o.signer(kind, name).Public()
			if name == "accord" {
				service.AccordKeys = append(service.AccordKeys, k)
			} else {
				service.SettlementKeys = append(service.SettlementKeys, k)
			}
		}
		check(repo.SetTarget(trust.RoleTargets, "service.json", must[[]byte](t)(service.Bytes()), nil))
	}
	check(repo.AddInsurer(amc, o.key(trust.InsurerRole(amc)).Public(), o.key(trust.StatusRole(amc)).Public()))
	signer := o.signer(card.Kind, "card")
	k := signer.Public()
	k.Owner = amc
	check(k.SetWindow(now.Add(-1000*time.Hour), now.Add(1000*time.Hour)))
	check(repo.SetTarget(trust.InsurerRole(amc), "amc/"+amc+"/issuer.json", must[[]byte](t)((&card.Insurer{AMC: amc, Name: "Mutuelle Exemple", CardKeys: []*signing.PublicKey{k}, Outage: card.DefaultOutage()}).Bytes()), nil))
	check(repo.SetTarget(trust.StatusRole(amc), "amc/"+amc+"/status/3", status.New(amc, 3).Encode(), nil))
	for _, f := range must[[]trust.File](t)(repo.Commit(now, func(role string) ([]crypto.Signer, error) { return []crypto.Signer{o.key(role)}, nil })) {
		o.files[f.Path] = f.Data
		if f.Path == "1.root.json" {
			o.root = sha256.Sum256(f.Data)
		}
	}
	value := must[rights.Guarantee](t)(rights.ParseGuarantee("100%"))
	today := rights.DateAt(time.Now())
	claims := card.Claims{Issuer: amc, IssuedAt: now.Add(-48 * time.Hour).Unix(), NotBefore: (today - 30).Midnight().Unix(), Expires: (today + 31).Midnight().Unix(), Place: card.Place{List: 3, Index: 583021},
		Adherent: "0012284", Conventions: []string{"SP"}, Responsable: true, People: []card.Person{{Nom: "CANARIVELLE", Prenom: "Zoé", Birth: "19810403", Rang: 1}},
		Guarantees: []card.Group{{People: []int{0}, Values: []card.DomainValue{{Domain: "PHAR", Value: value}}}}}
	o.text = must[*card.Token](t)(must[*card.Draft](t)(card.Prepare(claims, signer.KID())).Seal(signer)).CodeText()
	o.server = httptest.NewUnstartedServer(o)
	o.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	o.server.Start()
	t.Cleanup(o.server.Close)
	return o
}

func (o *operator) invitation() string {
	return must[string](o.t)(accord.Invitation{Code: o.code, Root: o.root, Address: o.server.URL}.Text())
}

func (o *operator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/repo/"); ok {
		if b, ok := o.files[name]; ok {
			w.Write(b)
		} else {
			w.WriteHeader(404)
		}
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", map[bool]string{true: "application/json", false: "application/problem+json"}[status < 300])
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	token, _ := assertion.FromHeader(r.Header.Get("Authorization"))
	kid, err := assertion.KIDOf(token)
	if o.down {
		answer(503, map[string]string{"code": "unavailable"})
		return
	}
	facts := map[string]any{"counter": kid, "finess": "290000017", "profession": "pharmacie", "networks": []string{"SP"}, "name": "Pharmacie du Port", "state": "active",
		"root": trust.Fingerprint(o.files["1.root.json"]), "address": o.server.URL}
	if r.URL.Path == "/v1/enrolments" && err == nil {
		var in struct {
			Code string
			JWK  json.RawMessage
		}
		if json.Unmarshal(body, &in) != nil || in.Code != accord.CodeText(o.code) || o.counter != nil {
			answer(403, map[string]string{"code": "invitation"})
			return
		}
		o.counter, err = signing.ParseJWK(in.JWK)
		if err != nil || o.counter.KID != kid {
			o.t.Error("enrolled with a key that did not sign")
		}
		o.counter.Kind = assertion.Kind
		answer(201, facts)
		return
	}
	if o.counter == nil || kid != o.counter.KID {
		answer(401, map[string]string{"code": "credential"})
		return
	}
	signed, err := assertion.Open(o.counter, token)
	if err != nil {
		answer(401, map[string]string{"code": "signature"})
		return
	}
	now := time.Now().UTC().Truncate(time.Second)
	switch {
	case r.URL.Path == "/v1/counter":
		answer(200, facts)
	case r.URL.Path == "/v1/checks":
		var q struct {
			Card    string
			Domains []string
			Care    rights.Date
			Person  int
		}
		json.Unmarshal(body, &q)
		u, err := card.Parse(q.Card)
		if err != nil {
			answer(422, map[string]string{"code": "field"})
			return
		}
		o.serial++
		a := &accord.Accord{Number: accord.NewNumber([7]byte{o.serial, 9, 8, 7, 6, 5, 4}), Request: signed.ID, Insurer: amc, Place: u.PlaceUnsafe(), KID: u.KID(), Counter: kid, FINESS: "290000017", Care: q.Care, Person: q.Person,
			At: now, Until: now.Add(10 * time.Minute), Answers: []accord.Answer{{Domain: strings.Join(q.Domains, ""), Status: "valid", Reason: o.reason, People: []accord.PersonValue{{Number: 1, Covered: true}}}}}
		if n := &a.Answers[0]; o.reason != "OK" {
			n.Status, n.People[0].Covered, n.Since = "refused", false, q.Care-5
		} else if n.Domain != "" {
			n.People[0].Value = rights.Guarantee{Kind: rights.Rate, Rates: [3]int{90}}
		}
		token, err := accord.Seal(o.signer(accord.Kind, "accord"), a)
		if err != nil {
			o.t.Error(err)
		}
		answer(200, map[string]string{"accord": token, "number": string(a.Number)})
	case strings.HasSuffix(r.URL.Path, "/entries"):
		b, err := receipt.DecodeBatch(body)
		if err != nil {
			o.t.Error(err)
		}
		s := &accord.Settlement{Device: b.Device, Counter: kid, At: now}
		for _, e := range b.Entries {
			x := accord.Settled{Seq: e.Seq, Hash: e.Hash(), Answer: accord.Honoured}
			switch e.Seq {
			case 1:
				x.Answer, x.Reason = accord.Noted, accord.ReasonOpening
			case o.disputed:
				x.Answer, x.Reason = accord.Disputed, accord.ReasonEnded
			}
			s.Entries = append(s.Entries, x)
		}
		o.entries += len(b.Entries)
		token, err := accord.SealSettlement(o.signer(accord.SettlementKind, "settlement"), s)
		if err != nil {
			o.t.Error(err)
		}
		answer(200, map[string]any{"settlement": token, "next": b.Entries[len(b.Entries)-1].Seq + 1, "alarms": []any{}})
	default:
		answer(200, map[string]any{"next": 1, "head": ""})
	}
}

// run runs one command of the program.
func run(t *testing.T, stdin string, args ...string) (out string, code int) {
	t.Helper()
	c := New()
	var stdout, stderr bytes.Buffer
	c.SetArgs(args)
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&stdout)
	c.SetErr(&stderr)
	c.SetContext(t.Context())
	code = ui.Main(c, ui.French)
	return stdout.String() + stderr.String(), code
}

func wants(t *testing.T, what, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%s: no %q in:\n%s", what, text, out)
		}
	}
}

func TestEnrolledDay(t *testing.T) {
	o := newOperator(t)
	dir := filepath.Join(t.TempDir(), "poste")
	out, code := run(t, strings.ToLower(o.invitation())+"\r\n", "enroll", dir, "-") // with Caps Lock on
	if code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	wants(t, "enroll", out, "poste inscrit auprès de "+o.server.URL, "Pharmacie du Port, FINESS 290000017", "ses listes sont suivies depuis")
	if out, code = run(t, "", "enroll", dir, o.invitation()); code == 0 || !strings.Contains(out, "déjà inscrit") {
		t.Errorf("twice: %d %s", code, out)
	}
	kept := newMemory(dir)
	if s := kept.settings(t.Context()); s.Profession != "pharmacie" || s.FINESS != "290000017" || s.Name != "Pharmacie du Port" {
		t.Errorf("settings after the enrolment: %+v", s)
	}
	kept.Close()
	out, code = run(t, o.text, "verify", dir, "--domain", "PHAR")
	wants(t, "online", out, "DROITS OUVERTS", "vérifiée en ligne", "accord n°\u00a0A", "preuve n°")
	if code != 0 || strings.Contains(out, "hors ligne") {
		t.Errorf("%d %s", code, out)
	}
	out, _ = run(t, o.text, "verify", dir, "--domain", "PHAR", "--json")
	wants(t, "json", out, `"mode":"online"`, `"invoice_number":"A`, `"accord":{"number":"A`)
	out, _ = run(t, o.text, "verify", dir, "--domain", "PHAR", "--json", "--offline")
	wants(t, "--offline", out, `"mode":"offline"`, `"recorded":true`)
	if strings.Contains(out, "rescue_reason") || strings.Contains(out, `"accord"`) {
		t.Errorf("told to stay offline: %s", out)
	}
	o.reason = "RIGHTS_ENDED"
	if out, code = run(t, o.text, "verify", dir, "--domain", "PHAR"); code != 1 || !strings.Contains(out, "DROITS FERMÉS DEPUIS") || !strings.Contains(out, "réponse n°\u00a0A") || strings.Contains(out, "facture") {
		t.Errorf("newer than the list: %d %s", code, out)
	}
	o.down = true
	start := time.Now()
	out, code = run(t, o.text, "verify", dir, "--domain", "PHAR")
	wants(t, "rescue", out, "DROITS FERMÉS DEPUIS", "D’après la vérification en ligne du ", ", plus récente que la liste.", "hors ligne : le service en ligne est débordé ou en maintenance", "vérifiée hors ligne")
	if code != 1 || strings.Contains(out, "payable") || time.Since(start) > 3*time.Second {
		t.Errorf("%d after %v", code, time.Since(start))
	}
	if out, code = run(t, "", "journal", "send", dir); code != 1 || !strings.Contains(out, "débordé") {
		t.Errorf("send to a service that is away: %d %s", code, out)
	}
	out, _ = run(t, "", "status", dir)
	wants(t, "status", out, "service "+o.server.URL, "Pharmacie du Port", "secours", "6 vérifications à envoyer")
	o.down, o.disputed = false, 4
	out, code = run(t, "", "journal", "send", dir)
	wants(t, "send", out, "6 entrées envoyées", "4 paiements confirmés", "1 contestée", "1 prise en note")
	if code != 0 || o.entries != 6 {
		t.Errorf("%d, %d entries", code, o.entries)
	}
	out, _ = run(t, "", "journal", "list", dir, "--disputed")
	wants(t, "disputed", out, "contestée\u00a0: La liste consultée")
	if strings.Count(out, "\n") != 1 {
		t.Errorf("%s", out)
	}
	out, _ = run(t, "", "status", dir, "--json")
	wants(t, "status --json", out, `"answers":true`, `"waiting":0`, `"breaker":"closed"`)
	residue(t, dir, "CANARIVELLE", "0012284", accord.CodeText(o.code), o.invitation())
	if out, code = run(t, "", "enroll", dir, "--remove", trust.Fingerprint(o.files["1.root.json"])); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	out, _ = run(t, o.text, "verify", dir, "--domain", "PHAR", "--json")
	wants(t, "removed", out, `"mode":"offline"`, `"reason":"RIGHTS_ENDED"`, `"told_online":{"at":"`)
	if strings.Contains(out, "rescue_reason") {
		t.Errorf("not enrolled any more: %s", out)
	}
}

// residue fails where something that names a person, or a secret, is left in the counter's folder (T03).
func residue(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) || strings.Contains(name, s) {
				t.Errorf("%s holds %q", filepath.Base(name), s)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Without service.json nothing online is believed, and nothing is asked.
func TestNoServiceKeys(t *testing.T) {
	o := newOperator(t, true)
	dir := filepath.Join(t.TempDir(), "poste")
	if out, code := run(t, "", "enroll", dir, o.invitation()); code != 0 {
		t.Fatal(out)
	}
	out, code := run(t, o.text, "verify", dir, "--domain", "PHAR", "--json")
	wants(t, "no keys", out, `"mode":"offline"`, `"rescue_reason":"no_service_keys"`)
	if code != 0 || o.serial != 0 {
		t.Errorf("%d, asked %d times", code, o.serial)
	}
}

func TestEnrollRefuses(t *testing.T) {
	o := newOperator(t)
	dir := filepath.Join(t.TempDir(), "poste")
	wrong := must[string](t)(accord.Invitation{Code: o.code, Root: [32]byte{1}, Address: o.server.URL}.Text())
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":             {nil, 2, "quelle invitation"},
		"a card":              {[]string{o.text}, 2, "ce n’est pas une invitation"},
		"cut":                 {[]string{o.invitation()[:80]}, 2, "ce n’est pas une invitation"},
		"a code that is none": {[]string{"--service", o.server.URL, "--code", "1234"}, 2, "code d’invitation"},
		"plain http":          {[]string{"--service", "http://droits.example", "--code", accord.CodeText(o.code)}, 1, "adresse de service"},
		"another code":        {[]string{"--service", o.server.URL, "--code", accord.CodeText([10]byte{9})}, 1, "cette invitation n’existe pas"},
		"another root":        {[]string{o.invitation(), "--root", strings.Repeat("0", 64)}, 1, "autre dépôt"},
		"no such CA":          {[]string{o.invitation(), "--ca", filepath.Join(dir, "absent.pem")}, 1, "n’existe pas"},
		"remove, not there":   {[]string{"--remove", strings.Repeat("0", 64)}, 1, "pas inscrit"},
	} {
		out, code := run(t, "", append([]string{"enroll", "--dir", dir}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: %d %s", name, code, out)
		}
		if strings.Contains(out, accord.CodeText(o.code)) || strings.Contains(out, "TPE1A") {
			t.Errorf("%s: the invitation is quoted: %s", name, out)
		}
	}
	if out, code := run(t, "", "enroll", "--dir", dir, wrong); code != 1 || !strings.Contains(out, "autre opérateur") {
		t.Errorf("an invitation of another operator's root: %d %s", code, out)
	}
	// Refused by the counter after the service had taken the code: the same invitation in its true form goes on.
	if out, code := run(t, "", "enroll", "--dir", dir, "--service", o.server.URL, "--code", accord.CodeText(o.code)); code != 0 || !strings.Contains(out, "la comparer avec") {
		t.Errorf("by hand: %d %s", code, out)
	}
}
