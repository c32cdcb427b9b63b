// Fsck: everything about a register that can be checked without changing it.

package issuer

import (
	"context"
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/register"
)

// Codes of findings: stable, for scripts.
const (
	FoundStorage          = "storage"            // the medium: damaged pages, indexes or references
	FoundUnreadable       = "unreadable"         // a row that cannot be read at all
	FoundAudit            = "audit_chain"        // the audit chain is broken at this entry
	FoundAuditDetail      = "audit_detail"       // what an audit entry says of the sign log is not what the log says
	FoundSignLogGap       = "sign_log_gap"       // an entry of the sign log is missing
	FoundSignLogDigest    = "sign_log_digest"    // a card whose signing input is not the one that was logged
	FoundSignLogMissing   = "sign_log_missing"   // a card without an entry
	FoundInsurer          = "insurer"            // an issuer.json that cannot be read or is another insurer's
	FoundContract         = "contract"           // a contract's bytes are not what was hashed
	FoundCardUnreadable   = "card_unreadable"    // a token that is no card
	FoundCardKey          = "card_key"           // a card under a key that no issuer.json names
	FoundCardSignature    = "card_signature"     // a false signature
	FoundCardClaims       = "card_claims"        // a card that says other things than its row
	FoundCardTwice        = "card_twice"         // two standing cards for one contract and person, whose days overlap
	FoundCardForms        = "card_forms"         // a household card and a person's card stand for one contract, and their days overlap
	FoundCardState        = "card_state"         // a state that is not what the events say
	FoundListCount        = "list_count"         // a list that miscounts its cards
	FoundEventGap         = "event_gap"          // an event is missing
	FoundPage             = "page"               // a page that cannot be read or is another list's
	FoundPageEvents       = "page_events"        // a page that does not hold exactly the published events
	FoundPageNotPublished = "page_not_published" // the published page is not the register's
	FoundTrust            = "trust"              // the published metadata does not verify
	FoundTarget           = "target"             // a published target is missing or damaged
	FoundPublication      = "publication"        // the publication's version is not the timestamp's
	FoundKey              = "key"                // a private key that is missing or not the published one
	FoundExport           = "export"             // an exported file that is missing or differs
	FoundIssuedList       = "issued_list"        // a stolen key's list that lacks one of its cards, or holds another
)

// Finding is one fault. It quotes no name, NIR, N° adhérent or key.
type Finding struct {
	Code  string `json:"code"`
	Where string `json:"where"` // "card 3-583021", "audit 17", "file 4.snapshot.json"
	What  string `json:"what"`
}

// FsckOptions says what to look at besides the register.
type FsckOptions struct {
	// Exported reads a file of an exported directory (fs.ErrNotExist when it is not there); nil when none is compared.
	Exported func(path string) ([]byte, error)
	// Keys also opens every private key that is at hand, which costs a passphrase each store.
	Keys bool
	// Max ends the check after that many findings; 0 means 1,000.
	Max int
}

// FsckReport is what was looked at, and what was found.
type FsckReport struct {
	Cards, Intents, Signatures, Events, Pages, AuditEntries, Files, Contracts int64
	Findings                                                                  []Finding
	More                                                                      bool // the check ended at FsckOptions.Max
}

// checker collects findings.
type checker struct {
	issuer *Issuer
	o      FsckOptions
	report *FsckReport
}

var errEnough = errors.New("issuer: enough findings")

// found records a fault; it fails when there are enough.
func (c *checker) found(code, where, format string, args ...any) error {
	c.report.Findings = append(c.report.Findings, Finding{Code: code, Where: where, What: fmt.Sprintf(format, args...)})
	if len(c.report.Findings) >= c.o.Max {
		c.report.More = true
		return errEnough
	}
	return nil
}

// Fsck checks one committed state of the register: the medium, the audit chain, the sign log, every card's signature and
// claims, states and pages against the events, and the published files through the eyes of a counter. An intent is no
// fault: it is what a crash leaves, and the next Issue finishes it. The error says that the check itself failed.
func (s *Issuer) Fsck(ctx context.Context, o FsckOptions) (*FsckReport, error) {
	if o.Max <= 0 {
		o.Max = 1000
	}
	c := &checker{issuer: s, o: o, report: new(FsckReport)}
	err := c.all(ctx)
	if errors.Is(err, errEnough) {
		err = nil
	}
	// A damaged file can stop reading anywhere: that is a finding too.
	if errors.Is(err, register.ErrCorrupt) {
		c.report.Findings = append(c.report.Findings, Finding{Code: FoundUnreadable, Where: "register", What: err.Error()})
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return c.report, nil
}

func (c *checker) all(ctx context.Context) error {
	if i, ok := c.issuer.Store.(register.Inspector); ok {
		faults, err := i.Inspect(ctx)
		if err != nil {
			return err
		}
		for _, f := range faults {
			if err := c.found(FoundStorage, "register", "%s", f); err != nil {
				return err
			}
		}
	}
	return c.issuer.Store.View(ctx, func(tx register.Tx) error {
		insurers, err := tx.Insurers()
		if err != nil {
			return err
		}
		for _, step := range []func() error{
			func() error { return c.audit(tx) },
			func() error { return c.signLog(tx) },
			func() error { return c.contracts(tx, insurers) },
			func() error { return c.cards(ctx, tx, insurers) },
			func() error { return c.published(tx, insurers) },
			func() error { return c.exported(tx) },
			func() error { return c.keys(tx, insurers) },
		} {
			if err := errors.Join(ctx.Err(), step()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *checker) contracts(tx register.Tx, insurers []register.Insurer) error {
	for _, i := range insurers {
		doc, err := card.ParseInsurer(i.Document)
		if err != nil || doc.AMC.Key() != i.Key {
			if err := c.found(FoundInsurer, "insurer "+i.Key, "issuer.json is not readable or another insurer's"); err != nil {
				return err
			}
		}
		for after := ""; ; {
			list, err := tx.ContractsAfter(i.Key, after, fsckPage)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			for _, k := range list {
				c.report.Contracts++
				if _, err := k.Rights(); err != nil {
					if err := c.found(FoundContract, "insurer "+i.Key, "contract number %d in order: %v", c.report.Contracts, err); err != nil {
						return err
					}
				}
			}
			after = list[len(list)-1].Key.Adherent
		}
	}
	return nil
}
