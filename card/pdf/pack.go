// Packing a finished document. fpdf makes a new compressor of a megabyte for each page and copies each page three times, which
// costs more than the page. So it writes plain streams and, of a print run, one page only: its fonts, templates, resources and
// catalogue. Here the streams are deflated with one compressor, the pages of the run, deflated already, are stamped after the
// pattern of fpdf's own page, and the table of offsets is written anew.

package pdf

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// packLevel makes pages 6 % larger than the standard library's compressor at its default, in a third of its time.
const packLevel = 1

var packers = sync.Pool{New: func() any {
	z, err := zlib.NewWriterLevel(io.Discard, packLevel)
	if err != nil {
		panic(err) // the level is a constant of zlib's
	}
	return z
}}

// deflate appends b, compressed, to out. What it makes depends on b alone: a compressor is as new after Reset.
func deflate(out *bytes.Buffer, b []byte) error {
	z := packers.Get().(*zlib.Writer)
	defer packers.Put(z)
	z.Reset(out)
	if _, err := z.Write(b); err != nil {
		return err
	}
	return z.Close()
}

// Marks in what fpdf writes. Anything else than these shapes is an error, never a guess.
var (
	objMark    = []byte(" 0 obj\n")
	objEnd     = []byte("\nendobj\n")
	streamMark = []byte(">>\nstream\n")
	streamEnd  = []byte("\nendstream")
	lengthMark = []byte("/Length ")
	sizeMark   = []byte("/Size ")
	filterMark = []byte("/Filter")
	// fpdf writes an empty name tree for attachments into every document.
	noFiles = []byte("/Names <<\n/EmbeddedFiles << /Names [\n  \n] >>\n>>\n")
)

// packer writes one document.
type packer struct {
	w       io.Writer
	out     bytes.Buffer // not yet written
	body    bytes.Buffer // scratch for a deflated stream
	total   int64        // written
	offsets []int64      // of each object, by its number
}

// pack writes doc, an uncompressed document of fpdf, to w with its content streams deflated. If there are pages, deflated
// contents, they take the place of doc's only page.
func pack(w io.Writer, doc []byte, pages [][]byte) (int64, error) {
	p := &packer{w: w, offsets: []int64{0}}
	head := bytes.IndexByte(doc, '\n') + 1
	p.out.Write(doc[:head])
	doc = doc[head:]
	first := 0 // number of the first object that fpdf knows nothing of
	if pages != nil {
		from, to, ok := number(doc, xrefMark)
		if first, _ = strconv.Atoi(string(doc[from:to])); !ok || first <= contentObject {
			return 0, errPattern
		}
	}
	for !bytes.HasPrefix(doc, []byte("xref\n")) {
		i := bytes.Index(doc, objMark)
		if i < 0 || i > 10 {
			return p.total, fmt.Errorf("pdf: pack: no object where one should begin")
		}
		n, err := strconv.Atoi(string(doc[:i]))
		if err != nil || n < 1 || n > len(doc) {
			return p.total, fmt.Errorf("pdf: pack: object has no number")
		}
		p.begin(n)
		doc = doc[i+len(objMark):]
		switch {
		case pages != nil && n == rootObject:
			doc, err = p.root(doc, len(pages), first)
		case pages != nil && n == pageObject:
			doc, err = p.firstPage(doc)
		case pages != nil && n == contentObject:
			doc, err = p.firstContent(doc, pages[0])
		default:
			doc, err = p.object(doc)
		}
		if err != nil {
			return p.total, err
		}
		if err := p.flush(64 << 10); err != nil {
			return p.total, err
		}
	}
	for i := 1; i < len(pages); i++ {
		p.page(first+2*(i-1), pages[i])
		if err := p.flush(64 << 10); err != nil {
			return p.total, err
		}
	}
	return p.total, p.end(doc)
}

// begin notes where object n is and opens it.
func (p *packer) begin(n int) {
	for len(p.offsets) <= n {
		p.offsets = append(p.offsets, 0)
	}
	p.offsets[n] = p.total + int64(p.out.Len())
	p.int(n)
	p.out.Write(objMark)
}

