// The FHIR view against the official JSON schema of R4.

package accord

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fhirSchema is the official schema, which npm carries. With CI=true its absence is a failure.
func fhirSchema(t *testing.T, resource string) *jsonschema.Schema {
	t.Helper()
	name := filepath.Join("testdata", "interop", "node_modules", "@asymmetrik", "fhir-json-schema-validator", "fhir.schema.json")
	b, err := os.ReadFile(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the FHIR schema is not installed: run npm install in card/accord/testdata/interop")
	}
	doc := must(jsonschema.UnmarshalJSON(bytes.NewReader(b)))(t)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("fhir.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	return must(c.Compile("fhir.schema.json#/definitions/" + resource))(t)
}

func TestFHIR(t *testing.T) {
	schema := fhirSchema(t, "CoverageEligibilityResponse")
	a := full(t)
	jws := must(Seal(newSigner(t, Kind), a))(t)
	alone := full(t)
	alone.Answers, alone.Person = alone.Answers[3:], 1
	refused := full(t)
	refused.Answers = refused.Answers[2:3]
	for _, a := range []*Accord{a, alone, refused} {
		view := must(FHIR(a, jws))(t)
		v := must(jsonschema.UnmarshalJSON(bytes.NewReader(view)))(t)
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", view, err)
		}
		// The schema must be one that refuses.
		for _, member := range []string{"status", "outcome", "created"} {
			broken := strings.Replace(string(view), `"`+member+`":"`, `"`+member+`":["`, 1)
			broken = strings.Replace(broken, `"`+member+`":["active"`, `"`+member+`":["active"]`, 1)
			broken = strings.Replace(broken, `"`+member+`":["complete"`, `"`+member+`":["complete"]`, 1)
			if v, err := jsonschema.UnmarshalJSON(strings.NewReader(broken)); err == nil && schema.Validate(v) == nil {
				t.Errorf("%s as an array was accepted", member)
			}
		}
	}
	// What a reader of FHIR is told is what the accord says.
	var r fhirResponse
	if err := json.Unmarshal(must(FHIR(a, jws))(t), &r); err != nil {
		t.Fatal(err)
	}
	items := r.Insurance[0].Item
	if len(items) != 6 || items[0].Excluded || items[0].Benefit[0].AllowedString != "SP 100/100/15 (1)" || items[0].Authorization ||
		!items[2].Authorization || !items[4].Excluded || len(items[4].Benefit) != 0 || items[1].Extension[0].PositiveInt != 2 {
		t.Errorf("items %+v", items)
	}
	if !r.Insurance[0].Inforce || len(r.Error) != 1 || r.Error[0].Code.Coding[0].Code != "EXPIRED" || r.Extension[0].ValueString != jws ||
		r.Patient.Identifier.Value != "775670482/3-583021" || r.Request.Identifier.Value != requestID || r.Created != "2027-03-01T11:00:00Z" || r.ServicedDate != "2027-03-01" {
		t.Errorf("%+v", r)
	}
	if err := json.Unmarshal(must(FHIR(refused, jws))(t), &r); err != nil || r.Insurance[0].Inforce {
		t.Errorf("refused, and in force: %v", err)
	}
	broken := full(t)
	broken.Answers[0].Reason = ""
	if b, err := FHIR(broken, jws); err == nil || b != nil {
		t.Error("a faulty accord has a view")
	}
}

func TestFHIRRefused(t *testing.T) {
	schema := fhirSchema(t, "OperationOutcome")
	v := must(jsonschema.UnmarshalJSON(bytes.NewReader(must(FHIRRefused("BAD_SIGNATURE"))(t))))(t)
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
	if b, err := FHIRRefused(`x"`); err == nil || b != nil {
		t.Error("a faulty code was written")
	}
}
