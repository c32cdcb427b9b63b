// Which files of a repository a counter keeps, and what each of them is.

package offline

import (
	"strconv"
	"strings"
)

// CodesPath is the target with the code tables.
const CodesPath = "codes.json"

// ServicePath is the target with the keys of the operator's rights service.
const ServicePath = "service.json"

// IssuerPath is the target with the facts of an insurer.
func IssuerPath(key string) string { return "amc/" + key + "/issuer.json" }

// PagePath is the target with the status page of one list.
func PagePath(key string, list uint32) string {
	return "amc/" + key + "/status/" + strconv.FormatUint(uint64(list), 10)
}

// TargetKind says what a target is to a counter.
type TargetKind uint8

const (
	OtherTarget   TargetKind = iota // not kept: changes, digests of a stolen key, whatever a later version adds
	CodesTarget                     // CodesPath
	IssuerTarget                    // IssuerPath
	PageTarget                      // PagePath
	ServiceTarget                   // ServicePath
)

// Target says what the target at path is; key and list are set where they apply.
func Target(path string) (kind TargetKind, key string, list uint32) {
	if path == CodesPath {
		return CodesTarget, "", 0
	}
	if path == ServicePath {
		return ServiceTarget, "", 0
	}
	rest, ok := strings.CutPrefix(path, "amc/")
	if !ok {
		return OtherTarget, "", 0
	}
	key, name, _ := strings.Cut(rest, "/")
	if path == IssuerPath(key) {
		return IssuerTarget, key, 0
	}
	number, _ := strings.CutPrefix(name, "status/")
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || path != PagePath(key, uint32(n)) {
		return OtherTarget, "", 0
	}
	return PageTarget, key, uint32(n)
}
