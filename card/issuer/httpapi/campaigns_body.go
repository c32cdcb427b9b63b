// What the interface says of a campaign, and what a client may ask for: counts, states and causes; no person and no place on the
// server.

package httpapi

import (
	"strings"
	"time"

	"sceau/card/issuer"
	"sceau/rights"
)

// Campaign is a campaign as it stands, narrowed to what the asker may see.
type Campaign struct {
	ID       string         `json:"id" example:"261122-k3fa"`
	Name     string         `json:"name"`
	State    string         `json:"state" enum:"planning,planned,started,paused,cancelled,done,empty" doc:"planning: the same request again goes on with a planning that was cut short. empty: there was no card to make, left_out of the parts says why; its name is free, and after a day it is forgotten"`
	Insurer  string         `json:"insurer,omitempty" doc:"whose it is; the operator's when missing"`
	Asked    CampaignAsked  `json:"asked"`
	Parts    []CampaignPart `json:"parts" nullable:"false" doc:"by insurer"`
	Cards    int64          `json:"cards" doc:"to make, in all parts"`
	Done     int64          `json:"done" doc:"of these, worked off"`
	Rate     float64        `json:"rate" doc:"cards a second in the last minutes"`
	Left     float64        `json:"seconds_left,omitempty" doc:"at that rate; missing while nothing is known of it"`
	Created  string         `json:"created"`
	Started  string         `json:"started,omitempty"`
	Ended    string         `json:"ended,omitempty"`
	Existing bool           `json:"existing,omitempty" doc:"this request made nothing: the campaign was there"`
}

// CampaignPart is one insurer's part.
type CampaignPart struct {
	Insurer    string           `json:"insurer"`
	Contracts  int64            `json:"contracts" doc:"that were selected"`
	Cards      int64            `json:"cards" doc:"to make: the sequence numbers run from 1 to this"`
	LeftOut    map[string]int64 `json:"left_out" doc:"cards that planning left out, by cause: existing, outdated, withheld, suspended, ended, other-form, too-long, no-address, other-period…"`
	Shards     int              `json:"shards"`
	Files      int              `json:"files"`
	DoneShards int              `json:"done_shards"`
	DoneFiles  int              `json:"done_files"`
	Done       int64            `json:"done"`
	Made       int64            `json:"made" doc:"of these, those with a card"`
	Issued     int64            `json:"issued" doc:"of these, signed by this campaign"`
	Already    int64            `json:"existing" doc:"of these, live before"`
	Replaced   int64            `json:"replaced" doc:"of those issued, in the place of an outdated card"`
	Rejects    map[string]int64 `json:"rejects" doc:"sequence numbers without a card or a page, by cause"`
	Failed     map[int]string   `json:"failed,omitempty" doc:"shards that were given up after several attempts, by number, and a word for why: resume has them tried again"`
	Bytes      int64            `json:"bytes" doc:"of the files"`
	Manifest   string           `json:"manifest,omitempty" doc:"SHA-256 of the manifest, which is signed; missing until the part is done"`
}

// CampaignReport is a campaign with the files that were written.
type CampaignReport struct {
	Campaign
	Files []CampaignFile `json:"files" nullable:"false" doc:"in the order of insurers and sequence numbers"`
	More  bool           `json:"more,omitempty" doc:"there are more files: the manifests name them all"`
}

