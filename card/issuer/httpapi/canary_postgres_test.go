//go:build linux

package httpapi

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/fixtures/pgserver"
)

func canaryPostgres(t testing.TB, server *pgserver.Server) register.Store {
	t.Helper()
	s := must(postgres.Create(context.Background(), server.Database(t), postgres.Options{Wait: 20 * time.Second, Volatile: true}))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

// The same on a real PostgreSQL, shorter.
func TestCanaryPostgres(t *testing.T) {
	n := canaryCount(t, "SCEAU_CANARY_POSTGRES", 2_000)
	w := newCanaryWorld(t, canaryPostgres(t, pgserver.Shared(t)), 1_000, func() time.Time { return begin.Add(time.Minute) })
	a := newCanaryAttack(w)
	a.run(n, 4, 2)
	a.sane(t, n)
	a.rest(t)
	fmt.Printf("count: %d canary people in PostgreSQL, %d requests: %d canaries found\n", len(w.people), n, len(a.found))
}
