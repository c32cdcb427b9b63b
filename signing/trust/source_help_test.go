// Helpers for the hostile sources.
package trust

import (
	"compress/flate"
	"encoding/binary"
	"io"
	"log"
	"sync"
)

func newDeflate(w io.Writer) *flate.Writer {
	d, err := flate.NewWriter(w, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	return d
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// hugeDirectory is an archive whose list of contents alone has 40 MB.
var hugeDirectory = sync.OnceValue(func() []byte {
	const entry, count = 46, 40 << 20 / 46
	b := make([]byte, 0, entry*count+100)
	one := make([]byte, entry)
	binary.LittleEndian.PutUint32(one, 0x02014b50)
	for range count {
		b = append(b, one...)
	}
	// zip64 end record, its locator, end record: counts of 64 bits.
	end := len(b)
	e64 := make([]byte, 56)
	binary.LittleEndian.PutUint32(e64, 0x06064b50)
	binary.LittleEndian.PutUint64(e64[4:], 44)
	binary.LittleEndian.PutUint64(e64[24:], count)
	binary.LittleEndian.PutUint64(e64[32:], count)
	binary.LittleEndian.PutUint64(e64[40:], uint64(end))
	loc := make([]byte, 20)
	binary.LittleEndian.PutUint32(loc, 0x07064b50)
	binary.LittleEndian.PutUint64(loc[8:], uint64(end))
	binary.LittleEndian.PutUint32(loc[16:], 1)
	eocd := make([]byte, 22)
	binary.LittleEndian.PutUint32(eocd, 0x06054b50)
	for i := 4; i < 20; i++ {
		eocd[i] = 0xff
	}
	return append(append(append(b, e64...), loc...), eocd...)
})
