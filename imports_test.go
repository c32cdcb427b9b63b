// The directions between packages, held by a test: each ban says why.

package sceau

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

// ban forbids packages that match From to reach packages that match To. A pattern ending in "/..." matches below it too.
type ban struct {
	from, to []string
	except   []string
	direct   bool // only direct imports
	why      string
}

var pure = []string{"sceau/rights", "sceau/signing", "sceau/signing/journal", "sceau/card", "sceau/card/status", "sceau/card/qr",
	"sceau/card/pdf", "sceau/card/accord", "sceau/card/issued", "sceau/card/manifest", "sceau/card/notice", "sceau/signing/assertion", "sceau/offline", "sceau/offline/scan", "sceau/offline/receipt", "sceau/offline/counter"}

const edges = "the parts of the counter don't know one another: the program joins them"

var bans = []ban{
	{from: []string{"sceau/offline/...", "sceau/cmd/comptoir/...", "sceau/cmd/internal/comptoir"},
		to:  []string{"sceau/signing/keystore", "sceau/card/issuer/...", "sceau/card/register/..."},
		why: "a stolen counter computer must hold no private-key store, no issuer and no register"},
	{from: []string{"sceau/signing/..."}, to: []string{"sceau/rights/...", "sceau/card/...", "sceau/offline/..."},
		why: "signing knows no domain: what is signed is the caller's business"},
	{from: []string{"sceau/rights/..."}, to: []string{"sceau/card/...", "sceau/signing/...", "sceau/offline/..."},
		why: "rights exist before any card"},
	{from: []string{"sceau/card"}, to: []string{"sceau/card/..."},
		why: "the card is the ground of its own packages"},
	{from: []string{"sceau/card/...", "sceau/signing/...", "sceau/rights/..."}, to: []string{"sceau/offline/..."}, except: []string{"sceau/card/issuer/...", "sceau/card/issuer"},
		why: "the issuer must not depend on the counter"},
	{from: []string{"sceau/card/issuer/..."}, to: []string{"sceau/offline/mirror", "sceau/offline/refresh", "sceau/offline/scan", "sceau/offline/desk", "sceau/offline/optic", "sceau/offline/liaison"},
		why: "of the counter, the issuer knows only how it decides and what a receipt is: it judges by the same code"},
	{from: []string{"sceau/rights/...", "sceau/signing/...", "sceau/card/...", "sceau/offline/..."}, to: []string{"sceau/cmd/..."},
		why: "programs use packages, never the other way"},
	{from: []string{"sceau/rights/...", "sceau/signing/...", "sceau/card/...", "sceau/offline/...", "sceau/cmd/..."},
		to: []string{"sceau/fixtures", "sceau/fixtures/scans", "sceau/fixtures/browser", "sceau/fixtures/pgserver", "sceau/fixtures/s3server"}, why: "TEST keys must not be linked into a program"},
	{from: []string{"sceau/offline/mirror"}, to: []string{"sceau/offline/refresh", "sceau/offline/scan", "sceau/offline/desk", "sceau/offline/optic", "sceau/offline/counter"}, why: edges},
	{from: []string{"sceau/offline/refresh"}, to: []string{"sceau/offline/mirror", "sceau/offline/scan", "sceau/offline/desk", "sceau/offline/optic", "sceau/offline/counter"}, why: edges},
	{from: []string{"sceau/offline/scan"}, to: []string{"sceau/offline/mirror", "sceau/offline/refresh", "sceau/offline/desk", "sceau/offline/optic", "sceau/offline/counter"}, why: edges},
	{from: []string{"sceau/offline/desk"}, to: []string{"sceau/offline/mirror", "sceau/offline/refresh", "sceau/offline/optic"}, why: edges},
	{from: []string{"sceau/offline/counter"}, to: []string{"sceau/offline/mirror", "sceau/offline/refresh", "sceau/offline/desk", "sceau/offline/optic"}, why: edges},
	{from: []string{"sceau/offline/optic"}, to: []string{"sceau/offline", "sceau/offline/mirror", "sceau/offline/refresh", "sceau/offline/scan", "sceau/offline/desk", "net/http", "database/sql"}, why: "what reads hostile pictures keeps nothing and reaches nothing"},
	{from: []string{"sceau/offline/liaison"}, to: []string{"sceau/offline/mirror", "sceau/offline/refresh", "sceau/offline/scan", "sceau/offline/desk", "sceau/offline/optic", "sceau/offline/counter"}, why: edges},
	{from: []string{"sceau/offline/mirror", "sceau/offline/refresh", "sceau/offline/scan", "sceau/offline/desk", "sceau/offline/optic", "sceau/offline/counter"}, to: []string{"sceau/offline/liaison"}, why: edges},
	{from: pure, to: []string{"os", "net", "net/http", "database/sql"}, direct: true, why: "pure packages touch no file, network or database"},
	{from: []string{"sceau/..."}, to: []string{"github.com/go-pdf/fpdf"}, except: []string{"sceau/card/pdf"}, direct: true, why: "one door for the PDF library"},
	{from: []string{"sceau/..."}, to: []string{"github.com/skip2/go-qrcode", "rsc.io/qr/..."}, except: []string{"sceau/card/qr"}, direct: true, why: "one door for the QR libraries"},
	{from: []string{"sceau/..."}, to: []string{"github.com/go-jose/go-jose/v4"}, except: []string{"sceau/signing"}, direct: true, why: "one door for the JOSE library"},
	{from: []string{"sceau/..."}, to: []string{"filippo.io/age"}, except: []string{"sceau/signing/keystore"}, direct: true, why: "one door for key files"},
	{from: []string{"sceau/..."}, to: []string{"github.com/ThalesGroup/crypto11", "github.com/miekg/pkcs11"}, except: []string{"sceau/cmd/sceau-pkcs11"}, direct: true, why: "one door for tokens, in a program of its own: their library needs CGO"},
	{from: []string{"sceau/cmd/sceau", "sceau/cmd/comptoir", "sceau/cmd/internal/...", "sceau/card/...", "sceau/offline/...", "sceau/signing/..."}, to: []string{"github.com/ThalesGroup/crypto11", "github.com/miekg/pkcs11"}, why: "CGO stays off in both programs"},
	{from: []string{"sceau/..."}, to: []string{"github.com/tetratelabs/wazero/..."}, except: []string{"sceau/offline/optic"}, direct: true, why: "one door for the sandbox"},
	{from: []string{"sceau/..."}, to: []string{"github.com/danielgtaylor/huma/v2/..."}, except: []string{"sceau/offline/desk", "sceau/card/issuer/httpapi"}, direct: true, why: "one door in each program for the interface's library"},
	{from: []string{"sceau/..."}, to: []string{"github.com/jackc/pgx/v5/...", "github.com/jackc/puddle/v2", "github.com/pressly/goose/v3/..."}, except: []string{"sceau/card/register/postgres", "sceau/card/issuer/batch/queue", "sceau/fixtures/pgserver"}, direct: true, why: "one door for PostgreSQL, and the queue's own"},
	{from: []string{"sceau/..."}, to: []string{"github.com/riverqueue/river/..."}, except: []string{"sceau/card/issuer/batch/queue"}, direct: true, why: "one door for the queue"},
	{from: []string{"sceau/..."}, to: []string{"github.com/minio/minio-go/v7/..."}, except: []string{"sceau/card/issuer/depot"}, direct: true, why: "one door for buckets"},
	{from: []string{"sceau/..."}, to: []string{"github.com/schollz/progressbar/v3"}, except: []string{"sceau/cmd/internal/progress"}, direct: true, why: "one door for progress on a terminal"},
	{from: []string{"sceau/..."}, to: []string{"github.com/tink-crypto/tink-go/v2/..."}, except: []string{"sceau/card/register/sealed"}, direct: true, why: "one door for encryption at rest"},
	{from: []string{"sceau/..."}, to: []string{"github.com/prometheus/client_golang/..."}, except: []string{"sceau/card/issuer/httpapi", "sceau/cmd/sceau"}, direct: true, why: "metrics belong to the service and to the program that runs it"},
	{from: []string{"sceau/..."}, to: []string{"github.com/coreos/go-oidc/v3/...", "golang.org/x/oauth2/..."}, except: []string{"sceau/card/issuer/httpapi"}, direct: true, why: "one door for people's logins"},
	{from: []string{"sceau/..."}, to: []string{"github.com/failsafe-go/failsafe-go/..."}, except: []string{"sceau/offline/liaison"}, direct: true, why: "one door for the circuit breaker"},
	{from: []string{"sceau/offline/...", "sceau/cmd/comptoir/..."}, to: []string{"github.com/prometheus/...", "github.com/jackc/...", "github.com/coreos/...", "github.com/riverqueue/...", "github.com/minio/..."}, why: "the counter's program carries nothing of the service"},
	{from: []string{"sceau/cmd/sceau/...", "sceau/cmd/comptoir/..."}, to: []string{"github.com/chromedp/..."}, why: "a browser is driven by tests and benchmarks only"},
	{from: []string{"sceau/..."}, to: []string{"github.com/theupdateframework/go-tuf/v2/..."}, except: []string{"sceau/signing/trust"}, direct: true, why: "one door for the TUF library"},
	{from: []string{"sceau/..."}, to: []string{"modernc.org/sqlite"}, except: []string{"sceau/card/register/sqlite", "sceau/offline/mirror"}, direct: true, why: "SQL stays at the two edges that store"},
}