func (p *packer) int(n int) { p.out.Write(strconv.AppendInt(p.out.AvailableBuffer(), int64(n), 10)) }

// flush writes what is held when it is more than keep bytes.
func (p *packer) flush(keep int) error {
	if p.out.Len() <= keep {
		return nil
	}
	n, err := p.w.Write(p.out.Bytes())
	p.total += int64(n)
	p.out.Reset()
	return err
}

// end writes the table of offsets and the trailer, which is doc's but for the number of objects.
func (p *packer) end(doc []byte) error {
	start := p.total + int64(p.out.Len())
	trailer := bytes.Index(doc, []byte("trailer\n"))
	end := bytes.Index(doc, []byte("startxref\n"))
	if trailer < 0 || end < trailer {
		return fmt.Errorf("pdf: pack: no trailer")
	}
	from, to, ok := number(doc[:end], sizeMark)
	if !ok || from < trailer {
		return fmt.Errorf("pdf: pack: trailer without size")
	}
	p.out.WriteString("xref\n0 ")
	p.int(len(p.offsets))
	p.out.WriteString("\n0000000000 65535 f \n")
	for _, o := range p.offsets[1:] {
		b := p.out.AvailableBuffer()
		for div := int64(1e9); div > 1 && o < div; div /= 10 {
			b = append(b, '0')
		}
		p.out.Write(append(strconv.AppendInt(b, o, 10), " 00000 n \n"...))
	}
	p.out.Write(doc[trailer:from])
	p.int(len(p.offsets))
	p.out.Write(doc[to:end])
	p.out.WriteString("startxref\n")
	p.int(int(start))
	p.out.WriteString("\n%%EOF\n")
	return p.flush(0)
}

// number finds the digits after mark.
func number(b, mark []byte) (from, to int, ok bool) {
	from = bytes.Index(b, mark)
	if from < 0 {
		return 0, 0, false
	}
	from += len(mark)
	for to = from; to < len(b) && b[to] >= '0' && b[to] <= '9'; to++ {
	}
	return from, to, to > from
}

// object copies one object, deflating its stream unless it has a filter already, and returns what follows it.
func (p *packer) object(doc []byte) ([]byte, error) {
	end := bytes.Index(doc, objEnd)
	dict := bytes.Index(doc, streamMark)
	if end < 0 || dict < 0 || end < dict { // no stream
		if end < 0 {
			return nil, fmt.Errorf("pdf: pack: object without end")
		}
		end += len(objEnd)
		p.out.Write(bytes.Replace(doc[:end], noFiles, nil, 1))
		return doc[end:], nil
	}
	from, to, ok := number(doc[:dict], lengthMark)
	if !ok {
		return nil, fmt.Errorf("pdf: pack: stream without length")
	}
	size, err := strconv.Atoi(string(doc[from:to]))
	data := dict + len(streamMark)
	if err != nil || size < 0 || data+size+len(streamEnd)+len(objEnd) > len(doc) ||
		!bytes.HasPrefix(doc[data+size:], streamEnd) || !bytes.HasPrefix(doc[data+size+len(streamEnd):], objEnd) {
		return nil, fmt.Errorf("pdf: pack: stream length is wrong")
	}
	end = data + size + len(streamEnd) + len(objEnd)
	if bytes.Contains(doc[:dict], filterMark) {
		p.out.Write(doc[:end])
		return doc[end:], nil
	}
	p.body.Reset()
	if err := deflate(&p.body, doc[data:data+size]); err != nil {
		return nil, err
	}
	p.out.Write(doc[:from-len(lengthMark)])
	p.out.WriteString("/Filter /FlateDecode ")
	p.out.Write(lengthMark)
	p.int(p.body.Len())
	p.out.Write(doc[to:data])
	p.out.Write(p.body.Bytes())
	p.out.Write(doc[data+size : end])
	return doc[end:], nil
}
