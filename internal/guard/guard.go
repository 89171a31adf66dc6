// Package guard bounds what texts and guesses may cost: facts and counters in,
// a verdict out. It names the limits and what they count; keeping the counters
// is the business of whoever implements Counters.
package guard

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// The limits per number span all challenges, operations, clients and pools of
// the server. A text whose code was used is given back, so only texts that
// nobody answered count.
var (
	numberSends = []Limit{{3, 10 * time.Minute, exact}, {5, time.Hour, exact}, {10, 24 * time.Hour, exact}}
	// A device that signed in as the number has texts of its own, so that strangers
	// cannot use up the owner's.
	deviceSends = []Limit{{5, time.Hour, exact}, {10, 24 * time.Hour, exact}}
	// NIST SP 800-63B-4 section 3.1.3.2: a new code gives no tries back.
	numberTries = []Limit{{10, time.Hour, exact}, {20, 24 * time.Hour, exact}}
	monthTries  = Limit{200, 30 * 24 * time.Hour, exact}

	// An address stands for the people behind a carrier's NAT, so its limits are wide,
	// and may be busy: servers take a few spends ahead. A network is an IPv6 /48, of
	// which one customer may have as many /64 as he likes.
	addressTries = []Limit{{200, time.Hour, 10}}
	// What an address may begin, texts or not: sign-ups, sign-ins, passwords.
	addressStarts = []Limit{{1000, time.Hour, 20}}
	networkTries  = []Limit{{1000, time.Hour, 20}}
	networkStarts = []Limit{{5000, time.Hour, 50}}
)

// newPasskeys are what a signed-in user may add, and factorChanges how often he may
// turn a second factor on or off or set up an app, since each sends a notice, which
// may be a text that no other limit knows of.
var (
	newPasskeys   = Limit{20, 24 * time.Hour, exact}
	factorChanges = Limit{20, 24 * time.Hour, exact}
)

// passwordChanges are what a signed-in user has: Cognito's quota of ChangePassword.
var passwordChanges = Limit{5, time.Hour, exact}

// After a hundred wrong tries of a number in a row one try an hour is looked at,
// after two hundred in a month one in six hours. SP 800-63B-4 section 3.2.2
// would disable the authenticator; that would let a stranger shut out any owner
// who has nothing but the phone. An owner can be delayed, never disabled.
const consecutiveTries = 100

var (
	slowTries   = Limit{1, time.Hour, exact}
	slowerTries = Limit{1, 6 * time.Hour, exact}
	consecutive = Limit{1 << 30, 365 * 24 * time.Hour, exact}
)

// resendGaps are the waits before the second, third … text of one challenge.
var resendGaps = []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}

// ResendGap is how long after the sends-th text of a challenge the next one may
// be sent.
func ResendGap(sends int) time.Duration {
	return resendGaps[min(max(sends, 1), len(resendGaps))-1]
}

// Party is whom a text or a try is counted against. All are keyed hashes, so that
// counters hold nothing that can be read.
type Party struct {
	Number  string
	Device  string // known to have signed in as the number: its tries are its own
	Address string // the requester's address, or his known device
	Network string // an IPv6 /48, "" for every other address
}

func (p Party) number(what string, l Limit) string {
	if p.Device != "" {
		return "device/" + what + "/" + l.Window.String() + "/" + p.Number + "/" + p.Device
	}
	return "number/" + what + "/" + l.Window.String() + "/" + p.Number
}

func (p Party) network(what string, l Limit) string {
	return "network/" + what + "/" + l.Window.String() + "/" + p.Network
}

// perNetwork are the limits of the network, none where there is none.
func (p Party) perNetwork(limits []Limit) []Limit {
	if p.Network == "" {
		return nil
	}
	return limits
}

func (p Party) address(what string, l Limit) string {
	return "address/" + what + "/" + l.Window.String() + "/" + p.Address
}

// perAddress are the limits of the address, none where there is none.
func (p Party) perAddress(limits []Limit) []Limit {
	if p.Address == "" {
		return nil
	}
	return limits
}

