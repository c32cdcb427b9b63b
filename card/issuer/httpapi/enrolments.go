// How a computer becomes a counter, and what a counter is told of itself.

package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/signing/assertion"
	"sceau/signing/trust"
)

const maxSmallBody = 8 << 10

// rootFile is the first root of every repository: its fingerprint is what an invitation names.
const rootFile = "1.root.json"

func (s *Server) counterRoutes() {
	add(s, huma.Operation{OperationID: "enrol", Method: http.MethodPost, Path: "/v1/enrolments", Summary: "Enrol a counter with the one-time code of its invitation",
		Description: "The request is signed with the new key (Authorization: Sceau …), which proves that the computer holds it. The code is then used up.", DefaultStatus: http.StatusCreated},
		Policy{Roles: []Role{RolePublic}, Tenant: NoTenant, Body: maxSmallBody, Guess: true}, s.enrol)
	add(s, huma.Operation{OperationID: "counter", Method: http.MethodGet, Path: "/v1/counter", Summary: "What the service knows of the counter that asks"},
		Policy{Roles: []Role{RoleCounter}, Tenant: OwnCounter}, s.self)
	s.checkRoutes()
}

// JWK is a public P-256 key, as RFC 7517 writes it.
type JWK struct {
	Kty string `json:"kty" enum:"EC"`
	Crv string `json:"crv" enum:"P-256"`
	X   string `json:"x" pattern:"^[A-Za-z0-9_-]{43}$"`
	Y   string `json:"y" pattern:"^[A-Za-z0-9_-]{43}$"`
	KID string `json:"kid" pattern:"^[A-Za-z0-9_-]{11}$" doc:"first 8 bytes of the RFC 7638 thumbprint"`
	Use string `json:"use" enum:"sig"`
	Alg string `json:"alg" enum:"ES256"`
}

// EnrolmentBody asks for an enrolment.
type EnrolmentBody struct {
	Code string `json:"code" minLength:"16" maxLength:"64" doc:"one-time code of the invitation, as typed"`
	JWK  JWK    `json:"jwk" doc:"the counter's new request key, which signs this request"`
}

// CounterFacts are what a counter is told of itself.
type CounterFacts struct {
	Counter    string   `json:"counter" doc:"id: the kid of its request key"`
	FINESS     string   `json:"finess"`
	Profession string   `json:"profession"`
	Networks   []string `json:"networks" nullable:"false" doc:"circuits, such as SP"`
	Name       string   `json:"name" doc:"of the establishment"`
	State      string   `json:"state" enum:"active,suspended,revoked"`
	Root       string   `json:"root" doc:"fingerprint of the first root of the published files"`
	Address    string   `json:"address" doc:"origin of the service; the published files are below /repo/"`
}

type enrolInput struct {
	Body EnrolmentBody
}

type counterOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         CounterFacts
}

func (s *Server) enrol(ctx context.Context, _ Principal, in *enrolInput) (*counterOutput, error) {
	text, err := json.Marshal(in.Body.JWK)
	if err != nil {
		return nil, err
	}
	key, err := requestKey(text)
	if err != nil {
		return nil, errField.about("jwk").because(err)
	}
	v := visitOf(ctx)
	compact, ok := assertion.FromHeader(v.authorization)
	if !ok {
		return nil, errNobody
	}
	got, err := s.signed(v.request, v, key, compact, s.now())
	if err != nil {
		return nil, err
	}
	c, err := s.o.Issuer.Enrol(ctx, issuer.EnrolRequest{Code: in.Body.Code, Key: key, RequestID: got.ID})
	if err != nil {
		return nil, err
	}
	return s.facts(ctx, c)
}

func (s *Server) self(ctx context.Context, who Principal, _ *struct{}) (*counterOutput, error) {
	return s.facts(ctx, who.Counter)
}

func (s *Server) facts(ctx context.Context, c issuer.Counter) (*counterOutput, error) {
	var root []byte
	err := s.o.Issuer.Store.View(ctx, func(tx register.Tx) (err error) { root, err = tx.File(rootFile); return err })
	if err != nil {
		return nil, err
	}
	networks := c.Networks
	if networks == nil {
		networks = []string{}
	}
	return &counterOutput{"no-store", CounterFacts{Counter: c.ID, FINESS: c.FINESS, Profession: c.Profession, Networks: networks, Name: c.Name,
		State: string(c.State), Root: trust.Fingerprint(root), Address: s.audience}}, nil
}
