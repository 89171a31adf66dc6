package userpool

import (
	"context"
	"sync"
	"time"
)

// A message that a transaction puts in the outbox is claimed by it, where this server
// has room to send one more, and is sent as soon as the transaction is committed: two
// transactions are spared, one to find it and one to claim it. Should the server die
// before it writes down what became of it, it is as any other that was claimed:
// another's when its lease is over, or this server's when it starts again. Where there
// is no room it waits in the outbox to be claimed.

// sends are the sends under way. Whoever has room has a promise that his message is
// sent now.
type sends struct {
	room    chan struct{} // one for each send under way, or about to be
	all     sync.WaitGroup
	results chan sent
	next    chan func() // sends, for whoever has ended his last

	mu  sync.Mutex      // guards ctx, and all's Add against its Wait
	ctx context.Context // of the sends; nil while the outbox does not run
}

func newSends() *sends { return &sends{room: make(chan struct{}, outboxWorkers)} }

// begin makes room for results, of which there are some until close.
func (x *sends) begin() <-chan sent {
	x.results, x.next = make(chan sent, outboxBatch), make(chan func())
	return x.results
}

// open lets messages be claimed by the transactions that put them in, until close.
func (x *sends) open(ctx context.Context) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ctx = ctx
}

// close lets what has room be sent, and takes no more.
func (x *sends) close() {
	x.mu.Lock()
	x.ctx = nil
	x.mu.Unlock()
	x.all.Wait()
	close(x.results)
	close(x.next)
}

// start has somebody send who waits for it, or else one more. A goroutine made anew for
// each text would have its stack copied in the middle of it: to post takes a deep one.
func (x *sends) start(send func()) {
	select {
	case x.next <- send:
	default:
		next := x.next
		go func() {
			for ; send != nil; send = <-next {
				send()
			}
		}()
	}
}

// reserve takes room, if there is some. The context is that of the sends in either case.
func (x *sends) reserve() (context.Context, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx == nil {
		return nil, false
	}
	select {
	case x.room <- struct{}{}:
		x.all.Add(1)
		return x.ctx, true
	default:
		return x.ctx, false
	}
}

// release gives room back.
func (x *sends) release() {
	<-x.room
	x.all.Done()
}

// roomFor waits for room to send a claimed message, as long as its lease allows.
func (s *Service) roomFor(m Message) bool {
	late := time.NewTimer(m.NextAt.Sub(s.now()) - sendTimeout)
	defer late.Stop()
	select {
	case s.sends.room <- struct{}{}:
	case <-late.C:
		return false
	}
	if s.leaseEnds(m) {
		<-s.sends.room
		return false
	}
	return true
}

// unclaim gives messages back that were claimed and not sent, to be claimed again at
// once: by a claim that is only let run out they may have been sent, for all that whoever
// sends them next can tell.
func (s *Service) unclaim(ctx context.Context, claimed []Message) error {
	return s.store.Update(ctx, func(tx Tx) error {
		for _, m := range claimed {
			if err := tx.UnclaimMessage(ctx, m.ID, m.NextAt, m.CreatedAt); err != nil {
				return err
			}
		}
		return nil
	})
}

// leaseEnds says whether the lease of a claimed message may be over before it is sent.
func (s *Service) leaseEnds(m Message) bool { return !s.now().Add(sendTimeout).Before(m.NextAt) }

// update runs an Update and sends what it put in the outbox.
func (s *Service) update(ctx context.Context, run func(context.Context, func(Tx) error) error, fn func(Tx) error) error {
	h := handover{s: s}
	var own error
	err := run(ctx, func(tx Tx) error {
		h.dropped() // by an earlier run, which was for nothing
		h.Tx = tx
		own = fn(&h)
		return own
	})
	switch {
	case own != nil:
		h.dropped()
	case err == nil && !h.isLate():
		h.committed()
	default:
		h.giveBack()
	}
	return err
}

// handover is a transaction that claims what it puts in the outbox.
type handover struct {
	Tx
	s      *Service
	ctx    context.Context // of the sends
	taken  []Message
	queued bool // a message is left in the outbox
}

func (h *handover) InsertMessage(ctx context.Context, m Message) error {
	sending, ok := h.s.sends.reserve()
	if sending != nil {
		h.ctx = sending
	}
	if !ok {
		h.queued = true
		return h.Tx.InsertMessage(ctx, m)
	}
	m.NextAt, m.Attempts = h.s.now().Add(outboxLease), m.Attempts+1 // its request may have begun long ago
	h.taken = append(h.taken, m)
	return h.Tx.InsertMessage(ctx, m)
}

func (h *handover) dropped() {
	for range h.taken {
		h.s.sends.release()
	}
	h.taken, h.queued = nil, false
}

func (h *handover) committed() {
	for _, m := range h.taken {
		h.s.sends.start(func() {
			defer h.s.sends.release()
			h.s.sends.results <- h.s.send(h.ctx, m)
		})
	}
	if h.queued {
		h.s.wake()
	}
}

// isLate says whether the transaction took so long that the lease may be over before the
// send is: another server may have claimed the message, or be about to.
func (h *handover) isLate() bool {
	return len(h.taken) > 0 && h.s.leaseEnds(h.taken[0])
}

// giveBack is for a transaction that is late, or of which its caller, who has gone, is not
// told whether it is stored. What it claimed, if it is there, is to be claimed again at
// once, and what it left in the outbox is looked for: on one server's store, when it is
// there. Where nothing is claimed it writes nothing, and nobody waits for it.
func (h *handover) giveBack() {
	if len(h.taken) == 0 && !h.queued || h.ctx == nil {
		return
	}
	go func() {
		defer h.dropped()
		if err := h.s.unclaim(h.ctx, h.taken); err != nil && len(h.taken) > 0 {
			h.s.log.Warn("outbox: messages wait for their lease to be over", "messages", len(h.taken), "error", err)
		}
		h.s.wake()
	}()
}
