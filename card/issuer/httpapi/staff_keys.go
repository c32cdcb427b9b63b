// API keys, made and withdrawn by the operator.

package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/register"
)

// KeyLine is an API key without its secret.
type KeyLine struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Insurer string   `json:"insurer,omitempty" doc:"key of the insurer; missing for the operator"`
	Roles   []string `json:"roles" nullable:"false"`
	Made    string   `json:"made"`
	Maker   string   `json:"maker"`
	Ends    string   `json:"ends,omitempty" doc:"last day"`
	Revoked string   `json:"revoked,omitempty"`
	LastUse string   `json:"last_use,omitempty" doc:"day of the last use"`
}

func keyLine(k issuer.Key) KeyLine {
	out := KeyLine{ID: k.ID, Name: k.Name, Insurer: k.Insurer, Roles: []string{}, Made: momentText(k.Made), Maker: k.Maker,
		Ends: dayText(k.Ends), Revoked: momentText(k.Revoked), LastUse: dayText(k.LastUse)}
	for _, r := range k.Roles {
		out.Roles = append(out.Roles, string(r))
	}
	return out
}

// KeyBody describes a new key.
type KeyBody struct {
	Name    string   `json:"name" minLength:"1" maxLength:"64" doc:"what it is for; nobody's name"`
	Insurer string   `json:"insurer,omitempty" maxLength:"10" doc:"key of the insurer; none for the operator"`
	Roles   []string `json:"roles" minItems:"1" maxItems:"6" nullable:"false" enum:"issue,revoke,read,audit,publish,operator"`
	Ends    string   `json:"ends,omitempty" doc:"last day; none for no end"`
}

// KeyMade is a new key. Its token is told once: the same request again has none.
type KeyMade struct {
	KeyLine
	Token string `json:"token,omitempty" doc:"sk_…, told once"`
}

type keyMadeOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         KeyMade
}

type keyOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         KeyLine
}

type keysBody struct {
	Keys []KeyLine `json:"keys" nullable:"false"`
	Next string    `json:"next,omitempty"`
}

type keysOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         keysBody
}

func (s *Server) keyRoutes() {
	add(s, huma.Operation{OperationID: "make-key", Method: http.MethodPost, Path: "/v1/api-keys", Summary: "Make an API key", DefaultStatus: http.StatusCreated,
		Description: "Every key that one credential makes is the same pair of eyes as its maker."},
		operatorPolicy(4<<10), func(ctx context.Context, who Principal, in *struct {
			Keyed
			Body KeyBody
		}) (*keyMadeOutput, error) {
			ends, err := dayOf("ends", in.Body.Ends)
			if err != nil {
				return nil, err
			}
			if ends != 0 && ends.Midnight().Add(24*time.Hour).Before(s.now()) {
				return nil, errField.about("ends")
			}
			req := issuer.KeyRequest{Name: in.Body.Name, Insurer: in.Body.Insurer, Ends: ends}
			for _, r := range in.Body.Roles {
				req.Roles = append(req.Roles, issuer.Role(r))
			}
			token := ""
			out, err := once[KeyMade](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
				var err error
				_, token, err = s.o.Issuer.As(w).MakeKey(ctx, &w, req, func(tx register.Tx, k issuer.Key) error { return t.Done(tx, KeyMade{KeyLine: keyLine(k)}) })
				return err
			})
			if err != nil {
				return nil, err
			}
			out.Token = token
			return &keyMadeOutput{"no-store", out}, nil
		})
	add(s, huma.Operation{OperationID: "list-keys", Method: http.MethodGet, Path: "/v1/api-keys", Summary: "API keys, also those that are withdrawn"},
		operatorPolicy(0), func(ctx context.Context, _ Principal, in *page) (*keysOutput, error) {
			list, next, err := s.o.Issuer.Keys(ctx, "*", in.After, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &keysOutput{"no-store", keysBody{Keys: []KeyLine{}, Next: next}}
			for _, k := range list {
				out.Body.Keys = append(out.Body.Keys, keyLine(k))
			}
			return out, nil
		})
	add(s, huma.Operation{OperationID: "revoke-key", Method: http.MethodPost, Path: "/v1/api-keys/{id}/revoke", Summary: "Withdraw an API key, at once and for good"},
		operatorPolicy(0), func(ctx context.Context, who Principal, in *struct {
			ID string `path:"id" pattern:"^[0-9a-f]{16}$"`
		}) (*keyOutput, error) {
			k, err := s.o.Issuer.As(acting(who)).RevokeKey(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &keyOutput{"no-store", keyLine(k)}, nil
		})
}
