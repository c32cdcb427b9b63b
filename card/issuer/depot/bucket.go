// A bucket of a server that speaks S3 as a depot.

package depot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

var (
	_ Depot   = (*Bucket)(nil)
	_ Swapper = (*Bucket)(nil)
)

// Patience with a server: a request that fails for a passing reason is made again, with growing pauses of at most a second.
const (
	tries        = 5
	answerWithin = 30 * time.Second
)

// maxFile bounds what Get takes into memory.
const maxFile = 1 << 30

// digestHeader is the member of an object's own metadata that holds the SHA-256 of its bytes: an ETag is one only by habit.
const digestHeader = "Sceau-Sha256"

// Bucket is a depot in a bucket. An upload is seen whole or not at all: that is how S3 works.
type Bucket struct {
	client       *minio.Client
	name, prefix string // prefix is empty or ends in "/"
	cache        func(name string) string

	mu       sync.Mutex
	swapping bool // the server was seen to heed conditions
}

func openBucket(ctx context.Context, target string, o Options) (*Bucket, error) {
	t, err := parseBucket(target)
	if err != nil {
		return nil, err
	}
	access, secret, err := o.keys()
	if err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(t.secure)
	if err != nil {
		return nil, fmt.Errorf("depot: %w", err)
	}
	transport.ResponseHeaderTimeout = answerWithin
	lookup := minio.BucketLookupAuto
	if t.custom {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(t.host, &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), Secure: t.secure, Region: t.region,
		BucketLookup: lookup, Transport: transport, MaxRetries: tries})
	if err != nil {
		return nil, fmt.Errorf("%w: endpoint %s", ErrTarget, t.host)
	}
	b := &Bucket{client: client, name: t.bucket, prefix: t.prefix, cache: o.CacheControl}
	there, err := client.BucketExists(ctx, t.bucket)
	if err != nil {
		return nil, b.trouble(ctx, "open", err)
	}
	if there {
		return b, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// "Not found" has no body that says what was not found: some servers say it of a key they don't know.
	if o := <-client.ListObjects(ctx, t.bucket, minio.ListObjectsOptions{MaxKeys: 1, Prefix: t.prefix}); o.Err != nil {
		return nil, b.trouble(ctx, "open", o.Err)
	}
	return nil, fmt.Errorf("%w: %s", ErrBucket, t.bucket)
}

// Put implements Depot.
func (b *Bucket) Put(ctx context.Context, name string, data []byte) (bool, error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	info, err := b.client.StatObject(ctx, b.name, b.prefix+name, minio.StatObjectOptions{})
	if err == nil && info.Size == int64(len(data)) && info.UserMetadata[digestHeader] == tagOf(data) {
		return false, nil
	}
	if err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusNotFound {
		return false, b.trouble(ctx, name, err)
	}
	return true, b.put(ctx, name, data, func(*minio.PutObjectOptions) {})
}

func (b *Bucket) put(ctx context.Context, name string, data []byte, condition func(*minio.PutObjectOptions)) error {
	_, err := b.putVersion(ctx, name, data, condition)
	return err
}

// putVersion also returns the version that was made, "" where none are kept.
func (b *Bucket) putVersion(ctx context.Context, name string, data []byte, condition func(*minio.PutObjectOptions)) (string, error) {
	o := minio.PutObjectOptions{UserMetadata: map[string]string{digestHeader: tagOf(data)}, ContentType: contentType(name),
		SendContentMd5: true, DisableMultipart: true} // one request: whole or not there, and conditions hold
	if b.cache != nil {
		o.CacheControl = b.cache(name)
	}
	condition(&o)
	info, err := b.client.PutObject(ctx, b.name, b.prefix+name, bytes.NewReader(data), int64(len(data)), o)
	if err != nil {
		return "", b.trouble(ctx, name, err)
	}
	return info.VersionID, nil
}

// contentType never says text/html: counters refuse that.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".ndjson":
		return "application/x-ndjson"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".pdf":
		return "application/pdf"
	case ".png":
		return "image/png"
	case ".jwt":
		return "application/statuslist+jwt"
	}
	return "application/octet-stream"
}

// Get implements Depot.
func (b *Bucket) Get(ctx context.Context, name string) ([]byte, error) {
	data, _, err := b.Read(ctx, name)
	return data, err
}

