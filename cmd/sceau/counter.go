// counter: who may ask online. Invited, listed, suspended, restored, revoked, renamed.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/qr"
	"sceau/cmd/internal/ui"
)

const inviteLong = `Makes a one-time code for one establishment. The counter scans it, or types it with the service's address; its computer
then makes a key of its own. Whoever has the code first is the counter: hand it over, don't send it in clear.

    $ sceau counter invite ./operator --finess 600100713 --profession pharmacie --networks SP --address https://droits.example.fr
    code: K7QF-XM3T-9ABC-D2EF
    for the scanner: TPE1…
    for FINESS 600100713 at https://droits.example.fr, until 2027-01-07 09:30 UTC; it is not shown again

--png FILE writes the code as a picture to print.`

func newCounter(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "counter",
		Short: "Invite, list, suspend, restore, revoke or rename counters",
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCounterInvite(p), newCounterList(p))
	for _, v := range []counterVerb{
		{"suspend", "Keep a counter from asking", "suspended", true, (*issuer.Issuer).SuspendCounter},
		{"restore", "Let a suspended counter ask again", "restored", false, func(i *issuer.Issuer, ctx context.Context, id, _ string) (issuer.Counter, error) {
			return i.RestoreCounter(ctx, id)
		}},
		{"revoke", "End a counter for ever: its computer is invited anew", "revoked", true, (*issuer.Issuer).RevokeCounter},
	} {
		c.AddCommand(newCounterVerb(p, v))
	}
	c.AddCommand(newCounterRename(p))
	return c
}

func newCounterInvite(p *place) *cobra.Command {
	var r issuer.InviteRequest
	var png string
	var asJSON bool
	c := &cobra.Command{
		Use:   "invite DIR --finess N --profession CODE",
		Short: "Make a one-time code for an establishment",
		Long:  inviteLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if r.FINESS == "" || r.Profession == "" {
				return ui.WithHint(ui.Usage("an invitation is for one establishment"), "--finess 600100713 --profession pharmacie")
			}
			if r.Address == "" {
				config, err := readConfig(args[0])
				if err != nil {
					return err
				}
				r.Address = config.publicURL()
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			invited, err := op.Invite(c.Context(), r)
			if errors.Is(err, issuer.ErrCounterFacts) {
				what := strings.TrimPrefix(err.Error(), issuer.ErrCounterFacts.Error()+": ")
				return ui.WithHint(ui.Usage("the invitation is faulty: %s", strings.Replace(what, "rights: ", "", 1)), "sceau counter invite --help")
			}
			if err != nil {
				return err
			}
			text, err := invited.Invitation.Text()
			if err != nil {
				return err
			}
			if png != "" {
				symbol, err := qr.Encode(text)
				if err != nil {
					return err
				}
				var b bytes.Buffer
				if err := symbol.PNG(&b, pngModule); err != nil {
					return err
				}
				if err := writeWhole(png, b.Bytes()); err != nil {
					return err
				}
			}
			until := invited.Until.UTC().Format("2006-01-02 15:04 MST")
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(struct {
					Schema  string `json:"schema"`
					Code    string `json:"code"`
					Text    string `json:"text"`
					Until   string `json:"until"`
					Warning string `json:"warning,omitempty"`
				}{"sceau-invitation-1", invited.Invitation.CodeText(), text, invited.Until.UTC().Format("2006-01-02T15:04:05Z"), invited.Warning})
			}
			fmt.Fprintf(c.OutOrStdout(), "code: %s\nfor the scanner: %s\n", invited.Invitation.CodeText(), text)
			if invited.Warning != "" {
				fmt.Fprintln(c.ErrOrStderr(), invited.Warning)
			}
			where := r.Address
			if u, err := url.Parse(where); err == nil && loopback(u.Hostname()) {
				where += " (this computer alone: --address or public_url tell others)"
			}
			fmt.Fprintf(c.ErrOrStderr(), "for FINESS %s at %s, until %s; it is not shown again\n", r.FINESS, where, until)
			return nil
		},
	}
	c.Flags().StringVar(&r.FINESS, "finess", "", "FINESS of the establishment")
	c.Flags().StringVar(&r.Profession, "profession", "", "code of the profession, such as pharmacie")
	c.Flags().StringVar(&r.Name, "name", "", "name of the establishment, for lists")
	c.Flags().StringSliceVar(&r.Networks, "networks", nil, "types de convention, such as SP")
	c.Flags().IntVar(&r.Hours, "hours", 48, "how long the code can be used")
	c.Flags().StringVar(&r.Address, "address", "", "address of the service as the counter reaches it (default that of sceau.toml)")
	c.Flags().StringVar(&png, "png", "", "write the code as a picture to this file")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

