// notice: what the operator and its insurers tell counters, signed and dated, in the lists themselves.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/notice"
	"sceau/cmd/internal/ui"
	"sceau/rights"
	"sceau/signing/trust"
)

const noticeLong = `Notices are short signed messages to counters: the state of the service, what is still guaranteed, until when, whom to call. They
travel with the lists, show at every counter above the verdict, and never hold a link: what has one is not from you.

    $ sceau notice add ./operator --template outage --phone "01 99 00 12 34" --until "2027-03-05 18:00"
    notice outage-c5h6usj1 of the operator, from 2027-03-02 09:00 until 2027-03-05 18:00 in Paris
    Panne – La vérification en ligne est arrêtée
    …
    publish with the key of targets for counters to get it
    $ sceau publish ./operator --to ./public
    publication 4 of 2027-03-02 08:00 UTC: 0 changes on 0 lists, 5 new files
    written to ./public

The operator's notices are signed by targets, an insurer's by the insurer's own key; both are offline. Without the key everything else
is published and the notice waits. A notice ends by itself: counters stop showing it, whether or not anything is published.`

func newNotice(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "notice",
		Short: "Tell counters what happens, signed and dated",
		Long:  noticeLong,
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newNoticeAdd(p), newNoticeList(p), newNoticeWithdraw(p))
	return c
}

type noticeFlags struct {
	insurer, template, id, kind, title, text, guaranteed, phone, from, until string
	dryRun                                                                   bool
}

func newNoticeAdd(p *place) *cobra.Command {
	var f noticeFlags
	c := &cobra.Command{
		Use:   "add DIR --until TIME [--template NAME] [--kind KIND --title … --text …]",
		Short: "Keep a notice for the next publication",
		Long: noticeLong + `

Kinds: theft, outage, degraded, restored, info. The first three need --guaranteed and --phone: counters must read what still holds and
whom to ask. A title has at most 80 characters, a text 600; no links, at signs or addresses, and a notice lives 90 days at most.
Templates: outage, degraded, theft, restored; any part of them can be given instead. --dry-run shows the notice and keeps nothing.`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return f.add(c, p, args[0]) },
	}
	c.Flags().StringVar(&f.insurer, "insurer", "", "N° AMC of the insurer who speaks; none for the operator")
	c.Flags().StringVar(&f.template, "template", "", "begin with the texts of outage, degraded, theft or restored")
	c.Flags().StringVar(&f.kind, "kind", "", "theft, outage, degraded, restored or info")
	c.Flags().StringVar(&f.title, "title", "", "one line, in French")
	c.Flags().StringVar(&f.text, "text", "", "one paragraph, in French")
	c.Flags().StringVar(&f.guaranteed, "guaranteed", "", "what stays guaranteed, in French")
	c.Flags().StringVar(&f.phone, "phone", "", "whom to call")
	c.Flags().StringVar(&f.from, "from", "", `when it begins to show: "YYYY-MM-DD HH:MM" in Paris, or RFC 3339 (default now)`)
	c.Flags().StringVar(&f.until, "until", "", `when it ends: the same, or a day for its end`)
	c.Flags().StringVar(&f.id, "id", "", "a name for it, of a-z, 0-9 and - (default drawn)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show the notice, keep nothing")
	return c
}

func (f noticeFlags) add(c *cobra.Command, p *place, dir string) error {
	n, err := f.notice()
	if err != nil {
		return err
	}
	op, err := p.open(dir)
	if err != nil {
		return err
	}
	defer op.Close()
	author := ""
	if f.insurer != "" {
		if author, err = op.insurerKey(c.Context(), f.insurer); err != nil {
			return err
		}
	}
	if n.Issued = op.Now().UTC().Truncate(time.Second); n.From.IsZero() {
		n.From = n.Issued
	}
	if f.dryRun {
		shown := n
		if shown.ID == "" {
			shown.ID = "dry-run"
		}
		if err := shown.Check(); err != nil {
			return noticeRefused(err)
		}
		sayNotice(c.OutOrStdout(), n)
		fmt.Fprintln(c.ErrOrStderr(), "nothing was kept")
		return nil
	}
	if n, err = op.AddNotice(c.Context(), author, n); err != nil {
		return noticeRefused(err)
	}
	fmt.Fprintf(c.OutOrStdout(), "notice %s of %s, from %s until %s in Paris\n", n.ID, tenant(author), parisMinute(n.From), parisEnd(n))
	sayNotice(c.OutOrStdout(), n)
	role := trust.RoleTargets
	if author != "" {
		role = trust.InsurerRole(author)
	}
	if err := op.warnNameless(c, author); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "publish with the key of %s for counters to get it\n", role)
	return nil
}

// warnNameless says under which name counters read the operator, when nobody chose it.
func (o *operator) warnNameless(c *cobra.Command, author string) error {
	if author != "" {
		return nil
	}
	name, err := o.ServiceName(c.Context())
	if err == nil && name == issuer.DefaultService {
		fmt.Fprintf(c.ErrOrStderr(), "warning: counters read the operator's notices as signed by %q: init was given no --operator-name\n", name)
	}
	return err
}

