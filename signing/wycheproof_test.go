// This file runs the P-256 vectors of Wycheproof, and JSONTestSuite as headers and keys, with their counts.

package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedData finds the folder of vectors beside the project, or skips.
func sharedData(t *testing.T) string {
	t.Helper()
	for up := ".."; strings.Count(up, "..") < 8; up = filepath.Join(up, "..") {
		dir := filepath.Join(up, "shared", "data")
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	t.Skip("no shared/data beside the project: vectors not run")
	return ""
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(sharedData(t), "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

type joseVectors struct {
	TestGroups []struct {
		Comment string
		Private json.RawMessage
		Public  json.RawMessage
		Tests   []struct {
			TcID    int `json:"tcId"`
			Comment string
			JWS     json.RawMessage // absent for JWE
			Result  string
		}
	}
}

// TestWycheproofJWS runs each token of a P-256 signature key twice. As a whole
// none is ours: they have a kid of their own and no typ. Their signatures are
// then judged alone, by signatureFault and verifies, and there every valid
// vector passes unless its s is high, in which case its low twin passes.
func TestWycheproofJWS(t *testing.T) {
	for _, file := range []string{"json_web_signature_test.json", "json_web_crypto_test.json"} {
		var v joseVectors
		readVectors(t, file, &v)
		var met, valid, low, high, transport, header, signature, byKey int
		for _, g := range v.TestGroups {
			pub, keyCode := wycheproofKey(t, g.Public)
			if pub == nil {
				continue
			}
			key, err := NewPublicKey(testKind, pub)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range g.Tests {
				if c.JWS == nil {
					continue
				}
				var compact string
				if json.Unmarshal(c.JWS, &compact) != nil {
					compact = string(c.JWS) // the JSON serialization
				}
				met++
				isValid := c.Result == "valid"
				if isValid {
					valid++
				}
				if _, err := key.Open(testKind, compact); CodeOf(err) == "" {
					t.Errorf("%s %d %s: as a card: %v", file, c.TcID, c.Comment, err)
				}
				if keyCode != "" {
					byKey++ // 354, 356: the token is whole, the key is for something else
					if isValid {
						t.Errorf("%s %d: a valid vector with a key refused for %s", file, c.TcID, keyCode)
					}
					continue
				}
				taken, code := signatureAlone(pub, compact)
				switch {
				case isValid && taken:
					low++
				case isValid && code == codeSignatureHighS:
					high++
				case isValid || taken:
					t.Errorf("%s %d %s: %s, taken %v, code %s", file, c.TcID, c.Comment, c.Result, taken, code)
				case strings.HasPrefix(code, "signature_"):
					signature++
				case strings.HasPrefix(code, "header_"):
					header++
				default:
					transport++
				}
			}
		}
		t.Logf("count: %s: %d P-256 tokens, 0 taken as cards; signatures alone: %d valid = %d taken + %d with a high s, twin taken; "+
			"%d invalid = %d refused by the transport, %d by the header, %d by the signature, %d by the use of their key",
			file, met, valid, low, high, met-valid, transport, header, signature, byKey)
		if met < 15 || valid == 0 || low+high != valid || transport+header+signature+byKey != met-valid {
			t.Errorf("%s: vectors lost", file)
		}
	}
}

// signatureAlone judges a token whose header is that of the vectors.
func signatureAlone(pub *ecdsa.PublicKey, compact string) (bool, string) {
	dot1, dot2, code := frame(compact)
	if code != "" {
		return false, code
	}
	header, code := decodePart(compact[:dot1], partHeader)
	if code != "" {
		return false, code
	}
	if string(header) != `{"alg":"ES256","kid":"kid-ec-sign"}` {
		return false, partHeader.code(headerFault(header))
	}
	if _, code := decodePart(compact[dot1+1:dot2], partPayload); code != "" {
		return false, code
	}
	sig, code := decodePart(compact[dot2+1:], partSignature)
	if code != "" {
		return false, code
	}
	code = signatureFault(sig)
	if code == codeSignatureHighS && !verifies(pub, compact[:dot2], lowTwin(sig)) {
		return false, codeSignatureMismatch
	}
	if code != "" {
		return false, code
	}
	if !verifies(pub, compact[:dot2], (*[64]byte)(sig)) {
		return false, codeSignatureMismatch
	}
	return true, ""
}

// wycheproofKey gives the P-256 key of a vector group, nil if it has another
// type of key, and the code with which ParseJWK refuses its JWK once its kid,
// which is never a thumbprint there, is replaced.
func wycheproofKey(t *testing.T, text json.RawMessage) (*ecdsa.PublicKey, string) {
	t.Helper()
	var m map[string]any
	if json.Unmarshal(text, &m) != nil || m["kty"] != "EC" || m["crv"] != "P-256" {
		return nil, ""
	}
	x, err1 := b64.DecodeString(m["x"].(string))
	y, err2 := b64.DecodeString(m["y"].(string))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		t.Fatal(err)
	}
	return pub, jwkCode(t, m, KID(pub))
}

// jwkCode gives the code with which ParseJWK refuses the JWK under that kid.
func jwkCode(t *testing.T, m map[string]any, kid string) string {
	t.Helper()
	own := maps.Clone(m)
	own["kid"] = kid
	text, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseJWK(text)
	return CodeOf(err)
}

// TestWycheproofJWK: each key of the vectors' sets, under the kid that it would
// have here. Only P-256 keys for ES256 signatures are taken.
func TestWycheproofJWK(t *testing.T) {
	var v joseVectors
	readVectors(t, "json_web_key_test.json", &v)
	want := map[string]string{ // by the group's comment, what is wrong with the one P-256 key in it
		"wrong_algorithm": codeJWKAlg, "invalid_algorithm": codeJWKAlg, "invalid_use": codeJWKUse,
		"invalid_point": codeJWKOffCurve, "wrong_curve": codeJWKCurve, "wrong_kty": codeJWKType,
	}
	// The good key of which all of these are changes.
	const goodX, goodY = "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY", "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw"
	x, _ := b64.DecodeString(goodX)
	y, _ := b64.DecodeString(goodY)
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		t.Fatal(err)
	}
	var taken, refused, private int
	for _, g := range v.TestGroups {
		for at, text := range []json.RawMessage{g.Private, g.Public} {
			if text == nil {
				continue
			}
			var set struct{ Keys []map[string]any }
			if err := json.Unmarshal(text, &set); err != nil {
				t.Fatal(err)
			}
			for _, m := range set.Keys {
				code := jwkCode(t, m, KID(pub))
				switch {
				case code == "":
					taken++
					if m["x"] != goodX || m["y"] != goodY || m["crv"] != "P-256" || m["alg"] != "ES256" || m["use"] != "sig" || m["kty"] != "EC" {
						t.Errorf("%s: taken: %v", g.Comment, m)
					}
				case code == codeJWKPrivate:
					private++
				default:
					refused++
					if at == 1 && want[g.Comment] != "" && code != want[g.Comment] {
						t.Errorf("%s: %s, want %s", g.Comment, code, want[g.Comment])
					}
				}
				if at == 1 && code != "" {
					delete(want, g.Comment)
				}
			}
		}
	}
	t.Logf("count: JWK: %d groups; %d keys taken, %d refused, %d refused for holding a secret", len(v.TestGroups), taken, refused, private)
	if len(want) != 0 || refused == 0 || private == 0 {
		t.Errorf("not met: %v", want)
	}
}

func lowTwin(sig []byte) *[64]byte {
	s := new(big.Int).Sub(order, new(big.Int).SetBytes(sig[32:]))
	return (*[64]byte)(slicesConcat(sig[:32], big256(s)))
}

// TestWycheproofP1363: the vectors of exactly our signature form. The strict
// profile refuses valid ones for one reason alone, a high s.
func TestWycheproofP1363(t *testing.T) {
	var v struct {
		NumberOfTests int
		TestGroups    []struct {
			PublicKey struct{ Uncompressed string }
			Tests     []struct {
				TcID             int `json:"tcId"`
				Comment          string
				Msg, Sig, Result string
			}
		}
	}
	readVectors(t, "ecdsa_secp256r1_sha256_p1363_test.json", &v)
	var low, high, invalid, met int
	for _, g := range v.TestGroups {
		point, err := hex.DecodeString(g.PublicKey.Uncompressed)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			met++
			msg, err1 := hex.DecodeString(c.Msg)
			sig, err2 := hex.DecodeString(c.Sig)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			code := signatureFault(sig)
			taken := code == "" && verifies(pub, string(msg), (*[64]byte)(sig))
			switch {
			case c.Result == "valid" && taken:
				low++
			case c.Result == "valid" && code == codeSignatureHighS:
				high++
				if !verifies(pub, string(msg), lowTwin(sig)) {
					t.Errorf("%d: the low twin is refused", c.TcID)
				}
			case c.Result == "valid":
				t.Errorf("%d %s: valid, refused (%s)", c.TcID, c.Comment, code)
			case taken:
				t.Errorf("%d %s: invalid, TAKEN", c.TcID, c.Comment)
			default:
				invalid++
			}
		}
	}
	t.Logf("count: P1363: %d vectors: valid %d taken, %d refused for a high s (twin taken); %d invalid refused, 0 taken", met, low, high, invalid)
	if met != v.NumberOfTests || low == 0 || high == 0 || invalid == 0 {
		t.Errorf("%d of %d vectors met", met, v.NumberOfTests)
	}
}

