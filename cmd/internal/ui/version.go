// What version the program says it is.

package ui

import "runtime/debug"

// Version says which source the program was built from: a version or a commit, marked when the source was changed since.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
