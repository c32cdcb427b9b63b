// The desk's log: what happened to the program, never to a person; two files of a bounded size.

package comptoir

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// maxLog bounds desk.log, and desk.log.1 behind it.
const maxLog = 512 << 10

// capped is a file that starts afresh when it is full. What can't be written is lost: a log stops nobody.
type capped struct {
	name string

	mu   sync.Mutex
	file *os.File
	size int64
}

// openLog opens the log of a folder; where nothing can be written it goes nowhere.
func openLog(dir string) (*slog.Logger, io.Closer) {
	c := &capped{name: filepath.Join(dir, logName)}
	return slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: slog.LevelInfo})), c
}

func (c *capped) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil && c.size+int64(len(b)) > maxLog {
		c.file.Close()
		c.file = nil
		if os.Rename(c.name, c.name+".1") != nil {
			os.Remove(c.name)
		}
	}
	if c.file == nil {
		f, err := os.OpenFile(c.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return len(b), nil
		}
		c.file = f
		if info, err := f.Stat(); err == nil {
			c.size = info.Size()
		}
		if c.size > maxLog {
			c.file.Truncate(0)
			c.size = 0
		}
	}
	n, _ := c.file.Write(b)
	c.size += int64(n)
	return len(b), nil
}

func (c *capped) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

// silent is the log of a program that says on the terminal what it has to say.
var silent = slog.New(slog.DiscardHandler)
