// The device's own key: made at first use, it signs the head of the journal and nothing else.

package mirror

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"

	"sceau/signing"
	"sceau/signing/journal"
)

// device is who writes a chain.
type device struct {
	id     string
	signer *signing.Signer
	public []byte // canonical JWK
	sealed []byte // private key as stored
}

// errKey: the device's key can't be opened by this user on this computer.
var errKey = errors.New("mirror: device key can't be opened")

func newDevice() (*device, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	d := &device{id: hex.EncodeToString(id[:])}
	if d.sealed, err = sealKey(der); err != nil {
		return nil, err
	}
	if d.signer, err = signing.NewSigner(journal.HeadKind, key); err != nil {
		return nil, err
	}
	d.public = d.signer.Public().JWK()
	return d, nil
}

// openDevice opens a stored device. The error is errKey.
func openDevice(id string, public, sealed []byte) (*device, error) {
	if len(sealed) == 0 {
		return nil, errKey
	}
	der, err := openKey(sealed)
	if err != nil {
		return nil, errKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errKey
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errKey
	}
	signer, err := signing.NewSigner(journal.HeadKind, key)
	if err != nil || !bytes.Equal(signer.Public().JWK(), public) {
		return nil, errKey
	}
	return &device{id: id, signer: signer, public: public, sealed: sealed}, nil
}
