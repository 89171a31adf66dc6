package storetest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var transactionCases = []testCase{
	{"Update/an error of the function is returned as it is and rolls back", func(e *env) {
		mine := errors.New("mine")
		err := e.store.Update(e.ctx, func(tx userpool.Tx) error {
			if err := tx.PutMeta(e.ctx, "key", "value"); err != nil {
				return err
			}
			return mine
		})
		if err != mine {
			e.Fatalf("got %v, want the function's own error", err)
		}
		equal(e, "Meta", e.meta("key"), "")
	}},
	{"Update/a panic is an internal fault and rolls back", func(e *env) {
		err := e.store.Update(e.ctx, func(tx userpool.Tx) error {
			_ = tx.PutMeta(e.ctx, "key", "value")
			panic("a mistake at line 7")
		})
		if err == nil || fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "a mistake at line 7") {
			e.Fatalf("got %v, want an internal fault with the panic as its cause", err)
		}
		equal(e, "Meta", e.meta("key"), "")
	}},
	{"Update/sees its own writes, others do not before its end", func(e *env) {
		var inside, outside string
		e.do(func(tx userpool.Tx) (err error) {
			if err = tx.PutMeta(e.ctx, "key", "value"); err != nil {
				return err
			}
			if inside, err = tx.Meta(e.ctx, "key"); err != nil {
				return err
			}
			return viewBeside(e, func(tx userpool.Tx) (err error) {
				outside, err = tx.Meta(e.ctx, "key")
				return err
			})
		})
		equal(e, "Meta inside", inside, "value")
		equal(e, "Meta outside", outside, "")
		equal(e, "Meta after", e.meta("key"), "value")
	}},
	{"Update/with an ended context does not run", func(e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		ran := false
		err := e.store.Update(ctx, func(userpool.Tx) error {
			ran = true
			return nil
		})
		if !errors.Is(err, context.Canceled) || ran {
			e.Fatalf("got %v, ran %v; want context.Canceled and no run", err, ran)
		}
	}},
	{"Update/whose context ends while it runs stores nothing", func(e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		err := e.store.Update(ctx, func(tx userpool.Tx) error {
			err := tx.PutMeta(e.ctx, "key", "value")
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) {
			e.Fatalf("got %v, want context.Canceled", err)
		}
		equal(e, "Meta", e.meta("key"), "")
	}},
	{"Update/is serialisable: nobody's addition is lost", func(e *env) {
		race(e, racers, func(tx userpool.Tx, _ int) (int, error) {
			text, err := tx.Meta(e.ctx, "sum")
			if err != nil {
				return 0, err
			}
			n, _ := strconv.Atoi(text) // "" is 0
			return n, tx.PutMeta(e.ctx, "sum", strconv.Itoa(n+1))
		})
		equal(e, "sum", e.meta("sum"), strconv.Itoa(racers))
	}},
	{"Update/neighbours of one that fails succeed", func(e *env) {
		mine := errors.New("mine")
		var wg sync.WaitGroup
		errs := make([]error, racers)
		for i := range errs {
			wg.Go(func() {
				errs[i] = e.store.Update(e.ctx, func(tx userpool.Tx) error {
					err := tx.PutMeta(e.ctx, "key"+strconv.Itoa(i), "value")
					if i%5 == 0 {
						return mine
					}
					return err
				})
			})
		}
		wg.Wait()
		for i, err := range errs {
			stored := e.meta("key"+strconv.Itoa(i)) != ""
			if fails := i%5 == 0; errors.Is(err, mine) != fails || stored == fails {
				e.Errorf("number %d: error %v, stored %v", i, err, stored)
			}
		}
	}},
	{"View/cannot write", func(e *env) {
		err := e.store.View(e.ctx, func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "key", "value") })
		if err == nil {
			e.Fatal("a View wrote")
		}
		equal(e, "Meta", e.meta("key"), "")
	}},
	{"View/stays on one snapshot", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "key", "old") })
		var before, after string
		err := e.store.View(e.ctx, func(tx userpool.Tx) (err error) {
			if before, err = tx.Meta(e.ctx, "key"); err != nil {
				return err
			}
			e.do(func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "key", "new") })
			after, err = tx.Meta(e.ctx, "key")
			return err
		})
		if err != nil {
			e.Fatal(err)
		}
		equal(e, "first look", before, "old")
		equal(e, "second look", after, "old")
		equal(e, "next View", e.meta("key"), "new")
	}},
	{"View/returns the function's error as it is", func(e *env) {
		mine := errors.New("mine")
		if err := e.store.View(e.ctx, func(userpool.Tx) error { return mine }); err != mine {
			e.Fatalf("got %v", err)
		}
	}},
	{"Meta/is empty until put, and replaced", func(e *env) {
		equal(e, "unset", e.meta("key"), "")
		e.do(func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "key", "one") })
		e.do(func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "key", "two") })
		equal(e, "Meta", e.meta("key"), "two")
		equal(e, "another case's key", e.meta("KEY"), "")
	}},
}

func (e *env) meta(key string) string {
	e.Helper()
	return read(e, func(tx userpool.Tx) (string, error) { return tx.Meta(e.ctx, key) })
}

// viewBeside runs a View on another goroutine, as another request would.
func viewBeside(e *env, fn func(userpool.Tx) error) error {
	done := make(chan error)
	go func() { done <- e.store.View(e.ctx, fn) }()
	return <-done
}
