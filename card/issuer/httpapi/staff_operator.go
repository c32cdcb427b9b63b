// The operator's routes: counters, invitations, alarms.

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/accord"
	"sceau/card/issuer"
	"sceau/card/qr"
	"sceau/card/register"
)

// CounterLine is a counter as the operator sees it.
type CounterLine struct {
	Counter    string   `json:"counter" doc:"id: the kid of its request key"`
	FINESS     string   `json:"finess"`
	Profession string   `json:"profession"`
	Networks   []string `json:"networks" nullable:"false"`
	Name       string   `json:"name"`
	State      string   `json:"state" enum:"active,suspended,revoked"`
	Since      string   `json:"since"`
	Why        string   `json:"why,omitempty" doc:"class of the reason"`
}

func counterLine(c issuer.Counter) CounterLine {
	networks := c.Networks
	if networks == nil {
		networks = []string{}
	}
	return CounterLine{c.ID, c.FINESS, c.Profession, networks, c.Name, string(c.State), momentText(c.Since), c.Why}
}

type counterLineOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         CounterLine
}

// InvitationBody says whom an invitation is for.
type InvitationBody struct {
	FINESS     string   `json:"finess" pattern:"^[0-9A-Z]{9}$"`
	Profession string   `json:"profession" pattern:"^[a-z-]{2,32}$" example:"pharmacie"`
	Name       string   `json:"name,omitempty" maxLength:"80" doc:"of the establishment"`
	Networks   []string `json:"networks,omitempty" maxItems:"16" nullable:"false"`
	Hours      int      `json:"hours,omitempty" minimum:"1" maximum:"336" doc:"how long the code can be used; default 48"`
}

// InvitationMade is a new invitation. The three forms of its code are told once: the same request again has none of them.
type InvitationMade struct {
	Until   string `json:"until"`
	Warning string `json:"warning,omitempty" doc:"about the FINESS, in French"`
	Code    string `json:"code,omitempty" doc:"to be typed"`
	Text    string `json:"text,omitempty" doc:"of the QR code"`
	PNG     []byte `json:"png,omitempty" doc:"the QR code"`
}

type invitationOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         InvitationMade
}

type invitationsBody struct {
	Invitations []InvitationLine `json:"invitations" nullable:"false"`
	Next        string           `json:"next,omitempty"`
}

// InvitationLine is an invitation that nobody has used yet.
type InvitationLine struct {
	ID         string   `json:"id" doc:"digest of the code"`
	FINESS     string   `json:"finess"`
	Profession string   `json:"profession"`
	Name       string   `json:"name,omitempty"`
	Networks   []string `json:"networks,omitempty" nullable:"false"`
	Until      string   `json:"until"`
}

type invitationsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         invitationsBody
}

type countersBody struct {
	Counters []CounterLine `json:"counters" nullable:"false"`
	Next     string        `json:"next,omitempty"`
}

type countersOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         countersBody
}

// AlarmEntry is an alarm.
type AlarmEntry struct {
	ID      string          `json:"id"`
	Counter string          `json:"counter,omitempty"`
	Detail  json.RawMessage `json:"detail"`
}

type alarmsBody struct {
	Alarms []AlarmEntry `json:"alarms" nullable:"false"`
	Next   string       `json:"next,omitempty"`
}

type alarmsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         alarmsBody
}

// CounterID is the path of a counter.
type CounterID struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{11}$"`
}

type nothing struct{}

func operatorPolicy(body int64) Policy {
	return Policy{Roles: []Role{RoleOperator}, Tenant: OperatorOnly, Body: body}
}

