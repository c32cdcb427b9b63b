// The catalogues: complete, in French as it is printed, and nowhere markup.

package desk_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sceau/offline"
)

var (
	usedInScripts = regexp.MustCompile(`(?:^|[^\w.])t\('([a-z0-9_]+)'`)
	usedInPlurals = regexp.MustCompile(`\bcount\('([a-z0-9_]+)', '([a-z0-9_]+)'`)
	usedInPages   = regexp.MustCompile(`\{\{t "([a-z0-9_]+)"\}\}`)
	anyCall       = regexp.MustCompile(`(?:^|[^\w.])t\(([^)\n]{0,40})`)
	blanks        = regexp.MustCompile(`\{\w+\}`)
)

// Every text that a screen asks for is in both catalogues, and every text there is asked for.
func TestCatalogues(t *testing.T) {
	used := map[string]bool{}
	scripts, _ := filepath.Glob("web/*.js")
	pages, _ := filepath.Glob("web/*.html")
	if len(scripts) < 10 || len(pages) < 1 {
		t.Fatalf("found %d scripts and %d pages", len(scripts), len(pages))
	}
	for _, name := range append(scripts, pages...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, re := range []*regexp.Regexp{usedInScripts, usedInPlurals, usedInPages} {
			for _, m := range re.FindAllStringSubmatch(string(b), -1) {
				for _, key := range m[1:] {
					used[key] = true
				}
			}
		}
		for _, m := range anyCall.FindAllStringSubmatch(string(b), -1) {
			if strings.HasSuffix(name, ".js") && !strings.HasPrefix(m[1], "'") && !strings.Contains(name, "words.js") && !strings.Contains(name, "wedge.js") {
				t.Errorf("%s: t(%s: a key that is worked out can't be checked", name, m[1])
			}
		}
	}
	fr, en := catalogue(offline.French), catalogue(offline.English)
	for key := range used {
		if fr[key] == "" || en[key] == "" {
			t.Errorf("%s: missing in a catalogue", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(fr)) {
		if !used[key] {
			t.Errorf("%s: nobody asks for it", key)
		}
		a, b := blanks.FindAllString(fr[key], -1), blanks.FindAllString(en[key], -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: fills %v in French and %v in English", key, a, b)
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(fr)), slices.Sorted(maps.Keys(en))) {
		t.Error("the catalogues have different keys")
	}
}

// French typography: no line may begin with a sign, no apostrophe of a typewriter, and nothing that accuses.
func TestFrenchTypography(t *testing.T) {
	bad := regexp.MustCompile(` [:;!?%»€]|« |[^\x{00a0}]»|'|\.\.\.|[a-zé][:;!?]`)
	accuses := regexp.MustCompile(`(?i)porteur vérifié|fraud|falsifi|impayé`)
	for key, text := range catalogue(offline.French) {
		if m := bad.FindString(text); m != "" {
			t.Errorf("%s: %q in %q", key, m, text)
		}
		if m := accuses.FindString(text); m != "" {
			t.Errorf("%s: %q must not be said", key, m)
		}
	}
}

// The strict policy holds only while nothing asks to bend it.
func TestNoMarkupIsBuilt(t *testing.T) {
	banned := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|setAttribute\('style'|srcdoc|https?://`)
	scripts, _ := filepath.Glob("web/*.js")
	pages, _ := filepath.Glob("web/*.html")
	for _, name := range append(scripts, pages...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "")
		if m := banned.FindString(text); m != "" {
			t.Errorf("%s: %s", name, m)
		}
		if strings.HasSuffix(name, ".html") && regexp.MustCompile(`(?i)\son\w+=|style=|<script>|<style|javascript:`).MatchString(text) {
			t.Errorf("%s: inline script or style", name)
		}
	}
}
