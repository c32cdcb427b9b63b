// Package counter is the counter at work: what was scanned goes in; the question is put to the signed facts, the check is
// written in the journal, and one answer comes out, the same for the page, the terminal, the interface for pharmacy
// software and the watched folder. It opens no file and no connection itself.
package counter

import (
	"context"
	"errors"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/offline/scan"
	"sceau/rights"
)

// Facts are the signed facts of one moment, and the code tables of every operator followed.
type Facts interface {
	offline.Facts
	// Codes returns at least one table.
	Codes() []*rights.Codes
}

// Lists is where the facts are kept.
type Lists interface {
	// Facts returns the facts of now, and how to give them back. An error means that nothing kept there can be believed:
	// every card is then answered with "unknown".
	Facts(ctx context.Context) (facts Facts, release func(), err error)
}

// Journal is the counter's memory.
type Journal interface {
	// Append writes one check durably before it returns its number. An error means that nothing was written.
	Append(ctx context.Context, r receipt.Receipt) (receipt.Number, error)
}

// Online is the way to the operators' rights services.
type Online interface {
	// Enrolled says whether there is any service to ask: without one, answering offline needs no reason.
	Enrolled() bool
	// Ask puts a question to the service of the operator that speaks for the card's insurer, and returns its accord within a
	// limit of its own, once the signature was verified and the accord belongs to this counter and this moment. Every error
	// wraps ErrOffline, and its RescueCode says why; none says anything of the card. Safe for concurrent use.
	Ask(ctx context.Context, e Enquiry) (*Asked, error)
}

// Enquiry is a question to a service.
type Enquiry struct {
	Card    string // code text
	Insurer string // key, as the card says; whether the card is authentic may not be known
	Domain  string
	Care    rights.Date
	Person  int
	Root    string // fingerprint of the followed repository that speaks for the insurer: nobody else is asked
	// Service gives what the followed repository with that fingerprint says of its service: no error, or nothing is believed.
	Service func(root string) (*card.Service, error)
}

// Asked is what a service answered.
type Asked struct {
	Accord *accord.Accord
	Now    time.Time // the counter's time, corrected by the service's
}

// Operators is the power of Facts that know whose repository they are from. Without it no service is asked.
type Operators interface {
	// Operator returns the fingerprint of the repository that speaks for an insurer: offline.ErrUnknownIssuer when none does.
	Operator(insurer string) (string, error)
	// Service returns the service.json of a followed repository.
	Service(fingerprint string) (*card.Service, error)
}

// Counter answers questions. It is safe for concurrent use when its parts are.
type Counter struct {
	Lists   Lists
	Journal Journal // nil: no check is recorded, and every answer says so
	Online  Online  // nil: the counter is enrolled nowhere, or was told to stay offline
	Now     func() time.Time
	Drill   bool // a drill is played: every answer says so
}

// Question is one scan and what is asked of it.
type Question struct {
	Scan    scan.Typed
	Learnt  *scan.Map   // what calibration taught of this counter's keyboard, or nil
	Domain  string      // domain code; "" asks for the first of Domains that the card carries, or without any for the card alone
	Domains []string    // the counter's own, most usual first
	Care    rights.Date // date of care; 0 is today in Paris
	Person  int         // 1 to 12; 0 asks for the household
}

// ErrNoJournal: the counter was opened without a journal.
var ErrNoJournal = errors.New("counter: no journal")

// What an answer relied on.
const (
	ModeOffline = receipt.Offline
	ModeOnline  = receipt.Online
)

// Answer is the verdict on one scan. Its verdict is "unknown" whenever anything went wrong.
type Answer struct {
	offline.Verdict
	Code       string         // the code text that was judged; "" when none was read
	Repair     scan.Repair    // what was undone of the scanner's typing
	Misread    error          // why no code was read, of package scan; nil otherwise
	Receipt    receipt.Number // "" when nothing was recorded
	Unrecorded error          // why the check could not be recorded; nil when it was, or when there was nothing to record
	Domains    []string       // the counter's own domains, as asked
	Mode       string         // ModeOnline or ModeOffline
	Rescue     string         // code of why a counter that is enrolled answers offline; "" otherwise
	Drill      bool           // the answer of a drill: nothing of it is real
	codes      []*rights.Codes
	at         time.Time
}

// Words are the verdict's. In a drill they begin by saying so.
func (a Answer) Words(lang offline.Language) offline.Words {
	w := a.Verdict.Words(lang)
	if a.Drill {
		w.Headline = drillMark(lang) + w.Headline
	}
	return w
}

// Ask answers q. It never fails. A check is committed to the journal before its answer is returned; a scan that gave no code
// is no check.
func (c *Counter) Ask(ctx context.Context, q Question) Answer {
	a := Answer{Domains: q.Domains, Mode: ModeOffline, Drill: c.Drill, at: c.Now()}
	text, repair, err := scan.Read(q.Scan, q.Learnt)
	a.Repair, a.Misread = repair, err
	if err != nil {
		// What isn't a code at all is still judged as it came: a bare text that only looks like a card has its own answer.
		text = strings.TrimSpace(q.Scan.Text)
		if _, how, none := scan.Invitation(q.Scan, q.Learnt); none == nil {
			text, a.Repair, a.Misread = "", how, scan.ErrInvitation // a secret: it goes no further
		}
	} else {
		a.Code = text
	}
	facts, release, err := c.Lists.Facts(ctx)
	if err != nil {
		facts, release = noFacts{err}, func() {}
	}
	defer release()
	a.codes = facts.Codes()
	query := offline.Query{Text: text, Domain: q.Domain, Person: q.Person, Care: q.Care, Now: a.at}
	a.Verdict = offline.Check(facts, query)
	if own := a.ownDomain(q); own != "" {
		query.Domain = own
		a.Verdict = offline.Check(facts, query)
	}
	a.askOnline(ctx, c.Online, facts, query, q)
	a.recall(ctx, c.Journal, c.Now())
	a.record(ctx, c.Journal)
	return a
}

// ownDomain chooses among the counter's domains when none was asked for: the first that the card speaks of, else the first.
func (a *Answer) ownDomain(q Question) string {
	if q.Domain != "" || len(q.Domains) == 0 || a.Card == nil {
		return ""
	}
	return ownOf(q.Domains, a.Card.Claims().Domains())
}

func (a *Answer) record(ctx context.Context, j Journal) {
	if a.Reason == offline.Unreadable {
		return
	}
	if j == nil {
		a.Unrecorded = ErrNoJournal
		return
	}
	// Whoever asked may have gone away; what was checked is written all the same.
	a.Receipt, a.Unrecorded = j.Append(context.WithoutCancel(ctx), receipt.Of(a.Verdict, a.Mode))
}

// noFacts stands for a folder that can't be believed.
type noFacts struct{ error }

func (n noFacts) Issuer(string) (*offline.Issuer, error)    { return nil, n.error }
func (n noFacts) Page(string, uint32) (*status.Page, error) { return nil, n.error }
func (n noFacts) OwnerOf(string) (string, error)            { return "", n.error }
func (n noFacts) Codes() []*rights.Codes                    { return []*rights.Codes{rights.DefaultCodes()} }
