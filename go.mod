module sceau

go 1.26.8

require (
	filippo.io/age v1.3.2 // key files, encrypted with a passphrase
	github.com/coreos/go-oidc/v3 v3.21.0 // people's logins: discovery, ID tokens
	github.com/danielgtaylor/huma/v2 v2.37.2 // the interface for pharmacy software: checked bodies, OpenAPI, problem details
	github.com/failsafe-go/failsafe-go v0.9.8 // the counter's circuit breaker and time limit; its core packages only, the others ask for what go mod tidy can't fetch
	github.com/go-jose/go-jose/v4 v4.1.8 // JWS and JWK of cards and lists
	github.com/go-pdf/fpdf v0.9.0 // the printed card
	github.com/gofrs/flock v0.13.1 // one writer of a key folder, one open desk, one repair of a journal
	github.com/google/renameio/v2 v2.0.2 // published files, whole or not there
	github.com/jackc/pgx/v5 v5.12.0 // PostgreSQL
	github.com/jackc/puddle/v2 v2.2.3 // tells a closed pool of pgx from an exhausted one
	github.com/klauspost/compress v1.20.3 // zstd of published files, zlib of print runs
	github.com/minio/minio-go/v7 v7.4.1 // publications and print runs in a bucket
	github.com/pelletier/go-toml/v2 v2.4.3 // settings of the service
	github.com/pressly/goose/v3 v3.28.0 // migrations of PostgreSQL; v3.29 asks for another modernc.org/libc than SQLite was made for
	github.com/prometheus/client_golang v1.25.0 // metrics
	github.com/riverqueue/river v0.51.1 // hands the shards of campaigns to workers
	github.com/riverqueue/river/riverdriver/riverpgxv5 v0.51.1 // on PostgreSQL
	github.com/riverqueue/river/rivertype v0.51.1 // the states of its jobs
	github.com/schollz/progressbar/v3 v3.19.1 // how far an import or a campaign is, on a terminal
	github.com/sigstore/sigstore v1.10.6 // the signer type that go-tuf asks for
	github.com/skip2/go-qrcode v0.0.0-20200617195104-da1b6568686e // the symbol of a single card
	github.com/spf13/cobra v1.10.2 // commands, help, completion
	github.com/spf13/pflag v1.0.10 // the options of those commands, written out in French
	github.com/tetratelabs/wazero v1.12.0 // the sandbox in which pictures and PDF are read
	github.com/theupdateframework/go-tuf/v2 v2.4.2 // the trust repository
	github.com/tink-crypto/tink-go/v2 v2.9.0 // encryption of the register's identity fields, with rotation
	golang.org/x/crypto v0.57.0 // certificates by ACME
	golang.org/x/oauth2 v0.37.0 // people's logins: code flow with PKCE
	golang.org/x/sync v0.24.0 // several files of a publication written at once, the first failure ending the rest
	golang.org/x/sys v0.49.0 // limits of the reading child; DPAPI and exclusive ports on Windows
	golang.org/x/term v0.47.0 // passphrase prompt, colour on terminals only
	golang.org/x/text v0.43.0 // Windows-1252, NFC
	golang.org/x/time v0.16.0 // budgets of requests
	modernc.org/sqlite v1.60.1 // register and counter, without CGO; v1.61 asks for a google/pprof that go mod tidy can't fetch
	rsc.io/qr v0.2.0 // symbols of a print run, from cached plans
)

// cmd/sceau-pkcs11 only, which needs CGO
require (
	github.com/ThalesGroup/crypto11 v1.5.0 // keys in a PKCS#11 token
	github.com/miekg/pkcs11 v1.1.2 // the codes of its errors and attributes
)

// tests only
require (
	github.com/chromedp/cdproto v0.159.0 // keys, targets and cameras of the real browser
	github.com/chromedp/chromedp v0.23.0 // drives a real Chromium
	github.com/rogpeppe/go-internal v1.16.0 // scripts that run the real programs
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // published schemas against real answers
	github.com/secure-systems-lab/go-securesystemslib v0.11.0 // canonical JSON of another hand, for hostile metadata
	golang.org/x/net v0.60.0 // reads the pages of the service as a browser does
	pgregory.net/rapid v1.3.0 // properties
)


require (
	filippo.io/hpke v0.4.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/google/go-containerregistry v0.20.7 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/klauspost/cpuid/v2 v2.4.0 // indirect
	github.com/klauspost/crc32 v1.3.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/minio/crc64nvme v1.1.1 // indirect
	github.com/minio/md5-simd v1.1.2 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/riverqueue/river/riverdriver v0.51.1 // indirect
	github.com/riverqueue/river/rivershared v0.51.1 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/rs/xid v1.6.0 // indirect
	github.com/sethvargo/go-retry v0.4.0 // indirect
	github.com/sigstore/protobuf-specs v0.5.0 // indirect
	github.com/thales-e-security/pool v0.0.2 // indirect
	github.com/tidwall/gjson v1.20.0 // indirect
	github.com/tidwall/match v1.2.0 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	github.com/tinylib/msgp v1.6.4 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20250825161204-c5933d9347a5 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/ini.v1 v1.67.3 // indirect
	modernc.org/libc v1.77.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
