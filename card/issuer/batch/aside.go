// Work that fails is set aside, so that one shard, or one insurer whose key is elsewhere, keeps nothing else from being done.

package batch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"sceau/card/issuer"
	"sceau/card/register"
)

// How many failures a Run puts up with: of one insurer's part, whose rest is then set aside as well, and in all.
const (
	mostOfPart = 10
	mostOfAll  = 100
)

// aside is what failed in one Run.
type aside struct {
	mu    sync.Mutex
	refs  map[issuer.ShardRef]bool
	parts map[string]int // failures by campaign and insurer
	count int
	first error
}

func newAside() *aside { return &aside{refs: map[issuer.ShardRef]bool{}, parts: map[string]int{}} }

func partOf(r issuer.ShardRef) string { return r.Campaign + "/" + r.Insurer }

// next returns at most limit pieces of work that wait and that are not set aside.
func (a *aside) next(ctx context.Context, from *issuer.Issuer, campaign string, limit int) ([]issuer.ShardRef, error) {
	asked := limit
	if a.count > 0 { // what is set aside may stand before everything else
		asked = math.MaxInt32
	}
	refs, err := from.NextShards(ctx, campaign, asked)
	if err != nil {
		return nil, err
	}
	refs = slices.DeleteFunc(refs, func(r issuer.ShardRef) bool { return a.refs[r] || a.parts[partOf(r)] >= mostOfPart })
	return refs[:min(len(refs), limit)], nil
}

// failed notes a failure, and says whether the Run goes on: not when the reason lies outside of the shard, nor when too
// much fails.
func (a *aside) failed(r issuer.ShardRef, err error) (goOn bool) {
	for _, outside := range []error{
		issuer.ErrPaused, issuer.ErrCancelled, issuer.ErrUnplanned, issuer.ErrUnknownCampaign, issuer.ErrNoServiceKey,
		register.ErrBusy, register.ErrOutcomeUnknown, context.Canceled,
	} {
		if errors.Is(err, outside) {
			return false
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refs[r] = true
	a.parts[partOf(r)]++
	a.count++
	if a.first == nil {
		a.first = err
	}
	return a.count < mostOfAll
}

// err is what the Run ends with when nothing else is left to it and the work is not done.
func (a *aside) err() error {
	if a.count < 2 {
		return a.first
	}
	return fmt.Errorf("%w (the first of %d failures; all else that could be done is done)", a.first, a.count)
}
