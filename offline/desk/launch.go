// One-time codes, and the sessions that they make.

package desk

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	launchLife  = 60 * time.Second // between the program's order to open a window and the window's first request
	maxLaunches = 32               // codes and sessions remembered; older ones end
)

// secretSize is the length of what NewSecret makes.
const secretSize = 43

// NewSecret makes 256 random bits, as text for addresses and files.
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// launches holds the one-time codes and their sessions. A code lies in a browser's command line, where other programs of the
// same user, and on some systems other users, may read it: so it opens once. When it comes a second time, one of the two who
// used it was not meant to: the session that it made ends, and a person has to open the desk anew.
type launches struct {
	now func() time.Time

	mu  sync.Mutex // guards what follows
	all []*opened
}

type opened struct {
	code   [32]byte // SHA-256 of the code
	until  time.Time
	secret [32]byte // SHA-256 of the session's secret, once used
	used   bool
	ended  chan struct{}
	joiner joiner
}

func digest(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// code makes a new one-time code.
func (l *launches) code() string {
	code := NewSecret()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(l.all, func(one *opened) bool { return one.over() || !one.used && l.now().After(one.until) })
	if len(l.all) == maxLaunches {
		l.all[0].end()
		l.all = l.all[1:]
	}
	l.all = append(l.all, &opened{code: digest(code), until: l.now().Add(launchLife), ended: make(chan struct{})})
	return code
}

// open uses a code and returns the secret of the session that it makes.
func (l *launches) open(code string) (secret string, ok bool) {
	sum := digest(code)
	l.mu.Lock()
	defer l.mu.Unlock()
	var found *opened
	for _, one := range l.all {
		if subtle.ConstantTimeCompare(one.code[:], sum[:]) == 1 {
			found = one
		}
	}
	switch {
	case found == nil:
		return "", false
	case found.used:
		found.end()
		return "", false
	case l.now().After(found.until) || l.now().Before(found.until.Add(-launchLife)):
		found.used = true // too late, or the clock was set back
		found.end()
		return "", false
	}
	secret = NewSecret()
	found.used, found.secret = true, digest(secret)
	return secret, true
}

// session finds the session of a secret.
func (l *launches) session(secret string) (*opened, bool) {
	sum := digest(secret)
	l.mu.Lock()
	defer l.mu.Unlock()
	var found *opened
	for _, one := range l.all {
		if one.used && !one.over() && subtle.ConstantTimeCompare(one.secret[:], sum[:]) == 1 {
			found = one
		}
	}
	return found, found != nil
}

func (l *launches) endAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		one.end()
	}
}

// end ends a session; its launches' lock is held.
func (l *opened) end() {
	if !l.over() {
		close(l.ended)
	}
}

func (l *opened) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// Launch makes the address to open in a browser. It works once, within a minute; used a second time, it ends the session that
// it made the first time.
func (s *Server) Launch() string { return fmt.Sprintf("http://%s/open/%s", s.host, s.launches.code()) }
