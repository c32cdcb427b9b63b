// The operator's settings: flags before the environment, before DIR/sceau.toml, before the defaults.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"sceau/card/issuer/depot"
	"sceau/card/issuer/httpapi"
	"sceau/cmd/internal/clock"
)

// configName is the file of settings in an operator's folder; without it every setting has its default.
const configName = "sceau.toml"

// Config is what sceau.toml may say. The comments are the manual: "sceau config show" prints them. The environment has each
// setting as SCEAU_ and its name in capitals.
type Config struct {
	Database string `toml:"database" secret:"true" comment:"where the register is: postgres://USER@HOST/NAME, or nothing for DIR/register.db\nDanger: an address may hold a password; let only the service read this file"`

	PublicURL   string `toml:"public_url" comment:"origin under which counters and browsers reach the service, such as https://droits.example.fr\nNothing: http:// and the address of listen. Danger: counters sign it; change it and they must enrol again"`
	Listen      string `toml:"listen" comment:"address and port of the service; default 127.0.0.1:8080"`
	AdminListen string `toml:"admin_listen" comment:"address and port of /metrics, /healthz and /readyz for administrators; off for none; default 127.0.0.1:9090\nDanger: it asks for no credential"`

	TLSCertificate string `toml:"tls_certificate" comment:"PEM file with the certificate and its chain; read again when it changes and on SIGHUP"`
	TLSKey         string `toml:"tls_key" comment:"PEM file with the certificate's key"`
	ACME           bool   `toml:"acme" comment:"get certificates by ACME for the host of public_url; listen must be reachable as port 443\nSetting it accepts the terms of the certificate authority; default false"`
	ACMEDirectory  string `toml:"acme_directory" comment:"directory of the certificate authority; needed with acme"`
	ACMERoots      string `toml:"acme_roots" comment:"PEM file with the roots of the directory's own certificate; nothing for the system's"`
	ACMEContact    string `toml:"acme_contact" comment:"e-mail address that the authority warns before a certificate ends; nothing for none"`

	BehindProxy bool     `toml:"behind_proxy" comment:"take plain HTTP also from elsewhere than this computer, because a proxy does TLS; default false\nDanger: without such a proxy everything travels in clear"`
	Proxies     []string `toml:"proxies" comment:"addresses or networks of proxies whose X-Forwarded-For is believed; needed with behind_proxy; default none\nDanger: whoever comes from there says which source they are"`

	PublishEvery span     `toml:"publish_every" comment:"how often lists are published, 1m to 24h; default 1h. An end of rights reaches counters with the next publication\nthat they fetch; online checks know it at once. 0s: never, sceau publish does it"`
	PublishTo    []string `toml:"publish_to" comment:"folders and buckets that get each publication besides the service's own /repo/, such as s3://listes/public?endpoint=https://s3.example.fr; default none\nA bucket's keys: SCEAU_S3_ACCESS_KEY and SCEAU_S3_SECRET_KEY in the environment, or files that SCEAU_S3_ACCESS_KEY_FILE and SCEAU_S3_SECRET_KEY_FILE name.\nDanger: never in this address, which is logged"`
	ReadyAge     span     `toml:"ready_age" comment:"age of the last publication above which /readyz says no; default 26h"`
	StopAfter    span     `toml:"stop_after" comment:"how long requests under way may still take when the service is stopped; default 30s"`

	CounterRate   float64 `toml:"counter_rate" comment:"requests a second of one counter, in the long run; default 5"`
	CounterBurst  int     `toml:"counter_burst" comment:"requests of one counter at once; default 40"`
	StaffRate     float64 `toml:"staff_rate" comment:"requests a second of one API key or session, in the long run; default 30"`
	StaffBurst    int     `toml:"staff_burst" comment:"requests of one API key or session at once; default 120"`
	PublicRate    float64 `toml:"public_rate" comment:"requests a second of one address on public pages, in the long run; published files don't count; default 5"`
	PublicBurst   int     `toml:"public_burst" comment:"such requests at once; default 40"`
	Connections   int     `toml:"connections" comment:"open connections in all; default 4096. Each may hold 32 KiB"`
	PerSource     int     `toml:"connections_per_source" comment:"open connections of one address, proxies excepted; default 256"`
	MemoryLimitMB int     `toml:"memory_limit_mb" comment:"memory that the program tries not to exceed, in MiB; 0 for no limit; default 0"`

	StatusChanges int `toml:"status_changes_per_day" comment:"cards that one person revokes, suspends or restores in a day before another must agree; default 100\nDanger: a large number lets one stolen credential end many cards"`
	CardsPerDay   int `toml:"cards_per_day" comment:"cards that one person issues or reprints in a day before another must agree; default 10000"`
	RosterMB      int `toml:"roster_mb" comment:"longest roster of an import, in MiB, 1 to 256; default 64"`

	CampaignOutput  string `toml:"campaign_output" comment:"where files of campaigns go that are asked for by the interface: a folder, or s3://BUCKET/PREFIX?endpoint=https://HOST&region=R\nNothing: the interface plans none. Danger: files hold names and addresses"`
	CampaignWorkers int    `toml:"campaign_workers" comment:"shards of campaigns that the service itself works off at a time; 0 for none, sceau worker does it\ndefault -1: one where the register is a file, none with PostgreSQL"`

	OIDC oidcConfig `toml:"oidc" comment:"the identity provider of people's logins; without issuer nobody logs in, and only API keys are believed"`

	LogLevel string `toml:"log_level" comment:"debug, info, warn or error; default info. No level logs names, numbers of people, keys or codes"`
}

