// This file lists the classes of forged tokens: each with its code and a twin, made the same way, that passes.

package signing

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// class is one way to go wrong. make builds the lawful twin for evil == false.
type class struct {
	code   string
	name   string
	family error
	make   func(f *forger, evil bool) string
}

// inHeader changes the header's JSON; the signature is right for the change.
func inHeader(code, name string, change func(f *forger) string) class {
	return class{code, name, ErrMalformed, func(f *forger, evil bool) string {
		if !evil {
			return f.token(f.header())
		}
		return f.token(change(f))
	}}
}

// inText changes the finished text.
func inText(code, name string, change func(f *forger, compact string) string) class {
	return class{code, name, ErrMalformed, func(f *forger, evil bool) string {
		compact := f.token(f.header())
		if !evil {
			return compact
		}
		return change(f, compact)
	}}
}

// inSignature changes the signature's bytes.
func inSignature(code, name string, family error, change func(sig []byte) []byte) class {
	return class{code, name, family, func(f *forger, evil bool) string {
		h, p, s := parts(f.token(f.header()))
		sig, err := b64.DecodeString(s)
		if err != nil {
			panic(err)
		}
		if evil {
			sig = change(sig)
		}
		return h + "." + p + "." + b64.EncodeToString(sig)
	}}
}

// resigned changes one of the first two parts as text and signs what results,
// so that a lenient reader would find a right signature.
func resigned(code, name string, at part, change func(text string) string) class {
	return class{code, name, ErrMalformed, func(f *forger, evil bool) string {
		h, p, _ := parts(f.token(f.header()))
		if evil {
			if at == partHeader {
				h = change(h)
			} else {
				p = change(p)
			}
		}
		return f.close(h + "." + p)
	}}
}

// with puts members into the lawful header, before the closing brace.
func with(extra string) func(f *forger) string {
	return func(f *forger) string { return strings.TrimSuffix(f.header(), "}") + extra + "}" }
}

// swap replaces a piece of the lawful header; {kid} stands for the kid.
func swap(old, fresh string) func(f *forger) string {
	return func(f *forger) string {
		h := strings.Replace(f.header(), strings.ReplaceAll(old, "{kid}", f.kid), strings.ReplaceAll(fresh, "{kid}", f.kid), 1)
		if h == f.header() {
			panic("nothing was swapped: " + old)
		}
		return h
	}
}

// whole replaces the header.
func whole(text string) func(f *forger) string {
	return func(f *forger) string {
		return strings.NewReplacer("{kid}", f.kid, "{jwk}", string(f.public.JWK())).Replace(text)
	}
}

