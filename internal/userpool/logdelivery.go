package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// Log delivery is SetLogDeliveryConfiguration with something behind it: what the
// audit trail has of a pool is handed on, event by event, to where the pool's
// configuration points. The trail itself is the queue. A cursor in the store says how
// far a pool's events have gone; one server at a time moves it, and only after all
// before it has arrived. So what waits takes no memory, no sign-in waits for who
// takes it, and after a crash some events come twice and none is missing.

// The sources of events.
const (
	LogAuthEvents    = "userAuthEvents"
	LogNotifications = "userNotification"
)

// The kinds of destinations, as Cognito has them. Each is an ARN here and no more.
const (
	LogGroup  = "log group"
	LogBucket = "bucket"
	LogStream = "stream"
)

// LogDelivery is where the events of one source of a pool go, and how far they have
// gone.
type LogDelivery struct {
	PoolID PoolID
	Source string
	Place  int // among the pool's, from 0
	Level  string
	Kind   string
	ARN    string

	Cursor   AuditID // up to where they have arrived
	Lost     int     // those that the retention took before they could
	Failures int     // tries in a row
	DueAt    time.Time
}

// LogSink takes events.
type LogSink interface {
	// Leads says whether the ARN leads anywhere.
	Leads(arn string) bool
	// Deliver hands over a batch. It returns nil once all of it is safe; else all of it
	// is delivered again, perhaps with more.
	Deliver(ctx context.Context, arn string, batch []LogEvent) error
}

// LogEvent is an event on its way. One of the two is set.
type LogEvent struct {
	Auth        *AuthEvent
	Undelivered *Undelivered
}

// Row is the row of the trail that the event is.
func (e LogEvent) Row() AuditRow {
	if e.Auth != nil {
		return e.Auth.Row
	}
	return e.Undelivered.Row
}

// Undelivered is a message that did not reach its reader.
type Undelivered struct {
	Row      AuditRow `json:"-"`      // Masked is whom it was for, Reason why not
	Medium   string   `json:"medium"` // SMS or EMAIL
	Purpose  string   `json:"purpose"`
	Provider string   `json:"provider"` // "" where nobody was asked
	Message  string   `json:"message"`  // its id
}

// OperationMessage is the operation of rows that tell of messages which did not
// arrive. There are some only of pools that have them delivered.
const OperationMessage = "DeliverMessage"

const (
	logEvery   = 5 * time.Second // between two looks for new events
	logLease   = time.Minute     // a batch that a server has taken is another's after that
	logTimeout = 15 * time.Second
	logBatch   = 200 // rows at a time
	logWorkers = 8   // destinations under way at once
	// logSettle is how old a row is before it is delivered: rows are in the order in
	// which calls began, and none that began earlier may be written later. A request
	// takes 25 s at most.
	logSettle  = 40 * time.Second
	logBackoff = 5 * time.Minute // the longest wait after a failure
)

// SetLogDelivery puts configurations in the place of the pool's. Events of a source
// that was configured before go on where they were; others begin now. One that leads
// nowhere is kept all the same: infrastructure code must find what it sent.
func (s *Service) SetLogDelivery(ctx context.Context, pool PoolID, all []LogDelivery) error {
	at := s.now()
	for i := range all {
		all[i].PoolID, all[i].Place, all[i].DueAt = pool, i, at
		all[i].Cursor = firstAuditID(at)
		if slices.ContainsFunc(all[:i], func(d LogDelivery) bool { return d.Source == all[i].Source }) {
			return fault.New(fault.InvalidParameter, "There can be one log configuration of %s, and there are two.", all[i].Source)
		}
	}
	err := s.store.Update(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, pool); err != nil {
			return err
		}
		before, err := tx.LogDeliveries(ctx, pool)
		if err != nil {
			return err
		}
		fresh := slices.Clone(all)
		for i := range fresh {
			for _, old := range before {
				if old.Source == fresh[i].Source {
					fresh[i].Cursor, fresh[i].Lost = old.Cursor, old.Lost
				}
			}
		}
		return tx.SetLogDeliveries(ctx, pool, fresh)
	})
	if err != nil {
		return err
	}
	for _, d := range all {
		if s.logs == nil || !s.logs.Leads(d.ARN) {
			s.log.Warn("log delivery: the destination leads nowhere, so nothing is delivered; see --log-delivery", "pool", pool, "source", d.Source, "destination", d.ARN)
		}
	}
	return nil
}

