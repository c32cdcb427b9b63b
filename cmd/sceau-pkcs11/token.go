//go:build cgo

// This file holds the keys of a token: a keystore.Holder over PKCS#11 that outlives a token taken out and put back.

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"sceau/signing/keystore"
)

// sessions are open with the token at most; a request waits so long for one.
const (
	sessions    = 16
	sessionWait = 20 * time.Second
)

// token is an opened token. Its private keys are made where they are used, and can't be read.
type token struct {
	config crypto11.Config // with the PIN

	mu      sync.RWMutex // held shared while the token is in use
	open    *crypto11.Context
	refused error // of the PIN; it is not given a second time
	keys    sync.Map
}

var _ keystore.Holder = (*token)(nil)

// openToken logs in. What the token says to the PIN is in the error, which never holds the PIN.
func openToken(module, label string, pin []byte) (*token, error) {
	t := &token{config: crypto11.Config{Path: module, TokenLabel: label, Pin: string(pin), MaxSessions: sessions, PoolWaitTimeout: sessionWait}}
	if err := t.reopen(nil); err != nil {
		return nil, err
	}
	return t, nil
}

// Close logs out and unloads the module.
func (t *token) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		return nil
	}
	err := t.open.Close()
	t.open = nil
	return err
}

// reopen replaces what was opened, unless another goroutine has done so: the module is unloaded, for many notice no token that
// is put back before they are.
func (t *token) reopen(old *crypto11.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open != old && t.open != nil {
		return nil
	}
	if t.open != nil {
		_ = t.open.Close() // it failed before
		t.open = nil
		t.keys.Clear()
	}
	if t.refused != nil {
		return t.refused
	}
	if _, err := look(t.config.Path, t.config.TokenLabel); err != nil {
		return err
	}
	config := t.config
	opened, err := crypto11.Configure(&config)
	if code(err) == pkcs11.CKR_PIN_INCORRECT || code(err) == pkcs11.CKR_PIN_LOCKED || code(err) == pkcs11.CKR_PIN_LEN_RANGE || code(err) == pkcs11.CKR_PIN_INVALID {
		info, lookErr := look(t.config.Path, t.config.TokenLabel)
		if lookErr != nil {
			info.Flags = 0
		}
		t.refused = fmt.Errorf("%w: it refused the PIN: %s", keystore.ErrToken, triesLeft(info.Flags, code(err)))
		return t.refused
	}
	if err != nil {
		return failed(err)
	}
	t.open = opened
	return nil
}

// look finds the token of that label, without logging in. The module must not be loaded.
func look(module, label string) (pkcs11.TokenInfo, error) {
	fail := func(err error) (pkcs11.TokenInfo, error) { return pkcs11.TokenInfo{}, err }
	p := pkcs11.New(module)
	if p == nil {
		return fail(fmt.Errorf("%w: %s is no PKCS#11 module", keystore.ErrToken, module))
	}
	defer p.Destroy()
	if err := p.Initialize(); err != nil {
		return fail(failed(err))
	}
	defer func() { _ = p.Finalize() }() // it was only looked at
	slots, err := p.GetSlotList(true)
	if err != nil {
		return fail(failed(err))
	}
	var found []pkcs11.TokenInfo
	for _, slot := range slots {
		if info, err := p.GetTokenInfo(slot); err == nil && info.Label == label { // a slot may lose its token meanwhile
			found = append(found, info)
		}
	}
	switch {
	case len(found) == 0:
		return fail(fmt.Errorf("%w: no token of that label is present", keystore.ErrToken))
	case len(found) > 1:
		return fail(fmt.Errorf("%w: %d tokens of that label are present: take all but one out", keystore.ErrToken, len(found)))
	}
	return found[0], nil
}

