// A first look at a whole roster: what refuses the file, found without judging its lines.

package roster

import (
	"bytes"
	"io"
)

// Scan reads a roster to its end for what refuses it as a whole: a header that can't be used, text that was encoded twice, two files in
// one. It costs a small part of a reading by Next, and finds all that Next would say by a *FileError. Other errors are those of rd.
func Scan(rd io.Reader, o Options) error {
	r, err := Read(rd, o)
	for err == nil {
		var l line
		if l, err = r.lines.next(); err == nil {
			_, _, err = r.decode(l)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// decode returns a line as UTF-8, whether that was possible, and a *FileError when the line refuses the file.
func (r *Reader) decode(l line) (text []byte, fine bool, err error) {
	text, fine = r.decoder.decode(l.text, &r.lines)
	if r.decoder.fault != nil {
		return nil, false, r.decoder.fault
	}
	if bytes.Equal(bytes.TrimPrefix(text, []byte("\ufeff")), r.text) {
		return nil, false, fileError("header_again", "la ligne %d répète l'en-tête : deux fichiers, ou deux fois le même, ont été mis bout à bout ; importez-les l'un après l'autre", l.number)
	}
	return text, fine, nil
}
