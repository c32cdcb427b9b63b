// The login of people: OpenID Connect, code flow with PKCE. The session's secret is in a cookie of this host alone.

package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sceau/card/issuer"
)

// Cookies: both only over TLS, for this host, out of reach of scripts.
const (
	sessionCookie = "__Host-sceau"
	loginCookie   = "__Host-sceau-login"
	loginMinutes  = 10
)

//go:embed web/staff-*.html
var staffPages embed.FS

var staffPage = template.Must(template.ParseFS(staffPages, "web/staff-*.html"))

var (
	errNoLogin = refusing(http.StatusNotFound, "no_login", "nobody logs in here: the service has no identity provider")
	errLogin   = refusing(http.StatusForbidden, "login", "the login was not believed, or gives no access here")
)

// home is where a login ends, whatever was asked for before.
const home = "/reports"

func (s *Server) loginRoutes() {
	public := Policy{Roles: []Role{RolePublic}, Tenant: NoTenant, Guess: true, Page: true}
	s.raw(http.MethodGet, "/login", public, s.login)
	s.raw(http.MethodGet, "/callback", public, s.callback)
	anybody := Policy{Roles: []Role{RoleRead, RoleIssue, RoleRevoke, RoleAudit, RolePublish, RoleOperator}, Tenant: OwnInsurer, Page: true,
		Body: 1 << 10, Media: []string{"application/x-www-form-urlencoded"}}
	s.raw(http.MethodPost, "/logout", anybody, s.logout)
}

// attempt is one login under way. All that binds it to the browser comes from one secret, which only the browser has, in its
// cookie: so the service remembers nothing of those who never come back.
type attempt struct{ state, nonce, verifier string }

func attemptOf(secret string) attempt {
	part := func(name string) string {
		sum := sha256.Sum256([]byte("sceau-login-1 " + name + " " + secret))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return attempt{part("state"), part("nonce"), part("verifier")}
}

// fresh says whether the secret of a cookie was drawn a short while ago. Its time is part of what the state depends on.
func fresh(secret string, now time.Time) bool {
	minute, _, ok := strings.Cut(secret, ".")
	n, err := strconv.ParseInt(minute, 10, 64)
	age := now.Unix()/60 - n
	return ok && err == nil && age >= 0 && age <= loginMinutes
}

func (s *Server) login(w http.ResponseWriter, r *http.Request, _ Principal) {
	people := s.o.Office.People
	if people == nil {
		s.fail(w, visitOf(r.Context()), errNoLogin)
		return
	}
	var b [32]byte
	rand.Read(b[:])
	secret := strconv.FormatInt(s.now().Unix()/60, 10) + "." + base64.RawURLEncoding.EncodeToString(b[:])
	to, err := people.begin(r.Context(), attemptOf(secret))
	if err != nil {
		s.unlogged(w, r, err)
		return
	}
	// Lax: the provider sends the browser back from its own site.
	http.SetCookie(w, cookie(loginCookie, secret, loginMinutes*60, http.SameSiteLaxMode))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func cookie(name, value string, seconds int, same http.SameSite) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: same}
}

func (s *Server) callback(w http.ResponseWriter, r *http.Request, _ Principal) {
	people := s.o.Office.People
	if people == nil {
		s.fail(w, visitOf(r.Context()), errNoLogin)
		return
	}
	secret, ok := cookieOf(r, loginCookie)
	http.SetCookie(w, cookie(loginCookie, "", -1, http.SameSiteLaxMode)) // once, whatever comes of it
	q := r.URL.Query()
	switch {
	case !ok || !fresh(secret, s.now()):
		s.unlogged(w, r, errNoAttempt)
		return
	case len(q["state"]) != 1 || q.Get("state") != attemptOf(secret).state:
		s.unlogged(w, r, errForeignState)
		return
	case len(q["code"]) != 1 || len(q["error"]) > 0:
		s.unlogged(w, r, errProviderSaysNo)
		return
	}
	who, err := people.finish(r.Context(), attemptOf(secret), q.Get("code"), q.Get("iss"))
	if err != nil {
		s.unlogged(w, r, err)
		return
	}
	session, err := s.o.Issuer.OpenSession(r.Context(), who)
	if errors.Is(err, issuer.ErrUnknownInsurer) || errors.Is(err, issuer.ErrRoles) || errors.Is(err, issuer.ErrCredential) {
		err = errNoAccess
	}
	if err != nil {
		s.unlogged(w, r, err)
		return
	}
	// Strict: no link of another site brings the session along. The page that follows is asked for by this one.
	http.SetCookie(w, cookie(sessionCookie, session, 0, http.SameSiteStrictMode))
	s.show(w, http.StatusOK, "staff-welcome.html", home)
}

// unlogged answers a login that failed, in one way, whatever the reason: that is in the log.
func (s *Server) unlogged(w http.ResponseWriter, r *http.Request, err error) {
	v := visitOf(r.Context())
	is := errLogin
	if errors.Is(err, errProvider) || !errors.Is(err, errUnbelieved) {
		is = errAway
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "login", slog.String("id", v.id), slog.String("why", whyNot(err)))
	v.code = is.code
	is.headers(w.Header())
	s.show(w, is.status, "staff-refused.html", is.code)
}

func (s *Server) show(w http.ResponseWriter, status int, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = staffPage.ExecuteTemplate(w, page, data)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, who Principal) {
	if secret, ok := cookieOf(r, sessionCookie); ok && who.Kind == KindStaff {
		if err := s.o.Issuer.CloseSession(context.WithoutCancel(r.Context()), secret); err != nil {
			s.fail(w, visitOf(r.Context()), err)
			return
		}
	}
	http.SetCookie(w, cookie(sessionCookie, "", -1, http.SameSiteStrictMode))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
