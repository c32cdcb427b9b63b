package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/notice"
	"sceau/card/register"
	"sceau/signing/trust"
)

func outageNotice(w *world) notice.Notice {
	return notice.Notice{Kind: notice.Outage, Until: w.clock.Add(72 * time.Hour), Title: "Service arrêté", Text: "Les cartes se vérifient d’après la liste.",
		Guaranteed: "Toute carte déclarée valable est prise en charge.", Phone: "01 99 00 12 34"}
}

// says is what a counter reads of an author's notices; nil for none.
func (w *world) says(author string) []notice.Notice {
	w.t.Helper()
	m, tr := w.export()
	info, err := tr.Target(noticesPath(author))
	if errors.Is(err, trust.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	data := m.files[info.FetchPath()]
	if err := info.Check(data); err != nil {
		w.t.Fatal(err)
	}
	return must(notice.Parse(author, data))(w.t)
}

func (w *world) stated(author string) string {
	w.t.Helper()
	var out []string
	for _, s := range must(w.issuer.Notices(context.Background(), author))(w.t) {
		out = append(out, s.Author+"/"+s.ID+" "+string(s.State))
	}
	return strings.Join(out, ", ")
}

func TestNoticeLife(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	n := must(w.issuer.AddNotice(ctx, "", outageNotice(w)))(t)
	if !strings.HasPrefix(n.ID, "outage-") || !n.Issued.Equal(w.clock) || !n.From.Equal(w.clock) {
		t.Errorf("%+v", n)
	}
	own := outageNotice(w)
	own.ID, own.Kind, own.Until = "own", notice.Degraded, w.clock.Add(200*time.Hour)
	must(w.issuer.AddNotice(ctx, amc, own))(t)
	if got := w.stated("*"); got != "/"+n.ID+" waiting, 775670482/own waiting" {
		t.Error(got)
	}
	if w.says("") != nil || w.says(amc) != nil {
		t.Error("published before a publication")
	}
	r := w.publish()
	if len(r.Warnings) != 0 {
		t.Error(r.Warnings)
	}
	if got := w.says(""); len(got) != 1 || got[0] != n {
		t.Errorf("%+v", got)
	}
	if got := w.says(amc); len(got) != 1 || got[0].ID != "own" {
		t.Errorf("%+v", got)
	}
	if got := w.stated("*"); got != "/"+n.ID+" published, 775670482/own published" {
		t.Error(got)
	}
	if got := w.stated(amc); got != "775670482/own published" {
		t.Error(got)
	}
	// Nothing new: the roles that signed them are not signed again.
	for _, path := range w.publish().Files {
		if strings.HasSuffix(path, ".targets.json") || strings.HasSuffix(path, ".amc-"+amc+".json") {
			t.Error(path, "is signed anew without news")
		}
	}
	// Withdrawn, without the key: still published, and a warning says which key is needed. With it: gone.
	if err := w.issuer.WithdrawNotice(ctx, "", n.ID); err != nil {
		t.Fatal(err)
	}
	w.issuer.Offline = nil
	if r = w.publish(); len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "withdrawn") || !strings.Contains(r.Warnings[0], "the key of targets") {
		t.Error(r.Warnings)
	}
	if got := w.stated(""); got != "/"+n.ID+" leaving" {
		t.Error(got)
	}
	w.issuer.Offline = w.offline
	w.publish()
	if w.says("") != nil || w.stated("") != "" {
		t.Error("a withdrawn notice stays")
	}
	// Ended, without the key: no warning, it harms nobody. With it: out of the repository.
	w.clock = w.clock.Add(300 * time.Hour)
	w.issuer.Offline = nil
	if r = w.publish(); slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "notice") }) || len(w.says(amc)) != 1 {
		t.Error(r.Warnings)
	}
	if got := w.stated("*"); got != "775670482/own over" {
		t.Error(got)
	}
	w.issuer.Offline = w.offline
	w.publish()
	if w.says(amc) != nil {
		t.Error("an ended notice stays")
	}
	w.sound()
}

// TestNoticeWaitsForItsKey: everything else is published without the offline keys; nothing is lost, and the day the key comes the
// notice goes out.
func TestNoticeWaitsForItsKey(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.issuer.Offline = nil
	n := must(w.issuer.AddNotice(ctx, amc, outageNotice(w)))(t)
	for range 2 {
		r := w.publish()
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "1 of the notices of 775670482 not published") || !strings.Contains(r.Warnings[0], "the key of amc-775670482") {
			t.Errorf("%q", r.Warnings)
		}
		if w.says(amc) != nil {
			t.Fatal("a notice without its author's signature")
		}
	}
	// The online keys alone, under whatever name they are asked for, sign none.
	w.issuer.Offline = w.online
	if w.publish(); w.says(amc) != nil {
		t.Fatal("an online key signed a notice")
	}
	w.issuer.Offline = w.offline
	w.reopen()
	w.publish()
	if got := w.says(amc); len(got) != 1 || got[0] != n {
		t.Errorf("%+v", got)
	}
	w.sound()
}