// triesLeft is what a token tells of the tries that are left: it gives no number.
func triesLeft(flags uint, refusal pkcs11.Error) string {
	switch {
	case flags&pkcs11.CKF_USER_PIN_LOCKED != 0 || refusal == pkcs11.CKR_PIN_LOCKED:
		return "it is locked, its security officer unlocks it"
	case flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return "one try is left, then it locks itself"
	case flags&pkcs11.CKF_USER_PIN_COUNT_LOW != 0:
		return "more than one try is left; wrong ones were made since the last right one"
	}
	return "tries are left, the token tells no number"
}

// code is the module's own error code, 0 when there is none.
func code(err error) pkcs11.Error {
	var e pkcs11.Error
	if errors.As(err, &e) {
		return e
	}
	return 0
}

// failed makes an error of the token's family.
func failed(err error) error {
	switch code(err) {
	case pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SLOT_ID_INVALID:
		return fmt.Errorf("%w: it was taken out", keystore.ErrToken)
	case pkcs11.CKR_DEVICE_MEMORY:
		return fmt.Errorf("%w: it is full", keystore.ErrToken)
	}
	return fmt.Errorf("%w: %v", keystore.ErrToken, err)
}

// use runs fn with the token. After an error of the module the token is opened anew, and fn is run once more if it may be. So it is
// after fn found no key: of a token that was taken out, some modules say that it is empty.
func (t *token) use(again bool, fn func(*crypto11.Context) error) error {
	for try := 0; ; try++ {
		opened, err := t.try(fn)
		switch {
		case err == nil, errors.Is(err, keystore.ErrExists), errors.Is(err, keystore.ErrDamaged), errors.Is(err, keystore.ErrNoKey) && try > 0:
			return err
		case try > 0:
			return failure(err)
		}
		if e := t.reopen(opened); e != nil {
			return e
		}
		if opened != nil && !again {
			return failure(err)
		}
	}
}

func failure(err error) error {
	if errors.Is(err, keystore.ErrToken) {
		return err
	}
	return failed(err)
}

var errShut = errors.New("the token is not open")

func (t *token) try(fn func(*crypto11.Context) error) (*crypto11.Context, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.open == nil {
		return nil, errShut
	}
	return t.open, fn(t.open)
}