// TestWycheproofDER: what a signer may give back. Every valid DER signature
// becomes a low-s one that verifies; no invalid one does.
func TestWycheproofDER(t *testing.T) {
	var v struct {
		NumberOfTests int
		TestGroups    []struct {
			PublicKey struct{ Uncompressed string }
			Tests     []struct {
				TcID             int `json:"tcId"`
				Comment          string
				Msg, Sig, Result string
			}
		}
	}
	readVectors(t, "ecdsa_secp256r1_sha256_test.json", &v)
	var valid, invalid, met int
	for _, g := range v.TestGroups {
		point, err := hex.DecodeString(g.PublicKey.Uncompressed)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			met++
			msg, err1 := hex.DecodeString(c.Msg)
			der, err2 := hex.DecodeString(c.Sig)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			sig, ok := lowS(der)
			taken := ok && signatureFault(sig) == "" && verifies(pub, string(msg), (*[64]byte)(sig))
			if taken != (c.Result == "valid") {
				t.Errorf("%d %s: %s, taken %v", c.TcID, c.Comment, c.Result, taken)
			} else if taken {
				valid++
			} else {
				invalid++
			}
		}
	}
	t.Logf("count: DER: %d vectors: %d valid taken, %d invalid refused", met, valid, invalid)
	if met != v.NumberOfTests || valid == 0 || invalid == 0 {
		t.Errorf("%d of %d vectors met", met, v.NumberOfTests)
	}
}

// TestJSONTestSuite puts each file in the place of a header and of a JWK: none
// is one, and what is no JSON is never called anything better.
func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedData(t), "JSONTestSuite", "test_parsing", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	f := newForger(t)
	count := map[string]int{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		count[base[:1]]++
		token := f.token(string(b))
		_, err = f.public.Open(testKind, token)
		if CodeOf(err) == "" {
			t.Errorf("%s: as a header: %v", base, err)
		}
		if _, err := ParseJWK(b); CodeOf(err) == "" {
			t.Errorf("%s: as a JWK: %v", base, err)
		}
		if base[0] == 'n' && len(token) < MaxToken {
			switch code := CodeOf(err); code {
			case codeHeaderNotJSON, codeHeaderNotUTF8, codeHeaderBOM, codeHeaderTrailing, codeHeaderTooLong, partHeader.code(inEmpty):
			case codeHeaderNotObject: // an array that is not JSON either: refused before its end is read
			default:
				t.Errorf("%s: no JSON, and called %s", base, code)
			}
		}
	}
	t.Logf("count: JSONTestSuite: %d y, %d n, %d i refused as headers and as JWK", count["y"], count["n"], count["i"])
	if len(files) < 300 {
		t.Errorf("only %d files met", len(files))
	}
}
