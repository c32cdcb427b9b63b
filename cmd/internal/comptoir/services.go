// The rights services that the counter is enrolled with: asked first, sent the journal, and never in the way of the lists.

package comptoir

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/cmd/internal/clock"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/liaison"
	"sceau/offline/mirror"
	"sceau/offline/receipt"
	"sceau/signing/assertion"
	"sceau/signing/trust"
)

// services are all of them. It is safe for concurrent use.
type services struct {
	*shop
	looking sync.Mutex // held by who looks at the enrolments, which opens files; taken before mu

	mu     sync.Mutex // never held while a file is opened: a check passes here
	open   []*service // in the order of the enrolments
	looked time.Time  // of the clock that nobody sets
	failed error      // why the enrolments could not be read
	off    time.Time  // since when somebody wants no online check; zero for nobody
	stale  chan struct{}
}

// service is one of them.
type service struct {
	mirror.Enrolment
	client *liaison.Client // nil when the key or the address can't be used: err says why
	sender *liaison.Sender
	err    error
	tried  time.Time // of the clock that nobody sets: when err was met last; guarded by looking
	stop   func()    // ends what runs for it; nil while nothing does
}

func newServices(s *shop) *services { return &services{shop: s, stale: make(chan struct{}, 1)} }

const (
	// relook is how old what is known of the enrolments may be: another process may have changed them.
	relook = 2 * time.Second
	// retry is how long a service rests whose key or certificates could not be read: a share of the network may come back.
	retry = 30 * time.Second
)

// current returns the services of the present enrolments. While somebody else looks, those of a moment ago do.
func (s *services) current(ctx context.Context) []*service {
	s.mu.Lock()
	open, looked := s.open, s.looked
	s.mu.Unlock()
	switch {
	case looked.IsZero():
		s.looking.Lock() // there are none yet
	case time.Since(looked) < relook || !s.looking.TryLock():
		return open
	}
	defer s.looking.Unlock()
	return s.look(ctx, false)
}

// refresh makes the next question look at the enrolments anew, and tries what failed once more.
func (s *services) refresh() {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.look(context.Background(), true)
}

// look reads the enrolments, whoever asked goes away or not. s.looking is held.
func (s *services) look(ctx context.Context, again bool) []*service {
	ctx = context.WithoutCancel(ctx)
	all, err := s.memory.opened().Enrolments(ctx)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failed = err
		return s.open // as they were
	}
	off := s.memory.settings(ctx).OfflineSince
	var next []*service
	for _, e := range all {
		next = append(next, s.known(ctx, e, again))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.looked, s.off = nil, time.Now(), off
	for _, old := range s.open {
		if !slices.Contains(next, old) {
			old.end()
		}
	}
	if !slices.Equal(s.open, next) {
		s.open = next
		select {
		case s.stale <- struct{}{}:
		default:
		}
	}
	return s.open
}

// known is the service of an enrolment: the one that is open already, unless it could not be opened and may be by now.
func (s *services) known(ctx context.Context, e mirror.Enrolment, again bool) *service {
	at := slices.IndexFunc(s.open, func(o *service) bool {
		return o.Root == e.Root && o.Address == e.Address && o.Counter == e.Counter && o.Since.Equal(e.Since)
	})
	if at < 0 {
		return s.newService(ctx, e)
	}
	old := s.open[at]
	if old.err == nil || !again && time.Since(old.tried) < retry {
		return old
	}
	if v := s.newService(ctx, e); v.err == nil {
		return v
	}
	old.tried = time.Now()
	return old
}

func (v *service) end() {
	if v.stop != nil {
		v.stop()
		v.stop = nil
	}
	if v.client != nil {
		v.client.Close()
	}
}

func (s *services) newService(ctx context.Context, e mirror.Enrolment) *service {
	v := &service{Enrolment: e}
	signer, err := s.memory.opened().EnrolmentSigner(ctx, e.Root, assertion.Kind)
	if err == nil {
		var ca []byte
		if ca, err = readCA(e.Facts.CA); err == nil {
			v.client, err = liaison.New(liaison.Options{Address: e.Address, Counter: e.Counter, Signer: signer, CA: ca, Now: clock.Now})
		}
	}
	if err != nil {
		v.err, v.tried = err, time.Now()
		return v
	}
	client := v.client
	v.sender = &liaison.Sender{Remote: client, Backlog: backlog{s.memory, e.Root}, Now: clock.Now, Changed: client.Changed, Idle: client.Idle,
		Service: func(ctx context.Context) (*card.Service, error) { return s.published(ctx, e.Root) },
		Speaks:  func(ctx context.Context, insurer string) (bool, error) { return s.speaks(ctx, e.Root, insurer) },
		Up:      func() bool { return client.State().Breaker == "closed" }}
	return v
}

// readCA reads the certificates that an enrolment names; none for "".
func readCA(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	return os.ReadFile(name)
}

