// The page itself: templates, what they need, and the files beside them.

package desk

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"sceau/card/qr"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
)

//go:embed web
var web embed.FS

// mediaTypes of what may be served; a file of another kind is an error of New.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".json": "application/json; charset=utf-8",
	".wasm": "application/wasm", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
	".wav": "audio/wav", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json; charset=utf-8",
}

// screens are the templates and catalogues.
type screens struct {
	templates *template.Template
	texts     map[offline.Language]map[string]string
	files     map[string][]byte // below web/
}

// View is what a template gets; {{t "key"}} is the text of the page's language.
type View struct {
	Lang        offline.Language
	Theme       string // light, dark, or "" for the computer's
	Version     string
	Settings    counter.Settings
	Professions []counter.Profession
	State       situation
	Texts       map[string]string
}

func readScreens() (*screens, error) {
	s := &screens{texts: map[offline.Language]map[string]string{}, files: map[string][]byte{}}
	for _, lang := range []offline.Language{offline.French, offline.English} {
		b, err := web.ReadFile("web/" + string(lang) + ".json")
		if err != nil {
			return nil, err
		}
		texts := map[string]string{}
		if err := json.Unmarshal(b, &texts); err != nil {
			return nil, fmt.Errorf("web/%s.json: %w", lang, err)
		}
		s.texts[lang] = texts
	}
	var err error
	s.templates, err = template.New("").Funcs(template.FuncMap{"t": func(string) string { return "" }}).ParseFS(web, "web/*.html")
	if err != nil {
		return nil, err
	}
	return s, fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		switch ext := path.Ext(name); {
		case err != nil:
			return err
		case d.IsDir() || ext == ".html" || ext == ".md":
			return nil
		case mediaTypes[ext] == "" && ext != "": // licences have none
			return fmt.Errorf("%s: no media type for %q", name, ext)
		}
		b, err := web.ReadFile(name)
		s.files[strings.TrimPrefix(name, "web/")] = b
		return err
	})
}

// page draws a template. Its texts come from the catalogue of the visit's language; a key that is missing shows itself.
func (s *Server) page(name string) func(http.ResponseWriter, *http.Request, *visit) error {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		settings := s.wishes.get()
		texts := s.pages.texts[v.lang]
		own, err := s.pages.templates.Clone()
		if err != nil {
			return err
		}
		own.Funcs(template.FuncMap{"t": func(key string) string {
			if text, ok := texts[key]; ok {
				return text
			}
			return "⟦" + key + "⟧"
		}})
		var b bytes.Buffer
		view := View{Lang: v.lang, Theme: settings.Theme, Version: s.o.Version, Settings: shown(settings), Professions: counter.Professions(),
			State: s.situation(r.Context(), v.lang), Texts: texts}
		if err := own.ExecuteTemplate(&b, name, view); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		_, err = w.Write(b.Bytes())
		return gone(err)
	}
}

// static serves what lies below web/, templates excepted.
func (s *Server) static(w http.ResponseWriter, _ *http.Request, v *visit) error {
	b, ok := s.pages.files[v.rest]
	if !ok {
		return errOutside
	}
	media := mediaTypes[path.Ext(v.rest)]
	if media == "" {
		media = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(b)
	return gone(err)
}

// calibrationSymbol draws the code that teaches a keyboard.
func (s *Server) calibrationSymbol(w http.ResponseWriter, _ *http.Request, _ *visit) error {
	m, err := qr.Encode(scan.CalibrationText())
	if err != nil {
		return err
	}
	var svg bytes.Buffer
	if err := m.SVG(&svg); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(svg.Bytes())
	return gone(err)
}
