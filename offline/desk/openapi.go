// What the OpenAPI document says beyond what huma reads from the types.

package desk

import (
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"sceau/offline"
)

const apiAbout = `The counter's verdicts for pharmacy software on the same computer. ` +
	`Codes (status, reason, detail, misread, code of a problem) are stable and may be branched on; words are for people and must not be parsed. ` +
	`Unknown members must be ignored: later versions add some. There is no CORS, and requests of browsers are refused.`

const verifyAbout = `Send what was scanned as JSON, or a PDF, PNG or JPEG file that holds one card's code. ` +
	`The check is written in the counter's journal before the answer comes, unless "recorded" is false. ` +
	`Only the status "valid" means that rights are open; "unknown" is never to be read as valid, nor as revoked.`

var problemType = reflect.TypeFor[Problem]()

// pictureTypes are the bodies of /v1/verify beside JSON.
var pictureTypes = []string{"application/pdf", "image/png", "image/jpeg"}

// finish writes into the document what the types don't say.
func finish(d *huma.OpenAPI, registry huma.Registry) {
	schemas := registry.Map()
	document := schemas["Document"]
	document.Description = "A verdict, as of `comptoir verify --json`."
	enum := func(name string, values []any) { document.Properties[name].Enum = values }
	enum("schema", []any{"sceau-verdict-1"})
	enum("status", []any{offline.Valid, offline.Reserve, offline.Refused, offline.Unknown})
	document.Properties["list"] = &huma.Schema{Description: "null when no list was consulted", OneOf: []*huma.Schema{document.Properties["list"], {Type: "null"}}}
	var reasons []any
	for _, r := range slices.Sorted(slices.Values(offline.Reasons())) {
		reasons = append(reasons, r)
	}
	document.Properties["reason"].Description = "one of the examples today; later versions may add some: read an unknown one by its status"
	document.Properties["reason"].Examples = reasons
	// Answers may grow; what is sent may not.
	for name, schema := range schemas {
		if name != "VerifyBody" && name != "Press" && schema.Type == huma.TypeObject {
			schema.AdditionalProperties = true
		}
	}
	body := d.Paths["/v1/verify"].Post.RequestBody
	for _, media := range pictureTypes {
		body.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
}