// Names implements keystore.Holder.
func (t *token) Names() ([]string, error) {
	var names []string
	err := t.use(true, func(c *crypto11.Context) error {
		names = nil
		kind := crypto11.NewAttributeSet()
		if err := kind.Set(crypto11.CkaKeyType, uint(pkcs11.CKK_EC)); err != nil {
			return err
		}
		all, err := c.FindKeyPairsWithAttributes(kind)
		if err != nil {
			return err
		}
		for _, k := range all {
			label, err := c.GetAttribute(k, crypto11.CkaLabel)
			if err != nil {
				return err
			}
			if name := string(label.Value); keystore.CheckName(name) == nil && onP256(k) {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			return keystore.ErrNoKey
		}
		return nil
	})
	if err != nil && !errors.Is(err, keystore.ErrNoKey) {
		return nil, err
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func onP256(k crypto.Signer) bool {
	pub, ok := k.Public().(*ecdsa.PublicKey)
	return ok && pub.Curve == elliptic.P256()
}

// Signer implements keystore.Holder.
func (t *token) Signer(name string) (crypto.Signer, error) {
	if err := keystore.CheckName(name); err != nil {
		return nil, err
	}
	s := &tokenSigner{token: t, name: name}
	err := t.use(true, func(c *crypto11.Context) (err error) { _, s.pub, err = t.key(c, name); return err })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// key finds a key of the token, and refuses one that the token would give out. What was found stays until the token is opened
// anew.
func (t *token) key(c *crypto11.Context, name string) (crypto11.Signer, *ecdsa.PublicKey, error) {
	if k, ok := t.keys.Load(name); ok {
		k := k.(crypto11.Signer)
		return k, k.Public().(*ecdsa.PublicKey), nil
	}
	all, err := c.FindKeyPairs(nil, []byte(name))
	switch {
	case err != nil:
		return nil, nil, err
	case len(all) == 0:
		return nil, nil, keystore.ErrNoKey
	case len(all) > 1:
		return nil, nil, fmt.Errorf("%w: the token has two keys of that name", keystore.ErrDamaged)
	case !onP256(all[0]):
		return nil, nil, fmt.Errorf("%w: the key is not one of P-256", keystore.ErrDamaged)
	}
	if err := kept(c, all[0]); err != nil {
		return nil, nil, err
	}
	t.keys.Store(name, all[0])
	return all[0], all[0].Public().(*ecdsa.PublicKey), nil
}

// kept refuses a key that can be read from the token.
func kept(c *crypto11.Context, k crypto11.Signer) error {
	a, err := c.GetAttributes(k, []crypto11.AttributeType{crypto11.CkaSensitive, crypto11.CkaExtractable})
	if err != nil {
		return err
	}
	is := func(t crypto11.AttributeType, want byte) bool {
		v := a[t]
		return v != nil && len(v.Value) == 1 && v.Value[0] == want
	}
	if !is(crypto11.CkaSensitive, 1) || !is(crypto11.CkaExtractable, 0) {
		return fmt.Errorf("%w: the token would give the key out: it is not sensitive, or extractable", keystore.ErrDamaged)
	}
	return nil
}

// Generate implements keystore.Holder. The key's two halves have a random CKA_ID and the name as CKA_LABEL.
func (t *token) Generate(name string) (crypto.Signer, error) {
	if err := keystore.CheckName(name); err != nil {
		return nil, err
	}
	s := &tokenSigner{token: t, name: name}
	err := t.use(false, func(c *crypto11.Context) (err error) { s.pub, err = t.generate(c, name); return err })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// generating keeps two requests of this program from making one name twice.
var generating sync.Mutex

func (t *token) generate(c *crypto11.Context, name string) (*ecdsa.PublicKey, error) {
	generating.Lock()
	defer generating.Unlock()
	there, err := c.FindKeyPairs(nil, []byte(name))
	if err != nil {
		return nil, err
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("a key of the token %w", keystore.ErrExists)
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails
	public, err := crypto11.NewAttributeSetWithIDAndLabel(id, []byte(name))
	if err != nil {
		return nil, err
	}
	private := public.Copy()
	for attribute, value := range map[crypto11.AttributeType]bool{crypto11.CkaToken: true, crypto11.CkaPrivate: true, crypto11.CkaSensitive: true,
		crypto11.CkaExtractable: false, crypto11.CkaSign: true, crypto11.CkaDecrypt: false, crypto11.CkaUnwrap: false, crypto11.CkaDerive: false} {
		if err := private.Set(attribute, value); err != nil {
			return nil, err
		}
	}
	k, err := c.GenerateECDSAKeyPairWithAttributes(public, private, elliptic.P256())
	if err != nil {
		return nil, err
	}
	err = kept(c, k)
	if err == nil { // of another program that made the same name at the same time, one of two finds both
		if there, err = c.FindKeyPairs(nil, []byte(name)); err == nil && len(there) != 1 {
			err = fmt.Errorf("a key of the token %w: another program made it", keystore.ErrExists)
		}
	}
	if err != nil {
		return nil, errors.Join(err, k.Delete())
	}
	t.keys.Store(name, k)
	return k.Public().(*ecdsa.PublicKey), nil
}

// tokenSigner signs with the key that had the name when it was made.
type tokenSigner struct {
	token *token
	name  string
	pub   *ecdsa.PublicKey
}

func (s *tokenSigner) Public() crypto.PublicKey { return s.pub }

func (s *tokenSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) (der []byte, err error) {
	err = s.token.use(true, func(c *crypto11.Context) error {
		k, pub, err := s.token.key(c, s.name)
		if err != nil {
			return err
		}
		if !pub.Equal(s.pub) {
			return fmt.Errorf("%w: the key of that name was replaced", keystore.ErrDamaged)
		}
		der, err = k.Sign(random, digest, opts) // verified by who asked
		return err
	})
	if err != nil {
		return nil, err
	}
	return der, nil
}
