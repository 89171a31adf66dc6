package userpool

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// The bounds of what is written later. Anybody can be refused as often as he
// likes, so the refusals of those who proved nothing are bounded per minute, by
// address block and in all; beyond that they are counted only.
const (
	lateQueue      = 4096 // rows that may wait
	lateBatch      = 256  // rows of one transaction
	lateAfter      = 50 * time.Millisecond
	lateRetry      = time.Second
	tellDropped    = time.Minute
	refusedMinute  = 3000
	refusedAddress = 120
)

// The operation and the reason of the row that tells of rows that there are not.
const (
	operationTrail = "AuditTrail"
	reasonOverload = "Overload"
)

// lateRow is a row that no transaction of its call has written. One that amends
// replaces the call's row, which tells another outcome.
type lateRow struct {
	row    AuditRow
	amends bool

	decision *guard.Entry // of the guard, which refused; nil for none
	forged   string       // the key of an address whose proof was none
}

// trail is what a Service keeps of the audit trail in memory. The zero trail
// drops every row.
type trail struct {
	count atomic.Uint32 // for ids
	late  chan lateRow
	lost  atomic.Uint64 // rows dropped since the start

	mu      sync.Mutex // guards the fields below
	minute  int64      // that the next two count in, since 1970
	refused int
	from    map[string]int // refused, by address; at most as many as refused
	dropped int            // since that was last told
}

// put hands a row to the writer. It never waits.
func (t *trail) put(r lateRow) {
	if r.row.Outcome == OutcomeRefused && r.row.ActorKind == ActorAnonymous && !t.admit(r.row) {
		return
	}
	select {
	case t.late <- r:
	default:
		t.drop(1)
	}
}

// admit counts a refusal and says whether it gets a row.
func (t *trail) admit(r AuditRow) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := r.At.Unix() / 60; minute > t.minute || t.from == nil {
		t.minute, t.refused, t.from = minute, 0, make(map[string]int)
	}
	if t.refused >= refusedMinute || t.from[r.Address] >= refusedAddress {
		t.dropped++
		t.lost.Add(1)
		return false
	}
	t.refused++
	t.from[r.Address]++
	return true
}

// drop counts rows that are given up.
func (t *trail) drop(n int) {
	t.lost.Add(uint64(n))
	t.tellLater(n)
}

// tellLater has it told that so many rows were dropped.
func (t *trail) tellLater(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropped += n
}

func (t *trail) takeDropped() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.dropped
	t.dropped = 0
	return n
}

