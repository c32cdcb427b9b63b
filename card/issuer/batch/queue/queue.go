// Package queue hands the shards of campaigns to any number of workers on any number of machines. It is the one door of River,
// whose tables lie in a PostgreSQL schema of their own beside the register's.
//
// The register says what is to be done; the queue only says who does it now. It holds a campaign's id, an insurer's key and a
// number for each shard, no person, and may be emptied at any time: the next sweep of a worker fills it again from the
// register. A shard is in it once. Retries, uniqueness, cancellation, the rescue of jobs whose worker died and the election of
// the one who does the housekeeping are River's.
//
// Migrate needs a role that may make a schema, or the owner of that schema. RoleSQL says what the service's role needs.
//
// The connection string may hold a password: no error of this package carries a part of it.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"sceau/card/issuer"
)

// Errors of this package; test them with errors.Is.
var (
	// ErrRole: the role that connects may not do this, the owner of the register may.
	ErrRole = errors.New("queue: the role may not do this")
	// ErrMissing: the tables of the queue are not there, or are those of another program's version.
	ErrMissing = errors.New("queue: the tables of the queue are missing or of another version")
	// ErrUnavailable: the server can't be reached, or broke off. What was asked for may be asked for again.
	ErrUnavailable = errors.New("queue: the database does not answer")
)

// defaultSchema holds the queue of a register in the schema "public"; that of another schema has its name and suffix.
const (
	defaultSchema = "sceau_queue"
	suffix        = "_queue"
)

