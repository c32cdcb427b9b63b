// Package counter is the counter at work: what was scanned goes in; the question is put to the signed facts, the check is
// written in the journal, and one answer comes out, the same for the page, the terminal, the interface for pharmacy
// software and the watched folder. It opens no file and no connection itself.
package counter

import (
	"context"
	"errors"
	"strings"
	"time"

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

// Counter answers questions. It is safe for concurrent use when its parts are.
type Counter struct {
	Lists   Lists
	Journal Journal // nil: no check is recorded, and every answer says so
	Now     func() time.Time
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

// Mode says what an answer relied on.
const Mode = "offline"

// Answer is the verdict on one scan. Its verdict is "unknown" whenever anything went wrong.
type Answer struct {
	offline.Verdict
	Code       string         // the code text that was judged; "" when none was read
	Repair     scan.Repair    // what was undone of the scanner's typing
	Misread    error          // why no code was read, of package scan; nil otherwise
	Receipt    receipt.Number // "" when nothing was recorded
	Unrecorded error          // why the check could not be recorded; nil when it was, or when there was nothing to record
	Domains    []string       // the counter's own domains, as asked
	codes      []*rights.Codes
	at         time.Time
}

// Ask answers q. It never fails. A check is committed to the journal before its answer is returned; a scan that gave no code
// is no check.
func (c *Counter) Ask(ctx context.Context, q Question) Answer {
	a := Answer{Domains: q.Domains, at: c.Now()}
	text, repair, err := scan.Read(q.Scan, q.Learnt)
	a.Repair, a.Misread = repair, err
	if err != nil {
		// What isn't a code at all is still judged as it came: a bare text that only looks like a card has its own answer.
		text = strings.TrimSpace(q.Scan.Text)
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
	a.record(ctx, c.Journal)
	return a
}

// ownDomain chooses among the counter's domains when none was asked for: the first that the card speaks of, else the first.
func (a *Answer) ownDomain(q Question) string {
	if q.Domain != "" || len(q.Domains) == 0 || a.Card == nil {
		return ""
	}
	on := map[string]bool{}
	for _, d := range a.Card.Claims().Domains() {
		on[d] = true
	}
	for _, d := range q.Domains {
		if on[d] {
			return d
		}
	}
	return q.Domains[0]
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
	a.Receipt, a.Unrecorded = j.Append(context.WithoutCancel(ctx), receipt.Of(a.Verdict, Mode))
}

// noFacts stands for a folder that can't be believed.
type noFacts struct{ error }

func (n noFacts) Issuer(string) (*offline.Issuer, error)    { return nil, n.error }
func (n noFacts) Page(string, uint32) (*status.Page, error) { return nil, n.error }
func (n noFacts) OwnerOf(string) (string, error)            { return "", n.error }
func (n noFacts) Codes() []*rights.Codes                    { return []*rights.Codes{rights.DefaultCodes()} }