func TestNoticeRefused(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	for name, one := range map[string]struct {
		author string
		change func(*notice.Notice)
		want   error
	}{
		"a link":           {"", func(n *notice.Notice) { n.Text = "voir exemple.fr" }, notice.ErrMalformed},
		"no promise":       {"", func(n *notice.Notice) { n.Guaranteed = "" }, notice.ErrMalformed},
		"no kind":          {"", func(n *notice.Notice) { n.Kind = "" }, notice.ErrMalformed},
		"hundred days":     {"", func(n *notice.Notice) { n.Until = w.clock.AddDate(0, 0, 100) }, notice.ErrMalformed},
		"over":             {"", func(n *notice.Notice) { n.Until = w.clock; n.Issued = w.clock.Add(-time.Hour) }, ErrNoticeOver},
		"unknown insurer":  {"302927415", func(*notice.Notice) {}, ErrUnknownInsurer},
		"insurer in words": {"operator", func(*notice.Notice) {}, notice.ErrMalformed},
		"path":             {"../x", func(*notice.Notice) {}, notice.ErrMalformed},
		"half a second":    {"", func(n *notice.Notice) { n.From = w.clock.Add(time.Millisecond) }, notice.ErrMalformed},
	} {
		n := outageNotice(w)
		one.change(&n)
		got, err := w.issuer.AddNotice(ctx, one.author, n)
		if !errors.Is(err, one.want) || got != (notice.Notice{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	n := outageNotice(w)
	n.ID = "a"
	must(w.issuer.AddNotice(ctx, "", n))(t)
	if _, err := w.issuer.AddNotice(ctx, amc, n); !errors.Is(err, ErrNoticeThere) {
		t.Error(err)
	}
	for _, author := range []string{amc, "302927415"} {
		if err := w.issuer.WithdrawNotice(ctx, author, "a"); !errors.Is(err, ErrUnknownNotice) {
			t.Errorf("%s withdraws the operator's: %v", author, err)
		}
	}
	for _, id := range []string{"b", "", "../a", "a\n"} {
		if err := w.issuer.WithdrawNotice(ctx, "*", id); !errors.Is(err, ErrUnknownNotice) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := w.issuer.Notices(ctx, "302927415"); !errors.Is(err, ErrUnknownInsurer) {
		t.Error(err)
	}
	for i := range notice.MaxNotices - 1 {
		n.ID = fmt.Sprint("n", i)
		must(w.issuer.AddNotice(ctx, "", n))(t)
	}
	n.ID = "more"
	if _, err := w.issuer.AddNotice(ctx, "", n); !errors.Is(err, ErrNotices) {
		t.Error(err)
	}
	if _, err := w.issuer.AddNotice(ctx, amc, n); err != nil {
		t.Errorf("the operator's notices took an insurer's room: %v", err)
	}
	if w.publish(); len(w.says("")) != notice.MaxNotices {
		t.Error(len(w.says("")))
	}
	w.sound()
}

// TestNoticeIsAudited: who said what, and took it back, stands in the chain by the digest of what was said.
func TestNoticeIsAudited(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	n := must(w.issuer.AddNotice(ctx, amc, outageNotice(w)))(t)
	if err := w.issuer.WithdrawNotice(ctx, amc, n.ID); err != nil {
		t.Fatal(err)
	}
	var acts []string
	w.view(func(tx register.Tx) error {
		entries, err := tx.AuditAfter(0, 1000)
		for _, e := range entries {
			r, err := register.ReadAudit(e)
			if err != nil {
				return err
			}
			if strings.HasPrefix(r.Act, "notice.") && strings.Contains(string(r.Detail), n.ID) && strings.Contains(string(r.Detail), amc) {
				acts = append(acts, r.Act)
			}
		}
		return err
	})
	if fmt.Sprint(acts) != "[notice.add notice.withdraw]" {
		t.Error(acts)
	}
}

// TestNoticeCutShort: a lost transaction leaves no half notice, and the same again works.
func TestNoticeCutShort(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	n := outageNotice(w)
	n.ID = "a"
	w.issuer.Store = &losing{Store: w.store, at: 1}
	if _, err := w.issuer.AddNotice(ctx, "", n); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.reopen()
	must(w.issuer.AddNotice(ctx, "", n))(t)
	w.issuer.Store = &losing{Store: w.store, at: 1}
	w.clock = w.clock.Add(time.Hour)
	if _, err := w.issuer.Publish(ctx, time.Time{}); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.reopen()
	if w.says("") != nil || w.stated("") != "/a waiting" {
		t.Error(w.stated(""))
	}
	w.publish()
	if len(w.says("")) != 1 {
		t.Error("nothing published")
	}
	w.sound()
}

// TestNoticeOfAnother: signed by the operator's own repository with the right key in the wrong place, a notice is no notice.
func TestNoticeOfAnother(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	if err := w.issuer.AddInsurer(ctx, facts("302927415")); err != nil {
		t.Fatal(err)
	}
	must(w.issuer.AddNotice(ctx, amc, outageNotice(w)))(t)
	w.publish()
	m, tr := w.export()
	data := m.files[must(tr.Target(noticesPath(amc)))(t).FetchPath()]
	e := must(w.issuer.read(ctx))(t)
	for _, role := range []string{trust.InsurerRole(amc), trust.StatusRole(amc), trust.StatusRole("302927415"), trust.RoleTargets, trust.InsurerRole("302927415")} {
		for _, author := range []string{"", amc, "302927415"} {
			if role == noticesRole(author) {
				continue
			}
			if err := e.repo.SetTarget(role, noticesPath(author), data, nil); !errors.Is(err, trust.ErrScope) {
				t.Errorf("%s speaks for %q: %v", role, author, err)
			}
		}
	}
	// The file itself says whose it is: copied to another's path by that other's key, it is refused.
	for _, author := range []string{"", "302927415"} {
		if _, err := notice.Parse(author, data); !errors.Is(err, notice.ErrMalformed) {
			t.Errorf("%q: %v", author, err)
		}
	}
}
