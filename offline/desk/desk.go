// Package desk is the counter's desk: the page at 127.0.0.1 on which people scan, and the interface for pharmacy software beside
// it. It decides nothing about a card: it carries questions to the counter and answers back, and keeps everybody else out.
//
// # Who gets in
//
// The desk listens at 127.0.0.1 alone and answers one Host, "127.0.0.1:PORT". What is for people lives under /s/SECRET/, where
// SECRET is 256 random bits that only the browser knows in which the program opened a one-time code (see [Server.Launch]); what is
// for software lives under /v1/ and asks for the token of a file that only its user can read. There is no cookie, because cookies
// don't know ports. Anything else is answered with 403 and not one byte more.
//
// # What is where
//
//	guard.go, routes.go    who may ask what: every route says how it may be asked
//	launch.go              one-time codes and the sessions that they make
//	instance.go            the second program's call to the first
//	scan.go lists.go …     the routes for people
//	services.go            the operators' rights services: how they stand, enrolling
//	api.go                 the routes for software, and their OpenAPI document
//	hub.go                 state, pushed to the pages that are open
package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
	"sceau/rights"
)

// Asker answers scans. [counter.Counter] is one.
type Asker interface {
	// Ask never fails, and commits the check to the journal before it returns. Safe for concurrent use.
	Ask(ctx context.Context, q counter.Question) counter.Answer
}

// Store keeps the settings, in whatever form; the desk trusts nothing that it reads there.
type Store interface {
	// Settings returns what SaveSettings kept, or nothing at a first start.
	Settings(ctx context.Context) ([]byte, error)
	// SaveSettings is durable before it returns.
	SaveSettings(ctx context.Context, b []byte) error
}

// Memory is the journal, to read it. Errors of every method go through Options.Explain.
type Memory interface {
	// Find returns the newest entries first, at most q.Limit of them.
	Find(ctx context.Context, q Search) ([]receipt.Record, error)
	// Each calls fn with every entry that q asks for, whatever q.Limit and q.Before say, and ends with fn's error.
	Each(ctx context.Context, q Search, fn func(receipt.Record) error) error
	// Verify walks the whole chain. A broken chain is no error: Verified says where.
	Verify(ctx context.Context) (Verified, error)
}

// Verified says how the journal stands.
type Verified struct {
	Entries uint64 // in the chain
	Head    string // hash of the last entry, in hexadecimal
	Signed  bool   // the head carries this counter's signature
	Bad     uint64 // number of the first bad entry; 0 when there is none
	Fault   string // stable code of what is wrong with it: "edited", "deleted", …; "" when nothing is
}

// Search asks for entries of the journal. Zero members ask for nothing.
type Search struct {
	Number   receipt.Number
	From, To rights.Date // day of the check, in Paris, both inclusive
	Care     rights.Date
	Status   offline.Status
	Answer   string // of an insurer: receipt.Honoured, Disputed, Noted
	Before   uint64 // receipt.Record.Row of the last one seen
	Limit    int
}

// Lists are the repositories that the counter follows.
type Lists interface {
	// Overview is asked at each change and once a minute while a page is open: it verifies again only what changed on disk.
	Overview(ctx context.Context) ([]Repository, error)
	// Forget stops following a repository.
	Forget(ctx context.Context, fingerprint string) error
}

// Repository is one operator's list, as it is held.
type Repository struct {
	Fingerprint string    `json:"fingerprint"`
	Published   time.Time `json:"published"`
	Expires     time.Time `json:"expires"`
	Reserve     int       `json:"reserve_hours"` // age from which a verdict is only "à confirmer"; strictest of its insurers
	Refuse      int       `json:"refuse_hours"`  // age from which nothing is payable
	Insurers    []Insurer `json:"insurers"`
	Sources     []string  `json:"sources"` // as they may be shown: without passwords
	Notices     []Notice  `json:"-"`       // signed messages, also those that hold no more or not yet
}

// Insurer is one insurer of a repository.
type Insurer struct {
	AMC    string   `json:"amc"`
	Name   string   `json:"name"`
	Phones []string `json:"phones"` // for professionals first
	Lists  int      `json:"lists"`
}