// Read implements Swapper.
func (b *Bucket) Read(ctx context.Context, name string) ([]byte, string, error) {
	if err := checkName(name); err != nil {
		return nil, Absent, err
	}
	o, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, Absent, b.trouble(ctx, name, err)
	}
	defer o.Close()
	info, err := o.Stat()
	if err != nil {
		return nil, Absent, b.trouble(ctx, name, err)
	}
	if info.Size > maxFile {
		return nil, Absent, fmt.Errorf("depot: read %s: %d bytes are more than any file of a depot", name, info.Size)
	}
	data, err := io.ReadAll(io.LimitReader(o, info.Size+1))
	if err != nil {
		return nil, Absent, b.trouble(ctx, name, err)
	}
	if int64(len(data)) != info.Size {
		return nil, Absent, fmt.Errorf("%w: %s stopped at %d of %d bytes", ErrUnreachable, name, len(data), info.Size)
	}
	return data, strings.Trim(info.ETag, `"`), nil
}

// Swap implements Swapper, by the conditions If-Match and If-None-Match. A server that does not heed these is refused: with it two
// writers can't be kept apart.
func (b *Bucket) Swap(ctx context.Context, name string, data []byte, tag string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := b.heedsConditions(ctx); err != nil {
		return err
	}
	err := b.put(ctx, name, data, func(o *minio.PutObjectOptions) {
		if tag == Absent {
			o.SetMatchETagExcept("*")
		} else {
			o.SetMatchETag(tag)
		}
	})
	if !errors.Is(err, ErrChanged) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The answer to a first try may have been lost, and the second been refused for what the first wrote.
	if now, _, e := b.Read(ctx, name); e == nil && bytes.Equal(now, data) {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrChanged, name)
}

// probe is the name under which a server is asked whether it heeds conditions: nothing is ever stored there by one that does.
const probe = "swap-probe"

func (b *Bucket) heedsConditions(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.swapping {
		return nil
	}
	err := b.put(ctx, probe, []byte("probe"), func(o *minio.PutObjectOptions) { o.SetMatchETag(strings.Repeat("0", 32)) })
	switch {
	case errors.Is(err, ErrChanged), errors.Is(err, fs.ErrNotExist):
		b.swapping = true
		return nil
	case err != nil:
		return err
	}
	if err := b.Delete(ctx, probe); err != nil {
		return err
	}
	return ErrNoConditions
}

// List implements Depot, page by page.
func (b *Bucket) List(ctx context.Context, prefix string) ([]Entry, error) {
	var all []Entry
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing that an error leaves
	for o := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, b.trouble(ctx, "list", o.Err)
		}
		name := strings.TrimPrefix(o.Key, b.prefix)
		if checkName(name) != nil { // a folder's mark, or nothing that a depot holds
			continue
		}
		all = append(all, Entry{Name: name, Size: o.Size})
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Delete implements Depot.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{})
	if err = b.trouble(ctx, name, err); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// trouble gives an error of the library its family, without the address that was asked and without what was sent.
func (b *Bucket) trouble(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("depot: %s: %w", what, ctx.Err())
	}
	answer := minio.ToErrorResponse(err)
	switch answer.Code {
	case "":
		return fmt.Errorf("%w: %s: %s", ErrUnreachable, what, cause(err))
	case minio.NoSuchKey:
		return fmt.Errorf("depot: %s: %w", what, fs.ErrNotExist)
	case minio.NoSuchBucket:
		return fmt.Errorf("%w: %s", ErrBucket, b.name)
	case minio.PreconditionFailed, "ConditionalRequestConflict":
		return fmt.Errorf("%w: %s", ErrChanged, what)
	case "RequestTimeTooSkewed":
		return fmt.Errorf("%w: the server's clock and this computer's differ", ErrCredentials)
	}
	switch code := answer.StatusCode; {
	case strings.Contains(answer.Code, "AccessKey"), strings.Contains(answer.Code, "User"), code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w: %s (%s)", ErrCredentials, what, answer.Code)
	case code == http.StatusNotFound:
		return fmt.Errorf("depot: %s: %w", what, fs.ErrNotExist)
	case code == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %s", ErrChanged, what)
	case code >= 500 || code == http.StatusTooManyRequests:
		return fmt.Errorf("%w: %s: the server answers %d (%s)", ErrUnreachable, what, code, answer.Code)
	case code == 0:
		return fmt.Errorf("%w: %s: %s", ErrUnreachable, what, cause(err))
	}
	return fmt.Errorf("depot: %s: the server answers %d (%s)", what, answer.StatusCode, answer.Code)
}
