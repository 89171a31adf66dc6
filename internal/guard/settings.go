package guard

import (
	"net/netip"
	"time"

	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Settings are what an operator decides of the guard. Default has the shipped
// ones.
type Settings struct {
	Countries Choice[string]       // ISO 3166 codes
	Prefixes  Choice[string]       // with the +
	Types     map[phone.Kind]bool  // sorts of lines that are not texted
	Addresses Choice[netip.Prefix] // of callers
	Tests     []TestNumber
	Prices    *PriceTable
	Budgets   Budgets
	Rates     Rates
	StepUp    []string // ways to more proof, in the order in which they are offered
	Tuning    Tuning
}

// Choice is what is allowed and what is denied. An empty Allow allows all. The
// longest match decides; what is denied is denied where both match alike.
type Choice[T any] struct{ Allow, Deny []T }

// TestNumber is a number whose code is fixed until a day, and which is sent
// nothing.
type TestNumber struct {
	Number phone.Number
	Code   otp.Code
	Until  time.Time
}

// Budget is how much may be spent in an hour, a day and 30 days; zero is no bound.
type Budget struct{ Hour, Day, Month Money }

// Budgets bound what was spent on texts whose codes are not used. Known numbers
// have a purse of the same size for themselves.
type Budgets struct {
	Server Budget
	// Pool, Client and Country are each one's; those named have their own.
	Pool, Client, Country     Budget
	Pools, Clients, Countries map[string]Budget
	// EarnBack is what a used code gives back beside its own price, in parts of it.
	// With 1 a budget bears any traffic of which more than half converts; with 0 it
	// is what all unused texts of its window may cost.
	EarnBack float64
}
