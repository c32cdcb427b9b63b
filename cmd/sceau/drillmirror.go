// A mirror of the published files, and what becomes of it in the hands of somebody else.

package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// What a mirror does.
const (
	mirrorHonest  = "honest"
	mirrorReplay  = "replay"  // serves a publication of some days ago
	mirrorFreeze  = "freeze"  // goes on serving the one of that day
	mirrorAltered = "altered" // changes bytes
	mirrorEndless = "endless" // never stops sending
	mirrorForeign = "foreign" // another operator's files
)

// drillMirror serves a folder on this computer.
type drillMirror struct {
	listener net.Listener
	server   *http.Server

	mu     sync.Mutex
	how    string
	folder string // what it serves at present
}

func newDrillMirror(folder string) (*drillMirror, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &drillMirror{listener: l, how: mirrorHonest, folder: folder}
	m.server = &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = m.server.Serve(l) }()
	return m, nil
}

func (m *drillMirror) url() string { return "http://" + m.listener.Addr().String() + "/" }

func (m *drillMirror) close() {
	if m != nil {
		_ = m.server.Close()
	}
}

// turn makes a mirror serve another folder in another way.
func (m *drillMirror) turn(how, folder string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.how, m.folder = how, folder
}

// ServeHTTP implements http.Handler.
func (m *drillMirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	how, folder := m.how, m.folder
	m.mu.Unlock()
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if how == mirrorEndless {
		junk := bytes.Repeat([]byte(`{"signed":`), 6554)
		for {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	}
	f, err := os.Open(filepath.Join(folder, filepath.FromSlash(name)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if how == mirrorAltered && len(b) > 0 {
		b[len(b)/2] ^= 1
	}
	_, _ = w.Write(b)
}
