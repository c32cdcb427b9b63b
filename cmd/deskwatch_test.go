package cmd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// drop puts a file into a folder as the guide asks: under another name first, then renamed.
func drop(t testing.TB, folder, name string, data []byte) {
	t.Helper()
	tmp := filepath.Join(folder, name+".part")
	must(t, os.WriteFile(tmp, data, 0o600))
	must(t, os.Rename(tmp, filepath.Join(folder, name)))
}

const wait = 20 * time.Second

func answersIn(folder string) []string {
	names, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	return names
}

func readAnswer(t testing.TB, name string) (a answer) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatalf("%s is not whole: %v\n%s", name, err, b)
	}
	return a
}

// TestWatch drops what pharmacy software may drop, and what it should not.
func TestWatch(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	folder := filepath.Join(p.dir, "dossier d’échange")
	must(t, os.Mkdir(folder, 0o700))
	c := p.begin(t, nil, "watch", folder, "--no-sync")
	eventually(t, 20*time.Second, "the start", func() bool { return strings.Contains(c.out.String(), "dossier surveillé") })

	picture := func(card int, ending string) []byte {
		b, err := os.ReadFile(p.cards[card] + ending)
		must(t, err)
		return b
	}
	drop(t, folder, "scan.txt", []byte(p.codes[0]))
	drop(t, folder, "azerty.txt", []byte(azerty.Replace(p.codes[0])+"\r\n"))
	drop(t, folder, "photo.PNG", picture(0, ".png"))
	drop(t, folder, "carte de Zoé ; rm -rf $HOME.pdf", picture(1, ".pdf"))
	drop(t, folder, "rien.txt", []byte("bonjour"))
	drop(t, folder, "vide.txt", nil)
	drop(t, folder, "faux.pdf", []byte("%PDF-1.7\nno\n%%EOF"))
	drop(t, folder, "grand.txt", make([]byte, 2<<20))
	must(t, os.Symlink(p.cards[0]+".txt", filepath.Join(folder, "lien.txt")))
	must(t, os.WriteFile(filepath.Join(folder, "encours.txt.tmp"), []byte(p.codes[0]), 0o600))
	must(t, syscall.Mkfifo(filepath.Join(folder, "tube.txt"), 0o600))
	want := map[string]string{"scan": "valid", "azerty": "valid", "photo": "valid", "carte de Zoé ; rm -rf $HOME": "valid", "rien": "unknown", "vide": "unknown",
		"faux": "unknown", "grand": "unknown"}
	question := func(members string) []byte { return fmt.Appendf(nil, `{"code":%q,%s}`, p.codes[0], members) }
	drop(t, folder, "question.txt", question(`"domain":"PHAR","date_of_care":"2027-03-01","beneficiary":1`))
	drop(t, folder, "après.txt", question(`"date_of_care":"2099-01-01"`))
	drop(t, folder, "mal posée.txt", question(`"patient":1`))
	want["question"], want["après"], want["mal posée"] = "valid", "refused", "unknown"
	// Written slowly, in place: only the whole of it is answered.
	slow, err := os.Create(filepath.Join(folder, "lent.txt"))
	must(t, err)
	for _, part := range []string{p.codes[1][:100], p.codes[1][100:200], p.codes[1][200:]} {
		_, err := slow.WriteString(part)
		must(t, err)
		must(t, slow.Sync())
		if len(answersIn(folder)) > 0 && readable(filepath.Join(folder, "lent.json")) {
			t.Error("answered a half-written file")
		}
	}
	must(t, slow.Close())
	want["lent"] = "valid"
	eventually(t, 90*time.Second, "all answers", func() bool { return len(answersIn(folder)) >= len(want) })
	recorded := 0
	for name, status := range want {
		a := readAnswer(t, filepath.Join(folder, name+".json"))
		if a.Status != status || a.Recorded != (status != "unknown") {
			t.Errorf("%s: %+v, want %s", name, a, status)
		}
		if a.Recorded {
			recorded++
		}
	}
	if a := readAnswer(t, filepath.Join(folder, "grand.json")); a.Misread != "too_large" {
		t.Errorf("a large file: %+v", a)
	}
	if a := readAnswer(t, filepath.Join(folder, "faux.json")); a.Misread != "not_a_picture" {
		t.Errorf("no PDF: %+v", a)
	}
	if a := readAnswer(t, filepath.Join(folder, "question.json")); a.Domain != "PHAR" || a.Care != "2027-03-01" || a.Person != 1 {
		t.Errorf("a question: %+v", a)
	}
	if a := readAnswer(t, filepath.Join(folder, "mal posée.json")); a.Misread != "bad_question" {
		t.Errorf("no question: %+v", a)
	}
	eventually(t, 10*time.Second, "only what is left alone", func() bool {
		left, _ := filepath.Glob(filepath.Join(folder, "*.t*"))
		pictures, _ := filepath.Glob(filepath.Join(folder, "*.[pP]*"))
		return len(left) == 3 && len(pictures) == 0 // the link, the pipe, the file in the making
	})
	if _, err := os.Stat(p.cards[0] + ".txt"); err != nil {
		t.Error("a link's target was removed:", err)
	}

	// 200 at once.
	for _, name := range answersIn(folder) {
		must(t, os.Remove(name))
	}
	start := time.Now()
	for i := range 200 {
		drop(t, folder, fmt.Sprintf("rafale %03d.txt", i), []byte(p.codes[i%2]))
	}
	eventually(t, 60*time.Second, "200 answers", func() bool { return len(answersIn(folder)) == 200 })
	t.Logf("count: 200 files answered in %v", time.Since(start).Round(10*time.Millisecond))
	numbers := map[string]bool{}
	for _, name := range answersIn(folder) {
		a := readAnswer(t, name)
		if a.Status != "valid" || numbers[a.Receipt] {
			t.Errorf("%s: %+v", name, a)
		}
		numbers[a.Receipt] = true
	}
	eventually(t, 10*time.Second, "the last file's end", func() bool {
		left, _ := filepath.Glob(filepath.Join(folder, "rafale*.txt"))
		return len(left) == 0
	})
	must(t, c.Process.Signal(syscall.SIGTERM))
	c.exits(t, 0, 10*time.Second)
	out, errs, code := program(t, p.dir, "", "comptoir", "journal", "verify", p.data)
	if want := fmt.Sprintf("%d vérifications", recorded+200); code != 0 || !strings.Contains(out, want) {
		t.Errorf("journal: %s%s, want %s", out, errs, want)
	}
}

func readable(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
