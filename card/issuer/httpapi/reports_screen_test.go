// The page of reports in a real browser: axe, and pictures for the manual.

package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"sceau/fixtures/browser"
)

func TestReportsScreen(t *testing.T) {
	axe, err := os.ReadFile(filepath.FromSlash("../../../offline/desk/interop/node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal("scripts/setup test installs axe-core: ", err)
	}
	w := newWorld(t)
	w.history(5)
	w.serve(func(o *Options) { o.Budgets, o.Staff = generous, somebody{auditor} })
	server := httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer sk_good")
		if r.URL.Path == "/reports/style.css" || r.URL.Path == "/favicon.ico" {
			r.Header.Del("Authorization")
		}
		w.server.ServeHTTP(a, r)
	}))
	defer server.Close()
	ctx := browser.Start(t, browser.Options{Timeout: 2 * time.Minute})
	for _, scheme := range []string{"light", "dark"} {
		for _, wide := range []int64{1100, 390} {
			look := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				if err == nil {
					_, err = cdp.Call(ctx, t, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "fr-FR"})
				}
				return err
			})
			if err := errors.Join(chromedp.Do(ctx, look), chromedp.Do(ctx, chromedp.EmulateViewport(wide, 900)), chromedp.Do(ctx, chromedp.Navigate(server.URL+"/reports"))); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprint(scheme, " ", wide)
			// The page's own rules admit no script at all; the tool's come in through the debugger.
			if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](string(axe)+"; 1")); err != nil {
				t.Fatal(name, err)
			}
			var violations []string
			found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ['violations'], preload: false, iframes: false}).then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | '))))`, chromedp.EvalAwaitPromise))
			if err == nil {
				err = json.Unmarshal([]byte(found), &violations)
			}
			if err != nil {
				t.Fatal(name, err)
			}
			for _, v := range violations {
				t.Errorf("%s: %s", name, v)
			}
			over, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`))
			if err != nil || over {
				t.Errorf("%s: the page is wider than the screen (%v)", name, err)
			}
			if *update && wide == 1100 && scheme == "light" {
				shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", "service-reports.png"), fewColours(t, shot), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// fewColours keeps the 256 colours that a picture of a screen uses most, which makes it three times smaller.
func fewColours(t testing.TB, b []byte) []byte {
	t.Helper()
	src, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(src.At(x, y)).(color.RGBA) }
	box := src.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			seen[at(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(seen), func(a, b color.RGBA) int {
		return cmp.Or(seen[b]-seen[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	var few color.Palette
	for _, c := range all[:min(256, len(all))] {
		few = append(few, c)
	}
	out := image.NewPaletted(box, few)
	nearest := map[color.RGBA]uint8{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := at(x, y)
			i, ok := nearest[c]
			if !ok {
				i = uint8(few.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, out); err != nil {
		t.Fatal(err)
	}
	return small.Bytes()
}
