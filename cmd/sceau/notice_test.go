package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"sceau/card/notice"
)

// TestNoticeTemplates: each can be sent as it stands, in French as it is printed, and promises no more than issuer.json does.
func TestNoticeTemplates(t *testing.T) {
	begin := time.Date(2027, 3, 2, 8, 0, 0, 0, time.UTC)
	bad := regexp.MustCompile(`'|\.\.\.|[^ ][:;!?»]|« ?[^ ]« |\s{2}|(?i)fraud|falsifi|courriel|site|lien|cliqu|sans limite|tous les soins`)
	for name, n := range noticeTemplates {
		n.ID, n.Issued, n.From, n.Until, n.Phone = name, begin, begin, begin.Add(72*time.Hour), "01 99 00 12 34"
		if err := n.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(newNoticeAdd(nil).Long, name) || n.Guaranteed == "" || n.Kind == notice.Info {
			t.Errorf("%s is not in the help, guarantees nothing, or is about nothing", name)
		}
		for _, text := range []string{n.Title, n.Text, n.Guaranteed} {
			if m := bad.FindString(text); m != "" {
				t.Errorf("%s: %q in %q", name, m, text)
			}
			if text != n.Title && !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q does not end", name, text)
			}
		}
	}
	if len(noticeTemplates) != 4 {
		t.Error(len(noticeTemplates))
	}
}

func TestNoticeTime(t *testing.T) {
	for given, want := range map[string]string{"2027-03-05 18:00": "2027-03-05T17:00:00Z", "2027-07-05 18:00": "2027-07-05T16:00:00Z", "2027-03-05": "2027-03-05T23:00:00Z",
		"2027-03-05T18:00:00.9Z": "2027-03-05T18:00:00Z", "2027-03-05T18:00:00+01:00": "2027-03-05T17:00:00Z", "2027-03-28": "2027-03-28T22:00:00Z", "2027-03-05 24:00": "2027-03-05T23:00:00Z"} {
		got, err := noticeTime("--until", given, true)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %v %v", given, got, err)
		}
	}
	if got, err := noticeTime("--from", "2027-03-05", false); err != nil || got.Format(time.RFC3339) != "2027-03-04T23:00:00Z" {
		t.Error(got, err)
	}
	for _, given := range []string{"", "demain", "2027-03-28 02:30", "2027-02-30", "2027-02-30 10:00", "18:00", "2027-02-30 24:00", "2027-03-05 24:01", "2027-3-5 1:00", "05/03/2027 18:00", "2027-03-05 18:00:00"} {
		if got, err := noticeTime("--until", given, true); err == nil {
			t.Errorf("%q: %v", given, got)
		}
	}
}

// TestNoticeEnd: who says a day reads that day, and what is read can be given again.
func TestNoticeEnd(t *testing.T) {
	for given, want := range map[string]string{"2026-11-25": "2026-11-25 24:00", "2026-11-25 24:00": "2026-11-25 24:00", "2026-11-26 00:00": "2026-11-25 24:00",
		"2026-11-25 23:59": "2026-11-25 23:59", "2026-11-26 00:01": "2026-11-26 00:01", "2027-03-28": "2027-03-28 24:00", "2026-11-25T23:00:01Z": "2026-11-26 00:00"} {
		until, err := noticeTime("--until", given, true)
		if got := parisEnd(notice.Notice{Until: until}); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", given, got, err, want)
		}
	}
	if got, err := noticeTime("--from", "2026-11-25 24:00", false); err == nil {
		t.Errorf("a beginning at 24:00: %v", got)
	}
}

// TestInitFacts: what counters could not be shown is refused before anything is made.
func TestInitFacts(t *testing.T) {
	for _, f := range []facts{{amc: "12", name: "A"}, {amc: "0000012", name: "A"}, {amc: "77567048X!", name: "A"}, {amc: "775670482", name: "a\tb"},
		{amc: "775670482", name: "A", professionals: "call us"}, {amc: "775670482", name: "A", members: "1\n2"}, {amc: "775670482"}, {name: "A"}} {
		if got, err := f.insurer(); err == nil {
			t.Errorf("%+v: %+v", f, got)
		}
	}
	for _, f := range []facts{{amc: "00401166", name: "Mutuelle Exemple", professionals: "01 99 00 12 34"}, {amc: "775670482", name: "É"}} {
		if _, err := f.insurer(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
