// Credentials that were good a while ago at a source: they are still looked at when that source's failures are used up.

package httpapi

import (
	"sync"
	"time"
)

const (
	trustFor   = time.Hour
	maxTrusted = 100_000
)

type trusted struct {
	mu sync.Mutex
	at map[[32]byte]time.Time
}

func (t *trusted) has(mark [32]byte, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.at[mark]
	return ok && now.Sub(at).Abs() < trustFor
}

func (t *trusted) add(mark [32]byte, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at == nil {
		t.at = map[[32]byte]time.Time{}
	}
	if _, ok := t.at[mark]; !ok && len(t.at) >= maxTrusted {
		for old, at := range t.at {
			if now.Sub(at).Abs() >= trustFor {
				delete(t.at, old)
			}
		}
		// All are in use: any go, it costs their owners nothing but this privilege. An eighth, so that not everyone who comes
		// looks through all of them.
		for old := range t.at {
			if len(t.at) <= maxTrusted-maxTrusted/8 {
				break
			}
			delete(t.at, old)
		}
	}
	t.at[mark] = now
}
