// campaign create --dry-run: what a campaign would come to, in sentences or JSON, and what it would be refused for.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sceau/card/issuer"
)

// sayRefusals warns of what create would be refused for now.
func sayRefusals(w io.Writer, e *issuer.Estimate, dir string) {
	for _, err := range e.Refusals {
		fmt.Fprintf(w, "warning: create would be refused now: %v\nhint: %s\n", err, refusalHint(err, dir))
	}
}

// refusalLine is the JSON of one of them.
type refusalLine struct {
	Why      string               `json:"why"` // name, beside or nothing
	Campaign string               `json:"campaign,omitempty"`
	State    issuer.CampaignState `json:"state,omitempty"`
}

func refusalLineOf(err error) refusalLine {
	var there *issuer.CampaignExists
	var beside *issuer.CampaignBeside
	switch {
	case errors.As(err, &there):
		return refusalLine{"name", there.ID, there.State}
	case errors.As(err, &beside):
		return refusalLine{"beside", beside.ID, beside.State}
	}
	return refusalLine{Why: "nothing"}
}

// sayEstimateJSON prints a dry run for programs, which know insurers by their keys.
func sayEstimateJSON(w io.Writer, e *issuer.Estimate, cost *campaignCost) error {
	type insurer struct {
		Insurer   string           `json:"insurer"`
		Contracts int64            `json:"contracts"`
		Cards     int64            `json:"cards"`
		LeftOut   map[string]int64 `json:"left_out"`
		Shards    int64            `json:"shards"`
		Files     int64            `json:"files"`
	}
	t := e.Total()
	doc := struct {
		Schema    string           `json:"schema"`
		Contracts int64            `json:"contracts"`
		Cards     int64            `json:"cards"`
		People    int64            `json:"people"`
		LeftOut   map[string]int64 `json:"left_out"`
		Shards    int64            `json:"shards"`
		Files     int64            `json:"files"`
		Versions  map[int]int64    `json:"versions"`
		Pages     int64            `json:"pages"`
		Bytes     int64            `json:"bytes"`
		Seconds   float64          `json:"seconds"`
		Insurers  []insurer        `json:"insurers"`
		Refusals  []refusalLine    `json:"refusals"`
	}{"sceau-campaign-estimate-1", t.Contracts, t.Cards, e.People, t.LeftOut, t.Shards, t.Files, cost.versions, cost.pages, cost.bytes,
		cost.took.Seconds(), []insurer{}, []refusalLine{}}
	for _, p := range e.Parts {
		doc.Insurers = append(doc.Insurers, insurer(p))
	}
	for _, err := range e.Refusals {
		doc.Refusals = append(doc.Refusals, refusalLineOf(err))
	}
	return json.NewEncoder(w).Encode(doc)
}

// sayEstimate prints a dry run for people, who know insurers by their N° AMC.
func sayEstimate(w io.Writer, e *issuer.Estimate, cost *campaignCost, names amcNames) {
	t := e.Total()
	fmt.Fprintf(w, "%s of %s for %s, %s; %s, %s\n", howMany(t.Cards, "card"), howMany(t.Contracts, "contract"), howMany(int64(len(e.Parts)), "insurer"),
		people(e.People), howMany(t.Shards, "shard"), howMany(t.Files, "file"))
	if len(t.LeftOut) > 0 {
		fmt.Fprintf(w, "left out:\n")
		sayCauses(w, "  ", t.LeftOut)
	}
	if len(e.Parts) > 1 {
		for _, p := range e.Parts {
			fmt.Fprintf(w, "  %-10s %10s of %s\n", names.of(p.Insurer), howMany(p.Cards, "card"), howMany(p.Contracts, "contract"))
		}
	}
	if t.Cards == 0 {
		return
	}
	fmt.Fprintf(w, "symbols: version %s\n", cost.versionLine())
	fmt.Fprintf(w, "about %s of files, %s; about %s on this computer\n", sizeOf(cost.bytes), howMany(cost.pages, "page"), roundly(cost.took))
}
