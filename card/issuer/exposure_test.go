// Exposure at its edges: chains that were altered, contracts that changed since, keys that read nobody, and memory.

package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing/journal"
)

// asked runs Exposure and returns those who were handed out, by first name and birth date.
func (w *world) asked(q ExposureQuery) (*Exposure, map[string]Exposed) {
	w.t.Helper()
	out := map[string]Exposed{}
	e, err := w.issuer.Exposure(context.Background(), q, func(p Exposed) error {
		id := p.Adherent + " " + p.Prenom + " " + string(p.Birth)
		if _, twice := out[id]; twice {
			w.t.Error("somebody was handed out twice")
		}
		out[id] = p
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e, out
}

// reader is an API key with what its reads look like in the chain.
func (w *world) reader(roles ...Role) (Staff, string, func(detail map[string]any)) {
	w.t.Helper()
	who, _ := w.key(nil, amc, roles...)
	return who, who.Actor[len("key:"):], func(detail map[string]any) {
		w.t.Helper()
		if err := w.issuer.As(who).JournalRead(context.Background(), detail); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestExposureOfChangedContracts(t *testing.T) {
	w := sealedWorld(t)
	who, id, read := w.reader(RoleRead, RoleIssue)
	one := w.made(who, "A", 1, 3)[0]
	two := w.made(who, "B", 1, 3)[0]
	w.issue(IssueRequest{Contracts: must(w.issuer.ContractKeys(context.Background(), who, []string{one}))(t)})
	read(map[string]any{"contract": one, "revision": 1})
	read(map[string]any{"contract": two, "revision": 1})
	read(map[string]any{"found": false})
	for _, k := range []string{one, two} { // the last one leaves, another comes
		f := must(w.issuer.ReadContract(context.Background(), who, k))(t)
		c := f.Rights
		c.Beneficiaries[2].Prenom = "Nouvelle"
		must(w.issuer.ChangeContract(context.Background(), who, k, 1, c, nil))(t)
	}
	e, got := w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: id})
	// Of the first contract a card says who was in it; of the second nothing does.
	sure, unsure := 0, 0
	for _, p := range got {
		if p.Read != DataFile {
			t.Errorf("%v", p.Read.Words())
		}
		if p.Unsure {
			unsure++
		} else {
			sure++
		}
	}
	if sure != 3 || unsure != 3 || e.Unsure != 3 || e.StaffReads != 2 || e.StaffMisses != 1 {
		t.Errorf("%d sure, %d unsure, %+v", sure, unsure, e)
	}
	read(map[string]any{"contract": two, "revision": 2})
	if e, _ = w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: id}); e.Unsure != 0 {
		t.Errorf("%d unsure of whom the second read was sure", e.Unsure)
	}
	// An entry of an older version: everybody within reach is told.
	read(map[string]any{"what": "report", "report": "disputed"})
	if e, got = w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: id}); e.Unnamed != 1 || !e.Named || int64(len(got)) != e.Could || e.Could <= e.Read {
		t.Errorf("%+v", e)
	}
	read(map[string]any{"what": "state", "card": "nonsense"})
	if _, err := w.issuer.Exposure(context.Background(), ExposureQuery{Kind: ExposeAPIKey, ID: id}, func(Exposed) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestExposureKinds(t *testing.T) {
	w := sealedWorld(t)
	who, _, _ := w.reader(RoleIssue)
	w.made(who, "A", 4, 2)
	w.issue(IssueRequest{All: true})
	must(w.issuer.Publish(context.Background(), w.clock))(t)
	doc := must(card.ParseInsurer(func() []byte {
		var i register.Insurer
		w.view(func(tx register.Tx) (err error) { i, err = tx.Insurer(amc); return err })
		return i.Document
	}()))(t)
	e, got := w.asked(ExposureQuery{Kind: ExposeKey, ID: doc.CardKeys[0].KID, Could: true})
	if len(got) != 0 || e.Purpose != PurposeCard || e.Untraced || len(e.Everyone) != 0 {
		t.Errorf("a card key reads: %+v", e)
	}
	e, got = w.asked(ExposureQuery{Kind: ExposeRegister})
	if len(got) != 8 || !e.Untraced || e.Could != 8 || len(e.Everyone) != 2 {
		t.Errorf("%d, %+v", len(got), e)
	}
	e, got = w.asked(ExposureQuery{Kind: ExposeOperator, ID: "test"}) // a user of the server
	if len(got) != 8 || !e.Untraced {
		t.Errorf("%d, %+v", len(got), e)
	}
	for roles, want := range map[Role]Data{RoleRevoke: DataState, RoleAudit: DataReport, RoleRead: DataFile | DataCard | DataState | DataReport, RolePublish: 0} {
		_, id, _ := w.reader(roles)
		e, got := w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: id, Could: true})
		if want == 0 && len(got) != 0 || want != 0 && (len(got) != 8 || e.Read != 0) {
			t.Errorf("%s: %d", roles, len(got))
		}
		for _, p := range got {
			if p.Could != want || p.Read != 0 {
				t.Errorf("%s: %v", roles, p.Could.Words())
			}
		}
	}
	operators, _ := w.key(nil, "", RoleOperator, RolePublish)
	if _, got := w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: operators.Actor[4:], Could: true}); len(got) != 0 {
		t.Errorf("the operator's key has %d people within reach", len(got))
	}
	for _, q := range []ExposureQuery{{}, {Kind: "x", ID: "y"}, {Kind: ExposeFINESS}, {Kind: ExposeCounter}, {Kind: ExposeAPIKey}, {Kind: ExposeOperator}, {Kind: ExposeKey}, {Kind: ExposeDevice},
		{Kind: ExposeOperator, ID: "counter x"}, {Kind: ExposeFINESS, ID: "750000002"}, {Kind: ExposeAPIKey, ID: "a b"}} {
		if _, err := w.issuer.Exposure(context.Background(), q, nil); !errors.Is(err, ErrUnknownCredential) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	stop := errors.New("stop")
	if _, err := w.issuer.Exposure(context.Background(), ExposureQuery{Kind: ExposeRegister}, func(Exposed) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// What is sure ends where the chain is first in doubt: at the bad entry, or, of a chain that was computed anew, behind the last
// head that agrees.
func TestSureBefore(t *testing.T) {
	heads := []journal.Head{{Seq: 4}, {Seq: 9}, {Seq: 20}}
	for _, x := range []struct {
		what error
		seq  uint64
		want uint64
	}{{journal.ErrEdited, 15, 14}, {journal.ErrRewritten, 20, 9}, {journal.ErrRewritten, 4, 0}, {journal.ErrEdited, 30, 20}, {journal.ErrInserted, 31, 30}, {journal.ErrEdited, 0, 0}} {
		if got := sureBefore(&journal.Fault{Seq: x.seq, What: x.what}, 30, heads); got != x.want {
			t.Errorf("%v at %d: %d, want %d", x.what, x.seq, got, x.want)
		}
	}
}

func TestExposureCertainty(t *testing.T) {
	w := sealedWorld(t)
	_, id, read := w.reader(RoleRead)
	w.pass2(time.Hour)
	read(map[string]any{"found": false})
	sure := w.clock
	w.pass2(time.Hour)
	read(map[string]any{"found": false})
	head := w.chain()
	e, _ := w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: id, Heads: []journal.Head{head}})
	if c := e.Certainty; !c.Whole() || c.Entries != head.Seq || !c.Since.IsZero() {
		t.Errorf("%+v", c)
	}
	known := journal.Head{Seq: head.Seq - 1}
	w.view(func(tx register.Tx) error {
		page, err := tx.AuditAfter(head.Seq-2, 1)
		if err == nil {
			known.Hash = page[0].Hash()
		}
		return err
	})
	other := head
	other.Hash[0] ^= 1
	e, _ = w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: id, Heads: []journal.Head{known, other}})
	if c := e.Certainty; c.Whole() || c.Entries != known.Seq || !c.Since.Equal(sure) || !e.Named {
		t.Errorf("%+v", c)
	}
	e, _ = w.asked(ExposureQuery{Kind: ExposeAPIKey, ID: id, Heads: []journal.Head{other}})
	var last register.Publication
	w.view(func(tx register.Tx) (err error) { last, err = tx.LastPublication(); return err })
	if c := e.Certainty; c.Whole() || c.Entries != last.Audit.Seq || !c.Since.Equal(begin) {
		t.Errorf("%+v, published with %d", c, last.Audit.Seq)
	}
}

