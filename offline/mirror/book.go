// The counter's journal: what was checked, in a file of its own, so that a damaged list never costs the journal and a
// synchronisation never delays a verdict.

package mirror

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/journal"
)

// BookName is the name of the journal's database in the counter's folder. Beside it lies BookName+".lock", empty, which
// every process that has the journal open holds shared, and the one that sets a damaged journal aside alone.
const BookName = "journal.db"

// Record is one recorded check.
type Record = receipt.Record

// BookOptions of a journal.
type BookOptions struct {
	Now func() time.Time // the counter's clock; nil is the computer's
}

// Search narrows what is found; zero fields don't.
type Search struct {
	Number   string         // as people type it: nothing else is looked at then
	From, To rights.Date    // day of the check in Paris, both included
	Care     rights.Date    // date of care
	Status   offline.Status // of the verdict
	Answer   string         // of a service for the entry: receipt.Disputed, receipt.Honoured, receipt.Noted
	Limit    int            // 0 for DefaultLimit, at most MaxLimit
	Before   uint64         // Record.Row of the last one seen: only older ones follow
}

// Bounds of one answer.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Count says how much a journal holds.
type Count struct {
	Devices int    // chains, the present one included
	Entries int    // openings of chains included
	Checks  int    // receipts
	Pruned  uint64 // entries that retention has removed
}

// Device is what signs the journal's head.
type Device struct {
	ID        string // 128 random bits, 32 hexadecimal digits
	Short     string // how its receipt numbers begin
	PublicJWK []byte
}

// Notice says what was repaired unaided; the zero value: nothing.
type Notice struct {
	Code string // NoticeDamaged, NoticeKeyLost
	File string // name of the damaged database, kept beside the new one; "" when the damage was within one that works
	Kept uint64 // entries taken over into the new journal
	Lost uint64 // entries that the old signed head speaks of and that could not be read; 0 when unknown too
}

// Codes of a notice. In each case a new chain with a new device was begun, and its first entry says why.
const (
	NoticeDamaged = "journal_damaged"
	NoticeKeyLost = "device_key_lost" // the folder was copied to another user or computer
)

// Book is an open journal. It is safe for concurrent use, in several processes at once.
type Book struct {
	dir string
	now func() time.Time

	mu     sync.Mutex   // one writer of this process at a time
	use    sync.RWMutex // held by readers while they read, and by who changes the fields below
	file   *bookFile    // nil until the folder could be opened
	closed bool
	notice Notice
}

// bookFile is the open database.
type bookFile struct {
	db       *sql.DB
	lock     *flock.Flock // nil when only read
	writable bool

	// What this process knows of the last chain; another process may have moved on.
	device *device
	token  string       // signed head that was verified or made here
	head   journal.Head // what it says
}

