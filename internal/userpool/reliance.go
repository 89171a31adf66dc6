package userpool

import (
	"context"
	"sync"
)

// Reliance is what an operation goes by that nobody has checked yet: that the
// configuration of a pool is still the one that others have read. Its first View may
// answer by that alone, without asking the database. Whatever is asked next checks it,
// in the same message, and fails where it is not so.
//
// A nil Reliance is that of an operation which goes by what it has asked. Methods are
// safe for many goroutines.
type Reliance struct {
	mu       sync.Mutex // guards the rest
	begun    bool
	on       []ConfigVersion
	mistaken bool
}

// ConfigVersion is a version of a pool's configuration.
type ConfigVersion struct {
	Pool    PoolID
	Version int64
}

type relianceKey struct{}

// RelianceOf is that of the operation of ctx.
func RelianceOf(ctx context.Context) *Reliance {
	r, _ := ctx.Value(relianceKey{}).(*Reliance)
	return r
}

// Begin says whether this is the operation's first View, which may rely.
func (r *Reliance) Begin() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.begun
	r.begun = true
	return first
}

// Rely adds what is to be checked.
func (r *Reliance) Rely(on ...ConfigVersion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = append(r.on, on...)
}

// On is what is to be checked.
func (r *Reliance) On() []ConfigVersion {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.on
}

// Checked notes how the check of On ended. Where it is not so, every later one is to
// fail too.
func (r *Reliance) Checked(so bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if so {
		r.on = nil
	}
	r.mistaken = r.mistaken || !so
}

// Mistaken says whether a check has failed: what the operation does is of no use.
func (r *Reliance) Mistaken() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mistaken
}

// Relying runs an operation that may go by what is not checked yet. Before it answers
// that is checked; where it was not so, nothing of the operation is stored, and it is
// run again, by what it asks.
func Relying[T any](ctx context.Context, store Store, operation func(context.Context) (T, error)) (T, error) {
	r := &Reliance{}
	value, err := operation(context.WithValue(ctx, relianceKey{}, r))
	switch failed := settle(context.WithValue(ctx, relianceKey{}, r), store); {
	case r.Mistaken():
		return operation(ctx)
	case failed != nil: // whether it was right to refuse is not known
		err = failed
	}
	return value, err
}

// settle checks what is relied on, for who cannot take back what he is going to do.
func settle(ctx context.Context, store Store) error {
	r := RelianceOf(ctx)
	if len(r.On()) == 0 {
		return nil
	}
	return store.View(ctx, func(Tx) error { return nil })
}
