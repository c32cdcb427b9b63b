package cmd

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// page asks one of the routes that the page uses, as its own scripts do.
func (d *desk) page(t testing.TB, home, route string, body any) []byte {
	t.Helper()
	method, data := "GET", []byte(nil)
	if body != nil {
		var err error
		data, err = json.Marshal(body)
		must(t, err)
		method = "POST"
	}
	r, err := http.NewRequest(method, d.url+home+route, bytes.NewReader(data))
	must(t, err)
	for name, value := range map[string]string{"Content-Type": "application/json", "Origin": d.url, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"} {
		r.Header.Set(name, value)
	}
	w, err := http.DefaultClient.Do(r)
	must(t, err)
	defer w.Body.Close()
	got, err := io.ReadAll(w.Body)
	must(t, err)
	if w.StatusCode >= 300 {
		t.Fatalf("%s: %d %s", route, w.StatusCode, got)
	}
	return got
}

// TestDeskKeepsErrors: what a source failed with outlasts a change of the settings, and goes away with the source.
func TestDeskKeepsErrors(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	mirror := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(p.dir, "public"))))
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data, "--from", mirror.URL)
	mirror.Close()
	d := p.open(t)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Get(strings.TrimSpace(d.out.String()))
	must(t, err)
	w.Body.Close()
	home := w.Header.Get("Location")
	type state struct {
		Lists []struct {
			Fingerprint string
			Reserve     int `json:"reserve_hours"`
		}
		Sync struct {
			Next  time.Time
			Error *struct{ Code string } `json:"last_error"`
		}
		Settings map[string]any
	}
	look := func() (s state) {
		t.Helper()
		must(t, json.Unmarshal(d.page(t, home, "state", nil), &s))
		return s
	}
	d.page(t, home, "sync", struct{}{})
	eventually(t, wait, "the failed source", func() bool { return look().Sync.Error != nil })
	before := look()
	before.Settings["sync_minutes"] = 5
	d.page(t, home, "settings", before.Settings)
	for range 20 { // each look is an answer of the desk: a keeper that was replaced meanwhile would have forgotten
		if s := look(); s.Sync.Error == nil || s.Sync.Error.Code != before.Sync.Error.Code {
			t.Fatalf("after other settings: %+v", s.Sync)
		}
	}
	d.page(t, home, "forget", map[string]string{"fingerprint": before.Lists[0].Fingerprint})
	eventually(t, wait, "the error's end", func() bool { s := look(); return s.Sync.Error == nil && len(s.Lists) == 0 })
	d.stop(t)
}
