// The second program's call to the first: both prove that they read the file that only their user can read, before either does
// anything. Whoever merely sits on the port learns nothing and is believed nothing.

package desk

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Info is what the file desk.json tells the next program of the same user (write it with mode 0600). It holds no page's secret
// and no token.
type Info struct {
	Port    int    `json:"port"`
	PID     int    `json:"pid"`
	Version string `json:"version"`
	Proof   string `json:"proof"` // 256 bits, base64url; new at each start
}

// Errors of Call.
var (
	// ErrAbsent: nothing answers there. The file is a leftover; this program may be the first.
	ErrAbsent = errors.New("desk: no desk there")
	// ErrImpostor: something answers and can't prove that it is the desk. Open nothing there.
	ErrImpostor = errors.New("desk: what answers there is not the desk")
	// ErrInfo: the file is not one that a desk wrote.
	ErrInfo = errors.New("desk: not a desk's file")
)

const (
	maxInfo     = 4 << 10
	callLife    = 5 * time.Second
	nonceSize   = 32
	maxCalls    = 256 // nonces remembered
	callPurpose = "sceau-desk-call-1"
	backPurpose = "sceau-desk-answer-1"
)

// Info is what to write into desk.json.
func (s *Server) Info() Info {
	return Info{Port: s.port, PID: os.Getpid(), Version: s.o.Version, Proof: base64.RawURLEncoding.EncodeToString(s.calls.key)}
}

// Bytes is the file's content.
func (i Info) Bytes() []byte {
	b, err := json.Marshal(i)
	if err != nil {
		panic(err) // numbers and strings
	}
	return append(b, '\n')
}

// ParseInfo reads what Bytes writes. The error is ErrInfo.
func ParseInfo(b []byte) (Info, error) {
	var i Info
	if err := decodeStrict(b, maxInfo, &i); err != nil {
		return Info{}, fmt.Errorf("%w: %w", ErrInfo, err)
	}
	if _, err := i.key(); err != nil || i.Port < 1 || i.Port > 65535 {
		return Info{}, ErrInfo
	}
	return i, nil
}

func (i Info) key() ([]byte, error) {
	key, err := base64.RawURLEncoding.Strict().DecodeString(i.Proof)
	if err != nil || len(key) != sha256.Size {
		return nil, ErrInfo
	}
	return key, nil
}

// calls are the desk's side.
type calls struct {
	key []byte

	mu   sync.Mutex
	seen []string // newest last
}

func newCalls() *calls {
	c := &calls{key: make([]byte, sha256.Size)}
	rand.Read(c.key) // never fails
	return c
}

// fresh says whether a nonce comes for the first time among the last of them: a desk is called some times a day, and what a
// replay brings about is a window that comes to the front, or an address for who hears the answer.
func (c *calls) fresh(nonce string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.seen, nonce) {
		return false
	}
	if len(c.seen) == maxCalls {
		c.seen = c.seen[1:]
	}
	c.seen = append(c.seen, nonce)
	return true
}

// proof binds the secret to one purpose, port, order, nonce (of one size) and what is said beside them, so that what is said on one port is worth nothing on another.
func proof(key []byte, purpose string, port int, order string, nonce []byte, said string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write(binary.BigEndian.AppendUint16(nil, uint16(port)))
	mac.Write([]byte(order))
	mac.Write([]byte{0})
	mac.Write(nonce)
	mac.Write([]byte(said))
	return mac.Sum(nil)
}

// call is the body of POST /instance.
type call struct {
	Order string `json:"order"` // "prove", "front", "launch"
	Nonce []byte `json:"nonce"`
	Proof []byte `json:"proof"`
}

type called struct {
	Proof   []byte `json:"proof"`
	Version string `json:"version"`
	Launch  string `json:"launch,omitempty"` // an address as of Server.Launch; the proof covers it
}

// Call gives an order to the desk that a file speaks of: "front" brings its window to the front, or opens one; "launch" asks
// for a new address, as of Server.Launch; "prove" only asks whether it is the desk. nil means that the desk did it. address is
// what a person is to open: after "launch", and after "front" where the desk has no window. Errors: ErrAbsent, ErrImpostor, ErrInfo.
func Call(ctx context.Context, to Info, order string) (address string, err error) {
	key, err := to.key()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callLife)
	defer cancel()
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	body, err := json.Marshal(call{order, nonce, proof(key, callPurpose, to.Port, order, nonce, "")})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+strconv.Itoa(to.Port)+"/instance", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	// Neither a proxy nor another address has any business between two programs of one computer.
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: callLife}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" && ctx.Err() == nil {
			return "", ErrAbsent
		}
		return "", fmt.Errorf("%w: no answer", ErrImpostor)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxInfo+1))
	var got called
	if err != nil || answer.StatusCode != http.StatusOK || decodeStrict(b, maxInfo, &got) != nil {
		return "", ErrImpostor
	}
	if !hmac.Equal(got.Proof, proof(key, backPurpose, to.Port, order, nonce, got.Launch)) {
		return "", ErrImpostor
	}
	return got.Launch, nil
}

// CallFirst asks the desk that runs already to come to the front. See Call for the address and the errors.
func CallFirst(ctx context.Context, first Info) (address string, err error) {
	return Call(ctx, first, "front")
}

// instance answers POST /instance. Whoever can't prove who he is gets what everybody gets.
func (s *Server) instance(w http.ResponseWriter, r *http.Request, _ *visit) error {
	var c call
	if err := readJSON(w, r, maxInfo, &c); err != nil {
		return errOutside
	}
	if len(c.Nonce) != nonceSize || !hmac.Equal(c.Proof, proof(s.calls.key, callPurpose, s.port, c.Order, c.Nonce, "")) || !s.calls.fresh(string(c.Nonce)) {
		return errOutside
	}
	address := ""
	switch {
	case c.Order == "prove":
	case c.Order == "front" && s.o.Front != nil:
		if err := s.o.Front(r.Context()); err != nil {
			return err
		}
	case c.Order == "front", c.Order == "launch":
		address = s.Launch()
	default:
		return errOutside
	}
	return writeJSON(w, http.StatusOK, called{proof(s.calls.key, backPurpose, s.port, c.Order, c.Nonce, address), s.o.Version, address})
}
