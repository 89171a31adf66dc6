package sqlstore

import (
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// gather has a commit reach the write-ahead log in one write. SQLite writes the header
// and the page of each frame by themselves: some fifty calls of the system for a commit
// that sign-ins share, which take longer than the disk does.
//
// It stands before the methods of the log's file, on the writing connection alone, and
// holds back what follows on what was written last, while a commit runs and no longer:
// pages that a large transaction puts into the log before its end go there at once.
// Before anything else is done to the file, what is held back is written. The sync that
// ends a commit (synchronous is full) is such a thing, and only after it SQLite tells
// other connections of the frames. A write that fails so fails the sync, and with it the
// commit, as it would have by itself. What was not written is forgotten then: SQLite
// has taken the transaction back.
//
// It lies in the library's memory, the methods first: a file points to its methods, and
// by that to this.
type gather struct {
	methods sqlite3.Tsqlite3_io_methods
	below   sqlite3.Tsqlite3_io_methods // the file's own

	on   bool
	at   int64   // where what is held back belongs
	held int32   // bytes
	room uintptr // of gatherBytes
	size int64   // of the log as the last commit left it; 0 before the first
}

// gatherBytes is the most that SQLite itself writes at once; it costs far more than the
// call of the system does.
const gatherBytes = 1<<17 - 1

// gatherWrites puts a gather before the log of a connection that has read the file. There
// is no log where the file's place cannot have one.
func (c *liteConn) gatherWrites() error {
	out := c.tls.Alloc(ptrSize)
	defer c.tls.Free(ptrSize)
	if rc := sqlite3.Xsqlite3_file_control(c.tls, c.db, 0, sqlite3.SQLITE_FCNTL_JOURNAL_POINTER, out); rc != sqlite3.SQLITE_OK {
		return c.result(rc)
	}
	log := (*sqlite3.Tsqlite3_file)(place(*(*uintptr)(place(out))))
	if log.FpMethods == 0 {
		return nil
	}
	size := unsafe.Sizeof(gather{})
	at := libc.Xmalloc(c.tls, types.Size_t(size+gatherBytes))
	if at == 0 {
		return &liteError{sqlite3.SQLITE_NOMEM, "out of memory"}
	}
	own := *(*sqlite3.Tsqlite3_io_methods)(place(log.FpMethods))
	c.gather = (*gather)(place(at))
	*c.gather = gather{methods: own, below: own, room: at + size}
	m := &c.gather.methods
	m.FxRead, m.FxWrite = callback(gatherRead), callback(gatherWrite)
	m.FxTruncate, m.FxSync = callback(gatherTruncate), callback(gatherSync)
	m.FxFileSize = callback(gatherFileSize)
	log.FpMethods = at
	return nil
}

// commit ends a transaction, with its frames gathered.
func (c *liteConn) commit() error {
	if c.gather != nil {
		c.gather.on = true
		defer c.gather.end()
	}
	_, err := c.exec("commit")
	return err
}

// end is after a commit. One that came to its sync has nothing held back any more.
func (g *gather) end() { g.on, g.held = false, 0 }

// free is after the file was closed.
func (g *gather) free(tls *libc.TLS) {
	if g != nil {
		libc.Xfree(tls, uintptr(unsafe.Pointer(g)))
	}
}

func gatherOf(file uintptr) *gather {
	return (*gather)(place((*sqlite3.Tsqlite3_file)(place(file)).FpMethods))
}

func gatherWrite(tls *libc.TLS, file, data uintptr, n int32, at int64) int32 {
	g := gatherOf(file)
	if at != g.at+int64(g.held) || g.held+n > gatherBytes {
		if rc := g.flush(tls, file); rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	if !g.on || n > gatherBytes {
		return method[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](g.below.FxWrite)(tls, file, data, n, at)
	}
	if g.held == 0 {
		g.at = at
	}
	copy(memory(g.room+uintptr(g.held), int(n)), memory(data, int(n)))
	g.held += n
	g.size = at + int64(n)
	return sqlite3.SQLITE_OK
}

// flush writes what is held back.
func (g *gather) flush(tls *libc.TLS, file uintptr) int32 {
	n := g.held
	if n == 0 {
		return sqlite3.SQLITE_OK
	}
	g.held = 0
	return method[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](g.below.FxWrite)(tls, file, g.room, n, g.at)
}

func gatherRead(tls *libc.TLS, file, data uintptr, n int32, at int64) int32 {
	g := gatherOf(file)
	if rc := g.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](g.below.FxRead)(tls, file, data, n, at)
}

func gatherTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	g := gatherOf(file)
	if rc := g.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, int64) int32](g.below.FxTruncate)(tls, file, size)
}

func gatherSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	g := gatherOf(file)
	if rc := g.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, int32) int32](g.below.FxSync)(tls, file, flags)
}

func gatherFileSize(tls *libc.TLS, file, size uintptr) int32 {
	g := gatherOf(file)
	if rc := g.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, uintptr) int32](g.below.FxFileSize)(tls, file, size)
}

// callback is a function of the top level as the library points to it.
func callback(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// method is the function that the library points to so.
func method[F any](at uintptr) F { return *(*F)(unsafe.Pointer(&at)) }
