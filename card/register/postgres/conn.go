// Connections: how they are made, what every session is told, and what rules a server out.

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// minVersion is the oldest server that is still maintained.
const minVersion = 140000

// configure reads the connection string. Its parts go nowhere but to the driver.
func configure(dsn string, o Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil { // the driver's own text quotes the string
		return nil, errors.New("postgres: the connection string can't be read: it is postgres://user@host:5432/database or host=… dbname=…")
	}
	c := config.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = o.Wait
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "sceau"
	}
	if c.ValidateConnect == nil { // target_session_attrs
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}).DialContext
	c.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {} // notices may name rows
	config.PingTimeout = 5 * time.Second
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return settle(ctx, conn, o) }
	return config, nil
}

// settle tells a new session what it needs, whatever the server's defaults, and refuses a server that forgets.
func settle(ctx context.Context, c *pgx.Conn, o Options) error {
	// A stronger synchronous_commit is kept. The timeouts see to it that the lock of a vanished client is freed soon. A plan is
	// kept for the life of a connection: one that was made when a table was nearly empty, and read it from end to end, would go
	// on doing so when there are millions of rows. Every statement has its index.
	const settings = `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('fsync'),
		current_setting('full_page_writes'), current_schema() IS NOT NULL,
		set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
		set_config('idle_in_transaction_session_timeout', '60000', false), set_config('statement_timeout', '0', false),
		set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false),
		set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)`
	var version int
	var encoding, fsync, pages string
	var schema bool
	err := c.QueryRow(ctx, settings, pgx.QueryExecModeExec).Scan(&version, &encoding, &fsync, &pages, &schema, nil, nil, nil, nil, nil, nil, nil, nil)
	if err != nil {
		return err
	}
	switch {
	case version < minVersion:
		return fmt.Errorf("%w: version %d.%d is older than %d", ErrUnfit, version/10000, version%10000, minVersion/10000)
	case encoding != "UTF8":
		return fmt.Errorf("%w: the database's encoding is not UTF8", ErrUnfit)
	case !schema:
		return fmt.Errorf("%w: no schema of the search path exists", ErrUnfit)
	case !o.Volatile && (fsync != "on" || pages != "on"):
		return fmt.Errorf("%w: it runs with fsync or full_page_writes off, and would forget commits in a power cut", ErrUnfit)
	}
	return nil
}

// begin borrows a connection and opens a transaction on it. An idle connection may have died with its server since: another
// is then taken, as nothing was done yet.
func (s *Store) begin(ctx context.Context, from *pgxpool.Pool, sql func(left time.Duration) string) (*pgxpool.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	until := time.Now().Add(s.wait)
	wait, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for try := int32(0); ; try++ {
		c, err := from.Acquire(wait)
		if err == nil {
			// The server keeps the time of the lock: it must answer before we stop listening.
			listen, stop := patient(ctx, time.Until(until)+5*time.Second)
			_, err = c.Conn().PgConn().Exec(listen, sql(max(0, time.Until(until)))).ReadAll()
			stop()
			if err == nil {
				return c, nil
			}
			dead := c.Conn().IsClosed()
			release(c)
			if dead && wait.Err() == nil && try <= from.Config().MaxConns {
				continue
			}
		}
		if e := ctx.Err(); e != nil {
			return nil, e
		}
		return nil, wrap(err, true)
	}
}

// release ends what is open on a connection and gives it back; one in doubt is closed.
func release(c *pgxpool.Conn) {
	conn := c.Conn().PgConn()
	if !conn.IsClosed() && conn.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, _ = conn.Exec(ctx, "ROLLBACK").ReadAll() // when it fails, the pool sees an open transaction and closes the connection
		cancel()
	}
	c.Release()
}

// grace is how long a statement that is under way may go on when its caller gave up. Cutting it off closes the connection,
// and a caller that goes away often would have them all made anew.
const grace = 250 * time.Millisecond

// patient is a context that ends a little after its parent, and at the latest after limit.
func patient(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), limit)
	stop := context.AfterFunc(parent, func() { time.AfterFunc(grace, cancel) })
	return ctx, func() { stop(); cancel() }
}
