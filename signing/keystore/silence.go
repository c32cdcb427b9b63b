// This file makes sure that what holds a secret prints as its name, in every verb, log and JSON.

package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"io"
	"log/slog"

	"sceau/signing"
)

// Format prints the folder for every verb.
func (s *Store) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

func (s *Store) String() string {
	if s == nil {
		return "no key folder"
	}
	return "key folder " + s.dir
}

// LogValue prints what String does.
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives what String does.
func (s *Store) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// signer is a private key that does nothing but sign. A bare *ecdsa.PrivateKey
// would print its secret number with %v.
type signer struct{ key *ecdsa.PrivateKey }

var _ crypto.Signer = (*signer)(nil)

func (k *signer) Public() crypto.PublicKey { return &k.key.PublicKey }

func (k *signer) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.key.Sign(random, digest, opts)
}

// Format prints the kid for every verb.
func (k *signer) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

func (k *signer) String() string { return "key " + signing.KID(&k.key.PublicKey) }

// LogValue prints what String does.
func (k *signer) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText gives what String does.
func (k *signer) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
