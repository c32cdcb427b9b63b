// Exposure through the command: the folder is whole and private, letters are right, and no name leaves it.

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/clock"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
)

// exposed is an operator whose counter and key were used, and who was read with them.
type exposed struct {
	dir     string
	counter string
	key     string
	shown   []issuer.Issued // cards at the counter
	read    rights.Contract // by the key
	all     []string        // every name, N° adhérent and NIR of the register
}

func newExposed(t *testing.T) *exposed {
	t.Helper()
	x := &exposed{dir: newFolder(t, 60)}
	ctx := context.Background()
	op, err := (&place{}).open(x.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.NewPublicKey(assertion.Kind, &private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	in, err := op.Invite(ctx, issuer.InviteRequest{FINESS: "600100713", Profession: "pharmacie", Address: "https://droits.example"})
	if err != nil {
		t.Fatal(err)
	}
	counter, err := op.Enrol(ctx, issuer.EnrolRequest{Code: in.Invitation.CodeText(), Key: key, RequestID: assertion.NewID([16]byte{1})})
	if err != nil {
		t.Fatal(err)
	}
	x.counter = counter.ID
	var cards []issuer.Issued
	if _, err := op.Each(ctx, issuer.EachRequest{All: true}, func(i issuer.Issued) error { cards = append(cards, i); return nil }); err != nil {
		t.Fatal(err)
	}
	x.shown = cards[:12]
	for i, k := range x.shown {
		r, err := op.CheckRights(ctx, issuer.CheckRequest{Counter: counter, RequestID: assertion.NewID([16]byte{2, byte(i)}), Card: k.CodeText, Domains: []string{"PHAR"}})
		if err != nil || r.JWS == "" {
			t.Fatal(err, r)
		}
	}
	if _, err := op.CheckRights(ctx, issuer.CheckRequest{Counter: counter, RequestID: assertion.NewID([16]byte{3}), Card: "TPnothing"}); err != nil {
		t.Fatal(err)
	}
	if err := op.BindTrace(ctx); err != nil {
		t.Fatal(err)
	}
	k, _, err := op.MakeKey(ctx, nil, issuer.KeyRequest{Name: "portail", Insurer: "775670482", Roles: []issuer.Role{issuer.RoleRead}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.key = k.ID
	id, err := op.PseudonymOf(cards[20].Contract)
	if err != nil {
		t.Fatal(err)
	}
	if err := op.As(issuer.Staff{Actor: "key:" + k.ID, Insurer: "775670482"}).JournalRead(ctx, map[string]any{"contract": id, "revision": 1}); err != nil {
		t.Fatal(err)
	}
	err = op.Store.View(ctx, func(tx register.Tx) error {
		page, err := tx.ContractsAfter("775670482", "", 1000)
		for _, c := range page {
			r, err := c.Rights()
			if err != nil {
				return err
			}
			if c.Key == cards[20].Contract {
				x.read = r
			}
			x.all = append(x.all, r.Adherent)
			for _, b := range r.Beneficiaries {
				x.all = append(x.all, b.Nom, b.Prenom)
				if b.NIR != "" {
					x.all = append(x.all, b.NIR)
				}
			}
		}
		return err
	})
	if err != nil || len(x.all) < 150 || len(x.read.Beneficiaries) == 0 {
		t.Fatal(err, len(x.all))
	}
	return x
}

// silent fails when a text holds anything of anybody.
func (x *exposed) silent(t *testing.T, where, text string) {
	t.Helper()
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n\t,;:.\"'’()[]{}/", r) })
	for _, secret := range x.all {
		if len(secret) >= 4 && slices.Contains(words, secret) {
			t.Errorf("%s names somebody", where)
		}
	}
}

func TestExposureCommand(t *testing.T) {
	x := newExposed(t)
	people := map[string]bool{}
	for _, k := range x.shown {
		for _, p := range k.Claims.People {
			people[p.Nom+"|"+p.Prenom+"|"+string(p.Birth)] = true
		}
	}
	out := filepath.Join(t.TempDir(), "exposition")
	p := sceau(t, "exposure", x.dir, "--finess", "600100713", "--discovered", "2026-03-02T09:40", "--contact", "Déléguée, 01 99 00 12 34", "--measure", "Le poste a été révoqué.", "--out", out)
	p.want(t, 0, fmt.Sprintf("read: %d people", len(people)), "1 counter", "traces: whole", "reads or changes from the discovery on", "of them about minors, of ", "before 2026-03-05 09:40 (Paris)", fmt.Sprintf("%d letters", len(people)))
	x.silent(t, "the terminal", p.out+p.err)

	var letters []string
	err := filepath.WalkDir(out, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700 | fs.ModeDir, false: 0o600}[e.IsDir()]; info.Mode() != want {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		x.silent(t, "a file's name", strings.ReplaceAll(path, "/", " "))
		if strings.HasSuffix(path, ".txt") {
			letters = append(letters, path)
		}
		return nil
	})
	if err != nil || len(letters) != len(people) {
		t.Fatalf("%d letters for %d people, %v", len(letters), len(people), err)
	}
	b, err := os.ReadFile(filepath.Join(out, "personnes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != len(people)+1 {
		t.Fatal(err, len(rows))
	}
	mail, err := os.ReadFile(filepath.Join(out, "lettres.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(mail)), "\n")
	minors := 0
	for i, path := range letters {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var l exposureLetter
		if err := json.Unmarshal([]byte(lines[i]), &l); err != nil || l.Text != string(text) {
			t.Errorf("letter %d is not its line: %v", i+1, err)
		}
		row := rows[i+1]
		found := false
		for who := range people {
			nom, rest, _ := strings.Cut(who, "|")
			prenom, birth, _ := strings.Cut(rest, "|")
			if nom == l.Nom && prenom == l.Prenom && rights.BirthDate(birth).French() == row[5] {
				delete(people, who)
				found = true
				minor := birth[:4] > fmt.Sprint(clock.Now().Year()-17)
				if minor && !l.Minor {
					t.Error("a minor has a letter of their own")
				}
				if l.Minor {
					minors++
					if strings.Contains(l.To, l.Prenom+" "+l.Nom) && !strings.HasPrefix(l.To, "Aux représentants") || !strings.Contains(l.Text, "les données de "+l.Prenom+" "+l.Nom) {
						t.Error("a minor's letter goes to the minor")
					}
				} else if l.To != l.Prenom+" "+l.Nom {
					t.Error("a letter goes to somebody else")
				}
			}
		}
		if !found {
			t.Error("a letter for nobody who was read, or a second one")
		}
		for _, want := range []string{"CE QUI S’EST PASSÉ", "LES DONNÉES CONCERNÉES", "CE QU’ON PEUT EN FAIRE", "CE QUE NOUS VOUS CONSEILLONS", "QUI APPELER", "ont été consultées", "01 99 00 12 34", "2\u00a0mars\u00a02026", "reste valable",
			"Pour toute question sur ces données\u00a0: Déléguée, 01 99", "celles du professionnel de santé lui-même", "Lieu\u00a0: FINESS 600100713.", "encore en service\u00a0: il reste", "Le poste a été révoqué."} {
			if !strings.Contains(l.Text, want) {
				t.Errorf("a letter lacks %q", want)
			}
		}
		child := []string{"qui n’a pas 18 ans", "le nom de cet enfant", "la carte de cet enfant"}
		adult := []string{"votre nom", "votre carte"}
		if !l.Minor {
			child, adult = adult, child
		}
		for i := range child {
			if !strings.Contains(l.Text, child[i]) {
				t.Errorf("a letter lacks %q", child[i])
			}
		}
		for i := range adult {
			if strings.Contains(l.Text, adult[i]) {
				t.Errorf("a letter about somebody else says %q", adult[i])
			}
		}
		for _, never := range []string{"http", "www", " :", " ;", " !", "« ", "NIR", "..", "{", "%!"} {
			if strings.Contains(l.Text, never) {
				t.Errorf("a letter says %q", never)
			}
		}
	}
	if len(people) != 0 || minors == 0 || minors == len(letters) {
		t.Errorf("%d people without a letter, %d minors", len(people), minors)
	}

	doc, err := os.ReadFile(filepath.Join(out, "rapport.json"))
	if err != nil || !json.Valid(doc) {
		t.Fatal(err)
	}
	x.silent(t, "rapport.json", string(doc))
	for _, want := range []string{`"schema": "sceau-exposure-1"`, `"notify_before": "2026-03-05T08:40:00Z"`, `"checks": 12`, `"after_discovery": 12`, `"refused": 1`, `"whole": true`, `"counter"`} {
		if !bytes.Contains(doc, []byte(want)) {
			t.Errorf("rapport.json lacks %s", want)
		}
	}
	if _, err := exec.LookPath("pdftotext"); err == nil {
		text, err := exec.Command("pdftotext", "-raw", filepath.Join(out, "rapport.pdf"), "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		x.silent(t, "rapport.pdf", string(text))
		flat := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "\u00a0", " ")), " ")
		for _, want := range []string{"5 mars 2026 à 9 h 40", "Le délai de 72 heures est passé", "a) Nature", "b) Qui", "01 99 00 12 34", "c) Conséquences", "d) Mesures", "Le poste a été révoqué", "Comment ces chiffres"} {
			before, after, found := strings.Cut(flat, want)
			if flat = after; !found {
				t.Errorf("rapport.pdf lacks %q, or not in this order", want)
				flat = before
			}
		}
		if keep := os.Getenv("EXPOSURE_OUT"); keep != "" {
			if err := os.CopyFS(keep, os.DirFS(out)); err != nil {
				t.Fatal(err)
			}
		}
	} else if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}

	// Who asked stands in the chain, and no name does.
	p = sceau(t, "audit", "show", x.dir, "--limit", "10000")
	p.want(t, 0, `"kind":"finess"`, `"credential":"600100713"`, fmt.Sprintf(`"read":%d`, len(letters)), "exposure")
	x.silent(t, "the audit chain", p.out)
	sceau(t, "audit", "verify", x.dir).want(t, 0)
}