// Sources bring lists in. Errors of every method go through Options.Explain.
type Sources interface {
	// Peek reads the root of the repository at from, and follows nothing.
	Peek(ctx context.Context, from Source) (Found, error)
	// Follow synchronises from a source once, and remembers it unless it is From.Once. root is the fingerprint that a person
	// confirmed; a source that carries another one is refused.
	Follow(ctx context.Context, from Source, root string) error
	// Sync asks for a synchronisation of everything now, and returns at once; Progress tells how it goes.
	Sync(ctx context.Context) error
}

// Source says where a list comes from.
type Source struct {
	Spec string // address, folder or zip file
	Once bool   // a file that goes away afterwards
}

// Found is what lies at a source.
type Found struct {
	Fingerprint string `json:"fingerprint"`
	Known       bool   `json:"known"` // that repository is already followed
}

// Progress says how synchronisation goes.
type Progress struct {
	Running bool      `json:"running"`
	Source  string    `json:"source,omitempty"` // as it may be shown
	Step    string    `json:"step,omitempty"`
	Bytes   int64     `json:"bytes,omitempty"`
	Next    time.Time `json:"next,omitzero"`
	Last    time.Time `json:"last,omitzero"` // last one that succeeded
	Err     error     `json:"-"`             // why the last one failed; nil when it didn't
}

// Pictures read codes from pictures and PDF, away from this process's own parsers.
type Pictures interface {
	// Read returns at least one text, in page order. Errors wrap one of ErrNoCode, ErrNotPicture, ErrTooLarge, ErrSlow; any
	// other error is shown as a reader that failed.
	Read(ctx context.Context, src io.Reader) (Pages, error)
}

// Pages is what was read.
type Pages struct {
	Texts []string
	Pages int
}

// ErrPicture is the family of what a Pictures may say.
var (
	ErrPicture    = errors.New("desk: picture not read")
	ErrNoCode     = fmt.Errorf("%w: no code in it", ErrPicture)
	ErrNotPicture = fmt.Errorf("%w: neither a PDF nor a picture", ErrPicture)
	ErrTooLarge   = fmt.Errorf("%w: too large", ErrPicture)
	ErrSlow       = fmt.Errorf("%w: it takes too long", ErrPicture)
)

// Trouble is an error in words. Code is stable; What and Todo are in the language asked for and hold no person's data.
type Trouble struct {
	Code string `json:"code"`
	What string `json:"what"`
	Todo string `json:"todo"`
}

// Options of a desk. Ask, Store, Memory, Lists, Sources, Pictures and Now must be set.
type Options struct {
	Ask      Asker
	Store    Store
	Memory   Memory
	Lists    Lists
	Sources  Sources
	Pictures Pictures

	// Explain puts errors of Store, Memory, Lists and Sources into words. nil, or an empty Code, falls back to general words.
	Explain func(err error, lang offline.Language) Trouble
	// Progress tells how synchronisation goes; nil: there is none.
	Progress func() Progress
	// Standing tells how the rights services stand. It asks nobody and is called at each change and once a minute while a page is
	// open. nil: there is none.
	Standing func(ctx context.Context) (Standing, error)
	// Enrol enrols this counter with a service; nil: it can't.
	Enrol Enroller
	// Disputes counts what insurers dispute in the journal, and what of it was answered after a moment; nil: nothing.
	Disputes func(ctx context.Context, after time.Time) (Disputes, error)
	// Front brings the program's window to the front, or opens one; nil: a second program gets a new address to open.
	Front func(ctx context.Context) error
	// Gone is called once no page has been open, and no software has asked, for GoneAfter; nil: the desk runs until it is told
	// to end. It may call Close.
	Gone func()
	// SettingsChanged is called after settings were saved.
	SettingsChanged func(counter.Settings)
	// Recorded says whether checks can be written at present; nil: yes.
	Recorded func() bool

	Token    string           // of /v1, from a file that only this user can read; "" closes /v1
	Temp     string           // folder for a dropped bundle; "" for the system's
	Language offline.Language // instead of the settings' own, until they are saved; "" for none
	Version  string
	Now      func() time.Time
	Log      *slog.Logger // nil: nothing is logged. It never gets a path, a query or a body.

	guardOff bool                 // positive control of tests: everybody gets in
	patience time.Duration        // of one request; tests
	inside   func(pattern string) // called for each request that passed the guard; tests
}

// GoneAfter is how long the desk waits for a page to come back. A reload takes a second; a computer that wakes up, some more.
const GoneAfter = 2 * time.Minute
