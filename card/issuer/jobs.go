// Jobs: imports that go on after their file was taken, with progress that any server can show.

package issuer

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"sceau/card/register"
	"sceau/rights/roster"
)

// kindJob: Data is storedJob; Owner the insurer. kindRejects: ID is the job's and the number of the part, Data gzipped JSON of
// some of its rejects, without any value of the file.
const (
	kindJob     = "job"
	kindRejects = "job-rejects"
)

const (
	jobBeat    = 2 * time.Second  // how often a job says that it lives
	jobDead    = 20 * time.Second // after that long in silence its server is dead
	jobKept    = 30 * 24 * time.Hour
	maxRejects = 200_000 // kept of one job; all are counted
	rejectPart = 5_000
)

// ErrNotRunning says that a job is over and can't be cancelled.
var ErrNotRunning = errors.New("issuer: the job is over")

// JobState is how far a job is.
type JobState string

// States of a job.
const (
	JobWaiting     JobState = "waiting"
	JobRunning     JobState = "running"
	JobDone        JobState = "done"
	JobRejected    JobState = "rejected"    // strict, and lines were rejected: nothing was taken
	JobHeld        JobState = "held"        // too many contracts would be closed: nothing was taken, and the same file with the number does it
	JobFailed      JobState = "failed"      // Fault says why; what was taken stays
	JobCancelled   JobState = "cancelled"   // likewise
	JobInterrupted JobState = "interrupted" // its server died; the same file again completes it
)

// Job is an import.
type Job struct {
	ID        string
	Actor     string
	State     JobState
	Fault     string // stable code of a failure
	Strict    bool
	SHA256    string // of the file, once it was read to its end
	Lines     int64  // read so far
	Contracts int
	Created   int
	Changed   int
	Unchanged int
	Rejected  int // lines
	Refused   int // contracts
	Rejects   int // faults, of which Kept can be read
	Kept      int
	Closed    int // contracts in force that end earlier now
	Closures  int // held: contracts that the file would close
	InForce   int // held: of so many
	Accept    int // closures that were accepted when it was asked for
	Asked     time.Time
	Began     time.Time
	Ended     time.Time
}

// Rate is lines a second.
func (j Job) Rate(now time.Time) float64 {
	if !j.Ended.IsZero() {
		now = j.Ended
	}
	if d := now.Sub(j.Began).Seconds(); !j.Began.IsZero() && d > 0 {
		return float64(j.Lines) / d
	}
	return 0
}

type storedJob struct {
	Job
	Beat   time.Time
	Cancel bool
}

func (v storedJob) job(now time.Time) Job {
	if (v.State == JobWaiting || v.State == JobRunning) && now.Sub(v.Beat) > jobDead {
		v.State = JobInterrupted
	}
	return v.Job
}

// NewImportJob stores a job that waits. done is called in the transaction.
func (s *Issuer) NewImportJob(ctx context.Context, who Staff, strict bool, done func(register.Tx, Job) error) (Job, error) {
	return s.AskImport(ctx, who, ImportWish{Strict: strict}, done)
}

// ImportWish is how a file is to be taken.
type ImportWish struct {
	Strict bool
	Accept int // the Closures of a held job of the same file
}

// AskImport is NewImportJob with every wish.
func (s *Issuer) AskImport(ctx context.Context, who Staff, wish ImportWish, done func(register.Tx, Job) error) (Job, error) {
	if who.Insurer == "" {
		return Job{}, ErrUnknownInsurer
	}
	id, err := s.draw(12)
	if err != nil {
		return Job{}, err
	}
	now := s.second()
	v := storedJob{Job: Job{ID: id, Actor: who.Actor, State: JobWaiting, Strict: wish.Strict, Accept: wish.Accept, Asked: now}, Beat: now}
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		d := register.Document{Kind: kindJob, ID: id, Owner: who.Insurer, Until: now.Add(jobKept)}
		if err := writeDocument(tx, d, v); err != nil {
			return err
		}
		if err := callDone(tx, done, v.Job); err != nil {
			return err
		}
		detail := map[string]any{"job": id, "strict": wish.Strict}
		if wish.Accept > 0 {
			detail["accepted_closures"] = wish.Accept
		}
		return s.As(who).audit(tx, "import.ask", detail)
	})
	if err != nil {
		return Job{}, err
	}
	return v.Job, nil
}

// ImportJob is a job at work.
type ImportJob struct {
	issuer *Issuer
	who    Staff
	id     string
	cancel context.CancelCauseFunc
	lines  atomic.Int64
	kept   int
	part   []roster.Reject
	parts  int
}

var errCancelled = errors.New("issuer: cancelled")

// Hold keeps a waiting job alive until the returned function is called, and ends the returned context when somebody cancels it.
// Whoever holds a job calls Run, or Fail, before release.
func (s *Issuer) Hold(ctx context.Context, who Staff, id string) (_ context.Context, _ *ImportJob, release func()) {
	held, cancel := context.WithCancelCause(ctx)
	j := &ImportJob{issuer: s, who: who, id: id, cancel: cancel}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(jobBeat)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_ = j.write(held, nil) // the next beat tries again; a register that is away long enough makes the job interrupted
			}
		}
	}()
	return held, j, func() { close(stop); <-stopped; cancel(nil) }
}