// oidcConfig is the identity provider of people.
type oidcConfig struct {
	Issuer           string              `toml:"issuer" comment:"https:// address of the provider, as its own document names it"`
	ClientID         string              `toml:"client_id" comment:"this service's id at the provider; the redirect address there is public_url and /callback"`
	ClientSecretFile string              `toml:"client_secret_file" comment:"file whose first line is the client's secret; nothing for a public client"`
	Scopes           []string            `toml:"scopes" comment:"asked for beside openid"`
	InsurerClaim     string              `toml:"insurer_claim" comment:"claim that says whose people somebody is; default insurer"`
	RolesClaim       string              `toml:"roles_claim" comment:"claim with somebody's roles; default roles"`
	Insurers         map[string]string   `toml:"insurers" comment:"from values of that claim to an AMC number, or to operator\nDanger: operator sees every insurer"`
	Roles            map[string][]string `toml:"roles" comment:"from values of that claim to read, issue, revoke, audit, publish, operator; one unknown value refuses the person"`
	ACR              []string            `toml:"acr" comment:"one of these must be how strong the login was; nothing asks for none"`
	AMR              []string            `toml:"amr" comment:"one of these must be among the ways of the login, such as hwk; nothing asks for none"`
}

// provider is what the service is given of it; nil when nobody logs in.
func (o oidcConfig) provider(public string) (*httpapi.OIDC, error) {
	if o.Issuer == "" {
		return nil, nil
	}
	c := httpapi.OIDCConfig{Issuer: o.Issuer, ClientID: o.ClientID, Redirect: strings.TrimSuffix(public, "/") + "/callback", Scopes: o.Scopes,
		InsurerClaim: o.InsurerClaim, RolesClaim: o.RolesClaim, Insurers: o.Insurers, Roles: map[string][]httpapi.Role{}, ACR: o.ACR, AMR: o.AMR, Now: clock.Now}
	for from, all := range o.Roles {
		for _, to := range all {
			c.Roles[from] = append(c.Roles[from], httpapi.Role(to))
		}
	}
	if o.ClientSecretFile != "" {
		b, err := os.ReadFile(o.ClientSecretFile)
		if err != nil {
			return nil, err
		}
		first, _, _ := strings.Cut(string(b), "\n")
		c.ClientSecret = strings.TrimSpace(first)
	}
	return httpapi.NewOIDC(c)
}

// span is a duration such as "15m".
type span time.Duration

