// The device's key at rest on Windows: sealed by the Data Protection API for the user who made it. A copy of the folder
// opens for nobody else.

package mirror

import (
	"bytes"
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// purpose is mixed into the seal, so that no other program's sealed data opens here.
var purpose = []byte("sceau-comptoir-device-1")

func blob(b []byte) *windows.DataBlob {
	if len(b) == 0 {
		return &windows.DataBlob{}
	}
	return &windows.DataBlob{Size: uint32(len(b)), Data: unsafe.SliceData(b)}
}

// take copies what Windows allocated, wipes it and gives it back.
func take(out *windows.DataBlob) []byte {
	b := unsafe.Slice(out.Data, out.Size)
	own := bytes.Clone(b)
	clear(b)
	windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data)))
	return own
}

func sealKey(der []byte) ([]byte, error) {
	var out windows.DataBlob
	if err := windows.CryptProtectData(blob(der), nil, blob(purpose), 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, err
	}
	return take(&out), nil
}

func openKey(sealed []byte) ([]byte, error) {
	var out windows.DataBlob
	if err := windows.CryptUnprotectData(blob(sealed), nil, blob(purpose), 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, err
	}
	return take(&out), nil
}

func diskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

func writeProtected(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// syncFolder does nothing: NTFS journals renames itself, and a folder can't be flushed.
func syncFolder(string) error { return nil }
