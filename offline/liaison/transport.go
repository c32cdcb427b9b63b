// The way out: one transport, TLS that is checked, no redirects, nothing unpacked.

package liaison

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	maxHeader   = 16 << 10
	idleTimeout = 90 * time.Second // of a connection: a check at a busy counter finds one open
	// A line that was replaced under a connection (another router, a computer that slept) says nothing for many minutes. What is
	// silent for pingAfter is asked, and given up after pingLimit: both together are less than FirstProbe.
	pingAfter = 10 * time.Second
	pingLimit = 5 * time.Second
)

var errRedirect = errors.New("liaison: redirect")

// parseAddress takes https everywhere, and http where nothing leaves the computer. Host and port come in the one spelling that a
// signed request names: people type capitals, and ports that go without saying.
func parseAddress(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || len(s) > 256 {
		return nil, ErrAddress
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, ErrAddress
	}
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// origin is what a signed request names: scheme and host, without a path.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func newTransport(ca []byte) (*http.Transport, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool() // a system without any
		}
		if !roots.AppendCertsFromPEM(ca) {
			return nil, ErrCA
		}
		conf.RootCAs = roots
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        idleTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingLimit},
		DisableCompression:     true, // nothing is unpacked on the way: a compressed answer is refused
	}, nil
}

// away names what kept an answer from coming. Nothing of the error's own text is shown: it holds addresses.
func away(err error) *Failure {
	f := &Failure{Code: CodeUnreachable, Err: err}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.Is(err, errRedirect):
		f.Code = CodeRedirect
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &host), errors.As(err, &record), strings.Contains(err.Error(), "tls: "):
		f.Code = CodeTLS
	case strings.Contains(err.Error(), "Proxy Authentication Required"), strings.Contains(err.Error(), "proxyconnect"):
		f.Code = CodeProxy
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"),
		strings.Contains(err.Error(), "response headers exceeded"), strings.Contains(err.Error(), "bad Content-Length"):
		f.Code = CodeNotService
	case errors.As(err, &timeout) && timeout.Timeout():
		f.Code = CodeTimeout
	}
	return f
}
