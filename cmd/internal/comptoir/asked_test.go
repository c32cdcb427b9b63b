package comptoir

import (
	"errors"
	"strings"
	"testing"

	"sceau/offline/counter"
	"sceau/offline/scan"
	"sceau/rights"
)

func FuzzQuestion(f *testing.F) {
	f.Add(`{"code":"TP1","domain":"PHAR","date_of_care":"2027-03-02","beneficiary":12}`)
	f.Add("\ufeff {\"code\":\"x\"} \r\n")
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, text string) {
		object, is := isQuestion(text)
		if !is {
			return
		}
		q, err := parseQuestion(object)
		if err == nil && (q.Scan.Text == "" || q.Person < 0 || q.Person > 12) || err != nil && (q.Scan.Text != "" || !errors.Is(err, errQuestion)) {
			t.Errorf("%+v %v", q, err)
		}
	})
}

func TestQuestion(t *testing.T) {
	care, err := rights.ParseDate("2027-03-02")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]counter.Question{
		`{"code":"TP1ABC"}`: {Scan: scan.Typed{Text: "TP1ABC"}},
		"\ufeff{\"code\":\"a\\tb\",\"domain\":\"PHAR\",\r\n\"date_of_care\":\"2027-03-02\",\"beneficiary\":2}\r\n": {Scan: scan.Typed{Text: "a\tb"}, Domain: "PHAR", Care: care, Person: 2},
	} {
		object, is := isQuestion(text)
		q, err := parseQuestion(object)
		if !is || err != nil || q.Scan.Text != want.Scan.Text || q.Domain != want.Domain || q.Care != want.Care || q.Person != want.Person {
			t.Errorf("%s: %v %+v %v", text, is, q, err)
		}
	}
	for _, text := range []string{"TP1ABC", "", "{", `{"code":"x"`, `["{"]`, "TP1ABC\n{}x"} {
		if _, is := isQuestion(text); is {
			t.Errorf("%q is no object", text)
		}
	}
	for _, text := range []string{`{}`, `{"code":""}`, `{"code":1}`, `{"code":"x","domain":"phar"}`, `{"code":"x","domain":"PHAR; --"}`, `{"code":"x","beneficiary":13}`, `{"code":"x","beneficiary":-1}`,
		`{"code":"x","beneficiary":"1"}`, `{"code":"x","date_of_care":"02/03/2027"}`, `{"code":"x","date_of_care":"2027-02-30"}`, `{"code":"x","other":1}`, `{"code":"x"} {"code":"y"}`,
		`{"code":"` + strings.Repeat("x", maxAsked+1) + `"}`, `{code:"x"}`} {
		if q, err := parseQuestion(text); !errors.Is(err, errQuestion) || q.Scan.Text != "" {
			t.Errorf("%.60s: %+v %v", text, q, err)
		}
	}
}
