// routes: every address of the service, and who may use it.

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sceau/card/issuer/httpapi"
	"sceau/cmd/internal/ui"
)

func newRoutes() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "routes",
		Short: "List the routes of the service and who may use them",
		Long: `Lists every route of sceau serve: method, pattern, roles, whose data, longest body in bytes. It needs no operator.

    $ sceau routes --json`,
		Args: ui.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			table := httpapi.Routes()
			if asJSON {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(struct {
					Schema string              `json:"schema"`
					Routes []httpapi.RouteInfo `json:"routes"`
				}{"sceau-routes-1", table})
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "METHOD\tPATTERN\tROLES\tDATA OF\tBODY")
			for _, r := range table {
				roles := make([]string, len(r.Roles))
				for i, role := range r.Roles {
					roles[i] = string(role)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", r.Method, r.Pattern, strings.Join(roles, " "), r.Tenant, r.Body)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}
