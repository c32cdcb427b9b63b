// Signing metadata with whatever holds a key.
package trust

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	sig "github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// signMetadata signs m with as many signers as the role's threshold asks for;
// all must be of the role. Signatures stand in ascending order of keys.
func signMetadata[T metadata.Roles](m *metadata.Metadata[T], role string, ids []string, threshold int, signers []crypto.Signer) ([]byte, error) {
	m.Signatures = []metadata.Signature{}
	seen := map[string]bool{}
	for _, s := range signers {
		_, id, err := tufKey(s.Public())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		if !slices.Contains(ids, id) {
			return nil, fmt.Errorf("%w: %s", ErrWrongKey, role)
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		a := &signerAdapter{s: s}
		if _, err := m.Sign(a); err != nil {
			return nil, fmt.Errorf("%s: %w", role, cmp.Or(a.err, err))
		}
	}
	if len(seen) < threshold {
		return nil, fmt.Errorf("%w: %s has %d of %d", ErrNoSigner, role, len(seen), threshold)
	}
	slices.SortFunc(m.Signatures, func(a, b metadata.Signature) int { return cmp.Compare(a.KeyID, b.KeyID) })
	return m.ToBytes(false)
}

// signerAdapter lets any crypto.Signer (a file's key, a token's) sign
// metadata. err keeps the signer's own error, which go-tuf swallows.
type signerAdapter struct {
	s   crypto.Signer
	err error
}

var _ sig.Signer = (*signerAdapter)(nil)

func (a *signerAdapter) PublicKey(...sig.PublicKeyOption) (crypto.PublicKey, error) {
	return a.s.Public(), nil
}

func (a *signerAdapter) SignMessage(message io.Reader, _ ...sig.SignOption) ([]byte, error) {
	h := sha256.New()
	if _, err := io.Copy(h, message); err != nil {
		return nil, err
	}
	var out []byte
	out, a.err = a.s.Sign(rand.Reader, h.Sum(nil), crypto.SHA256)
	return out, a.err
}
