package issuer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sceau/card/register"
	"sceau/rights/roster"
)

const header = "amc;adherent;convention;responsable;debut;fin;nom;prenom;naissance;rang;PHAR;HOSP\n"

// line is one beneficiary of a roster.
func line(adherent, prenom, rate string) string {
	return fmt.Sprintf("%s;%s;SP;oui;01/01/2027;31/12/2027;EXEMPLE;%s;15/04/1980;1;%s;PEC\n", amc, adherent, prenom, rate)
}

func (w *world) take(text string, o ImportOptions) (*ImportReport, []roster.Reject, error) {
	w.t.Helper()
	var rejects []roster.Reject
	o.Reject = func(r roster.Reject) error { rejects = append(rejects, r); return nil }
	r, err := w.issuer.Import(context.Background(), strings.NewReader(text), o)
	return r, rejects, err
}

// contracts is the whole table, to compare before and after.
func (w *world) contracts() map[string]register.Contract {
	w.t.Helper()
	out := map[string]register.Contract{}
	w.view(func(tx register.Tx) error {
		all, err := tx.ContractsAfter(amc, "", 10000)
		for _, c := range all {
			out[c.Key.Adherent] = c
		}
		return err
	})
	return out
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 2
	file := header
	for i := range 7 {
		file += line(fmt.Sprint("A", i), "Éloïse", "100%") + line(fmt.Sprint("A", i), "Noé", "100%")
	}
	r, rejects, err := w.take(file, ImportOptions{DryRun: true})
	if err != nil || r.Created != 7 || len(w.contracts()) != 0 {
		t.Fatalf("dry run: %+v %v %v", r, rejects, err)
	}
	r, rejects, err = w.take(file, ImportOptions{})
	if err != nil || r.Created != 7 || r.Contracts != 7 || r.Lines != 14 || len(rejects) != 0 || r.SHA256 != sha(file) {
		t.Fatalf("%+v %v %v", r, rejects, err)
	}
	before := w.contracts()
	r, _, err = w.take(file, ImportOptions{})
	if err != nil || r.Created != 0 || r.Changed != 0 || r.Unchanged != 7 {
		t.Fatalf("twice: %+v %v", r, err)
	}
	if fmt.Sprint(w.contracts()) != fmt.Sprint(before) {
		t.Error("the same file changed the contracts")
	}
	changed := strings.Replace(file, line("A3", "Noé", "100%"), line("A3", "Noé", "250%"), 1)
	r, _, err = w.take(changed, ImportOptions{Strict: true})
	if err != nil || r.Changed != 1 || r.Unchanged != 6 || w.contracts()["A3"].Revision != 2 || w.contracts()["A2"].Revision != 1 {
		t.Fatalf("changed line: %+v %v", r, err)
	}
	w.view(func(tx register.Tx) error {
		all, err := tx.Imports(10)
		if err != nil || len(all) != 3 || !all[0].Strict || all[0].SHA256 != sha(changed) || all[1].Unchanged != 7 || all[2].Created != 7 {
			t.Errorf("records: %+v %v", all, err)
		}
		return nil
	})
	if ri, _ := w.issue(IssueRequest{All: true}); ri.Issued != 7 {
		t.Errorf("%+v", ri)
	}
	w.sound()
}

