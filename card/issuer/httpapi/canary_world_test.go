// A whole service with canary people: nobody shares a name, a birth date, a NIR or a N° adhérent with anybody, or with a word of
// the service.

package httpapi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/fixtures/gen"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
	"sceau/signing/keystore"
)

// canaryName is a name of eleven letters that no text has by chance; every second one has an accent.
func canaryName(what string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, n))
	var out strings.Builder
	for i := range 11 {
		if i%2 == 0 {
			out.WriteByte("BCDFGHJKLMNPQRSTVWXZ"[sum[i]%20])
		} else if i == 5 && n%2 == 0 {
			out.WriteString([]string{"É", "Ï", "Ô", "Ü", "À"}[sum[i]%5])
		} else {
			out.WriteByte("AEIOUY"[sum[i]%6])
		}
	}
	return out.String()
}

// canaryNIR is the number of the n-th person, with its key.
func canaryNIR(n int, birth string) string {
	text := fmt.Sprintf("%d%s75%03d%03d", 1+n%2, birth[2:6], n/900+1, n%900+1)
	var number int64
	fmt.Sscan(text, &number)
	return fmt.Sprintf("%s%02d", text, 97-number%97)
}

type canaryPerson struct{ nom, prenom, birth, nir, adherent string }

// canaryPopulation takes households of the generator and makes each person of them a canary.
func canaryPopulation(t testing.TB, most int) (insurers []issuer.InsurerFacts, contracts []rights.Contract, people []canaryPerson) {
	t.Helper()
	p := must(gen.New(41, gen.Options{Households: most + 10, Insurers: 2}))(t)
	for _, in := range p.Insurers() {
		insurers = append(insurers, issuer.InsurerFacts{AMC: in.AMC, Name: in.Name, PhoneProfessionals: in.PhonePro, PhoneMembers: in.PhoneMember})
	}
	first := time.Date(1935, 1, 1, 0, 0, 0, 0, time.UTC)
	had := map[string]bool{}
	for c := range p.Contracts() {
		if len(people) >= most {
			break
		}
		c.Adherent = fmt.Sprintf("ZK%07dQW", len(contracts)*7919%10_000_000)
		c.Beneficiaries = append([]rights.Beneficiary(nil), c.Beneficiaries...)
		for i := range c.Beneficiaries {
			n, b := len(people), &c.Beneficiaries[i]
			b.Nom, b.Prenom, b.Rang = canaryName("nom", n), canaryName("prénom", n), 1
			b.Birth = rights.BirthDate(first.AddDate(0, 0, n).Format("20060102"))
			b.NIR = canaryNIR(n, string(b.Birth))
			who := canaryPerson{b.Nom, b.Prenom, string(b.Birth), b.NIR, c.Adherent}
			for _, text := range []string{who.nom, who.prenom, who.birth, who.nir} {
				if had[text] {
					t.Fatal("a canary is not unique")
				}
				had[text] = true
			}
			people = append(people, who)
		}
		contracts = append(contracts, c)
	}
	return insurers, contracts, people
}

// canaryWorld is the service, what must never leave it, and what a thief of a counter's credential has.
type canaryWorld struct {
	*world
	clock     func() time.Time
	c         *canaries
	people    []canaryPerson
	contracts []rights.Contract
	cards     []issuer.Issued
	log       *canaryLog
	stolen    *canaryDevice
	others    []*canaryDevice
}

// canaryLog searches every line of the log.
type canaryLog struct {
	c            *canaries
	mu           sync.Mutex
	lines, bytes int
	hits         []string
}

func (l *canaryLog) Write(b []byte) (int, error) {
	found := map[string]bool{}
	l.c.exact.find(b, found)
	l.c.folded.find(foldText(b), found)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines++
	l.bytes += len(b)
	for kind := range found {
		l.hits = append(l.hits, kind)
	}
	return len(b), nil
}

// canaryDevice is a counter's key in whoever's hands.
type canaryDevice struct {
	id     string
	public *signing.PublicKey
	signer *signing.Signer
}

func newCanaryDevice(t testing.TB) *canaryDevice {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	public := must(signing.NewPublicKey(assertion.Kind, &key.PublicKey))(t)
	return &canaryDevice{public.KID, public, must(signing.NewSigner(assertion.Kind, key))(t)}
}

func (d *canaryDevice) authorization(now time.Time, method string, u *url.URL, body string) string {
	var id [16]byte
	rand.Read(id[:])
	token, err := assertion.Sign(d.signer, assertion.Request{Audience: origin, Method: method, Path: pathOf(u), Body: assertion.BodySum([]byte(body)), ID: assertion.NewID(id), At: now.Truncate(time.Second)})
	if err != nil {
		return "Sceau x" // a path or a method that no request may name
	}
	return "Sceau " + token
}

