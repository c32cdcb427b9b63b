// The same answer as FHIR R4 resources, for software that speaks nothing else.

package accord

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"sceau/rights"
)

// Systems of identifiers and codes in the FHIR view.
const (
	systemAccord  = "urn:sceau:accord"  // number of an accord
	systemCard    = "urn:sceau:card"    // "<AMC key>/<list>-<index>"
	systemPerson  = "urn:sceau:person"  // that and "/<place on the card>"
	systemAMC     = "urn:sceau:amc"     // key of a N° AMC
	systemFINESS  = "urn:sceau:finess"  // N° FINESS
	systemRequest = "urn:sceau:request" // id of the signed request
	systemDomain  = "urn:sceau:domain"  // domain code of the tables that the operator publishes
	systemReason  = "urn:sceau:reason"  // stable code of package offline
	systemKind    = "urn:sceau:guarantee"
	extensionJWS  = "urn:sceau:extension:accord-jws" // the sealed accord: what counts
	extensionN    = "urn:sceau:extension:person"     // place on the card
	systemUnit    = "http://terminology.hl7.org/CodeSystem/benefit-unit"
)

type fhirIdentifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// fhirReference is a logical one: it leads to no resource.
type fhirReference struct {
	Type       string         `json:"type"`
	Identifier fhirIdentifier `json:"identifier"`
}

type fhirCoding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

type fhirConcept struct {
	Coding []fhirCoding `json:"coding"`
	Text   string       `json:"text,omitempty"`
}

type fhirExtension struct {
	URL         string `json:"url"`
	ValueString string `json:"valueString,omitempty"`
	PositiveInt int    `json:"valuePositiveInt,omitempty"`
}

type fhirBenefit struct {
	Type          fhirConcept `json:"type"`
	AllowedString string      `json:"allowedString"`
}

type fhirItem struct {
	Extension     []fhirExtension `json:"extension"`
	Category      fhirConcept     `json:"category"`
	Excluded      bool            `json:"excluded"`
	Unit          fhirConcept     `json:"unit"`
	Benefit       []fhirBenefit   `json:"benefit,omitempty"`
	Authorization bool            `json:"authorizationRequired"`
}

type fhirInsurance struct {
	Coverage fhirReference `json:"coverage"`
	Inforce  bool          `json:"inforce"`
	Item     []fhirItem    `json:"item,omitempty"`
}

type fhirError struct {
	Code fhirConcept `json:"code"`
}

type fhirResponse struct {
	ResourceType string           `json:"resourceType"`
	Extension    []fhirExtension  `json:"extension"`
	Identifier   []fhirIdentifier `json:"identifier"`
	Status       string           `json:"status"`
	Purpose      []string         `json:"purpose"`
	Patient      fhirReference    `json:"patient"`
	ServicedDate string           `json:"servicedDate"`
	Created      string           `json:"created"`
	Requestor    fhirReference    `json:"requestor"`
	Request      fhirReference    `json:"request"`
	Outcome      string           `json:"outcome"`
	Disposition  string           `json:"disposition"`
	Insurer      fhirReference    `json:"insurer"`
	Insurance    []fhirInsurance  `json:"insurance"`
	Error        []fhirError      `json:"error,omitempty"`
}

// FHIR is an accord as a CoverageEligibilityResponse of FHIR R4. jws is the sealed accord. It holds nothing that the accord doesn't: people are numbers, the patient is a place on a card. The sealed accord is
// what counts; this view is not signed by itself.
func FHIR(a *Accord, jws string) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	cardID := a.Insurer + "/" + a.Place.String()
	patient := fhirIdentifier{systemCard, cardID}
	if a.Person > 0 {
		patient = fhirIdentifier{systemPerson, cardID + "/" + strconv.Itoa(a.Person)}
	}
	r := fhirResponse{
		ResourceType: "CoverageEligibilityResponse",
		Extension:    []fhirExtension{{URL: extensionJWS, ValueString: jws}},
		Identifier:   []fhirIdentifier{{systemAccord, string(a.Number)}},
		Status:       "active",
		Purpose:      []string{"validation"},
		Patient:      fhirReference{"Patient", patient},
		ServicedDate: a.Care.String(),
		Created:      a.At.UTC().Format(time.RFC3339),
		Requestor:    fhirReference{"Organization", fhirIdentifier{systemFINESS, a.FINESS}},
		Request:      fhirReference{"CoverageEligibilityRequest", fhirIdentifier{systemRequest, a.Request}},
		Outcome:      "complete",
		Disposition:  a.Answers[0].Reason,
		Insurer:      fhirReference{"Organization", fhirIdentifier{systemAMC, a.Insurer}},
	}
	insurance := fhirInsurance{Coverage: fhirReference{"Coverage", fhirIdentifier{systemCard, cardID}}}
	for _, n := range a.Answers {
		open := n.Status == "valid" || n.Status == "reserve"
		insurance.Inforce = insurance.Inforce || open || n.Reason == "NOT_COVERED"
		if !open {
			r.Error = append(r.Error, fhirError{concept(systemReason, n.Reason, n.Domain)})
		}
		if n.Domain == "" {
			continue
		}
		r.Purpose = []string{"validation", "benefits"}
		for _, p := range n.People {
			insurance.Item = append(insurance.Item, item(n.Domain, p))
		}
	}
	r.Insurance = []fhirInsurance{insurance}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("accord: fhir: %w", err)
	}
	return b, nil
}

// item is one person in one domain.
func item(domain string, p PersonValue) fhirItem {
	i := fhirItem{
		Extension:     []fhirExtension{{URL: extensionN, PositiveInt: p.Number}},
		Category:      concept(systemDomain, domain, ""),
		Excluded:      !p.Covered,
		Unit:          concept(systemUnit, "individual", ""),
		Authorization: p.Covered && p.Value.Kind == rights.PEC,
	}
	if p.Covered {
		i.Benefit = []fhirBenefit{{concept(systemKind, kindCode(p.Value.Kind), ""), p.Value.String()}}
	}
	return i
}

func concept(system, code, text string) fhirConcept {
	return fhirConcept{Coding: []fhirCoding{{system, code}}, Text: text}
}

func kindCode(k rights.GuaranteeKind) string {
	switch k {
	case rights.Rate:
		return "rate"
	case rights.Rates3:
		return "rates-by-class"
	case rights.PEC:
		return "prior-agreement"
	case rights.TM:
		return "ticket-moderateur"
	case rights.Amount:
		return "amount"
	}
	return "none"
}

type fhirIssue struct {
	Severity string      `json:"severity"`
	Code     string      `json:"code"`
	Details  fhirConcept `json:"details"`
}

type fhirOutcome struct {
	ResourceType string      `json:"resourceType"`
	Issue        []fhirIssue `json:"issue"`
}

// FHIRRefused is what a card gets that is not authentic, and so no accord: an OperationOutcome with the reason's stable code.
func FHIRRefused(reason string) ([]byte, error) {
	if !code(reason) {
		return nil, malformed("reason_form", "reason is no code")
	}
	b, err := json.Marshal(fhirOutcome{"OperationOutcome", []fhirIssue{{"error", "security", concept(systemReason, reason, "")}}})
	if err != nil {
		return nil, fmt.Errorf("accord: fhir: %w", err)
	}
	return b, nil
}
