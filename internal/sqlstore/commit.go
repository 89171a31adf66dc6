package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// writer runs every writing transaction, on one goroutine and one connection,
// and lets those that wait together share one commit: a commit costs a write to
// the disk, a transaction hardly anything.
//
// Each member of a batch runs in a savepoint, so that its failure takes back
// its own changes alone. The first needs none: there is nothing else to keep. Where the engine has left the whole transaction (disk
// full, I/O error), or the commit fails, all that the members have computed is
// void, their errors too, since a neighbour's lost row may have caused them.
// Then each runs again, once, alone. Nobody is answered before the commit.
type writer struct {
	conn   *liteConn
	ledger *ledger
	config *configCache
	file   *fileStates
	at     *fileState // that the transaction began on; nil once a member may have changed a configuration
	folder *folder
	batch  int
	done   chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex // guards closed, and sending on queue against its close
	closed bool
	queue  chan *member
}

// member is one Update on its way.
type member struct {
	ctx context.Context // the caller's
	fn  func(userpool.Tx) error

	mu   sync.Mutex // held while fn runs; guards left
	left bool       // the caller has gone: fn must not run, or not again

	err      error         // the writer's until done is closed, then the caller's
	answered bool          // the writer's
	done     chan struct{} // closed when err is final
}

var errExited = fault.Wrap(fault.Internal, errors.New("the function of an Update ended its goroutine"), "")

func newWriter(c *liteConn, f *folder, config *configCache, file *fileStates, batch, queue int) *writer {
	w := &writer{
		conn:   c,
		ledger: newLedger(c),
		config: config,
		file:   file,
		folder: f,
		batch:  batch,
		done:   make(chan struct{}),
		queue:  make(chan *member, queue),
	}
	go w.run()
	return w
}

// do is Update: it queues fn and waits for its outcome.
func (w *writer) do(ctx context.Context, fn func(userpool.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member{ctx: ctx, fn: fn, done: make(chan struct{})}
	if err := w.enqueue(m); err != nil {
		return err
	}
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return m.leave()
	}
}

// leave gives up waiting. It lets a running fn end first, for fn writes to what
// the caller reads; that is one statement at most, since the next is refused.
func (m *member) leave() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = true
	select {
	case <-m.done:
		return m.err
	default:
		return m.ctx.Err()
	}
}

func (w *writer) enqueue(m *member) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- m:
		return nil
	default:
		return errQueueFull
	}
}

// refuse turns away what comes from now on; what is queued is finished. It is
// false if that was said before.
func (w *writer) refuse() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.closed = true
	close(w.queue)
	return true
}

func (w *writer) run() {
	ended := false
	defer func() {
		if ended {
			close(w.done)
			return
		}
		go w.run() // a function ended the goroutine (a test's FailNow does)
	}()
	for {
		batch := w.next()
		if batch == nil {
			break
		}
		w.serve(batch)
	}
	ended = true
}

// next waits for a member and takes with it those that wait already. It is nil
// when the queue is closed and empty.
//
// It waits for nobody, but where processors are short it lets those run first who are
// ready to: some of them are about to join.
func (w *writer) next() []*member {
	first, ok := <-w.queue
	if !ok {
		return nil
	}
	runtime.Gosched()
	batch := []*member{first}
	for len(batch) < w.batch {
		select {
		case m, ok := <-w.queue:
			if !ok {
				return batch
			}
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// serve runs the batch and answers all its members.
func (w *writer) serve(batch []*member) {
	finished := false
	defer func() {
		if !finished {
			w.rollback()
			answer(batch, errExited)
		}
	}()
	switch err := w.together(batch); {
	case err == nil:
		answer(batch, nil)
	case len(batch) == 1 || errors.Is(err, errNotBegun):
		answer(batch, err)
	default:
		for _, m := range batch {
			answer([]*member{m}, w.together([]*member{m}))
		}
	}
	finished = true
}

// answer tells the members how it ended: their own way, or all with err.
func answer(batch []*member, err error) {
	for _, m := range batch {
		if m.answered {
			continue
		}
		if err != nil && m.err == nil {
			m.err = err
		}
		m.answered = true
		close(m.done)
	}
}

// errNotBegun marks that no transaction could be begun: nobody has run.
var errNotBegun = errors.New("begin")

// together runs the members in one transaction. An error means that nothing of
// any of them is stored.
func (w *writer) together(batch []*member) error {
	for _, m := range batch {
		m.err = nil
	}
	begun, shared := false, false // shared: with one who has done something
	for _, m := range batch {
		if !begun {
			if err := w.begin(); err != nil {
				return fmt.Errorf("%w: %w", errNotBegun, err)
			}
			begun = true
		}
		if err := w.attempt(m, shared); err != nil {
			w.rollback()
			return err
		}
		if m.err == nil {
			shared = true
		} else if !shared {
			w.undo()
			begun = false
		}
	}
	if !begun {
		return nil
	}
	if err := w.ledger.end(); err != nil {
		w.rollback()
		return err
	}
	if err := w.conn.commit(); err != nil {
		w.rollback()
		return err
	}
	w.file.moved(w.conn.head(), w.at)
	if g := w.conn.gather; g != nil {
		w.folder.note(g.size)
	}
	return nil
}

func (w *writer) begin() error {
	if _, err := w.conn.exec("begin immediate"); err != nil {
		return err
	}
	head := w.conn.head()
	if w.at = w.file.on(head); w.at != nil {
		return nil
	}
	if err := known(w.conn); err != nil {
		w.rollback()
		return err
	}
	w.at = w.file.found(head)
	return nil
}

// rollback ends the transaction, if the engine has not done so.
func (w *writer) rollback() {
	w.undo()
	w.ledger.forget()
}

// undo is rollback where only one member has run, which the ledger has dropped.
func (w *writer) undo() {
	w.conn.exec("rollback") // its one error is that there is none
	w.ledger.begun = false
}

// attempt runs one member, in a savepoint where it shares the transaction, and keeps
// its outcome in m.err. An error says that the transaction is lost for all.
func (w *writer) attempt(m *member, shared bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err = m.ctx.Err(); m.left || m.err != nil {
		return nil
	}
	if shared {
		if _, err := w.conn.exec("savepoint member"); err != nil {
			return err
		}
	}
	t := &tx{conn: w.conn, ledger: w.ledger, caller: m.ctx, config: w.config, file: w.at}
	m.err = call(t, m.fn)
	if t.configured { // also where it is taken back, in part or in whole
		w.at = nil
	}
	if m.err == nil {
		// Who stops waiting while his function runs has nothing stored.
		m.err = m.ctx.Err()
	}
	if m.err == nil {
		w.ledger.keep()
	} else {
		w.ledger.drop()
	}
	if !shared {
		return nil
	}
	if m.err != nil {
		if _, err := w.conn.exec("rollback to savepoint member"); err != nil {
			return errors.Join(m.err, err)
		}
	}
	_, err := w.conn.exec("release savepoint member")
	return err
}