// LogDelivery returns the log configurations of the pool, in its order.
func (s *Service) LogDelivery(ctx context.Context, pool PoolID) (all []LogDelivery, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, pool); err != nil {
			return err
		}
		all, err = tx.LogDeliveries(ctx, pool)
		return err
	})
	return all, err
}

// LogDeliveries returns the log configurations of all pools.
func (s *Service) LogDeliveries(ctx context.Context) (all []LogDelivery, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		all, err = tx.LogDeliveries(ctx, "")
		return err
	})
	return all, err
}

// runLogs delivers events until ctx ends. Each destination has a goroutine of its
// own while it is under way, so that one that hangs holds up no other.
func (s *Service) runLogs(ctx context.Context) error {
	if s.logs == nil {
		return nil
	}
	var under sync.WaitGroup
	defer under.Wait()
	room := make(chan struct{}, logWorkers)
	return s.every(ctx, logEvery, nil, "log delivery", func(ctx context.Context) error {
		due, err := s.dueLogs(ctx)
		if err != nil {
			return err
		}
		for _, d := range due {
			select {
			case room <- struct{}{}:
			default:
				return nil // the rest at the next look, when they have waited longest
			}
			under.Go(func() {
				defer func() { <-room }()
				if err := s.deliverLogs(ctx, d); err != nil && ctx.Err() == nil {
					s.log.Error("log delivery: the store fails", "pool", d.PoolID, "source", d.Source, "error", err)
				}
			})
		}
		return nil
	})
}

// dueLogs are the configurations for which something waits, and that nobody has
// taken. An idle server looks, and does not write.
func (s *Service) dueLogs(ctx context.Context) (due []LogDelivery, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		due = nil
		all, err := tx.LogDeliveries(ctx, "")
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.DueAt.After(at) || !s.logs.Leads(d.ARN) {
				continue
			}
			rows, err := tx.Audit(ctx, d.next(at, 1))
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				due = append(due, d)
			}
		}
		slices.SortStableFunc(due, func(a, b LogDelivery) int { return a.DueAt.Compare(b.DueAt) })
		return nil
	})
	return due, err
}

// next is the page of the trail that follows on what has arrived.
func (d LogDelivery) next(at time.Time, limit int) AuditPage {
	return AuditPage{Pool: d.PoolID, Above: d.Cursor, Below: firstAuditID(at.Add(-logSettle)), Limit: limit}
}

// deliverLogs claims a configuration and delivers what waits for it, batch by batch.
func (s *Service) deliverLogs(ctx context.Context, d LogDelivery) error {
	at := s.now()
	claimed := false
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		d, claimed, err = tx.ClaimLogDelivery(ctx, d.PoolID, d.Source, at, at.Add(logLease))
		return err
	})
	for more := claimed; err == nil && more; {
		d, more, err = s.deliverBatch(ctx, d)
	}
	return err
}

