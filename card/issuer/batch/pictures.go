// Symbols as pictures, packed into one archive for each file: no file a card.

package batch

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"sceau/card/manifest"
	"sceau/card/qr"
)

type pictures struct {
	out bytes.Buffer
	w   *zip.Writer
	one bytes.Buffer
	row []byte
	z   *zlib.Writer
}

// dated is the date of every picture: equal cards give equal archives.
var dated = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newPictures() *pictures {
	p := &pictures{z: zlib.NewWriter(nil)}
	p.w = zip.NewWriter(&p.out)
	return p
}

func (p *pictures) kind() string { return manifest.PNG }

// pictureName is what a card's picture is called.
func pictureName(sequence int64) string { return fmt.Sprintf("%07d.png", sequence) }

func (p *pictures) add(e *entry, symbol *qr.Matrix) error {
	b := p.draw(symbol)
	// Sizes and sum come before the data, stored as they are: any reader can stream it.
	to, err := p.w.CreateRaw(&zip.FileHeader{Name: pictureName(e.sequence), Method: zip.Store, Modified: dated, CRC32: crc32.ChecksumIEEE(b),
		CompressedSize64: uint64(len(b)), UncompressedSize64: uint64(len(b))})
	if err != nil {
		return err
	}
	_, err = to.Write(b)
	return err
}

// draw writes a symbol with its quiet zone as a 1-bit grey PNG. Each row of modules is one row of pixels and then repetitions of
// it, which the filter "up" makes zeros: the pictures of a print run cost a fifth of what a general encoder takes.
func (p *pictures) draw(m *qr.Matrix) []byte {
	side := (m.Size() + 2*qr.Quiet) * pixels
	p.one.Reset()
	p.one.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(side)), uint32(side))
	p.piece("IHDR", append(head, 1, 0, 0, 0, 0)) // 1 bit, grey, deflate, the usual filters, no interlace
	var data bytes.Buffer
	p.z.Reset(&data)
	stride := (side + 7) / 8
	again := make([]byte, 1+stride)
	again[0] = 2 // up
	for y := -qr.Quiet; y < m.Size()+qr.Quiet; y++ {
		p.row = append(p.row[:0], 0)
		for range stride {
			p.row = append(p.row, 0xff)
		}
		for x := range m.Size() {
			if m.At(x, y) {
				for at := (x + qr.Quiet) * pixels; at < (x+qr.Quiet+1)*pixels; at++ {
					p.row[1+at/8] &^= 0x80 >> (at % 8)
				}
			}
		}
		p.z.Write(p.row) // a bytes.Buffer takes everything
		for range pixels - 1 {
			p.z.Write(again)
		}
	}
	p.z.Close()
	p.piece("IDAT", data.Bytes())
	p.piece("IEND", nil)
	return p.one.Bytes()
}

// piece appends a chunk of a PNG.
func (p *pictures) piece(kind string, data []byte) {
	sum := crc32.NewIEEE()
	sum.Write([]byte(kind))
	sum.Write(data)
	p.one.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
	p.one.WriteString(kind)
	p.one.Write(data)
	p.one.Write(sum.Sum(nil))
}

func (p *pictures) bytes() ([]byte, error) {
	err := p.w.Close()
	return p.out.Bytes(), err
}
