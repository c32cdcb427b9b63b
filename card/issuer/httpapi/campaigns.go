// Campaigns: asked for, started, paused, resumed, cancelled and reported on by the interface, as in a terminal. Planning goes on
// behind the answer; workers do the rest.

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/register"
)

// Campaigns is what the routes of campaigns need beside the issuer. Without a Destination none can be asked for.
type Campaigns struct {
	// Destination is where files go: see package depot. It is the service's setting; no client names a place.
	Destination string
	// Freeze returns an insurer's theme file as it is now; nil for the default look.
	Freeze func(insurer string) ([]byte, error)
	// Started and Stopped tell workers of a change, soon; the register tells them in any case. Nil for nobody.
	Started func(ctx context.Context, id string) error
	Stopped func(ctx context.Context, id string, running bool) error

	answer time.Duration // tests: planAnswer
}

// Patience of a request for a campaign.
const (
	planAnswer   = 5 * time.Second // then the answer is the campaign in planning
	planPages    = 10              // of campaigns, in which the one that is being planned is looked for
	plansHeld    = 2               // on one server
	dryPatience  = 10 * time.Minute
	campaignBody = 1 << 20
	filesTold    = 5_000 // in one answer
)

var (
	errNoCampaigns   = refusing(http.StatusConflict, "no_destination", "this service has no place for a campaign's files: campaign_output is not set")
	errPlans         = refusing(http.StatusServiceUnavailable, "plans_full", "other campaigns are being planned; come back later").wait(30 * time.Second)
	errCampaignNamed = refusing(http.StatusConflict, "campaign_exists", "another campaign of this name is not over; detail has its id")
	errBeside        = refusing(http.StatusConflict, "campaign_beside", "another campaign of the same insurer and period is not over and would print these cards too; detail has its id: finish or cancel it, or name it in beside when the two print different contracts")
	errUnknownBeside = refusing(http.StatusNotFound, "unknown_campaign", "there is no such campaign").about("beside")
	errCampaign      = refusing(http.StatusUnprocessableEntity, "campaign", "this can't be a campaign; detail says why")
)

func init() {
	faults = append(faults, []fault{
		{issuer.ErrUnknownCampaign, refusing(http.StatusNotFound, "unknown_campaign", "there is no such campaign")},
		{issuer.ErrCampaignState, refusing(http.StatusConflict, "campaign_state", "the campaign's state forbids this")},
		{issuer.ErrUnplanned, refusing(http.StatusConflict, "unplanned", "the campaign is not planned to its end: the request that made it goes on with it")},
		{issuer.ErrOperators, refusing(http.StatusForbidden, "operators", "the campaign is the operator's: it alone changes it")},
	}...)
}

type campaignID struct {
	ID string `path:"id" pattern:"^[0-9]{6}-[0-9a-z]{4}$" doc:"id of the campaign"`
}

type campaignOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         *Campaign
}

type campaignReportOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         *CampaignReport
}

type campaignAnswerOutput struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Location     string `header:"Location"`
	Body         CampaignAnswer
}

type campaignsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Campaigns []*Campaign `json:"campaigns" nullable:"false" doc:"the newest first"`
		Next      string      `json:"next,omitempty"`
	}
}

