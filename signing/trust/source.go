// Where a repository's files come from; nothing a source says is believed.
package trust

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Source gives the files of a repository. Fetch returns the whole file at
// path, a path of this format, of at most limit bytes: it refuses with
// ErrTooLarge as soon as the file is known to be longer and never holds more
// than limit+1 bytes. ErrNotFound for a file that is not there; other troubles
// match ErrSource. Called from several goroutines at once. A Source that is
// also an io.Closer must be closed.
type Source interface {
	Fetch(ctx context.Context, path string, limit int64) ([]byte, error)
}

// NewSource chooses by the form of spec: an http:// or https:// address, the
// name of a .zip file, or else a folder. See [CloseSource].
func NewSource(spec string) (Source, error) {
	spec = strings.TrimSpace(spec)
	switch scheme, _, isURL := strings.Cut(spec, "://"); {
	case spec == "":
		return nil, fmt.Errorf("%w: empty address", ErrBadSource)
	case isURL && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")):
		u, err := url.Parse(spec)
		if err != nil {
			return nil, fmt.Errorf("%w: not an address", ErrBadSource)
		}
		return orNil(NewHTTP(u))
	case isURL:
		return nil, fmt.Errorf("%w: only http:// and https:// addresses, folders and .zip files", ErrBadSource)
	case strings.HasSuffix(strings.ToLower(spec), ".zip"):
		return orNil(OpenZip(spec))
	}
	return orNil(OpenDir(spec))
}

// orNil keeps a nil pointer from becoming a Source that is not nil.
func orNil[S Source](src S, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	return src, nil
}

// CloseSource closes src if it is to be closed.
func CloseSource(src Source) error {
	if c, ok := src.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// readLimited reads r to its end, of at most limit bytes. size is what was
// announced, or negative.
func readLimited(ctx context.Context, r io.Reader, path string, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("%w: %s announces %d bytes, at most %d expected", ErrTooLarge, path, size, limit)
	}
	var buf []byte
	if size > 0 {
		buf = make([]byte, 0, size+1)
	}
	lr := io.LimitReader(r, limit+1)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, max(4096, min(len(buf), 1<<20)))...)[:len(buf)]
		}
		n, err := lr.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrTooLarge, path, limit)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if size >= 0 && int64(len(buf)) != size {
		return nil, fmt.Errorf("%w: %s stopped at %d of %d bytes", ErrInterrupted, path, len(buf), size)
	}
	return buf, nil
}
