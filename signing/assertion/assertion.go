// Package assertion is the signed request by which an enrolled device shows, without a secret that travels, that it is the
// one that asks: one short token for each request, bound to the receiver, the method, the path and the body.
//
// It is pure. Who may do what, and that no request is taken twice, is the receiver's business.
package assertion

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"sceau/signing"
)

// Kind is what a device's request key signs, and nothing else.
const Kind signing.Kind = "sceau-request-1"

// Scheme is the word before the token in the HTTP header "Authorization".
const Scheme = "Sceau"

// Lifetime is how far the time of a request may be from the receiver's, either way.
const Lifetime = 2 * time.Minute

const (
	// MaxAudience and MaxPath bound what a request names, in bytes.
	MaxAudience = 256
	MaxPath     = 2048
	idSize      = 16
)

// Refusals of Check. What is not a request at all is a *signing.Refusal.
var (
	// ErrStale: made longer than Lifetime ago, or in the future: one of the clocks is wrong, or the request is an old one.
	ErrStale = errors.New("assertion: the request's time is too far from the receiver's")
	// ErrAudience: made for another receiver.
	ErrAudience = errors.New("assertion: the request was made for another receiver")
	// ErrMismatch: made for another method, path or body.
	ErrMismatch = errors.New("assertion: the request was made for something else")
)

// Request is what is signed.
type Request struct {
	Audience string    // the receiver: its public address without a path, such as "https://droits.example"
	Method   string    // of HTTP, upper case
	Path     string    // escaped path, with "?" and the raw query if there is one
	Body     [32]byte  // SHA-256 of the body, also of the empty one
	ID       string    // 16 random bytes in base64url, 22 characters: NewID
	At       time.Time // by the sender's clock, whole seconds
}

// NewID writes 16 random bytes as an ID.
func NewID(random [idSize]byte) string { return base64.RawURLEncoding.EncodeToString(random[:]) }

// CheckID refuses what NewID does not write.
func CheckID(s string) error {
	id, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(id) != idSize || NewID([idSize]byte(id)) != s {
		return malformed("id_form", "id is no 16 bytes of base64url")
	}
	return nil
}

// BodySum is the Body of a request with these bytes.
func BodySum(body []byte) [32]byte { return sha256.Sum256(body) }

// Sign makes the token of a request with a signer of Kind.
func Sign(s *signing.Signer, r Request) (string, error) {
	if s.Kind() != Kind {
		return "", refused(signing.ErrWrongKind, "signer_other_kind", "signer is not for requests")
	}
	payload, err := r.payload()
	if err != nil {
		return "", err
	}
	return s.Seal(payload)
}

// Open verifies a token under a device's key and reads it. Nothing is known yet of its time, receiver and purpose: Check.
func Open(k *signing.PublicKey, compact string) (Request, error) {
	payload, err := k.Open(Kind, compact)
	if err != nil {
		return Request{}, err
	}
	return decode(payload)
}

// KIDOf names the key that a token claims to be signed with, to look the device up. Nothing was verified.
func KIDOf(compact string) (string, error) {
	p, err := signing.SplitCompact(compact)
	if err != nil {
		return "", err
	}
	if p.Kind != Kind {
		return "", refused(signing.ErrWrongKind, "typ_other_kind", "the token is no request")
	}
	return p.KID, nil
}

// FromHeader finds the token in an Authorization header; false when it is of another scheme.
func FromHeader(h string) (compact string, ok bool) {
	scheme, token, ok := strings.Cut(h, " ")
	return token, ok && strings.EqualFold(scheme, Scheme) && token != ""
}

// Check compares an opened request with what was really asked of the receiver, at the receiver's time; want's ID and At are
// not looked at. Errors: ErrAudience, ErrMismatch, ErrStale, in this order, so that a clock is corrected only by the right
// receiver.
func (r Request) Check(want Request, now time.Time) error {
	switch age := now.Sub(r.At); {
	case r.Audience != want.Audience:
		return ErrAudience
	case r.Method != want.Method || r.Path != want.Path || r.Body != want.Body:
		return ErrMismatch
	case age > Lifetime || age < -Lifetime:
		return ErrStale
	}
	return nil
}

// payload is the one encoding of a request.
func (r Request) payload() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 192+len(r.Audience)+len(r.Path))
	b = append(b, `{"aud":"`...)
	b = append(b, r.Audience...)
	b = append(b, `","method":"`...)
	b = append(b, r.Method...)
	b = append(b, `","path":"`...)
	b = append(b, r.Path...)
	b = append(b, `","body":"`...)
	b = hex.AppendEncode(b, r.Body[:])
	b = append(b, `","id":"`...)
	b = append(b, r.ID...)
	b = append(b, `","at":`...)
	b = strconv.AppendInt(b, r.At.Unix(), 10)
	return append(b, '}'), nil
}

// decode reads what payload writes and nothing else.
func decode(b []byte) (Request, error) {
	var r Request
	rest, ok := string(b), true
	next := func(before, end string) string {
		after, found := strings.CutPrefix(rest, before)
		value, tail, cut := strings.Cut(after, end)
		rest, ok = tail, ok && found && cut
		return value
	}
	r.Audience = next(`{"aud":"`, `"`)
	r.Method = next(`,"method":"`, `"`)
	r.Path = next(`,"path":"`, `"`)
	body := next(`,"body":"`, `"`)
	r.ID = next(`,"id":"`, `"`)
	at, err := strconv.ParseInt(next(`,"at":`, `}`), 10, 64)
	if !ok || rest != "" || err != nil || len(body) != 2*sha256.Size {
		return Request{}, malformed("request_form", "not a request in its one form")
	}
	if _, err := hex.Decode(r.Body[:], []byte(body)); err != nil {
		return Request{}, malformed("request_form", "not a request in its one form")
	}
	r.At = time.Unix(at, 0).UTC()
	again, err := r.payload()
	if err != nil {
		return Request{}, err
	}
	if string(again) != string(b) {
		return Request{}, malformed("request_not_canonical", "a request spelled in another way")
	}
	return r, nil
}

// The years in which a request can be made; a later time is a mistake of unit.
const (
	minTime = 1577833200 // 2020
	maxTime = 4102441200 // 2100
)

func (r Request) check() error {
	switch {
	case r.Audience == "" || len(r.Audience) > MaxAudience || !printable(r.Audience):
		return malformed("audience_form", "receiver outside its form")
	case !method(r.Method):
		return malformed("method_form", "method outside its form")
	case len(r.Path) > MaxPath || !strings.HasPrefix(r.Path, "/") || !printable(r.Path):
		return malformed("path_form", "path outside its form")
	case r.At.Nanosecond() != 0 || r.At.Unix() < minTime || r.At.Unix() > maxTime:
		return malformed("time_range", "time is no whole second of the years 2020 to 2099")
	}
	return CheckID(r.ID)
}

// printable: what stands in the JSON of a request as it is. Paths are escaped, so nothing is lost.
func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func method(s string) bool {
	return len(s) >= 3 && len(s) <= 8 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func malformed(code, detail string) error { return refused(signing.ErrMalformed, code, detail) }

func refused(family error, code, detail string) error {
	return &signing.Refusal{Family: family, Code: code, Detail: detail}
}
