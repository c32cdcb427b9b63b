// TLS of the service: certificate files that are read again when they change, or ACME.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// acmeName is the folder of certificates that ACME gave, with their keys.
const acmeName = "acme"

// certificateEvery is how often the files are looked at.
const certificateEvery = 10 * time.Second

// encrypted puts TLS over a listener where the settings ask for it.
func (s *service) encrypted(front *http.Server, l net.Listener) (net.Listener, string, error) {
	switch {
	case s.config.TLSCertificate != "":
		s.certificate = &certificate{file: s.config.TLSCertificate, key: s.config.TLSKey}
		if err := s.certificate.read(); err != nil {
			return nil, "", err
		}
		front.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate.now.Load(), nil }}
	case s.config.ACME:
		manager, err := s.config.manager(filepath.Join(s.op.dir, acmeName))
		if err != nil {
			return nil, "", err
		}
		front.TLSConfig = manager.TLSConfig()
		front.TLSConfig.MinVersion = tls.VersionTLS12
		host, said := s.config.host(), new(atomic.Int64)
		front.TLSConfig.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := manager.GetCertificate(hello)
			// Of other names nobody hears: a log must not be filled by whoever asks for them.
			if err != nil && hello.ServerName == host {
				if now, last := time.Now().Unix(), said.Load(); (now-last >= 60 || now < last) && said.CompareAndSwap(last, now) {
					s.log.Error("no certificate by ACME", "error", err.Error())
				}
			}
			return c, err
		}
	default:
		return l, "http", nil
	}
	return tls.NewListener(l, front.TLSConfig), "https", nil
}

// manager gets certificates for the host of the public URL and for no other.
func (c *Config) manager(cache string) (*autocert.Manager, error) {
	client := &acme.Client{DirectoryURL: c.ACMEDirectory}
	if c.ACMERoots != "" {
		pem, err := os.ReadFile(c.ACMERoots)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.ACMERoots)
		}
		client.HTTPClient = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}
	}
	return &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(cache), HostPolicy: autocert.HostWhitelist(c.host()),
		Client: client, Email: c.ACMEContact}, nil
}

// host is the name in the public URL.
func (c *Config) host() string {
	u, err := url.Parse(c.publicURL())
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// certificate is a pair of files.
type certificate struct {
	file, key string
	now       atomic.Pointer[tls.Certificate]
	seen      string // sizes and times of the files that were read
}

// read takes the files; a pair that doesn't fit, or half of a change, leaves the old one in force.
func (c *certificate) read() error {
	seen, err := c.look()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.file, c.key)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.file, err)
	}
	c.now.Store(&pair)
	c.seen = seen
	return nil
}

func (c *certificate) look() (string, error) {
	var seen string
	for _, name := range []string{c.file, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		seen += fmt.Sprintf("%d %d ", info.Size(), info.ModTime().UnixNano())
	}
	return seen, nil
}

// reload reads the certificate again when its files change, and on SIGHUP, until ctx ends.
func (s *service) reload(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // also without TLS by files: it must not end the service
	defer signal.Stop(hup)
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	var said string
	for {
		asked := false
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			asked = true
		case <-tick.C:
		}
		if s.certificate == nil {
			continue
		}
		seen, err := s.certificate.look()
		if err == nil && seen == s.certificate.seen && !asked {
			continue
		}
		if err == nil {
			err = s.certificate.read()
		}
		switch {
		case err == nil:
			said = ""
			s.log.Info("the TLS certificate was read again", "until", until(s.certificate.now.Load()))
		case asked || err.Error() != said:
			said = err.Error()
			s.log.Error("the TLS certificate could not be read: the old one stays", "error", said)
		}
	}
}

func until(c *tls.Certificate) string {
	if c == nil || c.Leaf == nil {
		return ""
	}
	return c.Leaf.NotAfter.UTC().Format(time.RFC3339)
}

// notify tells systemd how the service stands, where systemd started it.
func notify(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_, err = c.Write([]byte(state))
	_ = errors.Join(err) // nobody is there to be told
}
