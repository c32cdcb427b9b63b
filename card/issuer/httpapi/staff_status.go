// Changes of status, and the second pair of eyes that large ones need.

package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/status"
)

// Agreement is a request for somebody else's consent.
type Agreement struct {
	ID      string `json:"id"`
	Act     string `json:"act" doc:"void, suspended, restored, or issue"`
	Cards   int    `json:"cards" doc:"how many it concerns"`
	From    string `json:"from,omitempty"`
	Class   string `json:"class,omitempty"`
	State   string `json:"state" enum:"open,accepted,refused,expired"`
	Asker   string `json:"asker"`
	Asked   string `json:"asked"`
	Ends    string `json:"ends" doc:"until when it can be decided"`
	Decider string `json:"decider,omitempty"`
	Decided string `json:"decided,omitempty"`
}

func agreement(a issuer.Approval) Agreement {
	return Agreement{ID: a.ID, Act: a.Act, Cards: a.Cards, From: dayText(a.From), Class: a.Class, State: string(a.State), Asker: a.Asker,
		Asked: momentText(a.Asked), Ends: momentText(a.Ends), Decider: a.Decider, Decided: momentText(a.Decided)}
}

// StatusChangeBody asks for a change of status.
type StatusChangeBody struct {
	Kind      string   `json:"kind" enum:"revoke,suspend,restore"`
	Cards     []string `json:"cards,omitempty" maxItems:"5000" pattern:"^[0-9]{1,10}-[0-9]{1,7}$" nullable:"false" doc:"numbers of cards"`
	Contracts []string `json:"contracts,omitempty" maxItems:"500" pattern:"^[A-Z2-7]{8,64}$" nullable:"false" doc:"pseudonyms: every card of these that is not replaced"`
	From      string   `json:"from,omitempty" doc:"first day on which it holds, past or future; today when missing"`
	Class     string   `json:"class,omitempty" pattern:"^[a-z-]{0,32}$" doc:"class of reason for the insurer's own records; never published, never about a person"`
}

// StatusChanged is what became of one card.
type StatusChanged struct {
	Card     string `json:"card"`
	State    string `json:"state"`
	Recorded bool   `json:"recorded" doc:"false when it was so already"`
}

// StatusChanges answers a change: all of it was done, or none of it.
type StatusChanges struct {
	From     string          `json:"from,omitempty"`
	Changes  []StatusChanged `json:"changes" nullable:"false"`
	Approval *Agreement      `json:"approval,omitempty" doc:"nothing was done: it goes over the day's limit of one person, and another must agree first"`
}

type statusOutput struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Location     string `header:"Location"`
	Body         StatusChanges
}

type agreementOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Agreement
}

// agreementRead is an approval with the cards that it would change.
type agreementRead struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Agreement
		Numbers []string `json:"numbers" nullable:"false" doc:"of the cards"`
	}
}

// AgreementID is the path of an approval.
type AgreementID struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{16}$"`
}

var statusKinds = map[string]status.Kind{"revoke": status.Void, "suspend": status.Suspended, "restore": status.Restored}

