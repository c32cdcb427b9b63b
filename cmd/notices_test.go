package cmd

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// noticesIn finds the published files of notices in a folder.
func noticesIn(t *testing.T, folder string) []string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".notices.json") {
			out = append(out, path)
		}
		return err
	}))
	return out
}

type counterStatus struct {
	Repositories []struct{ Published string }
	Notices      []struct{ ID, Title string }
}

func (p *pharmacy) status(t *testing.T, data string) (s counterStatus) {
	t.Helper()
	must(t, json.Unmarshal([]byte(mustRun(t, 0, p.dir, "comptoir", "status", data, "--offline", "--json")), &s))
	return s
}

// TestNoticesByMirror: a mirror can't alter a notice, swap it, bring a withdrawn one back, or hide one: whatever it does, the counter
// keeps the list that it has, with its date and the notices of that list, and says that the list was refused.
func TestNoticesByMirror(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	add := func(id, title string) {
		mustRun(t, 0, p.dir, "sceau", "notice", "add", "operator", "--kind", "info", "--id", id, "--title", title, "--text", "Texte du message.", "--until", "2027-04-01")
	}
	hour := 10
	publish := func(to string) {
		hour++
		must(t, setClock(p.dir, time.Date(2027, 3, 2, hour, 0, 0, 0, time.UTC).Format(time.RFC3339)))
		mustRun(t, 0, p.dir, "sceau", "publish", "operator", "--to", to)
	}
	add("premier", "Premier message")
	publish("public")
	must(t, os.CopyFS(filepath.Join(p.dir, "first"), os.DirFS(filepath.Join(p.dir, "public"))))
	first := noticesIn(t, filepath.Join(p.dir, "first"))
	if len(first) != 1 {
		t.Fatal(first)
	}
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data)
	must(t, os.CopyFS(filepath.Join(p.dir, "behind"), os.DirFS(p.data)))
	mustRun(t, 0, p.dir, "sceau", "notice", "withdraw", "operator", "premier")
	add("second", "Second message")
	publish("public")
	var second string
	for _, name := range noticesIn(t, filepath.Join(p.dir, "public")) {
		if filepath.Base(name) != filepath.Base(first[0]) {
			second = name
		}
	}
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data)
	good, err := os.ReadFile(second)
	must(t, err)
	old, err := os.ReadFile(first[0])
	must(t, err)
	for name, attack := range map[string]struct {
		counter string // "behind" has the first list, "ahead" the second
		do      func(mirror string) error
	}{
		"altered": {"behind", func(m string) error {
			return os.WriteFile(m, bytes.Replace(good, []byte("Second"), []byte("Sedond"), 1), 0o600)
		}},
		"longer":   {"behind", func(m string) error { return os.WriteFile(m, append(bytes.Clone(good), ' '), 0o600) }},
		"swapped":  {"behind", func(m string) error { return os.WriteFile(m, old, 0o600) }},
		"emptied":  {"behind", func(m string) error { return os.WriteFile(m, nil, 0o600) }},
		"left out": {"behind", os.Remove},
		"old again": {"ahead", func(m string) error {
			return os.CopyFS(filepath.Join(filepath.Dir(m), "old"), os.DirFS(filepath.Join(p.dir, "first")))
		}},
		"unnamed": {"behind", func(m string) error { // the metadata says that there is none
			targets, err := filepath.Glob(filepath.Join(filepath.Dir(m), "*.targets.json"))
			if err != nil || len(targets) == 0 {
				t.Fatal(targets, err)
			}
			for _, name := range targets {
				b, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				if err := os.WriteFile(name, bytes.Replace(b, []byte(`"notices.json"`), []byte(`"notites.json"`), 1), 0o600); err != nil {
					return err
				}
			}
			// The signed file also travels in packs, from which it would be taken as it is.
			return os.RemoveAll(filepath.Join(filepath.Dir(m), "metadata"))
		}},
	} {
		slug := strings.ReplaceAll(name, " ", "-")
		mirror, data := filepath.Join(p.dir, "mirror-"+slug), filepath.Join(p.dir, "counter-"+slug)
		must(t, os.CopyFS(mirror, os.DirFS(filepath.Join(p.dir, "public"))))
		must(t, os.CopyFS(data, os.DirFS(map[string]string{"behind": filepath.Join(p.dir, "behind"), "ahead": p.data}[attack.counter])))
		must(t, filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				return os.Chmod(path, 0o700)
			} else if err == nil {
				return os.Chmod(path, 0o600)
			}
			return err
		}))
		must(t, attack.do(filepath.Join(mirror, filepath.Base(second))))
		from := mirror
		if name == "old again" {
			from = filepath.Join(mirror, "old")
		}
		before := p.status(t, data)
		if len(before.Notices) != 1 {
			t.Fatalf("%s: %+v", name, before)
		}
		_, said, code := program(t, p.dir, "", "comptoir", "sync", data, "--from", from)
		if code == 0 {
			t.Errorf("%s: accepted: %s", name, said)
		}
		after := p.status(t, data)
		if len(after.Notices) != 1 || after.Notices[0] != before.Notices[0] || after.Repositories[0] != before.Repositories[0] {
			t.Errorf("%s: %+v became %+v", name, before, after)
		}
		// The honest mirror is believed afterwards.
		mustRun(t, 0, p.dir, "comptoir", "sync", data, "--from", "public")
		if now := p.status(t, data); len(now.Notices) != 1 || now.Notices[0].ID != "second" {
			t.Errorf("%s: afterwards %+v", name, now)
		}
	}
}

// TestNoticeOnAnOpenDesk: a desk that is open, and enrolled nowhere, shows a notice once its list came, and not after its end.
func TestNoticeOnAnOpenDesk(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	d := p.open(t)
	defer d.stop(t)
	notices := func() []string {
		r, err := http.NewRequest("GET", d.url+"/v1/status", nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+d.token)
		w, err := http.DefaultClient.Do(r)
		must(t, err)
		defer w.Body.Close()
		var s struct {
			Notices []struct{ ID, Author, Insurer string }
		}
		must(t, json.NewDecoder(w.Body).Decode(&s))
		var out []string
		for _, n := range s.Notices {
			out = append(out, n.ID+" "+n.Author+" "+n.Insurer)
		}
		return out
	}
	if got := notices(); got != nil {
		t.Fatal(got)
	}
	mustRun(t, 0, p.dir, "sceau", "notice", "add", "operator", "--insurer", "775670482", "--template", "theft", "--phone", "01 99 00 12 34", "--until", "2027-03-04 12:00", "--id", "vol")
	mustRun(t, 0, p.dir, "sceau", "publish", "operator", "--to", "public")
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data)
	eventually(t, 20*time.Second, "the notice", func() bool { return len(notices()) == 1 })
	if got := notices()[0]; got != "vol Mutuelle Exemple 775670482" {
		t.Error(got)
	}
	must(t, setClock(p.dir, "2027-03-04T12:00:00+01:00"))
	if got := notices(); got != nil {
		t.Errorf("after its end: %v", got)
	}
}
