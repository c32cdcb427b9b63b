// Package depot keeps finished files where others fetch them: a folder, or a bucket that speaks S3. A reader sees each file whole
// or not at all; what is there already is not written again.
package depot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The families of errors.
var (
	// ErrTarget says that a target can't be understood: no folder and no address of a bucket.
	ErrTarget = errors.New("depot: no such kind of target")
	// ErrCredentials says that no access key was given, or that the server refuses it.
	ErrCredentials = errors.New("depot: access refused")
	// ErrBucket says that the bucket does not exist.
	ErrBucket = errors.New("depot: no such bucket")
	// ErrUnreachable says that the server did not answer, or not in time, however often it was asked.
	ErrUnreachable = errors.New("depot: server not reached")
	// ErrChanged says that somebody else replaced the file since it was read: nothing was written.
	ErrChanged = errors.New("depot: changed by somebody else meanwhile")
	// ErrName says that a name would leave the depot, or can't be told apart on every system.
	ErrName = errors.New("depot: unsafe name")
	// ErrNoConditions says that the server overwrites whatever the condition says: two writers could not be kept apart there.
	ErrNoConditions = errors.New("depot: the server does not heed If-Match")
	// ErrReadOnly says that the depot was opened for reading.
	ErrReadOnly = errors.New("depot: opened for reading only")
)

// Depot holds files by name. Names are relative, slash-separated and safe on every system. Several goroutines may use one.
type Depot interface {
	// Put stores data under name, whole and durable when it returns, or not at all. Bytes that are there already are left alone,
	// and written is false.
	Put(ctx context.Context, name string, data []byte) (written bool, err error)
	// Get returns a file, or fs.ErrNotExist.
	Get(ctx context.Context, name string) ([]byte, error)
	// List returns the files whose names begin with prefix, in the order of their names. "" is every file.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Delete removes a file; one that is not there is no error.
	Delete(ctx context.Context, name string) error
}

// Swapper replaces one file on the condition that nobody else did since it was read. Every Depot of Open is one.
type Swapper interface {
	// Read returns a file with the tag of this state of it. The file that is not there is fs.ErrNotExist, and its tag is Absent.
	Read(ctx context.Context, name string) (data []byte, tag string, err error)
	// Swap is Put if the file's tag is still the one that was read, else ErrChanged and nothing is written.
	Swap(ctx context.Context, name string, data []byte, tag string) error
}

// Absent is the tag of a file that is not there.
const Absent = ""

// Entry is one file of a depot.
type Entry struct {
	Name string
	Size int64
}

// Options say how to open a depot.
type Options struct {
	// Mode is what a file written to a folder may be: 0 is 0644, for what anyone may read; 0600 for files with names of people.
	// Folders that are made get the same, with the right to enter.
	Mode fs.FileMode
	// Getenv reads the environment; nil is os.Getenv. Only credentials are read from it.
	Getenv func(string) string
	// CacheControl is the header of that name with which a bucket serves a file; nil sets none.
	CacheControl func(name string) string
	// AccessKey and SecretKey come before the environment.
	AccessKey, SecretKey string
}

// Open opens a target: a folder, which is made when its parent is there, or s3://bucket/prefix?endpoint=https://host:port&region=r.
// The keys of a bucket come from o or from the environment (SCEAU_S3_ACCESS_KEY, SCEAU_S3_SECRET_KEY, each or a file named by …_FILE),
// never from the target, which may be shown and logged.
func Open(ctx context.Context, target string, o Options) (Depot, error) {
	return open(ctx, target, o, true)
}

// swapDepot is what both kinds of depot are.
type swapDepot interface {
	Depot
	Swapper
}

func open(ctx context.Context, target string, o Options, create bool) (swapDepot, error) {
	if IsBucket(target) {
		b, err := openBucket(ctx, target, o)
		if err != nil {
			return nil, err // no nil bucket in an interface
		}
		return b, nil
	}
	if err := checkFolder(target); err != nil {
		return nil, err
	}
	f, err := newFolder(target, o.Mode, create)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenReadOnly is Open for a target that is there: nothing is made, and Put and Delete are refused with ErrReadOnly.
func OpenReadOnly(ctx context.Context, target string, o Options) (Depot, error) {
	d, err := open(ctx, target, o, false)
	if err != nil {
		return nil, err
	}
	return readOnly{d}, nil
}

// Close gives back what an opened depot holds of the system. Nothing of it may be used afterwards.
func Close(d Depot) error {
	if r, ok := d.(readOnly); ok {
		d = r.d
	}
	if f, ok := d.(*Folder); ok {
		return f.root.Close()
	}
	return nil
}

// IsBucket says whether a target is the address of a bucket.
func IsBucket(target string) bool { return strings.HasPrefix(target, bucketScheme) }

const bucketScheme = "s3://"

// CheckTarget says what is wrong with the form of a target, without opening it.
func CheckTarget(target string) error {
	if IsBucket(target) {
		_, err := parseBucket(target)
		return err
	}
	return checkFolder(target)
}

// checkFolder refuses what was meant for something else than a folder.
func checkFolder(target string) error {
	if target == "" {
		return fmt.Errorf("%w: it is empty", ErrTarget)
	}
	if scheme, _, ok := strings.Cut(target, "://"); ok && !strings.ContainsAny(scheme, `/\`) {
		return fmt.Errorf("%w: %s:// is neither a folder nor s3://", ErrTarget, scheme)
	}
	return nil
}

// checkName refuses names that would leave the depot or mean two things on two systems.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || len(name) > 512 || strings.ContainsAny(name, "\\:*?\"<>|\x00") || !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	for _, part := range strings.Split(name, "/") {
		if part[0] == '.' {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
	}
	return nil
}

// readOnly refuses what writes.
type readOnly struct{ d swapDepot }

func (r readOnly) Put(context.Context, string, []byte) (bool, error)    { return false, ErrReadOnly }
func (r readOnly) Delete(context.Context, string) error                 { return ErrReadOnly }
func (r readOnly) Swap(context.Context, string, []byte, string) error   { return ErrReadOnly }
func (r readOnly) Get(ctx context.Context, name string) ([]byte, error) { return r.d.Get(ctx, name) }
func (r readOnly) List(ctx context.Context, prefix string) ([]Entry, error) {
	return r.d.List(ctx, prefix)
}
func (r readOnly) Read(ctx context.Context, n string) ([]byte, string, error) {
	return r.d.Read(ctx, n)
}

// bare is an error without the name of the file on this computer, which is the caller's to say.
func bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
