// Where lists come from while the desk is open: each source kept fresh in the background, new ones followed on a person's word.

package comptoir

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"sceau/cmd/internal/clock"
	"sceau/offline/counter"
	"sceau/offline/desk"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/signing/trust"
)

// sources implements desk.Sources.
type sources struct {
	*shop
	keeper *refresh.Keeper
	behind *spell // how often a card may kick the keeper
}

func newSources(s *shop) *sources {
	src := &sources{shop: s, behind: &spell{every: behindEvery, since: time.Since}}
	src.keeper = &refresh.Keeper{Sync: src.sync, Sources: src.specs, Every: counter.DefaultSync * time.Minute, Now: clock.Now}
	return src
}

// run keeps the lists fresh until ctx ends. It is called once.
func (s *sources) run(ctx context.Context) {
	s.settingsChanged()
	var telling sync.WaitGroup
	telling.Go(func() { s.tell(ctx) })
	if err := s.keeper.Run(ctx); err != nil {
		s.log.Warn("a synchronisation was left behind")
	}
	telling.Wait()
}

// settled keeps the page from being told of each file.
const settled = 200 * time.Millisecond

// tell tells the page what changed, and the log what failed.
func (s *sources) tell(ctx context.Context) {
	last := ""
	for {
		st, changed := s.keeper.Watch()
		code := ""
		if st.LastError != nil {
			code = troubleOf(inSync(st.LastError)).code
		}
		if code != last {
			last = code
			if code != "" {
				s.log.Warn("synchronisation failed", "code", code)
			}
		}
		s.changed()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settled):
		}
	}
}

// settingsChanged gives the keeper the period that the settings wish.
func (s *sources) settingsChanged() {
	s.keeper.SetEvery(time.Duration(s.memory.settings(context.Background()).SyncEvery) * time.Minute)
}

func (s *sources) specs(ctx context.Context) ([]string, error) {
	all, err := s.followed(ctx)
	var out []string
	for _, one := range all {
		out = append(out, one.Spec)
	}
	return out, err
}

func (s *sources) followed(ctx context.Context) (all []mirror.Source, err error) {
	err = s.lists.read(func(m *mirror.Mirror) error {
		all, err = m.Sources(ctx)
		return err
	})
	return all, err
}

// sync implements Keeper.Sync.
func (s *sources) sync(ctx context.Context, spec string, progress refresh.Progress) (refresh.Report, error) {
	root := ""
	all, err := s.followed(ctx)
	if err == nil {
		for _, one := range all {
			if one.Spec == spec {
				root = one.Fingerprint
			}
		}
		if root == "" {
			return refresh.Report{}, mirror.ErrNotFollowed // forgotten meanwhile: it must not come back by itself
		}
	}
	report := refresh.Report{}
	if err == nil {
		report, err = s.bring(ctx, spec, root, progress, true, true)
	}
	if mirror.IsCorrupt(err) {
		s.setAside()
	}
	return report, err
}

// setAside makes room for a new database; what was followed has to be followed anew.
func (s *sources) setAside() {
	kept, err := s.prepare()
	switch {
	case err != nil:
		s.log.Warn("damaged lists can't be set aside", "code", troubleOf(err).code)
	case kept != "":
		s.log.Warn("damaged lists set aside")
	}
	s.changed()
}

// bring synchronises once. root is the fingerprint that the source must carry.
func (s *sources) bring(ctx context.Context, spec, root string, progress refresh.Progress, remember, followed bool) (refresh.Report, error) {
	src, err := openSource(ctx, spec, s.memory.opened())
	if err != nil {
		return refresh.Report{}, err
	}
	watched := refresh.Watched(src, progress)
	defer trust.CloseSource(watched)
	report, err := refresh.Sync(ctx, s.lists, watched, refresh.Options{Root: root, Now: clock.Now, Followed: followed})
	if errors.Is(err, trust.ErrRollback) && remember {
		note := s.lists.change(func(m *mirror.Mirror) error { return m.OlderSource(ctx, spec, clock.Now()) })
		return report, errors.Join(err, note)
	}
	if err != nil {
		return report, err
	}
	if remember {
		if err := s.lists.change(func(m *mirror.Mirror) error { return m.AddSource(ctx, spec, report.Fingerprint, clock.Now()) }); err != nil {
			return report, err
		}
	}
	if len(report.Contested) > 0 {
		return report, fmt.Errorf("%w: N° AMC %s", mirror.ErrClaimed, strings.Join(report.Contested, ", "))
	}
	return report, nil
}