// deliverBatch delivers one batch, and says whether the next one is this server's.
func (s *Service) deliverBatch(ctx context.Context, d LogDelivery) (LogDelivery, bool, error) {
	at := s.now()
	var rows []AuditRow
	err := s.store.View(ctx, func(tx Tx) (err error) {
		rows, err = tx.Audit(ctx, d.next(at, logBatch))
		return err
	})
	if err != nil {
		return d, false, err
	}
	to := d
	to.Failures, to.DueAt = 0, at
	more := len(rows) == logBatch
	if len(rows) > 0 {
		to.Cursor = rows[len(rows)-1].ID
	}
	if batch := d.events(rows); len(batch) > 0 {
		failed := s.handOverLogs(ctx, d, batch)
		at = s.now()
		to.DueAt = at
		switch {
		case failed != nil && ctx.Err() != nil: // the server stops; another goes on
			to, more = d, false
			to.DueAt = at
		case failed != nil:
			to, more = d, false
			to.Failures++
			to.DueAt = at.Add(logRetryAfter(to.Failures))
		}
	}
	if more {
		to.DueAt = at.Add(logLease)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	moved := false
	err = s.store.Update(ctx, func(tx Tx) (err error) {
		if moved, err = tx.MoveLogDelivery(ctx, d.Cursor, to); err != nil || moved || to.Cursor == d.Cursor {
			return err
		}
		moved, err = moveTaken(ctx, tx, to)
		return err
	})
	return to, more && moved, err
}

// moveTaken moves a cursor that the retention has moved meanwhile (see loseLogs), if not
// beyond what its destination has taken: that would be delivered again.
func moveTaken(ctx context.Context, tx Tx, to LogDelivery) (moved bool, err error) {
	d, err := presentLogDelivery(ctx, tx, to)
	if err != nil || d.ARN != to.ARN || d.Cursor >= to.Cursor {
		return false, err
	}
	to.Lost = d.Lost
	return tx.MoveLogDelivery(ctx, d.Cursor, to)
}

// presentLogDelivery is a configuration as it is now, a zero one if there is none any more.
func presentLogDelivery(ctx context.Context, tx Tx, of LogDelivery) (none LogDelivery, err error) {
	all, err := tx.LogDeliveries(ctx, of.PoolID)
	for _, d := range all {
		if d.Source == of.Source {
			return d, err
		}
	}
	return none, err
}

// handOverLogs hands a batch over, and tells the operator when a destination stops
// taking any and when it does again.
func (s *Service) handOverLogs(ctx context.Context, d LogDelivery, batch []LogEvent) error {
	within, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	err := s.logs.Deliver(within, d.ARN, batch)
	about := []any{"pool", d.PoolID, "source", d.Source, "destination", d.ARN}
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Warn("log delivery: a destination takes no events; they wait in the audit trail", append(about, "tries", d.Failures+1, "error", err)...)
	case err == nil && d.Failures > 0:
		s.log.Info("log delivery: the destination takes events again", append(about, "after_tries", d.Failures)...)
	}
	return err
}

// logRetryAfter is the wait after so many failures.
func logRetryAfter(failures int) time.Duration {
	return min(logEvery<<min(failures-1, 10), logBackoff)
}

// events are those of the rows that are of the configuration's source.
func (d LogDelivery) events(rows []AuditRow) (all []LogEvent) {
	for _, r := range rows {
		if e, ok := d.event(r); ok {
			all = append(all, e)
		}
	}
	return all
}

func (d LogDelivery) event(r AuditRow) (LogEvent, bool) {
	switch d.Source {
	case LogAuthEvents:
		if e, ok := authEventOf(r); ok {
			return LogEvent{Auth: &e}, true
		}
	case LogNotifications:
		if r.Operation == OperationMessage {
			u := Undelivered{Row: r}
			_ = json.Unmarshal([]byte(r.Detail), &u) // our own words; what is missing is left out
			return LogEvent{Undelivered: &u}, true
		}
	}
	return LogEvent{}, false
}

// noteUndelivered writes the row of a message that did not arrive, in the transaction
// that gives it up, if the pool has such rows delivered.
func (s *Service) noteUndelivered(ctx context.Context, tx Tx, m Message, provider, code string, at time.Time) error {
	wanted, err := tx.LogDeliveries(ctx, m.PoolID)
	if err != nil || !slices.ContainsFunc(wanted, func(d LogDelivery) bool { return d.Source == LogNotifications }) {
		return err
	}
	user, err := readerOf(ctx, tx, m)
	if err != nil {
		return err
	}
	return tx.PutAudit(ctx, AuditRow{
		ID: s.newAuditID(at), At: at, Operation: OperationMessage, ActorKind: ActorSystem,
		PoolID: m.PoolID, ClientID: m.ClientID, UserID: user, NameHash: s.nameHash(m.To.Text()), Masked: m.To.Masked(),
		Outcome: OutcomeFailed, Reason: code,
		Detail: detailText(map[string]any{"medium": m.To.medium(), "purpose": string(m.Purpose.plain()), "provider": printable(provider), "message": string(m.ID)}),
	})
}

// noteFailedText is noteUndelivered for a text of which its provider says so. A text
// without a code has left nothing that says whom it was for.
func (s *Service) noteFailedText(ctx context.Context, tx Tx, t Text, code string, at time.Time) error {
	m := Message{ID: t.ID, PoolID: t.PoolID, ClientID: t.ClientID, Purpose: t.Purpose, Challenge: t.Challenge}
	if t.Challenge != "" {
		c, err := tx.Challenge(ctx, t.Challenge)
		if err := ignoreNotFound(err); err != nil {
			return err
		}
		m.To = c.To
	}
	return s.noteUndelivered(ctx, tx, m, t.Provider, code, at)
}

