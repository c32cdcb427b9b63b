package issuer

import (
	"crypto"
	"io"
	"io/fs"
)

// countedSigner is a real key whose signatures are counted.
type countedSigner struct {
	crypto.Signer
	c *counting
}

func (s *countedSigner) Sign(rand io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	n := s.c.signed.Add(1)
	sig, err := s.Signer.Sign(rand, digest, o)
	if err == nil && s.c.failAt != 0 && n == s.c.failAt {
		return s.c.fail(sig)
	}
	return sig, err
}

func (nothing) Signer(string) (crypto.Signer, error) { return nil, fs.ErrNotExist }

func (nothing) Names() ([]string, error) { return nil, nil }
