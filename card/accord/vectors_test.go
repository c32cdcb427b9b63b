// Vectors as files, so that another implementation can run the same ones.

package accord

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/signing"
)

var writeVectors = flag.Bool("write-vectors", false, "write testdata/vectors anew (signatures are random)")

const vectorDir = "testdata/vectors"

// levels are the lawful values of "expect:".
var levels = map[string]error{"valid": nil, "malformed": ErrMalformed, "wrong-kind": signing.ErrWrongKind, "bad-signature": signing.ErrBadSignature}

func TestVectors(t *testing.T) {
	if *writeVectors {
		writeAllVectors(t)
	}
	key := map[string]*signing.PublicKey{}
	for name, kind := range map[string]signing.Kind{"accord": Kind, "settlement": SettlementKind} {
		k := must(signing.ParseJWK(must(os.ReadFile(filepath.Join(vectorDir, name+".jwk")))(t)))(t)
		k.Kind = kind
		key[name] = k
	}
	files := must(filepath.Glob(filepath.Join(vectorDir, "*.txt")))(t)
	met := map[string]int{}
	for _, name := range files {
		head, text, ok := strings.Cut(string(must(os.ReadFile(name))(t)), "\n\n")
		if !ok {
			t.Fatalf("%s: no blank line", name)
		}
		text = strings.TrimSuffix(text, "\n")
		header := map[string]string{}
		for _, line := range strings.Split(head, "\n") {
			k, v, _ := strings.Cut(line, ": ")
			header[k] = v
		}
		want, known := levels[header["expect"]]
		if !known {
			t.Fatalf("%s: expects %q", name, header["expect"])
		}
		met[header["expect"]]++
		var err error
		var payload []byte
		switch header["object"] {
		case "accord":
			var a *Accord
			if a, err = Open(key["accord"], text); err == nil {
				payload, err = a.Payload()
			}
		case "settlement":
			var s *Settlement
			if s, err = OpenSettlement(key["settlement"], text); err == nil {
				payload, err = s.Payload()
			}
		default:
			t.Fatalf("%s: object %q", name, header["object"])
		}
		if !errors.Is(err, want) || want == nil && err != nil || signing.CodeOf(err) != header["code"] {
			t.Errorf("%s: %v", name, err)
		}
		if string(payload) != header["payload"] {
			t.Errorf("%s: payload %s", name, payload)
		}
	}
	for level := range levels {
		if met[level] == 0 {
			t.Errorf("no vector expects %q", level)
		}
	}
}

func writeAllVectors(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	accords, settlements := newSigner(t, Kind), newSigner(t, SettlementKind)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(vectorDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("accord.jwk", string(accords.Public().JWK()))
	write("settlement.jwk", string(settlements.Public().JWK()))
	vector := func(name, object, expect, code, payload, text string) {
		head := "object: " + object + "\nexpect: " + expect
		if code != "" {
			head += "\ncode: " + code
		}
		if payload != "" {
			head += "\npayload: " + payload
		}
		write(name+".txt", head+"\n\n"+text+"\n")
	}
	seal := func(s *signing.Signer, payload string) string { return must(s.Seal([]byte(payload)))(t) }
	settled := string(must(settlement().Payload())(t))
	token := seal(accords, fullText)
	vector("accord", "accord", "valid", "", fullText, token)
	refusedPayload := strings.Replace(fullText[:strings.Index(fullText, `"answers":[`)], `"changed":true`, `"changed":false`, 1) +
		`"answers":[{"domain":"PHAR","status":"refused","reason":"RIGHTS_ENDED","since":"2027-02-16","people":[{"n":1,"covered":false}]}]}`
	vector("accord-refused", "accord", "valid", "", refusedPayload, seal(accords, refusedPayload))
	vector("settlement", "settlement", "valid", "", settled, seal(settlements, settled))
	vector("accord-as-settlement", "settlement", "wrong-kind", "typ_other_kind", "", token)
	vector("accord-space", "accord", "malformed", "member_expected", "", seal(accords, strings.Replace(fullText, ",", ", ", 1)))
	vector("accord-order", "accord", "malformed", "member_expected", "",
		seal(accords, strings.Replace(fullText, `"person":0,"at":1803898800`, `"at":1803898800,"person":0`, 1)))
	for name, req := range map[string]string{"missing": "", "short": `"req":"` + requestID[:21] + `",`, "spare-bits": `"req":"` + requestID[:21] + `B",`, "empty": `"req":"",`} {
		code := "req_form"
		if req == "" {
			code = "member_expected"
		}
		vector("accord-req-"+name, "accord", "malformed", code, "", seal(accords, strings.Replace(fullText, `"req":"`+requestID+`",`, req, 1)))
	}
	vector("accord-covered-refused", "accord", "malformed", "covered_refused", "", seal(accords, strings.Replace(refusedPayload, "false}]}]}", "true}]}]}", 1)))
	vector("accord-promise-refused", "accord", "malformed", "pay_refused", "",
		seal(accords, strings.Replace(refusedPayload, "false}]}]}", `false}],"pay":{"until":1806490800,"euros":0}}]}`, 1)))
	vector("settlement-no-reason", "settlement", "malformed", "reason_missing", "",
		seal(settlements, strings.Replace(settled, `,"reason":"`+ReasonOtherVerdict+`"`, "", 1)))
	other := strings.Split(seal(accords, refusedPayload), ".")
	parts := strings.Split(token, ".")
	vector("accord-signature", "accord", "bad-signature", "signature_mismatch", "", parts[0]+"."+parts[1]+"."+other[2])
}
