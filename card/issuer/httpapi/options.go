// What the server is made of.

package httpapi

import (
	"log/slog"
	"net/netip"
	"time"

	"sceau/card/issuer"
)

// Options are the parts of a server. Issuer and PublicURL are required.
type Options struct {
	Issuer    *issuer.Issuer
	PublicURL string // origin under which counters and browsers reach the service: scheme, host, port; what signed requests name
	Version   string // of the program, for the interface's description

	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil drops it

	Staff Staff // nil: no API key and no session is believed

	Office Office // what staff's routes need beside the issuer

	Campaigns Campaigns // what the routes of campaigns need

	// Proxies are the addresses whose X-Forwarded-For is believed.
	Proxies []netip.Prefix

	// Copy is a folder that keeps the published files for a start without the register; "" keeps none.
	Copy string

	// Fresh is how old the last publication may be before readiness fails; 0 is 26 hours.
	Fresh time.Duration

	Budgets Budgets
	Bounds  Bounds
}

// Budgets bound how often somebody may ask. A zero value takes the default.
type Budgets struct {
	Counter Budget // of one counter; default 5 a second, 40 at once
	Staff   Budget // of one API key or session; default 30 a second, 120 at once
	Public  Budget // of one source, on public routes other than the published files; default 5 a second, 40 at once
	Guess   Budget // of one source, on routes that take a code or a login; default 12 a minute, 12 at once
	Failure Budget // refused credentials of one source; default 30 a minute, 30 at once
}

// Budget is a bucket: so many a second in the long run, so many at once.
type Budget struct {
	PerSecond float64
	Burst     int
}

// Bounds bound connections. A zero value takes the default.
type Bounds struct {
	Connections int // in all; default 4,096
	PerSource   int // from one address, proxies excepted; default 256
}

// MaxBody is the longest body that any route takes.
const MaxBody = 256 << 20

const (
	defaultPatience = 15 * time.Second
	headerPatience  = 5 * time.Second
	idlePatience    = 75 * time.Second
	filePatience    = 10 * time.Minute // a page on a bad line
	maxHeader       = 16 << 10
	freshness       = 26 * time.Hour
)

func (b Budget) or(other Budget) Budget {
	if b.PerSecond <= 0 {
		b.PerSecond = other.PerSecond
	}
	if b.Burst <= 0 {
		b.Burst = other.Burst
	}
	return b
}

func (b Budgets) defaults() Budgets {
	return Budgets{
		Counter: b.Counter.or(Budget{5, 40}),
		Staff:   b.Staff.or(Budget{30, 120}),
		Public:  b.Public.or(Budget{5, 40}),
		Guess:   b.Guess.or(Budget{0.2, 12}),
		Failure: b.Failure.or(Budget{0.5, 30}),
	}
}

func (b Bounds) defaults() Bounds {
	if b.Connections <= 0 {
		b.Connections = 4096
	}
	if b.PerSource <= 0 {
		b.PerSource = 256
	}
	return b
}
