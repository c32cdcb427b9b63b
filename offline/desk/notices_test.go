package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sceau/card/notice"
)

// shelf is one repository with messages.
type shelf struct {
	*notebook
	published time.Time
	notices   []Notice
}

func (s *shelf) Overview(ctx context.Context) ([]Repository, error) {
	all, err := s.notebook.Overview(ctx)
	if err != nil {
		return nil, err
	}
	all[0].Published, all[0].Notices = s.published, s.notices
	return all, nil
}

func message(id string, kind notice.Kind, insurer string, from, until time.Time) Notice {
	return Notice{Insurer: insurer, Author: "Mutuelle Exemple", Notice: notice.Notice{ID: id, Kind: kind, Issued: from, From: from, Until: until,
		Title: "Service arrêté : <b>retour</b> ?", Text: "« Carte valable » reste la réponse.", Guaranteed: "Tout.", Phone: "01 99 00 12 34"}}
}

type noticesSeen struct {
	Notices []struct {
		ID, Kind, Insurer, Author, Title, Text, Phone string
		Until, Received                               time.Time
	}
	LeftOut int `json:"notices_left_out"`
}

func (n noticesSeen) ids() string {
	var out []string
	for _, one := range n.Notices {
		out = append(out, one.ID)
	}
	return strings.Join(out, " ")
}

// TestNoticesThatHold: what began and did not end, by the later of the clock and the list; operators first, then the gravest.
func TestNoticesThatHold(t *testing.T) {
	hour := func(n int) time.Time { return someDay.Add(time.Duration(n) * time.Hour) }
	now := someDay
	shown := &shelf{published: hour(-2), notices: []Notice{
		message("own", notice.Info, mutuelle, hour(-5), hour(5)),
		message("grave", notice.Theft, mutuelle, hour(-9), hour(5)),
		message("operator-new", notice.Outage, "", hour(-1), hour(5)),
		message("operator-old", notice.Outage, "", hour(-3), hour(5)),
		message("ended", notice.Outage, "", hour(-3), hour(0)),
		message("later", notice.Outage, "", hour(1), hour(5)),
	}}
	s := newScene(t, func(o *Options) {
		shown.notebook = o.Lists.(*notebook)
		o.Lists = shown
		o.Now = func() time.Time { return now }
	})
	state := func() (n noticesSeen) { s.get("state").json(t, &n); return n }
	software := func() (n noticesSeen) { s.v1("GET", "status", "").json(t, &n); return n }
	for _, one := range []struct {
		clock, published int
		want             string
	}{
		{0, -2, "operator-new operator-old grave own"},
		{1, -2, "later operator-new operator-old grave own"},
		{5, -2, ""},
		{-4, -4, "grave own"},
		{-4, 5, ""}, // the list was signed after their end: a clock that stands back revives nothing
		{-4, 0, "operator-new operator-old grave own"},
		{-20, -20, ""},
	} {
		now, shown.published = hour(one.clock), hour(one.published)
		page, v1 := state(), software()
		if page.ids() != one.want || v1.ids() != one.want {
			t.Errorf("%+v: page %q, software %q", one, page.ids(), v1.ids())
		}
	}
	now, shown.published = hour(0), hour(-2)
	n := state().Notices[0]
	if n.Title != "Service arrêté\u00a0: <b>retour</b>\u00a0?" || n.Text != "«\u00a0Carte valable\u00a0» reste la réponse." || !n.Received.Equal(hour(-2)) || n.Author != "Mutuelle Exemple" || n.Insurer != "" {
		t.Errorf("%+v", n)
	}
	if got := state().Notices[2]; got.Insurer != mutuelle {
		t.Errorf("%+v", got)
	}
}

// TestNoticesAreBounded: the page gets what it can hold, and the count of the rest; an operator's words are never the rest.
func TestNoticesAreBounded(t *testing.T) {
	shown := &shelf{published: someDay.Add(-time.Hour)}
	for i := range 3 * maxNoticesShown {
		shown.notices = append(shown.notices, message(fmt.Sprint("n", i), notice.Info, fmt.Sprint(1000+i), someDay.Add(-time.Hour), someDay.Add(time.Hour)))
	}
	shown.notices = append(shown.notices, message("operator", notice.Info, "", someDay.Add(-time.Hour), someDay.Add(time.Hour)))
	s := newScene(t, func(o *Options) {
		shown.notebook = o.Lists.(*notebook)
		o.Lists = shown
	})
	var n noticesSeen
	a := s.get("state")
	a.json(t, &n)
	if len(n.Notices) != maxNoticesShown || n.LeftOut != 2*maxNoticesShown+1 || n.Notices[0].ID != "operator" {
		t.Errorf("%d shown, %d left out", len(n.Notices), n.LeftOut)
	}
	if !json.Valid(a.body) || strings.Contains(string(a.body), "<b>") {
		t.Error("markup in JSON")
	}
}

// TestNoNotice: an empty list, never null, also where no list can be read.
func TestNoNotice(t *testing.T) {
	s := newScene(t)
	for range 2 {
		for _, b := range [][]byte{s.get("state").body, s.v1("GET", "status", "").body} {
			if !strings.Contains(string(b), `"notices":[]`) {
				t.Errorf("%.300s", b)
			}
		}
		s.book.mu.Lock()
		s.book.err = fmt.Errorf("unreadable")
		s.book.mu.Unlock()
	}
}
