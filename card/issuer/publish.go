// Publish: the next version of the trust repository, as files that any web server, share or stick can carry.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing/journal"
	"sceau/signing/trust"
)

// keepPublications is how many publications back superseded files stay in the register, for mirrors that are behind.
const keepPublications = 64

// PublishReport says what was published.
type PublishReport struct {
	Version  int64        // of timestamp.json
	At       time.Time    // the published time that counters see
	Events   int          // newly published
	Lists    []ListChange // lists with a new page
	Files    []string     // written, in order
	Bytes    int64        // of those
	Warnings []string     // roles near their expiry whose key was not at hand, and what could not be published without it
}

// ListChange is a list with a new page.
type ListChange struct {
	Insurer  string
	List     uint32
	Revision uint64
	Events   int // new on this page
	Entries  int // in all
}

// edition is one publication in the making, from one committed state of the register.
type edition struct {
	last     register.Publication
	head     journal.Head // of the audit chain
	broken   error        // ErrAuditBroken, nil for a chain that holds since the last publication
	repo     *trust.Repo
	current  *trust.Trusted
	insurers map[string]register.Insurer
	lists    []register.List
	pages    map[uint32]*status.Page // nil for a list never published
	pending  map[uint32][]register.Event

	next       map[uint32]*status.Page // new pages
	said       map[uint32]*status.Page // every list's page, new or not
	tokens     []register.NewFile
	tokensHeld map[uint32]oldToken
	changes    []trust.File // of each list with a new page, under their target paths
	packs      []register.NewFile
	recent     recent
	targets    map[string][]trust.Info // published, of the insurers whose lists have changes
	warnings   []string

	keys      *ring
	documents map[string][]byte         // issuer.json as this edition changes it, by insurer
	published *card.Service             // service.json in force; nil for none
	service   []byte                    // service.json likewise; nil leaves what is published
	told      map[string]*card.Insurer  // issuer.json as published, where the register has another one
	stolen    map[string]*stolenList    // by kid: lists that the caller has made already
	untold    []string                  // insurers whose issuer.json waits for its key
	also      []func(register.Tx) error // in the transaction that stores the edition
}

// canSign says whether the key of a role is at hand.
func (e *edition) canSign(role string) bool {
	_, err := e.keys.of(e.repo, role)
	return err == nil
}

// Publish puts every pending event on its list's page, and makes and stores the next version of the repository. Without
// news it still renews snapshot and timestamp, and with them the date that counters show. now is what counters will read as
// the date of their list; the zero time means the issuer's clock. What is stored is what a counter's own code has verified.
//
// ErrConcurrent: another publisher was faster, nothing is stored, publish again. ErrClock: now is before the last
// publication. ErrAuditBroken: see there. What needs a key that is not at hand, such as a changed issuer.json, waits, with a warning:
// revocations don't.
func (s *Issuer) Publish(ctx context.Context, now time.Time) (*PublishReport, error) {
	_, report, err := s.publish(ctx, now, nil)
	return report, err
}

// PublishDespiteAudit is Publish for an audit chain that is broken, once somebody has looked at it: it vouches for the chain as it is,
// says so in the chain, and the next Publish goes on from there.
func (s *Issuer) PublishDespiteAudit(ctx context.Context, now time.Time) (*PublishReport, error) {
	_, report, err := s.publish(ctx, now, func(e *edition, _ time.Time) error {
		if e.broken == nil {
			return nil
		}
		e.warnings = append(e.warnings, e.broken.Error())
		var fault *journal.Fault
		errors.As(e.broken, &fault)
		e.broken = nil
		return e.note(s, "audit.accept", map[string]any{"entry": fault.Seq, "fault": fault.What.Error(), "head": Anchor(e.head)})
	})
	return report, err
}