func (s *span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*s = span(d)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (s span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

func defaultConfig() Config {
	return Config{Listen: "127.0.0.1:8080", AdminListen: "127.0.0.1:9090", PublishEvery: span(time.Hour), ReadyAge: span(26 * time.Hour), StopAfter: span(30 * time.Second),
		CounterRate: 5, CounterBurst: 40, StaffRate: 30, StaffBurst: 120, PublicRate: 5, PublicBurst: 40, Connections: 4096, PerSource: 256,
		StatusChanges: 100, CardsPerDay: 10_000, RosterMB: 64, CampaignWorkers: byDatabase,
		Proxies: []string{}, PublishTo: []string{}, LogLevel: "info", OIDC: oidcConfig{InsurerClaim: "insurer", RolesClaim: "roles",
			Scopes: []string{}, Insurers: map[string]string{}, Roles: map[string][]string{}, ACR: []string{}, AMR: []string{}}}
}

// readConfig reads the settings of an operator's folder and of the environment. A setting that is not known is an error that
// names its line: a misspelt one would silently do nothing. No error quotes a value: one may be a password.
func readConfig(dir string) (Config, error) {
	c := defaultConfig()
	name := filepath.Join(dir, configName)
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Config{}, err
	}
	if err == nil {
		d := toml.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return Config{}, tomlFault(name, b, err)
		}
	}
	if err := c.environment(os.LookupEnv); err != nil {
		return Config{}, err
	}
	return c, nil
}

// tomlFault says where a file is wrong, by line and setting.
func tomlFault(name string, text []byte, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all []error
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			all = append(all, fmt.Errorf("%s:%d: unknown setting %s", name, line, strings.Join(e.Key(), ".")))
		}
		return errors.Join(all...)
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		if key := spanAt(text, line); key != "" {
			return fmt.Errorf("%s:%d: %s must be %s", name, line, key, spanForm)
		}
		if key := strings.Join(wrong.Key(), "."); key != "" {
			return fmt.Errorf("%s:%d: %s has no value of its form", name, line, key)
		}
		return fmt.Errorf("%s:%d: not TOML, or not a value of the setting's form", name, line)
	}
	return fmt.Errorf("%s: not TOML", name)
}

// spanForm is how a duration is written.
const spanForm = `a time with its unit, such as "30m" or "1h"`

// spanAt names the duration that a line of a file sets, or "".
func spanAt(text []byte, line int) string {
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	key, _, _ := strings.Cut(lines[line-1], "=")
	for f := range reflect.TypeFor[Config]().Fields() {
		if f.Type == reflect.TypeFor[span]() && f.Tag.Get("toml") == strings.TrimSpace(key) {
			return strings.TrimSpace(key)
		}
	}
	return ""
}

// environment takes SCEAU_LISTEN and its like.
func (c *Config) environment(lookup func(string) (string, bool)) error {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Struct {
			continue // the tables are for the file
		}
		name := "SCEAU_" + strings.ToUpper(v.Type().Field(i).Tag.Get("toml"))
		text, ok := lookup(name)
		if !ok {
			continue
		}
		var err error
		switch to := v.Field(i).Addr().Interface().(type) {
		case *string:
			*to = text
		case *bool:
			*to, err = strconv.ParseBool(text)
		case *int:
			*to, err = strconv.Atoi(text)
		case *float64:
			*to, err = strconv.ParseFloat(text, 64)
		case *span:
			if to.UnmarshalText([]byte(text)) != nil {
				return fmt.Errorf("%s must be %s", name, spanForm)
			}
		case *[]string:
			*to = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		default:
			err = errors.ErrUnsupported
		}
		if err != nil {
			return fmt.Errorf("%s has no value of its form", name)
		}
	}
	return nil
}

