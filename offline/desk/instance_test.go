package desk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// squatter listens on a port of 127.0.0.1 and answers however it likes.
func squatter(t *testing.T, answer http.HandlerFunc) (port int, asked *atomic.Int64) {
	t.Helper()
	l := must(net.Listen("tcp4", "127.0.0.1:0"))(t)
	asked = &atomic.Int64{}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); answer(w, r) })}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().(*net.TCPAddr).Port, asked
}

// T23: whoever sits on the wished port keeps it, the desk goes elsewhere, and nothing is ever opened at the squatter.
func TestSquatterKeepsHisPort(t *testing.T) {
	port, asked := squatter(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a fake desk") })
	for name, wish := range map[string]func(*Options) int{"asked for": func(*Options) int { return port },
		"of the settings": func(o *Options) int {
			o.Store = &notebook{settings: []byte(`{"port":` + strconv.Itoa(port) + `}`)}
			return 0
		}} {
		s := newScene(t)
		o := s.o
		wished := wish(&o)
		d := must(New(o))(t)
		if err := d.Start(t.Context(), wished); err != nil {
			t.Fatal(err)
		}
		if d.Port() == port || !strings.HasPrefix(d.Launch(), "http://127.0.0.1:"+strconv.Itoa(d.Port())+"/open/") || d.Info().Port != d.Port() {
			t.Errorf("%s: desk at %d, squatter at %d, opens %.25s", name, d.Port(), port, d.Launch())
		}
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("the squatter was asked %d times", asked.Load())
	}
	// A port that is free is taken as wished.
	l := must(net.Listen("tcp4", "127.0.0.1:0"))(t)
	free := l.Addr().(*net.TCPAddr).Port
	l.Close()
	s := newScene(t)
	d := must(New(s.o))(t)
	if err := d.Start(t.Context(), free); err != nil || d.Port() != free {
		t.Errorf("free port %d: %d, %v", free, d.Port(), err)
	}
	d.Close(context.Background())
}

// T23: a second program believes only the desk that wrote the file, and tells nobody else anything that is worth something.
func TestCall(t *testing.T) {
	fronts := 0
	s := newScene(t, func(o *Options) { o.Front = func(context.Context) error { fronts++; return nil } })
	info := must(ParseInfo(s.Info().Bytes()))(t)
	if _, err := CallFirst(t.Context(), info); err != nil || fronts != 1 {
		t.Fatalf("%v, %d fronts", err, fronts)
	}
	other := info
	other.Proof = NewSecret()
	if _, err := CallFirst(t.Context(), other); !errors.Is(err, ErrImpostor) || fronts != 1 {
		t.Errorf("another file's proof: %v, %d fronts", err, fronts)
	}
	// What a squatter hears he can neither answer nor use at the desk.
	var heard []byte
	fakes := map[string]http.HandlerFunc{
		"page": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<h1>Comptoir</h1>") },
		"echo": func(w http.ResponseWriter, r *http.Request) { heard, _ = io.ReadAll(r.Body); w.Write(heard) },
		"mirror": func(w http.ResponseWriter, r *http.Request) {
			var c call
			json.NewDecoder(r.Body).Decode(&c)
			json.NewEncoder(w).Encode(called{c.Proof, "x", ""})
		},
		"empty":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"proof":"","version":""}`) },
		"hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, s.origin()+"/instance", http.StatusTemporaryRedirect)
		},
		"forward": func(w http.ResponseWriter, r *http.Request) { // to the real desk, which has moved to another port
			a, err := client.Post(s.origin()+"/instance", "application/json", r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Body.Close()
			w.WriteHeader(a.StatusCode)
			io.Copy(w, a.Body)
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, io.LimitReader(endless{}, 8<<20)) }}
	for name, fake := range fakes {
		port, asked := squatter(t, fake)
		at := info
		at.Port = port
		if _, err := CallFirst(t.Context(), at); !errors.Is(err, ErrImpostor) || asked.Load() == 0 || fronts != 1 {
			t.Errorf("%s: %v, asked %d times, %d fronts", name, err, asked.Load(), fronts)
		}
	}
	if a := s.send("POST", "/instance", string(heard), "Content-Type", "application/json"); a.status != 403 || fronts != 1 {
		t.Errorf("what the squatter heard: %d, %d fronts", a.status, fronts)
	}
	// What was said at the desk itself counts once.
	key := must(info.key())(t)
	nonce := make([]byte, nonceSize)
	once := string(must(json.Marshal(call{"front", nonce, proof(key, callPurpose, s.port, "front", nonce, "")}))(t))
	if a := s.send("POST", "/instance", once, "Content-Type", "application/json"); a.status != 200 || fronts != 2 {
		t.Errorf("by hand: %d", a.status)
	}
	if a := s.send("POST", "/instance", once, "Content-Type", "application/json"); a.status != 403 || fronts != 2 {
		t.Errorf("again: %d, %d fronts", a.status, fronts)
	}
	// A proof stands for its own order: what was heard of a question can't be turned into another one.
	nonce[0]++
	asked := proof(key, callPurpose, s.port, "prove", nonce, "")
	turned := string(must(json.Marshal(call{"front", nonce, asked}))(t))
	for _, body := range []string{turned, `{}`, `{"order":"front"}`, `{"order":"front","nonce":"","proof":""}`} {
		if a := s.send("POST", "/instance", body, "Content-Type", "application/json"); a.status != 403 || len(a.body) != 0 || fronts != 2 {
			t.Errorf("%s: %d, %d fronts", body, a.status, fronts)
		}
	}
	if a := s.send("POST", "/instance", strings.Replace(turned, "front", "prove", 1), "Content-Type", "application/json"); a.status != 200 || fronts != 2 {
		t.Errorf("as it was meant: %d, %d fronts", a.status, fronts)
	}
	gone := info
	gone.Port, _ = squatter(t, nil)
	l := must(net.Listen("tcp4", "127.0.0.1:0"))(t)
	gone.Port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	if _, err := CallFirst(t.Context(), gone); !errors.Is(err, ErrAbsent) {
		t.Errorf("nobody there: %v", err)
	}
}

// A desk without a window gives the second program a new address; one with a window does when asked for it. Nobody else gets one,
// and an address that was changed on its way is not believed.
func TestCallForAddress(t *testing.T) {
	fronts := 0
	with := newScene(t, func(o *Options) { o.Front = func(context.Context) error { fronts++; return nil } })
	without := newScene(t)
	seen := map[string]bool{}
	for order, s := range map[string]*scene{"launch": with, "front": without} {
		for range 2 {
			address, err := Call(t.Context(), s.Info(), order)
			if err != nil || !strings.HasPrefix(address, s.origin()+"/open/") || seen[address] || fronts != 0 {
				t.Fatalf("%s: %.30s, %v, %d fronts", order, address, err, fronts)
			}
			seen[address] = true
			a := must(client.Get(address))(t)
			a.Body.Close()
			if a.StatusCode != 303 {
				t.Errorf("%s: %d", order, a.StatusCode)
			}
		}
	}
	info := with.Info()
	key := must(info.key())(t)
	info.Port, _ = squatter(t, func(w http.ResponseWriter, r *http.Request) {
		var c call
		json.NewDecoder(r.Body).Decode(&c)
		json.NewEncoder(w).Encode(called{proof(key, backPurpose, info.Port, c.Order, c.Nonce, "http://127.0.0.1/good"), "x", "http://127.0.0.1/bad"})
	})
	if address, err := Call(t.Context(), info, "launch"); !errors.Is(err, ErrImpostor) || address != "" {
		t.Errorf("another address: %q, %v", address, err)
	}
	n := make([]byte, nonceSize)
	bad := string(must(json.Marshal(call{"launch", n, proof(key, callPurpose, with.port, "prove", n, "")}))(t))
	if a := with.send("POST", "/instance", bad, "Content-Type", "application/json"); a.status != 403 || len(a.body) != 0 {
		t.Errorf("proof of another order: %d", a.status)
	}
}

func TestParseInfo(t *testing.T) {
	good := Info{Port: 4711, PID: 1, Version: "v1", Proof: NewSecret()}
	if got, err := ParseInfo(good.Bytes()); err != nil || got != good {
		t.Fatalf("%+v, %v", got, err)
	}
	text := string(good.Bytes())
	for name, bad := range map[string]string{"empty": "", "cut": text[:20], "port 0": strings.Replace(text, "4711", "0", 1), "large port": strings.Replace(text, "4711", "70000", 1),
		"no proof": strings.Replace(text, good.Proof, "", 1), "short proof": strings.Replace(text, good.Proof, good.Proof[:20], 1), "unknown": strings.Replace(text, `"pid"`, `"pip"`, 1),
		"twice": strings.Replace(text, `"pid":1`, `"pid":1,"pid":2`, 1), "long": strings.Replace(text, "v1", strings.Repeat("v", maxInfo), 1)} {
		if _, err := ParseInfo([]byte(bad)); !errors.Is(err, ErrInfo) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "token") {
		t.Error(text)
	}
}
