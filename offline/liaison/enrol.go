// Enrolling, and what the service knows of this counter.

package liaison

import (
	"context"
	"encoding/json"
	"strings"

	"sceau/card/accord"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

const maxFacts = 16 << 10

// Facts are what a service knows of a counter. Whatever it says, each text is one line that a terminal shows as it stands, and
// the address is one that a service may have: what is fetched from there is neither a folder nor a share of the network.
type Facts struct {
	Counter    string   `json:"counter"`
	FINESS     string   `json:"finess"`
	Profession string   `json:"profession"`
	Networks   []string `json:"networks"`
	Name       string   `json:"name"`
	State      string   `json:"state"`
	Root       string   `json:"root"`    // fingerprint of the operator's repository
	Address    string   `json:"address"` // origin of the service; the published files are below /repo/
}

// Published is where the operator's signed files are, to follow them.
func (f Facts) Published() string { return strings.TrimRight(f.Address, "/") + "/repo/" }

func (f Facts) lawful() bool {
	for _, text := range append([]string{f.Name, f.Profession, f.State}, f.Networks...) {
		if text != "" && rights.CheckNote(text) != nil {
			return false
		}
	}
	if _, err := parseAddress(f.Address); err != nil || !isFingerprint(f.Root) || len(f.Networks) > 32 {
		return false
	}
	if _, err := rights.CheckFINESS(f.FINESS); err != nil {
		return false
	}
	if _, err := signing.KIDBytes(f.Counter); err != nil {
		return false
	}
	for _, n := range f.Networks {
		if n == "" || len(n) > 16 {
			return false
		}
	}
	return len(f.Name) <= 512 && len(f.Profession) <= 32
}

// isFingerprint says whether s is a fingerprint as it is shown: 64 hexadecimal digits, in groups.
func isFingerprint(s string) bool {
	return trust.SameFingerprint(s, s) && strings.Trim(s, "0123456789ABCDEFabcdef ") == ""
}

var selfRequest = request{method: "GET", path: "/v1/counter", most: maxFacts}

func readFacts(got answer) (Facts, error) {
	var f Facts
	if err := decode(got.body, &f); err != nil || !f.lawful() {
		return Facts{}, &Failure{Code: CodeNotService, Status: 200, Err: err}
	}
	return f, nil
}

// Self asks what the service knows of this counter.
func (c *Client) Self(ctx context.Context) (Facts, error) {
	got, err := c.limited(ctx, selfRequest)
	if err != nil {
		return Facts{}, err
	}
	return readFacts(got)
}

// Enrol uses up an invitation with the key of o.Signer; o.Counter is not looked at. root is the fingerprint that the invitation
// names, "" when there was only an address and a code: the caller then shows Facts.Root to a person. A code that this same key
// has used up already, before an answer was lost, is no error. Errors are *Failure, and those of New.
func Enrol(ctx context.Context, o Options, code [10]byte, root string) (Facts, error) {
	if o.Signer != nil {
		o.Counter = o.Signer.KID()
	}
	c, err := New(o)
	if err != nil {
		return Facts{}, err
	}
	defer c.Close()
	body, err := json.Marshal(struct {
		Code string          `json:"code"`
		JWK  json.RawMessage `json:"jwk"`
	}{accord.CodeText(code), o.Signer.Public().JWK()})
	if err != nil {
		return Facts{}, &Failure{Code: CodeRefused, Err: err}
	}
	got, err := c.limited(ctx, request{method: "POST", path: "/v1/enrolments", media: "application/json", body: body, most: maxFacts})
	if code := CodeOf(err); code == CodeInvitation || strings.HasPrefix(code, codeOfService) {
		// Used up, perhaps by this very key: the service then knows it.
		if again, known := c.limited(ctx, selfRequest); known == nil {
			got, err = again, nil
		}
	}
	if err != nil {
		return Facts{}, err
	}
	f, err := readFacts(got)
	if err != nil {
		return Facts{}, err
	}
	if f.Counter != o.Signer.KID() {
		return Facts{}, &Failure{Code: CodeNotService, Status: 200}
	}
	if root != "" && !trust.SameFingerprint(root, f.Root) {
		return Facts{}, &Failure{Code: CodeOtherRoot, Status: 200}
	}
	return f, nil
}

// limited is call within CallLimit.
func (c *Client) limited(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, CallLimit, errLimit)
	defer cancel()
	return c.call(ctx, r)
}
