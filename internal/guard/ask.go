package guard

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Money is an amount in millionths of a US dollar.
type Money int64

// Dollar is one US dollar.
const Dollar Money = 1e6

// Dollars is the amount for a reader's dollars.
func Dollars(d float64) Money { return Money(math.Round(d * float64(Dollar))) }

// Float is the amount in dollars.
func (m Money) Float() float64 { return float64(m) / float64(Dollar) }

func (m Money) String() string { return "$" + strconv.FormatFloat(m.Float(), 'f', -1, 64) }

// CellKind says what a cell keeps account of.
type CellKind uint8

// The kinds of cells. They are stored: a number keeps its meaning.
const (
	CellBlock   CellKind = 1 // ten thousand numbers: all digits but the last four
	CellRange   CellKind = 2 // a hundred thousand: all but the last five
	CellArea    CellKind = 3 // a million: all but the last six
	CellCountry CellKind = 4
	CellAddress CellKind = 5  // one IPv4 address, or an IPv6 /64
	CellNetwork CellKind = 6  // an IPv4 /24, or an IPv6 /48
	CellGuesses CellKind = 7  // a user pool's wrong answers
	CellServer  CellKind = 8  // the whole server
	CellCarrier CellKind = 9  // how an area's known numbers fare
	CellEntry   CellKind = 10 // the window of a country of which little is known
)

// Key names a cell. Hi and Lo hold a prefix's digits (Hi their number), a
// country's two letters, or a keyed hash; no key holds a whole phone number or
// a readable address.
type Key struct {
	Kind   CellKind
	Hi, Lo uint64
}

func (k Key) String() string { return fmt.Sprintf("%d/%x/%x", k.Kind, k.Hi, k.Lo) }

// Route is where a number leads as far as prefixes tell: its country and its
// digits without the last four.
type Route struct {
	Country string // ISO 3166 code; "" where no country has it
	Block   uint64 // the digits after the +, without the last four
	Digits  int    // how many digits Block has
}

// none says that the route is no number's: an e-mail goes there. It costs nothing, and
// no country, prefix or price speaks of it.
func (r Route) none() bool { return r.Digits == 0 }

// RouteOf is the route of a number.
func RouteOf(n phone.Number) Route { return RouteIn(n, n.MainRegion()) }

// RouteIn is RouteOf a number whose country is looked up already.
func RouteIn(n phone.Number, country string) Route {
	digits := n.E164()
	if len(digits) < 6 {
		return Route{}
	}
	digits = digits[1 : len(digits)-4]
	block, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return Route{}
	}
	return Route{Country: country, Block: block, Digits: len(digits)}
}

// Prefix is the route's digits without the last cut ones of the block, as "+91987".
func (r Route) Prefix(cut int) string {
	block := r.Block
	for range min(cut, r.Digits) {
		block /= 10
	}
	var b [21]byte
	b[0] = '+'
	return string(strconv.AppendUint(b[:1], block, 10))
}

// keys are the route's cells, the narrowest first.
func (r Route) keys() [3]Key {
	return [3]Key{
		{CellBlock, uint64(r.Digits), r.Block},
		{CellRange, uint64(max(r.Digits-1, 0)), r.Block / 10},
		{CellArea, uint64(max(r.Digits-2, 0)), r.Block / 100},
	}
}

// carrier is the cell of how the area's known numbers fare.
func (r Route) carrier() Key { return Key{CellCarrier, uint64(max(r.Digits-2, 0)), r.Block / 100} }

// ServerKey is the cell of the whole server.
func ServerKey() Key { return Key{Kind: CellServer} }

// CountryKey is the cell of a country.
func CountryKey(iso string) Key {
	k := Key{Kind: CellCountry}
	for _, letter := range []byte(iso) {
		k.Lo = k.Lo<<8 | uint64(letter)
	}
	return k
}

// HashKey is the cell of something that goes by a keyed hash, of which the first
// sixteen bytes are used.
func HashKey(kind CellKind, hash []byte) Key {
	return Key{kind, binary.BigEndian.Uint64(hash), binary.BigEndian.Uint64(hash[8:])}
}

// Ask is what a text is wanted for: all that a decision may look at.
type Ask struct {
	Party   Party // whose exact limits it counts against
	Route   Route
	Kind    phone.Kind
	Address Key // the zero key where the address is not known
	Network Key
	Pool    string
	Client  string
	Price   Money // of one text
	// Source is the caller's address, for the lists of addresses alone: it is not
	// to be kept.
	Source netip.Addr `json:"-"`

	// Known says that the number has signed in on this server before. Strangers'
	// doings never refuse it a text.
	Known bool
	// Device is a device that has signed in as this number before, "" for none. It
	// has limits of its own.
	Device string
	// Stepped says that a step-up was passed.
	Stepped bool
	// Silent says that nothing will be sent whatever is decided: what a decoy
	// would have been answered. Nothing is counted but the exact limits.
	Silent bool
}

