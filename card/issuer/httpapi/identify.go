// From a credential to a principal: signed assertions of counters, API keys, sessions. What fails is counted for each source, so
// that whoever guesses locks out nobody else.

package httpapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/assertion"
)

// replayMemory is how long the id of a signed request is kept: longer than its signature is believed.
const replayMemory = 5 * time.Minute

// maxCredential bounds what is looked at, in bytes.
const maxCredential = 4096

// identify sets the visit's principal, or says why there is none.
func (s *Server) identify(r *http.Request, rt *route, v *visit, now time.Time) error {
	mark := credentialMark(r, v.source)
	if wait := s.failures.empty(v.source, now); wait > 0 && !s.trusted.has(mark, now) {
		s.metrics.refused("failures")
		return errBudget.wait(wait)
	}
	err := s.believe(r, rt, v, now)
	if is, _ := explain(err); err != nil && is.status == http.StatusUnauthorized {
		s.metrics.unbelieved(is.code)
		if wait := s.failures.take(v.source, now); wait > 0 {
			s.metrics.refused("failures")
			return errBudget.wait(wait).because(err)
		}
		return err
	}
	if err != nil {
		return err
	}
	s.trusted.add(mark, now)
	if !rt.policy.allowed(v.who) {
		return errRole
	}
	each := s.staff
	if v.who.Kind == KindCounter {
		each = s.counters
	}
	if wait := each.take(string(v.who.Kind)+" "+v.who.ID, now); wait > 0 {
		s.metrics.refused("credential")
		return errBudget.wait(wait)
	}
	// After the budget: it costs a write transaction, and who is over theirs costs the others none.
	if v.who.Kind == KindCounter && !rt.policy.Taken {
		if err := s.once(r.Context(), v.who.ID, v.who.Request, now); err != nil {
			is, _ := explain(err)
			s.metrics.unbelieved(is.code)
			return err
		}
	}
	return nil
}

// credentialMark stands for a credential at a source without being it.
func credentialMark(r *http.Request, source string) [32]byte {
	credential := r.Header.Get("Authorization")
	if compact, ok := assertion.FromHeader(credential); ok {
		if kid, err := assertion.KIDOf(compact); err == nil {
			credential = assertion.Scheme + " " + kid // each request has another signature
		}
	}
	if credential == "" { // else nothing else is looked at, and other cookies must not make another mark
		credential, _ = cookieOf(r, sessionCookie)
	}
	return sha256.Sum256([]byte(source + "\n" + credential))
}

func (s *Server) believe(r *http.Request, rt *route, v *visit, now time.Time) error {
	all := r.Header.Values("Authorization")
	if len(all) > 1 || len(all) == 1 && len(all[0]) > maxCredential {
		return errNobody
	}
	if len(all) == 0 {
		return s.session(r, v)
	}
	scheme, credential, _ := strings.Cut(all[0], " ")
	switch {
	case credential == "":
		return errNobody
	case strings.EqualFold(scheme, assertion.Scheme):
		return s.counter(r, rt, v, credential, now)
	case strings.EqualFold(scheme, "Bearer") && s.o.Staff != nil:
		who, err := s.o.Staff.Bearer(r.Context(), credential)
		return v.take(who, err)
	}
	return errNobody
}

// session believes a browser's cookie, and then no page of another site.
func (s *Server) session(r *http.Request, v *visit) error {
	if s.o.Staff == nil {
		return errNobody
	}
	who, err := s.o.Staff.Session(r.Context(), r)
	if err := v.take(who, err); err != nil {
		return err
	}
	if s.sameOrigin.Check(r) != nil {
		v.who = Principal{Kind: KindPublic}
		return errOrigin
	}
	return nil
}

func (v *visit) take(who Principal, err error) error {
	switch {
	case errors.Is(err, ErrNoCredential), errors.Is(err, ErrCredential):
		return errNobody.because(err)
	case err != nil:
		return err
	case who.ID == "" || who.Kind != KindKey && who.Kind != KindStaff || slices.Contains(who.Roles, RoleCounter) || slices.Contains(who.Roles, RolePublic):
		return errInside // a fault of whoever believed it
	}
	v.who = who
	return nil
}

