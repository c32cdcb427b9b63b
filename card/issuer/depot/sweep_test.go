package depot

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const hashed = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"

// dots are the dot files below a folder, by their names there.
func dots(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Name()[0] == '.' && path != folder {
			name, _ := filepath.Rel(folder, path)
			all = append(all, filepath.ToSlash(name))
		}
		return nil // a name may be gone again
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// writes opens a folder and writes one new file into the folder of name.
func writes(t *testing.T, folder, name string) Depot {
	t.Helper()
	d, err := Open(t.Context(), folder, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(d) })
	if _, err := d.Put(t.Context(), name, []byte(time.Now().String())); err != nil {
		t.Fatal(err)
	}
	return d
}

// age lets a file have been written to last so long ago.
func age(t *testing.T, file string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

// drawnWell says that a folder has temporary files, all with numbers as most are. The others are never swept, and are removed here.
func drawnWell(t *testing.T, folder string) bool {
	t.Helper()
	left, well := dots(t, folder), 0
	for _, name := range left {
		file := filepath.Join(folder, name)
		info, err := os.Lstat(file)
		if err == nil && abandoned(info, time.Now().Add(2*abandonedAfter)) {
			well++
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	return len(left) > 0 && well == len(left)
}

const killedEnv = "SCEAU_DEPOT_TEST_WRITES"

// TestKilledWriter: what a writer that was killed left is removed by the first file of a later one a day after, and not before.
func TestKilledWriter(t *testing.T) {
	if to := os.Getenv(killedEnv); to != "" { // the writer: it ends when it is killed
		folder, name, _ := strings.Cut(to, "|")
		d, err := Open(t.Context(), folder, Options{})
		for i := byte(0); err == nil; i++ {
			_, err = d.Put(t.Context(), name, bytes.Repeat([]byte{i}, 4<<20))
		}
		t.Fatal(err)
	}
	for _, name := range []string{"261122-k7qf/775670482/0000001-0000006.csv", "amc/775670482/status/" + hashed + ".12"} {
		folder := t.TempDir()
		for end := time.Now().Add(time.Minute); !drawnWell(t, folder); {
			writer := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
			writer.Env = append(os.Environ(), killedEnv+"="+folder+"|"+name)
			if err := writer.Start(); err != nil {
				t.Fatal(err)
			}
			for len(dots(t, folder)) == 0 && time.Now().Before(end) {
				time.Sleep(time.Millisecond)
			}
			_ = writer.Process.Kill() // it may just have given the file its name: then once more
			_ = writer.Wait()
			if time.Now().After(end) {
				t.Fatal("no writer left anything")
			}
		}
		left := dots(t, folder)
		writes(t, folder, name)
		if now := dots(t, folder); !slices.Equal(now, left) {
			t.Errorf("%s: of %v, perhaps of a live writer, %v is left", name, left, now)
		}
		for _, l := range left {
			age(t, filepath.Join(folder, l), 25*time.Hour)
		}
		r, err := OpenReadOnly(t.Context(), folder, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.List(t.Context(), ""); err != nil || !slices.Equal(dots(t, folder), left) {
			t.Errorf("%s: a reader removed something: %v", name, err)
		}
		Close(r)
		writes(t, folder, name)
		if now := dots(t, folder); len(now) > 0 {
			t.Errorf("%s: a day later %v is there", name, now)
		}
	}
}

// TestSweep: only what bears exactly the name of a temporary file, is a file and is old goes, once for each opening.
func TestSweep(t *testing.T) {
	const number, day = "7046029254386353131", 25 * time.Hour
	for name, c := range map[string]struct {
		old  time.Duration
		goes bool
	}{
		".0000001-0000006.csv" + number: {day, true}, ".manifest.jws" + number: {day, true}, ".1.root.json104602925438635131": {day, true},
		"." + hashed + ".3.1-2" + number: {day, true}, ".new-ABCDEFGHIJKLMNOPQRSTUV2345": {day, true},
		".1.snapshot.json" + number: {23 * time.Hour, false}, ".new-VUTSRQPONMLKJIHGFEDCBA2345": {0, false}, ".2.snapshot.json" + number: {-day, false},
		".depot.lock": {day, false}, ".htaccess": {day, false}, ".DS_Store": {day, false}, ".notes20261122": {day, false}, ".notes" + number: {day, false},
		".a.csv20261122153000": {day, false}, ".a.csv20261122153000123": {day, false}, ".a.csv1795360000123456": {day, false}, // times to the millisecond, microsecond
		".a.json" + strconv.FormatInt(time.Now().Add(-day).UnixNano(), 10): {day, false}, ".a.csv104602925438635": {day, false},
		".a.csv0" + number[1:]: {day, false}, ".nfs000000000012345600000042": {day, false}, ".a.csv.Xk3u2P": {day, false},
		".a.csv" + number + ".bak": {day, false}, ".new-ABCDEFGHIJKLMNOPQRSTUV234": {day, false}, ".new-" + number: {day, false},
		"..a.csv" + number: {day, false}, ".csv" + number: {day, false}, "a.csv" + number: {day, false}, ".probe-1": {day, false},
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, name)
		leave := func() {
			if err := os.WriteFile(file, []byte("torn"), 0o600); err != nil {
				t.Fatal(err)
			}
			age(t, file, c.old)
		}
		leave()
		d := writes(t, folder, "x.json")
		if _, err := os.Lstat(file); (err != nil) != c.goes {
			t.Errorf("%s, %v old: %v", name, c.old, err)
		}
		leave()
		if _, err := d.Put(t.Context(), "y.json", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(file); err != nil {
			t.Errorf("%s: looked through twice: %v", name, err)
		}
	}
	// No folder and no link is a temporary file, whatever its name.
	folder := t.TempDir()
	inside := filepath.Join(folder, ".inside.csv"+number)
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	age(t, inside, day)
	link := filepath.Join(folder, ".link.csv"+number)
	if err := os.Symlink("y.json", link); err != nil {
		t.Fatal(err)
	}
	f := writes(t, folder, "y.json").(*Folder)
	age(t, filepath.Join(folder, "y.json"), -2*day) // the time by which the link is old as well
	f.swept = map[string]bool{}
	f.sweep("y.json")
	for _, name := range []string{inside, link} {
		if _, err := os.Lstat(name); err != nil {
			t.Errorf("removed: %v", err)
		}
	}
}
