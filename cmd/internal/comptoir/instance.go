// One desk for a folder: the second program finds the first and calls it.

package comptoir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"sceau/offline/desk"
)

// infoName is the file that tells the next program of the same user where the desk is.
const infoName = "desk.json"

// errFirst: another program is the desk of this folder, and does not come to the front.
var errFirst = errors.New("comptoir: the desk that runs does not answer")

// patience is how long a first program may take between its lock and its port.
const patience = 8 * time.Second

// claim makes this program the desk of a folder. first is false when another one is, and came to the front, or gave an address to
// open because it has no window or noWindow asks for none. release gives the folder back. A folder that can't be written has no lock: nothing is written there, and two desks harm nobody.
func claim(ctx context.Context, dir string, noWindow bool) (first bool, address string, release func(), err error) {
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	until := time.Now().Add(patience)
	for {
		got, err := lock.TryLock()
		switch {
		case got:
			return true, "", func() { lock.Close() }, nil
		case readOnly(err):
			return true, "", func() {}, nil
		case err != nil:
			return false, "", nil, err
		}
		if address, err := callFirst(ctx, dir, noWindow); err == nil {
			return false, address, nil, nil
		}
		// It may be starting, or ending: the lock or the file is about to change.
		if time.Now().After(until) {
			return false, "", nil, errFirst
		}
		select {
		case <-ctx.Done():
			return false, "", nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func callFirst(ctx context.Context, dir string, noWindow bool) (address string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, infoName))
	if err != nil {
		return "", err
	}
	info, err := desk.ParseInfo(b)
	if err != nil {
		return "", err
	}
	if noWindow {
		return desk.Call(ctx, info, "launch")
	}
	allowFront(info.PID)
	return desk.CallFirst(ctx, info)
}

// announce writes the file that callFirst reads, for this user alone. Remove it before the lock goes.
func announce(dir string, info desk.Info) error {
	return writePrivate(filepath.Join(dir, infoName), info.Bytes())
}

// writePrivate puts a file in place, whole, that its user alone may read.
func writePrivate(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// token is the one of the interface for pharmacy software: made once, kept until somebody deletes its file.
func token(dir string) (string, error) {
	name := filepath.Join(dir, tokenName)
	info, err := os.Lstat(name)
	if err == nil && info.Mode().IsRegular() && private(info) {
		if b, err := os.ReadFile(name); err == nil && len(b) == tokenSize+1 && b[tokenSize] == '\n' {
			return string(b[:tokenSize]), nil
		}
	}
	// Missing, cut short, or readable by others: a new one.
	fresh := desk.NewSecret()
	return fresh, writePrivate(name, []byte(fresh+"\n"))
}

const tokenSize = 43 // 256 bits, base64url
