// A fleet of counters: each enrols over the network with a key of its own, and signs its requests with it.

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"sceau/card/accord"
	"sceau/signing"
	"sceau/signing/assertion"
)

// perTown is how many counters enrol from one address: what the service lets one source try at once.
const perTown = 10

// town makes a client with an address of its own; all of 127.0.0.0/8 is this machine.
func town(n int) *http.Client {
	from := net.IPv4(127, 1, byte(n/200), byte(n%200+1))
	dial := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 5 * time.Second}).DialContext
	return &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 20 * time.Second}
}

// enrol invites and enrols counters by the service's own interface.
func (o *office) enrol(count int) error {
	key, err := o.run("apikey", "add", o.operator(), "--name", "mesure", "--roles", "operator")
	if err != nil {
		return err
	}
	o.counters = make([]*signing.Signer, count)
	towns := make(chan int)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for w := range errs {
		all.Go(func() {
			for n := range towns {
				client := town(n)
				for i := n * perTown; i < min(count, (n+1)*perTown) && errs[w] == nil; i++ {
					o.counters[i], errs[w] = o.enrolOne(client, strings.TrimSpace(key))
				}
				client.CloseIdleConnections()
			}
		})
	}
	for n := range (count + perTown - 1) / perTown {
		towns <- n
	}
	close(towns)
	all.Wait()
	return errors.Join(errs...)
}

func (o *office) enrolOne(client *http.Client, key string) (*signing.Signer, error) {
	var made struct{ Code string }
	invite := fmt.Appendf(nil, `{"finess":"600100713","profession":"pharmacie","networks":["SP"]}`)
	id, err := newID()
	if err != nil {
		return nil, err
	}
	if _, err := o.ask(client, "/v1/invitations", invite, map[string]string{"Authorization": "Bearer " + key, "Idempotency-Key": id}, http.StatusCreated, &made); err != nil {
		return nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := signing.NewSigner(assertion.Kind, private)
	if err != nil {
		return nil, err
	}
	body := fmt.Appendf(nil, `{"code":%q,"jwk":%s}`, made.Code, signer.Public().JWK())
	token, err := o.sign(signer, "/v1/enrolments", body)
	if err != nil {
		return nil, err
	}
	_, err = o.ask(client, "/v1/enrolments", body, map[string]string{"Authorization": assertion.Scheme + " " + token}, http.StatusCreated, nil)
	return signer, err
}

// ask posts a body and returns the answer's length on the wire without its status line and headers.
func (o *office) ask(client *http.Client, path string, body []byte, headers map[string]string, wanted int, into any) (int, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, o.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	a, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		return 0, err
	}
	if a.StatusCode != wanted {
		return 0, fmt.Errorf("%s: %s: %s", path, a.Status, b)
	}
	if into == nil {
		return len(b), nil
	}
	return len(b), json.Unmarshal(b, into)
}

func newID() (string, error) {
	var random [16]byte
	_, err := rand.Read(random[:])
	return assertion.NewID(random), err
}

func (o *office) sign(s *signing.Signer, path string, body []byte) (string, error) {
	id, err := newID()
	if err != nil {
		return "", err
	}
	return assertion.Sign(s, assertion.Request{Audience: o.address, Method: http.MethodPost, Path: path, Body: assertion.BodySum(body), ID: id, At: time.Now().UTC().Truncate(time.Second)})
}

// question is a check of some card by some counter, with its signature.
func (o *office) question() (body []byte, token string, err error) {
	body = fmt.Appendf(nil, `{"card":"%s","domains":["PHAR"]}`, o.cards[mathrand.IntN(len(o.cards))])
	token, err = o.sign(o.counters[mathrand.IntN(len(o.counters))], "/v1/checks", body)
	return body, token, err
}

// head is the start of a check as wrk and slow clients send it, up to the body.
func (o *office) head(body []byte, token string) ([]byte, error) {
	u, err := url.Parse(o.address)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "POST /v1/checks HTTP/1.1\r\nHost: %s\r\nAuthorization: %s %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", u.Host, assertion.Scheme, token, len(body)), nil
}

// prepare writes signed requests to a file, on all cores.
func (o *office) prepare(name string, count int) (err error) {
	const workers = 4
	parts := make([]bytes.Buffer, workers)
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for range count / workers {
				body, token, err := o.question()
				if err != nil {
					errs[w] = err
					return
				}
				head, err := o.head(body, token)
				if err != nil {
					errs[w] = err
					return
				}
				fmt.Fprintf(&parts[w], "%08d%s%s", len(head)+len(body), head, body)
			}
		})
	}
	all.Wait()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	for n := range parts {
		if _, err := parts[n].WriteTo(w); err != nil {
			return err
		}
	}
	return errors.Join(append(errs, w.Flush())...)
}

// sample asks a few times and looks into the answers: accords that say something of the rights, of one length nearly.
func (o *office) sample(count int) error {
	client := town(250)
	defer client.CloseIdleConnections()
	total, settled := 0, 0
	for range count {
		body, token, err := o.question()
		if err != nil {
			return err
		}
		var said struct{ Accord, Number, Refused string }
		n, err := o.ask(client, "/v1/checks", body, map[string]string{"Authorization": assertion.Scheme + " " + token}, http.StatusOK, &said)
		if err != nil {
			return err
		}
		parts := strings.Split(said.Accord, ".")
		if len(parts) != 3 || said.Number == "" || said.Refused != "" {
			return fmt.Errorf("no accord: refused %q", said.Refused)
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			return err
		}
		a, err := accord.Decode(payload)
		if err != nil {
			return err
		}
		if a.Answers[0].Status == "valid" {
			settled++
		}
		total += n
	}
	o.answer = float64(total) / float64(count)
	if settled == 0 {
		return errors.New("no card of the sample has open rights")
	}
	return nil
}