// one is a spend of one in each limit that the address, and its network, has.
func (p Party) one(what string, address, network []Limit) []Payment {
	var all []Payment
	for _, l := range p.perAddress(address) {
		all = append(all, Payment{p.address(what, l), l, 1})
	}
	for _, l := range p.perNetwork(network) {
		all = append(all, Payment{p.network(what, l), l, 1})
	}
	return all
}

// SpendStart counts one sign-up or sign-in that begins at the address.
func SpendStart(ctx context.Context, c State, p Party, now time.Time) error {
	pay := p.one("starts", addressStarts, networkStarts)
	if len(pay) == 0 {
		return nil
	}
	spent, err := c.Pay(ctx, pay, now)
	if err != nil {
		return fmt.Errorf("spend: %w", err)
	}
	return refusal(spent, 0, now)
}

// ReturnStart gives a start back: it ended in tokens, so an address with many
// people behind it is not held to the limit of those who only try.
func ReturnStart(ctx context.Context, c State, p Party, now time.Time) error {
	back := p.one("starts", addressStarts, networkStarts)
	if len(back) == 0 {
		return nil
	}
	return c.Refund(ctx, back, now)
}

// SpendPasswordChange counts one try of a signed-in user to change the password.
// A spent budget is LimitExceeded.
func SpendPasswordChange(ctx context.Context, c Counters, user string, now time.Time) error {
	return spend(ctx, c, "user/passwords/"+user, passwordChanges, now, fault.LimitExceeded)
}

// SpendPasskey counts one passkey that a signed-in user adds. A spent budget is
// LimitExceeded.
func SpendPasskey(ctx context.Context, c Counters, user string, now time.Time) error {
	return spend(ctx, c, "user/passkeys/"+user, newPasskeys, now, fault.LimitExceeded)
}

// SpendFactorChange counts one change that a signed-in user makes to his second
// factors. A spent budget is LimitExceeded.
func SpendFactorChange(ctx context.Context, c Counters, user string, now time.Time) error {
	return spend(ctx, c, "user/factors/"+user, factorChanges, now, fault.LimitExceeded)
}

// triesOf are the limits of a number's wrong answers.
func (p Party) triesOf(limits ...Limit) []Payment {
	all := make([]Payment, len(limits))
	for i, l := range limits {
		all[i] = Payment{p.number("tries", l), l, 1}
	}
	return all
}

// SpendTry counts one answer before it is compared. A refusal means that the
// answer must not be looked at, and the transaction be rolled back.
func SpendTry(ctx context.Context, c State, p Party, now time.Time) error {
	if done, err := p.trustTry(ctx, c, now); done || err != nil {
		return err
	}
	// What refuses comes first, the number before its address; then what slows down.
	pay := append(p.triesOf(numberTries...), p.one("tries", addressTries, networkTries)...)
	refusing := len(pay)
	pay = append(pay, Payment{p.number("tries", monthTries), monthTries, 1}, Payment{p.number("row", consecutive), consecutive, 1})
	spent, err := c.Pay(ctx, pay, now)
	if err != nil {
		return fmt.Errorf("spend: %w", err)
	}
	if err := refusal(spent[:refusing], len(numberTries), now); err != nil {
		return err
	}
	switch month, row := spent[refusing], spent[refusing+1]; {
	case !month.OK:
		return spend(ctx, c, p.number("slow", slowerTries), slowerTries, now, fault.LimitExceeded)
	case row.Count > consecutiveTries:
		return spend(ctx, c, p.number("slow", slowTries), slowTries, now, fault.LimitExceeded)
	}
	return nil
}

// trustTry counts an answer of a number that is trusted not to have had many wrong ones.
// The row stands for the other counters: each answer that is counted at all counts there,
// and one that ends the row had room in the hour and the day; with a full month it is one
// in six hours.
// Where the address has, it is all looked at: the number's limits come first.
func (p Party) trustTry(ctx context.Context, c State, now time.Time) (done bool, err error) {
	row := consecutive
	row.Max = consecutiveTries
	pay := append(p.triesOf(append([]Limit{monthTries}, numberTries...)...), Payment{p.number("row", consecutive), row, 1})
	if done, err = c.PayTrusting(ctx, pay, now); !done || err != nil {
		return false, err
	}
	sources := p.one("tries", addressTries, networkTries)
	if len(sources) == 0 {
		return true, nil
	}
	spent, err := c.Pay(ctx, sources, now)
	if err != nil {
		return false, fmt.Errorf("spend: %w", err)
	}
	return refusal(spent, 0, now) == nil, nil
}

