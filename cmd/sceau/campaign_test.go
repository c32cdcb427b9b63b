package main

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"sceau/card/issuer/depot"
	"sceau/card/register"
)

// TestContractNames: files of contracts, good and bad; a refusal says where and never what.
func TestContractNames(t *testing.T) {
	key := func(a string) register.ContractKey { return register.ContractKey{Insurer: "775670482", Adherent: a} }
	for name, c := range map[string]struct {
		text, only string
		want       []register.ContractKey
		fault      string
	}{
		"both":       {"775670482;0012\n775670482;A-1/2\n", "", []register.ContractKey{key("0012"), key("A-1/2")}, ""},
		"alone":      {"0012\n", "775670482", []register.ContractKey{key("0012")}, ""},
		"windows":    {"\uFEFF775670482;0012\r\n\r\n 775670482 ; 7 \r\n", "", []register.ContractKey{key("0012"), key("7")}, ""},
		"no end":     {"775670482;0012", "", []register.ContractKey{key("0012")}, ""},
		"empty":      {"", "", nil, "names no contract"},
		"blank":      {"\n\n", "775670482", nil, "names no contract"},
		"no insurer": {"SECRET1\n", "", nil, "line 1: no insurer"},
		"bad amc":    {"775670482;1\nSÉCRET;1\n", "", nil, "line 2: column 1"},
		"bad name":   {"775670482;SECRET NAME\n", "", nil, "line 1: no N° adhérent"},
		"too long":   {"775670482;1\n" + strings.Repeat("SECRET", 100) + "\n", "", nil, "line 2: longer"},
		"three":      {"775670482;1;SECRET\n", "", nil, "line 1: no N° adhérent"},
		"nul":        {"775670482;SECRET\x00\n", "", nil, "line 1: no N° adhérent"},
	} {
		got, err := readContractNames(strings.NewReader(c.text), c.only)
		if c.fault == "" {
			if err != nil || len(got) != len(c.want) {
				t.Errorf("%s: %v, %v", name, got, err)
				continue
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%s: %v", name, got)
				}
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzContractNames(f *testing.F) {
	f.Add("775670482;0012\r\nA1", "775670482")
	f.Add("\uFEFF;;\x00", "")
	f.Fuzz(func(t *testing.T, text, only string) {
		if only != "" {
			only = "775670482"
		}
		got, err := readContractNames(strings.NewReader(text), only)
		if err == nil && len(got) == 0 || err != nil && got != nil {
			t.Errorf("%v beside %v", got, err)
		}
	})
}

func TestPeriod(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"2027-01-01..2027-12-31": "2027-01-01 2027-12-31",
		"2027-01-01..":           "2027-01-01", "..2027-12-31": "2027-12-31",
		"2027": "error", "..": "error", "2027-13-01..": "error", "2027-01-01..soon": "error", "1900-01-01..": "error",
	} {
		first, last, err := parsePeriod(text)
		if (err != nil) != (want == "error") {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && text != "" && (first != 0) != strings.HasPrefix(text, "2") {
			t.Errorf("%q: %s to %s", text, first, last)
		}
	}
}

// TestDestination: a folder is kept by its whole path, a secret nowhere.
func TestDestination(t *testing.T) {
	if got, err := destination("", "/srv/op"); err != nil || got != "/srv/op/campaigns" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := destination("s3://bucket/a?endpoint=https://h:1", "op"); err != nil || got != "s3://bucket/a?endpoint=https://h:1" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := destination("s3://key:hush@bucket/a", "op"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
}

// TestServeWithoutPlace: a place of campaigns that is away for now keeps the service from nothing else; a setting that nobody but its
// owner can mend ends the start.
func TestServeWithoutPlace(t *testing.T) {
	dir := newOperator(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := "s3://lists/print?endpoint=http://" + closed.Addr().String()
	closed.Close()
	config, err := readConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	config.CampaignOutput = away
	if _, err := new(place).newService(t.Context(), dir, config, new(cobra.Command)); !errors.Is(err, depot.ErrCredentials) {
		t.Errorf("without keys: %v", err)
	}
	t.Setenv(depot.EnvAccessKey, "campaigns")
	t.Setenv(depot.EnvSecretKey, "0123456789")
	s := start(t, dir, func(c *Config) { c.CampaignOutput = away })
	if log := s.log.String(); !strings.Contains(log, "campaign_output") || !strings.Contains(log, "not reached") || strings.Contains(log, "0123456789") {
		t.Error(log)
	}
}
