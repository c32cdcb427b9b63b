// Package inbox answers files that pharmacy software drops into a folder: NAME.txt, .png, .jpg, .jpeg or .pdf comes in, NAME.json
// goes out, and the file goes away. Whoever writes there is trusted with nothing: a name is only ever a name in this folder,
// links are not followed, and what can't be read gets an answer that says so.
package inbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Bounds.
const (
	Every     = time.Second      // between two looks
	KeptFor   = 10 * time.Minute // an answer nobody fetched names people: it does not stay
	MaxText   = 1 << 20          // of a .txt
	MaxFile   = 32 << 20         // of a picture or a PDF
	atOnce    = 200              // files of one look; the others wait for the next
	patience  = 20               // looks that a file which can't be opened is granted before it is answered
	signature = `{"schema":"sceau-`
)

// Why a file was not read. Codes go into the answer.
var (
	ErrTooLarge = errors.New("too_large")
	ErrLocked   = errors.New("locked")
)

// File is what was dropped. Its name is left behind: it could be anybody's.
type File struct {
	Picture bool // by its ending: a picture or a PDF, else text
	Data    []byte
	Err     error // ErrTooLarge, ErrLocked; nil when Data is all of it
}

// Inbox watches one folder. Its fields are set before the first Step, which is called by one goroutine.
type Inbox struct {
	Folder string
	// Answer returns the JSON document for a file. It is called once for each file, whatever becomes of the answer.
	Answer func(ctx context.Context, f File) []byte
	// Whole says whether a text needs nothing after it; a file that is not whole is left until it stopped growing.
	Whole func(text string) bool
	Now   func() time.Time

	known map[string]*dropped
}

// dropped is one file between two looks.
type dropped struct {
	info   fs.FileInfo
	failed int    // looks at which it could not be opened
	answer []byte // given, perhaps not yet written
	stored bool   // the answer is durable; only the file is still there
}

// Run looks into the folder until ctx ends. trouble is told of each new error about the folder itself, and of nil after it.
func (b *Inbox) Run(ctx context.Context, trouble func(error)) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	last := ""
	for {
		_, err := b.Step(ctx)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != last && ctx.Err() == nil {
			last = text
			trouble(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Step looks into the folder once and returns how many files it answered.
func (b *Inbox) Step(ctx context.Context) (answered int, err error) {
	root, err := os.OpenRoot(b.Folder)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	dir, err := root.Open(".")
	if err != nil {
		return 0, err
	}
	entries, err := dir.ReadDir(-1)
	dir.Close()
	if err != nil {
		return 0, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	seen := map[string]bool{}
	for _, e := range entries {
		if ctx.Err() != nil {
			return answered, nil
		}
		name := e.Name()
		if strings.EqualFold(filepath.Ext(name), ".json") {
			b.expire(root, name)
			continue
		}
		if !ours(name) || answered == atOnce {
			continue
		}
		seen[name] = true
		done, one := b.one(ctx, root, name)
		if done {
			answered++
		}
		err = errors.Join(err, one)
	}
	for name := range b.known {
		if !seen[name] && answered < atOnce {
			delete(b.known, name)
		}
	}
	return answered, err
}

var pictures = []string{".png", ".jpg", ".jpeg", ".pdf"}

// ours says whether a name is one that is answered: not hidden, not of a file in the making.
func ours(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return len(name) > len(ext) && !strings.HasPrefix(name, ".") && (ext == ".txt" || slices.Contains(pictures, ext))
}

// one brings one file a step further.
func (b *Inbox) one(ctx context.Context, root *os.Root, name string) (answered bool, err error) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return false, nil // gone meanwhile; or a folder, a link, a pipe: left alone
	}
	d, known := b.known[name]
	same := known && os.SameFile(d.info, info) && d.info.Size() == info.Size() && d.info.ModTime().Equal(info.ModTime())
	if !same {
		if b.known == nil {
			b.known = map[string]*dropped{}
		}
		d = &dropped{info: info}
		b.known[name] = d
	}
	if d.answer == nil {
		f, settled := b.take(root, name, d, same)
		if !settled {
			return false, nil
		}
		d.answer = b.Answer(ctx, f)
		answered = true
	}
	if !d.stored {
		// The answer is kept until it can be written: the check was recorded, and is not to be recorded again.
		if err := store(root, strings.TrimSuffix(name, filepath.Ext(name))+".json", d.answer, info.Mode()); err != nil {
			return answered, err
		}
		d.stored = true
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return answered, err // tried again at the next look, and not answered again
	}
	delete(b.known, name)
	return answered, nil
}

// take reads a file that is complete: one that says so itself, or that did not change since the last look.
func (b *Inbox) take(root *os.Root, name string, d *dropped, same bool) (f File, settled bool) {
	f.Picture = !strings.EqualFold(filepath.Ext(name), ".txt")
	limit := int64(MaxText)
	if f.Picture {
		limit = MaxFile
	}
	if d.info.Size() > limit {
		f.Err = ErrTooLarge
		return f, same
	}
	data, err := read(root, name, d.info, limit)
	if err != nil {
		if same {
			d.failed++
		}
		f.Err = ErrLocked
		return f, d.failed >= patience
	}
	f.Data = data
	return f, same || (f.Picture && ended(data)) || (!f.Picture && b.Whole != nil && b.Whole(string(data)))
}

// read opens the file that was looked at and no other, and never waits for a pipe's writer.
func read(root *os.Root, name string, info fs.FileInfo, limit int64) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	now, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(info, now) {
		return nil, errors.New("another file by now")
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) != info.Size() {
		err = errors.New("still being written")
	}
	return data, err
}

// ended says whether a picture or a PDF has its own end mark.
func ended(b []byte) bool {
	tail := b[max(0, len(b)-1024):]
	switch {
	case bytes.HasPrefix(b, []byte("\x89PNG")):
		return bytes.HasSuffix(b, []byte("IEND\xaeB`\x82"))
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return bytes.HasSuffix(b, []byte("\xff\xd9"))
	case bytes.HasPrefix(b, []byte("%PDF-")):
		return bytes.Contains(tail, []byte("%%EOF"))
	}
	return false
}

// store writes an answer so that it appears whole, and returns once it is durable.
func store(root *os.Root, name string, answer []byte, like fs.FileMode) (err error) {
	tmp := "." + name + ".tmp"
	if len(tmp) > 250 {
		tmp = ".answer.tmp"
	}
	// What an earlier run left there, or somebody put there, is replaced, never written into.
	if err := root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, like.Perm()&0o666|0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(answer)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		root.Remove(tmp)
		return err
	}
	return syncFolder(root)
}

// expire removes an answer that nobody fetched. Other people's JSON stays.
func (b *Inbox) expire(root *os.Root, name string) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || b.Now().Sub(info.ModTime()) <= KeptFor {
		return
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	start := make([]byte, len(signature))
	_, err = io.ReadFull(f, start)
	f.Close()
	if err == nil && string(start) == signature {
		root.Remove(name)
	}
}
