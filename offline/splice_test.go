package offline_test

import (
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

var b32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// splice puts the signature of one code on the content of another and makes the checksum right again: what a forger can do.
func splice(t testing.TB, signature, content string) string {
	t.Helper()
	s, err := b32.DecodeString(signature[3:])
	if err != nil {
		t.Fatal(err)
	}
	c, err := b32.DecodeString(content[3:])
	if err != nil {
		t.Fatal(err)
	}
	c = append(c[:len(c)-68:len(c)-68], s[len(s)-68:len(s)-4]...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c))
	return "TP1" + b32.EncodeToString(c)
}