// counter believes a signed request. The signature is checked before the body is read, the body's hash after it.
func (s *Server) counter(r *http.Request, rt *route, v *visit, compact string, now time.Time) error {
	kid, err := assertion.KIDOf(compact)
	if err != nil {
		return errNobody.because(err)
	}
	c, err := s.o.Issuer.Counter(r.Context(), kid)
	if errors.Is(err, issuer.ErrUnknownCounter) {
		return errNobody
	}
	if err != nil {
		return err
	}
	key, err := s.keys.of(c.JWK)
	if err != nil {
		return err
	}
	got, err := s.signed(r, v, key, compact, now)
	if err != nil {
		return err
	}
	switch c.State {
	case issuer.CounterActive:
	case issuer.CounterSuspended:
		return errSuspended
	default:
		return errRevoked
	}
	who := Principal{Kind: KindCounter, ID: c.ID, Roles: []Role{RoleCounter}, Actor: "counter " + c.ID, Counter: c, Request: got.ID}
	if !rt.policy.allowed(who) {
		v.who = who
		return errRole
	}
	v.who = who
	return nil
}

// requestKey reads the public key of a counter's requests.
func requestKey(jwk []byte) (*signing.PublicKey, error) {
	key, err := signing.ParseJWK(jwk)
	if err != nil {
		return nil, err
	}
	key.Kind = assertion.Kind
	return key, nil
}

// requestKeys remembers the keys of counters that were read: the same bytes are the same key.
type requestKeys struct {
	mu  sync.RWMutex
	all map[string]*signing.PublicKey
}

// maxRequestKeys bounds the memory, about 100 MiB; beyond it all are read anew.
const maxRequestKeys = 100_000

// of reads a key, of a counter that is enrolled.
func (k *requestKeys) of(jwk []byte) (*signing.PublicKey, error) {
	k.mu.RLock()
	key := k.all[string(jwk)]
	k.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	key, err := requestKey(jwk)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= maxRequestKeys {
		k.all = map[string]*signing.PublicKey{}
	}
	k.all[string(jwk)] = key
	return key, nil
}

// signed checks a signed request under a key: the signature, the time, and that all of it is what was sent.
func (s *Server) signed(r *http.Request, v *visit, key *signing.PublicKey, compact string, now time.Time) (assertion.Request, error) {
	got, err := assertion.Open(key, compact)
	if err != nil {
		return assertion.Request{}, errNobody.because(err)
	}
	want := assertion.Request{Audience: s.audience, Method: r.Method, Path: pathOf(r.URL), Body: got.Body} // the body itself comes below
	if err := got.Check(want, now); err != nil {
		if errors.Is(err, assertion.ErrStale) {
			return assertion.Request{}, errClock.because(err)
		}
		return assertion.Request{}, errSigned.because(err)
	}
	if err := v.read(r); err != nil {
		return assertion.Request{}, err
	}
	if v.sum() != got.Body {
		return assertion.Request{}, errSigned
	}
	return got, nil
}

// pathOf is what a signed request names: the escaped path, and the raw query if there is one.
func pathOf(u *url.URL) string {
	if u.RawQuery == "" {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + u.RawQuery
}

// once takes the id of a signed request; a second time it is a replay, also on another replica.
func (s *Server) once(ctx context.Context, counter, id string, now time.Time) error {
	var fresh []bool
	err := s.o.Issuer.Store.Update(ctx, func(tx register.Tx) (err error) {
		fresh, err = tx.TakeRequests([]register.Request{{Counter: counter, ID: id, Until: now.Add(replayMemory).Truncate(time.Second)}})
		return err
	})
	if err != nil {
		return err
	}
	if len(fresh) != 1 || !fresh[0] {
		return errReplayed
	}
	return nil
}
