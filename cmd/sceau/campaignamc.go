// The N° AMC that people know an insurer by, beside the key that the register and the folders know it by.

package main

import (
	"context"
	"fmt"
	"slices"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
)

// amcs gives each insurer's N° AMC as it was registered, leading zeros included, by its key.
func (o *operator) amcs(ctx context.Context) (amcNames, error) {
	names := amcNames{}
	err := o.store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		if err != nil {
			return err
		}
		for _, i := range all {
			doc, err := card.ParseInsurer(i.Document)
			if err != nil {
				return fmt.Errorf("issuer.json of %s: %w", i.Key, err)
			}
			names[i.Key] = string(doc.AMC)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// amcsOf names insurers in a hint: by their keys when the register can't tell more.
func (o *operator) amcsOf(ctx context.Context, keys []string) []string {
	names, _ := o.amcs(ctx)
	var all []string
	for _, key := range keys {
		all = append(all, names.of(key))
	}
	return all
}

// byAMC is a campaign for people: its parts are called by their N° AMC.
func (o *operator) byAMC(ctx context.Context, k *issuer.Campaign) *issuer.Campaign {
	names, _ := o.amcs(ctx)
	shown := *k
	shown.Parts = slices.Clone(k.Parts)
	for i, p := range shown.Parts {
		shown.Parts[i].Insurer = names.of(p.Insurer)
	}
	return &shown
}

// amcNames are N° AMC as they were given, by key.
type amcNames map[string]string

// of is how an insurer is called: by its key when nothing else is known.
func (n amcNames) of(key string) string {
	if amc := n[key]; amc != "" {
		return amc
	}
	return key
}
