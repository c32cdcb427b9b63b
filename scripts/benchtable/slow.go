// Clients that hold their connections as long as they can, while others fetch the published files.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	slowCount     = 1000
	slowRounds    = 7
	slowTime      = 2 * time.Second
	slowLimit     = 1.5   // × the 99th percentile without them
	serviceMemory = 512.0 // MB resident
)

// slowClients fetches published files with and without slow clients in turn.
func (b *bench) slowClients(o *office) error {
	files, large, err := o.published()
	if err != nil {
		return err
	}
	fetch := func() (float64, error) {
		r, _, err := wrk(slowTime, serviceConnections, o.address, getScript, "FILES="+strings.Join(files, " "))
		if err == nil && r.failed() > 0 {
			err = fmt.Errorf("%.0f of %.0f fetches failed", r.failed(), r.Requests)
		}
		return r.P99 / 1000, err
	}
	if _, err := fetch(); err != nil { // warm
		return err
	}
	var with, without, ratios []float64
	for range slowRounds {
		alone, err := fetch()
		if err != nil {
			return err
		}
		s := o.crawl(large)
		err = s.wait(30 * time.Second)
		beside := 0.0
		if err == nil {
			beside, err = fetch()
		}
		left := s.open.Load()
		s.end()
		if err != nil {
			return err
		}
		if left < slowCount*9/10 { // those who were cut off come back at once
			return fmt.Errorf("only %d slow clients were left", left)
		}
		fmt.Fprintf(os.Stderr, "published files: 99 %% in %.1f ms, %.1f ms with %d slow clients\n", alone, beside, left)
		with, without, ratios = append(with, beside), append(without, alone), append(ratios, beside/alone)
		time.Sleep(500 * time.Millisecond)
	}
	b.add(fmt.Sprintf("published files with %d slow clients (half heads, slow bodies, slow readers): 99th percentile", slowCount),
		fmt.Sprintf("%.1f ms", median(with)), fmt.Sprintf("%.1f ms without", median(without)), median(ratios), slowLimit)
	memory, err := kernelSays(o.program, "VmHWM:")
	if err != nil {
		return err
	}
	b.add("resident memory of that service at its highest", fmt.Sprintf("%.0f MB", memory/1024), "512 MB", memory/1024/serviceMemory, 1)
	return nil
}

// published lists the addresses of the published files, and the largest.
func (o *office) published() (all []string, large string, err error) {
	root, most := filepath.Join(o.dir, "public"), int64(0)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name = "/repo/" + filepath.ToSlash(name)
		all = append(all, name)
		if info.Size() > most {
			large, most = name, info.Size()
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = errors.New("nothing is published")
	}
	return all, large, err
}

// crowd is a number of slow clients.
type crowd struct {
	office *office
	host   string
	large  string
	cancel context.CancelFunc
	all    sync.WaitGroup
	open   atomic.Int64
	mu     sync.Mutex
	err    error // of a client that couldn't even begin
}

// crawl sends them: a third never ends its head, a third its body, a third asks for much and hardly reads.
func (o *office) crawl(large string) *crowd {
	ctx, cancel := context.WithCancel(context.Background())
	s := &crowd{office: o, large: large, cancel: cancel}
	if u, err := url.Parse(o.address); err == nil {
		s.host = u.Host
	}
	kinds := []func(context.Context, net.Conn) error{s.halfHead, s.slowBody, s.slowReader}
	for n := range slowCount {
		// From eight addresses, as one may have but so many connections.
		from := &net.TCPAddr{IP: net.IPv4(127, 2, 0, byte(n%8+1))}
		s.all.Go(func() {
			for ctx.Err() == nil {
				if err := s.one(ctx, from, kinds[n%len(kinds)]); err != nil {
					s.mu.Lock()
					s.err = errors.Join(s.err, err)
					s.mu.Unlock()
					return
				}
			}
		})
	}
	return s
}

func (s *crowd) wait(patience time.Duration) error {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		err := s.err
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if s.open.Load() < slowCount*99/100 {
			continue
		}
		// A slow reader is quick until the buffers on the way to it are full: the service must have come to rest.
		before, err := used(s.office.program)
		if err != nil {
			return err
		}
		time.Sleep(400 * time.Millisecond)
		after, err := used(s.office.program)
		if err != nil {
			return err
		}
		if after-before <= 60*time.Millisecond {
			return nil
		}
	}
	return fmt.Errorf("the service has no rest from %d slow clients", s.open.Load())
}

func (s *crowd) end() {
	s.cancel()
	s.all.Wait()
}

// one is one connection, until the service ends it.
func (s *crowd) one(ctx context.Context, from net.Addr, do func(context.Context, net.Conn) error) error {
	dialer := net.Dialer{LocalAddr: from, Timeout: 5 * time.Second, Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	c, err := dialer.DialContext(ctx, "tcp", s.host)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.open.Add(1)
	defer s.open.Add(-1)
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	return do(ctx, c)
}

// drip writes a byte a second until the other side has had enough.
func drip(ctx context.Context, c net.Conn, bytes func(n int) byte) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var b [512]byte
		for {
			if _, err := c.Read(b[:]); err != nil {
				return
			}
		}
	}()
	tick := everySecond(ctx)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-gone:
			return
		case <-tick.C:
		}
		if _, err := c.Write([]byte{bytes(n)}); err != nil {
			return
		}
	}
}

// everySecond begins at some moment of the second, so that not all move at once.
func everySecond(ctx context.Context) *time.Ticker {
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(time.Second)):
	}
	return time.NewTicker(time.Second)
}

func (s *crowd) halfHead(ctx context.Context, c net.Conn) error {
	if _, err := fmt.Fprintf(c, "GET /repo/timestamp.json HTTP/1.1\r\nHost: %s\r\nX-Slow: ", s.host); err != nil {
		return nil
	}
	drip(ctx, c, func(int) byte { return 'x' })
	return nil
}

// slowBody is a counter's own check, well signed: without that nobody waits for its body.
func (s *crowd) slowBody(ctx context.Context, c net.Conn) error {
	body, token, err := s.office.question()
	if err != nil {
		return err
	}
	head, err := s.office.head(body, token)
	if err != nil {
		return err
	}
	if _, err := c.Write(head); err != nil {
		return nil
	}
	drip(ctx, c, func(n int) byte { return body[n%len(body)] })
	return nil
}

// slowReader asks for the largest file again and again, and reads a little of it each second.
func (s *crowd) slowReader(ctx context.Context, c net.Conn) error {
	ask := bytes.Repeat(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", s.large, s.host), 100)
	go func() {
		for { // until both sides' buffers are full, and then on
			if _, err := c.Write(ask); err != nil {
				return
			}
		}
	}()
	tick := everySecond(ctx)
	defer tick.Stop()
	var b [100]byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := c.Read(b[:]); err != nil {
			return nil
		}
	}
}
