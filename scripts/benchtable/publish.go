// What it costs to publish for a whole country, and what a counter that was away downloads.

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"sceau/card/issuer/depot"
	"sceau/card/issuer/static"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/signing/trust"
)

// What was promised.
const (
	firstLimit = 60 * time.Second
	dailyLimit = 5 * time.Second
	dayBytes   = 150_000

	dailyEvents = 50_000
	daysAway    = 30
	hoursAway   = 72
)

func (b *bench) publication() error {
	ctx := context.Background()
	c, err := foundCountry(ctx, filepath.Join(b.tmp, "country-register"))
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.end(nationEntries, false); err != nil {
		return err
	}
	folder := filepath.Join(b.tmp, "country-public")
	first, err := c.publish(ctx, folder)
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("first publication: 84 insurers, %d lists, 1,000,000 ended rights", c.lists()), fmt.Sprintf("%.1f s", first.Seconds()), "60 s", first.Seconds()/firstLimit.Seconds(), 1)

	served := &countedFolder{files: http.FileServer(http.Dir(folder))}
	server := httptest.NewServer(served)
	defer server.Close()
	daily, err := newReader(b.tmp, "daily", server.URL)
	if err != nil {
		return err
	}
	defer daily.shelf.Close()
	away, err := newReader(b.tmp, "away", server.URL)
	if err != nil {
		return err
	}
	defer away.shelf.Close()
	for _, r := range []*reader{daily, away} {
		if _, err := r.sync(ctx, c.now, served); err != nil {
			return err
		}
	}
	var took, bytes []float64
	requests := int64(0)
	for day := range daysAway {
		c.tomorrow()
		if err := c.end(dailyEvents, true); err != nil {
			return err
		}
		t, err := c.publish(ctx, folder)
		if err != nil {
			return err
		}
		took = append(took, t.Seconds())
		if day > 2 && day < daysAway-2 { // the first days and the last: what a counter asks for settles, and stays
			continue
		}
		n, err := daily.sync(ctx, c.now, served)
		if err != nil {
			return err
		}
		bytes = append(bytes, float64(n))
		requests = served.requests.Load()
		fmt.Fprintf(os.Stderr, "day %d: published in %.2f s, %.0f bytes in %d requests\n", day+1, t.Seconds(), float64(n), requests)
	}
	b.add("daily publication of 50,000 changes, median of 30", fmt.Sprintf("%.1f s", median(took)), "5 s", median(took)/dailyLimit.Seconds(), 1)
	last := bytes[len(bytes)-1]
	b.add(fmt.Sprintf("published daily, a counter a day behind downloads, %d requests", requests), fmt.Sprintf("%.1f kB", last/1000), "150 kB", last/dayBytes, 1)
	n, err := away.sync(ctx, c.now, served)
	if err != nil {
		return err
	}
	whole, err := c.pages(ctx)
	if err != nil {
		return err
	}
	b.add("published daily, a counter 30 days behind downloads", fmt.Sprintf("%.2f MB", float64(n)/1e6), fmt.Sprintf("the full lists, %.2f MB", float64(whole)/1e6), float64(n)/float64(whole), 1)
	return b.hourly(ctx, c, folder, served, daily, away, last)
}

// hourly publishes the same changes every hour. One counter syncs about once a day, at hours of its own; the other was away throughout. once is
// what a day behind costs where it is published once a day.
func (b *bench) hourly(ctx context.Context, c *country, folder string, served *countedFolder, daily, away *reader, once float64) error {
	var took, bytes []float64
	requests := int64(0)
	for hour := range hoursAway {
		c.now = c.now.Add(time.Hour)
		if err := c.end(dailyEvents/24, true); err != nil {
			return err
		}
		t, err := c.publish(ctx, folder)
		if err != nil {
			return err
		}
		took = append(took, t.Seconds())
		if hour == 23 || hour == 46 || hour == hoursAway-1 {
			n, err := daily.sync(ctx, c.now, served)
			if err != nil {
				return err
			}
			bytes = append(bytes, float64(n))
			requests = max(requests, served.requests.Load())
			fmt.Fprintf(os.Stderr, "hour %d: published in %.2f s, %.0f bytes in %d requests\n", hour+1, t.Seconds(), float64(n), served.requests.Load())
		}
	}
	n, err := away.sync(ctx, c.now, served)
	if err != nil {
		return err
	}
	whole, err := c.pages(ctx)
	if err != nil {
		return err
	}
	b.add("hourly publication of 2,083 changes, median of 72", fmt.Sprintf("%.1f s", median(took)), "5 s", median(took)/dailyLimit.Seconds(), 1)
	b.add(fmt.Sprintf("published hourly, a counter a day behind downloads, %d requests", requests), fmt.Sprintf("%.1f kB", slices.Max(bytes)/1000), fmt.Sprintf("%.1f kB published daily", once/1000), slices.Max(bytes)/once, 1.25)
	b.add(fmt.Sprintf("published hourly, a counter %d days behind downloads, %d requests", hoursAway/24, served.requests.Load()), fmt.Sprintf("%.0f kB", float64(n)/1000), fmt.Sprintf("the full lists, %.2f MB", float64(whole)/1e6), float64(n)/float64(whole), 1)
	return nil
}

// publish makes the next publication and writes it into a folder.
func (c *country) publish(ctx context.Context, folder string) (time.Duration, error) {
	start := time.Now()
	if _, err := c.issuer.Publish(ctx, time.Time{}); err != nil {
		return 0, err
	}
	d, err := depot.Open(ctx, folder, depot.Options{})
	if err != nil {
		return 0, err
	}
	defer depot.Close(d)
	if _, err := static.Publish(ctx, c.issuer, d.(static.Depot), static.Options{}); err != nil {
		return 0, err
	}
	return time.Since(start), nil
}

// countedFolder serves a folder and counts what it sends.
type countedFolder struct {
	files           http.Handler
	bytes, requests atomic.Int64
}

func (f *countedFolder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	f.files.ServeHTTP(&countedWriter{w, &f.bytes}, r)
}

type countedWriter struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (w *countedWriter) Write(b []byte) (int, error) {
	w.bytes.Add(int64(len(b)))
	return w.ResponseWriter.Write(b)
}

// reader is a counter that follows the country.
type reader struct {
	shelf  *mirror.Mirror
	source *trust.HTTP
}

func newReader(tmp, name, address string) (*reader, error) {
	dir := filepath.Join(tmp, "country-counter-"+name)
	if err := mirror.MakeFolder(dir); err != nil {
		return nil, err
	}
	shelf, err := mirror.Create(dir)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	source, err := trust.NewHTTP(u)
	if err != nil {
		return nil, errors.Join(err, shelf.Close())
	}
	return &reader{shelf, source}, nil
}

// sync follows the newest publication and returns the bytes that the server sent.
func (r *reader) sync(ctx context.Context, now time.Time, from *countedFolder) (int64, error) {
	from.bytes.Store(0)
	from.requests.Store(0)
	report, err := refresh.Sync(ctx, r.shelf, r.source, refresh.Options{Now: func() time.Time { return now }})
	if err == nil && !report.Changed {
		err = errors.New("nothing new for the counter")
	}
	return from.bytes.Load(), err
}
