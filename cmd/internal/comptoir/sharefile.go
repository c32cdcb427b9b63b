// Where shared lists are put: a folder that is filled so that it can be read at any moment, or a zip file that is whole or not there.

package comptoir

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sceau/offline/mirror"
	"sceau/signing/trust"
)

var (
	// errNotShare: what is there already is not a share of this repository, and is left alone.
	errNotShare = errors.New("comptoir: something else is there")
	// errNewerShare: what is there already is newer than what this counter has.
	errNewerShare = errors.New("comptoir: what is there is newer")
)

const timestampName = "timestamp.json"

// handToFolder makes dir a static repository of the state in v. A share of the same repository in it is brought up to date: new
// files first, then the timestamp, which leads to them, then what nobody needs any more goes.
func handToFolder(ctx context.Context, v *mirror.View, root, dir string) (mirror.Handed, error) {
	h, err := v.Hand(root, nil) // verified before anything is touched
	if err != nil {
		return h, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return h, err
	}
	src, err := trust.OpenDir(dir)
	if err != nil {
		return h, err
	}
	names, err := os.ReadDir(dir)
	if err == nil && slices.ContainsFunc(names, func(e fs.DirEntry) bool { return !systems(e.Name()) }) {
		err = replaceable(ctx, src, h)
	}
	trust.CloseSource(src)
	if err != nil {
		return h, err
	}
	inside, err := os.OpenRoot(dir) // no link in there leads a file elsewhere
	if err != nil {
		return h, err
	}
	defer inside.Close()
	written := map[string]bool{}
	if _, err := v.Hand(root, func(path string, data []byte) error {
		written[path] = true
		if err := ctx.Err(); err != nil {
			return err
		}
		return writeShared(inside, path, data)
	}); err != nil {
		return h, err
	}
	return h, sweep(inside, written)
}

// systems says whether a file is one that systems put on every stick, so that an empty one has it too.
func systems(name string) bool {
	switch name {
	case "System Volume Information", "$RECYCLE.BIN", "lost+found", ".Trashes", ".fseventsd", ".Spotlight-V100", ".DS_Store":
		return true
	}
	return strings.HasPrefix(name, ".Trash-")
}

// replaceable says whether what lies at src may make room for h: a share of the same repository that isn't newer.
func replaceable(ctx context.Context, src trust.Source, h mirror.Handed) error {
	root, _, err := trust.FetchRoot(ctx, src)
	if err != nil || !bytes.Equal(root, h.Root) {
		return errNotShare
	}
	there, _, err := trust.Refresh(ctx, src, trust.RefreshOptions{Root: root, Now: h.Published.AddDate(100, 0, 0)})
	if err == nil && (there.Published().After(h.Published) || there.Version() > h.Version) {
		return errNewerShare
	}
	return nil
}

// writeShared puts one file in place at once: a reader sees the old one, or the new one.
func writeShared(inside *os.Root, path string, data []byte) error {
	if err := trust.CheckPath(path); err != nil {
		return err
	}
	name := filepath.FromSlash(path)
	if path != timestampName {
		if info, err := inside.Stat(name); err == nil && info.Mode().IsRegular() && info.Size() == int64(len(data)) { // whatever lies on that stick
			if old, err := inside.ReadFile(name); err == nil && bytes.Equal(old, data) {
				return nil
			}
		}
	}
	if err := inside.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	part := name + ".part"
	f, err := inside.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = inside.Rename(part, name)
	}
	if err != nil {
		inside.Remove(part)
	}
	return err
}

// published is the form of every file name of a repository but its timestamp: a version and a role, or a hash and a target.
var published = regexp.MustCompile(`^([0-9]{1,19}\.[a-zA-Z0-9-]+\.json|[0-9a-f]{64}\.[A-Za-z0-9._-]+)(\.part)?$`)

// sweep removes the files of older states. Whatever hasn't the name of a published file stays.
func sweep(inside *os.Root, keep map[string]bool) error {
	var old []string
	err := fs.WalkDir(inside.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || keep[path] || !published.MatchString(d.Name()) || strings.Contains(path, "/") && !strings.HasPrefix(path, "amc/") {
			return nil
		}
		old = append(old, path)
		return nil
	})
	for _, path := range old {
		err = errors.Join(err, inside.Remove(filepath.FromSlash(path)))
	}
	return err
}

// handToZip writes a zip file. One that is there is replaced when it is a share of the same repository that isn't newer.
func handToZip(ctx context.Context, v *mirror.View, root, name string) (h mirror.Handed, err error) {
	if !strings.EqualFold(filepath.Ext(name), ".zip") {
		return h, fmt.Errorf("%w: not a .zip file", trust.ErrBadSource)
	}
	if h, err = v.Hand(root, nil); err != nil {
		return h, err
	}
	if _, err := os.Lstat(name); err == nil {
		src, err := trust.OpenZip(name)
		if err != nil {
			return h, errNotShare
		}
		err = replaceable(ctx, src, h)
		trust.CloseSource(src)
		if err != nil {
			return h, err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".partage-*.part")
	if err != nil {
		return h, err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	z := zip.NewWriter(f)
	_, err = v.Hand(root, func(path string, data []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Deflate, Modified: h.Published.UTC()})
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err = errors.Join(err, z.Close(), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return h, err
	}
	return h, os.Rename(f.Name(), name)
}