func match(patterns []string, name string) bool {
	for _, p := range patterns {
		if base, ok := strings.CutSuffix(p, "/..."); ok {
			if name == base || strings.HasPrefix(name, base+"/") {
				return true
			}
		} else if name == p {
			return true
		}
	}
	return false
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,GoFiles", "sceau/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportDirections(t *testing.T) {
	all := packages(t)
	for _, b := range bans {
		met := 0
		for _, p := range all {
			if !match(b.from, p.ImportPath) || match(b.except, p.ImportPath) {
				continue
			}
			met++
			reach := p.Deps
			if b.direct {
				reach = p.Imports
			}
			for _, dep := range reach {
				if dep != p.ImportPath && match(b.to, dep) && !match(b.except, dep) {
					t.Errorf("%s reaches %s: %s", p.ImportPath, dep, b.why)
				}
			}
		}
		if met == 0 {
			t.Errorf("no package matches %v: the ban %q holds nothing", b.from, b.why)
		}
	}
}

func TestPureCodeReadsNoClock(t *testing.T) {
	met := 0
	for _, p := range packages(t) {
		if !match(pure, p.ImportPath) {
			continue
		}
		met++
		dir := "." + strings.TrimPrefix(p.ImportPath, "sceau")
		for _, name := range p.GoFiles {
			out, err := exec.Command("grep", "-nE", `time\.(Now|Since|Until)\(`, path.Join(dir, name)).CombinedOutput()
			if err == nil {
				t.Errorf("%s/%s reads the clock: %s", dir, name, out)
			}
		}
	}
	if met != len(pure) {
		t.Errorf("met %d of %d pure packages", met, len(pure))
	}
}

// A package named like one of the standard library, or after no idea at all, hides what it is for.
func TestPackageNames(t *testing.T) {
	std, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{"util": true, "utils": true, "common": true, "helpers": true, "models": true, "types": true}
	for _, name := range strings.Fields(string(std)) {
		if !strings.Contains(name, "internal") && !strings.Contains(name, "vendor") {
			taken[path.Base(name)] = true
		}
	}
	for _, p := range packages(t) {
		if name := path.Base(p.ImportPath); taken[name] {
			t.Errorf("%s: a package may not be named %q", p.ImportPath, name)
		}
	}
}