func TestExposureOfOthers(t *testing.T) {
	x := newExposed(t)
	n := len(x.read.Beneficiaries)
	tmp := t.TempDir()
	next := 0
	ask := func(args ...string) (played, string) {
		next++
		out := filepath.Join(tmp, fmt.Sprint("e", next))
		return sceau(t, append([]string{"exposure", x.dir, "--contact", "Déléguée, 01 99 00 12 34", "--out", out}, args...)...), out
	}
	p, out := ask("--apikey", x.key)
	p.want(t, 0, fmt.Sprintf("read: %s; within reach: ", peopleCount(int64(n))), "1 API key")
	x.silent(t, "the terminal", p.out+p.err)
	b, err := os.ReadFile(filepath.Join(out, "lettres", "0000", "0000001.txt"))
	if err != nil || !strings.Contains(string(b), "numéro de sécurité sociale (NIR)") || !strings.Contains(string(b), "un logiciel de gestion") {
		t.Errorf("%v %s", err, b)
	}
	// A span before the key was used: nobody was read, and before it was made nobody could be.
	p, _ = ask("--apikey", x.key, "--until", "2020-01-01")
	p.want(t, 0, "read: 0 people; within reach: 0 people", "no letters; the report is in ", " and names nobody")
	p, _ = ask("--apikey", x.key, "--from", "2020-01-01", "--could")
	p.want(t, 0, fmt.Sprintf("read: %s", peopleCount(int64(n))))
	p, _ = ask("--register")
	p.want(t, 0, "leaves no trace")
	p, _ = ask("--counter", x.counter, "--until", "2020-01-01")
	p.want(t, 0, "read: 0 people")

	for _, args := range [][]string{{"--counter", "AAAAAAAAAAA"}, {"--finess", "600100714"}, {"--finess", "1"}, {"--apikey", "0000000000000000"}, {"--operator", "person:nobody"}, {"--operator", "key:" + x.key},
		{"--device", strings.Repeat("0", 32)}, {"--device", "x"}, {"--key", "AAAAAAAAAAA"}, {}, {"--register", "--finess", "600100713"}, {"--register", "--from", "hier"},
		{"--register", "--from", "2027-01-02", "--until", "2027-01-01"}, {"--register", "--head", "1"}, {"--register", "--contact", "😀"},
		{"--register", "--contact", ""}, {"--register", "--contact", " . "}, {"--register", "--discovered", clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)}} {
		p, out := ask(args...)
		p.want(t, 2)
		for _, name := range []string{out, out + unfinished} {
			if _, err := os.Lstat(name); err == nil {
				t.Errorf("%v leaves %s", args, filepath.Base(name))
			}
		}
	}
	sceau(t, "exposure", x.dir, "--register", "--out", out).want(t, 2, "there already")
	if err := os.Mkdir(filepath.Join(tmp, "z"+unfinished), 0o700); err != nil {
		t.Fatal(err)
	}
	sceau(t, "exposure", x.dir, "--register", "--out", filepath.Join(tmp, "z")).want(t, 1, "was interrupted")

	// A chain that was altered: the answer says until when it is certain, and writes to everybody within reach.
	db, err := sql.Open("sqlite", filepath.Join(x.dir, registerName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range alterCheck(t, db) {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	p, out = ask("--counter", x.counter)
	p.want(t, 3, "traces: ALTERED")
	doc, err := os.ReadFile(filepath.Join(out, "rapport.json"))
	if err != nil || !strings.Contains(string(doc), `"whole": false`) || strings.Contains(string(doc), "1970") || strings.Contains(p.out, "1970") ||
		strings.Contains(string(doc), `"certain_until": ""`) != strings.Contains(string(doc), `"nothing_certain": true`) {
		t.Errorf("%v %s", err, doc)
	}
}

// alterCheck are the statements of an administrator who takes a check out of the trace.
func alterCheck(t *testing.T, db *sql.DB) (out []string) {
	t.Helper()
	rows, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'online_check'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		out = append(out, "DROP TRIGGER "+name)
	}
	return append(out, "DELETE FROM online_check WHERE seq = (SELECT min(seq) + 3 FROM online_check)")
}

// Minors by the calendar, also those whose birth date has none.
func TestMinor(t *testing.T) {
	today := rights.DateAt(time.Date(2027, 3, 2, 12, 0, 0, 0, time.UTC))
	for birth, want := range map[rights.BirthDate]bool{"20090301": false, "20090302": false, "20090303": true, "20240229": true, "20080229": true, "19800101": false, "20099901": false, "20109901": true, "": false, "x": false} {
		if got := issuer.Minor(birth, today); got != want && birth != "20080229" {
			t.Errorf("%s: %t", birth, got)
		}
	}
	if issuer.Minor("20080229", rights.DateAt(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))) {
		t.Error("who was born on the 29th of February is of age on the 1st of March")
	}
}
