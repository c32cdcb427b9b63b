// What is said to counters during the outage: a signed notice, in the lists themselves.

package main

import (
	"context"
	"strings"
)

const drillNoticeTitle = "Service en ligne interrompu par précaution"

// notice adds the operator's notice of the outage.
func (w *drillWorld) notice(ctx context.Context) error {
	if w.without == "notices" {
		return nil
	}
	_, err := w.do(ctx, "sceau", "notice", "add", w.path("operator"), "--kind", "outage", "--title", drillNoticeTitle,
		"--text", "Après une intrusion chez un tiers, le service en ligne est débranché. Les listes signées restent à jour.",
		"--guaranteed", "Toute carte acceptée avec une liste à jour est payée.", "--phone", "01 99 00 12 34", "--until", "2024-02-15")
	return err
}

// noticed counts the counters that show it.
func (w *drillWorld) noticed(ctx context.Context) error {
	shown := int64(0)
	err := w.all(w.counters, func(c *drillCounter) error {
		out, err := w.do(ctx, "comptoir", "status", w.folder(c))
		if err != nil {
			return err
		}
		if strings.Contains(string(out), drillNoticeTitle) {
			w.mu.Lock()
			shown++
			w.mu.Unlock()
		}
		return nil
	})
	w.figure("B", "notice", shown, int64(len(w.counters)), "=of", "Comptoirs qui affichent le message signé sur la panne", "Counters that show the signed notice of the outage")
	return err
}
