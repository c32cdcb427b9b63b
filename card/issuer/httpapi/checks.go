// Online checks: one question of a counter, one signed answer. The request's id is taken in the transaction of its trace.

package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/rights"
)

const maxCheckBody = 24 << 10 // the longest card

// CheckBody is a question.
type CheckBody struct {
	Card    string   `json:"card" minLength:"1" maxLength:"16384" doc:"the card's code text, as the scanner gave it, or its compact JWS"`
	Domains []string `json:"domains,omitempty" maxItems:"8" pattern:"^[A-Z0-9]{1,16}$" nullable:"false" doc:"domain codes, the one that matters first; none asks for the card alone"`
	Care    string   `json:"care,omitempty" pattern:"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$" doc:"date of care, AAAA-MM-JJ; today in Paris when missing" example:"2027-03-02"`
	Person  int      `json:"person,omitempty" minimum:"0" maximum:"12" doc:"place on the card; 0 for everybody on it"`
}

// CheckAnswer is the service's answer. It names nobody: people are numbered as on the card.
type CheckAnswer struct {
	Accord  string `json:"accord,omitempty" doc:"the signed accord, a compact JWS; missing when the card is not authentic"`
	Number  string `json:"number,omitempty" doc:"of the accord, to be quoted on the invoice" example:"A7QF-XM3T-9ABD"`
	Refused string `json:"refused,omitempty" doc:"reason code when there is no accord" example:"BAD_SIGNATURE"`
}

type checkInput struct {
	Body CheckBody
}

type checkOutput struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Vary         string `header:"Vary"`
	Body         []byte
}

const fhirMedia = "application/fhir+json"

func (s *Server) checkRoutes() {
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[CheckAnswer](), true, "CheckAnswer")
	add(s, huma.Operation{OperationID: "check", Method: http.MethodPost, Path: "/v1/checks", Summary: "Ask for the rights of a card that is at the counter",
		Description: "The trace of the check is stored before the answer leaves. With Accept: application/fhir+json the answer is a CoverageEligibilityResponse (FHIR R4) that carries the same accord.",
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: schema},
			fhirMedia: {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "CoverageEligibilityResponse, FHIR R4"}}}}}},
		Policy{Roles: []Role{RoleCounter}, Tenant: OwnCounter, Body: maxCheckBody, Taken: true}, s.check)
}

func (s *Server) check(ctx context.Context, who Principal, in *checkInput) (*checkOutput, error) {
	var care rights.Date
	if in.Body.Care != "" {
		var err error
		if care, err = rights.ParseDate(in.Body.Care); err != nil {
			return nil, errField.about("care")
		}
	}
	report, err := s.o.Issuer.CheckRights(ctx, issuer.CheckRequest{Counter: who.Counter, RequestID: who.Request, Card: in.Body.Card,
		Domains: in.Body.Domains, Care: care, Person: in.Body.Person})
	if err != nil {
		return nil, err
	}
	out := &checkOutput{ContentType: "application/json", CacheControl: "no-store", Vary: "Accept"}
	if wantsFHIR(visitOf(ctx).accept) {
		out.ContentType = fhirMedia
		out.Body, err = json.Marshal(eligibility(report, who.Counter, s.now()))
		return out, err
	}
	answer := CheckAnswer{Accord: report.JWS, Refused: report.Refused}
	if report.Accord != nil {
		answer.Number = string(report.Accord.Number)
	}
	out.Body, err = json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return out, nil
}
