package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sceau/card/issuer"
)

func TestWrapText(t *testing.T) {
	for _, width := range []int{1, 10, 91} {
		text := strings.Repeat("une clé volée signe des cartes ", 20)
		lines := wrapText(text, width)
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n > max(width, 6) {
				t.Errorf("%d runes of %d: %q", n, width, l)
			}
		}
		if got := strings.Join(lines, " "); got != strings.TrimSpace(text) {
			t.Errorf("width %d changed the text", width)
		}
	}
	if got := wrapText("", 10); got != nil {
		t.Errorf("%q", got)
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"./operator": "./operator", "/srv/opérateur_1": "/srv/opérateur_1", "a=b.txt": "a=b.txt", "a b": "'a b'", "": "''", "it's": `'it'\''s'`,
		"$HOME": "'$HOME'", "a;b": "'a;b'", "~": "'~'", "a\nb": "'a\nb'", "*": "'*'", "a\u00a0b": "'a\u00a0b'",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

// What was stopped by a person says so; a failure of another kind, or of another's context, stays what it is.
func TestInterrupted(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	wrapped := fmt.Errorf("issuer: %w", context.Canceled)
	if err := interrupted(stopped, wrapped); err == nil || err.Error() != "interrupted" {
		t.Error(err)
	}
	other := errors.New("disk full")
	if err := interrupted(stopped, other); err != other {
		t.Error(err)
	}
	if err := interrupted(context.Background(), wrapped); err != wrapped {
		t.Error(err)
	}
	if err := interrupted(stopped, nil); err != nil {
		t.Error(err)
	}
}

func TestReminders(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	inv := &issuer.Inventory{At: now, Keys: []issuer.KeyFact{
		{Purpose: issuer.PurposeRoot, KID: "r1", State: "in force", Expires: in(50)},
		{Purpose: issuer.PurposeRoot, KID: "r2", State: "in force", Expires: in(50)},
		{Purpose: issuer.PurposeTargets, State: "in force", Expires: in(-1)},
		{Purpose: issuer.PurposeInsurer, Insurer: "775670482", State: "in force", Expires: in(95)},
		{Purpose: issuer.PurposeStatus, Insurer: "775670482", State: "in force", Expires: in(3)}, // every publication renews it
		{Purpose: issuer.PurposeTimestamp, State: "in force", Expires: in(-2)},
		{Purpose: issuer.PurposeCard, Insurer: "775670482", State: "active", From: in(-300)},
		{Purpose: issuer.PurposeCard, Insurer: "302976568", State: "active", From: in(-300), Until: in(7)},
		{Purpose: issuer.PurposeCard, Insurer: "302976568", State: "next", From: in(7)}, // follows it already
		{Purpose: issuer.PurposeCard, Insurer: "775670482", State: "listed", From: in(-900)},
		{Purpose: issuer.PurposeAccord, State: "active", From: in(-900)},
	}}
	all := remindersOf(inv, "op")
	var got []string
	for _, r := range all {
		got = append(got, day(r.at)+" "+inDays(r.at, now)+" "+r.what)
	}
	want := []string{
		"2026-11-19 EXPIRED what the timestamp key signed expired",
		"2026-11-20 EXPIRED what the targets key signed expires",
		"2027-01-10 in 50 days the root expires: then nothing can be published any more",
		"2027-01-25 in 65 days insurer 775670482: the card key is a year old",
		"2027-02-24 in 95 days insurer 775670482: what the insurer key signed expires",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(dueWithin(all, now, 90)); n != 4 {
		t.Errorf("%d due within 90 days", n)
	}
	if n := len(dueWithin(all, now, 95)); n != 4 { // exactly then is not before then
		t.Errorf("%d due within 95 days", n)
	}
	var b bytes.Buffer
	if err := calendar(&b, all, now, 90); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Count(text, "BEGIN:VEVENT") != len(all) || strings.Count(text, "END:VALARM") != len(all) || !strings.HasSuffix(text, "END:VCALENDAR\r\n") {
		t.Error(text)
	}
	uids := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 77 || !utf8.ValidString(line) {
			t.Errorf("line %q", line)
		}
		if uid, ok := strings.CutPrefix(line, "UID:"); ok {
			if uids[uid] {
				t.Errorf("%s twice", uid)
			}
			uids[uid] = true
		}
	}
	if escapeICS("a;b,c\\d\ne") != `a\;b\,c\\d\ne` {
		t.Error(escapeICS("a;b,c\\d\ne"))
	}
}

// TestAuditReads: the audit changes nothing, asks for nothing, fits 100 columns, and fails on what is serious.
func TestAuditReads(t *testing.T) {
	dir := newFolder(t, 5)
	t.Setenv("SCEAU_PASSPHRASE_FILE", filepath.Join(t.TempDir(), "nowhere"))
	before := digests(t, dir)
	p := sceau(t, "keys", "audit", dir, "--count")
	p.want(t, 0, "5 cards", "warning: 3 shares of the root are in", "sceau keys compromise "+dir+" card ")
	for line := range strings.Lines(p.out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > auditWidth && !strings.Contains(line, dir) {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	var doc struct {
		Keys     []struct{ Purpose, KID, State, Can string }
		Findings []struct {
			Code    string
			Serious bool
		}
	}
	p = sceau(t, "keys", "audit", dir, "--json")
	p.want(t, 0)
	if err := json.Unmarshal([]byte(p.out), &doc); err != nil || len(doc.Keys) != 13 || len(doc.Findings) != 1 {
		t.Fatalf("%v %+v", err, doc)
	}
	seen := map[string]bool{}
	for _, k := range doc.Keys {
		if k.KID == "" || seen[k.KID] || k.Can == "" || k.State == "" {
			t.Errorf("%+v", k)
		}
		seen[k.KID] = true
	}
	if after := digests(t, dir); after != before {
		t.Errorf("the audit changed the folder:\n%s\n%s", before, after)
	}
	// A key that is in force and nowhere is serious.
	if err := os.Remove(filepath.Join(dir, onlineName, "timestamp.age")); err != nil {
		t.Fatal(err)
	}
	sceau(t, "keys", "audit", dir).want(t, 1, "SERIOUS: ")
}

// digests lists the files of an operator that say something, with their sizes and times.
func digests(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, registerName+"-") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
