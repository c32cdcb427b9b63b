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

// NoticesPath is the target with the operator's notices.
const NoticesPath = "notices.json"

// MaxNotices bounds a file of notices that a counter keeps: sixteen of the longest, and room for what a later version adds.
const MaxNotices = 256 << 10

// IssuerPath is the target with the facts of an insurer.
func IssuerPath(key string) string { return "amc/" + key + "/issuer.json" }

// InsurerNoticesPath is the target with the notices of an insurer.
func InsurerNoticesPath(key string) string { return "amc/" + key + "/notices.json" }

// PagePath is the target with the status page of one list.
func PagePath(key string, list uint32) string {
	return "amc/" + key + "/status/" + strconv.FormatUint(uint64(list), 10)
}

// IssuedPath is the target with digests of the cards of a stolen key; name is that of the file, as package issued gives it.
func IssuedPath(key, name string) string { return "amc/" + key + "/issued/" + name }

// TargetKind says what a target is to a counter.
type TargetKind uint8

const (
	OtherTarget   TargetKind = iota // not kept: changes, whatever a later version adds
	CodesTarget                     // CodesPath
	IssuerTarget                    // IssuerPath
	PageTarget                      // PagePath
	ServiceTarget                   // ServicePath
	IssuedTarget                    // IssuedPath: kept while the key is listed
	NoticesTarget                   // NoticesPath, and InsurerNoticesPath with the insurer's key
)

// Target says what the target at path is; key and list are set where they apply.
func Target(path string) (kind TargetKind, key string, list uint32) {
	switch path {
	case CodesPath:
		return CodesTarget, "", 0
	case ServicePath:
		return ServiceTarget, "", 0
	case NoticesPath:
		return NoticesTarget, "", 0
	}
	rest, ok := strings.CutPrefix(path, "amc/")
	if !ok {
		return OtherTarget, "", 0
	}
	key, name, _ := strings.Cut(rest, "/")
	switch path {
	case IssuerPath(key):
		return IssuerTarget, key, 0
	case InsurerNoticesPath(key):
		return NoticesTarget, key, 0
	}
	if file, ok := strings.CutPrefix(name, "issued/"); ok && file != "" && !strings.Contains(file, "/") {
		return IssuedTarget, key, 0
	}
	number, _ := strings.CutPrefix(name, "status/")
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || path != PagePath(key, uint32(n)) {
		return OtherTarget, "", 0
	}
	return PageTarget, key, uint32(n)
}