// Peek implements desk.Sources.
func (s *sources) Peek(ctx context.Context, from desk.Source) (_ desk.Found, err error) {
	defer func() { err = inSync(err) }()
	spec, err := placed(from.Spec)
	if err != nil {
		return desk.Found{}, err
	}
	src, err := openSource(ctx, spec, s.memory.opened())
	if err != nil {
		return desk.Found{}, err
	}
	defer trust.CloseSource(src)
	fingerprint, err := refresh.Peek(ctx, src)
	if err != nil {
		return desk.Found{}, err
	}
	found := desk.Found{Fingerprint: fingerprint}
	repos, err := s.lists.repositories(ctx)
	for _, r := range repos {
		found.Known = found.Known || trust.SameFingerprint(r.Fingerprint, fingerprint)
	}
	return found, err
}

// Follow implements desk.Sources.
func (s *sources) Follow(ctx context.Context, from desk.Source, root string) (err error) {
	defer func() { err = inSync(err) }()
	spec, err := placed(from.Spec)
	if err != nil {
		return err
	}
	if root == "" {
		return refresh.ErrOtherRoot // only a fingerprint that a person saw is followed
	}
	if kept, err := s.ready(); err != nil {
		return err
	} else if kept != "" {
		s.log.Warn("damaged lists set aside")
	}
	_, err = s.bring(ctx, spec, root, func(string, int64) {}, !from.Once, false)
	s.keeper.Kick()
	s.changed()
	return err
}

// ready makes the database of a folder that has none, and sets one aside that is none.
func (s *sources) ready() (kept string, err error) {
	if err := s.lists.read(func(*mirror.Mirror) error { return nil }); err == nil {
		return "", nil
	}
	return s.prepare()
}

// Sync implements desk.Sources.
func (s *sources) Sync(context.Context) error {
	s.keeper.Kick()
	s.services.probe()
	return nil
}

func (s *sources) progress() desk.Progress {
	st := s.keeper.State()
	return desk.Progress{Running: st.Running, Source: shown(st.Source), Step: st.Step, Bytes: st.Bytes, Next: st.Next, Last: st.LastOK, Err: inSync(st.LastError)}
}

// openSource opens a source. What an enrolled service publishes at its own address is fetched with the certificates that the
// enrolment trusts; when those can't be read, with the system's alone.
func openSource(ctx context.Context, spec string, book *mirror.Book) (trust.Source, error) {
	src, err := trust.NewSource(spec)
	web, ok := src.(*trust.HTTP)
	if err != nil || !ok || book == nil {
		return src, err
	}
	all, err := book.Enrolments(ctx)
	if err != nil {
		return src, nil
	}
	for _, e := range all {
		if e.Facts.CA == "" || !sameServer(spec, e.Address) {
			continue
		}
		if certificates, err := readCA(e.Facts.CA); err == nil && web.TrustAlso(certificates) == nil {
			break
		}
	}
	return src, nil
}

// sameServer says whether two https addresses are of one server: the same name and port.
func sameServer(a, b string) bool {
	origin := func(s string) string {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Scheme != "https" || u.Hostname() == "" {
			return ""
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		return strings.ToLower(u.Hostname()) + " " + port
	}
	return origin(a) != "" && origin(a) == origin(b)
}

// placed is a source as it is kept: trimmed, and a folder or file in full, so that it is found from anywhere.
func placed(spec string) (string, error) {
	all, err := openSources([]string{spec})
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(spec) == "" {
		return "", trust.ErrBadSource
	}
	return all[0], nil
}