// Verdict is what is to be done.
type Verdict uint8

// The verdicts. They are stored: a number keeps its meaning.
const (
	Refuse Verdict = 0
	StepUp Verdict = 1 // ask for more proof; with it, ask again
	Send   Verdict = 2
)

func (v Verdict) String() string { return [...]string{"refuse", "step-up", "send"}[v] }

// Rule names what decided, for people and for the decision log.
type Rule string

// The rules, in the order in which they are asked.
const (
	RuleCountry Rule = "country"        // the country is not allowed
	RulePrefix  Rule = "prefix"         // the prefix is denied
	RuleType    Rule = "number-type"    // the sort of line is not texted
	RuleSource  Rule = "address"        // the address is denied
	RuleNumber  Rule = "number-limit"   // the number's texts, or the device's
	RuleAddress Rule = "address-limit"  // the address has not earned so many
	RuleNetwork Rule = "network-limit"  // nor its network
	RuleBlock   Rule = "prefix-window"  // a prefix does not convert
	RuleAlarm   Rule = "country-alarm"  // a country converts less than it did
	RuleWindow  Rule = "country-window" // a country without a history
	RuleCeiling Rule = "cost-per-user"  // what a verified user of the country costs
	RuleRate    Rule = "rate"           // texts or answers of a pool or an app client
	RuleBudget  Rule = "budget"         // unverified exposure in money
	RuleStepUp  Rule = "step-up"        // the proof was none: replayed, of another number, or not there yet
	RuleSpray   Rule = "guessing"       // wrong answers over the whole pool
	RuleDown    Rule = "guard-down"     // the guard's own store does not answer
	RuleStopped Rule = "opted-out"      // the number has asked for no texts
	RuleNone    Rule = ""               // nothing was against it
)

// Level is one of the levels behind a decision: how much there was, and how much
// is needed, in the unit of its rule.
type Level struct {
	Rule  Rule    `json:"rule"`
	Of    string  `json:"of"` // "+91987", "IN", "server/hour"
	Have  float64 `json:"have"`
	Need  float64 `json:"need"`
	Limit float64 `json:"limit,omitempty"`
}

// Decision is a verdict and why.
type Decision struct {
	Verdict Verdict
	Rule    Rule
	Of      string    // what the rule spoke of: a prefix, a country, a budget
	Until   time.Time // when the same ask may be decided otherwise; zero if that is not known
	Levels  []Level   // those that were looked at
	Fault   error     // for Refuse and StepUp, what the caller is told
	Receipt Receipt   // for Send
}

// Receipt is what a text was debited to, kept until its code is used, or the text
// surely was not sent, and its outcome has been scored.
type Receipt struct {
	Party   Party
	Route   Route
	Address Key
	Network Key
	Pool    string
	Client  string
	Price   Money
	Known   bool
	Device  string
	Stepped bool
	Windows bool // the prefix windows were debited
	Earned  bool // codes of its address were used as usual
	SentAt  time.Time
	Matured bool // its outcome was scored before its code was used
}

// Outcome is what became of a text once it is old enough to tell.
type Outcome struct {
	Receipt Receipt
	Used    bool // its code was used
}

// Payment is an amount that a limit is to bear, and so is not counted one by one.
type Payment struct {
	Key    string
	Limit  Limit // its Max and Ahead are in the amount's unit
	Amount int
}

// Purse keeps amounts as Counters keep counts, in windows that open with the first.
// Counters' Count reads an amount as well.
type Purse interface {
	// Pay spends the amounts. Where one of them has no room its Spent is not OK, and
	// the caller must roll its transaction back: others may have been paid.
	Pay(ctx context.Context, payments []Payment, now time.Time) ([]Spent, error)
	// Refund takes amounts back, never below zero. Of a limit with Ahead a refund may
	// count some seconds later; what servers hold it does not take away.
	Refund(ctx context.Context, payments []Payment, now time.Time) error
}

// State is all that the engine remembers.
type State interface {
	Book
	Purse
	Counters
	Trusting
}

// Book keeps cells.
type Book interface {
	// Cells returns the cells of the keys, in their order; one that was never put
	// is the zero Cell.
	Cells(ctx context.Context, keys []Key) ([]Cell, error)
	// PutCells stores cells in the place of those that were.
	PutCells(ctx context.Context, keys []Key, cells []Cell) error
}
