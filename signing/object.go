// This file reads the members of one JSON object in their order, telling duplicates, for headers and keys.

package signing

import (
	"bytes"
	"encoding/json"
	"io"
)

// member is one member of an object: its name unescaped, its value as written.
type member struct {
	name  string
	value json.RawMessage
}

type objectFault int

const (
	objectOK        objectFault = iota
	objectNotJSON               // no JSON text
	objectOther                 // JSON, and no object
	objectTrailing              // an object and something after it
	objectDuplicate             // two members with one name, escapes undone
)

// readObject reads b, which is UTF-8, as one JSON object. The names inside its
// values are not looked at: no value that this package accepts has any.
func readObject(b []byte) ([]member, objectFault) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	first, err := d.Token()
	if err != nil {
		return nil, objectNotJSON
	}
	if first != json.Delim('{') {
		return nil, objectOther
	}
	var members []member
	seen := map[string]bool{}
	duplicate := false
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, objectNotJSON
		}
		text, ok := name.(string)
		if !ok {
			return nil, objectNotJSON
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, objectNotJSON
		}
		duplicate = duplicate || seen[text]
		seen[text] = true
		members = append(members, member{text, value})
	}
	if _, err := d.Token(); err != nil {
		return nil, objectNotJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, objectTrailing
	}
	if duplicate {
		return nil, objectDuplicate
	}
	return members, objectOK
}

func find(members []member, name string) (json.RawMessage, bool) {
	for _, m := range members {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

func asString(value json.RawMessage) (string, bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}
