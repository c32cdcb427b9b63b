// The published files as one zip, for a stick or an e-mail.

package static

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"
	"time"
)

// Zip writes the files of an export into one archive, in their order. The same publication gives the same bytes.
type Zip struct {
	w  *zip.Writer
	at time.Time
}

// NewZip writes to w; at is the time that every entry bears, such as that of the publication.
func NewZip(w io.Writer, at time.Time) *Zip { return &Zip{w: zip.NewWriter(w), at: at.UTC()} }

// Put implements issuer.Destination. Nothing is durable before Close, and the caller's file is synced.
func (z *Zip) Put(path string, data []byte) error {
	method := zip.Deflate
	if strings.Contains(path, "/status/") { // pages are compressed already
		method = zip.Store
	}
	f, err := z.w.CreateHeader(&zip.FileHeader{Name: path, Method: method, Modified: z.at})
	if err != nil {
		return fmt.Errorf("static: %w", err)
	}
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("static: %w", err)
	}
	return nil
}

// Close writes the archive's directory; without it the archive can't be read.
func (z *Zip) Close() error {
	if err := z.w.Close(); err != nil {
		return fmt.Errorf("static: %w", err)
	}
	return nil
}
