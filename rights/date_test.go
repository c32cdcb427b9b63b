// Tests of civil dates: the same day in Paris whatever the zone of the machine or of the time value.

package rights

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// zones are where French counters stand, and where a badly set machine could think it stands.
var zones = []string{"Europe/Paris", "America/Guadeloupe", "America/Cayenne", "America/Martinique", "America/Miquelon", "Indian/Reunion",
	"Indian/Mayotte", "Pacific/Noumea", "Pacific/Tahiti", "Pacific/Marquesas", "Pacific/Wallis", "Indian/Kerguelen", "UTC", "Pacific/Kiritimati"}

// parisDay computes the civil date in Paris without the zone database, from the rule of the European Union: summer time
// from the last Sunday of March 01:00 UTC to the last Sunday of October 01:00 UTC.
func parisDay(t time.Time) string {
	u := t.UTC()
	lastSunday := func(m time.Month) time.Time {
		d := time.Date(u.Year(), m, 31, 1, 0, 0, 0, time.UTC)
		return d.AddDate(0, 0, -int(d.Weekday()))
	}
	offset := time.Hour
	if !u.Before(lastSunday(time.March)) && u.Before(lastSunday(time.October)) {
		offset = 2 * time.Hour
	}
	return u.Add(offset).Format("2006-01-02")
}

func TestDateAtZones(t *testing.T) {
	saved := time.Local
	defer func() { time.Local = saved }()
	days := []string{"2026-12-31", "2027-01-01", "2027-02-28", "2028-02-28", "2028-02-29", "2038-01-19", "2100-02-28", "2100-03-01", "2099-12-31"}
	for y := 2025; y <= 2040; y++ { // both clock changes of each year
		for _, m := range []time.Month{time.March, time.October} {
			d := time.Date(y, m, 31, 0, 0, 0, 0, time.UTC)
			days = append(days, d.AddDate(0, 0, -int(d.Weekday())).Format("2006-01-02"))
		}
	}
	checked := 0
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = zone // the machine's setting, changed while running
		for _, day := range days {
			for _, ref := range []*time.Location{zone, paris} {
				start, err := time.ParseInLocation("2006-01-02", day, ref)
				if err != nil {
					t.Fatal(err)
				}
				for m := -180; m <= 27*60; m++ { // 3 hours before midnight to 3 hours behind the next
					at := start.Add(time.Duration(m) * time.Minute)
					want := parisDay(at)
					for _, view := range []time.Time{at, at.Local(), at.UTC()} {
						if got := DateAt(view).String(); got != want {
							t.Fatalf("%s in %s: %s, want %s", view, name, got, want)
						}
						checked++
					}
				}
			}
		}
	}
	t.Logf("count: %d moments in %d zones, 0 differences", checked, len(zones))
}

func TestMidnight(t *testing.T) {
	first, err := ParseDate("1977-01-01") // before 1977 France kept its own rules
	if err != nil {
		t.Fatal(err)
	}
	last, err := ParseDate("2130-12-31")
	if err != nil {
		t.Fatal(err)
	}
	lengths := map[time.Duration]int{}
	for d := first; d <= last; d++ {
		m := d.Midnight()
		if DateAt(m) != d || DateAt(m.Add(-time.Nanosecond)) != d-1 || m.Hour() != 0 {
			t.Fatalf("%s: midnight at %s", d, m)
		}
		lengths[(d+1).Midnight().Sub(m)]++
	}
	if len(lengths) != 3 || lengths[23*time.Hour] == 0 || lengths[23*time.Hour]-lengths[25*time.Hour] > 1 {
		t.Errorf("lengths of days: %v; want 23, 24 and 25 hours", lengths)
	}
}

func TestDateForms(t *testing.T) {
	d, err := ParseDate("2027-03-01")
	if err != nil || d.Compact() != "20270301" || d.French() != "01/03/2027" || d.String() != "2027-03-01" {
		t.Fatalf("%v %s %s", err, d.Compact(), d.French())
	}
	if c, err := ParseCompact("20270301"); err != nil || c != d {
		t.Fatalf("%v %v", c, err)
	}
	for _, s := range []string{"2028-02-29", "2000-02-29", "2400-02-29", "1970-01-02", "9999-12-31", "2038-01-20", "2100-02-28"} {
		if d, err := ParseDate(s); err != nil || d.String() != s {
			t.Errorf("%s: %s, %v", s, d, err)
		}
	}
	bad := []string{"", "2027-02-29", "2100-02-29", "1900-02-29", "2027-04-31", "2027-13-01", "2027-00-10", "2027-01-00", "1970-01-01", "1969-12-31",
		"0001-01-01", "27-03-01", "2027-3-1", "2027/03/01", "20270301", "01/03/2027", " 2027-03-01", "2027-03-01 ", "2027-03-01T00:00:00Z", "+027-03-01", "2027-03-1a", "１027-03-01", "10000-01-01"}
	for _, s := range bad {
		if d, err := ParseDate(s); err == nil || d != 0 {
			t.Errorf("%q reads as %s", s, d)
		}
	}
	for _, s := range []string{"", "2027-03-01", "20270229", "2027031", "202703011", "2027 301", "19700101"} {
		if d, err := ParseCompact(s); err == nil || d != 0 {
			t.Errorf("%q reads as %s", s, d)
		}
	}
	if _, err := ParseDate("189127512501282"); err == nil || strings.Contains(err.Error(), "1891275") {
		t.Errorf("the error repeats the text: %v", err)
	}
	var zero Date
	if zero.String()+zero.French()+zero.Compact() != "" {
		t.Error("no date has a text")
	}
}

func TestDateLimits(t *testing.T) {
	if FirstDay.String() != "2020-01-01" || LastDay.String() != "2099-12-31" || maxDate.String() != "9999-12-31" {
		t.Errorf("%s %s %s", FirstDay, LastDay, maxDate)
	}
}

func TestDateJSON(t *testing.T) {
	d, err := NewDate(2100, time.February, 28)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal([]Date{d, 0})
	if err != nil || string(b) != `["2100-02-28",""]` {
		t.Fatalf("%s %v", b, err)
	}
	var back []Date
	if err := json.Unmarshal(b, &back); err != nil || back[0] != d || back[1] != 0 {
		t.Fatalf("%v %v", back, err)
	}
	for _, bad := range []string{`["2100-02-29"]`, `["28/02/2100"]`, `[20270301]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	if _, err := NewDate(2027, time.April, 31); err == nil {
		t.Error("31 April exists")
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2027-03-01", "20270301", "2027-02-29", "9999-12-31", "01/03/2027"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDate(s); err == nil && d.String() != s {
			t.Fatalf("%q writes as %q", s, d)
		}
		if d, err := ParseCompact(s); err == nil && d.Compact() != s {
			t.Fatalf("%q writes as %q", s, d.Compact())
		}
	})
}
