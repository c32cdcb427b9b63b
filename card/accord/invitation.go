// The invitation: what an operator hands to a counter so that it can enrol, as a QR code or typed by hand.

package accord

import (
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"net/url"
	"strings"
)

// InvitationPrefix opens the text of every invitation of this version.
const InvitationPrefix = "TPE1"

// MaxAddress is the longest address of a service, in bytes: the text stays a small symbol.
const MaxAddress = 200

const (
	codeSize     = 10
	rootSize     = 32
	checksumSize = 4
)

// Invitation is a one-time code with what a counter must know to use it. It is a secret until it was used: it stands in no
// log, URL or file name.
type Invitation struct {
	Code    [codeSize]byte // 80 random bits
	Root    [rootSize]byte // fingerprint: SHA-256 of the repository's first root
	Address string         // https://… or http://… of the service, without user, query and fragment
}

// rfc4648 is the alphabet of a card's code text: a scanner that reads cards reads invitations.
var rfc4648 = base32.StdEncoding.WithPadding(base32.NoPadding)

// crockford writes codes for people: no I, L, O and U.
var crockford = base32.NewEncoding(symbols).WithPadding(base32.NoPadding)

// Text is what the QR code holds: "TPE1" and the Base32 of code ‖ root ‖ address ‖ CRC-32. The error is ErrInvitation.
func (i Invitation) Text() (string, error) {
	if err := checkAddress(i.Address); err != nil {
		return "", err
	}
	raw := make([]byte, 0, codeSize+rootSize+len(i.Address)+checksumSize)
	raw = append(append(append(raw, i.Code[:]...), i.Root[:]...), i.Address...)
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return InvitationPrefix + rfc4648.EncodeToString(raw), nil
}

// ParseInvitation reads what Text writes and nothing else. The error is ErrInvitation.
func ParseInvitation(s string) (Invitation, error) {
	body, ok := strings.CutPrefix(s, InvitationPrefix)
	const fixed = codeSize + rootSize + checksumSize
	if !ok || len(body) > rfc4648.EncodedLen(fixed+MaxAddress) {
		return Invitation{}, ErrInvitation
	}
	raw, err := rfc4648.DecodeString(body)
	if err != nil || len(raw) <= fixed {
		return Invitation{}, ErrInvitation
	}
	covered := raw[:len(raw)-checksumSize]
	if crc32.ChecksumIEEE(covered) != binary.BigEndian.Uint32(raw[len(covered):]) {
		return Invitation{}, ErrInvitation
	}
	i := Invitation{Address: string(covered[codeSize+rootSize:])}
	copy(i.Code[:], covered)
	copy(i.Root[:], covered[codeSize:])
	if again, err := i.Text(); err != nil || again != s {
		return Invitation{}, ErrInvitation // spare bits, line breaks
	}
	return i, nil
}

// CodeText is the code as people type it: "K7QF-XM3T-9ABC-D2EF".
func (i Invitation) CodeText() string { return CodeText(i.Code) }

// CodeText writes a one-time code in four groups of four.
func CodeText(code [codeSize]byte) string {
	s := crockford.EncodeToString(code[:])
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// ParseCode reads a one-time code as people type it: any case, blanks and dashes anywhere, O for 0, I and L for 1. The error
// is ErrInvitation and never quotes it.
func ParseCode(s string) ([codeSize]byte, error) {
	t, ok := typed(s)
	if !ok || len(t) != crockford.EncodedLen(codeSize) {
		return [codeSize]byte{}, ErrInvitation
	}
	raw, err := crockford.DecodeString(t)
	if err != nil || len(raw) != codeSize {
		return [codeSize]byte{}, ErrInvitation
	}
	return [codeSize]byte(raw), nil
}

// checkAddress refuses what is no plain address of a service in its own spelling.
func checkAddress(s string) error {
	if s == "" || len(s) > MaxAddress {
		return ErrInvitation
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return ErrInvitation
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" ||
		u.ForceQuery || strings.Contains(s, "#") || u.String() != s {
		return ErrInvitation
	}
	return nil
}
