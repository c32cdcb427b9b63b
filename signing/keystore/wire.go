// This file is the language between a program that wants signatures and the one that has the token: cmd/sceau-pkcs11/PROTOCOL.md.

package keystore

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Longest lines, in bytes, with the line feed. A list of wireNames names of maxName characters fits an answer.
const (
	maxRequest = 512
	maxAnswer  = 64 << 10
	wireNames  = 512
	maxDetail  = 200
)

// The four things that can be asked.
const (
	opList     = "list"
	opPublic   = "public"
	opGenerate = "generate"
	opSign     = "sign"
)

// request is a line to the token's program.
type request struct {
	Op     string `json:"op"`
	Name   string `json:"name,omitempty"`
	Digest string `json:"digest,omitempty"` // 32 bytes, hexadecimal
}

// answer is a line from it: ok and what was asked for, or error and detail.
type answer struct {
	OK        bool     `json:"ok,omitempty"`
	Names     []string `json:"names,omitempty"`
	Public    string   `json:"public,omitempty"`    // uncompressed point, hexadecimal
	Signature string   `json:"signature,omitempty"` // ASN.1 DER, hexadecimal
	Error     string   `json:"error,omitempty"`
	Detail    string   `json:"detail,omitempty"`
}

// refusals are the codes of an answer's error and what they are here.
var refusals = []struct {
	code   string
	family error
}{
	{"name", ErrName}, {"no_key", ErrNoKey}, {"exists", ErrExists}, {"token", ErrToken}, {"damaged", ErrDamaged}, {"busy", ErrUnreachable},
	{"request", ErrProtocol},
}

// errWire says that a line is not of the language.
var errWire = errors.New("not a line of the protocol")

// readLine reads a line without its line feed. The buffer of r is the bound.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: it is too long", errWire)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}

// writeLine writes a value as a line.
func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// parse reads a line that is written exactly as writeLine would: no spaces, no other order, no member twice, no other member.
func parse(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errWire
	}
	again, err := json.Marshal(into)
	if err != nil || !bytes.Equal(again, line) {
		return errWire
	}
	return nil
}

// parseRequest reads a request, whose digest it gives.
func parseRequest(line []byte) (request, []byte, error) {
	var q request
	if err := parse(line, &q); err != nil {
		return request{}, nil, err
	}
	named, signs := q.Op != opList, q.Op == opSign
	switch q.Op {
	case opList, opPublic, opGenerate, opSign:
	default:
		return request{}, nil, fmt.Errorf("%w: op", errWire)
	}
	if !named && q.Name != "" || !signs && q.Digest != "" {
		return request{}, nil, fmt.Errorf("%w: a member that this op does not have", errWire)
	}
	if named {
		if err := CheckName(q.Name); err != nil {
			return request{}, nil, err
		}
	}
	if !signs {
		return q, nil, nil
	}
	digest, err := wireHex(q.Digest)
	if err != nil || len(digest) != 32 {
		return request{}, nil, fmt.Errorf("%w: digest", errWire)
	}
	return q, digest, nil
}

// wireHex reads lower-case hexadecimal.
func wireHex(s string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || hex.EncodeToString(b) != s {
		return nil, errWire
	}
	return b, nil
}

// parseAnswer reads the answer to an op: an answer holds what was asked for and nothing else. What the other side refused is an
// error of its family.
func parseAnswer(op string, line []byte) (answer, error) {
	var a answer
	if err := parse(line, &a); err != nil {
		return answer{}, protocolFault("the answer is no line of it")
	}
	if a.Error != "" {
		return answer{}, a.refusal()
	}
	want := answer{OK: true}
	switch op {
	case opList:
		want.Names = a.Names
		if len(a.Names) > wireNames || !slices.IsSorted(a.Names) || len(slices.Compact(slices.Clone(a.Names))) != len(a.Names) {
			return answer{}, protocolFault("the list of names is out of order")
		}
		for _, name := range a.Names {
			if CheckName(name) != nil {
				return answer{}, protocolFault("the list of names holds no name")
			}
		}
	case opPublic, opGenerate:
		want.Public = a.Public
	case opSign:
		want.Signature = a.Signature
	}
	if a.OK != want.OK || len(a.Names) != len(want.Names) || a.Public != want.Public || a.Signature != want.Signature || a.Detail != "" {
		return answer{}, protocolFault("the answer is that to another question")
	}
	return a, nil
}

func (a answer) refusal() error {
	if a.OK || a.Names != nil || a.Public != "" || a.Signature != "" || a.Detail != printable(a.Detail) {
		return protocolFault("the answer is that to another question")
	}
	for _, r := range refusals {
		if r.code == a.Error && a.Detail == "" {
			return r.family
		} else if r.code == a.Error {
			return fmt.Errorf("%w: %s", r.family, a.Detail)
		}
	}
	return protocolFault("the answer has an error of no known kind")
}

func protocolFault(what string) error { return fmt.Errorf("%w: %s", ErrProtocol, what) }

// refuse makes the answer of an error.
func refuse(err error) answer {
	a := answer{Error: "token", Detail: printable(err.Error())}
	if errors.Is(err, errWire) {
		a.Error = "request"
		return a
	}
	for _, r := range refusals {
		if errors.Is(err, r.family) {
			a.Error = r.code
			// The code says the family; the other side puts its words back.
			text := strings.TrimPrefix(err.Error(), "keystore: ")
			a.Detail = printable(strings.TrimPrefix(strings.TrimPrefix(text, r.family.Error()), ": "))
			break
		}
	}
	return a
}

// printable cuts a text to what an answer's detail may hold: one line of ASCII, without what JSON escapes.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), maxDetail)]
}

// wirePoint writes a public key.
func wirePoint(pub *ecdsa.PublicKey) (string, error) {
	b, err := pub.Bytes()
	if err != nil || pub.Curve != elliptic.P256() {
		return "", fmt.Errorf("%w: the key is not one of P-256", ErrDamaged)
	}
	return hex.EncodeToString(b), nil
}

// parsePoint reads a public key of P-256 that is on the curve.
func parsePoint(s string) (*ecdsa.PublicKey, error) {
	b, err := wireHex(s)
	if err != nil {
		return nil, protocolFault("the public key is no point")
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
	if err != nil {
		return nil, protocolFault("the public key is no point of P-256")
	}
	return pub, nil
}