func (f *bookFile) close() error {
	if f == nil {
		return nil
	}
	err := f.db.Close()
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

// OpenBook opens the journal of a counter's folder, and makes folder, journal and device key where they are missing. What
// is no journal any more is set aside, never deleted: what holds of it is taken over, a new chain is begun, and Notice says
// so. Errors: ErrReadOnly, ErrFull, ErrNewer, ErrDamaged when another process has the damaged journal open. After any of
// them [ReadBook] gives what can be had.
func OpenBook(dir string, o BookOptions) (*Book, error) {
	b := newBook(dir, o)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

// ReadBook gives a journal on a folder that OpenBook refused. What is there can be searched (a missing journal is an empty
// one), and each Append tries to open it for writing: once that is possible the Book works like any other. ReadBook itself
// doesn't fail; its methods say what is wrong.
func ReadBook(dir string, o BookOptions) *Book { return newBook(dir, o) }

func newBook(dir string, o BookOptions) *Book {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Book{dir: dir, now: o.Now}
}

// open makes b.file writable. The caller holds b.mu.
func (b *Book) open() error {
	b.use.Lock()
	defer b.use.Unlock()
	if b.file != nil && b.file.writable {
		return nil
	}
	if b.closed {
		return os.ErrClosed
	}
	// A file that was opened to be read goes first: SQLite shares its locks with whoever opens it again in this process,
	// and what could not be written then could not be written now.
	b.file.close()
	b.file = nil
	f, notice, err := openBook(b.dir, b.now())
	if err != nil {
		return family(err)
	}
	if notice.Code != "" {
		b.notice = notice
	}
	b.file = f
	return nil
}

// reader gives a database to read from, and what to call when done; nil and no error when there is no journal yet.
func (b *Book) reader() (*sql.DB, func(), error) {
	b.use.RLock()
	if b.file != nil {
		return b.file.db, b.use.RUnlock, nil
	}
	b.use.RUnlock()
	b.use.Lock()
	var err error
	switch {
	case b.closed:
		err = os.ErrClosed
	case b.file == nil:
		b.file, err = readBook(filepath.Join(b.dir, BookName))
	}
	b.use.Unlock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, family(err)
	}
	return b.reader()
}

// drop forgets a database whose connections can't be trusted any more; the next use opens it again. The caller holds b.mu.
func (b *Book) drop() {
	b.use.Lock()
	defer b.use.Unlock()
	b.file.close()
	b.file = nil
}

// tell keeps what was repaired.
func (b *Book) tell(n Notice) {
	if n.Code != "" {
		b.use.Lock()
		defer b.use.Unlock()
		b.notice = n
	}
}

// Notice says what was repaired when the journal was opened, or since.
func (b *Book) Notice() Notice {
	b.use.RLock()
	defer b.use.RUnlock()
	return b.notice
}

// Close releases the folder.
func (b *Book) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.use.Lock()
	defer b.use.Unlock()
	f := b.file
	b.file, b.closed = nil, true
	return f.close()
}

// read runs fn on one state of the journal, whatever is appended meanwhile. On a folder without a journal it does nothing.
func (b *Book) read(ctx context.Context, fn func(*sql.Conn) error) error {
	db, done, err := b.reader()
	if err != nil || db == nil {
		return err
	}
	defer done()
	c, err := db.Conn(ctx)
	if err != nil {
		return family(err)
	}
	defer c.Close()
	if err := start(ctx, c, "BEGIN"); err != nil {
		return family(err)
	}
	err = fn(c)
	if _, back := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); back != nil {
		discard(c)
		err = errors.Join(err, back)
	}
	return family(err)
}

// Head returns the signed head of the present chain, to be kept elsewhere: whoever has it can tell later whether the
// journal was shortened or rewritten. "" when there is no journal yet.
func (b *Book) Head(ctx context.Context) (string, error) {
	var token string
	err := b.read(ctx, func(c *sql.Conn) error {
		return c.QueryRowContext(ctx, "SELECT head FROM chain ORDER BY id DESC LIMIT 1").Scan(&token)
	})
	return token, err
}

// Device returns the present device; the zero value when there is no journal yet.
func (b *Book) Device(ctx context.Context) (Device, error) {
	var d Device
	err := b.read(ctx, func(c *sql.Conn) error {
		return c.QueryRowContext(ctx, "SELECT device, public FROM chain ORDER BY id DESC LIMIT 1").Scan(&d.ID, &d.PublicJWK)
	})
	if err != nil {
		return Device{}, err
	}
	d.Short = receipt.Short(d.ID)
	return d, nil
}

// MaxSettings is the longest that settings may be, in bytes.
const MaxSettings = 64 << 10

// Settings returns what SaveSettings stored last, nil when nothing was.
func (b *Book) Settings(ctx context.Context) ([]byte, error) {
	var data []byte
	err := b.read(ctx, func(c *sql.Conn) error {
		err := c.QueryRowContext(ctx, "SELECT data FROM settings").Scan(&data)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// SaveSettings stores the counter's settings, durably. This package does not look into them. Errors are of ErrNotRecorded.
func (b *Book) SaveSettings(ctx context.Context, data []byte) error {
	if len(data) > MaxSettings {
		return &NotRecorded{CauseRefused, errors.New("mirror: settings too long")}
	}
	if data == nil {
		data = []byte{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.write(ctx, func(c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "INSERT INTO settings (id, data) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data", data)
		return err
	})
}

// headKey reads a device's public key.
func headKey(jwk []byte) (*signing.PublicKey, error) {
	key, err := signing.ParseJWK(jwk)
	if err != nil {
		return nil, err
	}
	key.Kind = journal.HeadKind
	return key, nil
}
