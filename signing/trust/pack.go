// Several files of a repository as one, shorter than they are and in one request: a
// cache that nobody signs and nobody believes.
package trust

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// MetadataPack is the path of the pack with the metadata of one version that
// is new, as of the last day.
func MetadataPack(version int64) string {
	return "metadata/" + strconv.FormatInt(version, 10) + ".pack"
}

// ChangesPack is the path of the pack with what the lists of one version have
// more than those of an earlier one.
func ChangesPack(from, to int64) string {
	return fmt.Sprintf("changes/%d-%d.pack", from, to)
}

const packMagic = "TPK\x01"

// MaxPack bounds a pack on the wire; what it unfolds to is bounded by
// maxUnpacked.
const (
	MaxPack     = 16 << 20
	maxUnpacked = 32 << 20
	maxPacked   = 16 << 10 // files
)

// EncodePack puts files into a pack: a magic number, then DEFLATE of, for each
// file, the length of its path, its path, its length and its bytes; lengths are
// unsigned LEB128. ErrTooLarge for more than DecodePack takes.
func EncodePack(files []File) ([]byte, error) {
	unpacked := 0
	for _, f := range files {
		unpacked += 2*binary.MaxVarintLen64 + len(f.Path) + len(f.Data)
	}
	if len(files) > maxPacked || unpacked > maxUnpacked {
		return nil, fmt.Errorf("%w: a pack of %d files, %d bytes", ErrTooLarge, len(files), unpacked)
	}
	var out bytes.Buffer
	out.WriteString(packMagic)
	z, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		head := binary.AppendUvarint(nil, uint64(len(f.Path)))
		head = append(head, f.Path...)
		head = binary.AppendUvarint(head, uint64(len(f.Data)))
		if _, err := z.Write(head); err != nil {
			return nil, err
		}
		if _, err := z.Write(f.Data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if out.Len() > MaxPack {
		return nil, fmt.Errorf("%w: a pack of %d bytes", ErrTooLarge, out.Len())
	}
	return out.Bytes(), nil
}

// DecodePack takes a pack apart. Nothing in it is to be believed: each file is
// for whoever would have fetched it, to be verified as if it had been.
func DecodePack(data []byte) ([]File, error) {
	rest, ok := bytes.CutPrefix(data, []byte(packMagic))
	if !ok || len(data) > MaxPack {
		return nil, fmt.Errorf("%w: not a pack", ErrMalformed)
	}
	in := bytes.NewReader(rest)
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(in), maxUnpacked+1))
	if err != nil || len(b) > maxUnpacked || in.Len() > 0 {
		return nil, fmt.Errorf("%w: pack", ErrMalformed)
	}
	var files []File
	for len(b) > 0 {
		path, err1 := packed(&b)
		body, err2 := packed(&b)
		if errors.Join(err1, err2) != nil || len(files) == maxPacked {
			return nil, fmt.Errorf("%w: pack", ErrMalformed)
		}
		if err := CheckPath(string(path)); err != nil {
			return nil, err
		}
		files = append(files, File{string(path), body})
	}
	return files, nil
}

var errCut = errors.New("cut short")

// packed takes one length and as many bytes from b.
func packed(b *[]byte) ([]byte, error) {
	n, used := binary.Uvarint(*b)
	if used <= 0 || n > uint64(len(*b)-used) {
		return nil, errCut
	}
	out := (*b)[used : used+int(n) : used+int(n)]
	*b = (*b)[used+int(n):]
	return out, nil
}