func TestImportRejects(t *testing.T) {
	bad := header + line("A1", "Éloïse", "100%") + line("A2", "Noé", "100%") + line("A2", "Zoé", "cent") + line("A3", "Camille", "100%") +
		strings.Replace(line("A4", "Camille", "100%"), amc, "999999999", 1)
	w := newWorld(t)
	r, rejects, err := w.take(bad, ImportOptions{})
	if err != nil || r.Created != 2 || r.Rejected != 3 || len(rejects) != r.Rejects || r.Refused != 2 {
		t.Fatalf("whole contracts or none: %+v %v %v", r, rejects, err)
	}
	if got := w.contracts(); len(got) != 2 || got["A1"].Revision != 1 || got["A3"].Revision != 1 {
		t.Errorf("%v", got)
	}
	w = newWorld(t)
	w.issuer.Batch = 1
	for _, dry := range []bool{true, false} {
		if r, rejects, err = w.take(bad, ImportOptions{Strict: true, DryRun: dry}); !errors.Is(err, ErrRejected) || len(rejects) == 0 || len(w.contracts()) != 0 {
			t.Errorf("strict: %v %v, %d contracts", rejects, err, len(w.contracts()))
		}
		if r.Contracts+r.Created+r.Changed+r.Unchanged != 0 || r.Lines != 5 || r.Rejected != 3 {
			t.Errorf("strict, dry %v: %+v", dry, r)
		}
	}
	w.view(func(tx register.Tx) error {
		all, err := tx.Imports(10)
		if err != nil || len(all) != 0 {
			t.Errorf("a refused import left a record: %+v %v", all, err)
		}
		return nil
	})
	if _, _, err = w.take("", ImportOptions{}); err == nil {
		t.Error("an empty file was taken")
	}
	stop := errors.New("stop")
	_, err = w.issuer.Import(context.Background(), strings.NewReader(bad), ImportOptions{Reject: func(roster.Reject) error { return stop }})
	if !errors.Is(err, stop) {
		t.Errorf("the sink's error: %v", err)
	}
	w.sound()
}

// TestImportCutShort: what was committed stays, and the file taken again completes it.
func TestImportCutShort(t *testing.T) {
	w := newWorld(t)
	file := header
	for i := range 9 {
		file += line(fmt.Sprint("A", i), "Éloïse", "100%")
	}
	for k := 1; k <= 5; k++ {
		w.issuer.Batch = 2
		w.issuer.Store = &losing{Store: w.store, at: k}
		if _, _, err := w.take(file, ImportOptions{}); !errors.Is(err, errCrash) {
			t.Fatalf("%d: %v", k, err)
		}
		w.reopen()
		w.sound()
	}
	r, _, err := w.take(file, ImportOptions{})
	if err != nil || r.Contracts != 9 || len(w.contracts()) != 9 {
		t.Fatalf("%+v %v", r, err)
	}
	for a, c := range w.contracts() {
		if c.Revision != 1 {
			t.Errorf("contract %s has revision %d", a, c.Revision)
		}
	}
}

// TestNothingPersonalLeaks: neither errors nor audit, events, reports and published files hold a name, a NIR or a N° adhérent.
func TestNothingPersonalLeaks(t *testing.T) {
	w := newWorld(t)
	c := household(t, "SECRET7", 1, 0)
	c.Beneficiaries[0].Nom, c.Beneficiaries[0].Prenom, c.Beneficiaries[0].NIR = "CANARINOM", "Canariprenom", "180017500000184"
	key := w.put(c)
	w.issue(IssueRequest{All: true})
	must(w.set(0+1, "2027-03-01", Target{Contract: key}))(t)
	w.publish()
	var all bytes.Buffer
	w.view(func(tx register.Tx) error {
		entries, err := tx.AuditAfter(0, 1000)
		for _, e := range entries {
			all.Write(e.Body)
		}
		return err
	})
	m, _ := w.export()
	for p, b := range m.files {
		all.WriteString(p)
		all.Write(b)
	}
	w.tamper("UPDATE contract SET canonical = CAST(replace(CAST(canonical AS TEXT), 'CANARINOM', 'CANARINOX') AS BLOB)")
	_, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return nil })
	fmt.Fprint(&all, err, must(w.issuer.Fsck(context.Background(), FsckOptions{}))(t).Findings)
	_, err = w.issuer.Issue(context.Background(), IssueRequest{Contracts: []register.ContractKey{{Insurer: amc, Adherent: "SECRET77"}}}, nil)
	fmt.Fprint(&all, err)
	_, err = w.set(1, "2027-03-01", Target{Contract: register.ContractKey{Insurer: amc, Adherent: "SECRET77"}})
	fmt.Fprint(&all, err)
	if all.Len() < 10000 {
		t.Fatalf("only %d bytes looked at", all.Len())
	}
	for _, canary := range []string{"CANARINO", "Canariprenom", "SECRET7", "180017500000184"} {
		if strings.Contains(all.String(), canary) {
			t.Errorf("%s leaks", canary)
		}
	}
}
