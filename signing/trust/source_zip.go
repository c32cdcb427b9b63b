// A zip archive as a source: what an operator sends by mail or hands over.
package trust

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	maxZip          = 2 << 30  // an archive of everything a refresh may bring, twice
	maxZipDirectory = 32 << 20 // what listing an archive may read: some 300,000 entries
	maxZipEntries   = 200_000
)

// Zip is an archive as a source. All files may stand in one folder of the
// archive, as the file managers of desktops make them.
type Zip struct {
	file    *os.File
	entries map[string]*zip.File
}

var _ Source = (*Zip)(nil)

// OpenZip opens an archive and reads its list of contents; Close it.
func OpenZip(name string) (*Zip, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no such archive", ErrUnreachable)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the archive cannot be opened", ErrUnreachable)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%w: not a file", ErrBadSource)
	}
	z := &Zip{file: f}
	if z.entries, err = listZip(f, info.Size()); err != nil {
		f.Close()
		return nil, err
	}
	return z, nil
}

// Close closes the archive.
func (z *Zip) Close() error { return z.file.Close() }

// meteredReader bounds how much may be read while budget is counted.
type meteredReader struct {
	r       io.ReaderAt
	budget  int64
	metered bool
}

func (m *meteredReader) ReadAt(p []byte, off int64) (int, error) {
	if m.metered {
		if m.budget -= int64(len(p)); m.budget < 0 {
			return 0, fmt.Errorf("%w: list of contents of the archive", ErrTooLarge)
		}
	}
	return m.r.ReadAt(p, off)
}

func listZip(r io.ReaderAt, size int64) (map[string]*zip.File, error) {
	if size > maxZip {
		return nil, fmt.Errorf("%w: archive", ErrTooLarge)
	}
	m := &meteredReader{r: r, budget: maxZipDirectory, metered: true}
	zr, err := zip.NewReader(m, size)
	if errors.Is(err, ErrTooLarge) {
		return nil, err
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("%w: not a zip archive, or a damaged one", ErrBadSource)
	}
	m.metered = false
	if len(zr.File) > maxZipEntries {
		return nil, fmt.Errorf("%w: %d files in the archive", ErrTooLarge, len(zr.File))
	}
	prefix, found := "", false
	for _, f := range zr.File {
		if base, ok := strings.CutSuffix(f.Name, timestampPath); ok && strings.Count(base, "/") <= 1 && (base == "" || strings.HasSuffix(base, "/")) {
			if found {
				return nil, fmt.Errorf("%w: the archive holds two repositories", ErrBadSource)
			}
			prefix, found = base, true
		}
	}
	entries := make(map[string]*zip.File, len(zr.File))
	for _, f := range zr.File {
		path, ok := strings.CutPrefix(f.Name, prefix)
		// Foreign names (folders, .DS_Store, "..") are never asked for.
		if !ok || CheckPath(path) != nil {
			continue
		}
		if _, twice := entries[path]; twice {
			return nil, fmt.Errorf("%w: a file stands twice in the archive", ErrBadSource)
		}
		entries[path] = f
	}
	return entries, nil
}

// Fetch implements Source.
func (z *Zip) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	f := z.entries[path]
	switch {
	case f == nil:
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	case !f.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is not a file", ErrBadSource, path)
	case f.Flags&1 != 0:
		return nil, fmt.Errorf("%w: the archive is protected by a password", ErrBadSource)
	case f.UncompressedSize64 > uint64(limit):
		return nil, fmt.Errorf("%w: %s announces %d bytes, at most %d expected", ErrTooLarge, path, f.UncompressedSize64, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be unpacked", ErrBadSource, path)
	}
	defer r.Close()
	data, err := readLimited(ctx, r, path, int64(f.UncompressedSize64), limit)
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrSource), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s is damaged in the archive", ErrInterrupted, path)
}