func (f noticeFlags) notice() (notice.Notice, error) {
	n := notice.Notice{ID: f.id}
	if f.template != "" {
		t, ok := noticeTemplates[f.template]
		if !ok {
			return n, ui.WithHint(ui.Usage("--template: %q is none", f.template), "outage, degraded, theft or restored")
		}
		n.Kind, n.Title, n.Text, n.Guaranteed = t.Kind, t.Title, t.Text, t.Guaranteed
	}
	if f.kind != "" {
		n.Kind = notice.Kind(f.kind)
	}
	if n.Kind == "" {
		return n, ui.WithHint(ui.Usage("say what it is about"), "--kind outage, or --template outage")
	}
	for _, t := range []struct {
		given string
		to    *string
	}{{f.title, &n.Title}, {f.text, &n.Text}, {f.guaranteed, &n.Guaranteed}, {f.phone, &n.Phone}} {
		if t.given != "" {
			*t.to = plainSpaces.Replace(t.given)
		}
	}
	if f.until == "" {
		return n, ui.WithHint(ui.Usage("say until when it holds"), `--until "2027-03-05 18:00"; sign it again if it must hold longer`)
	}
	var err error
	if n.Until, err = noticeTime("--until", f.until, true); err != nil {
		return n, err
	}
	if f.from != "" {
		n.From, err = noticeTime("--from", f.from, false)
	}
	return n, err
}

// plainSpaces undoes what word processors do to French: screens put no-break spaces in by themselves.
var plainSpaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2011", "-")

// noticeTime reads a moment. A day alone is its end, as the last day that is said, or its beginning.
func noticeTime(flag, s string, end bool) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC().Truncate(time.Second), nil
	}
	if d, err := rights.ParseDate(strings.TrimSuffix(s, " 24:00")); err == nil && (end || !strings.Contains(s, " ")) {
		if end {
			d++
		}
		return d.Midnight().UTC(), nil
	}
	const form = "2006-01-02 15:04"
	t, err := time.ParseInLocation(form, s, rights.Paris())
	if err != nil || t.Format(form) != s { // an hour that a change of the clock skips
		return time.Time{}, ui.WithHint(ui.Usage("%s %q is no moment", flag, s), `%s "2027-03-05 18:00", in the time of Paris`, flag)
	}
	return t.UTC(), nil
}

// noticeRefused says what is wrong with a notice as a mistake of the command line.
func noticeRefused(err error) error {
	if u, ok := notice.IsUnsuitable(err); ok {
		usage := ui.Usage("--%s: %s", u.Field, u.Detail)
		switch u.Code {
		case "notice_link":
			return ui.WithHint(usage, "counters know real notices by this: nothing to follow; give a phone number")
		case "notice_kind":
			return ui.WithHint(usage, "theft, outage, degraded, restored or info")
		case "notice_empty", "notice_phone":
			return ui.WithHint(usage, "counters must read what still holds and whom to call: --guaranteed, --phone")
		}
		return usage
	}
	switch {
	case errors.Is(err, issuer.ErrNoticeOver):
		return ui.Usage("--until is over already")
	case errors.Is(err, issuer.ErrNoticeThere):
		return ui.Usage("--id: a notice has this name already")
	}
	return err
}

func parisMinute(t time.Time) string { return t.In(rights.Paris()).Format("2006-01-02 15:04") }

// parisEnd is when a notice ends; a whole day is told by its own date, as counters read it.
func parisEnd(n notice.Notice) string {
	if day, whole := n.LastDay(); whole {
		return day.String() + " 24:00"
	}
	return parisMinute(n.Until)
}

// sayNotice shows a notice as counters will.
func sayNotice(w io.Writer, n notice.Notice) {
	fmt.Fprintf(w, "%s – %s\n%s\n", n.Kind.French(), n.Title, n.Text)
	if n.Guaranteed != "" {
		fmt.Fprintf(w, "Ce qui reste garanti : %s\n", n.Guaranteed)
	}
	if n.Phone != "" {
		fmt.Fprintf(w, "Qui appeler : %s\n", n.Phone)
	}
	if day, whole := n.LastDay(); whole {
		fmt.Fprintf(w, "Valable jusqu’au %s inclus\n", day.French())
	} else {
		fmt.Fprintf(w, "Valable jusqu’au %s\n", n.Until.In(rights.Paris()).Format("02/01/2006 à 15:04"))
	}
}

func newNoticeList(p *place) *cobra.Command {
	var insurerKey string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list DIR",
		Short: "List notices and how far they got",
		Long: `Lists notices: waiting for a publication with their author's key, published, withdrawn (and still published until such a
publication; "leaving" in JSON), or over.

    $ sceau notice list ./operator
    NOTICE           OF            KIND    STATE      UNTIL             TITLE
    outage-c5h6usj1  the operator  outage  published  2027-03-05 18:00  La vérification en ligne est arrêtée`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			author := "*"
			if insurerKey != "" {
				if author, err = op.insurerKey(c.Context(), insurerKey); err != nil {
					return err
				}
			}
			all, err := op.Notices(c.Context(), author)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(table, "NOTICE\tOF\tKIND\tSTATE\tUNTIL\tTITLE")
			}
			for _, s := range all {
				if asJSON {
					err = json.NewEncoder(c.OutOrStdout()).Encode(noticeRow(s))
				} else {
					_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, tenant(s.Author), s.Kind, stateWord(s.State), parisEnd(s.Notice), s.Title)
				}
				if err != nil {
					return err
				}
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(s issuer.Statement) bool { return s.Author == "" && s.State != issuer.StatementOver }) {
				return op.warnNameless(c, "")
			}
			return nil
		},
	}
	c.Flags().StringVar(&insurerKey, "insurer", "", "N° AMC of one insurer (default all, and the operator)")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each notice")
	return c
}

