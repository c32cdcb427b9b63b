// Imports as jobs: the roster is taken, then read in the background; whoever asks sees how far it is.

package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/rights/roster"
)

const (
	rosterDefault = 64 << 20
	importsHeld   = 4 // rosters that wait or are read, on one server
)

var errFull = refusing(http.StatusServiceUnavailable, "imports_full", "too many imports are under way; come back later").wait(30 * time.Second)

// imports are the jobs of this server: one is read at a time, a few wait.
type imports struct {
	once   sync.Once
	ctx    context.Context
	stop   context.CancelFunc
	places chan struct{} // held by each roster
	turn   chan struct{} // held by the one that is read
	work   sync.WaitGroup
	mu     sync.Mutex
	closed bool
	plans  int // of campaigns, under way
}

func (i *imports) begin() {
	i.once.Do(func() {
		i.ctx, i.stop = context.WithCancel(context.Background())
		i.places, i.turn = make(chan struct{}, importsHeld), make(chan struct{}, 1)
	})
}

// StopImports ends the jobs of this server and returns when none works any more: they show interrupted, and the same roster sent
// again completes them.
func (s *Server) StopImports() {
	s.imports.begin()
	s.imports.mu.Lock()
	s.imports.closed = true
	s.imports.mu.Unlock()
	s.imports.stop()
	s.imports.work.Wait()
}

// Import is how far a job is.
type Import struct {
	ID        string  `json:"id"`
	State     string  `json:"state" enum:"waiting,running,done,rejected,held,failed,cancelled,interrupted" doc:"rejected: strict, and nothing was taken; held: it would end too many contracts, and nothing was taken; interrupted: the same file again completes it"`
	Fault     string  `json:"fault,omitempty" doc:"code of a failure"`
	Strict    bool    `json:"strict"`
	SHA256    string  `json:"sha256,omitempty" doc:"of the file, once read to its end"`
	Lines     int64   `json:"lines" doc:"read so far"`
	Rate      float64 `json:"rate" doc:"lines a second"`
	Contracts int     `json:"contracts"`
	Created   int     `json:"created"`
	Changed   int     `json:"changed"`
	Unchanged int     `json:"unchanged"`
	Closed    int     `json:"closed" doc:"contracts in force that end earlier now"`
	Closures  int     `json:"closures,omitempty" doc:"held: contracts that the file would end; the same file with accept_closures of this number does it"`
	InForce   int     `json:"contracts_in_force,omitempty" doc:"held: of so many"`
	Accepted  int     `json:"accepted_closures,omitempty" doc:"accept_closures of the request"`
	Rejected  int     `json:"rejected_lines"`
	Refused   int     `json:"rejected_contracts"`
	Rejects   int     `json:"rejects" doc:"faults; a line may have several"`
	Kept      int     `json:"rejects_kept" doc:"of which the CSV has these"`
	Actor     string  `json:"actor"`
	Asked     string  `json:"asked"`
	Began     string  `json:"began,omitempty"`
	Ended     string  `json:"ended,omitempty"`
}

func importOf(j issuer.Job, now time.Time) Import {
	return Import{ID: j.ID, State: string(j.State), Fault: j.Fault, Strict: j.Strict, SHA256: j.SHA256, Lines: j.Lines, Rate: j.Rate(now), Contracts: j.Contracts,
		Created: j.Created, Changed: j.Changed, Unchanged: j.Unchanged, Closed: j.Closed, Closures: j.Closures, InForce: j.InForce, Accepted: j.Accept, Rejected: j.Rejected, Refused: j.Refused, Rejects: j.Rejects, Kept: j.Kept, Actor: j.Actor,
		Asked: momentText(j.Asked), Began: momentText(j.Began), Ended: momentText(j.Ended)}
}

type importOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Import
}

type importID struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{16}$"`
}

type importsBody struct {
	Imports []Import `json:"imports" nullable:"false"`
	Next    string   `json:"next,omitempty"`
}

type importsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         importsBody
}