// newCanaryWorld makes the service on a register, which it encrypts.
func newCanaryWorld(t testing.TB, inner register.Store, people int, now func() time.Time, options ...func(*Options)) *canaryWorld {
	t.Helper()
	ctx := context.Background()
	w := &canaryWorld{world: &world{t: t, dir: t.TempDir()}, clock: now, c: newCanaries()}
	pass := keystore.NewPassphrase()
	w.online = must(keystore.Create(filepath.Join(w.dir, "online"), pass, keystore.Options{ScryptLogN: 10}))(t)
	offline := must(keystore.Create(filepath.Join(w.dir, "offline"), pass, keystore.Options{ScryptLogN: 10}))(t)
	if inner == nil {
		w.store = must(sqlite.Create(filepath.Join(w.dir, "register.db"), sqlite.Options{}))(t)
		t.Cleanup(func() { w.store.Close() })
		inner = w.store
	}
	w.issuer = &issuer.Issuer{Store: sealed.New(inner, must(sealed.NewKeys())(t)).Powers(), Online: w.online, Offline: offline, Now: now, Actor: "test"}
	var insurers []issuer.InsurerFacts
	insurers, w.contracts, w.people = canaryPopulation(t, people)
	must(w.issuer.Init(ctx, issuer.InitOptions{Insurers: insurers}))(t)
	for from := 0; from < len(w.contracts); from += 500 {
		err := w.issuer.Store.Update(ctx, func(tx register.Tx) error {
			for _, c := range w.contracts[from:min(from+500, len(w.contracts))] {
				n, err := register.NewContract(c, 1)
				if err != nil {
					return err
				}
				if err := tx.PutContract(n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.issuer.Issue(ctx, issuer.IssueRequest{All: true}, func(i issuer.Issued) error { w.cards = append(w.cards, i); return nil }))(t)
	must(w.issuer.Publish(ctx, now()))(t)
	for _, p := range w.people {
		w.c.add("name", p.nom, false)
		w.c.add("first name", p.prenom, false)
		w.c.add("NIR", p.nir, true)
		w.c.add("NIR without key", p.nir[:13], true)
		w.c.add("birth date", p.birth, true)
	}
	for _, k := range w.contracts {
		w.c.add("N° adhérent", k.Adherent, false)
	}
	for _, i := range w.cards { // a card is people in another form
		w.c.token("card code", i.CodeText[40:80])
		parts := strings.Split(i.JWS, ".")
		w.c.token("card signature", parts[2])
		w.c.token("card payload", parts[1][:40])
	}
	w.log = &canaryLog{c: w.c}
	o := Options{Issuer: w.issuer, PublicURL: origin, Now: now, Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Staff: NewStaff(w.issuer), Office: Office{Spool: t.TempDir()}, Budgets: generous}
	for _, change := range options {
		change(&o)
	}
	w.server = must(New(o))(t)
	t.Cleanup(w.server.StopImports)
	w.refresh()
	w.stolen = w.enrolled()
	for range 3 {
		w.others = append(w.others, w.enrolled())
	}
	return w
}

// enrolled is a counter.
func (w *canaryWorld) enrolled() *canaryDevice {
	w.t.Helper()
	ctx := context.Background()
	i := must(w.issuer.Invite(ctx, issuer.InviteRequest{FINESS: "600100713", Profession: "pharmacie", Networks: []string{"SP"}, Name: "Pharmacie du Port", Address: origin}))(w.t)
	d := newCanaryDevice(w.t)
	must(w.issuer.Enrol(ctx, issuer.EnrolRequest{Code: i.Invitation.CodeText(), Key: d.public, RequestID: assertion.NewID(sha256half(d.id))}))(w.t)
	return d
}

func sha256half(s string) (out [16]byte) {
	sum := sha256.Sum256([]byte(s))
	copy(out[:], sum[:])
	return out
}

// foreign are cards of another operator, with the same people: what they show is genuine elsewhere.
func (w *canaryWorld) foreign() []issuer.Issued {
	w.t.Helper()
	ctx := context.Background()
	dir, pass := w.t.TempDir(), keystore.NewPassphrase()
	online := must(keystore.Create(filepath.Join(dir, "online"), pass, keystore.Options{ScryptLogN: 10}))(w.t)
	offline := must(keystore.Create(filepath.Join(dir, "offline"), pass, keystore.Options{ScryptLogN: 10}))(w.t)
	store := must(sqlite.Create(filepath.Join(dir, "register.db"), sqlite.Options{}))(w.t)
	defer store.Close()
	i := &issuer.Issuer{Store: store, Online: online, Offline: offline, Now: w.clock, Actor: "forger"}
	insurers, contracts, _ := canaryPopulation(w.t, 60)
	must(i.Init(ctx, issuer.InitOptions{Insurers: insurers}))(w.t)
	err := store.Update(ctx, func(tx register.Tx) error {
		for _, c := range contracts {
			n, err := register.NewContract(c, 1)
			if err != nil {
				return err
			}
			if err := tx.PutContract(n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []issuer.Issued
	must(i.Issue(ctx, issuer.IssueRequest{All: true}, func(i issuer.Issued) error { out = append(out, i); return nil }))(w.t)
	return out
}

// placeOf is the number of a card.
func (w *canaryWorld) placeOf(n int) card.Place { return w.cards[n%len(w.cards)].Place }

// plainDump is what lies in the register, as its owner reads it.
func (w *canaryWorld) plainDump() []byte {
	w.t.Helper()
	var out bytes.Buffer
	for _, c := range w.contracts {
		err := w.issuer.Store.View(context.Background(), func(tx register.Tx) error {
			k, err := tx.Contract(register.ContractKey{Insurer: c.Insurer.Key(), Adherent: c.Adherent})
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%+v\n", k)
			r, err := k.Rights()
			fmt.Fprintf(&out, "%+v\n", r)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return out.Bytes()
}

// canaryHeaders are those headers with which an attacker asks for another route, another method or another person.
var canaryHeaders = []string{"X-Forwarded-For", "X-Http-Method-Override", "X-Original-Url", "X-Rewrite-Url", "Forwarded", "X-Insurer", "X-Tenant", "X-Counter", "X-User",
	"If-Match", "If-None-Match", "Idempotency-Key", "Accept", "Accept-Language", "Accept-Encoding", "Range", "Origin", "Referer", "User-Agent", "Cookie", "Prefer", "X-Request-Id", "Tracestate", "Baggage"}

var canaryMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "TRACE", "PROPFIND", "QUERY", "get"}
