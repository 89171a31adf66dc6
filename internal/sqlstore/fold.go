package sqlstore

// folder copies the write-ahead log into the database file beside the writer, on a
// connection of its own, before the writer has to: that is a thousand pages and the
// disk's wait for them, in which nobody would be answered. Only when all of the log is
// copied can it begin again, and under load there is always something new in it. So the
// writer's own checkpoint (see writerPragmas) stays, and finds the last few pages to do.
type folder struct {
	conn *liteConn
	free func()        // makes way for the copying
	wake chan struct{} // closed when there is nothing more to do
	done chan struct{} // closed when the goroutine has ended

	asked int64 // the writer's: how long the log was when it last woke the folder
}

// A log of which size the folder begins to copy, and how much it has grown when the
// folder is to go on.
const (
	frameBytes = 24 + 4096
	foldFrom   = (autoCheckpoint - 400) * frameBytes
	foldAgain  = 200 * frameBytes
)

func newFolder(c *liteConn, free func()) *folder {
	f := &folder{conn: c, free: free, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go f.run()
	return f
}

func (f *folder) run() {
	defer close(f.done)
	for range f.wake {
		f.free()
		f.conn.exec("pragma wal_checkpoint(passive)") // what fails here is tried by the writer
	}
}

// note is told after a commit how long the log is. It never waits.
func (f *folder) note(size int64) {
	if size < f.asked {
		f.asked = 0 // it has begun again
	}
	if size < max(foldFrom, f.asked+foldAgain) {
		return
	}
	f.asked = size
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *folder) close() error {
	close(f.wake)
	<-f.done
	return f.conn.close()
}