// earnedBack is how many tries a right one gives its address back: its own, and one
// of those who mistyped. So an address of which half are right is not limited.
const earnedBack = 2

// RightTry tells the counters that the answer just counted was right: it is
// given back and the row of failures ends. The windows keep the wrong ones.
func RightTry(ctx context.Context, c State, p Party, now time.Time) error {
	sources := p.one("tries", addressTries, networkTries)
	for i := range sources {
		sources[i].Amount = earnedBack
	}
	back := append(p.triesOf(append([]Limit{monthTries}, numberTries...)...), sources...)
	if err := c.Refund(ctx, back, now); err != nil {
		return err
	}
	row := p.number("row", consecutive)
	if c.ClearTrusting(row) {
		return nil // and nobody had to be slow
	}
	return c.Clear(ctx, row, p.number("slow", slowTries), p.number("slow", slowerTries))
}

// refusal is the first of the spends that had no room; the first so many are the number's.
func refusal(spent []Spent, ofNumber int, now time.Time) error {
	for i, s := range spent {
		switch {
		case s.OK:
		case i < ofNumber:
			return exceeded(s, now, fault.LimitExceeded)
		default:
			return exceeded(s, now, fault.TooManyRequests)
		}
	}
	return nil
}

func spend(ctx context.Context, c Counters, key string, l Limit, now time.Time, over fault.Kind) error {
	spent, err := c.Spend(ctx, key, l, now)
	if err != nil {
		return fmt.Errorf("spend: %w", err)
	}
	if spent.OK {
		return nil
	}
	return exceeded(spent, now, over)
}

// exceeded is what somebody is told whose limit has no room.
func exceeded(spent Spent, now time.Time, over fault.Kind) error {
	message := "Attempt limit exceeded, please try after some time."
	if over == fault.TooManyRequests {
		message = "Too many requests"
	}
	return fault.New(over, "%s", message).After(spent.ResetAt.Sub(now))
}

// Proofs that are none, and demands for proof, of one address.
var (
	wrongProofs = Limit{30, time.Hour, exact}
	demands     = Limit{1 << 20, 10 * time.Minute, exact}
)

// MayProve says whether the address may still have its proofs looked at: not after
// many that were forged, replayed or wrong. TooManyRequests says until when.
func MayProve(ctx context.Context, c Counters, p Party, now time.Time) error {
	for _, l := range p.perAddress([]Limit{wrongProofs}) {
		n, err := c.Count(ctx, p.address("proofs", l), now)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		if n >= l.Max {
			return fault.New(fault.TooManyRequests, "Too many requests").After(l.Window)
		}
	}
	return nil
}

// SpendProof counts a proof that was forged, replayed or wrong.
func SpendProof(ctx context.Context, c Counters, p Party, now time.Time) error {
	for _, l := range p.perAddress([]Limit{wrongProofs}) {
		if _, err := c.Spend(ctx, p.address("proofs", l), l, now); err != nil {
			return fmt.Errorf("spend: %w", err)
		}
	}
	return nil
}

// SpendDemand counts a demand for proof.
func SpendDemand(ctx context.Context, c Counters, p Party, now time.Time) error {
	for _, l := range p.perAddress([]Limit{demands}) {
		if _, err := c.Spend(ctx, p.address("demands", l), l, now); err != nil {
			return fmt.Errorf("spend: %w", err)
		}
	}
	return nil
}

// Demanded is how many demands for proof the address has had lately.
func Demanded(ctx context.Context, c Counters, p Party, now time.Time) (int, error) {
	for _, l := range p.perAddress([]Limit{demands}) {
		return c.Count(ctx, p.address("demands", l), now)
	}
	return 0, nil
}