// publish is Publish with a change of the caller's, which is stored in the same transaction or not at all. A broken audit chain
// stops no change: the answer to a theft must not wait for it. It is said, and not vouched for.
func (s *Issuer) publish(ctx context.Context, now time.Time, change func(e *edition, now time.Time) error) (*edition, *PublishReport, error) {
	if now.IsZero() {
		now = s.now()
	}
	now = now.UTC().Truncate(time.Second)
	e, err := s.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	if now.Before(e.last.At) {
		return nil, nil, fmt.Errorf("%w: %s is before %s", ErrClock, now.Format(time.RFC3339), e.last.At.Format(time.RFC3339))
	}
	if change != nil {
		if err := change(e, now); err != nil {
			return nil, nil, err
		}
		if e.broken != nil {
			e.warnings = append(e.warnings, e.broken.Error())
		}
	} else if e.broken != nil {
		return nil, nil, e.broken
	}
	if err := s.edit(ctx, e, now); err != nil {
		return nil, nil, err
	}
	if err := s.editNotices(ctx, e, now); err != nil {
		return nil, nil, err
	}
	if e.broken == nil {
		if err := anchor(e.repo, e.head); err != nil {
			return nil, nil, err
		}
	}
	files, err := e.repo.Commit(now, e.keys.forRepo(e.repo))
	switch {
	case errors.Is(err, trust.ErrClockBackwards):
		return nil, nil, fmt.Errorf("%w: %w", ErrClock, err)
	case err != nil:
		return nil, nil, fmt.Errorf("issuer: publish: %w", err)
	}
	if err := e.pack(files); err != nil {
		return nil, nil, err
	}
	report, err := s.keep(ctx, e, now, files)
	if err != nil {
		return nil, nil, err
	}
	s.living().facts.forget() // its keys may be others now
	return e, report, nil
}

// read takes the state of the register that will be published.
func (s *Issuer) read(ctx context.Context) (*edition, error) {
	e := &edition{insurers: map[string]register.Insurer{}, pages: map[uint32]*status.Page{}, pending: map[uint32][]register.Event{},
		next: map[uint32]*status.Page{}, said: map[uint32]*status.Page{}, tokensHeld: map[uint32]oldToken{}, targets: map[string][]trust.Info{}, keys: s.ring(), documents: map[string][]byte{}, stolen: map[string]*stolenList{},
		told: map[string]*card.Insurer{}}
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		if e.last, err = tx.LastPublication(); err != nil {
			return err
		}
		if e.head, err = tx.AuditHead(); err != nil {
			return err
		}
		all, err := tx.Insurers()
		if err != nil {
			return err
		}
		for _, i := range all {
			e.insurers[i.Key] = i
		}
		if e.lists, err = tx.Lists(); err != nil {
			return err
		}
		for _, l := range e.lists {
			b, err := tx.Page(l.Number)
			if errors.Is(err, register.ErrNotFound) {
				e.pages[l.Number] = nil
			} else if err != nil {
				return err
			} else if e.pages[l.Number], err = status.Decode(b); err != nil {
				return fmt.Errorf("%w: page of list %d: %w", ErrDamaged, l.Number, err)
			}
			if e.pending[l.Number], err = tx.PendingEvents(l.Number); err != nil {
				return err
			}
		}
		if err := e.readTokens(tx); err != nil {
			return err
		}
		if err := e.readRecent(tx); err != nil {
			return err
		}
		root, err := tx.File(rootPath)
		if err != nil {
			return err
		}
		if e.repo, err = trust.Load(reader(tx)); err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		if e.current, err = trust.Open(reader(tx), root); err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		if err := e.checkAnchored(tx); err != nil {
			return err
		}
		if e.published, err = readService(tx, e.current); err != nil {
			return err
		}
		if err := e.readTold(tx); err != nil {
			return err
		}
		_, err = e.current.Metadata() // reads every role now: the transaction ends here
		return err
	})
	if errors.Is(err, register.ErrNotFound) {
		return nil, fmt.Errorf("%w: never initialised", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// reader gives the published files to the trust package, in its error's terms.
func reader(tx register.Tx) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		b, err := tx.File(path)
		if errors.Is(err, register.ErrNotFound) {
			return nil, fmt.Errorf("%w: %s", trust.ErrNotFound, path)
		}
		return b, err
	}
}

// edit tells the repository what changed.
func (s *Issuer) edit(ctx context.Context, e *edition, now time.Time) error {
	for _, key := range sortedKeys(e.insurers) {
		if err := s.editInsurer(ctx, e, key, now); err != nil {
			return err
		}
	}
	if s.Codes != nil {
		if err := setTarget(e, trust.RoleTargets, codesPath, s.Codes.Bytes()); err != nil {
			return err
		}
	}
	if err := s.editService(e, now); err != nil {
		return err
	}
	day := rights.DateAt(now)
	for _, l := range e.lists {
		if err := s.editList(e, l, now, day); err != nil {
			return err
		}
	}
	return s.tokenLists(ctx, e, now, day)
}

