//go:build !unix

// Whether a register may be written, where its attributes alone say so.

package sqlite

import "io/fs"

func writable(_ string, info fs.FileInfo) bool { return info.Mode()&0o200 != 0 }