func (s *Server) campaignRoutes() {
	order := staffPolicy(campaignBody, RoleIssue, RoleOperator)
	order.Patience = dryPatience
	add(s, huma.Operation{OperationID: "create-campaign", Method: http.MethodPost, Path: "/v1/campaigns", Summary: "Plan a campaign", DefaultStatus: http.StatusCreated,
		Description: "The contracts are walked and every card to make gets its number; nothing is issued before the campaign is started. 202: planning goes on, look again. The same name and order again is the same campaign, and goes on with a planning that was cut short. While another campaign of an insurer and of the same days is not over, the order is refused: both would print every card; beside says that they don't, existing that they shall. An order without a card to make is refused with the causes; when that is known only after a 202, the campaign ends in the state empty and stays for a day, with its counts. With dry_run nothing is made: the answer is an estimate, which says too what the order would be refused for.",
		Responses:   waiting[CampaignAnswer](s, "planning goes on: ask its location")},
		order, func(ctx context.Context, who Principal, in *struct {
			Keyed
			Dry  bool `query:"dry_run" doc:"only say what it would come to"`
			Body CampaignOrder
		}) (*campaignAnswerOutput, error) {
			return s.createCampaign(ctx, who, in.Key, in.Dry, in.Body)
		})

	add(s, huma.Operation{OperationID: "list-campaigns", Method: http.MethodGet, Path: "/v1/campaigns", Summary: "Campaigns, the newest first"},
		staffPolicy(0, RoleIssue, RoleRead, RoleAudit, RoleOperator), func(ctx context.Context, who Principal, in *page) (*campaignsOutput, error) {
			all, err := s.o.Issuer.Campaigns(ctx, acting(who), in.After, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &campaignsOutput{CacheControl: "no-store"}
			out.Body.Campaigns = []*Campaign{}
			for i := range all {
				out.Body.Campaigns = append(out.Body.Campaigns, campaignOf(&all[i], s.now()))
			}
			if len(all) == in.Limit {
				out.Body.Next = all[len(all)-1].ID
			}
			return out, nil
		})

	add(s, huma.Operation{OperationID: "read-campaign", Method: http.MethodGet, Path: "/v1/campaigns/{id}", Summary: "How far a campaign is"},
		staffPolicy(0, RoleIssue, RoleRead, RoleAudit, RoleOperator), func(ctx context.Context, who Principal, in *campaignID) (*campaignOutput, error) {
			c, err := s.o.Issuer.CampaignOf(ctx, acting(who), in.ID)
			if err != nil {
				return nil, err
			}
			return &campaignOutput{"no-store", campaignOf(c, s.now())}, nil
		})

	add(s, huma.Operation{OperationID: "report-campaign", Method: http.MethodGet, Path: "/v1/campaigns/{id}/report", Summary: "What a campaign came to: counts, causes, files"},
		staffPolicy(0, RoleIssue, RoleRead, RoleAudit, RoleOperator), func(ctx context.Context, who Principal, in *campaignID) (*campaignReportOutput, error) {
			return s.reportCampaign(ctx, who, in.ID)
		})

	i := s.o.Issuer
	started, stopped := s.o.Campaigns.Started, s.o.Campaigns.Stopped
	for _, verb := range []struct {
		name, summary string
		to            issuer.CampaignState
		do            func(context.Context, issuer.Staff, string) (*issuer.Campaign, error)
		tell          func(context.Context, string) error
	}{
		{"start", "Let workers begin", issuer.CampaignStarted, i.StartCampaign, started},
		{"pause", "Finish what is in hand, and take nothing more", issuer.CampaignPaused, i.PauseCampaign, stopping(stopped, false)},
		{"resume", "End a pause, and have shards tried again that were given up", issuer.CampaignStarted, i.ResumeCampaign, started},
		{"cancel", "Give a campaign up; cards that were issued stay issued", issuer.CampaignCancelled, i.CancelCampaign, stopping(stopped, true)},
	} {
		add(s, huma.Operation{OperationID: verb.name + "-campaign", Method: http.MethodPost, Path: "/v1/campaigns/{id}/" + verb.name, Summary: verb.summary,
			Description: "Asked for again, it is done already and answers alike."},
			staffPolicy(0, RoleIssue, RoleOperator), func(ctx context.Context, who Principal, in *campaignID) (*campaignOutput, error) {
				c, err := verb.do(ctx, acting(who), in.ID)
				if errors.Is(err, issuer.ErrCampaignState) {
					if now, e := i.CampaignOf(ctx, acting(who), in.ID); e == nil && now.State == verb.to && who.mayChange(now) {
						c, err = now, nil
					}
				}
				if err != nil {
					return nil, err
				}
				if verb.tell != nil {
					if err := verb.tell(ctx, c.ID); err != nil { // workers find out by themselves
						s.log.LogAttrs(ctx, slog.LevelWarn, "workers were not told of a campaign", slog.String("campaign", c.ID), slog.String("fault", err.Error()))
					}
				}
				return &campaignOutput{"no-store", campaignOf(c, s.now())}, nil
			})
	}
}

// mayChange says whether a campaign is the asker's own, or the asker the operator.
func (p Principal) mayChange(c *issuer.Campaign) bool { return p.Insurer == "" || p.Insurer == c.Owner }

func stopping(tell func(context.Context, string, bool) error, running bool) func(context.Context, string) error {
	if tell == nil {
		return nil
	}
	return func(ctx context.Context, id string) error { return tell(ctx, id, running) }
}

var errEnough = errors.New("enough files")

func (s *Server) reportCampaign(ctx context.Context, who Principal, id string) (*campaignReportOutput, error) {
	c, err := s.o.Issuer.CampaignOf(ctx, acting(who), id)
	if err != nil {
		return nil, err
	}
	out := &CampaignReport{Campaign: *campaignOf(c, s.now()), Files: []CampaignFile{}}
	for _, p := range c.Parts { // those that the asker may see
		err := s.o.Issuer.CampaignFiles(ctx, id, p.Insurer, func(f issuer.CampaignFile) error {
			for _, o := range f.Outputs {
				if len(out.Files) == filesTold {
					return errEnough
				}
				out.Files = append(out.Files, CampaignFile{Insurer: p.Insurer, First: f.First, Last: f.Last, Name: o.Name, Kind: o.Kind, SHA256: o.SHA256, Size: o.Size, Cards: o.Cards, People: o.People, Pages: o.Pages})
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			out.More = true
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return &campaignReportOutput{"no-store", out}, nil
}

// createCampaign plans, or estimates.
func (s *Server) createCampaign(ctx context.Context, who Principal, key string, dry bool, order CampaignOrder) (*campaignAnswerOutput, error) {
	spec, err := order.spec()
	if err != nil {
		return nil, err
	}
	if spec.Destination = s.o.Campaigns.Destination; spec.Destination == "" && !dry {
		return nil, errNoCampaigns
	}
	if len(order.Contracts) > 0 {
		if who.Insurer == "" {
			return nil, errField.about("contracts") // pseudonyms are an insurer's
		}
		if spec.Contracts, err = s.o.Issuer.ContractKeys(ctx, acting(who), order.Contracts); err != nil {
			return nil, err
		}
	}
	out := &campaignAnswerOutput{Status: http.StatusOK, CacheControl: "no-store"}
	if dry {
		e, err := s.o.Issuer.EstimateCampaign(ctx, acting(who), spec, nil)
		if err != nil {
			return nil, campaignFault(err)
		}
		if spec.Destination == "" {
			e.Refusals = append(e.Refusals, errNoCampaigns)
		}
		out.Body.Estimate = campaignEstimate(e)
		return out, nil
	}
	answer, err := once[CampaignAnswer](ctx, s, who, key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
		c, made, err := s.plan(ctx, w, spec)
		if err != nil {
			return err
		}
		a := CampaignAnswer{Campaign: campaignOf(c, s.now())}
		a.Campaign.Existing = !made
		return s.o.Issuer.Store.Update(ctx, func(tx register.Tx) error { return t.Done(tx, a) })
	})
	if err != nil {
		return nil, campaignFault(err)
	}
	out.Body, out.Location = answer, "/v1/campaigns/"+answer.Campaign.ID
	switch {
	case answer.Campaign.State == string(issuer.CampaignPlanning):
		out.Status = http.StatusAccepted
	case !answer.Campaign.Existing:
		out.Status = http.StatusCreated
	}
	return out, nil
}

// campaignFault names what is wrong with an order: its texts quote nothing of a person.
func campaignFault(err error) error {
	var there *issuer.CampaignExists
	var beside *issuer.CampaignBeside
	switch {
	case errors.As(err, &there):
		return errCampaignNamed.about(there.ID)
	case errors.As(err, &beside):
		return errBeside.about(beside.ID)
	case errors.Is(err, issuer.ErrUnknownBeside):
		return errUnknownBeside
	case errors.Is(err, issuer.ErrCampaignSpec):
		return errCampaign.about(err.Error()).because(err)
	}
	return err
}

// plan creates a campaign behind the request: what takes longer than an answer may goes on without it, until the server stops.
// made is false for a campaign that was there.
func (s *Server) plan(ctx context.Context, who issuer.Staff, spec issuer.CampaignSpec) (c *issuer.Campaign, made bool, err error) {
	type planned struct {
		c   *issuer.Campaign
		err error
	}
	done := make(chan planned, 1)
	if !s.inBackground(func(ctx context.Context) {
		c, err := s.planned(ctx, who, spec)
		if err != nil && ctx.Err() == nil && !expected(err) {
			s.log.LogAttrs(ctx, slog.LevelError, "planning of a campaign", slog.String("fault", err.Error()))
		}
		done <- planned{c, err}
	}) {
		return nil, false, errPlans
	}
	timer := time.NewTimer(cmp.Or(s.o.Campaigns.answer, planAnswer))
	defer timer.Stop()
	var p planned
	select {
	case p = <-done:
	case <-timer.C:
		p.err = issuer.ErrLeased
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	var there *issuer.CampaignExists
	switch {
	case p.err == nil:
		return p.c, true, nil
	case errors.As(p.err, &there) && there.Same:
		c, err := s.o.Issuer.CampaignOf(ctx, who, there.ID)
		return c, false, err
	case errors.Is(p.err, issuer.ErrLeased): // it is being planned, by this server or another
		c, err := s.inPlanning(ctx, who, spec.Name)
		return c, true, err
	}
	return nil, false, p.err
}

// planned is CreateCampaign that ends in an error where it panics.
func (s *Server) planned(ctx context.Context, who issuer.Staff, spec issuer.CampaignSpec) (c *issuer.Campaign, err error) {
	defer func() {
		if p := recover(); p != nil {
			c, err = nil, fmt.Errorf("panic of type %T in %v", p, frames())
		}
	}()
	return s.o.Issuer.CreateCampaign(ctx, who, spec, s.o.Campaigns.Freeze, nil)
}

// expected says that an error is an answer, not a failure.
func expected(err error) bool {
	for _, e := range []error{issuer.ErrCampaignExists, issuer.ErrBeside, issuer.ErrUnknownBeside, issuer.ErrCampaignSpec, issuer.ErrLeased, issuer.ErrCancelled, issuer.ErrUnknownInsurer, issuer.ErrNoCardKey, issuer.ErrConcurrent} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// inPlanning finds the campaign of a name that is being planned.
func (s *Server) inPlanning(ctx context.Context, who issuer.Staff, name string) (*issuer.Campaign, error) {
	before := ""
	for range planPages {
		all, err := s.o.Issuer.Campaigns(ctx, who, before, 50)
		if err != nil {
			return nil, err
		}
		for i := range all {
			if all[i].Spec.Name == name && !all[i].State.Over() && (who.Insurer == "" || all[i].Owner == who.Insurer) {
				return &all[i], nil
			}
			before = all[i].ID
		}
		if len(all) < 50 {
			break
		}
	}
	return nil, errAway // not stored yet: the same request again finds it
}

// inBackground runs a planning that outlives its request and ends with the server; false when there is no room, or the server stops.
func (s *Server) inBackground(work func(ctx context.Context)) bool {
	s.imports.begin()
	s.imports.mu.Lock()
	defer s.imports.mu.Unlock()
	if s.imports.closed || s.imports.plans == plansHeld {
		return false
	}
	s.imports.plans++
	s.imports.work.Go(func() {
		defer func() {
			s.imports.mu.Lock()
			defer s.imports.mu.Unlock()
			s.imports.plans--
		}()
		work(s.imports.ctx)
	})
	return true
}