func (s *Server) importRoutes() {
	longest := s.o.Office.Roster
	if longest <= 0 || longest > MaxBody {
		longest = rosterDefault
	}
	upload := staffPolicy(longest, RoleIssue)
	upload.Media, upload.Patience = []string{"text/csv"}, 10*time.Minute
	s.raw(http.MethodPost, "/v1/imports", upload, func(w http.ResponseWriter, r *http.Request, who Principal) {
		if err := s.takeRoster(w, r, who); err != nil {
			s.fail(w, visitOf(r.Context()), err)
		}
	})

	add(s, huma.Operation{OperationID: "list-imports", Method: http.MethodGet, Path: "/v1/imports", Summary: "The imports of the last 30 days, in no order"},
		staffPolicy(0, RoleIssue, RoleAudit), func(ctx context.Context, who Principal, in *page) (*importsOutput, error) {
			jobs, next, err := s.o.Issuer.Jobs(ctx, scope(who), in.After, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &importsOutput{"no-store", importsBody{Imports: []Import{}, Next: next}}
			for _, j := range jobs {
				out.Body.Imports = append(out.Body.Imports, importOf(j, s.now()))
			}
			return out, nil
		})

	add(s, huma.Operation{OperationID: "read-import", Method: http.MethodGet, Path: "/v1/imports/{id}", Summary: "How far an import is"},
		staffPolicy(0, RoleIssue, RoleAudit), func(ctx context.Context, who Principal, in *importID) (*importOutput, error) {
			j, err := s.o.Issuer.JobOf(ctx, scope(who), in.ID)
			if err != nil {
				return nil, err
			}
			return &importOutput{"no-store", importOf(j, s.now())}, nil
		})

	add(s, huma.Operation{OperationID: "cancel-import", Method: http.MethodPost, Path: "/v1/imports/{id}/cancel", Summary: "Stop an import; what was taken stays"},
		staffPolicy(0, RoleIssue), func(ctx context.Context, who Principal, in *importID) (*importOutput, error) {
			j, err := s.o.Issuer.CancelJob(ctx, acting(who), in.ID)
			if err != nil {
				return nil, err
			}
			return &importOutput{"no-store", importOf(j, s.now())}, nil
		})

	s.raw(http.MethodGet, "/v1/imports/{id}/rejects.csv", staffPolicy(0, RoleIssue), func(w http.ResponseWriter, r *http.Request, who Principal) {
		id := r.PathValue("id")
		if _, err := s.o.Issuer.JobOf(r.Context(), scope(who), id); err != nil {
			s.fail(w, visitOf(r.Context()), err)
			return
		}
		w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		w.Header().Set("Content-Disposition", `attachment; filename="rejects.csv"`)
		w.Header().Set("Cache-Control", "no-store")
		out := roster.NewCSVRejects(w)
		err := s.o.Issuer.EachReject(r.Context(), scope(who), id, out.Write)
		if err = errors.Join(err, out.Flush()); err != nil {
			panic(http.ErrAbortHandler) // a torn file must not look whole
		}
	})
}

// takeRoster spools the body and answers 202; the job goes on without the request.
func (s *Server) takeRoster(w http.ResponseWriter, r *http.Request, who Principal) error {
	wish, err := importWish(r.URL.Query())
	if err != nil {
		return err
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) != 1 {
		return errKeyMissing
	}
	s.imports.begin()
	select {
	case s.imports.places <- struct{}{}:
	default:
		return errFull
	}
	leave := func() { <-s.imports.places }
	sum := sha256.New()
	file, err := newSpool(s.o.Office.Spool, io.TeeReader(bodyFaults{r.Body}, sum))
	if err != nil {
		leave()
		return err
	}
	started := false
	defer func() {
		if !started {
			file.Close()
			leave()
		}
	}()
	staff := acting(who)
	digest := issuer.RequestDigest("POST "+pathOf(r.URL), []byte(hex.EncodeToString(sum.Sum(nil))))
	var job issuer.Job
	answer, _, err := s.o.Issuer.Once(r.Context(), staff, keys[0], digest, func(ctx context.Context, t *issuer.Ticket) error {
		var err error
		job, err = s.o.Issuer.AskImport(ctx, staff, wish, func(tx register.Tx, j issuer.Job) error { return t.Done(tx, importOf(j, s.now())) })
		return err
	})
	if err != nil {
		return err
	}
	var out Import
	if err := json.Unmarshal(answer, &out); err != nil {
		return err
	}
	if job.ID != "" { // else the same request again: its job is under way, or over
		if started = s.startImport(staff, job.ID, file, wish.Strict, leave); !started {
			return errAway
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", "/v1/imports/"+out.ID)
	w.WriteHeader(http.StatusAccepted)
	return json.NewEncoder(w).Encode(out)
}

// importWish reads the query of an upload.
func importWish(q url.Values) (wish issuer.ImportWish, err error) {
	for name, values := range q {
		switch name {
		case "strict", "accept_closures":
		default:
			return wish, errField
		}
		switch {
		case len(values) != 1:
			err = errField
		case name == "strict":
			wish.Strict, err = strconv.ParseBool(values[0])
		default:
			if wish.Accept, err = strconv.Atoi(values[0]); wish.Accept < 1 {
				err = errField
			}
		}
		if err != nil {
			return wish, errField.about(name)
		}
	}
	return wish, nil
}

// bodyFaults gives the errors of a body their answers.
type bodyFaults struct{ r io.Reader }

func (b bodyFaults) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = bodyError(err)
	}
	return n, err
}

// startImport reads a roster in the background, when it is its turn; false when the server stops.
func (s *Server) startImport(who issuer.Staff, id string, file *spool, strict bool, leave func()) bool {
	s.imports.mu.Lock()
	defer s.imports.mu.Unlock()
	if s.imports.closed {
		return false
	}
	s.imports.work.Go(func() {
		defer leave()
		defer file.Close()
		ctx, job, release := s.o.Issuer.Hold(s.imports.ctx, who, id)
		defer release()
		select {
		case s.imports.turn <- struct{}{}:
			defer func() { <-s.imports.turn }()
		case <-ctx.Done(): // Run sees why, and ends at once
		}
		err := func() (err error) {
			defer func() { // of a roster's author: it must not end the service
				if p := recover(); p != nil {
					err = errors.Join(fmt.Errorf("panic of type %T in %v", p, frames()), job.Fail(ctx, "internal"))
				}
			}()
			return job.Run(ctx, file.open, strict)
		}()
		if err != nil {
			s.log.LogAttrs(context.Background(), slog.LevelError, "import", slog.String("job", id), slog.String("fault", err.Error()))
		}
	})
	return true
}