// check says what would keep the service from starting, or makes it unsafe.
func (c *Config) check() error {
	var all []error
	bad := func(name, why string) { all = append(all, fmt.Errorf("%s: %s", name, why)) }
	if c.Database != "" && !isPostgres(c.Database) {
		bad("database", "must be postgres://USER@HOST/NAME, or nothing for a file")
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		bad("listen", "must be ADDRESS:PORT")
	}
	if c.AdminListen != "off" {
		if _, _, err := net.SplitHostPort(c.AdminListen); err != nil {
			bad("admin_listen", "must be ADDRESS:PORT, or off")
		}
	}
	tls := c.ACME || c.TLSCertificate != ""
	switch {
	case (c.TLSCertificate == "") != (c.TLSKey == ""):
		bad("tls_certificate", "tls_certificate and tls_key go together")
	case c.ACME && c.TLSCertificate != "":
		bad("acme", "acme and tls_certificate exclude each other")
	case c.ACME && !strings.HasPrefix(c.ACMEDirectory, "https://"):
		bad("acme_directory", "must be the https:// address of a certificate authority's directory")
	case !tls && !c.BehindProxy && !loopback(host):
		bad("listen", "plain HTTP only on this computer's own address: set tls_certificate and tls_key, or acme, or behind_proxy")
	}
	if c.TLSCertificate != "" && c.TLSKey != "" {
		if err := (&certificate{file: c.TLSCertificate, key: c.TLSKey}).read(); err != nil {
			all = append(all, fmt.Errorf("tls_certificate, tls_key: %w", err))
		}
	}
	if c.ACME && c.ACMERoots != "" {
		if _, err := c.manager(""); err != nil {
			all = append(all, fmt.Errorf("acme_roots: %w", err))
		}
	}
	if c.PublicURL != "" {
		if _, err := httpapi.Origin(c.PublicURL); err != nil {
			bad("public_url", "must be https://HOST or https://HOST:PORT, without a path")
		} else if strings.HasPrefix(c.PublicURL, "http://") && (tls || c.BehindProxy) {
			bad("public_url", "must begin with https:// where TLS is done")
		} else if strings.HasPrefix(c.PublicURL, "http://") && c.host() != "localhost" && !loopback(c.host()) {
			bad("public_url", "must begin with https:// unless the service is for this computer alone")
		}
	} else if tls || c.BehindProxy {
		bad("public_url", "must be set unless the service is for this computer alone")
	}
	if all, err := c.proxies(); err != nil {
		bad("proxies", "must be addresses or networks such as 10.0.0.0/8")
	} else if c.BehindProxy && len(all) == 0 {
		bad("proxies", "must name the proxy with behind_proxy: else all who come through it are one source and share its bounds")
	}
	if d := time.Duration(c.PublishEvery); d != 0 && (d < time.Minute || d > 24*time.Hour) {
		bad("publish_every", "must be 1m to 24h, or 0s")
	}
	for _, target := range c.PublishTo {
		if err := depot.CheckTarget(target); err != nil {
			bad("publish_to", strings.TrimPrefix(err.Error(), "depot: "))
		}
	}
	if c.ReadyAge <= 0 || c.StopAfter < 0 || time.Duration(c.StopAfter) > 10*time.Minute {
		bad("ready_age, stop_after", "must be positive; stop_after at most 10m")
	}
	if !(c.CounterRate > 0) || !(c.StaffRate > 0) || !(c.PublicRate > 0) || c.CounterBurst < 1 || c.StaffBurst < 1 || c.PublicBurst < 1 || c.Connections < 8 || c.PerSource < 1 || c.MemoryLimitMB < 0 {
		bad("rates and bounds", "must be positive, connections at least 8")
	}
	if c.StatusChanges < 1 || c.CardsPerDay < 1 || c.RosterMB < 1 || c.RosterMB > httpapi.MaxBody>>20 {
		bad("limits of staff", "must be positive, roster_mb at most 256")
	}
	if c.CampaignWorkers < byDatabase || c.CampaignWorkers > 256 {
		bad("campaign_workers", "must be 0 to 256, or -1")
	}
	if depot.IsBucket(c.CampaignOutput) && strings.Contains(c.CampaignOutput, "@") {
		bad("campaign_output", "must hold no key: keys are in SCEAU_S3_ACCESS_KEY and SCEAU_S3_SECRET_KEY")
	}
	if _, err := c.OIDC.provider(c.publicURL()); err != nil {
		all = append(all, fmt.Errorf("oidc: %w", err))
	}
	if _, err := c.level(); err != nil {
		bad("log_level", "must be debug, info, warn or error")
	}
	return errors.Join(all...)
}

// loopback says whether a host is this computer's own address. A name is not: it may lead elsewhere tomorrow.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func (c *Config) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range c.Proxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, err
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// publicURL is the origin that counters sign.
func (c *Config) publicURL() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	return "http://" + c.Listen
}
