// Exposure: which people a stolen credential could have read, and which it did read, from the traces that the service keeps.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
	"sceau/signing/journal"
)

// ExposureKind says what was stolen.
type ExposureKind string

// Kinds of credentials.
const (
	ExposeFINESS   ExposureKind = "finess"   // every counter of an establishment
	ExposeCounter  ExposureKind = "counter"  // the request key of one counter
	ExposeDevice   ExposureKind = "device"   // a counter's computer, by the id of its journal
	ExposeKey      ExposureKind = "key"      // a key, by its kid
	ExposeAPIKey   ExposureKind = "api-key"  // a program's key
	ExposeOperator ExposureKind = "operator" // an account, as the audit chain names it: "person:…", or a user of the server
	ExposeRegister ExposureKind = "register" // the database or a backup with its secret, or the passphrase of the keys
)

// ErrUnknownCredential says that no credential of that kind has this name.
var ErrUnknownCredential = errors.New("issuer: unknown credential")

// ExposureQuery asks about one credential.
type ExposureQuery struct {
	Kind     ExposureKind
	ID       string    // "" for the register
	From, To time.Time // the span that is looked at, [From, To); zero for the credential's life
	Could    bool      // name also the people who could have been read and of whom no read is recorded
	Heads    []journal.Head
	// Discovered is when the theft was found out: reads from then on are counted for themselves. Zero when it is not known.
	Discovered time.Time
	// Found is told everything but the people, before the first of them is handed out; nil for nobody.
	Found func(*Exposure)
}

// Data is what of a person was within reach.
type Data uint16

// Kinds of data.
const (
	DataRights Data = 1 << iota // on-line answers about the card: rights by domain, with the day of care and the place
	DataVisit                   // journal of a counter: card number, day of care, domain, answer
	DataCard                    // the card itself: names, birth date, N° adhérent, guarantees
	DataState                   // the card's number, its dates and its state
	DataReport                  // reports: the card's number, the counters that saw it and when
	DataFile                    // the contract: names, birth dates, NIR, N° adhérent, guarantees
	DataChange                  // the card's state, changed with the credential
	dataKinds  = iota
)

// dataWords are the names of the kinds, as reports.json and the audit chain have them.
var dataWords = [dataKinds]string{"rights", "visit", "card", "state", "report", "file", "change"}

// Words lists the kinds.
func (d Data) Words() []string {
	out := []string{}
	for i, w := range dataWords {
		if d&(1<<i) != 0 {
			out = append(out, w)
		}
	}
	return out
}

// Exposed is one person. It holds a name: it goes to whoever writes the letters, and nowhere else.
type Exposed struct {
	Insurer     string // key
	InsurerName string
	Phone       string // of the insurer, for beneficiaries
	Adherent    string
	Nom, Prenom string
	Birth       rights.BirthDate
	Rang        int
	// HolderNom and HolderPrenom are of the first adult of the contract, to whom a minor's letter goes; "" when there is none.
	HolderNom, HolderPrenom string
	Read                    Data // recorded
	Could                   Data // within reach, Read included
	Told                    Data // what the person is told about: see Exposure.told
	// Unsure says that the contract changed since it was read, so that this person may not have been in it then.
	Unsure bool
}

// Lived is one credential and its life.
type Lived struct {
	Kind     ExposureKind
	ID       string
	FINESS   string
	Name     string // of a counter's establishment; "" for others, or when there is none
	Insurer  string // key; "" for counters and the operator
	Roles    []Role
	From, To time.Time // zero: not known, or not over
	State    string
}

// Certainty is what the traces are worth.
type Certainty struct {
	Entries uint64       // of the audit chain that hold together
	Head    string       // of the chain; "" when it is broken
	Bad     uint64       // first bad entry; 0 when the chain is whole
	What    string       // about it
	Since   time.Time    // from here on the answer is no longer certain; zero when it is certain
	Rows    int64        // of the trace of checks that the chain vouches for
	Unbound int64        // newest rows that nothing vouches for yet
	Trace   []TraceFault // ranges of the trace that are not what was bound
}

// Whole says whether nothing was altered.
func (c Certainty) Whole() bool { return c.Bad == 0 && len(c.Trace) == 0 }

