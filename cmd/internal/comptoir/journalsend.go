// journal send: what waits goes to the services now, and what they answer is said.

package comptoir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
	"sceau/offline/liaison"
	"sceau/offline/mirror"
)

// alarmWords say an alarm of a service; one that is not here is said by its code.
var alarmWords = map[string]string{
	liaison.AlarmBehind: "le service a plus d’entrées que ce journal, qui a été remis à un état antérieur",
	"FORK":              "ce journal existe en deux versions : le dossier a été copié ou remis à un état antérieur",
	"GAP":               "il manque des entrées au service",
	"HEAD":              "la signature du journal parle d’une autre entrée",
	"SHORT":             "ce journal a été raccourci ou remis à un état antérieur",
	"TIME":              "une entrée est datée d’avant la précédente",
	"CLOCK":             "une entrée est datée dans le futur : régler l’horloge de l’ordinateur",
	"ANEW":              "le journal a été recommencé parce que le précédent était abîmé",
	"COUNTER":           "ce journal a déjà été envoyé par un autre poste",
	"ENROLLED":          "ce journal continue sous une nouvelle inscription",
}

func alarmText(a liaison.ShownAlarm) string {
	what, ok := alarmWords[a.Code]
	if !ok {
		what = "alerte du service"
	}
	return fmt.Sprintf("%s (%s, entrées %d à %d)", what, a.Code, a.From, a.To)
}

func newJournalSend() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "send [DOSSIER]",
		Short: "Envoie aux services les vérifications qui attendent",
		Long: `Envoie aux services auprès desquels ce poste est inscrit les vérifications qui attendent, et inscrit leurs réponses : paiement confirmé,
contestée ou prise en note. La page du comptoir le fait d’elle-même. Ce qui est coupé reprend où il en était, et rien n’est compté deux fois.

    $ comptoir journal send ./counter
    https://droits.example : 12 entrées envoyées, 9 paiements confirmés, 1 contestée, 2 prises en note`,
		Args: ui.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, _, err := folderArg(c, args, 0)
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(dir, mirror.BookName)); errors.Is(err, os.ErrNotExist) {
				return ui.WithHint(ui.Usage("aucun journal dans %s", dir), "comptoir verify %s", dir)
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			s := newShop(dir, silent)
			defer s.close()
			all := s.services.current(ctx)
			if len(all) == 0 {
				return ui.WithHint(ui.Usage("ce poste n’est inscrit auprès d’aucun service"), "comptoir enroll INVITATION")
			}
			failed := false
			for _, v := range all {
				var sent liaison.Sent
				err := v.err
				if err == nil {
					sent, err = v.sender.Send(ctx, nil)
				}
				if failed = failed || err != nil; err != nil {
					ui.French.Report(c.ErrOrStderr(), inFrench(v.Address, err))
				}
				if asJSON {
					if err := writeSent(c, v, sent, err); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(c.OutOrStdout(), "%s\u00a0: %s, %s, %s, %s\n", v.Address, counted(sent.Entries, "entrée envoyée", "entrées envoyées"),
					counted(sent.Honoured, "paiement confirmé", "paiements confirmés"), counted(sent.Disputed, "contestée", "contestées"), counted(sent.Noted, "prise en note", "prises en note"))
				for _, a := range sent.Alarms {
					fmt.Fprintf(c.OutOrStdout(), "  alerte\u00a0: %s\n", alarmText(a))
				}
			}
			if failed {
				return ui.Exit(ui.ExitFailure)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "un objet JSON par service")
	return c
}

func writeSent(c *cobra.Command, v *service, sent liaison.Sent, failed error) error {
	code := ""
	if failed != nil {
		code = troubleOf(failed).code
	}
	type alarm struct {
		Code   string `json:"code"`
		Device string `json:"device"`
		From   uint64 `json:"from"`
		To     uint64 `json:"to"`
	}
	alarms := []alarm{}
	for _, a := range sent.Alarms {
		alarms = append(alarms, alarm{a.Code, a.Device, a.From, a.To})
	}
	return json.NewEncoder(c.OutOrStdout()).Encode(struct {
		Schema   string  `json:"schema"`
		Service  string  `json:"service"`
		Root     string  `json:"root"`
		OK       bool    `json:"ok"`
		Code     string  `json:"code,omitempty"`
		Sent     int     `json:"sent"`
		Honoured int     `json:"honoured"`
		Disputed int     `json:"disputed"`
		Noted    int     `json:"noted"`
		Alarms   []alarm `json:"alarms"`
	}{"sceau-journal-send-1", v.Address, v.Root, failed == nil, code, sent.Entries, sent.Honoured, sent.Disputed, sent.Noted, alarms})
}
