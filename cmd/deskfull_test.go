package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadOnlyFolder: a folder that can't be written answers, says that nothing is recorded, and records again once it can be.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	mustRun(t, 0, p.dir, "comptoir", "verify", p.data, p.cards[0]+".txt")
	mount(t, p.data, "-o", "bind", p.data, p.data)
	must(t, exec.Command("mount", "-o", "remount,ro,bind", p.data).Run())
	if err := os.WriteFile(filepath.Join(p.data, "x"), nil, 0o600); err == nil {
		t.Fatal("the folder can be written: the test tries nothing")
	}
	out := mustRun(t, 0, p.dir, "comptoir", "verify", p.data, "--domain", "PHAR", p.cards[0]+".txt")
	if strings.Contains(out, "payable") {
		t.Errorf("a payment is announced without a proof\n%s", out)
	}
	if !strings.Contains(out, "non enregistrée\u00a0: le dossier du comptoir est en lecture seule") || strings.Contains(out, "preuve n°") {
		t.Errorf("said\n%s", out)
	}
	if out := mustRun(t, 0, p.dir, "comptoir", "journal", "list", p.data); strings.Count(out, "✓ valid") != 1 {
		t.Errorf("journal list said\n%s", out)
	}
	mustRun(t, 0, p.dir, "comptoir", "journal", "verify", p.data)
	mustRun(t, 0, p.dir, "comptoir", "status", p.data)

	must(t, exec.Command("mount", "-o", "remount,rw,bind", p.data).Run())
	if out := mustRun(t, 0, p.dir, "comptoir", "verify", p.data, "--domain", "PHAR", p.cards[0]+".txt"); !strings.Contains(out, "preuve n°") || !strings.Contains(out, "payable") {
		t.Errorf("said\n%s", out)
	}
}

// TestReadOnlyDesk: the desk opens on a folder that can't be written, answers, says that nothing is recorded, and records once it
// can, without a restart.
func TestReadOnlyDesk(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	p.open(t).stop(t)
	mount(t, p.data, "-o", "bind", p.data, p.data)
	must(t, exec.Command("mount", "-o", "remount,ro,bind", p.data).Run())
	c := p.begin(t, nil, "--no-window")
	eventually(t, wait, "the address", func() bool {
		if c.done() {
			t.Fatalf("the desk ended\n%s%s", c.out.String(), c.errs.String())
		}
		return strings.Contains(c.out.String(), "/open/")
	})
	url, _, _ := strings.Cut(c.out.String(), "/open/")
	token, err := os.ReadFile(filepath.Join(p.data, "api-token"))
	must(t, err)
	d := &desk{process: c, url: url, token: strings.TrimSpace(string(token))}
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Status != "valid" || a.Recorded || !strings.Contains(a.Unrecorded, "lecture seule") {
		t.Errorf("%+v", a)
	}
	must(t, exec.Command("mount", "-o", "remount,rw,bind", p.data).Run())
	if a := d.verify(t, "application/json", asked(p.codes[0])); !a.Recorded {
		t.Errorf("%+v", a)
	}
	d.stop(t)
}

// mount puts a file system in place for the test.
func mount(t testing.TB, at string, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		exec.Command("umount", "-l", at).Run()
	})
}

// TestFullDisk fills the disk of an open desk: scans are answered and say that they are not recorded, a sync fails and keeps the
// last list, and once there is room again the same desk records, without a restart. Nothing that was recorded is lost.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	whole := filepath.Join(p.dir, "petit disque")
	must(t, os.Mkdir(whole, 0o700))
	mount(t, whole, "-t", "tmpfs", "-o", "size=24m", "tmpfs", whole)
	p.data = filepath.Join(whole, "comptoir")
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data, "--from", "public")
	d := p.open(t)
	acknowledged := map[string]bool{}
	ask := func(card int) answer {
		t.Helper()
		a := d.verify(t, "application/json", asked(p.codes[card]))
		if a.Status != "valid" {
			t.Errorf("%+v", a)
		}
		if a.Recorded {
			acknowledged[a.Receipt] = true
		}
		return a
	}
	for range 20 {
		if a := ask(0); !a.Recorded {
			t.Fatalf("%+v", a)
		}
	}
	for round := range 3 {
		ballast := fill(t, whole)
		full := 0
		for range 40 { // the write-ahead log may still have room within its own blocks
			a := ask(1)
			switch {
			case a.Recorded:
			case strings.HasPrefix(a.Unrecorded, "non enregistrée") && strings.Contains(a.Unrecorded, "disque est plein"):
				full++
			default:
				t.Fatalf("round %d: %+v", round, a)
			}
		}
		if full < 10 {
			t.Fatalf("round %d: only %d of 40 checks met the full disk", round, full)
		}
		// The command line says it too.
		if out := mustRun(t, 0, p.dir, "comptoir", "verify", p.data, p.cards[0]+".txt"); !strings.Contains(out, "non enregistrée") {
			t.Errorf("said\n%s", out)
		}
		card := filepath.Base(p.cards[0])
		verb := []string{"suspend", "restore", "suspend"}[round]
		mustRun(t, 0, p.dir, "sceau", verb, "operator", "--card", card, "--from", "2027-05-01")
		must(t, setClock(p.dir, []string{"2027-03-02T11:00:00+01:00", "2027-03-02T12:00:00+01:00", "2027-03-02T13:00:00+01:00"}[round]))
		mustRun(t, 0, p.dir, "sceau", "publish", "operator", "--to", "public")
		_, errs, code := program(t, p.dir, "", "comptoir", "sync", p.data)
		if code != 1 || !strings.Contains(errs, "erreur") {
			t.Errorf("a sync on a full disk: code %d, %s", code, errs)
		}
		ask(0)
		must(t, os.Remove(ballast))
		if a := ask(0); !a.Recorded {
			t.Errorf("round %d, with room again: %+v", round, a)
		}
		mustRun(t, 0, p.dir, "comptoir", "sync", p.data)
		mustRun(t, 0, p.dir, "comptoir", "fsck", p.data)
	}
	inJournal(t, p, acknowledged)
	d.stop(t)
	inJournal(t, p, acknowledged)
}

// fill takes all room of a disk.
func fill(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			return name
		}
	}
}

// inJournal fails when a number that was acknowledged is not in the journal, or the journal is not whole.
func inJournal(t *testing.T, p *pharmacy, acknowledged map[string]bool) {
	t.Helper()
	mustRun(t, 0, p.dir, "comptoir", "journal", "verify", p.data)
	all := mustRun(t, 0, p.dir, "comptoir", "journal", "export", p.data, "--format", "json")
	for number := range acknowledged {
		if !strings.Contains(all, `"number":"`+number+`"`) {
			t.Errorf("check %s was acknowledged and is not in the journal", number)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
}
