// This file uses keys that another program holds, on a token, over a Unix socket: cmd/sceau-pkcs11/PROTOCOL.md.

package keystore

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sceau/signing"
)

// Errors of a [Remote], beside those of a folder. The text of each names the socket.
var (
	// ErrUnreachable: nobody answers at the socket, or not in time. Start sceau-pkcs11 again; the Remote needs not be made anew.
	ErrUnreachable = errors.New("the token's program does not answer")
	// ErrToken: the token refused or is not there. The text says which; put it back, then ask again.
	ErrToken = errors.New("the token does not work")
	// ErrProtocol: what answers at the socket is no sceau-pkcs11, or a signature is not one of the key's. Nothing it says counts.
	ErrProtocol = errors.New("the socket's answers are not those of a token's program")
)

const (
	// A token takes milliseconds to sign and some of them minutes to make a key.
	signTimeout     = 30 * time.Second
	generateTimeout = 5 * time.Minute

	// idleConns are kept for the next requests. A program that was started again has closed them: that is noticed.
	idleConns = 8
)

// Remote is a [Holder] whose keys stay on a token, behind a program of the same user. It holds no secret. Every signature is
// verified before it is given out, so that a faulty token or a program in its place can refuse but not falsify.
type Remote struct {
	socket         string
	sign, generate time.Duration
	mu             sync.Mutex
	idle           []*remoteConn
}

type remoteConn struct {
	net.Conn
	r *bufio.Reader
}

// Dial reaches the token's program at a socket. The socket and its folder belong to this user alone, and so does the program.
// Errors: [ErrNoStore] when there is no socket, [ErrExposed], [ErrUnreachable], [ErrProtocol].
func Dial(socket string) (*Remote, error) {
	info, err := os.Stat(socket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("keystore: %s: %w: no socket; start sceau-pkcs11", socket, ErrNoStore)
	case err != nil:
		return nil, fmt.Errorf("keystore: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("keystore: %s: %w: not a socket", socket, ErrNoStore)
	}
	if err := errors.Join(private(socket, info), checkDir(filepath.Dir(socket))); err != nil {
		return nil, err
	}
	r := &Remote{socket: socket, sign: signTimeout, generate: generateTimeout}
	if _, err := r.Names(); err != nil && !errors.Is(err, ErrToken) { // a token may be put in later
		return nil, err
	}
	return r, nil
}

// Close drops idle connections. The Remote can be used again.
func (r *Remote) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	for _, c := range r.idle {
		err = errors.Join(err, c.Close())
	}
	r.idle = nil
	return err
}

// Names lists the keys of the token, sorted: P-256 key pairs whose label is a key's name.
// Errors: [ErrUnreachable], [ErrToken], [ErrProtocol].
func (r *Remote) Names() ([]string, error) {
	a, err := r.ask(request{Op: opList}, r.sign)
	if err != nil {
		return nil, err
	}
	return a.Names, nil
}

// Public reads the public half of a key. It is only as trustworthy as the token's program. Its Kind is the caller's to set.
// Errors: [ErrName], [ErrNoKey], [ErrDamaged], and those of Names.
func (r *Remote) Public(name string) (*signing.PublicKey, error) {
	pub, err := r.public(request{Op: opPublic, Name: name}, r.sign)
	if err != nil {
		return nil, err
	}
	return signing.NewPublicKey("key", pub)
}

// Signer names a key of the token. Its public half is that of now: a signature of any other key is refused for as long as the
// signer lives. Errors: [ErrName], [ErrNoKey], [ErrDamaged], and those of Names.
func (r *Remote) Signer(name string) (crypto.Signer, error) {
	pub, err := r.public(request{Op: opPublic, Name: name}, r.sign)
	if err != nil {
		return nil, err
	}
	return &remoteSigner{r, name, pub}, nil
}

// Generate makes a new P-256 key on the token, which never leaves it, and gives its signer.
// Errors: [ErrName], [ErrExists], and those of Names; after [ErrUnreachable] the key may have been made: Signer tells.
func (r *Remote) Generate(name string) (crypto.Signer, error) {
	pub, err := r.public(request{Op: opGenerate, Name: name}, r.generate)
	if err != nil {
		return nil, err
	}
	return &remoteSigner{r, name, pub}, nil
}

func (r *Remote) public(q request, timeout time.Duration) (*ecdsa.PublicKey, error) {
	if err := CheckName(q.Name); err != nil {
		return nil, err
	}
	a, err := r.ask(q, timeout)
	if err != nil {
		return nil, err
	}
	pub, err := parsePoint(a.Public)
	if err != nil {
		return nil, fmt.Errorf("keystore: %s: %w", r.socket, err)
	}
	return pub, nil
}

