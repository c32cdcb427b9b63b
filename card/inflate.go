// The strict inflater: one raw DEFLATE stream, bounded output, nothing after it.

package card

import (
	"compress/flate"
	"errors"
	"io"
	"strings"
	"sync"
)

// inflater is what one inflation needs; all of it is reused.
type inflater struct {
	in  strings.Reader
	z   io.ReadCloser // also a flate.Resetter
	out []byte        // MaxInflated+1 bytes
}

var inflaters = sync.Pool{New: func() any {
	f := &inflater{out: make([]byte, MaxInflated+1)}
	f.z = flate.NewReaderDict(&f.in, dictionary)
	return f
}}

// inflate returns the text that payload holds. It refuses streams that are damaged or truncated, that inflate to more
// than MaxInflated bytes, and that something follows, such as a second stream.
func inflate(payload string) (string, error) {
	if len(payload) == 0 {
		return "", malformed("payload_empty", "no payload")
	}
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	f.in.Reset(payload)
	if err := f.z.(flate.Resetter).Reset(&f.in, dictionary); err != nil {
		return "", malformed("inflate_corrupt", "payload is no DEFLATE stream")
	}
	n := 0
	for {
		m, err := f.z.Read(f.out[n:])
		n += m
		switch {
		case n > MaxInflated:
			return "", malformed("inflated_size", "payload inflates beyond the format's bound")
		case err == io.EOF:
			if f.in.Len() > 0 {
				return "", malformed("inflate_trailing", "bytes after the DEFLATE stream")
			}
			return string(f.out[:n]), nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return "", malformed("inflate_truncated", "DEFLATE stream ends too early")
		case err != nil:
			return "", malformed(wrapping(payload), "payload is no DEFLATE stream")
		}
	}
}

// wrapping names why payload is no raw DEFLATE stream, when it begins as a container that this format doesn't have.
func wrapping(payload string) string {
	switch {
	case len(payload) > 2 && payload[0] == 0x1f && payload[1] == 0x8b:
		return "inflate_gzip"
	case len(payload) > 2 && payload[0]&0x0f == 8 && payload[0]>>4 <= 7 && (int(payload[0])<<8|int(payload[1]))%31 == 0:
		if payload[1]&0x20 != 0 {
			return "inflate_zlib_dictionary"
		}
		return "inflate_zlib"
	}
	return "inflate_corrupt"
}
