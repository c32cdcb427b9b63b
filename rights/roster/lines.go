// Physical lines of a roster: bounded, numbered, decoded and cut into cells. A cell never spans two lines.

package roster

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"
)

// line is one physical line without its end.
type line struct {
	number int // 1 is the header
	text   []byte
	long   bool // longer than MaxLine; text is its beginning
	open   bool // the last one of the file, without an end
}

// lines reads physical lines. Text is valid until the next call of next.
type lines struct {
	r      *bufio.Reader
	number int
	queue  []line // looked at and put back; own copies
}

// next returns io.EOF after the last line; a last line need not have an end.
func (l *lines) next() (line, error) {
	if len(l.queue) > 0 {
		first := l.queue[0]
		l.queue = l.queue[1:]
		return first, nil
	}
	text, err := l.r.ReadSlice('\n')
	open := err == io.EOF && len(text) > 0
	if open {
		err = nil
	}
	if err != nil && err != bufio.ErrBufferFull {
		return line{}, err
	}
	l.number++
	if err == nil {
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		if len(text) <= MaxLine {
			return line{l.number, text, false, open}, nil
		}
		return line{l.number, text[:MaxLine], true, open}, nil
	}
	text = bytes.Clone(text[:MaxLine])
	for err == bufio.ErrBufferFull {
		_, err = l.r.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return line{}, err
	}
	return line{l.number, text, true, err == io.EOF}, nil
}

// lookAhead returns copies of up to n lines and leaves them in the queue.
func (l *lines) lookAhead(n int) ([]line, error) {
	for len(l.queue) < n {
		queue := l.queue
		l.queue = nil
		next, err := l.next()
		l.queue = queue
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		next.text = bytes.Clone(next.text)
		l.queue = append(l.queue, next)
	}
	return l.queue[:min(n, len(l.queue))], nil
}

// window returns what is buffered behind the line last read.
func (l *lines) window() []byte {
	var all []byte
	for _, q := range l.queue {
		all = append(append(all, q.text...), '\n')
	}
	buffered, err := l.r.Peek(l.r.Buffered())
	if err != nil {
		return all
	}
	if all == nil {
		return buffered
	}
	return append(all, buffered...)
}

// decoder turns lines into UTF-8, deciding the encoding at the first line that is not ASCII.
type decoder struct {
	encoding Encoding
	decided  bool
	looked   bool // for text that was encoded twice
	fault    error
	scratch  []byte
}

// decode returns the text as UTF-8; false when it is damaged: not UTF-8 in a UTF-8 file, a byte that Windows-1252 does
// not define, or a line of UTF-8 in a Windows-1252 file (which would turn É into two other letters).
func (d *decoder) decode(text []byte, behind *lines) ([]byte, bool) {
	if isASCII(text) {
		return text, true
	}
	if !d.looked {
		d.looked = true
		window := append(append(bytes.Clone(text), '\n'), behind.window()...)
		if !d.decided {
			d.decided = true
			d.encoding = decide(window)
		}
		if d.encoding != Windows1252 && isTwice(window) {
			d.fault = fileError("mojibake", "les accents ont été encodés deux fois (« Ã© » au lieu de « é »), dès la ligne %d : le fichier UTF-8 a été ouvert en Windows-1252 puis enregistré ; "+
				"reprenez l'original, ou réenregistrez-le sans changer d'encodage", behind.number-len(behind.queue))
		}
	}
	valid := utf8.Valid(text)
	if d.encoding != Windows1252 {
		return text, valid
	}
	if valid {
		return text, false
	}
	var ok bool
	d.scratch, ok = appendDecoded(d.scratch[:0], text)
	return d.scratch, ok
}

// quoting is what became of the quotes of a record.
type quoting uint8

const (
	quotesFine quoting = iota
	quoteOpen          // a quoted cell does not end on this line
	quoteStray         // a quote inside a cell that does not begin with one, or text behind the closing one
)

// cut splits a line by RFC 4180, in place; cells are valid as long as the line is. On a fault it returns the cells that
// came before.
func cut(cells [][]byte, text []byte, separator byte) ([][]byte, quoting) {
	if bytes.IndexByte(text, '"') < 0 {
		for {
			i := bytes.IndexByte(text, separator)
			if i < 0 {
				return append(cells, text), quotesFine
			}
			cells = append(cells, text[:i])
			text = text[i+1:]
		}
	}
	for {
		if len(text) == 0 || text[0] != '"' {
			i := bytes.IndexByte(text, separator)
			cell := text
			if i >= 0 {
				cell = text[:i]
			}
			if bytes.IndexByte(cell, '"') >= 0 {
				return cells, quoteStray
			}
			cells = append(cells, cell)
			if i < 0 {
				return cells, quotesFine
			}
			text = text[i+1:]
			continue
		}
		text = text[1:]
		n := 0 // bytes of the unquoted cell, moved to the front
		i := 0
		for ; ; i, n = i+1, n+1 {
			if i == len(text) {
				return cells, quoteOpen
			}
			if text[i] == '"' {
				if i+1 == len(text) || text[i+1] != '"' {
					break
				}
				i++
			}
			text[n] = text[i]
		}
		cells = append(cells, text[:n])
		text = text[i+1:]
		if len(text) == 0 {
			return cells, quotesFine
		}
		if text[0] != separator {
			return cells, quoteStray
		}
		text = text[1:]
	}
}