// write stores progress, and learns of a cancellation.
func (j *ImportJob) write(ctx context.Context, change func(*storedJob)) error {
	cancelled := false
	err := j.issuer.Store.Update(ctx, func(tx register.Tx) error {
		var v storedJob
		d, err := readDocument(tx, kindJob, j.who.Insurer, j.id, &v)
		if err != nil {
			return err
		}
		cancelled = v.Cancel
		v.Beat, v.Lines = j.issuer.second(), j.lines.Load()
		if change != nil {
			change(&v)
		}
		return writeDocument(tx, d, v)
	})
	if cancelled {
		j.cancel(errCancelled) // after the transaction: it has the same context
	}
	return err
}

// Fail ends a job that never ran.
func (j *ImportJob) Fail(ctx context.Context, code string) error {
	return j.end(ctx, nil, nil, JobFailed, code)
}

// Run imports the file that open gives, as ImportFile does. What it read and rejected is in the job; the error is for the log.
func (j *ImportJob) Run(ctx context.Context, open func() (io.Reader, error), strict bool) error {
	now := j.issuer.second()
	accept := 0
	err := j.write(ctx, func(v *storedJob) { v.State, v.Began, accept = JobRunning, now, v.Accept })
	if err == nil {
		err = ctx.Err()
	}
	var report *ImportReport
	if err == nil {
		// Again: other insurers' files come in between, and the record does not say whose a file was.
		o := ImportOptions{Strict: strict, AcceptClosures: accept, Again: true, Insurer: j.who.Insurer,
			Reject: func(r roster.Reject) error { return j.keep(ctx, r) }}
		report, err = j.issuer.As(j.who).ImportFile(ctx, func() (io.Reader, error) {
			file, err := open()
			j.lines.Store(0)
			return &lineCounter{ctx, file, &j.lines}, err
		}, o)
	}
	mass := new(MassClosure)
	held := errors.As(err, &mass)
	if err == nil || held || errors.Is(err, ErrRejected) {
		if flushed := j.flush(ctx); flushed != nil {
			err = flushed
		}
	}
	state, code := JobDone, ""
	var whole *roster.FileError
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), errCancelled):
		state, err = JobCancelled, nil
	case errors.Is(err, ErrRejected):
		state, err = JobRejected, nil
	case held:
		state, err = JobHeld, nil
	case errors.As(err, &whole):
		state, code, err = JobFailed, whole.Code, nil // its text may quote a cell
	case ctx.Err() != nil:
		state, code = JobInterrupted, "stopped"
	default:
		state, code = JobFailed, "internal"
	}
	return errors.Join(err, j.end(ctx, report, mass, state, code))
}

func (j *ImportJob) end(ctx context.Context, r *ImportReport, mass *MassClosure, state JobState, code string) error {
	ctx = context.WithoutCancel(ctx)
	return j.write(ctx, func(v *storedJob) {
		v.State, v.Fault, v.Ended, v.Kept = state, code, j.issuer.second(), j.kept
		if r == nil {
			return
		}
		if state == JobHeld {
			v.Closures, v.InForce = mass.Closures, mass.Insurers[0].Contracts
		}
		if state == JobHeld || r.Untouched { // what would have been stored was not
			r.Contracts, r.Created, r.Changed, r.Unchanged, r.Closed = 0, 0, 0, 0, 0
		}
		v.Closed = r.Closed
		v.Lines = int64(r.Lines)
		v.Contracts, v.Created, v.Changed, v.Unchanged = r.Contracts, r.Created, r.Changed, r.Unchanged
		v.Rejected, v.Refused, v.Rejects = r.Rejected, r.Refused, r.Rejects
		if r.SHA256 != [32]byte{} {
			v.SHA256 = hex.EncodeToString(r.SHA256[:])
		}
	})
}

// lineCounter counts lines as they are read, and stops reading when the job is cancelled.
type lineCounter struct {
	ctx   context.Context
	r     io.Reader
	lines *atomic.Int64
}

func (c *lineCounter) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b)
	c.lines.Add(int64(bytes.Count(b[:n], []byte{'\n'})))
	return n, err
}

// JobOf reads a job of the tenant.
func (s *Issuer) JobOf(ctx context.Context, insurerKey, id string) (Job, error) {
	var v storedJob
	err := s.Store.View(ctx, func(tx register.Tx) error {
		_, err := readDocument(tx, kindJob, insurerKey, id, &v)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	return v.job(s.second()), nil
}

// Jobs lists the tenant's jobs behind the id after; ids are drawn, so their order means nothing.
func (s *Issuer) Jobs(ctx context.Context, insurerKey, after string, limit int) (list []Job, next string, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		next, err = eachDocument(tx, kindJob, insurerKey, after, limit, func(d register.Document) error {
			var v storedJob
			if err := json.Unmarshal(d.Data, &v); err != nil {
				return fmt.Errorf("%w: job %s", ErrDamaged, d.ID)
			}
			list = append(list, v.job(s.second()))
			return nil
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return list, next, nil
}

// CancelJob asks a job to stop; its server obeys within a beat. What was taken stays.
func (s *Issuer) CancelJob(ctx context.Context, who Staff, id string) (Job, error) {
	var out Job
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		var v storedJob
		d, err := readDocument(tx, kindJob, who.Insurer, id, &v)
		if err != nil {
			return err
		}
		out = v.job(s.second())
		if out.State != JobWaiting && out.State != JobRunning {
			return ErrNotRunning
		}
		if v.Cancel {
			return nil
		}
		v.Cancel = true
		if err := writeDocument(tx, d, v); err != nil {
			return err
		}
		return s.As(who).audit(tx, "import.cancel", map[string]string{"job": id})
	})
	if err != nil {
		return Job{}, err
	}
	return out, nil
}
