// Everything a counter works with, put together once: lists, journal, pictures, sources, watched folder, retention.

package comptoir

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sceau/card"
	"sceau/cmd/internal/clock"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/desk"
	"sceau/offline/mirror"
	"sceau/offline/optic"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// shop is an open counter. Close it.
type shop struct {
	dir      string
	log      *slog.Logger
	lang     offline.Language // in place of the settings' own; ""
	lists    *lists
	memory   *memory
	counter  *counter.Counter
	reader   *optic.Reader
	ready    chan struct{} // closed once the reader is warm; nil where nobody warms it
	sources  *sources
	services *services
	changed  func()        // the desk is told
	renew    chan struct{} // the settings changed
}

func newShop(dir string, log *slog.Logger) *shop {
	s := &shop{dir: dir, log: log, lists: newLists(dir), memory: newMemory(dir), reader: newReader(dir), changed: func() {}, renew: make(chan struct{}, 1)}
	s.counter = &counter.Counter{Lists: s.lists, Journal: s.memory, Now: clock.Now, Drill: clock.Drill()}
	s.sources = newSources(s)
	s.services = newServices(s)
	s.counter.Online = s.services
	s.memory.appended = s.services.kick
	return s
}

// prepare makes what is missing in the folder, and sets aside a database that is none any more.
func (s *shop) prepare() (kept string, err error) {
	err = s.lists.create(func(name string) { kept = name })
	return kept, err
}

func (s *shop) close() {
	s.lists.Close()
	s.memory.Close()
}

// start runs what goes on by itself: synchronisation, retention, the watched folder, the warming of what the first scan needs.
func (s *shop) start(ctx context.Context) (stop func(), wait func()) {
	ctx, stop = context.WithCancel(ctx)
	s.ready = make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { s.warm(ctx) })
	all.Go(func() { s.sources.run(ctx) })
	all.Go(func() { s.services.run(ctx, true) })
	all.Go(func() { s.forget(ctx) })
	all.Go(func() { s.watch(ctx) })
	return stop, all.Wait
}

// warm opens what the first scan would have to.
func (s *shop) warm(ctx context.Context) {
	defer close(s.ready)
	if facts, release, err := s.lists.Facts(ctx); err == nil {
		facts.OwnerOf("") // opens every insurer
		release()
	}
	if err := s.reader.Warm(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("picture reader not ready")
	}
}

// forget prunes the journal once a day, by the retention that the settings wish.
func (s *shop) forget(ctx context.Context) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		if err := s.prune(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("journal not pruned", "code", troubleOf(err).code)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *shop) prune(ctx context.Context) error {
	days := s.memory.settings(ctx).Retention
	if days == 0 {
		return nil
	}
	before := clock.Now().AddDate(0, 0, -days)
	p, err := s.memory.opened().PruneSettled(ctx, before, before)
	if p.Entries > 0 {
		s.log.Info("journal pruned", "entries", p.Entries, "never_answered", p.Unsettled)
	}
	return err
}

// options are the desk's, as far as they are parts of the counter.
func (s *shop) options() desk.Options {
	return desk.Options{Ask: asker{s}, Store: s.memory, Memory: chronicle{s.memory}, Lists: shelf{s}, Sources: s.sources, Pictures: pictures{s},
		Temp: s.dir, Language: s.lang, Explain: explain, Progress: s.sources.progress, Recorded: s.memory.recorded,
		Standing: s.services.standing, Enrol: s.services, Disputes: s.services.disputes, SettingsChanged: func(counter.Settings) { s.settingsChanged() }, Now: clock.Now}
}

func (s *shop) settingsChanged() {
	select {
	case s.renew <- struct{}{}:
	default:
	}
	s.sources.settingsChanged()
	s.services.refresh()
}

// chronicle is the journal as the desk reads it.
type chronicle struct{ *memory }

func search(q desk.Search) mirror.Search {
	return mirror.Search{Number: string(q.Number), From: q.From, To: q.To, Care: q.Care, Status: q.Status, Answer: q.Answer, Limit: q.Limit, Before: q.Before}
}

func (c chronicle) Find(ctx context.Context, q desk.Search) ([]receipt.Record, error) {
	return c.opened().Find(ctx, search(q))
}

func (c chronicle) Each(ctx context.Context, q desk.Search, fn func(receipt.Record) error) error {
	return c.opened().Each(ctx, search(q), fn)
}

func (c chronicle) Verify(ctx context.Context) (desk.Verified, error) {
	head, count, err := c.opened().Verify(ctx)
	v := desk.Verified{Entries: uint64(count.Entries), Head: hex.EncodeToString(head.Hash[:]), Signed: err == nil}
	// A broken chain is a finding; a journal that could not be read is an error.
	var fault *journal.Fault
	switch {
	case err == nil:
		return v, nil
	case errors.As(err, &fault):
		v.Bad, v.Fault = fault.Seq, fault.What.Error()
		return v, nil
	}
	return desk.Verified{}, err
}

// shelf is what is followed, as the desk shows it.
type shelf struct{ *shop }

