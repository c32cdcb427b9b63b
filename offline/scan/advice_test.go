package scan

import (
	"strings"
	"testing"
)

// Every layout has an English name, and no advice in English is left in French or without its layouts.
func TestAdviceInBothLanguages(t *testing.T) {
	for _, h := range hosts {
		if englishHosts[h.name] == "" {
			t.Errorf("%s has no English name", h.name)
		}
	}
	if len(englishHosts) != len(hosts) {
		t.Errorf("%d English names of %d layouts", len(englishHosts), len(hosts))
	}
	for _, c := range []struct {
		how             Repair
		french, english string
	}{
		{Repair{}, "", ""},
		{Repair{Around: true, Joined: true, Learnt: true}, "", ""},
		{Repair{CapsLock: true}, "Verr. Maj.", "Caps Lock"},
		{Repair{Repeated: true}, "deux fois", "twice"},
		{Repair{Layout: "x", Scanner: "QWERTY", Host: hosts[1].name}, "poste " + hosts[1].name, "with AZERTY (Belgium, or France on a Mac)"},
		{Repair{Keys: true, Scanner: "QWERTZ", CapsLock: true}, "réglée en QWERTZ", "set to QWERTZ on a computer of another layout"},
	} {
		french, english := c.how.Advice(), c.how.AdviceEnglish()
		if !strings.Contains(french, c.french) || !strings.Contains(english, c.english) || (french == "") != (c.french == "") || (english == "") != (c.english == "") ||
			french != "" && french == english || strings.ContainsAny(french+english, "{}") || strings.Contains(french, "'") {
			t.Errorf("%+v:\n%q\n%q", c.how, french, english)
		}
	}
}
