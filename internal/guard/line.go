package guard

import (
	"sync"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Line is what the digits of a number tell.
type Line struct {
	Route Route
	Kind  phone.Kind
	Price Money
}

// maxLines bounds the lines that are kept: a request asks for its own several times,
// and to read the digits costs more than the decision.
const maxLines = 1024

type lineCache struct {
	mu    sync.Mutex // guards lines
	lines map[phone.Number]Line
}

// Line reads the digits of a number.
func (e *Engine) Line(n phone.Number) Line {
	e.cache.mu.Lock()
	l, ok := e.cache.lines[n]
	e.cache.mu.Unlock()
	if ok {
		return l
	}
	country, kind := n.Describe()
	l = Line{Route: RouteIn(n, country), Kind: kind, Price: e.settings.Prices.Price(n.E164())}
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	if len(e.cache.lines) >= maxLines || e.cache.lines == nil {
		e.cache.lines = make(map[phone.Number]Line, maxLines)
	}
	e.cache.lines[n] = l
	return l
}

// Admits says whether the lists of countries and prefixes let the number be texted at
// all: CodeDeliveryFailure where they do not. It needs no State, so it can
// be asked before anybody is looked up.
func (e *Engine) Admits(n phone.Number) error {
	if rule, _ := e.lists.refuses(e.Line(n).Route); rule != RuleNone {
		return errNotTexted
	}
	return nil
}

var errNotTexted = fault.New(fault.CodeDeliveryFailure, "Numbers of this country, prefix or type are not sent texts.")
