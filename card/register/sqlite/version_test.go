package sqlite

import "testing"

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		v    string
		want bool
	}{{"3.51.2", true}, {"3.51.3", false}, {"3.51.10", false}, {"3.50.9", true}, {"3.53.4", false}, {"4.0.0", false}, {"2.99.99", true}, {"3.51", true}, {"", true}, {"x", true}} {
		if got := older(c.v, minVersion); got != c.want {
			t.Errorf("older(%q) = %v", c.v, got)
		}
	}
}