// plain is a name that needs no quotes anywhere.
var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,55}$`)

// Queue is a connected queue.
type Queue struct {
	pool   *pgxpool.Pool
	schema string
	insert *river.Client[pgx.Tx] // for those who only add and cancel
	log    *slog.Logger
}

// Open connects to the queue of the register that a connection string names. It neither makes nor checks anything: see Migrate.
func Open(ctx context.Context, dsn string, log *slog.Logger) (_ *Queue, err error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil { // the driver's own text quotes the string
		return nil, errors.New("queue: the connection string can't be read: it is postgres://user@host:5432/database or host=… dbname=…")
	}
	c := config.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "sceau queue"
	}
	if c.ValidateConnect == nil { // target_session_attrs
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}).DialContext
	c.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	config.MaxConns = 4 // one listens; the others fetch and settle jobs, a few a second
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{log: log}
	if q.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fault(err)
	}
	defer func() {
		if err != nil {
			q.pool.Close()
		}
	}()
	var schema *string
	if err := q.pool.QueryRow(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return nil, fault(err)
	}
	if q.schema, err = schemaOf(schema); err != nil {
		return nil, err
	}
	q.insert, err = river.NewClient(riverpgxv5.New(q.pool), &river.Config{Schema: q.schema, Logger: riverLog(log)})
	return q, err
}

// schemaOf names the queue's schema after the register's.
func schemaOf(register *string) (string, error) {
	switch {
	case register == nil:
		return "", errors.New("queue: no schema of the search path exists")
	case *register == "public":
		return defaultSchema, nil
	case !plain.MatchString(*register):
		return "", errors.New("queue: the register's schema must have a name of small letters, digits and underscores")
	}
	return *register + suffix, nil
}

// Schema names the PostgreSQL schema of the queue's tables.
func (q *Queue) Schema() string { return q.schema }

// Close gives the connections back.
func (q *Queue) Close() error { q.pool.Close(); return nil }

// kindShard and kindQueue name what is queued; stored, so they never change.
const (
	kindShard = "campaign_shard"
	mainQueue = "shards"
	// overQueue has the shards that a sweep found without anybody at work although their job still counts as running: its worker is
	// dead. Uniqueness is by queue, so that such a shard needn't wait for the rescue of that job, and here by time as well: who
	// takes over may die too.
	overQueue = "shards_taken_over"
)

// shardArgs is all that a job says.
type shardArgs struct {
	Campaign string `json:"campaign"`
	Insurer  string `json:"insurer"`
	N        int    `json:"shard"`
}

// Kind implements river.JobArgs.
func (shardArgs) Kind() string { return kindShard }

// Attempts of a shard that fails by itself, before it is given up: about two minutes with Pause between.
const Attempts = 8

// unfinished are the states in which a shard may not be queued once more.
var unfinished = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateRetryable, rivertype.JobStateScheduled}

func insertion(r issuer.ShardRef, queue string, every time.Duration) river.InsertManyParams {
	return river.InsertManyParams{Args: shardArgs{Campaign: r.Campaign, Insurer: r.Insurer, N: r.N},
		InsertOpts: &river.InsertOpts{Queue: queue, MaxAttempts: Attempts, Tags: []string{r.Campaign},
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByPeriod: every, ByState: unfinished}}}
}

// Enqueue adds shards; those that are queued or worked on already stay as they are. At most 10,000 at once.
func (q *Queue) Enqueue(ctx context.Context, refs []issuer.ShardRef) error {
	_, err := q.add(ctx, refs, mainQueue, 0)
	return err
}

// add inserts into one of the queues, each shard once, or once in every; it returns the jobs that stood in the way.
func (q *Queue) add(ctx context.Context, refs []issuer.ShardRef, queue string, every time.Duration) (standing []*rivertype.JobRow, err error) {
	if len(refs) == 0 {
		return nil, nil
	}
	if len(refs) > 10_000 {
		return nil, fmt.Errorf("queue: %d shards at once, at most 10,000", len(refs))
	}
	params := make([]river.InsertManyParams, len(refs))
	for i, r := range refs {
		params[i] = insertion(r, queue, every)
	}
	results, err := q.insert.InsertMany(ctx, params)
	if err != nil {
		return nil, fault(err)
	}
	for _, r := range results {
		if r.UniqueSkippedAsDuplicate {
			standing = append(standing, r.Job)
		}
	}
	return standing, nil
}

// cancelPage is how many jobs are cancelled between two looks at the list.
const cancelPage = 500

// Cancel takes the jobs of a campaign out of the queue. With running, those that are being worked on are told to stop as
// well; a shard that was cut short is finished by whoever opens it again.
func (q *Queue) Cancel(ctx context.Context, campaign string, running bool) error {
	states := slices.DeleteFunc(slices.Clone(unfinished), func(s rivertype.JobState) bool { return !running && s == rivertype.JobStateRunning })
	var after *river.JobListCursor
	for {
		params := river.NewJobListParams().Kinds(kindShard).States(states...).TagsAll(campaign).OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(cancelPage)
		if after != nil {
			params = params.After(after)
		}
		page, err := q.insert.JobList(ctx, params)
		if err != nil {
			return fault(err)
		}
		for _, job := range page.Jobs {
			if _, err := q.insert.JobCancel(ctx, job.ID); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
				return fault(err)
			}
		}
		if len(page.Jobs) < cancelPage {
			return nil
		}
		after = page.LastCursor
	}
}

// Counts is how many jobs of all campaigns are in the queue.
type Counts struct {
	Waiting, Running, Retrying, Failed int
}

// Counts counts the jobs that are not over, and those that were given up lately.
func (q *Queue) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	rows, err := q.pool.Query(ctx, "SELECT state::text, count(*) FROM "+q.schema+".river_job WHERE kind = $1 GROUP BY state", kindShard)
	if err != nil {
		return Counts{}, fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return Counts{}, fault(err)
		}
		switch rivertype.JobState(state) {
		case rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateScheduled:
			c.Waiting += n
		case rivertype.JobStateRunning:
			c.Running += n
		case rivertype.JobStateRetryable:
			c.Retrying += n
		case rivertype.JobStateDiscarded:
			c.Failed += n
		}
	}
	if err := rows.Err(); err != nil {
		return Counts{}, fault(err)
	}
	return c, nil
}

// fault is an error without what the server says of rows and connections.
func fault(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case !errors.As(err, &pg):
		return ErrUnavailable
	case pg.Code == "42501":
		return ErrRole
	case pg.Code == "42P01", pg.Code == "3F000", pg.Code == "42703", pg.Code == "42883":
		return ErrMissing
	}
	return fmt.Errorf("%w (SQLSTATE %s)", ErrUnavailable, pg.Code)
}
