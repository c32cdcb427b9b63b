// apikey: the keys with which programs of insurers, and of the operator, use the service.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/rights"
)

const apikeyLong = `API keys let programs use the service in the name of one insurer, or of the operator. The register keeps their digest: a
key is shown once.

    $ sceau apikey add ./operator --insurer 775670482 --name "portail de gestion" --roles issue,read
    sk_5f0c0f7c2f3b9f1e_…
    key 5f0c0f7c2f3b9f1e made for 775670482: issue, read; it is not shown again

Roles: issue (contracts, imports, cards), revoke (revoke, suspend, restore; agree to what others ask), read (people), audit,
publish; operator (counters, invitations, API keys, and the campaigns of all insurers) for keys without --insurer. Such a key sees no
insured person and changes no contract; but it may plan, start, pause, resume and cancel campaigns, by which cards are made for whole
groups of contracts. "sceau routes" lists what each role may use.`

func newAPIKey(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "apikey",
		Short: "Make, list or withdraw API keys",
		Long:  apikeyLong,
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAPIKeyAdd(p), newAPIKeyList(p), newAPIKeyRevoke(p))
	return c
}

func newAPIKeyAdd(p *place) *cobra.Command {
	var insurerKey, name, ends string
	var roles []string
	c := &cobra.Command{
		Use:   "add DIR --name NAME --roles ROLE,… [--insurer N]",
		Short: "Make a key and show it, once",
		Long:  apikeyLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" || len(roles) == 0 {
				return ui.WithHint(ui.Usage("a key needs a name and roles"), `--name "portail de gestion" --roles issue,read`)
			}
			req := issuer.KeyRequest{Name: name}
			var err error
			if req.Ends, err = parseDay("--ends", ends); err != nil {
				return err
			}
			for _, r := range roles {
				if !slices.Contains(issuer.Roles(), issuer.Role(r)) {
					return ui.WithHint(ui.Usage("--roles: %q is no role", r), "issue, revoke, read, audit, publish, operator")
				}
				req.Roles = append(req.Roles, issuer.Role(r))
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			if insurerKey != "" {
				if req.Insurer, err = op.insurerKey(c.Context(), insurerKey); err != nil {
					return err
				}
			}
			if err := issuer.CheckRoles(req.Insurer, req.Roles); err != nil {
				return ui.WithHint(ui.Usage("--roles %s can't be given together, or not to this tenant", strings.Join(roles, ",")),
					"with --insurer any but operator; without it operator, audit, publish")
			}
			if req.Ends != 0 && req.Ends < rights.DateAt(op.Now()) {
				return ui.Usage("--ends %s is over", req.Ends)
			}
			k, token, err := op.MakeKey(c.Context(), nil, req, nil)
			if errors.Is(err, issuer.ErrName) {
				return ui.Usage("--name: %v", err)
			}
			if err != nil {
				return err
			}
			// The key alone is the result, so that a script can keep it; the rest is for people.
			fmt.Fprintln(c.OutOrStdout(), token)
			fmt.Fprintf(c.ErrOrStderr(), "key %s made for %s: %s; it is not shown again\n", k.ID, tenant(k.Insurer), strings.Join(roles, ", "))
			return nil
		},
	}
	c.Flags().StringVar(&insurerKey, "insurer", "", "N° AMC of the insurer; none makes an operator's key")
	c.Flags().StringVar(&name, "name", "", "what the key is for; nobody's name")
	c.Flags().StringSliceVar(&roles, "roles", nil, "issue, revoke, read, audit, publish; operator")
	c.Flags().StringVar(&ends, "ends", "", "last day, YYYY-MM-DD (default none)")
	return c
}

func tenant(insurerKey string) string {
	if insurerKey == "" {
		return "the operator"
	}
	return insurerKey
}

func newAPIKeyList(p *place) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list DIR",
		Short: "List keys, also those that are withdrawn",
		Long: `Lists API keys: what each is for, its roles, its last day and the day of its last use. No secret is kept.

    $ sceau apikey list ./operator
    KEY               FOR        NAME                ROLES       STATE
    5f0c0f7c2f3b9f1e  775670482  portail de gestion  issue,read  never used`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(table, "KEY\tFOR\tNAME\tROLES\tSTATE")
			}
			for after := ""; ; {
				keys, next, err := op.Keys(c.Context(), "*", after, 200)
				if err != nil {
					return err
				}
				for _, k := range keys {
					if err := sayKey(c.OutOrStdout(), table, k, rights.DateAt(op.Now()), asJSON); err != nil {
						return err
					}
				}
				if next == "" {
					return table.Flush()
				}
				after = next
			}
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each key")
	return c
}

func sayKey(out, table io.Writer, k issuer.Key, today rights.Date, asJSON bool) error {
	var roles []string
	for _, r := range k.Roles {
		roles = append(roles, string(r))
	}
	if asJSON {
		day := func(d rights.Date) string {
			if d == 0 {
				return ""
			}
			return d.String()
		}
		return json.NewEncoder(out).Encode(struct {
			Schema  string   `json:"schema"`
			Key     string   `json:"key"`
			Insurer string   `json:"insurer,omitempty"`
			Name    string   `json:"name"`
			Roles   []string `json:"roles"`
			Ends    string   `json:"ends,omitempty"`
			LastUse string   `json:"last_use,omitempty"`
			Revoked bool     `json:"revoked"`
		}{"sceau-apikey-1", k.ID, k.Insurer, k.Name, roles, day(k.Ends), day(k.LastUse), !k.Revoked.IsZero()})
	}
	state := "never used"
	switch {
	case !k.Revoked.IsZero():
		state = "withdrawn " + rights.DateAt(k.Revoked).String()
	case k.Ends != 0 && k.Ends < today:
		state = "over since " + k.Ends.String()
	case k.LastUse != 0:
		state = "last used " + k.LastUse.String()
	}
	_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, tenant(k.Insurer), k.Name, strings.Join(roles, ","), state)
	return err
}

func newAPIKeyRevoke(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke DIR KEY",
		Short: "Withdraw a key, at once and for good",
		Long: `Withdraws a key by its name, the 16 characters behind "sk_". It is refused from the next request on.

    $ sceau apikey revoke ./operator 5f0c0f7c2f3b9f1e
    key 5f0c0f7c2f3b9f1e withdrawn`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args[1]) != 16 { // perhaps a whole key: it isn't repeated
				return ui.WithHint(ui.Usage("that is no name of a key"), "sceau apikey list %s", args[0])
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			k, err := op.RevokeKey(c.Context(), args[1])
			if errors.Is(err, issuer.ErrUnknownDocument) {
				return ui.WithHint(ui.Usage("no key has this name"), "sceau apikey list %s", args[0])
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "key %s withdrawn\n", k.ID)
			return nil
		},
	}
}
