// This file reads the protected header: exact bytes on the fast path, and on any difference the name of what is wrong.

package signing

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// readHeader takes the exact header of some kind and kid and nothing else.
func readHeader(h []byte) (kid string, kind Kind, code string) {
	// The whole rule: a fixed frame around a kid and a kind, each of one form.
	if len(h) > len(headA)+kidChars+len(headB)+len(headC) && string(h[:len(headA)]) == headA {
		id, rest := h[len(headA):len(headA)+kidChars], h[len(headA)+kidChars:]
		if bytes.HasPrefix(rest, []byte(headB)) && bytes.HasSuffix(rest, []byte(headC)) {
			typ := rest[len(headB) : len(rest)-len(headC)]
			if kid, kind = string(id), Kind(typ); kidFault(kid) == "" && kind.Valid() {
				return kid, kind, ""
			}
		}
	}
	return "", "", headerFault(h)
}

// refusedMembers are the header parameters of JOSE that this profile does not
// have. A reader that knows none of them would still be safe; naming them tells
// an operator what was tried.
var refusedMembers = map[string]string{
	"jwk": codeHeaderJWK, "jku": codeHeaderJKU, "x5u": codeHeaderX5U, "x5c": codeHeaderX5C,
	"x5t": codeHeaderX5T, "x5t#S256": codeHeaderX5TS256, "zip": codeHeaderZip,
	"crit": codeHeaderCrit, "b64": codeHeaderB64, "cty": codeHeaderCty,
}

// headerFault names what is wrong with a header that is not the exact one. It
// never answers "": what it cannot name is codeHeaderNotCanonical.
func headerFault(h []byte) string {
	switch {
	case len(h) > MaxHeader:
		return codeHeaderTooLong
	case !utf8.Valid(h):
		return codeHeaderNotUTF8
	case bytes.HasPrefix(h, []byte("\ufeff")):
		return codeHeaderBOM
	}
	members, fault := readObject(h)
	switch fault {
	case objectOK:
	case objectTrailing:
		return codeHeaderTrailing
	case objectDuplicate:
		return codeHeaderDuplicate
	case objectOther:
		return codeHeaderNotObject
	default:
		return codeHeaderNotJSON
	}
	if code := memberFault(members); code != "" {
		return code
	}
	if code := stringFault(members, "alg", codeAlgMissing, codeAlgNotString, algFault); code != "" {
		return code
	}
	if code := stringFault(members, "kid", codeKIDMissing, codeKIDNotString, kidFault); code != "" {
		return code
	}
	if code := stringFault(members, "typ", codeTypMissing, codeTypNotString, typFault); code != "" {
		return code
	}
	// The right three members with lawful values, spelled in another way.
	if members[0].name != "alg" || members[1].name != "kid" || members[2].name != "typ" {
		return codeHeaderOrder
	}
	var tight bytes.Buffer
	if json.Compact(&tight, h) == nil && tight.Len() != len(h) {
		return codeHeaderWhiteSpace
	}
	return codeHeaderNotCanonical
}

// memberFault names the first member that the header may not have.
func memberFault(members []member) string {
	for _, m := range members {
		if m.name == "alg" || m.name == "kid" || m.name == "typ" {
			continue
		}
		if m.name == "crit" && strings.Join(strings.Fields(string(m.value)), "") == "[]" {
			return codeHeaderCritEmpty
		}
		if code, ok := refusedMembers[m.name]; ok {
			return code
		}
		for _, name := range []string{"alg", "kid", "typ"} {
			if strings.EqualFold(m.name, name) {
				return codeHeaderCase
			}
		}
		for name := range refusedMembers {
			if strings.EqualFold(m.name, name) {
				return codeHeaderCase
			}
		}
		return codeHeaderUnknown
	}
	return ""
}

func stringFault(members []member, name, missing, notString string, fault func(string) string) string {
	value, ok := find(members, name)
	if !ok {
		return missing
	}
	text, ok := asString(value)
	if !ok {
		return notString
	}
	return fault(text)
}

func algFault(alg string) string {
	switch {
	case alg == "ES256":
		return ""
	case alg == "none":
		return codeAlgNone
	case strings.EqualFold(alg, "none"):
		return codeAlgNoneCase
	case strings.EqualFold(alg, "ES256"):
		return codeAlgCase
	case strings.HasPrefix(strings.ToUpper(alg), "HS"):
		return codeAlgHMAC
	}
	return codeAlgOther
}

func typFault(typ string) string {
	if !Kind(typ).Valid() {
		return codeTypForm
	}
	return ""
}