// published is the service.json of a followed repository.
func (s *services) published(ctx context.Context, root string) (*card.Service, error) {
	facts, release, err := s.lists.Facts(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	of, ok := facts.(counter.Operators)
	if !ok {
		return nil, offline.ErrNoService
	}
	return of.Service(root)
}

// Enrolled implements counter.Online.
func (s *services) Enrolled() bool { return len(s.current(context.Background())) > 0 }

// Ask implements counter.Online. A question holds the names on the card: it goes to the service of the operator that the signed
// lists name for the insurer, and to no other.
func (s *services) Ask(ctx context.Context, e counter.Enquiry) (*counter.Asked, error) {
	rescue := func(code string, err error) (*counter.Asked, error) {
		return nil, &counter.Rescue{Code: code, Err: err}
	}
	all := s.current(ctx)
	if s.isOff() {
		return rescue(counter.RescueOff, nil)
	}
	at := slices.IndexFunc(all, func(v *service) bool { return trust.SameFingerprint(v.Root, e.Root) })
	if at < 0 {
		return rescue(counter.RescueOther, nil)
	}
	v := all[at]
	if v.err != nil {
		return rescue(troubleOf(v.err).code, v.err)
	}
	keys, err := e.Service(v.Root)
	if err != nil {
		return rescue(counter.RescueNoKeys, err)
	}
	u, err := card.Parse(e.Card)
	if err != nil {
		return rescue(counter.RescueCard, err)
	}
	a, now, err := v.client.Check(ctx, liaison.Enquiry{Card: e.Card, Insurer: e.Insurer, Place: u.PlaceUnsafe(), KID: u.KID(), Domain: e.Domain,
		Care: e.Care, Person: e.Person, Service: keys})
	if err != nil {
		return rescue(liaison.CodeOf(err), err)
	}
	return &counter.Asked{Accord: a, Now: now}, nil
}

// run keeps every service's breaker and sender going until ctx ends.
func (s *services) run(ctx context.Context, send bool) {
	var all sync.WaitGroup
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		s.current(ctx)
		s.mu.Lock()
		for _, v := range s.open {
			if v.client == nil || v.stop != nil {
				continue
			}
			var own context.Context
			own, v.stop = context.WithCancel(ctx)
			all.Go(func() { v.client.Run(own) })
			all.Go(func() { s.tell(own, v) })
			if send {
				all.Go(func() { v.sender.Run(own) })
			}
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			s.mu.Lock()
			for _, v := range s.open {
				v.end()
			}
			s.mu.Unlock()
			all.Wait()
			return
		case <-s.stale:
			s.changed()
		case <-tick.C:
		}
	}
}

// tell tells the page and the log what changed.
func (s *services) tell(ctx context.Context, v *service) {
	last := ""
	for {
		changed := v.client.Changed() // before the state, or a change between the two is missed
		sending, moved := v.sender.State()
		st := v.client.State()
		code := st.Code
		if code == "" {
			code = sending.Code
		}
		if code != last {
			last = code
			s.log.Info("rights service", "breaker", st.Breaker, "code", code)
		}
		s.changed()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-moved:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settled):
		}
	}
}

// speaks says whether a followed repository is the one that speaks for an insurer.
func (s *services) speaks(ctx context.Context, root, insurer string) (bool, error) {
	facts, release, err := s.lists.Facts(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	of, ok := facts.(counter.Operators)
	if !ok {
		return false, nil
	}
	fingerprint, err := of.Operator(insurer)
	return err == nil && trust.SameFingerprint(fingerprint, root), err
}

// kick says that a check was written: one more waits to be sent.
func (s *services) kick() {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.open {
		if v.sender != nil {
			v.sender.Kick()
		}
	}
}

// isOff says whether somebody at the desk wants no online check.
func (s *services) isOff() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.off.IsZero()
}

// backlog is the journal as one service's sender takes it.
type backlog struct {
	*memory
	root string
}

// Stretches implements liaison.Backlog.
func (b backlog) Stretches(ctx context.Context) ([]liaison.Stretch, error) {
	all, err := b.opened().Stretches(ctx, b.root)
	var out []liaison.Stretch
	for _, one := range all {
		out = append(out, liaison.Stretch(one))
	}
	return out, err
}

// Batch implements liaison.Backlog.
func (b backlog) Batch(ctx context.Context, device string, from uint64, most int) (receipt.Batch, error) {
	return b.opened().Batch(ctx, device, from, most)
}

// Acknowledge implements liaison.Backlog.
func (b backlog) Acknowledge(ctx context.Context, device string, next uint64, t *accord.Settlement) error {
	var answers []mirror.Settled
	at := clock.Now()
	if t != nil {
		at = t.At
		for _, e := range t.Entries {
			answers = append(answers, mirror.Settled(e))
		}
	}
	return b.opened().Acknowledge(ctx, b.root, device, next, answers, at)
}
