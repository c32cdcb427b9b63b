// Where publications go: folders and buckets, and what can be wrong with either.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/issuer/static"
	"sceau/card/register"
	"sceau/cmd/internal/ui"
)

// openPublic opens where a publication goes: anyone may read what is put there.
func openPublic(ctx context.Context, target string) (static.Depot, error) {
	d, err := depot.Open(ctx, target, depot.Options{CacheControl: static.CacheControl})
	if err != nil {
		return nil, publicTrouble(target, err)
	}
	return d.(static.Depot), nil // every depot of Open is one
}

// exportTo brings every target to the register's publication.
func (o *operator) exportTo(ctx context.Context, to []string) error {
	return o.exportAs(ctx, to, static.Options{})
}

func (o *operator) exportAs(ctx context.Context, to []string, how static.Options) error {
	for _, target := range to {
		d, err := openPublic(ctx, target)
		if err != nil {
			return err
		}
		_, err = static.Publish(ctx, o.Issuer, d, how)
		depot.Close(d)
		if errors.Is(err, static.ErrOlder) || errors.Is(err, static.ErrForeign) {
			return ui.WithHint(err, "%s holds files of another register, or of a newer state of this one: sceau mirror check %s --against %s", target, shellWord(target), shellWord(o.dir))
		}
		if err != nil {
			return publicTrouble(target, err)
		}
	}
	return nil
}

// publicTrouble says what is wrong with a target, and what to do.
func publicTrouble(target string, err error) error {
	switch {
	case errors.Is(err, depot.ErrTarget):
		return ui.WithHint(err, "name a folder, or s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION")
	case errors.Is(err, depot.ErrCredentials):
		return ui.WithHint(err, "set %s and %s, or %s_FILE and %s_FILE to files with them", depot.EnvAccessKey, depot.EnvSecretKey, depot.EnvAccessKey, depot.EnvSecretKey)
	case errors.Is(err, depot.ErrBucket):
		return ui.WithHint(err, "make the bucket first; it must be readable by anyone and writable by this key alone")
	case errors.Is(err, depot.ErrNoConditions):
		return ui.WithHint(err, "two publishers could not be kept apart there: use a server that heeds If-Match, or publish into a folder and copy that")
	case errors.Is(err, issuer.ErrConcurrent):
		return ui.WithHint(err, "run the same command again")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrNotExist):
		return unwritable(target, err)
	}
	return ui.WithHint(err, "the publication is in the register; run the same command again")
}

// unwritable says that a folder can't be published into, in words that name the folder and not the files that are written on the way.
func unwritable(dir string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return ui.WithHint(fmt.Errorf("publish into %s: %w", dir, err), "the publication is in the register; name a folder that can be written, or free this one, and publish again")
}

// errForeignTarget says that publications of another register are there.
var errForeignTarget = errors.New("belongs to another operator: its root is not this register's")

// notBehind refuses to publish over another operator's publications, and where something is ahead of the register, which was then
// restored from an older backup: counters that saw the newer state refuse whatever the older one says, and cards drawn since would be
// drawn again.
func (o *operator) notBehind(ctx context.Context, target string) error {
	stamp, err := publishedFile(ctx, target, "timestamp.json")
	if err != nil {
		return err
	}
	theirs, err := publishedFile(ctx, target, "1.root.json")
	if err != nil {
		return err
	}
	var last register.Publication
	var mine []byte
	err = o.store.View(ctx, func(tx register.Tx) (err error) {
		if last, err = tx.LastPublication(); err != nil {
			return err
		}
		mine, err = tx.File("1.root.json")
		return err
	})
	if err != nil {
		return err
	}
	if theirs != nil && !bytes.Equal(theirs, mine) {
		return ui.WithHint(fmt.Errorf("%s %w", target, errForeignTarget), "publish elsewhere; to see whose it is: sceau mirror check %s", shellWord(target))
	}
	if there := versionOf(stamp); there > last.Version {
		return ui.WithHint(fmt.Errorf("%s holds publication %d, the register knows %d", target, there, last.Version),
			"the register is older than what was published: restore its newest backup")
	}
	return nil
}

// publishedFile reads a file of a folder or bucket; nil when it is not there.
func publishedFile(ctx context.Context, target, name string) ([]byte, error) {
	var b []byte
	var err error
	if depot.IsBucket(target) {
		d, e := openPublic(ctx, target)
		if e != nil {
			return nil, e
		}
		b, err = d.Get(ctx, name)
		depot.Close(d)
	} else {
		b, err = os.ReadFile(filepath.Join(target, name))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil && depot.IsBucket(target):
		return nil, publicTrouble(target, err)
	}
	return b, err
}

// publishedVersion reads the version of a published folder; 0 for an empty one, and for one that is damaged: the next
// publication replaces what is.
func publishedVersion(dir string) (int64, error) {
	b, err := publishedFile(context.Background(), dir, "timestamp.json")
	return versionOf(b), err
}

func versionOf(timestamp []byte) int64 {
	var there struct {
		Signed struct{ Version int64 }
	}
	if json.Unmarshal(timestamp, &there) != nil {
		return 0
	}
	return there.Signed.Version
}
