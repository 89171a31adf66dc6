package pack

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// What came of texts is scored country by country once they are old enough, and no
// process runs here for that. So each text waits in a short list of its country, and
// whoever is asked for the next text there scores those that are old enough. A list
// that is full takes no more until then: of a crowd it is a sample.

// maxAwaited bounds a country's list. It is read with each decision.
const maxAwaited = 40

// scoreEvery is how often one process looks at a country's list.
const scoreEvery = 15 * time.Second

// awaited is the list of the receipt's country.
func awaited(r guard.Receipt) string { return "awaited/" + r.Route.Country }

// await puts a text into its country's list if there is room.
func (p *Pack) await(tx Tx, d debit, now time.Time) error {
	list := awaited(d.receipt)
	waiting, err := tx.Kept(list)
	if err != nil || len(waiting) >= maxAwaited {
		return err
	}
	r := d.receipt
	return tx.Keep(list, d.id, guard.Outcome{Receipt: guard.Receipt{
		Route: r.Route, Price: r.Price, Known: r.Known, Stepped: r.Stepped, Windows: r.Windows, SentAt: r.SentAt,
	}}, now.Add(day))
}

// usedInTime notes that the text's code was used, if it still waits to be scored.
func (p *Pack) usedInTime(tx Tx, r guard.Receipt, id string, now time.Time) error {
	list := awaited(r)
	waiting, err := tx.Kept(list)
	if err != nil {
		return err
	}
	o, ok := waiting[id]
	if !ok || now.Sub(o.Receipt.SentAt) >= guard.MatureAfter {
		return nil
	}
	o.Used = true
	return tx.Keep(list, id, o, now.Add(day))
}

// mature scores the country's texts that are old enough. That somebody else does it
// at the same time, or that it fails, is no reason to wait: it is done next time.
func (p *Pack) mature(ctx context.Context, who target, now time.Time) {
	route := guard.RouteOf(who.number)
	if who.decoy || !p.scored.due(route.Country, now) {
		return
	}
	list := awaited(guard.Receipt{Route: route})
	err := p.update(ctx, now, func(tx Tx) error {
		waiting, err := tx.Kept(list)
		if err != nil {
			return err
		}
		var old []guard.Outcome
		for _, id := range slices.Sorted(maps.Keys(waiting)) {
			if o := waiting[id]; now.Sub(o.Receipt.SentAt) >= guard.MatureAfter {
				old = append(old, o)
				if err := tx.Drop(list, id); err != nil {
					return err
				}
			}
		}
		if len(old) == 0 {
			return errNothing
		}
		slices.SortStableFunc(old, func(a, b guard.Outcome) int { return a.Receipt.SentAt.Compare(b.Receipt.SentAt) })
		return p.guard.Mature(ctx, tx, old, now)
	})
	if err != nil && !errors.Is(err, errNothing) {
		p.log.WarnContext(ctx, "a country's texts were not scored", "country", route.Country, "error", err)
	}
}

var errNothing = errors.New("nothing is old enough")

// scored remembers when this process last looked at a country's list.
type scored struct {
	mu sync.Mutex // guards at
	at map[string]time.Time
}

func (s *scored) due(country string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.at[country]; ok && now.Sub(last) < scoreEvery {
		return false
	}
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	s.at[country] = now
	return true
}
