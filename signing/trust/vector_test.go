// The committed vector: what was published once must be readable for years.
package trust

import (
	"context"
	"testing"
	"time"
)

func TestVector(t *testing.T) {
	src, err := OpenDir("testdata/vector")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	const print = "AC5A 8073 B54D D996 8E29 54D1 7155 30C9 317F 3E32 A1F8 D7E6 CD94 F7E8 88FD A24D"
	root, got, err := FetchRoot(context.Background(), src)
	if err != nil || !SameFingerprint(got, print) {
		t.Fatalf("root: %s %v", got, err)
	}
	tr, rep, err := Refresh(context.Background(), src, RefreshOptions{Root: root, Now: time.Date(2027, 3, 2, 7, 0, 0, 0, time.UTC), Want: wantAll})
	if err != nil {
		t.Fatal(err)
	}
	if tr.Version() != 2 || tr.RootVersion() != 2 || rep.Roots != 1 || !tr.Published().Equal(time.Date(2027, 3, 2, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("version %d, root %d, published %v", tr.Version(), tr.RootVersion(), tr.Published())
	}
	info, err := tr.Target("amc/775670482/status/3")
	if err != nil || info.Length != 37 || string(info.Custom) != `{"revision":1803967200}` {
		t.Errorf("%+v %v", info, err)
	}
	// A writer takes it up again.
	if _, err := Load(func(path string) ([]byte, error) { return src.Fetch(context.Background(), path, maxTargets) }); err != nil {
		t.Error(err)
	}
}
