//go:build !windows

// The device's key at rest, where the system offers nothing but file rights: the journal is readable by its user alone
// (0600), and so is the key in it, unencrypted. Whoever reads the file as that user can sign as this device.

package mirror

import (
	"errors"
	"os"
	"syscall"
)

func sealKey(der []byte) ([]byte, error)    { return der, nil }
func openKey(sealed []byte) ([]byte, error) { return sealed, nil }

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
func writeProtected(err error) bool { return errors.Is(err, syscall.EROFS) }

// syncFolder makes renames in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}
