// The identity provider: one that the operator configured, whose word is taken for who a person is and what they may do.

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sceau/card/issuer"
	"sceau/rights"
)

// OIDCConfig says whose word is taken, and for what. Whoever the mapping doesn't name has no access: one unknown role, and the
// person is refused whole.
type OIDCConfig struct {
	Issuer       string // https://…, as the provider's own document names it
	ClientID     string
	ClientSecret string // "" for a public client: PKCE alone
	Redirect     string // public URL of /callback
	Scopes       []string

	InsurerClaim string            // whose value Insurers maps; "" is "insurer"
	RolesClaim   string            // whose value or values Roles maps; "" is "roles"
	Insurers     map[string]string // to an insurer's key, or to Operator
	Roles        map[string][]Role

	ACR []string // one of these must be the login's acr; none asks for none
	AMR []string // one of these must be among the login's amr

	Client *http.Client // nil is one of its own
	Now    func() time.Time
}

// Operator stands in OIDCConfig.Insurers for the operator's own people.
const Operator = "operator"

// OIDC is a configured provider. It is reached at the first login, and again until it answers.
type OIDC struct {
	c      OIDCConfig
	client *http.Client

	mu       sync.Mutex
	provider *oidc.Provider
	away     time.Time // when it was last looked for in vain, by the kernel's clock
}

// Reasons why a login fails, for the log.
var (
	errUnbelieved     = errors.New("httpapi: login")
	errNoAttempt      = fmt.Errorf("%w: no attempt of this browser, or too old", errUnbelieved)
	errForeignState   = fmt.Errorf("%w: state of another attempt", errUnbelieved)
	errProviderSaysNo = fmt.Errorf("%w: the provider gave no code", errUnbelieved)
	errExchange       = fmt.Errorf("%w: the provider refused the code", errUnbelieved)
	errToken          = fmt.Errorf("%w: the id token is not genuine", errUnbelieved)
	errNonce          = fmt.Errorf("%w: nonce of another attempt", errUnbelieved)
	errStrength       = fmt.Errorf("%w: not as strong as the operator demands", errUnbelieved)
	errNoAccess       = fmt.Errorf("%w: no access", errUnbelieved)
	errProvider       = errors.New("httpapi: the identity provider can't be reached")
)

// whyNot is the reason without anything that came from outside.
func whyNot(err error) string {
	for _, known := range []error{errNoAttempt, errForeignState, errProviderSaysNo, errExchange, errToken, errNonce, errStrength, errNoAccess, errProvider} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "internal"
}

// signingAlgs are asymmetric: a provider's public key is never a secret between two.
var signingAlgs = []string{oidc.RS256, oidc.ES256, oidc.PS256, oidc.EdDSA}

// NewOIDC checks the settings; it reaches nobody.
func NewOIDC(c OIDCConfig) (*OIDC, error) {
	bad := func(what string) (*OIDC, error) { return nil, fmt.Errorf("%w: oidc: %s", ErrOptions, what) }
	for name, address := range map[string]string{"issuer": c.Issuer, "redirect": c.Redirect} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) || u.RawQuery != "" || u.Fragment != "" {
			return bad(name + " must be an https:// address")
		}
	}
	if c.ClientID == "" {
		return bad("client_id is missing")
	}
	if len(c.Insurers) == 0 || len(c.Roles) == 0 {
		return bad("insurers and roles must map something: nobody would have access")
	}
	for _, to := range c.Insurers {
		// "" is how the rest of the program says operator: a value that was left empty must not become one.
		if amc, err := rights.ParseAMC(to); to != Operator && (err != nil || amc.Key() != to) {
			return bad("an insurer maps to no key of an insurer, and not to " + Operator)
		}
	}
	for _, to := range c.Roles {
		if len(to) == 0 {
			return bad("a role maps to nothing")
		}
		for _, r := range to {
			if !slices.Contains(issuer.Roles(), issuer.Role(r)) {
				return bad("a role maps to none of this service")
			}
		}
	}
	if c.InsurerClaim == "" {
		c.InsurerClaim = "insurer"
	}
	if c.RolesClaim == "" {
		c.RolesClaim = "roles"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	o := &OIDC{c: c, client: c.Client}
	if o.client == nil {
		o.client = new(http.Client)
	}
	own := *o.client
	o.client = &own
	o.client.Timeout = 5 * time.Second
	o.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.client.Transport = bounded{o.client.Transport}
	return o, nil
}

