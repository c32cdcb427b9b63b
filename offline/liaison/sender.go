// The sender: what the journal gathered goes to the service by itself, behind every check and never in a crowd.

package liaison

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline/receipt"
)

// The pace of a sender, each with its reason.
const (
	// Few entries of a service that was not away go after Settle, so that the ones of a minute's scans go together.
	Few    = 100
	Settle = 2 * time.Second
	// Away is how long an outage lasts before all counters come back together: what waits then begins at random within Spread.
	Away   = time.Hour
	Spread = 10 * time.Minute
	// Pause between two batches of a backlog, and as much again at random at most. 20,000 counters that all have one send 670
	// batches a second together: a third of the 2,000 checks a second for which a service is built.
	Pause = 20 * time.Second
	// FirstWait doubles at each failure in a row up to LastWait.
	FirstWait = time.Minute
	LastWait  = 30 * time.Minute
	// Look is how often a sender looks by itself.
	Look = 5 * time.Minute
	// maxShownAlarms bounds what is remembered to be shown, whatever a service finds in a backlog.
	maxShownAlarms = 50
)

// AlarmBehind: the service has more of a chain than this journal: it was put back to an earlier day.
const AlarmBehind = "BEHIND"

// Stretch is what one chain still has to send.
type Stretch struct {
	Device            string
	First, Last, Next uint64 // oldest and newest entry kept; first that was not acknowledged
}

// Waiting is how many entries that is.
func (s Stretch) Waiting() int {
	if from := max(s.First, s.Next); s.Last >= from && s.First > 0 {
		return int(s.Last - from + 1)
	}
	return 0
}

// Backlog is the journal, as far as one service is concerned.
type Backlog interface {
	// Stretches returns every chain, oldest first.
	Stretches(ctx context.Context) ([]Stretch, error)
	// Batch takes at most so many entries of a chain from a number on.
	Batch(ctx context.Context, device string, from uint64, most int) (receipt.Batch, error)
	// Acknowledge keeps the answers and the next number to send, durably and together.
	Acknowledge(ctx context.Context, device string, next uint64, t *accord.Settlement) error
}

// Remote is the service. [Client] is one.
type Remote interface {
	UploadState(ctx context.Context, device string) (UploadState, error)
	Upload(ctx context.Context, b receipt.Batch, s *card.Service) (Uploaded, error)
}

// Sender sends a backlog. The fields are set before Run or Send and not changed after.
type Sender struct {
	Remote  Remote
	Backlog Backlog
	Service func(ctx context.Context) (*card.Service, error) // whose settlement keys are believed
	// Speaks says whether the operator of this service speaks for an insurer. Of a card of any other nothing is believed but that it
	// was noted: what an operator honours or disputes is its own word alone. nil: it speaks for none.
	Speaks  func(ctx context.Context, insurer string) (bool, error)
	Up      func() bool                             // the service answers, as far as is known; nil: yes
	Changed func() <-chan struct{}                  // closed once Up may be another; nil: never
	Idle    func(ctx context.Context) error         // returns once no check is under way; nil: at once
	Now     func() time.Time                        // for what is shown; nil is time.Now
	Jitter  func(limit time.Duration) time.Duration // from 0 to limit, at random; nil draws it

	setup sync.Once
	kick  chan struct{}
	turn  chan struct{} // held by who sends: one at a time

	mu      sync.Mutex
	st      Sending
	changed chan struct{}
}

// Sending is how a sender stands.
type Sending struct {
	Running bool
	Waiting int       // entries, when it was last looked
	Sent    uint64    // since the start
	Last    time.Time // last batch that was answered
	Code    string    // why the last try failed; "" when it did not
	Alarms  []ShownAlarm
}

// ShownAlarm is an alarm, and which chain it is about.
type ShownAlarm struct {
	Alarm
	Device string
}

// Sent is what one Send did.
type Sent struct {
	Entries                   int
	Honoured, Disputed, Noted int
	Alarms                    []ShownAlarm
}

func (s *Sender) init() {
	s.setup.Do(func() {
		s.kick, s.turn = make(chan struct{}, 1), make(chan struct{}, 1)
		if s.Up == nil {
			s.Up = func() bool { return true }
		}
		if s.Changed == nil {
			s.Changed = func() <-chan struct{} { return nil }
		}
		if s.Idle == nil {
			s.Idle = func(ctx context.Context) error { return ctx.Err() }
		}
		if s.Now == nil {
			s.Now = time.Now
		}
		if s.Jitter == nil {
			s.Jitter = func(limit time.Duration) time.Duration { return rand.N(limit + 1) }
		}
	})
}

// Kick says that something was written.
func (s *Sender) Kick() {
	s.init()
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// State returns how it stands, and a channel that is closed once that may be another.
func (s *Sender) State() (Sending, <-chan struct{}) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	st := s.st
	st.Alarms = slices.Clone(st.Alarms)
	return st, s.changed
}

