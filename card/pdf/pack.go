// Packing a finished document: fpdf makes a new compressor of a megabyte for each page, which costs more than the page.
// So it writes plain streams, and they are deflated here with one compressor, the table of offsets being written anew.

package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strconv"
	"sync"
)

var packers = sync.Pool{New: func() any {
	z, err := zlib.NewWriterLevel(io.Discard, 6)
	if err != nil {
		panic(err) // the level is a constant of zlib's
	}
	return z
}}

// Marks in what fpdf writes. Anything else than these shapes is an error, never a guess.
var (
	objMark    = []byte(" 0 obj\n")
	objEnd     = []byte("\nendobj\n")
	streamMark = []byte(">>\nstream\n")
	streamEnd  = []byte("\nendstream")
	lengthMark = []byte("/Length ")
	filterMark = []byte("/Filter")
	// fpdf writes an empty name tree for attachments into every document.
	noFiles = []byte("/Names <<\n/EmbeddedFiles << /Names [\n  \n] >>\n>>\n")
)

// pack writes doc, an uncompressed document of fpdf, to w with its content streams deflated.
func pack(w io.Writer, doc []byte) (int64, error) {
	z := packers.Get().(*zlib.Writer)
	defer packers.Put(z)
	var out, body bytes.Buffer
	var total int64
	offsets := []int64{0}
	flush := func() error {
		n, err := w.Write(out.Bytes())
		total += int64(n)
		out.Reset()
		return err
	}

	head := bytes.IndexByte(doc, '\n') + 1
	out.Write(doc[:head])
	doc = doc[head:]
	for !bytes.HasPrefix(doc, []byte("xref\n")) {
		i := bytes.Index(doc, objMark)
		if i < 0 || i > 10 {
			return total, fmt.Errorf("pdf: pack: no object where one should begin")
		}
		n, err := strconv.Atoi(string(doc[:i]))
		if err != nil || n < 1 || n > len(doc) {
			return total, fmt.Errorf("pdf: pack: object has no number")
		}
		for len(offsets) <= n {
			offsets = append(offsets, 0)
		}
		offsets[n] = total + int64(out.Len())
		out.Write(doc[:i+len(objMark)])
		doc = doc[i+len(objMark):]
		if doc, err = packObject(&out, &body, z, doc); err != nil {
			return total, err
		}
		if out.Len() > 64<<10 {
			if err := flush(); err != nil {
				return total, err
			}
		}
	}
	start := total + int64(out.Len())
	trailer := bytes.Index(doc, []byte("trailer\n"))
	end := bytes.Index(doc, []byte("startxref\n"))
	if trailer < 0 || end < trailer {
		return total, fmt.Errorf("pdf: pack: no trailer")
	}
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets))
	for _, o := range offsets[1:] {
		fmt.Fprintf(&out, "%010d 00000 n \n", o)
	}
	out.Write(doc[trailer:end])
	fmt.Fprintf(&out, "startxref\n%d\n%%%%EOF\n", start)
	return total, flush()
}

// packObject copies one object, deflating its stream unless it has a filter already, and returns what follows it.
func packObject(out, body *bytes.Buffer, z *zlib.Writer, doc []byte) ([]byte, error) {
	end := bytes.Index(doc, objEnd)
	dict := bytes.Index(doc, streamMark)
	if end < 0 || dict < 0 || end < dict { // no stream
		if end < 0 {
			return nil, fmt.Errorf("pdf: pack: object without end")
		}
		end += len(objEnd)
		out.Write(bytes.Replace(doc[:end], noFiles, nil, 1))
		return doc[end:], nil
	}
	at := bytes.Index(doc[:dict], lengthMark)
	if at < 0 {
		return nil, fmt.Errorf("pdf: pack: stream without length")
	}
	digits := doc[at+len(lengthMark) : dict]
	for i, b := range digits {
		if b < '0' || b > '9' {
			digits = digits[:i]
			break
		}
	}
	size, err := strconv.Atoi(string(digits))
	from := dict + len(streamMark)
	if err != nil || size < 0 || from+size+len(streamEnd)+len(objEnd) > len(doc) ||
		!bytes.HasPrefix(doc[from+size:], streamEnd) || !bytes.HasPrefix(doc[from+size+len(streamEnd):], objEnd) {
		return nil, fmt.Errorf("pdf: pack: stream length is wrong")
	}
	end = from + size + len(streamEnd) + len(objEnd)
	if bytes.Contains(doc[:dict], filterMark) {
		out.Write(doc[:end])
		return doc[end:], nil
	}
	body.Reset()
	z.Reset(body)
	if _, err := z.Write(doc[from : from+size]); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	out.Write(doc[:at])
	out.WriteString("/Filter /FlateDecode ")
	out.Write(lengthMark)
	out.WriteString(strconv.Itoa(body.Len()))
	out.Write(doc[at+len(lengthMark)+len(digits) : from])
	out.Write(body.Bytes())
	out.Write(doc[from+size : end])
	return doc[end:], nil
}
