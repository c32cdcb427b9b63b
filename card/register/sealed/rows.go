// What sealing does to each kind of row, and back. These are pure: no store is asked.

package sealed

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"sceau/card/register"
)

func (k *Keys) token(c register.ContractKey) string {
	h := k.hash("contract", c.Insurer, c.Adherent)
	return base32.StdEncoding.EncodeToString(h[:10])
}

func (k *Keys) tokenKey(c register.ContractKey) register.ContractKey {
	return register.ContractKey{Insurer: c.Insurer, Adherent: k.token(c)}
}

// named is a plain text with the N° adhérent before it: what names the row again.
func named(adherent string, rest ...[]byte) ([]byte, error) {
	if len(adherent) > 255 {
		return nil, fmt.Errorf("sealed: a N° adhérent of %d bytes", len(adherent))
	}
	out := append([]byte{byte(len(adherent))}, adherent...)
	for _, r := range rest {
		out = append(out, r...)
	}
	return out, nil
}

// splitNamed takes the N° adhérent off again.
func splitNamed(plain []byte) (adherent string, rest []byte, ok bool) {
	if len(plain) < 1 || len(plain) < 1+int(plain[0]) {
		return "", nil, false
	}
	n := 1 + int(plain[0])
	return string(plain[1:n]), plain[n:], true
}

func (k *Keys) seal(plain, bound []byte) ([]byte, error) {
	out, err := k.cipher.Encrypt(plain, bound)
	if err != nil {
		return nil, errors.New("sealed: encryption failed")
	}
	return out, nil
}

// contractBound is everything of a contract's row that is in clear.
func contractBound(token register.ContractKey, c register.Contract) []byte {
	b := bind("contract", token.Insurer, token.Adherent)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Revision))
	b = binary.BigEndian.AppendUint64(b, uint64(c.From))
	b = binary.BigEndian.AppendUint64(b, uint64(c.To))
	if seconds := c.ChangedUnix(); seconds != 0 { // 0: a row of before there was this
		b = binary.BigEndian.AppendUint64(b, uint64(seconds))
	}
	return b
}

func (k *Keys) contractHash(token register.ContractKey, hash [sha256.Size]byte) [sha256.Size]byte {
	return k.hash("contract-hash", token.Insurer, token.Adherent, string(hash[:]))
}

// SealContract returns the row of a contract. It believes what it is given: a hash that is not that of the bytes comes back
// as such.
func (k *Keys) SealContract(c register.Contract) (register.Contract, error) {
	token := k.tokenKey(c.Key)
	plain, err := named(c.Key.Adherent, c.Hash[:], c.Canonical)
	if err != nil {
		return register.Contract{}, err
	}
	sealed, err := k.seal(plain, contractBound(token, c))
	if err != nil {
		return register.Contract{}, err
	}
	return register.Contract{Key: token, Revision: c.Revision, From: c.From, To: c.To, Hash: k.contractHash(token, c.Hash), Canonical: sealed,
		Changed: c.Changed}, nil
}

// OpenContract is the way back; register.ErrCorrupt when the row is not what SealContract made for it.
func (k *Keys) OpenContract(c register.Contract) (register.Contract, error) {
	corrupt := func() (register.Contract, error) {
		return register.Contract{}, fmt.Errorf("%w: contract %s of %s was altered, moved or sealed with other keys", register.ErrCorrupt, c.Key.Adherent, c.Key.Insurer)
	}
	plain, err := k.cipher.Decrypt(c.Canonical, contractBound(c.Key, c))
	if err != nil {
		return corrupt()
	}
	adherent, rest, ok := splitNamed(plain)
	if !ok || len(rest) < sha256.Size {
		return corrupt()
	}
	hash := [sha256.Size]byte(rest[:sha256.Size])
	if k.contractHash(c.Key, hash) != c.Hash {
		return corrupt()
	}
	return register.Contract{Key: register.ContractKey{Insurer: c.Key.Insurer, Adherent: adherent}, Revision: c.Revision, From: c.From, To: c.To,
		Hash: hash, Canonical: rest[sha256.Size:], Changed: c.Changed}, nil
}

// cardBound names the place and the contract: a payload that is moved to either is noticed. What else the row says, a card's
// signature covers or fsck compares.
func cardBound(token register.ContractKey, c register.Card) []byte {
	b := bind("card", token.Insurer, token.Adherent)
	b = binary.BigEndian.AppendUint32(b, c.Place.List)
	return binary.BigEndian.AppendUint32(b, c.Place.Index)
}

// SealCard returns the row of a card.
func (k *Keys) SealCard(c register.Card) (register.Card, error) {
	token := k.tokenKey(c.Contract)
	plain, err := named(c.Contract.Adherent, c.Payload)
	if err != nil {
		return register.Card{}, err
	}
	if c.Payload, err = k.seal(plain, cardBound(token, c)); err != nil {
		return register.Card{}, err
	}
	c.Contract = token
	return c, nil
}

// OpenCard is the way back; register.ErrCorrupt when the row is not what SealCard made for it.
func (k *Keys) OpenCard(c register.Card) (register.Card, error) {
	plain, err := k.cipher.Decrypt(c.Payload, cardBound(c.Contract, c))
	adherent, payload, ok := splitNamed(plain)
	if err != nil || !ok {
		return register.Card{}, fmt.Errorf("%w: card %s was altered, moved or sealed with other keys", register.ErrCorrupt, c.Place)
	}
	c.Contract.Adherent, c.Payload = adherent, payload
	return c, nil
}

// SealDocument returns the row of a document.
func (k *Keys) SealDocument(d register.Document) (register.Document, error) {
	var err error
	d.Data, err = k.seal(d.Data, bind("document", d.Kind, d.ID))
	return d, err
}

// OpenDocument is the way back; register.ErrCorrupt when the row is not what SealDocument made for it.
func (k *Keys) OpenDocument(d register.Document) (register.Document, error) {
	plain, err := k.cipher.Decrypt(d.Data, bind("document", d.Kind, d.ID))
	if err != nil {
		return register.Document{}, fmt.Errorf("%w: a document of kind %s was altered, moved or sealed with other keys", register.ErrCorrupt, d.Kind)
	}
	d.Data = plain
	return d, nil
}

// importKind holds the plain digests of imported files. A short roster can be guessed, NIR included, from its digest.
const importKind = "seal-import"

// SealImport returns the row of an import, and the document that keeps the file's digest. The same file has the same document.
func (k *Keys) SealImport(i register.Import) (register.Import, register.Document) {
	hash := k.hash("import", string(i.SHA256[:]))
	d := register.Document{Kind: importKind, ID: hex.EncodeToString(hash[:]), Version: 1, Data: append([]byte(nil), i.SHA256[:]...)}
	i.SHA256 = hash
	return i, d
}

// OpenImport is the way back, from the opened document of ImportID.
func (k *Keys) OpenImport(i register.Import, d register.Document) (register.Import, error) {
	if len(d.Data) != sha256.Size || k.hash("import", string(d.Data)) != i.SHA256 {
		return register.Import{}, fmt.Errorf("%w: the digest of an import", register.ErrCorrupt)
	}
	i.SHA256 = [sha256.Size]byte(d.Data)
	return i, nil
}

// importID is the id of the document that keeps the digest of a sealed import.
func importID(i register.Import) string { return hex.EncodeToString(i.SHA256[:]) }