func headerClasses() []class {
	return []class{
		inHeader("alg_none", "none, signed all the same", swap("ES256", "none")),
		inText("alg_none", "none, empty signature", func(f *forger, _ string) string {
			return b64.EncodeToString([]byte(strings.Replace(f.header(), "ES256", "none", 1))) + "." + b64.EncodeToString(f.payload) + "."
		}),
		inHeader("alg_none_case", "nOnE", swap("ES256", "nOnE")),
		inHeader("alg_none_case", "NONE", swap("ES256", "NONE")),
		inHeader("alg_case", "es256", swap("ES256", "es256")),
		inHeader("alg_case", "Es256", swap("ES256", "Es256")),
		inText("alg_hmac", "HS256 keyed with the public key's SPKI", func(f *forger, _ string) string {
			input := b64.EncodeToString([]byte(strings.Replace(f.header(), "ES256", "HS256", 1))) + "." + b64.EncodeToString(f.payload)
			spki, err := x509.MarshalPKIXPublicKey(f.public.pub)
			if err != nil {
				panic(err)
			}
			mac := hmac.New(sha256.New, spki)
			mac.Write([]byte(input))
			return input + "." + b64.EncodeToString(mac.Sum(nil))
		}),
		inHeader("alg_hmac", "HS512", swap("ES256", "HS512")),
		inHeader("alg_other", "ES384", swap("ES256", "ES384")),
		inHeader("alg_other", "ES256K", swap("ES256", "ES256K")),
		inHeader("alg_other", "EdDSA", swap("ES256", "EdDSA")),
		inHeader("alg_other", "RS256", swap("ES256", "RS256")),
		inHeader("alg_other", "ES256 with a blank", swap("ES256", "ES256 ")),
		inHeader("alg_other", "ES256 with a NUL", swap("ES256", `ES256\u0000`)),
		inHeader("alg_other", "empty", swap("ES256", "")),
		inHeader("alg_missing", "", whole(`{"kid":"{kid}","typ":"tp-card-1"}`)),
		inHeader("alg_missing", "an empty object", whole(`{}`)),
		inHeader("alg_not_string", "array", swap(`"ES256"`, `["ES256"]`)),
		inHeader("alg_not_string", "null", swap(`"ES256"`, `null`)),
		inHeader("alg_not_string", "number", swap(`"ES256"`, `256`)),
		inHeader("alg_not_string", "object", swap(`"ES256"`, `{"alg":"ES256"}`)),
		inHeader("header_member_case", "ALG none beside alg", with(`,"ALG":"none"`)),
		inHeader("header_member_case", "Alg instead of alg", swap(`"alg"`, `"Alg"`)),
		inHeader("header_member_case", "KID beside kid", with(`,"KID":"other"`)),
		inHeader("header_member_case", "Typ", swap(`"typ"`, `"Typ"`)),
		inHeader("header_member_case", "JKU", with(`,"JKU":"http://127.0.0.1/"`)),
		inHeader("header_member_case", "kid with the Kelvin sign", with(",\"\u212aid\":\"x\"")),
		inHeader("header_jwk", "the key itself", with(`,"jwk":{"kty":"EC"}`)),
		inHeader("header_jwk", "null", with(`,"jwk":null`)),
		inHeader("header_jku", "", with(`,"jku":"http://127.0.0.1:1/keys"`)),
		inHeader("header_x5u", "", with(`,"x5u":"http://127.0.0.1:1/cert"`)),
		inHeader("header_x5c", "garbage", with(`,"x5c":["AAAA"]`)),
		inHeader("header_x5t", "", with(`,"x5t":"AAAA"`)),
		inHeader("header_x5t_s256", "", with(`,"x5t#S256":"AAAA"`)),
		inHeader("header_zip", "DEF", with(`,"zip":"DEF"`)),
		inHeader("header_crit", "unknown extension", with(`,"crit":["exp"],"exp":1`)),
		inHeader("header_crit", "a critical alg", with(`,"crit":["alg"]`)),
		inHeader("header_crit_empty", "", with(`,"crit":[]`)),
		inHeader("header_crit_empty", "with a blank", with(`,"crit":[ ]`)),
		inHeader("header_b64", "false", with(`,"b64":false`)),
		inHeader("header_b64", "true", with(`,"b64":true`)),
		inHeader("header_cty", "JWT", with(`,"cty":"JWT"`)),
		inHeader("header_unknown_member", "exp", with(`,"exp":1`)),
		inHeader("header_unknown_member", "an empty name", with(`,"":1`)),
		inHeader("header_unknown_member", "__proto__", with(`,"__proto__":{"alg":"none"}`)),
		inHeader("header_unknown_member", "epk", with(`,"epk":{}`)),
		inHeader("header_duplicate_member", "alg twice", with(`,"alg":"ES256"`)),
		inHeader("header_duplicate_member", "alg none first", whole(`{"alg":"none","alg":"ES256","kid":"{kid}","typ":"tp-card-1"}`)),
		inHeader("header_duplicate_member", "kid twice, once escaped", with(`,"\u006bid":"other"`)),
		inHeader("header_not_json", "no JSON", whole(`hello`)),
		inHeader("header_not_json", "cut", whole(`{"alg":"ES256","kid":"{kid}","typ":"tp-card-1"`)),
		inHeader("header_not_json", "single quotes", whole(`{'alg':'ES256','kid':'{kid}','typ':'tp-card-1'}`)),
		inHeader("header_not_json", "comment", whole(`{"alg":"ES256",/**/"kid":"{kid}","typ":"tp-card-1"}`)),
		inHeader("header_not_json", "trailing comma", whole(`{"alg":"ES256","kid":"{kid}","typ":"tp-card-1",}`)),
		inHeader("header_not_json", "deep", whole(`{"alg":`+strings.Repeat("[", 900))),
		inHeader("header_not_object", "array", whole(`["alg","ES256"]`)),
		inHeader("header_not_object", "string", whole(`"ES256"`)),
		inHeader("header_not_object", "null", whole(`null`)),
		inHeader("header_trailing_data", "a second object", whole(`{"alg":"ES256","kid":"{kid}","typ":"tp-card-1"}{}`)),
		inHeader("header_trailing_data", "a brace", whole(`{"alg":"ES256","kid":"{kid}","typ":"tp-card-1"}}`)),
		inHeader("header_trailing_data", "a NUL", whole("{\"alg\":\"ES256\",\"kid\":\"{kid}\",\"typ\":\"tp-card-1\"}\x00")),
		inHeader("header_not_utf8", "", with(",\"a\":\"\xff\"")),
		inHeader("header_bom", "", whole("\ufeff"+`{"alg":"ES256","kid":"{kid}","typ":"tp-card-1"}`)),
		inHeader("header_too_long", "", with(`,"pad":"`+strings.Repeat("x", MaxHeader)+`"`)),
		inHeader("header_member_order", "typ first", whole(`{"typ":"tp-card-1","alg":"ES256","kid":"{kid}"}`)),
		inHeader("header_member_order", "kid last", whole(`{"alg":"ES256","typ":"tp-card-1","kid":"{kid}"}`)),
		inHeader("header_white_space", "after a comma", swap(`,"kid"`, `, "kid"`)),
		inHeader("header_white_space", "at the end", whole(`{"alg":"ES256","kid":"{kid}","typ":"tp-card-1"} `)),
		inHeader("header_white_space", "a line feed before", whole("\n"+`{"alg":"ES256","kid":"{kid}","typ":"tp-card-1"}`)),
		inHeader("header_not_canonical", "an escape in a value", swap("ES256", `\u0045S256`)),
		inHeader("header_not_canonical", "an escape in a name", swap(`"typ"`, `"\u0074yp"`)),
		inHeader("kid_missing", "", whole(`{"alg":"ES256","typ":"tp-card-1"}`)),
		inHeader("kid_not_string", "number", swap(`"{kid}"`, `7`)),
		inHeader("kid_not_string", "array", swap(`"{kid}"`, `["{kid}"]`)),
		inHeader("kid_not_string", "null", swap(`"{kid}"`, `null`)),
		inHeader("kid_empty", "", swap("{kid}", "")),
		inHeader("kid_too_long", "1 kB", swap("{kid}", strings.Repeat("A", 1000))),
		inHeader("kid_control_character", "NUL", swap("{kid}", `{kid}\u0000`)),
		inHeader("kid_control_character", "line feed", swap("{kid}", `a\nb`)),
		inHeader("kid_path", "../", swap("{kid}", "../../etc/passwd")),
		inHeader("kid_path", "of 11 characters", swap("{kid}", "../../../ab")),
		inHeader("kid_path", "backslash", swap("{kid}", `..\\..\\key`)),
		inHeader("kid_alphabet", "SQL", swap("{kid}", "' OR 1=1--")),
		inHeader("kid_alphabet", "of 11 characters", swap("{kid}", "a' OR 1=1--")),
		inHeader("kid_alphabet", "padding", swap("{kid}", "{kid}=")),
		inHeader("kid_alphabet", "full-width", swap("{kid}", "ＡＡＡ")),
		inHeader("kid_length", "cut", func(f *forger) string { return strings.Replace(f.header(), f.kid, f.kid[:10], 1) }),
		inHeader("kid_length", "one more", swap("{kid}", "{kid}A")),
		inHeader("kid_last_char", "", func(f *forger) string {
			return strings.Replace(f.header(), f.kid, nonCanonical(f.kid), 1)
		}),
		inHeader("typ_missing", "", whole(`{"alg":"ES256","kid":"{kid}"}`)),
		inHeader("typ_not_string", "array", swap(`"tp-card-1"`, `["tp-card-1"]`)),
		inHeader("typ_not_string", "null", swap(`"tp-card-1"`, `null`)),
		inHeader("typ_form", "upper case", swap("tp-card-1", "TP-CARD-1")),
		inHeader("typ_form", "empty", swap("tp-card-1", "")),
		inHeader("typ_form", "long", swap("tp-card-1", strings.Repeat("a", MaxKind+1))),
		inHeader("typ_form", "with a quote escaped in", swap("tp-card-1", `tp-card-1\",\"zip\":\"DEF`)),
		inHeader("typ_form", "media type prefix", swap("tp-card-1", "application/tp-card-1")),
		ofFamily(ErrWrongKind, inHeader("typ_other_kind", "another object", swap("tp-card-1", "sceau-journal-head-1"))),
		ofFamily(ErrWrongKind, inHeader("typ_other_kind", "JWT", swap("tp-card-1", "jwt"))),
		ofFamily(ErrWrongKind, inHeader("typ_other_kind", "a later version", swap("tp-card-1", "tp-card-2"))),
		ofFamily(ErrUnknownKey, inHeader("kid_other_key", "", func(f *forger) string {
			return strings.Replace(f.header(), f.kid, KIDText([8]byte{1, 2, 3}), 1)
		})),
	}
}

