// The Token Status List, against the vectors of draft-ietf-oauth-status-list.

package status

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

// inflate reads a "lst" as any verifier would.
func inflate(t testing.TB, lst string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(lst)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// draftExample2 and draftLong2 are the "lst" values of the draft for two bits: the twelve statuses of its introduction to the byte array, and the
// 2^20 statuses of its appendix of test vectors.
const (
	draftExample2 = "eNo76fITAAPfAgc"
	draftLong2    = "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5WwIAAAAAAA" +
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAA" +
		"AAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" +
		"AAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw"
)

func TestDraftVectors(t *testing.T) {
	short := make([]byte, 3)
	for i, s := range []byte{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3} {
		setStatus(short, uint32(i), s)
	}
	if !bytes.Equal(short, []byte{0xc9, 0x44, 0xf9}) {
		t.Errorf("twelve statuses: %x", short)
	}
	if got := inflate(t, draftExample2); !bytes.Equal(got, short) {
		t.Errorf("the draft's list inflates to %x", got)
	}
	long := make([]byte, (MaxIndex+1)/4)
	for i, s := range map[uint32]byte{0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2, 1000345: 3} {
		setStatus(long, i, s)
	}
	if got := inflate(t, draftLong2); !bytes.Equal(got, long) {
		t.Error("the draft's long list inflates to other bytes")
	}
	lst, err := compressStatuses(long, zlib.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(inflate(t, lst), long) {
		t.Error("our own list inflates to other bytes")
	}
}

func newSigner(t testing.TB, k signing.Kind) *signing.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.NewSigner(k, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokenStatusList(t *testing.T) {
	mar1, mar10 := day(t, "2027-03-01"), day(t, "2027-03-10")
	page := mustAppend(t, New(testIssuer, 3), []Entry{
		{0, mar1, mar1, Void}, {1, mar10, mar1, Void}, {2, mar1, mar1, Suspended}, {3, mar1, mar1, Replaced}, {4, mar1, mar1, Void}, {4, mar1, mar1, Restored},
		{MaxIndex, mar1, mar1, Suspended},
	})
	s := newSigner(t, TokenKind)
	at := time.Date(2027, 3, 5, 8, 0, 0, 0, time.UTC)
	const sub = "https://example.org/status/3?a=1&b=2"
	token, err := TokenStatusList(page, mar1, sub, at, at.Add(24*time.Hour), 3600, s)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := s.Public().OpenUpTo(TokenKind, token, signing.MaxLargeToken)
	if err != nil {
		t.Fatal(err)
	}
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil || string(header) != `{"alg":"ES256","kid":"`+s.KID()+`","typ":"statuslist+jwt"}` {
		t.Errorf("header %s", header)
	}
	var c map[string]any
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	list, _ := c["status_list"].(map[string]any)
	if c["sub"] != sub || c["iat"] != float64(at.Unix()) || c["exp"] != float64(at.Unix()+86400) || c["ttl"] != 3600. || list["bits"] != 2. || len(c) != 5 {
		t.Errorf("claims %s", payload)
	}
	lst, _ := list["lst"].(string)
	got := inflate(t, lst)
	if len(got) != 1<<18 || got[0] != 1|0<<2|2<<4|1<<6 || got[1] != 0 || got[1<<18-1] != 2<<6 {
		t.Errorf("%d bytes, %x %x … %x", len(got), got[0], got[1], got[len(got)-1])
	}
	if later := page.statuses(mar10); later[0] != 1|1<<2|2<<4|1<<6 {
		t.Errorf("ten days later: %x", later[0])
	}
	// Left out rather than zero: no expiry, no time to live.
	token, err = TokenStatusList(page, mar1, sub, at, time.Time{}, 0, s)
	if err != nil {
		t.Fatal(err)
	}
	if payload, err = s.Public().OpenUpTo(TokenKind, token, signing.MaxLargeToken); err != nil || bytes.Contains(payload, []byte(`"exp"`)) || bytes.Contains(payload, []byte(`"ttl"`)) {
		t.Errorf("%.120s, %v", payload, err)
	}
}

func TestTokenStatusListRefuses(t *testing.T) {
	page := New(testIssuer, 3)
	at := time.Unix(1_800_000_000, 0)
	if token, err := TokenStatusList(page, 1000, "https://example.org/3", at, at, 0, newSigner(t, "tp-card-1")); err == nil || token != "" {
		t.Error("signed by a card key")
	}
	s := newSigner(t, TokenKind)
	if _, err := TokenStatusList(page, 1000, "", at, at, 0, s); !errors.Is(err, ErrMalformed) {
		t.Errorf("no subject: %v", err)
	}
	if _, err := TokenStatusList(page, 1000, "https://example.org/3", at, at, -1, s); !errors.Is(err, ErrMalformed) {
		t.Errorf("negative ttl: %v", err)
	}
}

// TestTokenFits: the worst list, every place of which is taken by chance, stays below what signing seals.
func TestTokenFits(t *testing.T) {
	es := uniform().entries(1<<19, 9)
	page := mustAppend(t, New(testIssuer, 3), es)
	at := time.Unix(1_800_000_000, 0)
	if _, err := TokenStatusList(page, lastDay, "https://example.org/3", at, time.Time{}, 0, newSigner(t, TokenKind)); err != nil {
		t.Error(err)
	}
}
