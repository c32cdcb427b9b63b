// One published file as it is served: its bytes, their compressed forms, and what goes with them.

package httpapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"sceau/card/issuer/static"
)

// published is immutable once made.
type published struct {
	media string
	cache string
	form  [3]form // plain, gzip, zstd; the last two are empty where they save too little
}

type form struct {
	data []byte
	etag string
}

const (
	plain = iota
	gzipped
	zstded
)

var encodingNames = [...]string{plain: "", gzipped: "gzip", zstded: "zstd"}

const (
	cacheForEver = "public, max-age=31536000, immutable"
	cacheAsk     = "no-cache"
	minPacked    = 512 // a file below fits one packet anyway
)

var zstdWriter, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))

// publish prepares a file.
func publish(path string, data []byte) *published {
	p := &published{media: mediaOf(path), cache: cacheForEver}
	if static.Mutable(path) {
		p.cache = cacheAsk
	}
	sum := sha256.Sum256(data)
	tag := base64.RawURLEncoding.EncodeToString(sum[:16])
	p.form[plain] = form{data, `"` + tag + `"`}
	if len(data) < minPacked {
		return p
	}
	worth := func(packed []byte) bool { return len(packed) < len(data)*9/10 }
	if b := zstdWriter.EncodeAll(data, nil); worth(b) {
		p.form[zstded] = form{b, `"` + tag + `-z"`}
	}
	var b bytes.Buffer
	if w, err := gzip.NewWriterLevel(&b, gzip.BestCompression); err == nil {
		if _, err := w.Write(data); err == nil && w.Close() == nil && worth(b.Bytes()) {
			p.form[gzipped] = form{bytes.Clone(b.Bytes()), `"` + tag + `-g"`}
		}
	}
	return p
}

func (p *published) size() int64 {
	var n int
	for _, f := range p.form {
		n += len(f.data)
	}
	return int64(n)
}

func mediaOf(path string) string {
	switch {
	case strings.HasPrefix(path, "statuslist/"):
		return "application/statuslist+jwt"
	case strings.HasSuffix(path, ".json"):
		return "application/json"
	}
	return "application/octet-stream"
}

const repositoryPath = "/repo/"

func (s *Server) repositoryRoutes() {
	p := Policy{Roles: []Role{RolePublic}, Tenant: NoTenant, unmetered: true}
	s.raw("GET", repositoryPath+"{path...}", p, s.file)
	s.raw("OPTIONS", repositoryPath+"{path...}", p, func(w http.ResponseWriter, _ *http.Request, _ Principal) {
		h := w.Header()
		open(h)
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "If-None-Match, If-Match, If-Range, Range")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	})
}

// open lets pages of any site read these files, which anybody may have.
func open(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Content-Length, Content-Range, Date")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// file serves a published file.
func (s *Server) file(w http.ResponseWriter, r *http.Request, _ Principal) {
	h := w.Header()
	open(h)
	e := s.files.now.Load()
	if e == nil {
		s.fail(w, visitOf(r.Context()), errAway)
		return
	}
	p, ok := e.files[r.PathValue("path")]
	if !ok {
		// Not to be remembered: counters ask for the next root until there is one.
		s.fail(w, visitOf(r.Context()), errAbsent)
		return
	}
	h.Set("Content-Type", p.media)
	h.Set("Cache-Control", p.cache)
	h.Add("Vary", "Accept-Encoding")
	as := plain
	if r.Header.Get("Range") == "" {
		as = p.best(r.Header.Values("Accept-Encoding"))
	}
	h.Set("Etag", p.form[as].etag)
	if as != plain {
		h.Set("Content-Encoding", encodingNames[as])
		// ServeContent leaves the length of an encoded answer out.
		if !anyETag(r.Header.Values("If-None-Match"), p.form[as].etag) {
			h.Set("Content-Length", strconv.Itoa(len(p.form[as].data)))
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.form[as].data))
}

// anyETag says whether a conditional request may be answered by 304, in which there is no length.
func anyETag(values []string, etag string) bool {
	all := strings.Join(values, ",")
	return strings.Contains(all, etag) || strings.TrimSpace(all) == "*"
}

// best is the form of a file that the client takes: the smaller of those it names, else the plain one.
func (p *published) best(accept []string) int {
	var allowed [3]bool
	star, named := false, [3]bool{}
	for _, one := range strings.Split(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(one, ";")
		on := true
		if q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			v, err := strconv.ParseFloat(q, 64)
			on = err == nil && v > 0
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			allowed[gzipped], named[gzipped] = on, true
		case "zstd":
			allowed[zstded], named[zstded] = on, true
		case "*":
			star = on
		}
	}
	best := plain
	for _, as := range []int{gzipped, zstded} {
		if (allowed[as] || star && !named[as]) && len(p.form[as].data) > 0 && len(p.form[as].data) < len(p.form[best].data) {
			best = as
		}
	}
	return best
}