func ofFamily(family error, c class) class {
	c.family = family
	return c
}

func transportClasses() []class {
	list := []class{
		inText("token_empty", "", func(*forger, string) string { return "" }),
		inText("token_too_long", "a kid of 64 kB", func(f *forger, _ string) string {
			return f.token(Header(testKind, strings.Repeat("A", 64<<10)))
		}),
		{"token_too_long", "one byte", ErrMalformed, func(f *forger, evil bool) string {
			// The longest payload of 4 n + 2 characters that fits, or the next one.
			room := MaxToken - len(SigningInput(testKind, f.kid, nil)) - 87
			own := *f
			own.payload = bytes.Repeat([]byte{'x'}, room*3/4)
			if evil {
				own.payload = append(own.payload, "xx"...)
			}
			return own.token(own.header())
		}},
		inText("token_json_serialization", "flattened", func(_ *forger, c string) string {
			h, p, s := parts(c)
			return fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)
		}),
		inText("token_json_serialization", "general, unprotected kid", func(f *forger, c string) string {
			h, p, s := parts(c)
			return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"header":{"kid":%q},"signature":%q}]}`, p, h, f.kid, s)
		}),
		inText("parts_too_few", "one", func(_ *forger, c string) string { return strings.ReplaceAll(c, ".", "") }),
		inText("parts_too_few", "two", func(_ *forger, c string) string { return c[:strings.LastIndex(c, ".")] }),
		inText("parts_too_many", "a fourth", func(_ *forger, c string) string { return c + ".AAAA" }),
		inText("parts_too_many", "a trailing dot", func(_ *forger, c string) string { return c + "." }),
		inText("parts_too_many", "JWE's five", func(_ *forger, c string) string { return c + "..AAAA" }),
		inText("signature_line_break", "trailing newline", func(_ *forger, c string) string { return c + "\n" }),
		inText("signature_line_break", "trailing CRLF", func(_ *forger, c string) string { return c + "\r\n" }),
		inText("header_line_break", "leading newline", func(_ *forger, c string) string { return "\n" + c }),
		inText("header_blank", "leading space", func(_ *forger, c string) string { return " " + c }),
		inText("signature_blank", "trailing space", func(_ *forger, c string) string { return c + " " }),
		inText("header_foreign_byte", "BOM", func(_ *forger, c string) string { return "\ufeff" + c }),
		inText("header_foreign_byte", "code text prefix", func(_ *forger, c string) string { return "jws:" + c }),
		inText("signature_foreign_byte", "two tokens with a comma", func(_ *forger, c string) string { return c + "," + c }),
		resigned("payload_padding", "signed with it", partPayload, func(s string) string { return s + "=" }),
		resigned("header_padding", "signed with it", partHeader, func(s string) string { return s + "==" }),
		resigned("payload_line_break", "CR inside, signed with it", partPayload, func(s string) string { return s[:4] + "\r" + s[4:] }),
		resigned("payload_base64_last_char", "signed with it", partPayload, nonCanonical),
		resigned("payload_empty", "signed", partPayload, func(string) string { return "" }),
		resigned("header_empty", "signed", partHeader, func(string) string { return "" }),
	}
	// Every fault of a part's text, in each of the three parts.
	faults := []struct {
		fault  string
		change func(s string) string
	}{
		{inLineBreak, func(s string) string { return s[:5] + "\n" + s[5:] }},
		{inLineBreak, func(s string) string { return s[:5] + "\r\n" + s[5:] }},
		{inBlank, func(s string) string { return s[:5] + " " + s[5:] }},
		{inBlank, func(s string) string { return s[:5] + "\t" + s[5:] }},
		{inPadding, func(s string) string { return s + "=" }},
		{inStandard, func(s string) string { return s[:5] + "+" + s[6:] }},
		{inStandard, func(s string) string { return s[:5] + "/" + s[6:] }},
		{inForeign, func(s string) string { return s[:5] + "\x00" + s[6:] }},
		{inForeign, func(s string) string { return s[:5] + "é" + s[6:] }},
		{inForeign, func(s string) string { return s[:5] + "%41" + s[6:] }},
		{inLength, func(s string) string { return s + strings.Repeat("A", (5-len(s)%4)%4) }},
		{inLastChar, nonCanonical},
		{inEmpty, func(string) string { return "" }},
	}
	for at := range partNames {
		for _, fault := range faults {
			list = append(list, inText(part(at).code(fault.fault), "", func(_ *forger, c string) string {
				p := strings.Split(c, ".")
				p[at] = fault.change(p[at])
				return strings.Join(p, ".")
			}))
		}
	}
	return list
}

func signatureClasses() []class {
	r := func(sig []byte) []byte { return sig[:32] }
	s := func(sig []byte) []byte { return sig[32:] }
	max := bytes.Repeat([]byte{0xff}, 32)
	return []class{
		inSignature("signature_der", "", ErrMalformed, func(sig []byte) []byte {
			der, err := asn1.Marshal(derSignature{new(big.Int).SetBytes(r(sig)), new(big.Int).SetBytes(s(sig))})
			if err != nil {
				panic(err)
			}
			return der
		}),
		inSignature("signature_length", "63 bytes", ErrMalformed, func(sig []byte) []byte { return sig[:63] }),
		inSignature("signature_length", "65 bytes", ErrMalformed, func(sig []byte) []byte { return append(sig, 0) }),
		inSignature("signature_length", "a zero before each half", ErrMalformed, func(sig []byte) []byte {
			return slicesConcat([]byte{0}, r(sig), []byte{0}, s(sig))
		}),
		inSignature("signature_length", "ES512's", ErrMalformed, func(sig []byte) []byte { return append(sig, make([]byte, 68)...) }),
		inSignature("signature_length", "one byte", ErrMalformed, func([]byte) []byte { return []byte{0} }),
		inSignature("signature_zero_r", "", ErrBadSignature, func(sig []byte) []byte { return slicesConcat(zeroText, s(sig)) }),
		inSignature("signature_zero_r", "both zero", ErrBadSignature, func([]byte) []byte { return make([]byte, 64) }),
		inSignature("signature_zero_s", "", ErrBadSignature, func(sig []byte) []byte { return slicesConcat(r(sig), zeroText) }),
		inSignature("signature_r_range", "r = n", ErrBadSignature, func(sig []byte) []byte { return slicesConcat(orderText, s(sig)) }),
		inSignature("signature_r_range", "r = 2^256-1", ErrBadSignature, func(sig []byte) []byte { return slicesConcat(max, s(sig)) }),
		inSignature("signature_s_range", "s = n", ErrBadSignature, func(sig []byte) []byte { return slicesConcat(r(sig), orderText) }),
		inSignature("signature_s_range", "s = 2^256-1", ErrBadSignature, func(sig []byte) []byte { return slicesConcat(r(sig), max) }),
		inSignature("signature_high_s", "the twin, which verifies", ErrBadSignature, func(sig []byte) []byte {
			return slicesConcat(r(sig), big256(new(big.Int).Sub(order, new(big.Int).SetBytes(s(sig)))))
		}),
		inSignature("signature_high_s", "n/2 + 1", ErrBadSignature, func(sig []byte) []byte {
			return slicesConcat(r(sig), big256(new(big.Int).Add(halfOrder, big.NewInt(1))))
		}),
		inSignature("signature_mismatch", "n/2 exactly is a lawful value", ErrBadSignature, func(sig []byte) []byte {
			return slicesConcat(r(sig), halfText)
		}),
		inSignature("signature_mismatch", "one bit", ErrBadSignature, func(sig []byte) []byte { sig[7] ^= 1; return sig }),
		inSignature("signature_mismatch", "halves swapped, r being low", ErrBadSignature, func(sig []byte) []byte {
			return slicesConcat([]byte{0}, s(sig)[1:], []byte{1}, r(sig)[1:])
		}),
		ofFamily(ErrBadSignature, inText("signature_mismatch", "another payload", func(f *forger, c string) string {
			h, _, s := parts(c)
			return h + "." + b64.EncodeToString([]byte(`{"iss":"9999"}`)) + "." + s
		})),
		ofFamily(ErrBadSignature, inText("signature_mismatch", "another key under this kid", func(f *forger, _ string) string {
			evil := newForger(tb{})
			evil.kid = f.kid
			return evil.token(evil.header())
		})),
		ofFamily(ErrBadSignature, inText("signature_mismatch", "signed over JSON instead of base64url", func(f *forger, c string) string {
			return c[:strings.LastIndex(c, ".")+1] + b64.EncodeToString(f.sign(f.header()+"."+string(f.payload)))
		})),
	}
}

// tb lets a forger be made where no test is at hand.
type tb struct{ testing.TB }

func (tb) Helper() {}

func slicesConcat(p ...[]byte) []byte { return bytes.Join(p, nil) }

func allClasses() []class {
	return append(append(headerClasses(), transportClasses()...), signatureClasses()...)
}
