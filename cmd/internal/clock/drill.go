// Package clock is where both programs read the time: the computer's, or that of a drill.
//
// A drill is played in a folder that holds two files: EXERCICE, which only says so, and clock, with the time (RFC 3339). Where
// the variable SCEAU_DRILL names that folder, programs live in its time, work on nothing that lies outside of it, and say
// EXERCICE with everything that they answer. So the variable can't turn the clock of a real counter: set on its computer, it
// stops every command there. Without the variable nothing of this file has any effect.
package clock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Variable names the folder of a drill to the programs that take part in it.
const Variable = "SCEAU_DRILL"

// Files of a drill's folder.
const (
	ExerciseName = "EXERCICE"
	TimeName     = "clock"
)

// maxTime bounds the file of the time, in bytes.
const maxTime = 64

// Errors of a drill. A program that meets one stops: it must not go on by the computer's clock.
var (
	// ErrDrill: SCEAU_DRILL is set, and names no drill.
	ErrDrill = errors.New("SCEAU_DRILL names no drill")
	// ErrOutside: a path leads out of the drill's folder.
	ErrOutside = errors.New("outside of the drill's folder")
)

// drill is a folder, found once for the whole process.
type drill struct {
	root string // absolute, without symbolic links
	err  error
}

var present = sync.OnceValue(func() *drill {
	name := os.Getenv(Variable)
	if name == "" {
		return nil
	}
	root, err := open(name)
	return &drill{root, err}
})

// Now returns the time. In a drill whose clock can't be read the program stops.
func Now() time.Time {
	d := present()
	if d == nil {
		return wall()
	}
	t, err := d.now()
	if err != nil {
		stop(err)
	}
	return t
}

func (d *drill) now() (time.Time, error) {
	if d.err != nil {
		return time.Time{}, d.err
	}
	return read(d.root)
}

// Drill says whether SCEAU_DRILL is set.
func Drill() bool { return present() != nil }

// Begin checks the drill that SCEAU_DRILL names, and returns its folder and its time: "" without one. Programs call it before
// they do anything.
func Begin() (root string, at time.Time, err error) {
	d := present()
	if d == nil {
		return "", time.Time{}, nil
	}
	if at, err = d.now(); err != nil {
		return "", time.Time{}, err
	}
	return d.root, at, nil
}

// Inside refuses a path that leads out of the drill's folder, followed through every symbolic link; what does not exist yet is
// where its folder is. Without a drill it refuses nothing.
func Inside(path string) error {
	d := present()
	switch {
	case d == nil:
		return nil
	case d.err != nil:
		return d.err
	}
	return inside(d.root, path)
}

func inside(root, path string) error {
	real, err := follow(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	rel, err := filepath.Rel(root, real)
	if err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s: %w", path, ErrOutside)
	}
	return nil
}

// follow resolves what exists of a path, and appends what does not. A link that leads nowhere is an error: what would be made
// behind it is not known to be inside.
func follow(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if _, there := os.Lstat(path); there == nil {
			return "", ErrOutside
		}
		up := filepath.Dir(path)
		if up == path {
			return "", err
		}
		rest, path = filepath.Join(filepath.Base(path), rest), up
	}
}

// open checks a drill's folder: an absolute path to a folder of its own, with both files.
func open(name string) (string, error) {
	if !filepath.IsAbs(name) {
		return "", fmt.Errorf("%w: the path is not absolute", ErrDrill)
	}
	root, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrDrill, err)
	}
	if filepath.Dir(root) == root {
		return "", fmt.Errorf("%w: %s is everything", ErrDrill, root)
	}
	if info, err := os.Lstat(filepath.Join(root, ExerciseName)); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: no file %s in %s", ErrDrill, ExerciseName, root)
	}
	_, err = read(root)
	return root, err
}

// read reads the time of a drill.
func read(root string) (time.Time, error) {
	name := filepath.Join(root, TimeName)
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return time.Time{}, fmt.Errorf("%w: no file %s in %s", ErrDrill, TimeName, root)
	}
	f, err := os.Open(name)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrDrill, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTime+1))
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrDrill, err)
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(bytes.TrimPrefix(b, []byte("\ufeff")))))
	if err != nil || len(b) > maxTime {
		return time.Time{}, fmt.Errorf("%w: %s holds no time such as 2024-01-15T08:00:00+01:00", ErrDrill, name)
	}
	return t, nil
}

// Make makes a folder one of a drill that begins at a moment. The folder must be there.
func Make(root string, at time.Time) error {
	const what = "EXERCICE\n\nTout ce qui est dans ce dossier a été fabriqué pour un exercice : personnes, cartes, listes, réponses.\nEverything in this folder was made for a drill.\n"
	if err := os.WriteFile(filepath.Join(root, ExerciseName), []byte(what), 0o600); err != nil {
		return err
	}
	return Set(root, at)
}

// Set sets the time of a drill, in one step for those who read it meanwhile.
func Set(root string, at time.Time) error {
	name := filepath.Join(root, TimeName)
	part := name + ".part"
	if err := os.WriteFile(part, []byte(at.Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
		return err
	}
	err := os.Rename(part, name)
	for range 20 { // Windows refuses while somebody reads
		if err == nil {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
		err = os.Rename(part, name)
	}
	return err
}

// stop ends the program: by which clock anything would be judged is not known.
func stop(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(2)
}
