// This file encrypts streams, such as a backup, to a passphrase or to age recipients.

package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// ErrRecipient says that a text is no age X25519 recipient (age1…).
var ErrRecipient = errors.New("not an age recipient")

// EncryptWithPassphrase returns a writer that encrypts to w; what was written is whole only after its Close. w stays open.
func EncryptWithPassphrase(w io.Writer, passphrase []byte, o Options) (io.WriteCloser, error) {
	logN, err := o.workFactor(passphrase)
	if err != nil {
		return nil, err
	}
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", ErrWeakPassphrase)
	}
	to.SetWorkFactor(logN)
	return begin(w, to)
}

// EncryptTo is EncryptWithPassphrase for recipients: whoever holds the identity of one of them can read it, and the
// passphrase can not. [ErrRecipient] names a text by its position alone: a secret key may have been pasted in its place.
func EncryptTo(w io.Writer, recipients []string) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return nil, fmt.Errorf("keystore: %w: none is given", ErrRecipient)
	}
	to := make([]age.Recipient, len(recipients))
	for i, text := range recipients {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, fmt.Errorf("keystore: recipient %d: %w", i+1, ErrRecipient)
		}
		to[i] = r
	}
	return begin(w, to...)
}

func begin(w io.Writer, to ...age.Recipient) (io.WriteCloser, error) {
	out, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, fmt.Errorf("keystore: encrypt: %w", err)
	}
	return out, nil
}

// DecryptWithPassphrase reads what EncryptWithPassphrase wrote. Every read is authenticated, and one that ends without io.EOF
// was cut or changed: [ErrDamaged]. Errors before: [ErrPassphrase], [ErrDamaged].
func DecryptWithPassphrase(r io.Reader, passphrase []byte) (io.Reader, error) {
	by, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", ErrPassphrase)
	}
	by.SetMaxWorkFactor(mostLogN)
	return opened(r, by)
}

// DecryptWith reads what EncryptTo wrote, with the identities of an age key file (AGE-SECRET-KEY-1…, one a line).
func DecryptWith(r io.Reader, identities []byte) (io.Reader, error) {
	by, err := age.ParseIdentities(bytes.NewReader(identities))
	if err != nil {
		return nil, fmt.Errorf("keystore: %w: the file of identities holds none", ErrDamaged) // the cause may quote it
	}
	return opened(r, by...)
}

func opened(r io.Reader, by ...age.Identity) (io.Reader, error) {
	out, err := age.Decrypt(r, by...)
	switch {
	case errors.Is(err, age.ErrIncorrectIdentity):
		return nil, fmt.Errorf("keystore: %w", ErrPassphrase)
	case err != nil:
		return nil, fmt.Errorf("keystore: %w: its header is not age's", ErrDamaged)
	}
	return authentic{out}, nil
}

// authentic gives the errors of this package.
type authentic struct{ r io.Reader }

func (a authentic) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("keystore: %w: its content was changed or cut", ErrDamaged)
	}
	return n, err
}