func (s *Server) statusRoutes() {
	add(s, huma.Operation{OperationID: "change-status", Method: http.MethodPost, Path: "/v1/status-changes", Summary: "Revoke, suspend or restore cards, from a day on",
		Description: "All that is named is done, or nothing. Counters know online at once, offline after the next publication. Above the day's limit of one person: 202 with an approval.",
		Responses:   waiting[StatusChanges](s, otherConsent)},
		staffPolicy(256<<10, RoleRevoke), s.changeStatus)

	add(s, huma.Operation{OperationID: "list-approvals", Method: http.MethodGet, Path: "/v1/approvals", Summary: "Requests for a second pair of eyes"},
		staffPolicy(0, RoleRevoke, RoleIssue, RoleAudit), func(ctx context.Context, who Principal, in *page) (*struct {
			CacheControl string `header:"Cache-Control"`
			Body         struct {
				Approvals []Agreement `json:"approvals" nullable:"false"`
				Next      string      `json:"next,omitempty"`
			}
		}, error) {
			list, next, err := s.o.Issuer.Approvals(ctx, scope(who), in.After, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &struct {
				CacheControl string `header:"Cache-Control"`
				Body         struct {
					Approvals []Agreement `json:"approvals" nullable:"false"`
					Next      string      `json:"next,omitempty"`
				}
			}{CacheControl: "no-store"}
			out.Body.Approvals, out.Body.Next = []Agreement{}, next
			for _, a := range list {
				out.Body.Approvals = append(out.Body.Approvals, agreement(a))
			}
			return out, nil
		})

	reads := staffPolicy(0, RoleRevoke, RoleIssue, RoleAudit)
	reads.Reads = true
	reads.Journal = func(ctx context.Context, who Principal, _, out any) error {
		return s.journalCards(ctx, who, map[string]any{"what": "state", "approval": out.(*agreementRead).Body.ID}, out.(*agreementRead).Body.Numbers)
	}
	add(s, huma.Operation{OperationID: "read-approval", Method: http.MethodGet, Path: "/v1/approvals/{id}", Summary: "A request for a second pair of eyes, with the cards that it would change"},
		reads, func(ctx context.Context, who Principal, in *AgreementID) (*agreementRead, error) {
			a, places, err := s.o.Issuer.ApprovalOf(ctx, scope(who), in.ID)
			if err != nil {
				return nil, err
			}
			out := &agreementRead{CacheControl: "no-store"}
			out.Body.Agreement, out.Body.Numbers = agreement(a), []string{}
			for _, p := range places {
				out.Body.Numbers = append(out.Body.Numbers, p.String())
			}
			return out, nil
		})

	for _, verb := range []struct {
		name, summary string
		accept        bool
	}{{"accept", "Agree: another person than the one who asked", true}, {"refuse", "Refuse, or take back one's own request", false}} {
		add(s, huma.Operation{OperationID: verb.name + "-approval", Method: http.MethodPost, Path: "/v1/approvals/{id}/" + verb.name, Summary: verb.summary},
			staffPolicy(0, RoleRevoke, RoleIssue), func(ctx context.Context, who Principal, in *struct {
				AgreementID
				Keyed
			}) (*agreementOutput, error) {
				out, err := once[Agreement](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
					_, err := s.o.Issuer.Decide(ctx, w, in.ID, verb.accept, func(tx register.Tx, a issuer.Approval) error { return t.Done(tx, agreement(a)) })
					return err
				})
				if err != nil {
					return nil, faultyTargets(err)
				}
				return &agreementOutput{"no-store", out}, nil
			})
	}
}

func (s *Server) changeStatus(ctx context.Context, who Principal, in *struct {
	Keyed
	Body StatusChangeBody
}) (*statusOutput, error) {
	from, err := dayOf("from", in.Body.From)
	if err != nil {
		return nil, err
	}
	req := issuer.StatusRequest{Kind: statusKinds[in.Body.Kind], From: from, Class: in.Body.Class}
	for _, number := range in.Body.Cards {
		p, err := card.ParsePlace(number)
		if err != nil {
			return nil, errField.about("cards").because(err)
		}
		req.Targets = append(req.Targets, issuer.Target{Place: p})
	}
	if len(in.Body.Contracts) > 0 {
		keys, err := s.o.Issuer.ContractKeys(ctx, acting(who), in.Body.Contracts)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			req.Targets = append(req.Targets, issuer.Target{Contract: k})
		}
	}
	if len(req.Targets) == 0 {
		return nil, errField.about("cards")
	}
	out, err := once[StatusChanges](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
		_, err := s.o.Issuer.ChangeStatus(ctx, w, req, func(tx register.Tx, c issuer.Changed) error { return t.Done(tx, statusChanges(c)) })
		return err
	})
	if err != nil {
		return nil, faultyTargets(err)
	}
	answer := &statusOutput{Status: http.StatusOK, CacheControl: "no-store", Body: out}
	if out.Approval != nil {
		answer.Status, answer.Location = http.StatusAccepted, "/v1/approvals/"+out.Approval.ID
	}
	return answer, nil
}

func statusChanges(c issuer.Changed) StatusChanges {
	out := StatusChanges{Changes: []StatusChanged{}}
	if c.Approval != nil {
		a := agreement(*c.Approval)
		out.Approval = &a
		return out
	}
	out.From = dayText(c.Report.From)
	for _, one := range c.Report.Changes {
		out.Changes = append(out.Changes, StatusChanged{one.Place.String(), one.After.String(), one.Recorded})
	}
	return out
}

// faultyTargets answers with the first card that can't be changed, by its number.
func faultyTargets(err error) error {
	faults, ok := asTargets(err)
	if !ok {
		return err
	}
	is, _ := explain(faults.Faults[0].Err)
	if p := faults.Faults[0].Place; p != (card.Place{}) {
		is = is.about("card " + p.String())
	}
	return is.because(err)
}
