// Whether a target will take files, asked before there are any.

package depot

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Probe opens a target as Open does. A folder, which is made when its parent is there, also takes a file that is gone afterwards. A
// bucket answers and has accepted the keys; nothing is written there, since what is written to some can never be deleted.
func Probe(ctx context.Context, target string, o Options) error {
	d, err := Open(ctx, target, o)
	if err != nil {
		return err
	}
	if f, ok := d.(*Folder); ok {
		err = f.probe()
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
