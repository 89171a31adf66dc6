package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
)

// cellLife is how long a cell is kept that nothing changes: four of the half-lives
// in which what it knows fades.
const cellLife = 56 * 24 * time.Hour

// maxReads bounds how often fn may ask for what the runs before did not.
const maxReads = 8

// Update implements pack.Store in three round trips as a rule: what a first run of fn
// asks for is read in one batch, a run on that decides, and what it did is written,
// all at once but for the widest cell, which comes last since others want it most. A
// cell is written only as it was read; an amount is added only where there is room.
// Where either fails others were faster: what was written is taken back, and all
// begins anew.
func (s *Store) Update(ctx context.Context, now time.Time, fn func(pack.Tx) error) error {
	for race := range maxRaces {
		d, err := s.decided(ctx, now, fn)
		if err != nil {
			return err
		}
		done, err := s.store(ctx, d)
		if err != nil || done {
			return err
		}
		if err := pause(ctx, race); err != nil {
			return wrap("update", err)
		}
	}
	return wrap("update", errRaces)
}

// decided is a draft on which fn has run, with everything read that it asked for.
func (s *Store) decided(ctx context.Context, now time.Time, fn func(pack.Tx) error) (*draft, error) {
	read := map[place]item{}
	for range maxReads {
		d := newDraft(read, now)
		err := fn(d)
		if len(d.unread) == 0 {
			return d, err
		}
		if err := s.readAll(ctx, d.unread, read); err != nil {
			return nil, wrap("read", err)
		}
	}
	return nil, errors.New("table: what is asked for has no end")
}

// maxBatch is how many items DynamoDB returns at once.
const maxBatch = 100

// readAll adds the items at the places to those that were read.
func (s *Store) readAll(ctx context.Context, places map[place]bool, read map[place]item) error {
	var keys []item
	for at := range places {
		keys = append(keys, at.key())
		read[at] = nil
	}
	for len(keys) > 0 {
		n := min(len(keys), maxBatch)
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: keys[:n], ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return err
		}
		keys = keys[n:]
		for _, found := range out.Responses {
			for _, in := range found {
				read[placeOf(in)] = in
			}
		}
		for _, left := range out.UnprocessedKeys { // of a table that has too much to do
			keys = append(keys, left.Keys...)
			if err := pause(ctx, maxRaces); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause waits a moment that is another one for each who waits.
func pause(ctx context.Context, race int) error {
	most := min(5*time.Millisecond<<race, 100*time.Millisecond)
	wait := time.NewTimer(mathrand.N(most))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writes are what was written of a draft, so that it can be taken back.
type writes struct {
	mu      sync.Mutex // guards what is below
	cells   []*cell
	tallies []*tally
	lists   []*list
	raced   bool
	err     error
}

func (w *writes) cell(c *cell, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(ok, err)
	if ok {
		w.cells = append(w.cells, c)
	}
}

func (w *writes) tally(t *tally, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(ok, err)
	if ok {
		w.tallies = append(w.tallies, t)
	}
}

func (w *writes) list(l *list, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(ok, err)
	if ok {
		w.lists = append(w.lists, l)
	}
}

func (w *writes) outcome(ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(ok, err)
}

func (w *writes) note(ok bool, err error) {
	w.raced = w.raced || !ok
	w.err = errors.Join(w.err, err)
}

// store writes what fn did. It is false, and nothing is written, if others changed
// what fn went by.
func (s *Store) store(ctx context.Context, d *draft) (bool, error) {
	cells := d.changedCells()
	narrow, widest := cells[:max(len(cells)-1, 0)], cells[max(len(cells)-1, 0):]
	var w writes
	claims, kept := d.claims()
	for _, l := range claims {
		ok, err := s.putList(ctx, l)
		w.list(l, ok, err)
	}
	if !w.raced && w.err == nil {
		s.storeAll(ctx, d, narrow, kept, &w)
	}
	for _, c := range widest {
		if !w.raced {
			ok, err := s.putCell(ctx, c, d.now)
			w.cell(c, ok, err)
		}
	}
	if w.err == nil && !w.raced {
		return true, nil
	}
	err := errors.Join(w.err, s.takeBack(ctx, d, &w))
	return false, wrap("write", err)
}

func (s *Store) storeAll(ctx context.Context, d *draft, cells []*cell, lists []*list, w *writes) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range cells {
		all.Go(func() {
			ok, err := s.putCell(ctx, c, d.now)
			w.cell(c, ok, err)
		})
	}
	for _, t := range d.changedTallies() {
		all.Go(func() {
			ok, err := s.putTally(ctx, t, d.now)
			w.tally(t, ok, err)
		})
	}
	for _, l := range lists {
		all.Go(func() {
			ok, err := s.putList(ctx, l)
			w.list(l, ok, err)
		})
	}
	for name, n := range d.notes {
		all.Go(func() {
			err := s.Note(ctx, name, n.at, n.life)
			w.outcome(err == nil, err)
		})
	}
}

// claims are the changed lists that outcomes are taken from, and the others. The
// first are written before all else: who takes an outcome gives something back for it,
// and of two who would the second must not have begun.
func (d *draft) claims() (claims, others []*list) {
	for _, l := range d.changedLists() {
		if len(l.drop) > 0 {
			claims = append(claims, l)
		} else {
			others = append(others, l)
		}
	}
	return claims, others
}

// takeTime is what taking back may take when the time for all is over.
const takeTime = 200 * time.Millisecond

// afterwards is for taking back though the time may be over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(context.WithoutCancel(ctx))
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end.Add(takeTime))
}