func (s *Server) operatorRoutes() {
	add(s, huma.Operation{OperationID: "list-counters", Method: http.MethodGet, Path: "/v1/counters", Summary: "Enrolled counters"},
		operatorPolicy(0), func(ctx context.Context, _ Principal, in *page) (*countersOutput, error) {
			list, err := s.o.Issuer.Counters(ctx, in.After, in.Limit+1)
			if err != nil {
				return nil, err
			}
			out := &countersOutput{"no-store", countersBody{Counters: []CounterLine{}}}
			for i, c := range list {
				if i == in.Limit {
					out.Body.Next = list[i-1].ID
					break
				}
				out.Body.Counters = append(out.Body.Counters, counterLine(c))
			}
			return out, nil
		})
	add(s, huma.Operation{OperationID: "read-counter", Method: http.MethodGet, Path: "/v1/counters/{id}", Summary: "One counter"},
		operatorPolicy(0), func(ctx context.Context, _ Principal, in *CounterID) (*counterLineOutput, error) {
			c, err := s.o.Issuer.Counter(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &counterLineOutput{"no-store", counterLine(c)}, nil
		})
	for _, verb := range []struct {
		name, summary string
		do            func(*issuer.Issuer, context.Context, string, string) (issuer.Counter, error)
	}{
		{"suspend", "Keep a counter from asking", (*issuer.Issuer).SuspendCounter},
		{"restore", "Let a suspended counter ask again", func(i *issuer.Issuer, ctx context.Context, id, _ string) (issuer.Counter, error) {
			return i.RestoreCounter(ctx, id)
		}},
		{"revoke", "End a counter for ever", (*issuer.Issuer).RevokeCounter},
	} {
		add(s, huma.Operation{OperationID: verb.name + "-counter", Method: http.MethodPost, Path: "/v1/counters/{id}/" + verb.name, Summary: verb.summary},
			operatorPolicy(1<<10), func(ctx context.Context, who Principal, in *struct {
				CounterID
				Body struct {
					Why string `json:"why,omitempty" pattern:"^[a-z-]{0,32}$" doc:"class of the reason"`
				}
			}) (*counterLineOutput, error) {
				c, err := verb.do(s.o.Issuer.As(acting(who)), ctx, in.ID, in.Body.Why)
				if err != nil {
					return nil, err
				}
				return &counterLineOutput{"no-store", counterLine(c)}, nil
			})
	}
	add(s, huma.Operation{OperationID: "rename-counter", Method: http.MethodPost, Path: "/v1/counters/{id}/rename", Summary: "Change the displayed name of a counter's establishment"},
		operatorPolicy(1<<10), func(ctx context.Context, who Principal, in *struct {
			CounterID
			Body struct {
				Name string `json:"name" maxLength:"80"`
			}
		}) (*counterLineOutput, error) {
			c, err := s.o.Issuer.As(acting(who)).RenameCounter(ctx, in.ID, in.Body.Name)
			if err != nil {
				return nil, err
			}
			return &counterLineOutput{"no-store", counterLine(c)}, nil
		})
	s.invitationRoutes()
	add(s, huma.Operation{OperationID: "list-alarms", Method: http.MethodGet, Path: "/v1/alarms", Summary: "What people must look at"},
		operatorPolicy(0), func(ctx context.Context, _ Principal, in *page) (*alarmsOutput, error) {
			list, next, err := s.o.Issuer.AlarmLines(ctx, in.After, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &alarmsOutput{"no-store", alarmsBody{Alarms: []AlarmEntry{}, Next: next}}
			for _, a := range list {
				out.Body.Alarms = append(out.Body.Alarms, AlarmEntry(a))
			}
			return out, nil
		})
}

func (s *Server) invitationRoutes() {
	add(s, huma.Operation{OperationID: "invite-counter", Method: http.MethodPost, Path: "/v1/invitations", Summary: "Invite a counter: a one-time code", DefaultStatus: http.StatusCreated,
		Description: "The code is told once."},
		operatorPolicy(4<<10), func(ctx context.Context, who Principal, in *struct {
			Keyed
			Body InvitationBody
		}) (*invitationOutput, error) {
			var invited *issuer.Invited
			out, err := once[InvitationMade](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
				var err error
				invited, err = s.o.Issuer.As(w).Invite(ctx, issuer.InviteRequest{FINESS: in.Body.FINESS, Profession: in.Body.Profession, Name: in.Body.Name,
					Networks: in.Body.Networks, Hours: in.Body.Hours, Address: s.audience})
				if err != nil {
					return err
				}
				// An invitation without its answer stays one that nobody knows the code of.
				return s.o.Issuer.Store.Update(ctx, func(tx register.Tx) error {
					return t.Done(tx, InvitationMade{Until: momentText(invited.Until), Warning: invited.Warning})
				})
			})
			if err != nil {
				return nil, err
			}
			if invited != nil {
				if err := out.tell(invited.Invitation); err != nil {
					return nil, err
				}
			}
			return &invitationOutput{"no-store", out}, nil
		})
	add(s, huma.Operation{OperationID: "list-invitations", Method: http.MethodGet, Path: "/v1/invitations", Summary: "Invitations that nobody has used"},
		operatorPolicy(0), func(ctx context.Context, _ Principal, in *page) (*invitationsOutput, error) {
			list, next, err := s.o.Issuer.Invitations(ctx, in.After, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &invitationsOutput{"no-store", invitationsBody{Invitations: []InvitationLine{}, Next: next}}
			for _, i := range list {
				out.Body.Invitations = append(out.Body.Invitations, InvitationLine{i.ID, i.FINESS, i.Profession, i.Name, i.Networks, momentText(i.Until)})
			}
			return out, nil
		})
	add(s, huma.Operation{OperationID: "cancel-invitation", Method: http.MethodPost, Path: "/v1/invitations/{id}/cancel", Summary: "Make a code worthless", DefaultStatus: http.StatusNoContent},
		operatorPolicy(0), func(ctx context.Context, who Principal, in *struct {
			ID string `path:"id" pattern:"^[0-9a-f]{64}$"`
		}) (*nothing, error) {
			return new(nothing), s.o.Issuer.As(acting(who)).CancelInvitation(ctx, in.ID)
		})
}

// tell adds the code in its three forms.
func (m *InvitationMade) tell(i accord.Invitation) error {
	text, err := i.Text()
	if err != nil {
		return err
	}
	symbol, err := qr.Encode(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := symbol.PNG(&b, pngModule); err != nil {
		return err
	}
	m.Code, m.Text, m.PNG = i.CodeText(), text, b.Bytes()
	return nil
}
