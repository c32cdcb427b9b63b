// The NIR (numéro de sécurité sociale): 13 characters and a key of 2 digits.

package rights

import "strconv"

// NIR is a checked NIR: 15 characters `S AA MM DD CCC OOO KK`, upper case, without spaces. Birth dates are never
// derived from it: the century is unknown. It stays in the issuer's register: no card, log or error carries it.
type NIR string

// The refusals of ParseNIR.
var (
	ErrNIRLength = &Invalid{"nir_length", "le NIR doit avoir 15 caractères, clé comprise", "NIR must have 15 characters"}
	ErrNIRNoKey  = &Invalid{"nir_key_missing", "le NIR n'a que 13 caractères : ajoutez sa clé (les 2 derniers chiffres)",
		"NIR has 13 characters: its key is missing"}
	ErrNIRCharacter = &Invalid{"nir_character", "le NIR n'a que des chiffres, sauf A ou B après le 2 de la Corse (2A, 2B)",
		"NIR must be digits, or 2A or 2B as the department"}
	ErrNIRSex = &Invalid{"nir_sex", "le premier chiffre du NIR doit être 1 ou 2 (3, 4, 7 ou 8 pour un numéro provisoire)",
		"NIR must begin with 1, 2, 3, 4, 7 or 8"}
	ErrNIRMonth = &Invalid{"nir_month", "le mois du NIR doit être de 01 à 12, de 20 à 42 ou de 50 à 99",
		"NIR month must be 01 to 12, 20 to 42 or 50 to 99"}
	ErrNIRPlace = &Invalid{"nir_place", "le département de naissance du NIR ne peut pas être 00", "NIR department is 00"}
	ErrNIRKey   = &Invalid{"nir_key", "la clé du NIR ne correspond pas à ses 13 premiers caractères : vérifiez la saisie",
		"NIR key does not match"}
)

// ParseNIR reads a NIR with its key; spaces are dropped and letters made upper case. Errors: the ErrNIR family.
//
// Accepted: 1 and 2, and the provisional 3, 4, 7 and 8; months 01-12 and, for incomplete civil status, 20-42 and 50-99;
// departments 01-95, 2A and 2B, 96 (Tunisia before independence), 97x and 98x (overseas), 99 (born abroad).
func ParseNIR(s string) (NIR, error) {
	var b [15]byte
	n := 0
	for _, r := range s {
		if isSpace(r) {
			continue
		}
		if r > 'z' {
			return "", ErrNIRCharacter
		}
		if n < len(b) {
			b[n] = byte(r)
			if r >= 'a' && r <= 'z' {
				b[n] -= 'a' - 'A'
			}
		}
		n++
	}
	key, err := nirKey(b[:min(n, 13)])
	switch {
	case err != nil && (n == 13 || n == 15): // with another length, the length is the better cause
		return "", err
	case n == 13:
		return "", ErrNIRNoKey
	case n != 15:
		return "", ErrNIRLength
	case b[13] < '0' || b[13] > '9' || b[14] < '0' || b[14] > '9':
		return "", ErrNIRCharacter
	case int(b[13]-'0')*10+int(b[14]-'0') != key: // 00 never matches: a key is 1 to 97
		return "", ErrNIRKey
	}
	return NIR(b[:]), nil
}

// NIRKey returns the key (1 to 97) of the first 13 characters of a NIR, upper case and without spaces.
func NIRKey(first13 string) (int, error) { return nirKey([]byte(first13)) }

// nirKey checks 13 characters and computes K = 97 − (N mod 97), with 2A read as 19 and 2B as 18.
func nirKey(b []byte) (int, error) {
	if len(b) != 13 {
		return 0, ErrNIRLength
	}
	var d [13]byte
	copy(d[:], b)
	if d[5] == '2' && (d[6] == 'A' || d[6] == 'B') {
		d[5], d[6] = '1', '9'-(d[6]-'A')
	}
	if !isDigits(string(d[:])) {
		return 0, ErrNIRCharacter
	}
	switch d[0] {
	case '1', '2', '3', '4', '7', '8':
	default:
		return 0, ErrNIRSex
	}
	if m := int(d[3]-'0')*10 + int(d[4]-'0'); m < 1 || (m > 12 && m < 20) || (m > 42 && m < 50) {
		return 0, ErrNIRMonth
	}
	if d[5] == '0' && d[6] == '0' {
		return 0, ErrNIRPlace
	}
	n, err := strconv.ParseInt(string(d[:]), 10, 64)
	if err != nil {
		return 0, ErrNIRCharacter
	}
	return 97 - int(n%97), nil
}
