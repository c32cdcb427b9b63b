// A question dropped as a file: the JSON object that the interface for pharmacy software takes, for who asks by the watched folder.

package comptoir

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"sceau/card"
	"sceau/offline/counter"
	"sceau/offline/scan"
	"sceau/rights"
)

// errQuestion: an object that is not a question. Its text is the answer's "misread".
var errQuestion = errors.New("bad_question")

// maxAsked bounds the code of a question, as the interface for pharmacy software does.
const maxAsked = 16 << 10

var domainForm = regexp.MustCompile(`^[A-Z0-9]{0,16}$`)

// isQuestion tells a JSON object from scans: no card's code is in braces. Some programs put a byte order mark before a text.
func isQuestion(text string) (object string, is bool) {
	object = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	return object, strings.HasPrefix(object, "{") && strings.HasSuffix(object, "}")
}

// parseQuestion reads {"code":…,"domain":…,"date_of_care":…,"beneficiary":…}; all but the code may be missing. What it does not
// know is refused, because a question answered in part is a wrong answer: errQuestion.
func parseQuestion(object string) (counter.Question, error) {
	var q struct {
		Code        string `json:"code"`
		Domain      string `json:"domain"`
		DateOfCare  string `json:"date_of_care"`
		Beneficiary int    `json:"beneficiary"`
	}
	d := json.NewDecoder(bytes.NewReader([]byte(object)))
	d.DisallowUnknownFields()
	if d.Decode(&q) != nil {
		return counter.Question{}, errQuestion
	}
	if _, err := d.Token(); err != io.EOF {
		return counter.Question{}, errQuestion
	}
	if q.Code == "" || len(q.Code) > maxAsked || !domainForm.MatchString(q.Domain) || q.Beneficiary < 0 || q.Beneficiary > card.MaxPeople {
		return counter.Question{}, errQuestion
	}
	out := counter.Question{Scan: scan.Typed{Text: q.Code}, Domain: q.Domain, Person: q.Beneficiary}
	if q.DateOfCare != "" {
		var err error
		if out.Care, err = rights.ParseDate(q.DateOfCare); err != nil {
			return counter.Question{}, errQuestion
		}
	}
	return out, nil
}