// Nothing says that no part of the answer is certain.
func (c Certainty) Nothing() bool { return !c.Whole() && c.Since.Equal(never) }

// never is the time of an answer that is certain in no part.
var never = time.Unix(0, 0).UTC()

// Exposure is the answer. It names nobody.
type Exposure struct {
	Kind        ExposureKind
	ID          string
	Purpose     string // of a signing key, which reads nobody; "" for others
	At          time.Time
	From, To    time.Time // the span that was looked at
	Credentials []Lived
	Certainty   Certainty

	Everyone []string // insurers whose people were all within reach
	Untraced bool     // whoever had it reads without leaving a trace: what was read can't be said
	Named    bool     // people within reach of whom no read is recorded were handed out too

	Read, Could   int64     // people
	Minors        int64     // of those who were handed out
	Contracts     int64     // of the people handed out
	Cards         int64     // distinct cards in the traces
	Checks        int64     // on-line answers about a card
	Refused       int64     // on-line questions that read nothing
	Receipts      int64     // entries of journals about a card
	StaffReads    int64     // entries of the audit chain about reads that found something
	Changes       int64     // of the state of cards
	StaffMisses   int64     // searches that found nothing
	Unnamed       int64     // reports, of versions that did not write down which cards they named
	UnknownCards  int64     // in the traces and not in the register
	UnknownFiles  int64     // contracts in the audit chain and not in the register
	Unsure        int64     // people who may not have been in the contract when it was read
	Before, After int64     // entries of the credential outside of the span
	Late          int64     // recorded reads and changes from the discovery on
	First, Last   time.Time // recorded read or change; zero when there is none
	ByData        map[string]int64
	ByInsurer     map[string]int64
}