// CampaignFile is one file of a campaign.
type CampaignFile struct {
	Insurer string `json:"insurer"`
	First   int64  `json:"first" doc:"sequence number"`
	Last    int64  `json:"last" doc:"sequence number"`
	Name    string `json:"name" doc:"below the place that the service keeps files in"`
	Kind    string `json:"kind"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Cards   int64  `json:"cards"`
	People  int64  `json:"people"`
	Pages   int64  `json:"pages,omitempty"`
}

// CampaignAsked is what a campaign was asked for.
type CampaignAsked struct {
	First        string   `json:"first,omitempty" doc:"contracts that begin on this day or later"`
	Last         string   `json:"last,omitempty" doc:"contracts that begin on this day or earlier"`
	Renewal      string   `json:"renewal,omitempty" doc:"contracts that begin on this very day"`
	ChangedSince string   `json:"changed_since,omitempty" format:"date-time" doc:"contracts that were stored then or later"`
	Named        int      `json:"named,omitempty" doc:"how many contracts were named"`
	Per          string   `json:"per" enum:"household,person"`
	Outdated     bool     `json:"outdated" doc:"a new card where the contract has changed since the card"`
	Reprint      bool     `json:"existing" doc:"cards that are live already are printed too"`
	Beside       []string `json:"beside,omitempty" doc:"campaigns that print other contracts; those that you may see"`
	Layout       string   `json:"layout"`
	Window       string   `json:"window,omitempty"`
	Marks        bool     `json:"marks"`
	Outputs      []string `json:"outputs" nullable:"false"`
	Order        string   `json:"order"`
	File         int      `json:"cards_per_file"`
}

// CampaignOrder asks for a campaign. Where its files go is the service's own setting.
type CampaignOrder struct {
	Name         string   `json:"name" minLength:"1" maxLength:"64" doc:"of your own; one campaign of a name at a time"`
	Insurers     []string `json:"insurers,omitempty" maxItems:"200" pattern:"^[A-Z0-9]{1,20}$" nullable:"false" doc:"AMC numbers; none: all that you may act for"`
	Contracts    []string `json:"contracts,omitempty" maxItems:"20000" pattern:"^[A-Z2-7]{8,64}$" nullable:"false" doc:"pseudonyms: these contracts alone. For an insurer's own credential"`
	First        string   `json:"first,omitempty" doc:"contracts that begin on this day or later"`
	Last         string   `json:"last,omitempty" doc:"contracts that begin on this day or earlier"`
	Renewal      string   `json:"renewal,omitempty" doc:"contracts that begin on this very day"`
	ChangedSince string   `json:"changed_since,omitempty" format:"date-time" doc:"contracts that were stored then or later"`
	Per          string   `json:"per,omitempty" enum:"household,person" default:"household"`
	Outdated     bool     `json:"outdated,omitempty" doc:"a new card where the contract has changed since the card"`
	Existing     bool     `json:"existing,omitempty" doc:"cards that are live already are printed too"`
	Beside       []string `json:"beside,omitempty" maxItems:"100" pattern:"^[0-9]{6}-[0-9a-z]{4}$" nullable:"false" doc:"ids of campaigns of the same insurer and period that are not over: the two print different contracts, as you know"`
	Layout       string   `json:"layout,omitempty" enum:"letter,card,sheet-2,sheet-10" default:"letter"`
	Window       string   `json:"window,omitempty" enum:"dl,c5" doc:"address window of the envelope; none when missing"`
	Marks        bool     `json:"marks,omitempty" doc:"marks for the inserter, and the sequence number in figures"`
	Outputs      []string `json:"outputs,omitempty" maxItems:"4" enum:"pdf,csv,ndjson,png" nullable:"false" doc:"pdf when missing"`
	Order        string   `json:"order,omitempty" enum:"postal,adherent" default:"postal"`
	File         int      `json:"cards_per_file,omitempty" minimum:"1" maximum:"5000"`
}

// CampaignEstimate says what a campaign would come to.
type CampaignEstimate struct {
	Contracts int64                  `json:"contracts" doc:"that would be selected"`
	Cards     int64                  `json:"cards"`
	People    int64                  `json:"people" doc:"on these cards"`
	LeftOut   map[string]int64       `json:"left_out" doc:"by cause"`
	Shards    int64                  `json:"shards"`
	Files     int64                  `json:"files"`
	Lengths   map[int]int64          `json:"code_lengths" doc:"cards by the characters of their code"`
	Parts     []CampaignEstimatePart `json:"parts" nullable:"false" doc:"by insurer"`
	Refusals  []CampaignRefusal      `json:"refusals" nullable:"false" doc:"what the order would be refused for now; none: nothing is known against it"`
}

// CampaignRefusal is the problem that an order would have for an answer.
type CampaignRefusal struct {
	Code   string `json:"code" enum:"campaign_exists,campaign_beside,campaign,no_destination"`
	Title  string `json:"title"`
	Detail string `json:"detail" doc:"the id of the other campaign, or the causes; empty for no_destination"`
}

// CampaignEstimatePart is one insurer's part of an estimate.
type CampaignEstimatePart struct {
	Insurer   string           `json:"insurer"`
	Contracts int64            `json:"contracts"`
	Cards     int64            `json:"cards"`
	LeftOut   map[string]int64 `json:"left_out"`
}

// CampaignAnswer is a campaign, or the estimate of one that was not made.
type CampaignAnswer struct {
	Campaign *Campaign         `json:"campaign,omitempty"`
	Estimate *CampaignEstimate `json:"estimate,omitempty" doc:"of a dry run: nothing was made"`
}

func campaignOf(c *issuer.Campaign, now time.Time) *Campaign {
	total := c.Total()
	out := &Campaign{ID: c.ID, Name: c.Spec.Name, State: string(c.State), Insurer: c.Owner, Parts: []CampaignPart{}, Cards: total.Cards, Done: total.Done, Rate: c.Rate(now),
		Created: momentText(c.Created), Started: momentText(c.Started), Ended: momentText(c.Ended),
		Asked: CampaignAsked{First: dayText(c.Spec.First), Last: dayText(c.Spec.Last), Renewal: dayText(c.Spec.Renewal), ChangedSince: momentText(c.Spec.ChangedSince), Named: c.Spec.NamedCount,
			Per: "household", Outdated: c.Spec.Outdated, Reprint: c.Spec.Existing, Beside: c.Spec.Beside, Layout: c.Spec.Layout, Window: c.Spec.Window, Marks: c.Spec.Marks, Outputs: c.Spec.Outputs, Order: c.Spec.Order, File: c.Spec.FileSize}}
	if c.Spec.PerPerson {
		out.Asked.Per = "person"
	}
	if out.Rate > 0 && c.State == issuer.CampaignStarted {
		out.Left = float64(total.Cards-total.Done) / out.Rate
	}
	for _, p := range c.Parts {
		part := CampaignPart{Insurer: p.Insurer, Contracts: p.Contracts, Cards: p.Cards, LeftOut: counted0(p.LeftOut), Shards: p.Shards, Files: p.Files, DoneShards: p.DoneShards, DoneFiles: p.DoneFiles,
			Done: p.Done, Made: p.Made, Issued: p.Issued, Already: p.Existing, Replaced: p.Replaced, Rejects: counted0(p.Rejects), Failed: p.Failed, Bytes: p.Bytes}
		if p.Manifest != nil {
			part.Manifest = p.Manifest.SHA256
		}
		out.Parts = append(out.Parts, part)
	}
	return out
}

// counted0 is a map that is never null in an answer.
func counted0(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

func campaignEstimate(e *issuer.Estimate) *CampaignEstimate {
	t := e.Total()
	out := &CampaignEstimate{Contracts: t.Contracts, Cards: t.Cards, People: e.People, LeftOut: counted0(t.LeftOut), Shards: t.Shards, Files: t.Files, Lengths: e.Lengths, Parts: []CampaignEstimatePart{}, Refusals: []CampaignRefusal{}}
	for _, err := range e.Refusals {
		is, _ := explain(campaignFault(err))
		out.Refusals = append(out.Refusals, CampaignRefusal{is.code, is.title, is.detail})
	}
	for _, p := range e.Parts {
		out.Parts = append(out.Parts, CampaignEstimatePart{Insurer: p.Insurer, Contracts: p.Contracts, Cards: p.Cards, LeftOut: counted0(p.LeftOut)})
	}
	return out
}

// spec reads an order, but for the contracts that it names.
func (o CampaignOrder) spec() (issuer.CampaignSpec, error) {
	spec := issuer.CampaignSpec{Name: strings.TrimSpace(o.Name), Insurers: o.Insurers, PerPerson: o.Per == "person", Outdated: o.Outdated, Existing: o.Existing, Beside: o.Beside,
		FileSize: o.File, Layout: o.Layout, Window: o.Window, Marks: o.Marks, Outputs: o.Outputs, Order: o.Order}
	if o.File > issuer.MaxShard { // files are whole shards
		if spec.ShardSize = shardOf(o.File); spec.ShardSize == 0 {
			return spec, errField.about("cards_per_file")
		}
	}
	var err error
	for name, day := range map[string]struct {
		text string
		to   *rights.Date
	}{"first": {o.First, &spec.First}, "last": {o.Last, &spec.Last}, "renewal": {o.Renewal, &spec.Renewal}} {
		if *day.to, err = dayOf(name, day.text); err != nil {
			return spec, err
		}
	}
	if o.ChangedSince != "" {
		if spec.ChangedSince, err = time.Parse(time.RFC3339, o.ChangedSince); err != nil {
			return spec, errField.about("changed_since")
		}
	}
	return spec, nil
}

// smallShard is the smallest that work is cut into: below, handing it out costs more than doing it.
const smallShard = 100

// shardOf is the largest shard that a file is a multiple of, 0 for none.
func shardOf(file int) int {
	for n := issuer.MaxShard; n >= smallShard; n-- {
		if file%n == 0 {
			return n
		}
	}
	return 0
}
