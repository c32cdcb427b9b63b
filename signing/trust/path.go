// Names: the grammar of paths, the roles, and which role owns which path.
package trust

import (
	"fmt"
	"strconv"
	"strings"
)

// Top-level roles of The Update Framework.
const (
	RoleRoot      = "root"
	RoleTargets   = "targets"
	RoleSnapshot  = "snapshot"
	RoleTimestamp = "timestamp"
)

const timestampPath = "timestamp.json"

// InsurerRole is the role of an insurer's offline key: issuer.json,
// issued/* and notices.json.
func InsurerRole(key string) string { return "amc-" + key }

// StatusRole is the role of an insurer's online key: status/*.
func StatusRole(key string) string { return "amc-" + key + "-status" }

// CheckInsurerKey accepts an insurer's key as it stands in roles and paths:
// 1 to 10 characters of A-Z and 0-9, no leading zero.
func CheckInsurerKey(key string) error {
	if len(key) == 0 || len(key) > 10 || key[0] == '0' {
		return fmt.Errorf("%w: insurer key must be 1 to 10 of A-Z0-9 without leading zero", ErrUnsafePath)
	}
	for i := range len(key) {
		if c := key[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return fmt.Errorf("%w: insurer key must be 1 to 10 of A-Z0-9 without leading zero", ErrUnsafePath)
		}
	}
	return nil
}

// CheckPath accepts a path of this format: segments of A-Z a-z 0-9 . _ -
// separated by single slashes, relative, none beginning or ending with a dot
// (so no "..", and nothing that Windows renames), at most 200 characters.
func CheckPath(path string) error {
	if path == "" || len(path) > maxPath {
		return fmt.Errorf("%w: path must have 1 to %d characters", ErrUnsafePath, maxPath)
	}
	for seg := range strings.SplitSeq(path, "/") {
		if seg == "" || seg[0] == '.' || seg[len(seg)-1] == '.' {
			return fmt.Errorf("%w: empty segment, or dot at the edge of one", ErrUnsafePath)
		}
		for i := range len(seg) {
			c := seg[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
				return fmt.Errorf("%w: character outside A-Za-z0-9._-", ErrUnsafePath)
			}
		}
	}
	return nil
}

// Owner is the one role that may sign path: "targets", "amc-<key>" or
// "amc-<key>-status". Whoever else names it is not believed. A path that no
// role can own is ErrUnsafePath.
func Owner(path string) (role string, err error) {
	if err := CheckPath(path); err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(path, "amc/")
	if !ok {
		if path == "amc" {
			return "", fmt.Errorf("%w: amc is a folder", ErrUnsafePath)
		}
		return RoleTargets, nil
	}
	key, rest, _ := strings.Cut(rest, "/")
	if err := CheckInsurerKey(key); err != nil {
		return "", err
	}
	folder, name, deep := strings.Cut(rest, "/")
	switch {
	case rest == "issuer.json", rest == "notices.json":
		return InsurerRole(key), nil
	case deep && folder == "issued" && !strings.Contains(name, "/"):
		return InsurerRole(key), nil
	case deep && folder == "status" && !strings.Contains(name, "/"):
		return StatusRole(key), nil
	}
	return "", fmt.Errorf("%w: no role owns this path of an insurer", ErrUnsafePath)
}

// rolePaths are the patterns delegated to a role, exactly as they are signed.
// An insurer's role is given status/* only to pass it on: a TUF client looks
// for a path through roles that have it, one below the other. This reader does
// not take a page from the insurer's role itself (see Owner).
func rolePaths(key string, status bool) []string {
	if status {
		return []string{"amc/" + key + "/status/*"}
	}
	return []string{"amc/" + key + "/issuer.json", "amc/" + key + "/issued/*", "amc/" + key + "/notices.json", "amc/" + key + "/status/*"}
}

// narrowPaths is what an insurer's role was given before there were notices.
// Such a delegation is still good, for everything but notices.
func narrowPaths(key string) []string {
	return []string{"amc/" + key + "/issuer.json", "amc/" + key + "/issued/*", "amc/" + key + "/status/*"}
}

func noticesPath(key string) string { return "amc/" + key + "/notices.json" }

// splitRole takes a delegated role's name apart.
func splitRole(role string) (key string, status bool, err error) {
	rest, ok := strings.CutPrefix(role, "amc-")
	if !ok {
		return "", false, fmt.Errorf("%w: no such role", ErrScope)
	}
	key, status = strings.CutSuffix(rest, "-status")
	if err := CheckInsurerKey(key); err != nil {
		return "", false, fmt.Errorf("%w: no such role", ErrScope)
	}
	return key, status, nil
}

// metaPath is where version v of a role's metadata lies.
func metaPath(role string, v int64) string {
	return strconv.FormatInt(v, 10) + "." + role + ".json"
}
