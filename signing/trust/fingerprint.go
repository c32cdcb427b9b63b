// The fingerprint by which people recognise an operator's repository.
package trust

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// Fingerprint is the SHA-256 of a root file's exact bytes, as 16 groups of
// four upper-case hexadecimal digits. There is no short form: a form that
// people would compare in part is a form that can be forged in part.
func Fingerprint(root []byte) string {
	sum := sha256.Sum256(root)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	groups := make([]string, 0, 16)
	for i := 0; i < len(digits); i += 4 {
		groups = append(groups, digits[i:i+4])
	}
	return strings.Join(groups, " ")
}

// SameFingerprint compares two fingerprints as people type them: case, spaces,
// colons and hyphens do not count; all 64 digits must be there.
func SameFingerprint(a, b string) bool {
	clean := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "-", "", ":", "", "\u00a0", "")
	x, y := strings.ToUpper(clean.Replace(a)), strings.ToUpper(clean.Replace(b))
	if len(x) != 2*sha256.Size {
		return false
	}
	if _, err := hex.DecodeString(x); err != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(x), []byte(y)) == 1
}
