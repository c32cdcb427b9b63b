package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

var updateExample = flag.Bool("update-example", false, "write packaging/sceau.toml anew")

func settings(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What a file says wrongly is named by line and setting, and no value is quoted.
func TestConfigFaults(t *testing.T) {
	for text, want := range map[string]string{
		"listen = \"127.0.0.1:1\"\nlisten_on = \"canary\"\n": ":2: unknown setting listen_on",
		"[server]\nlisten = \"canary\"\n":                    "unknown setting server",
		"[oidc]\nissuer = \"\"\nsecret = \"canary\"\n":       ":3: unknown setting oidc.secret",
		"connections = \"canary\"\n":                         ":1: ",
		"acme = 1\n":                                         ":1: ",
		"publish_every = \"canary\"\n":                       ":1: publish_every must be a time with its unit",
		"database = canary\n":                                ":1: ",
		"\n\ncanary":                                         ":3: ",
		"listen = \"a\"\nlisten = \"canary\"\n":              ":2: ",
	} {
		_, err := readConfig(settings(t, text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"listen = \"0.0.0.0:80\"":               "plain HTTP",
		"listen = \"localhost:80\"":             "plain HTTP",
		"listen = \":8080\"":                    "plain HTTP",
		"listen = \"8080\"":                     "ADDRESS:PORT",
		"behind_proxy = true\nlisten = \":80\"": "public_url",
		"behind_proxy = true\nlisten = \":80\"\npublic_url = \"http://a.example\"":       "https://",
		"public_url = \"https://a.example/path\"":                                        "public_url",
		"public_url = \"ftp://a.example\"":                                               "public_url",
		"behind_proxy = true\nlisten = \":80\"\npublic_url = \"https://a.example\"":      "must name the proxy",
		"public_url = \"http://a.example\"":                                              "https://",
		"public_url = \"http://192.0.2.1:8080\"":                                         "https://",
		"tls_key = \"x\"":                                                                "go together",
		"database = \"mysql://root@localhost/x\"":                                        "postgres://",
		"database = \"register.db\"":                                                     "postgres://",
		"tls_certificate = \"/nowhere/c\"\ntls_key = \"/nowhere/k\"":                     "tls_certificate, tls_key",
		"acme = true\npublic_url = \"https://a.example\"":                                "acme_directory",
		"publish_every = \"1s\"":                                                         "publish_every",
		"publish_every = \"100h\"":                                                       "publish_every",
		"proxies = [\"x\"]":                                                              "proxies",
		"log_level = \"loud\"":                                                           "log_level",
		"counter_rate = 0":                                                               "positive",
		"connections = 1":                                                                "positive",
		"counter_rate = nan":                                                             "positive",
		"[oidc]\nissuer = \"http://a.example\"":                                          "oidc",
		"[oidc]\nissuer = \"https://a.example\"\nclient_id = \"x\"":                      "oidc",
		"[oidc]\nissuer = \"https://a.example\"\nclient_secret_file = \"/nowhere/none\"": "oidc",
	} {
		c, err := readConfig(settings(t, text))
		if err == nil {
			err = c.check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Flags come before the environment, that before the file, and that before the defaults.
func TestConfigOrder(t *testing.T) {
	c, err := readConfig(t.TempDir())
	if err != nil || c.Listen != "127.0.0.1:8080" {
		t.Errorf("%v %s", err, c.Listen)
	}
	dir := settings(t, "listen = \"127.0.0.1:1\"\nconnections = 100\npublish_every = \"15m\"\n")
	t.Setenv("SCEAU_LISTEN", "127.0.0.1:2")
	t.Setenv("SCEAU_PROXIES", "10.0.0.0/8, 192.0.2.1")
	t.Setenv("SCEAU_ACME", "true")
	c, err = readConfig(dir)
	if err != nil || c.Listen != "127.0.0.1:2" || c.Connections != 100 || len(c.Proxies) != 2 || !c.ACME {
		t.Errorf("%v %+v", err, c)
	}
	sceau(t, "serve", dir, "--listen", "0.0.0.0:9").want(t, 1, "acme_directory", "config show")
	for name, value := range map[string]string{"SCEAU_CONNECTIONS": "canary", "SCEAU_ACME": "canary", "SCEAU_PUBLISH_EVERY": "canary", "SCEAU_COUNTER_RATE": "canary"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if _, err := readConfig(dir); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary") {
				t.Error(err)
			}
		})
	}
}

// What is shown is what is in force, can be read back, and holds no secret.
func TestConfigShow(t *testing.T) {
	dir := settings(t, "database = \"postgres://sceau:canary@db.example/sceau?sslkey=canary\"\n")
	r := sceau(t, "config", "show", dir)
	r.want(t, 0, "postgres://sceau:***@db.example/sceau", "publish_every = '1h0m0s'", "# ")
	if strings.Contains(r.out+r.err, "canary") {
		t.Errorf("%s", r.out)
	}
	c := defaultConfig()
	d := toml.NewDecoder(strings.NewReader(r.out))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Errorf("what is shown is no configuration: %v", err)
	}
	for secret, want := range map[string]string{"host=db password=canary": "***", "postgres://u:canary@h/d": "postgres://u:***@h/d", "postgres://h/d?password=canary": "postgres://h/d?***", "://canary": "***"} {
		if got := masked(secret); got != want {
			t.Errorf("%q", got)
		}
	}
	sceau(t, "config", "check", t.TempDir()).want(t, 0, "in order")
	sceau(t, "config", "check", settings(t, "x = 1")).want(t, 1, ":1: unknown setting x")
	sceau(t, "config", "check", settings(t, "listen = \":80\"")).want(t, 1, "plain HTTP")
}

// The example that is packaged is the defaults with the manual, and is in order.
func TestConfigExample(t *testing.T) {
	name := filepath.Join("..", "..", "packaging", "sceau.toml")
	body, err := defaultConfig().text()
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte("# Settings of sceau serve, as they are without this file. Put it in the operator's folder as sceau.toml and change what must be.\n\n"), body...)
	if *updateExample {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s is not what the program has: go test ./cmd/sceau -run TestConfigExample -update-example (%v)", name, err)
	}
	c, err := readConfig(settings(t, string(got)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.check(); err != nil {
		t.Error(err)
	}
}
