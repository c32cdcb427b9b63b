// Whether a target will take files, asked before there are any.

package depot

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/minio/minio-go/v7"
)

// Probe opens a target as Open does, and writes there what is gone afterwards: a folder, which is made when its parent is there, takes a
// file, a bucket an object. For a bucket that lets nothing be deleted one object of a fixed name stays, however often it is asked (a
// version of it each time, where versions are kept); no List names it.
//
// Errors: those of Open. ErrCredentials is also the key that may read a bucket and not write there; fs.ErrPermission the folder that
// can't be written.
func Probe(ctx context.Context, target string, o Options) error {
	d, err := Open(ctx, target, o)
	if err != nil {
		return err
	}
	switch d := d.(type) {
	case *Folder:
		err = d.probe()
	case *Bucket:
		err = d.probe(ctx)
	}
	return errors.Join(err, Close(d))
}

func (f *Folder) probe() error {
	// Its name begins with a dot: for whoever lists the folder meanwhile it is no file of the depot.
	name := fmt.Sprintf(".probe-%d", os.Getpid())
	file, err := f.root.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(file.Close(), f.root.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("depot: folder %s can't be written: %w", f.name, bare(err))
	}
	return nil
}

// writeProbe is the object that shows that a bucket can be written. Its name begins with a dot: for whoever lists the bucket it is no
// file of the depot. It is always the same: what can't be deleted is replaced.
const writeProbe = ".sceau-write-probe"

// probe puts an object, as only that shows what a key may do: to answer and to list is what a key that may only read does too.
func (b *Bucket) probe(ctx context.Context) error {
	version, err := b.putVersion(ctx, writeProbe, []byte("written to see whether files can be put here; it may be deleted\n"), func(*minio.PutObjectOptions) {})
	if errors.Is(err, ErrCredentials) {
		return fmt.Errorf("depot: this key may not write to bucket %s/%s; give it s3:PutObject there: %w", b.name, b.prefix, err)
	}
	if err != nil {
		return fmt.Errorf("depot: bucket %s/%s can't be written: %w", b.name, b.prefix, err)
	}
	// A key needs no right to delete: without it the object stays, and is replaced next time. Where versions are kept it is this one that
	// goes: a mark of deletion would hide it, and be one object more each time.
	_ = b.client.RemoveObject(ctx, b.name, b.prefix+writeProbe, minio.RemoveObjectOptions{VersionID: version})
	return nil
}
