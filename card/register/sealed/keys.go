// Keys of a sealed register: one keyset that encrypts rows and is rotated while everybody works, one that makes tokens and is not.

package sealed

import (
	"bytes"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tink_go_proto "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrKeys says that bytes are no keys of a register. It never quotes them.
var ErrKeys = errors.New("sealed: these are no keys of a register")

// tokenLen is the length of a token: 80 bits in Base32, which is what the column of a N° adhérent holds.
const tokenLen = 16

// Keys are safe for concurrent use, are made once, and print as nothing but their number.
type Keys struct {
	rows, index *keyset.Handle
	cipher      tink.AEAD
	mac         *prf.Set
	primary     uint32          // seals what is written
	known       map[uint32]bool // open what is read
}

// NewKeys makes the keys of a new register.
func NewKeys() (*Keys, error) {
	rows, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("sealed: make keys: %w", err)
	}
	index, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("sealed: make keys: %w", err)
	}
	return newKeys(rows, index)
}

func newKeys(rows, index *keyset.Handle) (*Keys, error) {
	cipher, err := aead.New(rows)
	if err != nil {
		return nil, ErrKeys
	}
	mac, err := prf.NewPRFSet(index)
	if err != nil {
		return nil, ErrKeys
	}
	k := &Keys{rows: rows, index: index, cipher: cipher, mac: mac, known: map[uint32]bool{}}
	info := rows.KeysetInfo()
	k.primary = info.GetPrimaryKeyId()
	for _, i := range info.GetKeyInfo() {
		if i.GetOutputPrefixType() != tink_go_proto.OutputPrefixType_TINK { // a ciphertext would not name its key
			return nil, ErrKeys
		}
		k.known[i.GetKeyId()] = true
	}
	return k, nil
}

// beginningLen is how many bytes of a ciphertext name its key: a version and the key's number.
const beginningLen = 5

// beginning is how a ciphertext of the key of that number begins.
func beginning(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{1}, id) }

// keyOf reads the number of the key that a ciphertext names.
func keyOf(ciphertext []byte) (id uint32, ok bool) {
	if len(ciphertext) < beginningLen || ciphertext[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(ciphertext[1:beginningLen]), true
}

// knows says whether a ciphertext names a key of these.
func (k *Keys) knows(ciphertext []byte) bool {
	id, ok := keyOf(ciphertext)
	return ok && k.known[id]
}

// Alone returns keys that are the primary key and nothing else; see Store.Count.
func (k *Keys) Alone() (*Keys, error) {
	m := keyset.NewManagerFromHandle(k.rows)
	for id := range k.known {
		if id == k.primary {
			continue
		}
		if err := m.Delete(id); err != nil {
			return nil, fmt.Errorf("sealed: retire: %w", err)
		}
	}
	rows, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("sealed: retire: %w", err)
	}
	return newKeys(rows, k.index)
}

// Len is how many keys seal or sealed rows: 1 when there is nothing to retire.
func (k *Keys) Len() int { return len(k.known) }

// Rotated returns keys whose new primary key seals what is written from now on; rows of the older keys are read as before.
// The key of tokens and keyed hashes stays.
func (k *Keys) Rotated() (*Keys, error) {
	m := keyset.NewManagerFromHandle(k.rows)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return nil, fmt.Errorf("sealed: rotate: %w", err)
	}
	rows, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("sealed: rotate: %w", err)
	}
	return newKeys(rows, k.index)
}

// keysText is how keys are kept: two keysets of Tink in its binary encoding.
type keysText struct {
	V     int    `json:"v"`
	Rows  []byte `json:"rows"`
	Index []byte `json:"index"`
}

// Secret encodes the keys, in clear: it belongs in a key store and nowhere else.
func (k *Keys) Secret() ([]byte, error) {
	t := keysText{V: 1}
	for to, from := range map[*[]byte]*keyset.Handle{&t.Rows: k.rows, &t.Index: k.index} {
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(from, keyset.NewBinaryWriter(&b)); err != nil {
			return nil, errors.New("sealed: the keys have no encoding")
		}
		*to = b.Bytes()
	}
	return json.Marshal(t)
}

// ParseKeys reads what Secret wrote; else ErrKeys.
func ParseKeys(secret []byte) (*Keys, error) {
	var t keysText
	d := json.NewDecoder(bytes.NewReader(secret))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil || t.V != 1 {
		return nil, ErrKeys
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrKeys
	}
	rows, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(t.Rows)))
	if err != nil {
		return nil, ErrKeys
	}
	index, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(t.Index)))
	if err != nil {
		return nil, ErrKeys
	}
	if index.Len() != 1 { // a second one would make two tokens of one contract
		return nil, ErrKeys
	}
	return newKeys(rows, index)
}

func (k *Keys) String() string {
	if k == nil || k.rows == nil {
		return "no keys of a register"
	}
	return fmt.Sprintf("keys of a register (%d)", k.rows.Len())
}

// Format prints what String does, for every verb.
func (k *Keys) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue prints what String does.
func (k *Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText gives what String does.
func (k *Keys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// bind encodes what a ciphertext or a token belongs to: each part with its length, so that no two lists encode alike.
func bind(parts ...string) []byte {
	n := 0
	for _, p := range parts {
		n += 4 + len(p)
	}
	out := make([]byte, 0, n)
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}

// hash is the keyed hash of a list.
func (k *Keys) hash(parts ...string) [32]byte {
	b, err := k.mac.ComputePrimaryPRF(bind(parts...), 32)
	if err != nil {
		panic("sealed: HMAC: " + err.Error()) // only for a length that it can't give
	}
	return [32]byte(b)
}

// derive is hash in Base32.
func (k *Keys) derive(parts ...string) string {
	h := k.hash(parts...)
	return base32.StdEncoding.EncodeToString(h[:])
}
