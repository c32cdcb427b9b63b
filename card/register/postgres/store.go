// Package postgres is the register in one schema of a PostgreSQL database: native SQL, one writer over all processes, durable
// at every commit.
//
// # Writers and readers
//
// An Update holds a transaction's advisory lock, so that no other Update of any process runs meanwhile; it waits for it at most
// Options.Wait, then gives register.ErrBusy. One connection of each process writes, so that writers that wait never starve
// readers; the others read, each in one REPEATABLE READ snapshot. A commit returns when the server has flushed it
// (synchronous_commit is forced on), and a server that runs without fsync is refused.
//
// # Connections that break
//
// What breaks before COMMIT was sent is register.ErrBusy: nothing was stored. What breaks while COMMIT is on its way is
// register.ErrOutcomeUnknown. A cancelled context ends a transaction between two statements; a statement that is under way gets
// a moment to end, and COMMIT is never cut short. A client that vanishes loses its transaction on the server within a
// minute, so that its lock doesn't stop the others.
//
// Several addresses in the connection string are a failover: only the one that accepts writes is used. Connect directly or
// through a pooler of sessions; one of transactions loses the settings of a session.
//
// # Who may do what
//
// Create and migrations need the owner of the schema. RoleSQL makes a role for the service that can neither alter nor delete
// what was logged; triggers refuse the same to everyone.
//
// The connection string may hold a password: no error of this package carries a part of it, nor a value of a row.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sceau/card/register"
)

// Options of a store. The zero value is the default.
type Options struct {
	Wait     time.Duration // for a free connection, and for other writers; 0 means 10 s
	MaxConns int32         // of this process: one writes, the others read; at least 2; 0 means 8
	// Volatile accepts a server whose commits don't survive a power cut (fsync or full_page_writes off): for tests.
	Volatile bool
}

// Errors of this package, beside the register's; test them with errors.Is.
var (
	// ErrNoRegister is also fs.ErrNotExist.
	ErrNoRegister = fmt.Errorf("postgres: the database holds no register in this schema; it is made by Create: %w", fs.ErrNotExist)
	// ErrNotEmpty is also fs.ErrExist.
	ErrNotEmpty = fmt.Errorf("postgres: the schema is not empty, a new register is made in an empty one: %w", fs.ErrExist)
	// ErrClosed is returned by a store after Close.
	ErrClosed = errors.New("postgres: the register is closed")
	// ErrRole: the role that connects may not do this, the owner of the register may.
	ErrRole = errors.New("postgres: the role may not do this")
	// ErrUnfit says what of the server rules it out.
	ErrUnfit = errors.New("postgres: the server can't hold a register")
)

// Store is a register in a PostgreSQL schema.
type Store struct {
	writer  *pgxpool.Pool // one connection: the queue of this process's writers
	readers *pgxpool.Pool
	wait    time.Duration
	commit  time.Duration // that an answer to COMMIT is waited for
	closing sync.Once
}

var (
	_ register.Store     = (*Store)(nil)
	_ register.Closer    = (*Store)(nil)
	_ register.Inspector = (*Store)(nil)
	_ register.Holder    = (*Store)(nil)
)

// Create makes a register in the current schema of an existing database, which must be empty, and opens it. It gives
// ErrNotEmpty otherwise. Of two at the same time one succeeds.
func Create(ctx context.Context, dsn string, o Options) (*Store, error) {
	return open(ctx, dsn, o, true)
}

// Open opens a register that Create made, and brings it to this program's version: of several processes that start at once,
// one does. It gives ErrNoRegister when there is none, and register.ErrCorrupt when a newer program made it.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	return open(ctx, dsn, o, false)
}

func open(ctx context.Context, dsn string, o Options, create bool) (_ *Store, err error) {
	if o.Wait <= 0 {
		o.Wait = 10 * time.Second
	}
	if o.MaxConns == 0 {
		o.MaxConns = 8
	}
	if o.MaxConns < 2 {
		return nil, errors.New("postgres: a register needs two connections, one of them to write")
	}
	if o.Wait > math.MaxInt32*time.Millisecond {
		return nil, errors.New("postgres: the wait for another writer is too long")
	}
	s := &Store{wait: o.Wait, commit: max(o.Wait, 30*time.Second)}
	config, err := configure(dsn, o)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, config.ConnConfig, o, create); err != nil {
		return nil, err
	}
	if s.writer, err = pool(ctx, config, 1); err != nil {
		return nil, err
	}
	if s.readers, err = pool(ctx, config, o.MaxConns-1); err != nil {
		s.writer.Close()
		return nil, err
	}
	return s, nil
}

// pool opens lazily: the migration has just connected.
func pool(ctx context.Context, config *pgxpool.Config, conns int32) (*pgxpool.Pool, error) {
	config = config.Copy()
	config.MaxConns, config.MinConns, config.MinIdleConns = conns, 0, 0
	p, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, wrap(err, false)
	}
	return p, nil
}

// Close waits for running transactions. It must not be called inside one.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.writer.Close()
		s.readers.Close()
	})
	return nil
}

// Update implements register.Store.
func (s *Store) Update(ctx context.Context, fn func(register.Tx) error) error {
	// READ COMMITTED: each statement sees what was committed before it, and the lock sees to it that nothing is meanwhile. A
	// snapshot would be taken before the wait. A writer's statements join a batch with what it is about, row by row: one plan for batches of
	// every length does that, where one that is made for a thousand rows of a table that was small last time reads the table.
	c, err := s.begin(ctx, s.writer, func(left time.Duration) string {
		return fmt.Sprintf(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = %d;
			SET LOCAL plan_cache_mode = force_generic_plan;
			SELECT pg_advisory_xact_lock((%d::bigint << 32) | current_schema()::regnamespace::oid::bigint)`, left.Milliseconds()+1, lockClass)
	})
	if err != nil {
		return err
	}
	return s.transact(ctx, c, false, fn)
}

// lockClass sets the writer's lock apart from other programs' advisory locks in the database ("Scea" in ASCII).
const lockClass = 0x53636561

// View implements register.Store.
func (s *Store) View(ctx context.Context, fn func(register.Tx) error) error {
	c, err := s.begin(ctx, s.readers, func(time.Duration) string { return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY` })
	if err != nil {
		return err
	}
	return s.transact(ctx, c, true, fn)
}
