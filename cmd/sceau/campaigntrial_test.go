// What a user trial found: each of these was wrong once.

package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sceau/card/issuer/depot"
	"sceau/fixtures/s3server"
)

var campaignID = regexp.MustCompile(`\d{6}-[a-z0-9]{4,}`)

// TestCampaignOfAMCWithZero: a N° AMC that begins with a zero is one insurer, however it is written, and is said as it was registered.
func TestCampaignOfAMCWithZero(t *testing.T) {
	unset(t, "SCEAU_PASSPHRASE_FILE", "SCEAU_PASSPHRASE", "SCEAU_DATABASE")
	base := t.TempDir()
	dir, to, public := filepath.Join(base, "operator"), filepath.Join(base, "delivery"), filepath.Join(base, "public")
	sceau(t, "init", dir, "--insurer", "07402002", "--name", "Mutuelle Exemple").want(t, 0)
	t.Setenv("SCEAU_PASSPHRASE_FILE", filepath.Join(dir, generatedName))
	_, roster := rosterFile(t, 5)
	file := filepath.Join(base, "roster.csv")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(roster), "775670482", "07402002")), 0o600); err != nil {
		t.Fatal(err)
	}
	sceau(t, "import", dir, file).want(t, 0)
	sceau(t, "publish", dir, "--to", public).want(t, 0)
	made := sceau(t, "campaign", "create", dir, "--name", "Cartes 2027", "--insurer", "07402002", "--shard", "1", "--file", "1", "--outputs", "csv", "--to", to)
	made.want(t, 0)
	id := campaignID.FindString(made.out)
	sceau(t, "campaign", "start", dir, id, "--quiet").want(t, 0)
	sceau(t, "campaign", "report", dir, id).want(t, 0, "insurer     07402002\n")
	root := regexp.MustCompile(`([0-9A-F]{4} ){15}[0-9A-F]{4}`).FindString(sceau(t, "campaign", "verify", to, "--trust", public).err)
	verify := func(args ...string) played {
		return sceau(t, append([]string{"campaign", "verify", to, "--trust", public, "--root", root}, args...)...)
	}
	for _, amc := range []string{"07402002", "7402002", "07 402 002"} {
		verify("--insurer", amc).want(t, 0, "insurer "+strings.ReplaceAll(amc, " ", ""), "5 cards of 5 numbers", "whole: 5 files")
	}
	verify("--insurer", "740200").want(t, 1, "MISSING", "740200", "not looked at: "+id)
	verify("--insurer", "07402002", "--insurer", "0302976568").want(t, 1, "MISSING: 302976568: nothing here is of the insurer 0302976568", "do not print: 1 fault ")
	verify("--insurer", "é").want(t, 2, "no N° AMC")
	if err := os.Remove(filepath.Join(to, id, "7402002", "manifest.jws")); err != nil {
		t.Fatal(err)
	}
	p := verify()
	p.want(t, 1, "not signed: manifest.jws is missing")
	if strings.Contains(p.out, "bad") {
		t.Error(p.out)
	}
	if err := os.RemoveAll(filepath.Join(to, id)); err != nil {
		t.Fatal(err)
	}
	verify().want(t, 1, "NO_MANIFEST: "+to+": no manifest.json")
}

// TestCampaignInBucket: where a campaign is, as start, report, rerun and their JSON say it, is what verify takes.
func TestCampaignInBucket(t *testing.T) {
	s := s3server.Start(t)
	t.Setenv(depot.EnvAccessKey, s3server.Access)
	t.Setenv(depot.EnvSecretKey, s3server.Secret)
	dir := newOperator(t)
	file, _ := rosterFile(t, 5)
	sceau(t, "import", dir, file).want(t, 0)
	to := s.Target(s3server.Bucket + "/print")
	made := sceau(t, "campaign", "create", dir, "--name", "Cartes 2027", "--outputs", "csv", "--to", to)
	made.want(t, 0)
	id := campaignID.FindString(made.out)
	place := regexp.MustCompile(`s3://\S+`)
	json1 := func(p played) string {
		var doc struct{ Location string }
		if err := json.Unmarshal([]byte(p.out), &doc); err != nil || doc.Location == "" {
			t.Errorf("%v: %s", err, p.out)
		}
		return doc.Location
	}
	rerun := func(args ...string) played {
		return sceau(t, append([]string{"campaign", "rerun", dir, id, "--sequence", "1", "--reason", "bourrage", "--to", to}, args...)...)
	}
	for what, where := range map[string]string{
		"start":       place.FindString(sceau(t, "campaign", "start", dir, id, "--quiet").out),
		"report":      place.FindString(sceau(t, "campaign", "report", dir, id).out),
		"report JSON": json1(sceau(t, "campaign", "report", dir, id, "--json")),
		"rerun":       place.FindString(rerun().out),
		"rerun JSON":  json1(rerun("--json")),
	} {
		if !strings.Contains(where, "/print/"+id) {
			t.Errorf("%s says %s", what, where)
		}
		sceau(t, "campaign", "verify", where).want(t, exitPartial, "the files are as the manifest says, ", id)
	}
}