// takeBack undoes what was written, but for notes. A cell that others have gone by
// meanwhile stays as it is: it has then counted a text more than there was, never one
// less.
func (s *Store) takeBack(ctx context.Context, d *draft, w *writes) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	var back writes
	var all sync.WaitGroup
	for _, c := range w.cells {
		all.Go(func() {
			_, err := s.putCell(ctx, &cell{at: c.at, now: c.was, version: c.put}, d.now)
			back.cell(c, true, err)
		})
	}
	for _, t := range w.tallies {
		if t.set { // what it was is not known; it is cleared anew, or was to be
			continue
		}
		all.Go(func() {
			ok, err := s.putTally(ctx, &tally{at: t.at, resetAt: t.resetAt, delta: -t.delta, max: pack.Unlimited}, d.now)
			back.tally(t, ok, err)
		})
	}
	for _, l := range w.lists {
		all.Go(func() { back.outcome(true, s.restoreList(ctx, l, d.read[l.at])) })
	}
	all.Wait()
	return back.err
}

// putCell writes the cell if it is as it was read. The SDK repeats what it got no
// answer to: whoever finds his own version there has written it.
func (s *Store) putCell(ctx context.Context, c *cell, now time.Time) (bool, error) {
	c.put = rand.Text()
	in := c.at.key()
	in["data"], in["standing"], in["version"] = text(guard.CellText(c.now)), number(int64(c.now.Standing)), text(c.put)
	in["ttl"] = ttl(now.Add(cellLife))
	if c.version == "" {
		return s.put(ctx, in, "attribute_not_exists(pk) OR version = :mine", item{":mine": text(c.put)})
	}
	return s.put(ctx, in, "version = :seen OR version = :mine", item{":seen": text(c.version), ":mine": text(c.put)})
}

// putTally makes of the table's amount what the draft made of the one it read. It is
// false where there is no room for that any more, or not so much left.
func (s *Store) putTally(ctx context.Context, t *tally, now time.Time) (bool, error) {
	switch {
	case t.set:
		return true, s.setTally(ctx, t)
	case t.delta < 0:
		return s.lessen(ctx, t, now)
	}
	return s.add(ctx, t, now)
}

func (s *Store) setTally(ctx context.Context, t *tally) error {
	_, _, err := s.update(ctx, change{
		pk: t.at.pk, kind: t.at.sk, update: "SET n = :n", condition: "attribute_exists(pk)", values: item{":n": number(int64(t.n))},
	})
	return err
}