// readerOf is whom a message is for, "" where that is not known: an invitation's
// reader, for one, is known by his name alone.
func readerOf(ctx context.Context, tx Tx, m Message) (UserID, error) {
	if m.Challenge == "" {
		u, err := tx.UserByName(ctx, m.PoolID, m.To.Text())
		return u.ID, ignoreNotFound(err)
	}
	c, err := tx.Challenge(ctx, m.Challenge)
	if err != nil {
		return "", ignoreNotFound(err)
	}
	if c.Registration != "" {
		r, err := tx.Registration(ctx, c.Registration)
		return r.Sub, ignoreNotFound(err)
	}
	u, err := tx.User(ctx, m.PoolID, UserID(c.Subject))
	return u.ID, ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// loseLogs moves the cursors of events that the retention is about to take, and
// counts and tells what is lost with them. Of destinations that lead nowhere nothing
// is: nobody waits for it.
func (s *Service) loseLogs(ctx context.Context, below AuditID) error {
	if s.logs == nil {
		return nil
	}
	all, err := s.LogDeliveries(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Cursor >= below {
			continue
		}
		lost := 0
		if s.logs.Leads(d.ARN) {
			if lost, err = s.countLogs(ctx, d, below); err != nil {
				return err
			}
		}
		moved := false
		err := s.store.Update(ctx, func(tx Tx) error {
			moved = false
			now, err := presentLogDelivery(ctx, tx, d) // somebody may deliver it meanwhile: when it is due is his
			if err != nil || now.Cursor != d.Cursor {
				return err
			}
			now.Cursor, now.Lost = below, now.Lost+lost
			moved, err = tx.MoveLogDelivery(ctx, d.Cursor, now)
			return err
		})
		if err != nil {
			return err
		}
		if moved && lost > 0 {
			s.log.Error("log delivery: events are lost: the audit trail was swept before their destination took them", "pool", d.PoolID, "source", d.Source, "destination", d.ARN, "events", lost)
		}
	}
	return nil
}

// countLogs counts the events that wait with ids below.
func (s *Service) countLogs(ctx context.Context, d LogDelivery, below AuditID) (n int, err error) {
	for page := (AuditPage{Pool: d.PoolID, Above: d.Cursor, Below: below, Limit: auditPageRows}); ; {
		var rows []AuditRow
		err := s.store.View(ctx, func(tx Tx) (err error) {
			rows, err = tx.Audit(ctx, page)
			return err
		})
		if err != nil {
			return 0, err
		}
		n += len(d.events(rows))
		if len(rows) < page.Limit {
			return n, nil
		}
		page = page.after(rows[len(rows)-1].ID)
	}
}

// LogBacklog is what waits for destinations.
type LogBacklog struct {
	Lag     time.Duration // how long ago the oldest event that waits happened, beyond what every one waits; zero for none
	Failing int           // destinations that took nothing at the last try
	Lost    int           // events that were lost, of the configurations that there are
}

// logBacklog looks at the configurations whose destinations lead somewhere.
func (s *Service) logBacklog(ctx context.Context, tx Tx, at time.Time) (b LogBacklog, err error) {
	if s.logs == nil {
		return b, nil
	}
	all, err := tx.LogDeliveries(ctx, "")
	if err != nil {
		return b, err
	}
	for _, d := range all {
		if !s.logs.Leads(d.ARN) {
			continue
		}
		b.Lost += d.Lost
		if d.Failures > 0 {
			b.Failing++
		}
		rows, err := tx.Audit(ctx, d.next(at, 1))
		if err != nil {
			return b, err
		}
		for _, r := range rows {
			b.Lag = max(b.Lag, at.Sub(r.At)-logSettle)
		}
	}
	return b, nil
}

// lateForLogs tells of a row that is written so long after its call began that its
// events have gone by.
func (s *Service) lateForLogs(r AuditRow) {
	if s.logs != nil && AuthEventType(r.Operation) != "" && s.now().Sub(r.At) > logSettle {
		s.log.Warn("log delivery: a row of the audit trail was written too late to be delivered", "row", r.ID, "pool", r.PoolID)
	}
}