func (s *Sender) update(change func(*Sending)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.st)
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Run sends by itself until ctx ends. Waiting is measured by the clock that nobody sets.
func (s *Sender) Run(ctx context.Context) {
	s.init()
	var downSince time.Time // of the monotonic clock; zero while the service answers
	wait, failures, fresh := time.Duration(0), 0, true
	for {
		if !s.rest(ctx, wait, failures > 0) {
			return
		}
		wait = Look
		if !s.Up() {
			if downSince.IsZero() {
				downSince = time.Now()
			}
			continue
		}
		waiting, err := s.look(ctx)
		if err != nil || waiting == 0 {
			continue
		}
		away := !downSince.IsZero() && time.Since(downSince) >= Away
		delay := Settle + s.Jitter(Settle)
		if away || waiting > Few && (fresh || failures == 0 && !downSince.IsZero()) {
			delay = s.Jitter(Spread)
		}
		if failures == 0 && !s.pause(ctx, delay) {
			if ctx.Err() != nil {
				return
			}
			continue // away again meanwhile
		}
		fresh = false
		if _, err := s.send(ctx, true, nil); err != nil {
			if downSince.IsZero() {
				downSince = time.Now()
			}
			failures++
			wait = LastWait
			if failures < 8 {
				wait = min(FirstWait<<(failures-1), LastWait)
			}
			wait = wait/2 + s.Jitter(wait/2)
			continue
		}
		downSince, failures = time.Time{}, 0
	}
}

// rest waits for something to do. After a failure only time helps.
func (s *Sender) rest(ctx context.Context, wait time.Duration, failed bool) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	kick, changed := s.kick, s.Changed()
	if failed {
		kick, changed = nil, nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-kick:
	case <-changed:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// pause waits that long, and says whether the service is still there.
func (s *Sender) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return s.Up()
		case <-s.Changed():
			if !s.Up() {
				return false
			}
		}
	}
}

func (s *Sender) look(ctx context.Context) (int, error) {
	all, err := s.Backlog.Stretches(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, one := range all {
		n += one.Waiting()
	}
	s.update(func(st *Sending) { st.Waiting = n })
	return n, nil
}

// Send sends everything that waits now, without pauses, and tells each batch. What was answered until an error stays so.
func (s *Sender) Send(ctx context.Context, told func(Sent)) (Sent, error) {
	s.init()
	return s.send(ctx, false, told)
}

// send goes over the chains. One that is refused does not hold up the others.
func (s *Sender) send(ctx context.Context, paced bool, told func(Sent)) (sent Sent, err error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return Sent{}, ctx.Err()
	}
	s.update(func(st *Sending) { st.Running = true })
	defer func() {
		s.update(func(st *Sending) {
			st.Running, st.Code = false, CodeOf(err)
			if err != nil && st.Code == "" {
				st.Code = CodeStopped
			}
		})
	}()
	service, err := s.Service(ctx)
	if err != nil {
		return Sent{}, &Failure{Code: CodeSignature, Err: err}
	}
	all, err := s.Backlog.Stretches(ctx)
	if err != nil {
		return Sent{}, err
	}
	var failed error
	first := true
	for _, one := range all {
		if one.Waiting() == 0 {
			continue
		}
		if err := s.chain(ctx, one, service, paced, &first, &sent, told); err != nil {
			if f := CodeOf(err); ctx.Err() != nil || f == "" || isDown(err) && f != CodeSignature && f != CodeMismatch {
				return sent, err
			}
			failed = err
		}
	}
	_, err = s.look(ctx)
	return sent, errors.Join(failed, err)
}

// chain sends what one chain has, from where the service and the journal agree that it is to go on. An entry that comes twice is
// answered twice alike, so that nothing is lost when an answer was.
func (s *Sender) chain(ctx context.Context, one Stretch, service *card.Service, paced bool, first *bool, sent *Sent, told func(Sent)) error {
	has, err := s.Remote.UploadState(ctx, one.Device)
	if err != nil {
		return err
	}
	from := max(one.First, min(one.Next, has.Next))
	if has.Next > one.Last+1 {
		s.alarm(sent, ShownAlarm{Alarm{AlarmBehind, one.Last + 1, has.Next - 1}, one.Device})
	}
	for {
		b, err := s.Backlog.Batch(ctx, one.Device, from, receipt.MaxBatchEntries)
		if err != nil || len(b.Entries) == 0 {
			return err
		}
		if !*first && paced && !s.pause(ctx, Pause+s.Jitter(Pause)) {
			return &Failure{Code: CodeOpen, Err: ctx.Err()}
		}
		*first = false
		if err := s.Idle(ctx); err != nil {
			return err
		}
		got, err := s.Remote.Upload(ctx, b, service)
		if err != nil {
			return err
		}
		settled, err := s.believed(ctx, got.Settlement, b)
		if err != nil {
			return err
		}
		from = b.Entries[len(b.Entries)-1].Seq + 1
		if err := s.Backlog.Acknowledge(ctx, one.Device, from, settled); err != nil {
			return err
		}
		for _, a := range got.Alarms {
			s.alarm(sent, ShownAlarm{a, one.Device})
		}
		sent.Entries += len(b.Entries)
		sent.count(settled)
		s.update(func(st *Sending) {
			st.Sent += uint64(len(b.Entries))
			st.Waiting = max(0, st.Waiting-len(b.Entries))
			st.Last = s.Now()
		})
		if told != nil {
			told(*sent)
		}
		if from > one.Last {
			return nil // what was written since goes with the next look
		}
	}
}

func (n *Sent) count(t *accord.Settlement) {
	if t == nil {
		return
	}
	for _, e := range t.Entries {
		switch e.Answer {
		case accord.Honoured:
			n.Honoured++
		case accord.Disputed:
			n.Disputed++
		case accord.Noted:
			n.Noted++
		}
	}
}

// alarm remembers an alarm to be shown. It hinders nothing.
func (s *Sender) alarm(sent *Sent, a ShownAlarm) {
	add := func(to *[]ShownAlarm) {
		if len(*to) < maxShownAlarms && !slices.Contains(*to, a) {
			*to = append(*to, a)
		}
	}
	add(&sent.Alarms)
	s.update(func(st *Sending) { add(&st.Alarms) })
}