// stateWord is a notice's state as people read it.
func stateWord(s issuer.StatementState) string {
	if s == issuer.StatementLeaving {
		return "withdrawn"
	}
	return string(s)
}

type noticeLine struct {
	Schema     string `json:"schema"`
	Notice     string `json:"notice"`
	Insurer    string `json:"insurer,omitempty"`
	Kind       string `json:"kind"`
	State      string `json:"state"`
	Issued     string `json:"issued"`
	From       string `json:"from"`
	Until      string `json:"until"`
	Title      string `json:"title"`
	Text       string `json:"text"`
	Guaranteed string `json:"guaranteed,omitempty"`
	Phone      string `json:"phone,omitempty"`
}

func noticeRow(s issuer.Statement) noticeLine {
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return noticeLine{"sceau-notice-1", s.ID, s.Author, string(s.Kind), string(s.State), at(s.Issued), at(s.From), at(s.Until), s.Title, s.Text, s.Guaranteed, s.Phone}
}

func newNoticeWithdraw(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw DIR NOTICE",
		Short: "Take a notice back before its end",
		Long: `Takes a notice back. Counters forget it when they synchronise after the next publication with its author's key.

    $ sceau notice withdraw ./operator outage-c5h6usj1
    notice outage-c5h6usj1 withdrawn: publish for counters to forget it`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			err = op.WithdrawNotice(c.Context(), "*", args[1])
			if errors.Is(err, issuer.ErrUnknownNotice) {
				all, err := op.Notices(c.Context(), "*")
				if err != nil {
					return err
				}
				if slices.ContainsFunc(all, func(s issuer.Statement) bool { return s.ID == args[1] && s.State == issuer.StatementLeaving }) {
					return ui.WithHint(ui.Usage("notice %s is withdrawn already, and still published", args[1]), "publish with its author's key for counters to forget it")
				}
				return ui.WithHint(ui.Usage("no notice has this name"), "sceau notice list %s", args[0])
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "notice %s withdrawn: publish for counters to forget it\n", args[1])
			return nil
		},
	}
}

// noticeTemplates are texts for the typical days, to be sent as they stand. What they promise is what the outage policy of
// issuer.json promises by itself.
var noticeTemplates = map[string]notice.Notice{
	"outage": {Kind: notice.Outage,
		Title: "La vérification en ligne est arrêtée",
		Text: "Notre service de vérification en ligne est arrêté. Continuez à scanner chaque carte : ce poste répond d’après la dernière liste signée, même sans internet. " +
			"Quand la réponse est favorable, ne demandez pas d’avance de frais. Un nouveau message suivra ici, au plus tard à la fin de celui-ci.",
		Guaranteed: "Les soins facturés avec le numéro de preuve d’une réponse favorable sont payés, jusqu’à la date et dans la limite affichées avec elle."},
	"degraded": {Kind: notice.Degraded,
		Title: "La vérification en ligne est ralentie",
		Text: "Notre service de vérification en ligne répond lentement ou par intermittence. Vous n’avez rien à changer : quand il tarde, ce poste répond d’après la dernière liste signée. " +
			"Il est inutile de scanner la carte une seconde fois.",
		Guaranteed: "Une réponse favorable vaut autant d’après la liste qu’en ligne, jusqu’à la date et dans la limite affichées avec elle."},
	"theft": {Kind: notice.Theft,
		Title: "Une clé de signature a été volée : vos vérifications restent sûres",
		Text: "Une clé qui sert à signer des cartes a été copiée. La liste reçue avec ce message permet à ce poste de reconnaître les cartes authentiques et de refuser les fausses. " +
			"Gardez la liste à jour et scannez chaque carte. Nous ne demandons jamais de mot de passe ni de code, par aucun moyen : un message qui le fait n’est pas de nous.",
		Guaranteed: "Les cartes authentiques restent valables jusqu’à leur terme et les soins sont payés aux conditions affichées. Les assurés n’ont aucune démarche à faire."},
	"restored": {Kind: notice.Restored,
		Title: "La vérification en ligne fonctionne de nouveau",
		Text: "Notre service de vérification en ligne répond de nouveau. Vous n’avez rien à faire : ce poste l’interroge par lui-même et lui transmet les attestations en attente. " +
			"Merci de votre patience.",
		Guaranteed: "Les réponses favorables données pendant l’arrêt restent acquises : les soins facturés avec leur numéro de preuve sont payés aux conditions affichées alors."},
}