func (s shelf) Overview(ctx context.Context) ([]desk.Repository, error) {
	repos, err := s.lists.repositories(ctx)
	if err != nil {
		return nil, err
	}
	facts, release, err := s.lists.Facts(ctx)
	if err != nil && len(repos) > 0 {
		return nil, err
	}
	if err == nil {
		defer release()
	}
	out := make([]desk.Repository, 0, len(repos))
	settings := s.memory.settings(ctx)
	own, lang := settings.Domains(), settings.Language
	if s.lang != "" {
		lang = s.lang
	}
	for _, r := range repos {
		d := desk.Repository{Fingerprint: r.Fingerprint, Published: parseTime(r.Published), Expires: parseTime(r.Expires), Insurers: []desk.Insurer{}, Sources: []string{}}
		for _, src := range r.Sources {
			d.Sources = append(d.Sources, shown(src.Spec)+frozenSince(src, lang))
		}
		for _, i := range r.Insurers {
			one := desk.Insurer{AMC: i.Key, Name: i.Name, Lists: i.Lists, Phones: []string{}}
			issuer, err := facts.Issuer(i.Key)
			if err != nil {
				return nil, err
			}
			for _, phone := range []string{issuer.Insurer.PhoneProfessionals, issuer.Insurer.PhoneMembers} {
				if phone != "" && !slices.Contains(one.Phones, phone) {
					one.Phones = append(one.Phones, phone)
				}
			}
			reserve, refuse := strictest(issuer.Insurer.Outage, own)
			if d.Reserve == 0 || reserve < d.Reserve {
				d.Reserve = reserve
			}
			if d.Refuse == 0 || refuse < d.Refuse {
				d.Refuse = refuse
			}
			d.Insurers = append(d.Insurers, one)
		}
		out = append(out, d)
	}
	if len(out) > 0 {
		if err := noticesOf(facts, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// strictest are the fewest hours that an insurer grants a list, among the domains that the counter invoices: what the desk shows may
// warn before a verdict does, never after it.
func strictest(o card.OutagePolicy, domains []string) (reserve, refuse int) {
	if len(domains) == 0 {
		return o.Default.ReserveHours, o.Default.RefuseHours
	}
	for i, d := range domains {
		limits := o.For(d)
		if i == 0 || limits.ReserveHours < reserve {
			reserve = limits.ReserveHours
		}
		if i == 0 || limits.RefuseHours < refuse {
			refuse = limits.RefuseHours
		}
	}
	return reserve, refuse
}

func (s shelf) Forget(ctx context.Context, fingerprint string) error {
	err := s.lists.change(func(m *mirror.Mirror) error { return m.Forget(ctx, fingerprint) })
	if errors.Is(err, os.ErrNotExist) {
		return mirror.ErrNotFollowed
	}
	s.sources.keeper.Kick() // what a forgotten source failed with goes with it
	return err
}

// readPicture reads a picture or a PDF. While the reader is being made ready it waits: doing that twice at once takes twice as long.
func (s *shop) readPicture(ctx context.Context, src io.Reader) (optic.Found, error) {
	if s.ready != nil {
		select {
		case <-s.ready:
		case <-ctx.Done():
			return optic.Found{}, ctx.Err()
		}
	}
	return s.reader.Read(ctx, src)
}

// pictures is the reader as the desk uses it.
type pictures struct{ *shop }

func (p pictures) Read(ctx context.Context, src io.Reader) (desk.Pages, error) {
	found, err := p.readPicture(ctx, src)
	if err == nil {
		return desk.Pages{Texts: found.Texts, Pages: found.Pages}, nil
	}
	for from, to := range map[error]error{optic.ErrNothing: desk.ErrNoCode, optic.ErrFormat: desk.ErrNotPicture, optic.ErrLocked: desk.ErrNotPicture,
		optic.ErrTooLarge: desk.ErrTooLarge, optic.ErrTimeout: desk.ErrSlow} {
		if errors.Is(err, from) {
			return desk.Pages{}, errors.Join(to, err)
		}
	}
	return desk.Pages{}, errors.Join(desk.ErrPicture, err)
}

// childArg is the one argument with which this program starts itself to read a picture, and does nothing else.
const childArg = "--read-picture-from-stdin"

// Child is the whole program when it was started to read a picture.
func Child(args []string) (code int, is bool) {
	if len(args) != 1 || args[0] != childArg {
		return 0, false
	}
	return optic.Child(os.Stdin, os.Stdout), true
}

func newReader(dir string) *optic.Reader {
	exe, err := os.Executable()
	if err != nil {
		exe = os.Args[0]
	}
	return &optic.Reader{Exe: exe, Args: []string{childArg}, Cache: filepath.Join(dir, cacheName)}
}

func explain(err error, lang offline.Language) desk.Trouble {
	t := troubleOf(err)
	if todo, ok := deskTodos[t.code]; ok {
		t.todo = todo
	} else if t.todo == unknownAuthority.todo {
		t.todo = "vérifier l’adresse, puis prévenir l’opérateur ; rien de non vérifié n’est utilisé en attendant"
	}
	if lang == offline.English {
		t = inEnglish(t)
	}
	return desk.Trouble{Code: t.code, What: t.what, Todo: t.todo}
}