// waiting takes at most a batch of what waits.
func (t *trail) waiting() (batch []lateRow) {
	for len(batch) < lateBatch {
		select {
		case r := <-t.late:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// runTrail writes late rows, those of a moment in one transaction, until ctx
// ends; what waits then is written first.
func (s *Service) runTrail(ctx context.Context) error {
	tick := time.NewTicker(tellDropped)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.FlushAudit(ctx)
			return nil
		case <-tick.C:
			s.tellOfDropped(ctx)
		case first := <-s.trail.late:
			if len(s.trail.late) < lateBatch { // else more would be dropped than come in a pause
				pause(ctx, lateAfter)
			}
			s.writeLate(ctx, append([]lateRow{first}, s.trail.waiting()...))
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// FlushAudit writes what waits of the audit trail. Run does so by itself; a tool
// that does not run the background work calls it before it ends. It gives up
// soon on a store that takes no writes, so that the tool can say why it failed.
func (s *Service) FlushAudit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	for batch := s.trail.waiting(); len(batch) > 0; batch = s.trail.waiting() {
		s.writeLate(ctx, batch)
	}
	s.tellOfDropped(ctx)
}

// writeLate writes a batch, even when ctx has ended, but soon then. While the store
// is too busy it tries again; more rows may be dropped meanwhile.
func (s *Service) writeLate(ctx context.Context, batch []lateRow) {
	longer, cancel := outlasting(ctx, finishWithin)
	defer cancel()
	for {
		stopping := ctx.Err() != nil
		err := s.storeLate(longer, batch)
		if err == nil {
			return
		}
		if stopping || longer.Err() != nil || !fault.Is(err, fault.Unavailable) {
			s.trail.drop(len(batch))
			s.log.Error("audit: rows are lost", "rows", len(batch), "error", err)
			return
		}
		pause(ctx, lateRetry)
	}
}

func (s *Service) storeLate(ctx context.Context, batch []lateRow) error {
	for _, r := range batch {
		s.lateForLogs(r.row)
	}
	return s.store.Update(ctx, func(tx Tx) error {
		for _, r := range batch {
			store := tx.InsertAudit // if its transaction committed after all, that row stands
			if r.amends {
				store = tx.PutAudit
			}
			if err := store(ctx, r.row); err != nil {
				return err
			}
			if err := s.storeDecided(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// storeDecided writes what the guard decided in a transaction that was rolled back.
func (s *Service) storeDecided(ctx context.Context, tx Tx, r lateRow) error {
	if r.forged != "" {
		if err := guard.SpendProof(ctx, tx, guard.Party{Address: r.forged}, r.row.At); err != nil {
			return err
		}
	}
	if r.decision == nil {
		return nil
	}
	if r.decision.Verdict == guard.StepUp {
		if err := guard.SpendDemand(ctx, tx, r.decision.Ask.Party, r.decision.At); err != nil {
			return err
		}
	}
	return tx.InsertDecisions(ctx, []guard.Entry{*r.decision})
}

// tellOfDropped writes one row that says how many there are not, and logs it.
func (s *Service) tellOfDropped(ctx context.Context) {
	n := s.trail.takeDropped()
	if n == 0 {
		return
	}
	s.log.Warn("audit: refusals are too many to write down one by one, or the store is too slow", "dropped", n)
	at := s.now()
	row := AuditRow{
		ID: s.newAuditID(at), At: at, Operation: operationTrail, ActorKind: ActorSystem,
		Outcome: OutcomeFailed, Reason: reasonOverload, Detail: detailText(map[string]any{"dropped": n}),
	}
	if err := s.storeLate(ctx, []lateRow{{row: row}}); err != nil {
		s.trail.tellLater(n)
		s.log.Error("audit: cannot tell of dropped rows", "error", err)
	}
}

// sweepTrail deletes the rows that are older than the retention.
func (s *Service) sweepTrail(ctx context.Context) error {
	if s.auditRetention == 0 {
		return nil
	}
	below := firstAuditID(s.now().Add(-s.auditRetention))
	if err := s.loseLogs(ctx, below); err != nil {
		return err
	}
	for {
		var n int
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			n, err = tx.SweepAudit(ctx, below, sweepLimit)
			return err
		})
		if err != nil || n < sweepLimit {
			return err
		}
		pause(ctx, sweepRest)
	}
}

// AuditPage asks the store for rows of the trail with ids between the two, both
// excluded. At most one of Pool, User and NameHash is set, and picks rows.
type AuditPage struct {
	Pool         PoolID
	User         UserID
	NameHash     string
	Above, Below AuditID // Below "" for no end
	Newest       bool    // newest first, else oldest first
	Limit        int
}

// AuditFilter says which rows of the trail are wanted; zero members pick all.
type AuditFilter struct {
	Pool      PoolID
	User      UserID
	Name      string // a sign-in name in any spelling
	Operation string
	Actor     string
	Outcome   Outcome
	Since     time.Time // from then on
	Until     time.Time // before then
	Newest    bool      // newest first, else oldest first
}

// auditPageRows is how many rows one transaction reads.
const auditPageRows = 500

// Audit reads the trail, page by page: each page is a short transaction of its
// own, so that a long export holds up nobody.
func (s *Service) Audit(ctx context.Context, f AuditFilter) iter.Seq2[AuditRow, error] {
	return func(yield func(AuditRow, error) bool) {
		for page := s.firstPage(f); ; {
			var rows []AuditRow
			err := s.store.View(ctx, func(tx Tx) (err error) {
				rows, err = tx.Audit(ctx, page)
				return err
			})
			if err != nil {
				yield(AuditRow{}, err)
				return
			}
			for _, r := range rows {
				if f.picks(r) && !yield(r, nil) {
					return
				}
			}
			if len(rows) < page.Limit {
				return
			}
			page = page.after(rows[len(rows)-1].ID)
		}
	}
}

// firstPage is where a filter begins to read: by the key that picks fewest.
func (s *Service) firstPage(f AuditFilter) AuditPage {
	page := AuditPage{Newest: f.Newest, Limit: auditPageRows}
	if !f.Since.IsZero() {
		page.Above = firstAuditID(f.Since)
	}
	if !f.Until.IsZero() {
		page.Below = firstAuditID(f.Until)
	}
	switch {
	case f.Name != "":
		page.NameHash = s.nameHash(f.Name)
	case f.User != "":
		page.User = f.User
	default:
		page.Pool = f.Pool
	}
	return page
}

func (p AuditPage) after(last AuditID) AuditPage {
	if p.Newest {
		p.Below = last
	} else {
		p.Above = last
	}
	return p
}

func (f AuditFilter) picks(r AuditRow) bool {
	return (f.Pool == "" || r.PoolID == f.Pool) &&
		(f.User == "" || r.UserID == f.User) &&
		(f.Operation == "" || r.Operation == f.Operation) &&
		(f.Actor == "" || r.Actor == f.Actor) &&
		(f.Outcome == "" || r.Outcome == f.Outcome)
}
