// Stamping the pages of a run: fpdf writes one page, and each page of the run is written after its pattern.

package pdf

import (
	"bytes"
	"errors"
)

// The numbers that fpdf gives to the root of the pages, to its first page and to that page's contents.
const (
	rootObject    = 1
	pageObject    = 3
	contentObject = 4
)

// What fpdf writes of a document of one page. Where it looks otherwise the other pages could not be like it.
var (
	kidsMark   = []byte("/Kids [3 0 R ]\n/Count 1\n")
	pageDict   = []byte("<</Type /Page\n/Parent 1 0 R\n/Resources 2 0 R\n/Contents 4 0 R>>\nendobj\n")
	xrefMark   = []byte("\nxref\n0 ")
	errPattern = errors.New("pdf: pack: the page to stamp after is not as expected")
)

// root copies the root of the pages with all pages of the run in it; those that fpdf knows nothing of begin at object first.
func (p *packer) root(doc []byte, pages, first int) ([]byte, error) {
	at, end := bytes.Index(doc, kidsMark), bytes.Index(doc, objEnd)+len(objEnd)
	if at < 0 || end < at {
		return nil, errPattern
	}
	p.out.Write(doc[:at])
	p.out.WriteString("/Kids [3 0 R ")
	for i := 1; i < pages; i++ {
		p.int(first + 2*(i-1))
		p.out.WriteString(" 0 R ")
	}
	p.out.WriteString("]\n/Count ")
	p.int(pages)
	p.out.Write(doc[at+len(kidsMark)-1 : end])
	return doc[end:], nil
}

// firstPage copies fpdf's page.
func (p *packer) firstPage(doc []byte) ([]byte, error) {
	if !bytes.HasPrefix(doc, pageDict) {
		return nil, errPattern
	}
	p.out.Write(pageDict)
	return doc[len(pageDict):], nil
}

// firstContent puts the run's first page in the place of what fpdf's page shows.
func (p *packer) firstContent(doc, page []byte) ([]byte, error) {
	end := bytes.Index(doc, objEnd)
	if end < 0 {
		return nil, errPattern
	}
	p.content(page)
	return doc[end+len(objEnd):], nil
}

// page writes a page as object n and its contents as the next one.
func (p *packer) page(n int, page []byte) {
	p.begin(n)
	p.out.WriteString("<</Type /Page\n/Parent 1 0 R\n/Resources 2 0 R\n/Contents ")
	p.int(n + 1)
	p.out.WriteString(" 0 R>>\nendobj\n")
	p.begin(n + 1)
	p.content(page)
}

// content writes the body of a stream object whose bytes are deflated already.
func (p *packer) content(page []byte) {
	p.out.WriteString("<</Filter /FlateDecode /Length ")
	p.int(len(page))
	p.out.Write(streamMark)
	p.out.Write(page)
	p.out.Write(streamEnd)
	p.out.Write(objEnd)
}
