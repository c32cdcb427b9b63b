// Who may ask: every check that comes before a handler. What fails one gets 403 and not one byte of a reason.

package desk

import (
	"crypto/subtle"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// headers of every answer, refusals included.
var headers = map[string]string{
	"Cache-Control": "no-store",
	"Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; " +
		"media-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Permissions-Policy": "camera=(self), serial=(self), accelerometer=(), autoplay=(), bluetooth=(), display-capture=(), " +
		"encrypted-media=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), " +
		"publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
}

// ServeHTTP lets a request through to its route, or refuses it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	started := s.o.Now()
	seen := &answer{ResponseWriter: w}
	route, v, why := s.admit(r)
	if why != "" {
		outside(seen)
		s.note(r, route, seen, started, why)
		return
	}
	if s.o.inside != nil {
		s.o.inside(route.key())
	}
	s.serve(seen, r, route, v)
	s.note(r, route, seen, started, "")
}

// admit decides. why names the check that failed, for the log; "" lets the request through.
func (s *Server) admit(r *http.Request) (found *route, v *visit, why string) {
	if !s.o.guardOff && r.Host != s.host {
		return nil, nil, "host"
	}
	found, secret, rest, ok := s.find(r)
	if !ok {
		return nil, nil, "route"
	}
	if !s.o.guardOff {
		if why := s.fromBrowser(r, found); why != "" {
			return found, nil, why
		}
	}
	v = &visit{secret: secret, rest: rest}
	switch found.kind {
	case people:
		session, ok := s.launches.session(secret)
		if !ok {
			return found, nil, "secret"
		}
		v.session = session
	case software:
		bearer, found1 := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		given, want := digest(bearer), digest(s.o.Token)
		if !found1 || s.o.Token == "" || len(r.Header.Values("Authorization")) != 1 || subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
			return found, nil, "token"
		}
	}
	return found, v, ""
}

// find takes the path apart. Only paths in their one form lead anywhere.
func (s *Server) find(r *http.Request) (found *route, secret, rest string, ok bool) {
	p := r.URL.Path
	if r.URL.RawPath != "" || !strings.HasPrefix(p, "/") || path.Clean(p) != strings.TrimSuffix(p, "/") && p != "/" || strings.Contains(p, "//") {
		return nil, "", "", false
	}
	name := ""
	switch {
	case strings.HasPrefix(p, "/s/"):
		secret, name, ok = strings.Cut(p[len("/s/"):], "/")
		if !ok {
			return nil, "", "", false
		}
		name = "people " + name
	case strings.HasPrefix(p, "/open/"):
		name = "launch open/" + p[len("/open/"):]
	case strings.HasPrefix(p, "/v1/"):
		name = "software " + p
	default:
		name = "instance " + p
	}
	if one, ok := s.byName[r.Method+" "+name]; ok && one.under == "" {
		return one, secret, "", true
	}
	for i := range s.routes {
		one := &s.routes[i]
		if rest, ok := strings.CutPrefix(name, one.kind.String()+" "+one.under); one.under != "" && one.method == r.Method && ok && rest != "" {
			return one, secret, rest, true
		}
	}
	if strings.HasPrefix(p, "/v1/") && (r.Method == http.MethodGet || r.Method == http.MethodPost) && !s.anyMethod(name) {
		return &route{method: r.Method, kind: software, name: "elsewhere", handle: func(http.ResponseWriter, *http.Request, *visit) error { return errNowhere }}, "", "", true
	}
	return nil, "", "", false
}

// anyMethod says whether a path leads somewhere, asked in another way.
func (s *Server) anyMethod(name string) bool {
	return slices.ContainsFunc(s.routes, func(r route) bool {
		if r.under == "" {
			return name == r.kind.String()+" "+r.name
		}
		rest, ok := strings.CutPrefix(name, r.kind.String()+" "+r.under)
		return ok && rest != ""
	})
}

// fromBrowser refuses what another site made a browser send. Programs that are no browser send none of these headers; they get
// no further than a browser without the secret.
func (s *Server) fromBrowser(r *http.Request, to *route) (why string) {
	h := r.Header
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
		if len(h.Values(name)) > 1 {
			return "twice"
		}
	}
	site, mode, dest, origin := h.Get("Sec-Fetch-Site"), h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest"), h.Get("Origin")
	if h.Get("Upgrade") != "" || h.Get("Sec-Websocket-Key") != "" || h.Get("Access-Control-Request-Method") != "" {
		return "upgrade"
	}
	if h.Get("Sec-Purpose") != "" || h.Get("Purpose") != "" {
		return "prefetch" // a code must not be used up by a guess
	}
	if origin != "" && origin != "http://"+s.host {
		return "origin"
	}
	switch to.kind {
	case software, instance:
		if site != "" || mode != "" || dest != "" || origin != "" {
			return "browser"
		}
		return ""
	case launch:
		if site != "" && (site != "none" || mode != "navigate" || dest != "document") {
			return "site"
		}
		return ""
	}
	if r.Method != http.MethodGet {
		// Every browser names the origin of a POST; what names none is no page of ours.
		if origin == "" || site != "" && site != "same-origin" || mode != "" && mode != "cors" && mode != "same-origin" || dest != "" && dest != "empty" {
			return "post"
		}
		return ""
	}
	if site != "" && site != "same-origin" && site != "none" || dest != "" && !slices.Contains(to.dest, dest) {
		return "site"
	}
	if site == "none" && mode != "" && mode != "navigate" {
		return "site"
	}
	return ""
}

// outside is the one answer for everybody who is not let in.
func outside(w http.ResponseWriter) {
	// A body that was announced is not waited for: the connection would be held, and eighty of them would keep people out.
	http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	w.Header().Set("Content-Length", "0")
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusForbidden)
}
