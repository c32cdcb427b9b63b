// Who looks: the pages that are open, how they learn that something changed, and when the last one is gone.

package desk

import (
	"sync"
	"time"
)

// hub wakes the event streams. It holds no state itself, and does nothing at all while nothing changes.
type hub struct {
	gone func()

	mu      sync.Mutex
	pages   map[*page]bool
	timer   *time.Timer // runs while no page is open
	round   uint64      // which timer is the present one
	stopped bool
}

// page is one open event stream.
type page struct{ wake chan struct{} }

func newHub(gone func()) *hub { return &hub{gone: gone, pages: map[*page]bool{}} }

// start begins to wait for the first page.
func (h *hub) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pages) == 0 {
		h.wait()
	}
}

// wait asks whether everybody is gone, GoneAfter from now. The lock is held.
func (h *hub) wait() {
	if h.gone == nil || h.stopped {
		return
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	h.round++
	round := h.round
	h.timer = time.AfterFunc(GoneAfter, func() {
		h.mu.Lock()
		still := !h.stopped && round == h.round && len(h.pages) == 0
		h.mu.Unlock()
		if still {
			h.gone()
		}
	})
}

// asked says that software asked something: somebody is there, without a page.
func (h *hub) asked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pages) == 0 {
		h.wait()
	}
}

// join adds a page; nil when there are too many.
func (h *hub) join() *page {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped || len(h.pages) >= maxPages {
		return nil
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	h.round++
	p := &page{wake: make(chan struct{}, 1)}
	h.pages[p] = true
	return p
}

func (h *hub) leave(p *page) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pages, p)
	if len(h.pages) == 0 {
		h.wait()
	}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.pages)
}

// wake never waits: a page that was woken and didn't look yet will see everything at once.
func (h *hub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.pages {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

func (h *hub) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
	if h.timer != nil {
		h.timer.Stop()
	}
}
