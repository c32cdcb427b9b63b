// A web server as a source, and all that can stand in its place.
package trust

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	dialTimeout   = 10 * time.Second
	headerTimeout = 15 * time.Second
	stallTimeout  = 20 * time.Second // no byte for so long: the transfer is dead
	maxRedirects  = 3
)

// HTTP is a web server as a source: plain GET of static files. Trust comes
// from the files' signatures; TLS adds privacy, so plain http is allowed.
type HTTP struct {
	base   *url.URL
	client *http.Client
	stall  time.Duration
}

var _ Source = (*HTTP)(nil)

// NewHTTP makes a source of the folder at base, an http or https address
// without user, query or fragment. The proxy is the environment's
// (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
func NewHTTP(base *url.URL) (*HTTP, error) {
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("%w: not an http or https address", ErrBadSource)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%w: an address without password, ? or #", ErrBadSource)
	}
	b := *base
	b.Path = strings.TrimRight(b.Path, "/") + "/"
	b.RawPath = ""
	return &HTTP{base: &b, stall: stallTimeout, client: &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:    dialTimeout,
			ResponseHeaderTimeout:  headerTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    fetchers,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
			// Nothing is unpacked on the way: a compressed answer is refused.
			DisableCompression: true,
		},
		CheckRedirect: checkRedirect,
	}}, nil
}

// TrustAlso lets certificates, in PEM, sign the server's besides the system's. It is called before the first Fetch.
func (h *HTTP) TrustAlso(certificates []byte) error {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	if !roots.AppendCertsFromPEM(certificates) {
		return fmt.Errorf("%w: no certificates to trust", ErrBadSource)
	}
	h.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return nil
}

// checkRedirect follows a redirect within the same machine only: a sign-in
// page sends elsewhere, and no file of a repository does.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: in circles", ErrRedirect)
	}
	if req.URL.Hostname() != from.Hostname() {
		return fmt.Errorf("%w: to another machine", ErrRedirect)
	}
	upgrade := from.Scheme == "http" && req.URL.Scheme == "https"
	if !upgrade && (req.URL.Scheme != from.Scheme || req.URL.Host != from.Host) {
		return fmt.Errorf("%w: to another protocol or port", ErrRedirect)
	}
	return nil
}

// Close drops idle connections.
func (h *HTTP) Close() error {
	h.client.CloseIdleConnections()
	return nil
}

// Fetch implements Source.
func (h *HTTP) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(inner, http.MethodGet, h.base.String()+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: not an address", ErrBadSource)
	}
	req.Header.Set("User-Agent", "Sceau")
	req.Header.Set("Accept-Encoding", "identity")
	// Caches between must not serve yesterday's timestamp.
	if path == timestampPath {
		req.Header.Set("Cache-Control", "no-cache")
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, transportTrouble(ctx, path, err)
	}
	defer resp.Body.Close()
	if err := checkAnswer(path, resp); err != nil {
		return nil, err
	}
	body := &stallReader{r: resp.Body, idle: h.stall}
	body.timer = time.AfterFunc(h.stall, func() { cancel(errStalled) })
	defer body.timer.Stop()
	data, err := readLimited(ctx, body, path, resp.ContentLength, limit)
	if err != nil {
		if context.Cause(inner) == errStalled && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %s: nothing came for %v", ErrInterrupted, path, h.stall)
		}
		return nil, transportTrouble(ctx, path, err)
	}
	if strings.HasSuffix(path, ".json") && looksLikeHTML(data) {
		return nil, fmt.Errorf("%w: a web page in place of %s", ErrNotRepository, path)
	}
	return data, nil
}

var errStalled = errors.New("stalled")

// stallReader puts its timer off at each byte that comes.
type stallReader struct {
	r     io.Reader
	timer *time.Timer
	idle  time.Duration
}

func (s *stallReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n > 0 {
		s.timer.Reset(s.idle)
	}
	return n, err
}

// checkAnswer judges the head of an answer: exactly 200 with plain bytes.
func checkAnswer(path string, resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
	case code == http.StatusNotFound || code == http.StatusGone:
		return fmt.Errorf("%w: %s", ErrNotFound, path)
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusUnavailableForLegalReasons:
		return fmt.Errorf("%w: %s: status %d", ErrForbidden, path, code)
	case code == http.StatusProxyAuthRequired:
		return ErrProxy
	case code == http.StatusNetworkAuthenticationRequired:
		return fmt.Errorf("%w: the network asks to sign in", ErrNotRepository)
	case code == http.StatusTooManyRequests || code >= 500:
		return fmt.Errorf("%w: the server answers %d", ErrUnreachable, code)
	default:
		return fmt.Errorf("%w: status %d for %s", ErrNotRepository, code, path)
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return fmt.Errorf("%w: %s comes compressed, which was not asked for", ErrNotRepository, path)
	}
	if ct := strings.ToLower(resp.Header.Get("Content-Type")); strings.HasPrefix(ct, "text/html") || strings.HasPrefix(ct, "application/xhtml") {
		return fmt.Errorf("%w: a web page in place of %s", ErrNotRepository, path)
	}
	return nil
}

func looksLikeHTML(data []byte) bool {
	head := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 256)]))
	return bytes.HasPrefix(head, []byte("<!doctype")) || bytes.HasPrefix(head, []byte("<html")) || bytes.HasPrefix(head, []byte("<?xml"))
}

// transportTrouble gives an error of the network its family, without the
// address, which may hold what is nobody's business.
func transportTrouble(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrSource) {
		var ue *url.Error
		if errors.As(err, &ue) {
			return ue.Err
		}
		return err
	}
	var certErr *tls.CertificateVerificationError
	var unknownCA x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var wrongHost x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return fmt.Errorf("%w: the server's certificate is not valid at this machine's date", ErrTLS)
	}
	if errors.As(err, &unknownCA) {
		return ErrAuthority
	}
	if errors.As(err, &certErr) || errors.As(err, &invalid) || errors.As(err, &wrongHost) || errors.As(err, &record) || errors.As(err, &alert) {
		return fmt.Errorf("%w: the server's certificate or protocol is not accepted", ErrTLS)
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Errorf("%w: the server speaks http, not https", ErrTLS)
	}
	if strings.Contains(err.Error(), "Proxy Authentication Required") {
		return ErrProxy
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s", ErrInterrupted, path)
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return fmt.Errorf("%w: no answer in time", ErrUnreachable)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Errorf("%w: unknown machine name", ErrUnreachable)
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, path)
}