// Cards that nobody issued, or that no list has, are nobody's, and cost no memory.
func TestExposureOfForgedTraces(t *testing.T) {
	s := newShop(t)
	i, _ := s.one(2)
	s.ask(i.CodeText)
	day := rights.DateAt(s.clock)
	row := func(list, index uint32, number, reason string) register.Check {
		return register.Check{Number: number, Counter: s.counter.ID, At: s.clock, Insurer: amc, Place: card.Place{List: list, Index: index}, Care: day, Domain: "PHAR", Status: "valid", Reason: reason}
	}
	numbers := []string{"A7QF-XM3T-9ABD", "A7QF-XM3T-9ABE", "A7QF-XM3T-9ABF"}
	s.update(func(tx register.Tx) error {
		_, err := tx.AddChecks([]register.Check{row(i.Place.List, (i.Place.Index+1)%1000, numbers[0], "OK"), row(77, 5, numbers[1], "OK"), row(i.Place.List, i.Place.Index, numbers[2], string(offline.NotIssued))})
		return err
	})
	e, got := s.world.asked(ExposureQuery{Kind: ExposeCounter, ID: s.counter.ID})
	if len(got) != 2 || e.UnknownCards != 2 || e.Refused != 1 || e.Checks != 3 {
		t.Errorf("%d people, %+v", len(got), e)
	}
	for _, p := range got {
		if p.Read != DataRights || p.InsurerName == "" || p.Phone == "" {
			t.Errorf("%+v", p.Read.Words())
		}
	}
	if words := slices.Sorted(maps.Keys(e.ByData)); len(words) != 1 || words[0] != "rights" {
		t.Error(words)
	}
	// What is said of an exposure in the chain names the credential and counts, and nothing else.
	if err := s.issuer.JournalExposure(context.Background(), e, 2); err != nil {
		t.Fatal(err)
	}
	lines, _, err := s.issuer.AuditPage(context.Background(), "*", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	if err := json.Unmarshal(lines[len(lines)-1].Detail, &said); err != nil || lines[len(lines)-1].Act != "exposure" || len(said) != 8 || said["read"] != 2.0 {
		t.Errorf("%v %v", err, said)
	}
}

// Reads from the discovery on are counted, misses are not, and what is known comes before the first person.
func TestExposureDiscovered(t *testing.T) {
	w := sealedWorld(t)
	who, id, read := w.reader(RoleRead)
	one := w.made(who, "A", 1, 2)[0]
	w.pass2(time.Hour)
	read(map[string]any{"contract": one, "revision": 1})
	first := w.clock
	w.pass2(time.Hour)
	read(map[string]any{"found": false})
	for at, want := range map[time.Time]int64{first.Add(-time.Second): 1, first: 1, first.Add(time.Second): 0, {}: 0} {
		var before *Exposure
		e, err := w.issuer.Exposure(context.Background(), ExposureQuery{Kind: ExposeAPIKey, ID: id, Discovered: at, Found: func(e *Exposure) { before = e }}, func(p Exposed) error {
			if before == nil || len(before.Credentials) != 1 || p.Told != DataFile {
				t.Errorf("%+v, told %v", before, p.Told.Words())
			}
			return nil
		})
		if err != nil || e.Late != want || before != e || !e.First.Equal(first) || !e.Last.Equal(first) || e.ByData["file"] != 2 {
			t.Errorf("%s: %v %+v", at, err, e)
		}
	}
}

// People are told what was read, a journal within reach, and everything where the traces can't tell.
func TestTold(t *testing.T) {
	altered := Certainty{Bad: 1}
	for _, x := range []struct {
		e          Exposure
		read, want Data
	}{
		{Exposure{}, DataRights, DataRights | DataVisit}, {Exposure{}, 0, DataRights | DataVisit | DataFile},
		{Exposure{Untraced: true}, DataRights, DataRights | DataVisit | DataFile}, {Exposure{Certainty: altered}, DataRights, DataRights | DataVisit | DataFile},
	} {
		if got := x.e.told(Exposed{Read: x.read, Could: DataRights | DataVisit | DataFile}); got != x.want {
			t.Errorf("%+v: %v", x, got.Words())
		}
	}
	for _, c := range []struct {
		Certainty
		nothing bool
	}{{Certainty{}, false}, {Certainty{Since: never}, false}, {Certainty{Bad: 1, Since: never}, true}, {Certainty{Bad: 2, Since: begin}, false}, {Certainty{Trace: []TraceFault{{}}, Since: never}, true}} {
		if c.Nothing() != c.nothing {
			t.Errorf("%+v", c)
		}
	}
}
