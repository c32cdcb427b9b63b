// A roster that waits for its import: on disk only as ciphertext, under a key that nobody but this process ever has.

package httpapi

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	wire "encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spoolChunk is what is encrypted at once.
const spoolChunk = 64 << 10

// errSpool says that the spool is not what this process wrote.
var errSpool = errors.New("httpapi: the spool was altered")

// spool is a file of encrypted chunks. Its name is removed as soon as it is open where the system allows that, else at Close;
// the key is drawn anew for each and dies with the process, so that what a crash leaves is noise.
type spool struct {
	file *os.File
	aead cipher.AEAD
	name string // to be removed at Close, "" when it was already
	size int64
}

// newSpool takes everything from r; an error of r is returned as it is.
func newSpool(dir string, r io.Reader) (*spool, error) {
	var key [32]byte
	rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s := new(spool)
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	if s.file, err = os.CreateTemp(dir, "sceau-spool-*"); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s.name = s.file.Name()
	if os.Remove(s.name) == nil {
		s.name = ""
	}
	if err := s.fill(r); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// nonce of a chunk: its number, and whether it is the last, so that a shortened file is not a shorter roster.
func nonce(n uint64, last bool) []byte {
	b := make([]byte, 12)
	wire.BigEndian.PutUint64(b, n)
	if last {
		b[11] = 1
	}
	return b
}

func (s *spool) fill(r io.Reader) error {
	out := bufio.NewWriterSize(s.file, 1<<20)
	plain, sealed := make([]byte, spoolChunk), make([]byte, 0, spoolChunk+s.aead.Overhead())
	defer clear(plain)
	in := bufio.NewReaderSize(r, spoolChunk)
	for n := uint64(0); ; n++ {
		got, err := io.ReadFull(in, plain)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		_, more := in.Peek(1)
		if more != nil && !errors.Is(more, io.EOF) {
			return more
		}
		last := more != nil
		s.size += int64(got)
		if _, err := out.Write(s.aead.Seal(sealed, nonce(n, last), plain[:got], nil)); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		if last {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// open reads it from the beginning; one reader at a time.
func (s *spool) open() (io.Reader, error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return &spoolReader{s: s, in: bufio.NewReaderSize(s.file, 1<<20)}, nil
}

type spoolReader struct {
	s    *spool
	in   *bufio.Reader
	n    uint64
	buf  []byte // ciphertext
	rest []byte // plain, not yet handed out
	done bool
}

// Read implements io.Reader.
func (r *spoolReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.done {
			return 0, io.EOF
		}
		if r.buf == nil {
			r.buf = make([]byte, spoolChunk+r.s.aead.Overhead())
		}
		got, err := io.ReadFull(r.in, r.buf)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, errSpool
		}
		_, more := r.in.Peek(1)
		last := more != nil
		plain, err := r.s.aead.Open(r.buf[:0], nonce(r.n, last), r.buf[:got], nil)
		if err != nil {
			return 0, errSpool
		}
		r.n++
		r.rest, r.done = plain, last
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close forgets the roster.
func (s *spool) Close() error {
	err := s.file.Close()
	if s.name != "" {
		err = errors.Join(err, os.Remove(s.name))
	}
	return err
}
