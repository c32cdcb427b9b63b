//go:build !windows

// A renamed file is durable once its folder is.

package inbox

import (
	"errors"
	"os"
	"syscall"
)

func syncFolder(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err // shares that can't sync a folder say EINVAL
	}
	return nil
}
