// Which of two editions of a mutable file is the newer.

package static

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

// edition is what rises from one publication to the next: the version of timestamp.json, the issue time (iat) of a Token
// Status List. It is 0 for what can't be read, so that a damaged file may be replaced, and may replace none.
func edition(path string, data []byte) int64 {
	var f struct {
		Signed struct {
			Version int64 `json:"version"`
		} `json:"signed"`
		IssuedAt int64 `json:"iat"`
	}
	if path != timestampPath {
		parts := bytes.Split(data, []byte("."))
		if len(parts) != 3 {
			return 0
		}
		var err error
		if data, err = base64.RawURLEncoding.DecodeString(string(parts[1])); err != nil {
			return 0
		}
	}
	if json.Unmarshal(data, &f) != nil {
		return 0
	}
	if path == timestampPath {
		return f.Signed.Version
	}
	return f.IssuedAt
}

// Edition is what rises from one publication to the next: the version of timestamp.json, the issue time of a Token Status List; 0 for
// what is neither.
func Edition(path string, data []byte) int64 { return edition(path, data) }

const (
	timestampPath = "timestamp.json"
	rootPath      = "1.root.json" // the first root, which counters pin
)