func newCounterList(p *place) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list DIR",
		Short: "List enrolled counters",
		Long: `Lists enrolled counters by their id, which is the name of their computer's key.

    $ sceau counter list ./operator
    COUNTER      FINESS     PROFESSION  NETWORKS  STATE   NAME
    Xq3f9aLmQ2s  600100713  pharmacie   SP        active  Pharmacie du Port`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(table, "COUNTER\tFINESS\tPROFESSION\tNETWORKS\tSTATE\tNAME")
			}
			for after := ""; ; {
				list, err := op.Counters(c.Context(), after, 200)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return table.Flush()
				}
				for _, k := range list {
					if asJSON {
						err = json.NewEncoder(c.OutOrStdout()).Encode(struct {
							Schema     string   `json:"schema"`
							Counter    string   `json:"counter"`
							FINESS     string   `json:"finess"`
							Profession string   `json:"profession"`
							Networks   []string `json:"networks"`
							State      string   `json:"state"`
							Why        string   `json:"why,omitempty"`
							Name       string   `json:"name"`
						}{"sceau-counter-1", k.ID, k.FINESS, k.Profession, append([]string{}, k.Networks...), string(k.State), k.Why, k.Name})
					} else {
						_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.FINESS, k.Profession, strings.Join(k.Networks, ","), k.State, k.Name)
					}
					if err != nil {
						return err
					}
					after = k.ID
				}
			}
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each counter")
	return c
}

// counterVerb is one of the commands that change a counter's state.
type counterVerb struct {
	name, short, done string
	reason            bool
	do                func(*issuer.Issuer, context.Context, string, string) (issuer.Counter, error)
}

func newCounterVerb(p *place, v counterVerb) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   v.name + " DIR COUNTER",
		Short: v.short,
		Long: fmt.Sprintf(`%s. A service that runs on this register knows within a second; a counter keeps what it has for
working offline.

    $ sceau counter %s ./operator Xq3f9aLmQ2s
    counter Xq3f9aLmQ2s %s`, v.short, v.name, v.done),
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			return changeCounter(c, p, args, v.done, func(op *operator) (issuer.Counter, error) { return v.do(op.Issuer, c.Context(), args[1], why) })
		},
	}
	if v.reason {
		c.Flags().StringVar(&why, "why", "", "class of the reason, a-z and hyphens, such as stolen")
	}
	return c
}

func newCounterRename(p *place) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "rename DIR COUNTER --name NAME",
		Short: "Change the displayed name of a counter's establishment",
		Long: `Changes the displayed name of a counter's establishment.

    $ sceau counter rename ./operator Xq3f9aLmQ2s --name "Pharmacie du Quai"
    counter Xq3f9aLmQ2s renamed`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("name") {
				return ui.WithHint(ui.Usage("say the name"), `--name "Pharmacie du Quai"`)
			}
			return changeCounter(c, p, args, "renamed", func(op *operator) (issuer.Counter, error) { return op.RenameCounter(c.Context(), args[1], name) })
		},
	}
	c.Flags().StringVar(&name, "name", "", "the name; empty for none")
	return c
}

func changeCounter(c *cobra.Command, p *place, args []string, done string, do func(*operator) (issuer.Counter, error)) error {
	op, err := p.open(args[0])
	if err != nil {
		return err
	}
	defer op.Close()
	k, err := do(op)
	switch {
	case errors.Is(err, issuer.ErrUnknownCounter):
		return ui.WithHint(ui.Usage("no counter %q is enrolled", args[1]), "sceau counter list %s", args[0])
	case errors.Is(err, issuer.ErrCounterFacts):
		return ui.Usage("%v", err)
	case err != nil:
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "counter %s %s\n", k.ID, done)
	return nil
}