// add opens a window where the draft found none, else adds to the one that is open.
func (s *Store) add(ctx context.Context, t *tally, now time.Time) (bool, error) {
	if t.fresh {
		in := t.at.key()
		in["n"], in["resets_at"], in["ttl"] = number(int64(t.delta)), moment(t.resetAt), ttl(t.resetAt)
		opened, err := s.put(ctx, in, "attribute_not_exists(pk) OR resets_at <= :now", item{":now": moment(now)})
		if err != nil || opened {
			return opened, err
		}
	}
	_, ok, err := s.update(ctx, change{
		pk: t.at.pk, kind: t.at.sk,
		update:    "SET n = n + :delta",
		condition: "resets_at > :now AND n <= :room",
		values:    item{":delta": number(int64(t.delta)), ":now": moment(now), ":room": number(int64(t.max - t.delta))},
	})
	return ok, err
}

// lessen takes away what the draft took, or nothing: others may have taken it already.
func (s *Store) lessen(ctx context.Context, t *tally, now time.Time) (bool, error) {
	_, ok, err := s.update(ctx, change{
		pk: t.at.pk, kind: t.at.sk,
		update:    "SET n = n + :delta",
		condition: "resets_at > :now AND n >= :least",
		values:    item{":delta": number(int64(t.delta)), ":now": moment(now), ":least": number(int64(-t.delta))},
	})
	return ok, err
}

// putList makes the changes of a list if all that is to be changed or to go is there.
// Who made the last ones stands with them, for the SDK's repeats.
func (s *Store) putList(ctx context.Context, l *list) (bool, error) {
	e := expression{names: map[string]string{}, values: item{":me": text(rand.Text())}}
	e.sets = append(e.sets, "changed_by = :me")
	if !l.until.IsZero() {
		e.set("ttl", ttl(l.until))
	}
	for id := range l.set {
		data, err := json.Marshal(l.in[id])
		if err != nil {
			return false, err
		}
		e.set(outcomePrefix+id, text(string(data)))
		if l.was[id] {
			e.need(outcomePrefix + id)
		}
	}
	for id := range l.drop {
		e.remove(outcomePrefix + id)
		e.need(outcomePrefix + id)
	}
	return s.change(ctx, l.at, e)
}

// restoreList undoes putList.
func (s *Store) restoreList(ctx context.Context, l *list, was item) error {
	e := expression{names: map[string]string{}, values: item{":me": text(rand.Text())}}
	e.sets = append(e.sets, "changed_by = :me")
	for id := range l.set {
		if before := was[outcomePrefix+id]; before != nil {
			e.set(outcomePrefix+id, before)
		} else {
			e.remove(outcomePrefix + id)
		}
	}
	for id := range l.drop {
		e.set(outcomePrefix+id, was[outcomePrefix+id])
	}
	_, err := s.change(ctx, l.at, e)
	return err
}

// expression is a change of attributes whose names are made.
type expression struct {
	sets, removes, needs []string
	names                map[string]string
	values               item
}

func (e *expression) name(attribute string) string {
	short := "#a" + strconv.Itoa(len(e.names))
	e.names[short] = attribute
	return short
}

func (e *expression) set(attribute string, value types.AttributeValue) {
	at := ":v" + strconv.Itoa(len(e.values))
	e.values[at] = value
	e.sets = append(e.sets, e.name(attribute)+" = "+at)
}

func (e *expression) remove(attribute string) { e.removes = append(e.removes, e.name(attribute)) }

// need makes it a condition that the attribute is there.
func (e *expression) need(attribute string) {
	e.needs = append(e.needs, "attribute_exists("+e.name(attribute)+")")
}

func (s *Store) change(ctx context.Context, at place, e expression) (bool, error) {
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: at.key(), UpdateExpression: aws.String("SET " + strings.Join(e.sets, ", ")),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
	if len(e.removes) > 0 {
		*in.UpdateExpression += " REMOVE " + strings.Join(e.removes, ", ")
	}
	if len(e.needs) > 0 {
		in.ConditionExpression = aws.String("changed_by = :me OR (" + strings.Join(e.needs, " AND ") + ")")
	}
	if len(e.names) == 0 {
		in.ExpressionAttributeNames = nil
	}
	_, err := s.client.UpdateItem(ctx, in)
	return held(err)
}
