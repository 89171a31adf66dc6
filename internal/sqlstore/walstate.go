package sqlstore

import (
	"errors"
	"sync/atomic"
	"unsafe"

	sqlite3 "modernc.org/sqlite/lib"
)

// fileStates tells a transaction on an SQLite file, without a statement, that the
// configuration in it is still the one that another transaction has read.
//
// Every commit, whoever's, gives the file a new head: the header of the wal-index, which
// lies in memory that all processes map. A transaction has a copy of the one that its
// snapshot is on. The writer of this process knows by it whether another process has
// written since its own last commit. Where none has, and where none of its own Updates
// has touched a configuration, that is the same under the new head as under the old one.
// And so it is, to a View, as long as the head is the last one that the writer has left.
//
// What can be said of a head says a fileState, and of none but the last one.
type fileStates struct {
	heads  uintptr // the head that the file has now, twice, in memory that is mapped while the writer's connection is open; 0: nowhere
	now    atomic.Pointer[fileState]
	number atomic.Uint64 // of the last configuration
}

// fileState is a head and the number that this process has given to the configuration
// under it, which no other configuration has. Its schema is the one that this program
// knows.
type fileState struct {
	head   walHead
	config uint64
}

type walHead = sqlite3.TWalIndexHdr

// on is the state under the head, if it is known.
func (f *fileStates) on(head walHead) *fileState {
	if s := f.now.Load(); s != nil && s.head == head && head.FisInit != 0 {
		return s
	}
	return nil
}

// found makes a head the last one, of which nothing else is known.
func (f *fileStates) found(head walHead) *fileState {
	s := &fileState{head, f.number.Add(1)}
	f.now.Store(s)
	return s
}

// foundSince is found for one who is not the writer, and whose snapshot began after the
// state before was the last: nil where another has become that since.
func (f *fileStates) foundSince(before *fileState, head walHead) *fileState {
	s := &fileState{head, f.number.Add(1)}
	if !f.now.CompareAndSwap(before, s) {
		return nil
	}
	return s
}

// moved notes that the writer has committed from a state, nil if the configuration may
// have changed since.
func (f *fileStates) moved(head walHead, from *fileState) {
	if from == nil {
		f.found(head)
		return
	}
	f.now.Store(&fileState{head, from.config})
}

// still is the last state, if the file is in it at this moment. The writer's connection
// must not be closed meanwhile.
//
// Who writes the heads changes the second first and the first last (sqlite.org/walformat.html,
// 2.1), so that one who finds both unchanged has looked before that.
func (f *fileStates) still() *fileState {
	s := f.now.Load()
	if s == nil || f.heads == 0 {
		return nil
	}
	const words = unsafe.Sizeof(s.head) / 4
	want := unsafe.Slice((*uint32)(unsafe.Pointer(&s.head)), words)
	for i := range 2 * words {
		if atomic.LoadUint32((*uint32)(place(f.heads+4*i))) != want[i%words] {
			return nil
		}
	}
	return s
}

// confirm notes of something that was read, or found to be unchanged, which
// configuration it is of.
func (s *fileState) confirm(known *atomic.Uint64) {
	if s != nil && known.Load() != s.config {
		known.Store(s.config)
	}
}

// wal is a connection's part in the write-ahead log; nil while there is none.
func (c *liteConn) wal() *sqlite3.TWal {
	db := (*sqlite3.Tsqlite3)(place(c.db))
	main := (*sqlite3.TDb)(place(db.FaDb))
	tree := (*sqlite3.TBtree)(place(main.FpBt))
	shared := (*sqlite3.TBtShared)(place(tree.FpBt))
	pager := (*sqlite3.TPager)(place(shared.FpPager))
	return (*sqlite3.TWal)(place(pager.FpWal))
}

// head is the one that the connection's transaction is on, or its last one was.
func (c *liteConn) head() (none walHead) {
	if wal := c.wal(); wal != nil {
		return wal.Fhdr
	}
	return none
}

// heads is where the wal-index begins, 0 if the connection has not mapped it.
func (c *liteConn) heads() uintptr {
	wal := c.wal()
	if wal == nil || wal.FnWiData == 0 {
		return 0
	}
	return *(*uintptr)(place(wal.FapWiData))
}

// lateView is the connection of a View that begins with its first statement: many Views
// need none, since all that they read is at hand.
type lateView struct {
	*liteConn
	tx     *tx
	states *fileStates
	before *fileState // the last one when the View began

	begun, placed bool
	failed        bool // a statement has, and the engine may have left the transaction
}

// errConfigMoved ends a View that took the configuration for what it is no more.
var errConfigMoved = errors.New("the configuration has changed")

func (v *lateView) query(query string, args []any, scan func(row) error) error {
	err := v.begin()
	if err == nil {
		err = v.liteConn.query(query, args, scan)
	}
	return v.place(err)
}

func (v *lateView) exec(query string, args ...any) (n int64, err error) {
	if err = v.begin(); err == nil {
		n, err = v.liteConn.exec(query, args...)
	}
	return n, v.place(err)
}

func (v *lateView) later(query string, args ...any) error {
	_, err := v.exec(query, args...)
	return err
}

func (v *lateView) askLater(query string, args []any, scan func(row) error) error {
	return v.query(query, args, scan)
}

func (v *lateView) begin() error {
	if v.begun {
		return nil
	}
	_, err := v.liteConn.exec("begin")
	v.begun = err == nil
	return err
}

// start begins the snapshot and finds out on which state it is.
func (v *lateView) start() error {
	v.placed = true
	err := v.begin()
	if err == nil {
		err = known(v.liteConn)
	}
	if err != nil {
		v.failed = true
		return err
	}
	head := v.head()
	if v.tx.file = v.states.on(head); v.tx.file == nil {
		v.tx.file = v.states.foundSince(v.before, head)
	}
	return nil
}

// place is told after each statement how it ended, and checks after the first.
func (v *lateView) place(err error) error {
	if err == nil && !v.placed {
		err = v.check()
	}
	if err != nil {
		v.failed = true
	}
	return err
}

// check finds out whether the snapshot is on the state that the View was taken to be on.
// Where it is on another, what was taken for its configuration must still be that.
func (v *lateView) check() error {
	took := v.tx.file
	v.placed = true
	if took.head == v.head() {
		return nil
	}
	if err := v.start(); err != nil {
		return err
	}
	if is := v.tx.file; is != nil && is.config == took.config {
		return nil
	}
	for _, s := range v.tx.seen {
		now, err := number(v.liteConn, sqlConfigVersion, s.Pool)
		if err != nil {
			return err
		}
		if now != s.Version {
			return errConfigMoved
		}
	}
	return nil
}
