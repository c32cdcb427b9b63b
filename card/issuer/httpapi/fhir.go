// The same answer as a FHIR R4 CoverageEligibilityResponse, for software that speaks it. It says no more than the accord, which it
// carries, and names nobody: the card stands for its holder.

package httpapi

import (
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"

	"sceau/card/accord"
	"sceau/card/issuer"
	"sceau/offline"
)

// Systems of the codes and identifiers below.
const (
	fhirCard    = "urn:sceau:card"
	fhirInsurer = "urn:sceau:amc"
	fhirAccord  = "urn:sceau:accord"
	fhirDomain  = "urn:sceau:domain"
	fhirReason  = "urn:sceau:reason"
	fhirPerson  = "urn:sceau:person"
	fhirFINESS  = "urn:oid:1.2.250.1.71.4.2.2"
)

// wantsFHIR says whether an Accept header names FHIR and gives it some weight.
func wantsFHIR(accept string) bool {
	for _, one := range strings.Split(accept, ",") {
		media, params, err := mime.ParseMediaType(one)
		if err != nil || media != fhirMedia {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q <= 0 {
			continue
		}
		return true
	}
	return false
}

type (
	fhirIdentifier struct {
		System string `json:"system"`
		Value  string `json:"value"`
	}
	fhirReference struct {
		Identifier *fhirIdentifier `json:"identifier,omitempty"`
		Reference  string          `json:"reference,omitempty"`
	}
	fhirCoding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	fhirConcept struct {
		Coding []fhirCoding `json:"coding"`
		Text   string       `json:"text,omitempty"`
	}
	fhirMoney struct {
		Value    int    `json:"value"`
		Currency string `json:"currency"`
	}
	fhirBenefit struct {
		Type          fhirConcept `json:"type"`
		AllowedString string      `json:"allowedString,omitempty"`
		AllowedMoney  *fhirMoney  `json:"allowedMoney,omitempty"`
	}
	fhirItem struct {
		Category    *fhirConcept  `json:"category,omitempty"`
		Name        string        `json:"name,omitempty"` // place on the card, never a name
		Excluded    bool          `json:"excluded"`
		Description string        `json:"description,omitempty"`
		Benefit     []fhirBenefit `json:"benefit,omitempty"`
		Authorised  *bool         `json:"authorizationRequired,omitempty"`
	}
	fhirInsurance struct {
		Coverage fhirReference `json:"coverage"`
		Inforce  *bool         `json:"inforce,omitempty"`
		Item     []fhirItem    `json:"item,omitempty"`
	}
	fhirError struct {
		Code fhirConcept `json:"code"`
	}
	fhirEligibility struct {
		ResourceType string           `json:"resourceType"`
		Identifier   []fhirIdentifier `json:"identifier,omitempty"`
		Contained    []any            `json:"contained"`
		Status       string           `json:"status"`
		Purpose      []string         `json:"purpose"`
		Patient      fhirReference    `json:"patient"`
		ServicedDate string           `json:"servicedDate,omitempty"`
		Created      string           `json:"created"`
		Requestor    fhirReference    `json:"requestor"`
		Request      fhirReference    `json:"request"`
		Outcome      string           `json:"outcome"`
		Disposition  string           `json:"disposition,omitempty"`
		Insurer      fhirReference    `json:"insurer"`
		Insurance    []fhirInsurance  `json:"insurance,omitempty"`
		Error        []fhirError      `json:"error,omitempty"`
		PreAuthRef   string           `json:"preAuthRef,omitempty"`
	}
)

func concept(system, code string) fhirConcept {
	return fhirConcept{Coding: []fhirCoding{{system, code}}}
}

// sealedAs is the accord itself: whoever must prove something keeps this and nothing else.
func sealedAs(jws string) any {
	return struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
		ContentType  string `json:"contentType"`
		Data         []byte `json:"data"`
	}{"Binary", "accord", "application/jose", []byte(jws)}
}

// eligibility is the FHIR view of a report.
func eligibility(report *issuer.CheckReport, from issuer.Counter, now time.Time) fhirEligibility {
	out := fhirEligibility{ResourceType: "CoverageEligibilityResponse", Contained: []any{}, Status: "active", Purpose: []string{"benefits", "validation"},
		Requestor: fhirReference{Identifier: &fhirIdentifier{fhirFINESS, from.FINESS}}, Request: fhirReference{Identifier: &fhirIdentifier{fhirAccord, "request"}},
		Created: now.UTC().Format(time.RFC3339)}
	a := report.Accord
	if a == nil {
		unknown := &fhirIdentifier{fhirCard, "unknown"}
		out.Patient, out.Insurer = fhirReference{Identifier: unknown}, fhirReference{Identifier: &fhirIdentifier{fhirInsurer, "unknown"}}
		out.Outcome, out.Error = "error", []fhirError{{concept(fhirReason, report.Refused)}}
		return out
	}
	place := &fhirIdentifier{fhirCard, a.Insurer + "/" + a.Place.String()}
	out.Identifier = []fhirIdentifier{{fhirAccord, string(a.Number)}}
	out.Request.Identifier.Value = string(a.Number)
	out.Contained = append(out.Contained, sealedAs(report.JWS))
	out.Patient, out.Insurer = fhirReference{Identifier: place}, fhirReference{Identifier: &fhirIdentifier{fhirInsurer, a.Insurer}}
	out.Created, out.Outcome, out.PreAuthRef = a.At.UTC().Format(time.RFC3339), "complete", string(a.Number)
	if a.Care != 0 {
		out.ServicedDate = a.Care.String()
	}
	for i, answer := range a.Answers {
		if i == 0 {
			out.Disposition = answer.Status + " " + answer.Reason
		}
		out.Insurance = append(out.Insurance, insurance(answer, place))
	}
	return out
}

// insurance is one domain's answer. "inforce" is left out where the service knows nothing: it is then neither true nor false.
func insurance(answer accord.Answer, place *fhirIdentifier) fhirInsurance {
	out := fhirInsurance{Coverage: fhirReference{Identifier: place}}
	reserve := answer.Status == string(offline.Reserve)
	switch open := answer.Status == string(offline.Valid); {
	case open, answer.Status == string(offline.Refused):
		out.Inforce = &open
	}
	var category *fhirConcept
	if answer.Domain != "" {
		c := concept(fhirDomain, answer.Domain)
		category = &c
	}
	head := fhirItem{Category: category, Excluded: answer.Status == string(offline.Refused), Description: answer.Status + " " + answer.Reason}
	if reserve {
		head.Authorised = &reserve
	}
	if !answer.PayUntil.IsZero() {
		promise := fhirBenefit{Type: concept(fhirReason, "PAID_UNTIL"), AllowedString: answer.PayUntil.UTC().Format(time.RFC3339)}
		head.Benefit = append(head.Benefit, promise)
		if answer.PayEuros > 0 {
			head.Benefit = append(head.Benefit, fhirBenefit{Type: concept(fhirReason, "PAID_UP_TO"), AllowedMoney: &fhirMoney{answer.PayEuros, "EUR"}})
		}
	}
	out.Item = append(out.Item, head)
	for _, p := range answer.People {
		item := fhirItem{Category: category, Name: fmt.Sprintf("person %d", p.Number), Excluded: !p.Covered, Description: fhirPerson + ":" + strconv.Itoa(p.Number)}
		if p.Covered {
			item.Benefit = []fhirBenefit{{Type: concept(fhirReason, "GUARANTEE"), AllowedString: p.Value.String()}}
		}
		out.Item = append(out.Item, item)
	}
	return out
}
