// One signed exchange: a request that nobody can reuse, and an answer that is read strictly or not at all.

package liaison

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"sceau/signing"
	"sceau/signing/assertion"
)

// answer is a whole answer of status 200 or 201.
type answer struct {
	id   string // of the request that it came for
	body []byte
	now  time.Time // the counter's time, corrected by the service's, when it came
}

// request is what is to be sent.
type request struct {
	method string
	path   string // below the address, with a leading slash
	query  url.Values
	media  string
	body   []byte
	most   int64 // bytes of the answer
}

// maxProblem bounds an answer that refuses.
const maxProblem = 8 << 10

// call sends a request under the client's key. A clock that the service calls wrong is corrected by the answer's date, once.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	a, err := c.once(ctx, r)
	if CodeOf(err) == CodeClock && ctx.Err() == nil {
		a, err = c.once(ctx, r)
	}
	c.note(err)
	if err != nil {
		return answer{}, err
	}
	return a, nil
}

func (c *Client) once(ctx context.Context, r request) (answer, error) {
	u := *c.base
	u.Path, u.RawQuery = c.base.Path+r.path, r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return answer{}, &Failure{Code: CodeRefused, Err: err}
	}
	if r.body != nil {
		req.Header.Set("Content-Type", r.media)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sceau-comptoir")
	token, id, err := c.sign(req, r.body)
	if err != nil {
		return answer{}, &Failure{Code: CodeClock, Err: err} // a clock of another century
	}
	req.Header.Set("Authorization", assertion.Scheme+" "+token)
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, c.away(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return answer{}, c.refusal(ctx, resp)
	}
	if !isJSON(resp, "application/json") || resp.StatusCode == http.StatusCreated && r.method != http.MethodPost {
		return answer{}, &Failure{Code: CodeNotService, Status: resp.StatusCode}
	}
	body, err := c.read(ctx, resp, r.most)
	if err != nil {
		return answer{}, err
	}
	return answer{id: id, body: body, now: c.corrected(resp)}, nil
}

// sign makes the token of a request, under an id of its own.
func (c *Client) sign(req *http.Request, body []byte) (token, id string, err error) {
	var random [16]byte
	rand.Read(random[:]) // never fails
	path := req.URL.EscapedPath()
	if req.URL.RawQuery != "" {
		path += "?" + req.URL.RawQuery
	}
	id = assertion.NewID(random)
	token, err = assertion.Sign(c.o.Signer, assertion.Request{Audience: origin(c.base), Method: req.Method, Path: path, Body: assertion.BodySum(body),
		ID: id, At: c.now().UTC().Truncate(time.Second)})
	return token, id, err
}

// away says why no answer came, and whose fault that is: a limit that passed is a timeout, a caller who left is neither.
func (c *Client) away(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errLimit), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Failure{Code: CodeTimeout, Err: err}
	case ctx.Err() != nil:
		return &Failure{Code: CodeStopped, Err: ctx.Err()}
	}
	return away(err)
}

// isJSON says whether an answer is plain JSON of that type, not packed.
func isJSON(resp *http.Response, media string) bool {
	got, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || got != media || resp.Header.Get("Content-Encoding") != "" {
		return false
	}
	charset := params["charset"]
	return charset == "" || charset == "utf-8" || charset == "UTF-8"
}

// read takes a whole body of at most so many bytes.
func (c *Client) read(ctx context.Context, resp *http.Response, most int64) ([]byte, error) {
	if resp.ContentLength > most {
		return nil, &Failure{Code: CodeTooLong, Status: resp.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, c.away(ctx, err)
	case err != nil:
		return nil, &Failure{Code: CodeNotService, Status: resp.StatusCode, Err: err} // cut short, or chunks that are none
	case int64(len(body)) > most:
		return nil, &Failure{Code: CodeTooLong, Status: resp.StatusCode}
	case len(body) == 0:
		return nil, &Failure{Code: CodeNotService, Status: resp.StatusCode}
	}
	return body, nil
}

// refusal reads an answer of another status. Only a problem document with a code is the service's own word.
func (c *Client) refusal(ctx context.Context, resp *http.Response) error {
	f := &Failure{Code: CodeNotService, Status: resp.StatusCode}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		f.Code = CodeProxy
		return f
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		f.Code = CodeRedirect
		return f
	case !isJSON(resp, "application/problem+json"):
		return f
	}
	body, err := c.read(ctx, resp, maxProblem)
	if err != nil {
		return err
	}
	var p struct {
		Code string `json:"code"`
	}
	if decode(body, &p) != nil || !isCode(p.Code) {
		return f
	}
	switch p.Code {
	case "clock":
		f.Code = CodeClock
		c.correct(resp)
	case "suspended":
		f.Code = CodeSuspended
	case "revoked":
		f.Code = CodeRevoked
	case "credential", "signature":
		f.Code = CodeCredential
	case "replayed":
		f.Code = CodeReplayed
	case "budget", "unavailable", "service_clock", "internal", "slow":
		f.Code = CodeBusy
	case "invitation", "unknown_invitation":
		f.Code = CodeInvitation
	default:
		f.Code = codeOfService + p.Code
	}
	return f
}

func isCode(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 48
}

// date is an answer's own time.
func date(resp *http.Response) (time.Time, bool) {
	t, err := http.ParseTime(resp.Header.Get("Date"))
	return t, err == nil
}

// correct takes the service's clock for the counter's, within MaxCorrection. It is what the next request is signed by; what is
// believed of an answer is also held against the signed lists.
func (c *Client) correct(resp *http.Response) {
	t, ok := date(resp)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset := t.Sub(c.o.Now().Round(0)); offset.Abs() <= MaxCorrection {
		c.offset = offset
	}
}

// corrected is the time at which an answer came. The request was believed, so the clocks are within its lifetime of each other;
// the answer's date makes that exact, and no other date is listened to.
func (c *Client) corrected(resp *http.Response) time.Time {
	now := c.now()
	if t, ok := date(resp); ok && t.Sub(now).Abs() > 2*time.Second && t.Sub(now).Abs() <= assertion.Lifetime {
		return t
	}
	return now
}

// decode reads one JSON object and nothing behind it. Members that this program does not know are passed over: a later service
// may have more to say, and what counts is signed.
func decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("liaison: something follows")
	}
	return nil
}

// opened verifies a token under the key of a set that made it.
func opened[T any](keys []*signing.PublicKey, open func(*signing.PublicKey, string) (*T, error), token string) (*T, error) {
	err := error(signing.ErrUnknownKey)
	for _, k := range keys {
		t, one := open(k, token)
		if one == nil {
			return t, nil
		}
		if !errors.Is(one, signing.ErrUnknownKey) {
			err = one
		}
	}
	return nil, &Failure{Code: CodeSignature, Err: err}
}
