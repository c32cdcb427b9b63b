// config: look at an operator's settings.

package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check or show the settings of the service",
		Long: `Checks or shows the settings of an operator: flags of sceau serve come before the environment (SCEAU_LISTEN …), that before
DIR/sceau.toml, and that before the defaults.

    $ sceau config show ./operator
    $ sceau config check ./operator
    settings are in order`,
		Args: ui.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "check DIR",
		Short: "Say what is wrong with the settings",
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			config, err := readConfig(args[0])
			if err != nil {
				return err
			}
			if err := config.check(); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "settings are in order")
			return nil
		},
	}, &cobra.Command{
		Use:   "show DIR",
		Short: "Print the settings in force, with what each means; secrets are masked",
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			config, err := readConfig(args[0])
			if err != nil {
				return err
			}
			b, err := config.text()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(b)
			return err
		},
	})
	return c
}

// text is the settings as TOML, with their comments, secrets masked.
func (c Config) text() ([]byte, error) {
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Tag.Get("secret") != "" && f.Kind() == reflect.String && f.String() != "" {
			f.SetString(masked(f.String()))
		}
	}
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(c); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// masked keeps of a secret what an address says beside its password and parameters, else nothing.
func masked(secret string) string {
	u, err := url.Parse(secret)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "***"
	}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			u.User = url.UserPassword(u.User.Username(), "***")
		}
	}
	if u.RawQuery != "" {
		u.RawQuery = "***"
	}
	text, err := url.PathUnescape(u.String())
	if err != nil {
		return "***"
	}
	return text
}

func (c *Config) level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}
