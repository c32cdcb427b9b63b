// Check digits of the numbers that name care places, companies and professionals.

package rights

import "strings"

// The refusals of the number checks.
var (
	ErrFINESS = &Invalid{"finess_format", "le FINESS doit avoir 9 chiffres (2A ou 2B admis au début)", "FINESS must be 9 digits"}
	ErrSIREN  = &Invalid{"siren_format", "le SIREN doit avoir 9 chiffres", "SIREN must be 9 digits"}
	ErrSIRET  = &Invalid{"siret_format", "le SIRET doit avoir 14 chiffres", "SIRET must be 14 digits"}
	ErrRPPS   = &Invalid{"rpps_format", "le RPPS doit avoir 11 chiffres", "RPPS must be 11 digits"}
	ErrLuhn   = &Invalid{"check_digit", "le chiffre de contrôle ne correspond pas : vérifiez la saisie", "check digit does not match"}
)

// CheckFINESS checks the number of a care place: 9 digits, the department first, the last by Luhn. For 2A and 2B no
// public rule says how the letter counts: they are accepted with a warning (French). Errors: ErrFINESS, ErrLuhn.
func CheckFINESS(s string) (warning string, err error) {
	if len(s) == 9 && (strings.HasPrefix(s, "2A") || strings.HasPrefix(s, "2B")) && isDigits(s[2:]) {
		return "chiffre de contrôle non vérifié pour un FINESS de Corse", nil
	}
	return "", checkLuhn(s, 9, ErrFINESS)
}

// CheckSIREN checks the number of a company: 9 digits, Luhn. Errors: ErrSIREN, ErrLuhn.
func CheckSIREN(s string) error { return checkLuhn(s, 9, ErrSIREN) }

// CheckSIRET checks the number of an establishment: 14 digits, Luhn; those of La Poste (SIREN 356000000) may instead
// have a sum of digits that is a multiple of 5. Errors: ErrSIRET, ErrLuhn.
func CheckSIRET(s string) error {
	err := checkLuhn(s, 14, ErrSIRET)
	if err == error(ErrLuhn) && strings.HasPrefix(s, "356000000") {
		sum := 0
		for i := range len(s) {
			sum += int(s[i] - '0')
		}
		if sum%5 == 0 {
			return nil
		}
	}
	return err
}

// CheckRPPS checks the number of a health professional: 11 digits, Luhn. Errors: ErrRPPS, ErrLuhn.
func CheckRPPS(s string) error { return checkLuhn(s, 11, ErrRPPS) }

func checkLuhn(s string, size int, format *Invalid) error {
	if len(s) != size || !isDigits(s) {
		return format
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	if sum%10 != 0 || strings.Trim(s, "0") == "" {
		return ErrLuhn
	}
	return nil
}
