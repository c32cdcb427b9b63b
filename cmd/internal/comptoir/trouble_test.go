package comptoir

import (
	"testing"

	"sceau/signing/trust"
)

// Every error that the desk can show has English words, and no words are left over.
func TestTroublesInEnglish(t *testing.T) {
	codes := map[string]bool{"reader_failed": true, failed.code: true}
	for _, c := range trust.Codes() {
		codes[c] = true
	}
	for _, known := range troubles {
		codes[known.code] = true
	}
	for _, known := range fileTroubles {
		codes[known.code] = true
	}
	for _, known := range pictureTroubles {
		codes[known.code] = true
	}
	for c := range codes {
		if words, ok := english[c]; !ok || words[0] == "" || words[1] == "" {
			t.Errorf("%s has no English words", c)
		}
	}
	for c := range english {
		if !codes[c] {
			t.Errorf("%s is no code any more", c)
		}
	}
}
