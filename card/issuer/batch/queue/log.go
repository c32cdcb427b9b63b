// What River says goes into the program's own log, from warnings on: its routine is of no interest, and its failures are said
// without what a server says of rows.

package queue

import (
	"context"
	"log/slog"
)

// riverLog is a log for River.
func riverLog(to *slog.Logger) *slog.Logger { return slog.New(quiet{to.Handler()}) }

// quiet lets warnings and errors pass, and of their attributes those that name jobs, queues and clients.
type quiet struct{ to slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.to.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, "queue", r.PC)
	out.AddAttrs(slog.String("what", r.Message))
	r.Attrs(func(a slog.Attr) bool {
		if told(a.Key) {
			out.AddAttrs(a)
		}
		return true
	})
	return q.to.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(all []slog.Attr) slog.Handler {
	var kept []slog.Attr
	for _, a := range all {
		if told(a.Key) {
			kept = append(kept, a)
		}
	}
	return quiet{q.to.WithAttrs(kept)}
}

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.to.WithGroup(name)} }

// told says which attributes of River's are passed on: errors and stacks may quote a server's words.
func told(key string) bool {
	switch key {
	case "job_id", "job_kind", "kind", "queue", "client_id", "attempt", "num_jobs", "timeout", "num_attempts":
		return true
	}
	return false
}

var _ slog.Handler = quiet{}
