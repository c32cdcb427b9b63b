// This file answers requests for signatures at a Unix socket, for a program of the same user: cmd/sceau-pkcs11/PROTOCOL.md.

package keystore

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	// servedConns are open at most. One more ends the one that was silent longest, so that idle or hostile ones, which only
	// this user's programs can be, stop nobody.
	servedConns = 128

	// Between two requests; within a request's line, and an answer's.
	idleTimeout = 2 * time.Minute
	lineTimeout = 10 * time.Second
)

// Listen makes a socket that only this user can reach: in a folder of mode 0700, which is made if it is not there, with mode 0600.
// A socket that a dead program left is taken over; one that is served is [ErrExists]. Closing the listener removes it.
// Errors: [ErrExists], [ErrExposed], and those of the file system.
func Listen(socket string) (net.Listener, error) {
	dir := filepath.Dir(socket)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	l := flock.New(socket+lockFile, flock.SetPermissions(0o600))
	switch ok, err := l.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("keystore: lock: %w", err)
	case !ok:
		return nil, fmt.Errorf("keystore: %s: a program at this socket %w", socket, ErrExists)
	}
	in, err := listen(socket)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &listener{in, l}, nil
}

func listen(socket string) (net.Listener, error) {
	info, err := os.Lstat(socket)
	switch {
	case err == nil && info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("keystore: %s: a file that is no socket %w", socket, ErrExists)
	case err == nil:
		err = os.Remove(socket) // we have the lock: who made it is gone
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	in, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("keystore: listen: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keystore: %w", err), in.Close())
	}
	return in, nil
}

// listener holds the lock for as long as it listens.
type listener struct {
	net.Listener
	lock *flock.Flock
}

// Close removes the socket, then gives up the lock.
func (l *listener) Close() error { return errors.Join(l.Listener.Close(), l.lock.Close()) }

// Serve answers with the keys of a holder until the context ends, then closes the listener and every connection. It writes to
// log what it refused; nil is silence. A holder's error reaches the other side: it must hold no secret.
func Serve(ctx context.Context, l net.Listener, h Holder, log func(string)) error {
	if log == nil {
		log = func(string) {}
	}
	s := &server{holder: h, log: log, open: map[*served]bool{}}
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close() // Accept says so
		s.closeAll()
	})
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if !errors.Is(err, net.ErrClosed) {
				log("no connection can be taken: " + err.Error())
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond): // the system is out of files for a moment
				}
				continue
			}
			s.closeAll()
			return fmt.Errorf("keystore: accept: %w", err)
		}
		v := s.admit(c)
		if v == nil {
			continue
		}
		all.Go(func() { s.serve(v) })
	}
}

type server struct {
	holder Holder
	log    func(string)

	mu    sync.Mutex
	open  map[*served]bool
	ended bool
}

// served is one connection; since is when it became silent, busy while an answer is made.
type served struct {
	net.Conn
	since time.Time
	busy  bool
}

// admit takes a connection, or refuses it: nil.
func (s *server) admit(c net.Conn) *served {
	if u, ok := c.(*net.UnixConn); ok {
		if err := samePeer(u); err != nil {
			s.log("a connection is refused: " + err.Error())
			_ = c.Close()
			return nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		_ = c.Close()
		return nil
	}
	if len(s.open) >= servedConns {
		var oldest *served
		for o := range s.open {
			if !o.busy && (oldest == nil || o.since.Before(oldest.since)) {
				oldest = o
			}
		}
		if oldest == nil { // every one of them waits for the token
			_ = c.Close()
			return nil
		}
		_ = oldest.Close() // its goroutine notices
		delete(s.open, oldest)
	}
	v := &served{Conn: c, since: time.Now()}
	s.open[v] = true
	return v
}

func (s *server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for v := range s.open {
		_ = v.Close() // its goroutine notices
	}
}

func (s *server) mark(v *served, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.busy, v.since = busy, time.Now()
}

// serve answers the requests of one connection, one after another. What is no request is answered as such and ends it.
func (s *server) serve(v *served) {
	defer func() {
		_ = v.Close() // it may be closed already
		s.mu.Lock()
		delete(s.open, v)
		s.mu.Unlock()
	}()
	r := bufio.NewReaderSize(v, maxRequest)
	for {
		if v.SetReadDeadline(time.Now().Add(idleTimeout)) != nil {
			return
		}
		if _, err := r.Peek(1); err != nil {
			return
		}
		if v.SetReadDeadline(time.Now().Add(lineTimeout)) != nil {
			return
		}
		line, err := readLine(r)
		if err != nil && !errors.Is(err, errWire) {
			return
		}
		s.mark(v, true)
		var a answer
		if err != nil {
			a = refuse(err)
		} else {
			a = s.answer(line)
		}
		s.mark(v, false)
		if v.SetWriteDeadline(time.Now().Add(lineTimeout)) != nil {
			return
		}
		if err := writeLine(v, a); err != nil || a.Error == "request" {
			return
		}
	}
}

// answer does what a line asks for.
func (s *server) answer(line []byte) answer {
	q, digest, err := parseRequest(line)
	if err != nil {
		return refuse(err)
	}
	fail := func(err error) answer {
		s.log(fmt.Sprintf("%s %s: %v", q.Op, q.Name, err))
		return refuse(err)
	}
	if q.Op == opList {
		names, err := s.holder.Names()
		switch {
		case err != nil:
			return fail(err)
		case len(names) > wireNames:
			return fail(fmt.Errorf("%w: it holds more than %d keys", ErrToken, wireNames))
		}
		return answer{OK: true, Names: names}
	}
	get := s.holder.Signer
	if q.Op == opGenerate {
		get = s.holder.Generate
	}
	key, err := get(q.Name)
	if err != nil {
		return fail(err)
	}
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return fail(fmt.Errorf("%w: the key is not one of P-256", ErrDamaged))
	}
	if q.Op != opSign {
		point, err := wirePoint(pub)
		if err != nil {
			return fail(err)
		}
		return answer{OK: true, Public: point}
	}
	der, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return fail(err)
	}
	return answer{OK: true, Signature: hex.EncodeToString(der)}
}
