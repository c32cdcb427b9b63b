// The same facts for wallets and other verifiers: an IETF Token Status List (draft-ietf-oauth-status-list).

package status

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"sceau/rights"
	"sceau/signing"
)

// TokenKind is the typ of a Token Status List in JWT form.
const TokenKind signing.Kind = "statuslist+jwt"

const (
	tokenBits      = 2 // three statuses are used of the four
	tokenInvalid   = 1 // void or replaced
	tokenSuspended = 2
	// tokenLevel of compression: the best one takes thirty times as long for a sixth less, and an operator makes a hundred lists a publication.
	tokenLevel = 6
)

type tokenClaims struct {
	Subject string    `json:"sub"`
	Issued  int64     `json:"iat"`
	Expires int64     `json:"exp,omitempty"`
	TTL     int       `json:"ttl,omitempty"`
	List    tokenList `json:"status_list"`
}

type tokenList struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

// TokenStatusList returns the signed list: what each of the 2^20 places is worth on one day, 0 valid, 1 void or replaced, 2 suspended.
// sub is the list's URI, the one that referring tokens name. at is the time of issue; a zero exp and a ttl of 0 (seconds) are left out.
// s must sign TokenKind. Unlike a page it knows one day alone: a verdict for another day of care needs the page.
func TokenStatusList(p *Page, day rights.Date, sub string, at, exp time.Time, ttl int, s *signing.Signer) (string, error) {
	if s.Kind() != TokenKind {
		return "", fmt.Errorf("status: the key signs %q, not %q", s.Kind(), TokenKind)
	}
	if sub == "" || ttl < 0 {
		return "", fmt.Errorf("%w: a token status list needs a subject and a ttl that is not negative", ErrMalformed)
	}
	lst, err := compressStatuses(p.statuses(day), tokenLevel)
	if err != nil {
		return "", err
	}
	c := tokenClaims{Subject: sub, Issued: at.Unix(), TTL: ttl, List: tokenList{Bits: tokenBits, List: lst}}
	if !exp.IsZero() {
		c.Expires = exp.Unix()
	}
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("status: token status list: %w", err)
	}
	return s.Seal(b)
}

// statuses returns the draft's byte array: two bits a place, the first place in the least significant bits.
func (p *Page) statuses(day rights.Date) []byte {
	b := make([]byte, (MaxIndex+1)*tokenBits/8)
	for i := 0; i < p.Len(); {
		end := p.run(i)
		setStatus(b, p.index[i], tokenStatus(p.at(end-1, p.index[i], day).Kind))
		i = end
	}
	return b
}

func setStatus(b []byte, index uint32, status byte) {
	b[index*tokenBits/8] |= status << (index * tokenBits % 8)
}

func tokenStatus(k Kind) byte {
	switch k {
	case Void, Replaced:
		return tokenInvalid
	case Suspended:
		return tokenSuspended
	default:
		return 0
	}
}

func compressStatuses(b []byte, level int) (string, error) {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		return "", fmt.Errorf("status: token status list: %w", err)
	}
	if _, err := z.Write(b); err != nil {
		return "", fmt.Errorf("status: token status list: %w", err)
	}
	if err := z.Close(); err != nil {
		return "", fmt.Errorf("status: token status list: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(out.Bytes()), nil
}