func local(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// bounded cuts answers short that are longer than any of a provider's.
type bounded struct{ inner http.RoundTripper }

const maxProviderAnswer = 1 << 20

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := b.inner
	if inner == nil {
		inner = http.DefaultTransport
	}
	resp, err := inner.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxProviderAnswer), resp.Body}
	}
	return resp, err
}

// reach reads the provider's own document, once it answers.
func (o *OIDC) reach() (*oidc.Provider, error) {
	came := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	if o.away.After(came) { // who waited for an attempt that failed makes no other: a queue of them would never end
		return nil, errProvider
	}
	// Its keys are fetched later through the same client, so no request's context may go in.
	p, err := oidc.NewProvider(oidc.ClientContext(context.Background(), o.client), o.c.Issuer)
	if err != nil {
		o.away = time.Now()
		return nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	o.provider = p
	return p, nil
}

func (o *OIDC) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: o.c.ClientID, ClientSecret: o.c.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: o.c.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, o.c.Scopes...)}
}

// begin is the address where a browser logs in.
func (o *OIDC) begin(_ context.Context, a attempt) (string, error) {
	p, err := o.reach()
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)}
	if len(o.c.ACR) > 0 {
		values := o.c.ACR[0]
		for _, v := range o.c.ACR[1:] {
			values += " " + v
		}
		options = append(options, oauth2.SetAuthURLParam("acr_values", values))
	}
	return o.oauth(p).AuthCodeURL(a.state, options...), nil
}

// finish exchanges a code, believes the id token or not, and says who it is of.
func (o *OIDC) finish(ctx context.Context, a attempt, code, iss string) (issuer.Login, error) {
	if iss != "" && iss != o.c.Issuer { // RFC 9207: the code is another provider's
		return issuer.Login{}, errForeignState
	}
	p, err := o.reach()
	if err != nil {
		return issuer.Login{}, err
	}
	token, err := o.oauth(p).Exchange(oidc.ClientContext(ctx, o.client), code, oauth2.VerifierOption(a.verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500:
		return issuer.Login{}, errExchange
	case err != nil:
		return issuer.Login{}, fmt.Errorf("%w: exchange", errProvider)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return issuer.Login{}, errToken
	}
	v := p.VerifierContext(oidc.ClientContext(context.Background(), o.client), &oidc.Config{ClientID: o.c.ClientID, SupportedSigningAlgs: signingAlgs, Now: o.c.Now})
	id, err := v.Verify(ctx, raw)
	if err != nil {
		return issuer.Login{}, fmt.Errorf("%w: %w", errToken, err)
	}
	if id.Nonce != a.nonce {
		return issuer.Login{}, errNonce
	}
	return o.access(id)
}

// access is what the mapping makes of a genuine token.
func (o *OIDC) access(id *oidc.IDToken) (issuer.Login, error) {
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return issuer.Login{}, errToken
	}
	if azp, there := claims["azp"]; there && azp != o.c.ClientID || len(id.Audience) > 1 && !there {
		return issuer.Login{}, errToken
	}
	if len(o.c.ACR) > 0 {
		if acr, _ := claims["acr"].(string); !slices.Contains(o.c.ACR, acr) {
			return issuer.Login{}, errStrength
		}
	}
	if len(o.c.AMR) > 0 && !slices.ContainsFunc(texts(claims["amr"]), func(m string) bool { return slices.Contains(o.c.AMR, m) }) {
		return issuer.Login{}, errStrength
	}
	insurers := texts(claims[o.c.InsurerClaim])
	names := texts(claims[o.c.RolesClaim])
	if len(insurers) != 1 || len(names) == 0 || id.Subject == "" || len(id.Subject) > 255 {
		return issuer.Login{}, errNoAccess
	}
	key, ok := o.c.Insurers[insurers[0]]
	if !ok {
		return issuer.Login{}, errNoAccess
	}
	if key == Operator {
		key = ""
	}
	who := issuer.Login{Provider: o.c.Issuer, Subject: id.Subject, Insurer: key}
	for _, name := range names {
		to, ok := o.c.Roles[name]
		if !ok {
			return issuer.Login{}, errNoAccess
		}
		for _, r := range to {
			if !slices.Contains(who.Roles, issuer.Role(r)) {
				who.Roles = append(who.Roles, issuer.Role(r))
			}
		}
	}
	return who, nil
}

// texts reads a claim that is a text or a list of texts; anything else is none.
func texts(claim any) []string {
	switch c := claim.(type) {
	case string:
		return []string{c}
	case []any:
		var out []string
		for _, one := range c {
			s, ok := one.(string)
			if !ok {
				return nil
			}
			out = append(out, s)
		}
		return out
	}
	return nil
}
