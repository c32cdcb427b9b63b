// The address of a bucket, and the keys that open it.

package depot

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// The environment's names of a bucket's keys; each may end in _FILE and then names a file whose first line is the key.
const (
	EnvAccessKey = "SCEAU_S3_ACCESS_KEY"
	EnvSecretKey = "SCEAU_S3_SECRET_KEY"
)

// Where a bucket is when its address names no endpoint, and how a server that is not Amazon's names its only region.
const (
	defaultHost   = "s3.amazonaws.com"
	defaultRegion = "us-east-1"
)

// address is a target s3://bucket/prefix?endpoint=https://host:port&region=r.
type address struct {
	bucket, prefix string
	host, region   string
	secure         bool
	custom         bool // an endpoint was named
}

func parseBucket(target string) (address, error) {
	bad := func(why string) (address, error) { return address{}, fmt.Errorf("%w: %s", ErrTarget, why) }
	u, err := url.Parse(target)
	if err != nil {
		return bad("s3://bucket/prefix?endpoint=https://host:port is the form") // its error would quote the target
	}
	switch {
	case u.User != nil:
		return bad("no keys in an address: it is shown and logged")
	case u.Fragment != "":
		return bad("nothing comes after # in the address of a bucket")
	case s3utils.CheckValidBucketNameStrict(u.Host) != nil:
		return bad("the name of a bucket has 3 to 63 of a-z, 0-9, hyphen and dot")
	}
	a := address{bucket: u.Host, host: defaultHost, secure: true}
	if p := strings.Trim(u.Path, "/"); p != "" {
		if checkName(p) != nil {
			return bad("the prefix is no path of files")
		}
		a.prefix = p + "/"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("what follows ? can't be read")
	}
	for name, values := range query {
		if name != "endpoint" && name != "region" || len(values) != 1 {
			return bad("only endpoint=…, and region=… may follow ?, each once")
		}
	}
	a.region = query.Get("region")
	if !query.Has("endpoint") {
		return a, nil
	}
	e, err := url.Parse(query.Get("endpoint"))
	if err != nil || e.Scheme != "https" && e.Scheme != "http" || e.Host == "" || e.User != nil || e.RawQuery != "" || e.Fragment != "" || strings.Trim(e.Path, "/") != "" {
		return bad("the endpoint is https://HOST or https://HOST:PORT; http:// only where nobody listens between")
	}
	a.host, a.secure, a.custom = e.Host, e.Scheme == "https", true
	if a.region == "" {
		a.region = defaultRegion
	}
	return a, nil
}

// keys finds the keys of a bucket. No error quotes one.
func (o Options) keys() (access, secret string, err error) {
	if o.AccessKey != "" && o.SecretKey != "" {
		return o.AccessKey, o.SecretKey, nil
	}
	env := o.Getenv
	if env == nil {
		env = os.Getenv
	}
	read := func(name string) (string, error) {
		if v := env(name); v != "" {
			return v, nil
		}
		file := env(name + "_FILE")
		if file == "" {
			return "", fmt.Errorf("%w: %s is not set", ErrCredentials, name)
		}
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: the file of %s_FILE is not there", ErrCredentials, name)
		}
		if err != nil {
			return "", fmt.Errorf("%w: the file of %s_FILE can't be read", ErrCredentials, name)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		if first = strings.TrimSpace(first); first == "" {
			return "", fmt.Errorf("%w: the file of %s_FILE is empty", ErrCredentials, name)
		}
		return first, nil
	}
	if access, err = read(EnvAccessKey); err == nil {
		secret, err = read(EnvSecretKey)
	}
	if err != nil {
		return "", "", err
	}
	return access, secret, nil
}

// cause is what went wrong on the way to a server, in few words that quote no address.
func cause(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "unknown machine name"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.As(err, &op) && op.Err != nil:
		var sys *os.SyscallError
		if errors.As(op.Err, &sys) {
			return sys.Err.Error()
		}
		return "the connection broke"
	}
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var certificate *tls.CertificateVerificationError
	switch { // words of the library may quote the address of a proxy, with its password
	case errors.As(err, &certificate):
		return "the server's certificate is not accepted"
	case errors.As(err, &record), errors.As(err, &alert), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "the server speaks no TLS that is accepted, or none at all"
	case strings.Contains(err.Error(), "proxy"):
		return "the proxy of this computer's settings can't be used"
	}
	return "the connection broke"
}
