package sqlstore

import "time"

// A reading connection keeps its snapshot after a View, and the next View on it that
// finds the file unchanged (see fileStates.still) reads on it: to begin and to end one
// takes the system's locks, and costs as much as two rows.
//
// A snapshot holds up whoever wants to copy the log into the file and to begin it
// again. So none is kept where the folder is about to, and none for long, however many
// Views there are: while another process waits for its end to do so, nobody can write.
const (
	keptBelow = foldFrom / frameBytes // pages of the log
	keptFor   = 100 * time.Millisecond
)

// keptOn says whether the connection has kept a snapshot of the state, and drops that
// of another.
func (c *liteConn) keptOn(at *fileState) bool {
	if c.kept && (at == nil || at.head != c.head()) {
		c.drop()
	}
	return c.kept
}

// drop ends the snapshot that is kept, if there is one.
func (c *liteConn) drop() {
	if c.kept {
		c.kept = false
		c.exec("rollback") // nothing was written; an error shows at the next begin
	}
}

// leave ends a View, but keeps its snapshot if it may.
func (db *sqliteFile) leave(v *lateView) {
	v.kept = v.begun
	if v.failed || v.kept && (v.drops != db.drops.Load() || v.head().FmxFrame >= keptBelow) {
		v.drop()
	}
}

// giveBack ends the use of a connection. When the snapshot that it may have kept is to be
// dropped is settled only then, since who drops looks at connections that nobody uses.
func (db *sqliteFile) giveBack(c *liteConn) {
	kept := c.kept
	db.readers <- c
	if kept && db.dropping.CompareAndSwap(false, true) {
		time.AfterFunc(keptFor, func() {
			db.dropping.Store(false)
			db.dropKept()
		})
	}
}

// dropKept drops the snapshots of the connections that nobody uses at this moment. The
// others end with the Views that use them.
func (db *sqliteFile) dropKept() {
	db.drops.Add(1)
	for range cap(db.readers) {
		select {
		case c := <-db.readers:
			c.drop()
			db.readers <- c
		default:
			return
		}
	}
}