// ask sends a request. A kept connection may have been closed by a program that was started again: what can be asked twice is
// asked on a new one.
func (r *Remote) ask(q request, timeout time.Duration) (answer, error) {
	fail := func(err error) (answer, error) { return answer{}, fmt.Errorf("keystore: %s: %w", r.socket, err) }
	if q.Op != opGenerate {
		if c := r.take(); c != nil {
			if a, err := r.exchange(c, q, timeout); err == nil || !errors.Is(err, errBroken) {
				if err != nil {
					return fail(err)
				}
				return a, nil
			}
		}
	}
	c, err := r.dial()
	if err != nil {
		return fail(err)
	}
	a, err := r.exchange(c, q, timeout)
	if err != nil {
		if errors.Is(err, errBroken) {
			err = fmt.Errorf("%w: it broke off", ErrUnreachable)
		}
		return fail(err)
	}
	return a, nil
}

// errBroken says that a connection ended before its answer.
var errBroken = errors.New("the connection ended")

// exchange asks on a connection and keeps it when it is sound.
func (r *Remote) exchange(c *remoteConn, q request, timeout time.Duration) (answer, error) {
	sound := false
	defer func() {
		if sound {
			r.keep(c)
		} else {
			_ = c.Close() // nothing was to be written any more
		}
	}()
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return answer{}, errBroken
	}
	if err := writeLine(c, q); err != nil {
		return answer{}, broken(err)
	}
	line, err := readLine(c.r)
	switch {
	case errors.Is(err, errWire):
		return answer{}, protocolFault("the answer has no end")
	case err != nil:
		return answer{}, broken(err)
	case c.r.Buffered() > 0:
		return answer{}, protocolFault("more than one answer came")
	}
	a, err := parseAnswer(q.Op, line)
	if err != nil {
		sound = !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrUnreachable)
		return answer{}, err
	}
	sound = true
	return a, nil
}

func broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w in time", ErrUnreachable)
	}
	return errBroken
}

func (r *Remote) dial() (*remoteConn, error) {
	c, err := net.DialTimeout("unix", r.socket, r.sign)
	if err != nil {
		return nil, fmt.Errorf("%w: start sceau-pkcs11", ErrUnreachable)
	}
	if err := samePeer(c.(*net.UnixConn)); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrExposed, err), c.Close())
	}
	return &remoteConn{c, bufio.NewReaderSize(c, maxAnswer)}, nil
}

func (r *Remote) take() *remoteConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.idle)
	if n == 0 {
		return nil
	}
	c := r.idle[n-1]
	r.idle = r.idle[:n-1]
	return c
}

func (r *Remote) keep(c *remoteConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) < idleConns {
		r.idle = append(r.idle, c)
		return
	}
	_ = c.Close() // one too many
}

// Format prints the socket for every verb.
func (r *Remote) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

func (r *Remote) String() string {
	if r == nil {
		return "no token"
	}
	return "token at " + r.socket
}

// LogValue prints what String does.
func (r *Remote) LogValue() slog.Value { return slog.StringValue(r.String()) }

// remoteSigner signs with a key of the token.
type remoteSigner struct {
	remote *Remote
	name   string
	pub    *ecdsa.PublicKey
}

// Public is a copy: who gets it must not change whom this signer believes.
func (s *remoteSigner) Public() crypto.PublicKey {
	b, err := s.pub.Bytes()
	if err == nil {
		if pub, err := ecdsa.ParseUncompressedPublicKey(s.pub.Curve, b); err == nil {
			return pub
		}
	}
	return s.pub
}

// Sign has the token sign a SHA-256 digest, and verifies what comes back. The token has its own randomness.
func (s *remoteSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, fmt.Errorf("keystore: %s: a token's key signs SHA-256 digests only", s.remote.socket)
	}
	a, err := s.remote.ask(request{Op: opSign, Name: s.name, Digest: hex.EncodeToString(digest)}, s.remote.sign)
	if err != nil {
		return nil, err
	}
	der, err := wireHex(a.Signature)
	if err != nil || !ecdsa.VerifyASN1(s.pub, digest, der) {
		return nil, fmt.Errorf("keystore: %s: %w: the signature is not one of the key %s", s.remote.socket, ErrProtocol, s.name)
	}
	return der, nil
}

// Format prints the kid for every verb.
func (s *remoteSigner) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

func (s *remoteSigner) String() string { return "key " + signing.KID(s.pub) }

// LogValue prints what String does.
func (s *remoteSigner) LogValue() slog.Value { return slog.StringValue(s.String()) }