// TestCampaignDestinationIsProbed: what can't take files is refused before a campaign is planned for it.
func TestCampaignDestinationIsProbed(t *testing.T) {
	dir := newOperator(t)
	file, _ := rosterFile(t, 5)
	sceau(t, "import", dir, file).want(t, 0)
	s := s3server.Start(t)
	t.Setenv(depot.EnvAccessKey, s3server.Access)
	t.Setenv(depot.EnvSecretKey, s3server.Secret)
	for to, want := range map[string]string{
		file: "is not a folder", filepath.Join(t.TempDir(), "none", "print"): "hint:", s.Target("absent"): "no such bucket", "ftp://host/x": "neither a folder nor s3://",
	} {
		p := sceau(t, "campaign", "create", dir, "--name", "Cartes 2027", "--to", to)
		p.want(t, 1, want, "--to")
	}
	if p := sceau(t, "campaign", "list", dir); p.out != "" {
		t.Errorf("planned all the same: %s", p.out)
	}
}

// TestCampaignRerunWords: files for spreadsheets, plurals, and numbers out of range.
func TestCampaignRerunWords(t *testing.T) {
	dir := newOperator(t)
	file, _ := rosterFile(t, 5)
	sceau(t, "import", dir, file).want(t, 0)
	base := t.TempDir()
	made := sceau(t, "campaign", "create", dir, "--name", "Cartes 2027", "--to", filepath.Join(base, "print"))
	made.want(t, 0)
	id := campaignID.FindString(made.out)
	sceau(t, "campaign", "start", dir, id, "--quiet").want(t, 0)
	sceau(t, "campaign", "verify", filepath.Join(base, "print")).want(t, exitPartial, "5 cards of 5 numbers, 11 people, 5 pages, 1 file of", "says, 1 file, ")
	name := filepath.Join(base, "rejects.csv")
	sceau(t, "campaign", "report", dir, id, "--rejects", name).want(t, 0)
	b, err := os.ReadFile(name)
	text, marked := strings.CutPrefix(string(b), "\uFEFF")
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = ';'
	if rows, e := r.ReadAll(); err != nil || e != nil || !marked || len(rows) != 1 || len(rows[0]) != 7 || !strings.Contains(text, "\r\n") {
		t.Errorf("%v %v %q", err, e, b)
	}
	rerun := func(sequence string) played {
		return sceau(t, "campaign", "rerun", dir, id, "--sequence", sequence, "--reason", "bourrage", "--to", filepath.Join(base, "again"))
	}
	rerun("1").want(t, 0, "1 card, 1 page, 1 file in "+filepath.Join(base, "again", id, "775670482", "rerun-"))
	p := rerun("1800-1900")
	p.want(t, 2, "1800-1900 goes beyond", "hint: sceau campaign report")
	if strings.Contains(p.err, "batch:") {
		t.Error(p.err)
	}
}

// TestCampaignInsurersByAMC: where insurers are told apart, a dry run and a comparison call them as people do; programs get the keys.
func TestCampaignInsurersByAMC(t *testing.T) {
	dir := newOperator(t)
	sceau(t, "insurer", "add", dir, "--insurer", "07402002", "--name", "Mutuelle Deux").want(t, 0)
	_, roster := rosterFile(t, 5)
	var ids []string
	for _, year := range []string{"2027", "2028"} {
		for _, amc := range []string{"775670482", "07402002"} {
			file := filepath.Join(t.TempDir(), "roster.csv")
			text := strings.NewReplacer("775670482", amc, "/2027", "/"+year).Replace(string(roster))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			sceau(t, "import", dir, file).want(t, 0)
		}
		period := []string{"campaign", "create", dir, "--name", "Cartes " + year, "--period", year + "-01-01.." + year + "-12-31"}
		sceau(t, append(period, "--dry-run")...).want(t, 0, "\n  07402002      5 cards of 5 contracts\n", "\n  775670482     5 cards of 5 contracts\n")
		sceau(t, append(period, "--dry-run", "--json")...).want(t, 0, `"insurer":"7402002"`, `"refusals":[]`)
		made := sceau(t, append(period, "--to", t.TempDir())...)
		made.want(t, 0)
		ids = append(ids, campaignID.FindString(made.out))
	}
	sceau(t, "campaign", "diff", dir, ids[0], ids[1]).want(t, exitPartial, "\n  07402002: 0 contracts renewed", "\n  07402002: of the renewed:", "\n  775670482: 0 contracts")
	sceau(t, "campaign", "diff", dir, ids[0], ids[1], "--json").want(t, exitPartial, `"Insurer":"7402002"`)
}