// Exposure answers exactly whom a credential could have read and did read, and hands out the people one by one, each once, in
// an order that depends on the register alone. Memory does not grow with the number of checks. An error of each ends it.
func (s *Issuer) Exposure(ctx context.Context, q ExposureQuery, each func(Exposed) error) (*Exposure, error) {
	out := &Exposure{Kind: q.Kind, ID: q.ID, At: s.second(), From: q.From, To: q.To, ByData: map[string]int64{}, ByInsurer: map[string]int64{}}
	var err error
	if out.Certainty, err = s.certainty(ctx, q.Heads); err != nil {
		return nil, err
	}
	t := &traces{issuer: s, out: out, discovered: q.Discovered, places: map[uint32]*marks{}, files: map[string]*fileRead{}}
	if err := t.resolve(ctx, q); err != nil {
		return nil, err
	}
	if out.To.IsZero() {
		out.To = out.At.Add(time.Second)
	}
	if err := t.collect(ctx); err != nil {
		return nil, err
	}
	out.Named = q.Could || out.Untraced || !out.Certainty.Whole() || out.Unnamed > 0
	if q.Found != nil {
		q.Found(out)
	}
	w := &census{traces: t, each: each}
	if err := w.walk(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

// told is what a person is told about. What was read is recorded, unless the traces can't tell; a journal on a counter's computer is
// read without leaving any. Whoever has no recorded read is told what was within reach.
func (e *Exposure) told(p Exposed) Data {
	if p.Read == 0 || e.Untraced || !e.Certainty.Whole() {
		return p.Could
	}
	return p.Read | p.Could&DataVisit
}

// JournalExposure writes down that somebody asked, about which credential, and about how many people.
func (s *Issuer) JournalExposure(ctx context.Context, e *Exposure, handed int64) error {
	return s.Journal(ctx, "exposure", map[string]any{"kind": e.Kind, "credential": e.ID, "from": e.From, "until": e.To,
		"read": e.Read, "could": e.Could, "handed": handed, "certain": e.Certainty.Whole()})
}

// certainty verifies the chain and the trace. What is wrong with them is no error.
func (s *Issuer) certainty(ctx context.Context, heads []journal.Head) (Certainty, error) {
	var c Certainty
	err := s.Store.View(ctx, func(tx register.Tx) error {
		last, err := tx.LastPublication()
		if err == nil && last.Audit.Seq > 0 {
			heads = append(slices.Clone(heads), last.Audit)
		} else if err != nil && !errors.Is(err, register.ErrNotFound) {
			return err
		}
		stored, err := tx.AuditHead()
		if err != nil {
			return err
		}
		head, err := register.CheckAudit(tx, heads...)
		var fault *journal.Fault
		if errors.As(err, &fault) {
			c.Bad, c.What = fault.Seq, fault.What.Error()
			c.Entries = sureBefore(fault, stored.Seq, heads)
			c.Since, err = lastSure(tx, c.Entries)
			return err
		}
		c.Entries, c.Head = head.Seq, fmt.Sprintf("%d:%x", head.Seq, head.Hash)
		return err
	})
	if err != nil || c.Bad > 0 {
		return c, err
	}
	trace, err := s.CheckTrace(ctx)
	if err != nil {
		return c, err
	}
	c.Rows, c.Unbound, c.Trace = trace.Rows, trace.Unbound, trace.Faults
	for _, f := range c.Trace {
		var at time.Time
		err := s.Store.View(ctx, func(tx register.Tx) error {
			rows, err := tx.ChecksAfter(f.Range.After-1, "", "", 1)
			if err == nil && len(rows) == 1 && rows[0].Seq <= f.Range.After {
				at = rows[0].At
			}
			return err
		})
		if err != nil {
			return c, err
		}
		if at.IsZero() {
			at = never // nothing before it: no part of the trace is sure
		}
		if c.Since.IsZero() || at.Before(c.Since) {
			c.Since = at
		}
	}
	return c, nil
}

// sureBefore is how many entries are beyond doubt. A chain that was computed anew holds in itself: of it nothing is sure behind the
// last head kept elsewhere that agrees, and at its end an entry that was edited looks the same.
func sureBefore(fault *journal.Fault, end uint64, heads []journal.Head) uint64 {
	if !errors.Is(fault.What, journal.ErrRewritten) && (fault.Seq != end || !errors.Is(fault.What, journal.ErrEdited)) {
		return fault.Seq - min(fault.Seq, 1)
	}
	sure := uint64(0)
	for _, h := range heads {
		if h.Seq < fault.Seq {
			sure = max(sure, h.Seq)
		}
	}
	return sure
}

// lastSure is the time of the last entry that holds, never when there is none.
func lastSure(tx register.Tx, seq uint64) (time.Time, error) {
	if seq == 0 {
		return never, nil
	}
	page, err := tx.AuditAfter(seq-1, 1)
	if err != nil || len(page) == 0 {
		return never, err
	}
	return page[0].At.UTC(), nil
}

// marks are the cards of one list that the traces name, by what was read of them: two bits for each kind of data and card
// would be enough, and a page of bits for each kind that occurs is simpler.
type marks [2 * dataKinds][]uint64

const listPlaces = 1 << 20

// set notes data of a card; read says whether a read is recorded, and not only that it could have been.
func (m *marks) set(index uint32, d Data, read bool) (isNew bool) {
	isNew = !m.any(index)
	for i := range dataKinds {
		if d&(1<<i) == 0 {
			continue
		}
		for j := range 2 {
			if j == 1 && !read {
				break
			}
			p := &m[2*i+j]
			if *p == nil {
				*p = make([]uint64, listPlaces/64)
			}
			(*p)[index/64] |= 1 << (index % 64)
		}
	}
	return isNew
}

func (m *marks) any(index uint32) bool {
	for _, p := range m {
		if p != nil && p[index/64]&(1<<(index%64)) != 0 {
			return true
		}
	}
	return false
}

// of returns what could have been read of a card, and what is recorded as read.
func (m *marks) of(index uint32) (could, read Data) {
	for i := range dataKinds {
		if p := m[2*i]; p != nil && p[index/64]&(1<<(index%64)) != 0 {
			could |= 1 << i
		}
		if p := m[2*i+1]; p != nil && p[index/64]&(1<<(index%64)) != 0 {
			read |= 1 << i
		}
	}
	return could, read
}

// fileRead is what the audit chain says about reads of one contract.
type fileRead struct {
	revisions []int64   // of the whole contract
	cards     time.Time // newest list of its cards
}

// markOf returns what the traces say of a card.
func (t *traces) markOf(p card.Place) (could, read Data) {
	if m := t.places[p.List]; m != nil && p.Index < listPlaces {
		return m.of(p.Index)
	}
	return 0, 0
}
