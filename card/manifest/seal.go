// manifest.jws: who says so. A short token binds the manifest's bytes, so that the manifest itself can be read by anything.

package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"sceau/signing"
)

// Families of what Open refuses besides those of package signing.
var (
	// ErrOther: the seal is good, and of another manifest.
	ErrOther = errors.New("the seal is of another manifest")
	// ErrStolen: the key that made the seal was declared stolen since: whatever it signed counts no more.
	ErrStolen = errors.New("sealed with a key that was declared stolen")
	// ErrWindow: the key was not in force when the manifest says that it was made.
	ErrWindow = errors.New("sealed with a key that was not in force at that time")
)

// payload is what the token says. It is canonical: no white space, no escapes, in this order.
func payload(m *Manifest, file []byte) []byte {
	t := m.Totals()
	sum := sha256.Sum256(file)
	w := writer{}
	w.text(`{"format":`, Format)
	w.text(`,"campaign":`, m.Campaign)
	w.text(`,"amc":`, m.Insurer)
	w.text(`,"made":`, m.Made.UTC().Format(moment))
	w.number(`,"first":`, m.Ranges[0].First)
	w.number(`,"last":`, m.Ranges[len(m.Ranges)-1].Last)
	w.number(`,"cards":`, t.Cards)
	w.raw(`,"rerun":` + strconv.FormatBool(m.Rerun != ""))
	w.number(`,"size":`, int64(len(file)))
	w.text(`,"sha256":`, hex.EncodeToString(sum[:]))
	w.raw("}")
	return w.b
}

// Seal gives both files of a manifest. The signer must be of Kind. Errors: ErrMalformed, those of signing.Signer.Seal.
func (m *Manifest) Seal(s *signing.Signer) (file []byte, seal string, err error) {
	if s.Kind() != Kind {
		return nil, "", &signing.Refusal{Family: signing.ErrWrongKind, Code: "key_other_kind", Detail: "the key is not for manifests"}
	}
	file, err = m.Bytes()
	if err != nil {
		return nil, "", err
	}
	if seal, err = s.Seal(payload(m, file)); err != nil {
		return nil, "", err
	}
	return file, seal + "\n", nil
}

// Open reads a manifest that one of the keys sealed. The keys are those of service.json, whatever their state. It returns the key
// that did. Errors: ErrMalformed, signing.ErrUnknownKey, signing.ErrBadSignature, signing.ErrWrongKind, ErrOther, ErrStolen,
// ErrWindow.
func Open(keys []*signing.PublicKey, file []byte, seal string) (*Manifest, *signing.PublicKey, error) {
	m, err := Parse(file)
	if err != nil {
		return nil, nil, err
	}
	seal = strings.TrimSuffix(seal, "\n")
	var said []byte
	var by *signing.PublicKey
	err = signing.ErrUnknownKey
	for _, k := range keys {
		p, one := k.Open(Kind, seal)
		if one == nil {
			said, by, err = p, k, nil
			break
		}
		if !errors.Is(one, signing.ErrUnknownKey) && signing.CodeOf(one) != "kid_other_key" {
			err = one
		}
	}
	switch {
	case err != nil:
		return nil, nil, err
	case by.State == signing.StateDead || by.State == signing.StateListed:
		return nil, nil, ErrStolen
	case !bytes.Equal(said, payload(m, file)):
		return nil, nil, ErrOther
	case !by.InWindow(m.Made):
		return nil, nil, ErrWindow
	}
	return m, by, nil
}