// setTarget sets a target unless it is published as it is, so that only roles with news are signed again.
func setTarget(e *edition, role, path string, data []byte) error {
	info, err := e.current.Target(path)
	if err == nil && info.Check(data) == nil {
		return nil
	}
	if err != nil && !errors.Is(err, trust.ErrNotFound) {
		return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
	}
	return e.repo.SetTarget(role, path, data, nil)
}

func insurerPath(key string) string { return "amc/" + key + "/issuer.json" }

// pagePath and changesPath are the target paths of FORMATS.md, section 3.
func pagePath(insurer string, list uint32) string {
	return fmt.Sprintf("amc/%s/status/%d", insurer, list)
}

func changesPath(insurer string, list uint32, from, to uint64) string {
	return fmt.Sprintf("amc/%s/status/%d.%d-%d", insurer, list, from, to)
}

// keep stores the edition: files, pages, events and version in one transaction, or ErrConcurrent and nothing.
func (s *Issuer) keep(ctx context.Context, e *edition, now time.Time, files []trust.File) (*PublishReport, error) {
	report := &PublishReport{Version: e.repo.View().Version(), At: now, Warnings: append(e.repo.Warnings(), e.warnings...)}
	newFiles := slices.Concat(e.tokens, e.packs, published(files))
	for _, f := range newFiles {
		report.Files = append(report.Files, f.Path)
		report.Bytes += int64(len(f.Data))
	}
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		day := rights.DateAt(now)
		for _, l := range e.lists {
			page := e.next[l.Number]
			if page == nil {
				continue
			}
			if err := tx.SetPage(l.Number, l.Revision, page.Revision(), page.Encode()); err != nil {
				return err
			}
			events := e.pending[l.Number]
			if n := len(events); n > 0 {
				marked, err := tx.MarkPublished(l.Number, events[n-1].Seq, page.Revision(), day)
				if err != nil {
					return err
				}
				if marked != int64(n) {
					return register.ErrConflict
				}
			}
			report.Events += len(events)
			report.Lists = append(report.Lists, ListChange{
				Insurer: l.Insurer, List: l.Number, Revision: page.Revision(), Events: len(events), Entries: page.Len()})
		}
		if err := e.keepKeys(tx); err != nil {
			return err
		}
		if err := s.audit(tx, "publish", map[string]any{"version": report.Version, "lists": len(report.Lists), "events": report.Events}); err != nil {
			return err
		}
		return s.publication(tx, e.repo.View(), now, newFiles)
	})
	if errors.Is(err, register.ErrConflict) {
		return nil, fmt.Errorf("%w: %w", ErrConcurrent, err)
	}
	if err != nil {
		return nil, err
	}
	return report, nil
}

// publication stores a version with its files, what it says and the head of the audit chain.
func (s *Issuer) publication(tx register.Tx, view *trust.Trusted, now time.Time, files []register.NewFile) error {
	head, err := tx.AuditHead()
	if err != nil {
		return err
	}
	if err := tx.AddPublication(register.Publication{Version: view.Version(), At: now, Audit: head}, files); err != nil {
		return err
	}
	if err := remember(tx, view, now); err != nil {
		return err
	}
	return prune(tx, view.Version())
}

// published turns the repository's files into the register's.
func published(files []trust.File) []register.NewFile {
	var out []register.NewFile
	for _, f := range files {
		out = append(out, register.NewFile{Path: f.Path, Data: f.Data, Mutable: f.Path == timestampPath})
	}
	return out
}

const (
	timestampPath = "timestamp.json"
	codesPath     = "codes.json"
	rootPath      = "1.root.json" // the first root, which counters pin
)

func tokenListPath(insurer string, list uint32) string {
	return fmt.Sprintf("statuslist/%s/%d.jwt", insurer, list)
}

// Published is what a counter would trust now, from the register's own files. What fn gets may not outlive it.
func (s *Issuer) Published(ctx context.Context, fn func(*trust.Trusted) error) error {
	return s.Store.View(ctx, func(tx register.Tx) error {
		root, err := tx.File(rootPath)
		if err != nil {
			return err
		}
		t, err := trust.Open(reader(tx), root)
		if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		return fn(t)
	})
}
