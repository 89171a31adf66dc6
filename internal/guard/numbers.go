package guard

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// numberLimit is one of the exact limits of texts to a number.
type numberLimit struct {
	Limit
	of, key string // the key's first part
}

// named gives limits their names, as counters of a Party have them.
func named(limits []Limit, of, what string) []numberLimit {
	all := make([]numberLimit, len(limits))
	for i, l := range limits {
		all[i] = numberLimit{l, of + "/" + l.Window.String(), Party{}.number(what, l)}
	}
	return all
}

var (
	textsOfNumber = named(numberSends, "number", "texts")
	textsOfDevice = named(deviceSends, "device", "texts/device")
)

// numberLimits are the exact limits of texts to one number, and what their counters'
// keys end with. One that has signed in before is spared the first of them: whose
// texts do not arrive may ask for some more at once, and the hour's bound keeps
// others from making a nuisance of it.
func numberLimits(p Party, device string, known bool) ([]numberLimit, string) {
	switch {
	case device != "":
		return textsOfDevice, p.Number + "/" + device
	case known:
		return textsOfNumber[1:], p.Number
	}
	return textsOfNumber, p.Number
}

// textOf is one text in each of the exact limits of its number.
func textOf(limits []numberLimit, whose string) []Payment {
	all := make([]Payment, len(limits))
	for i, l := range limits {
		all[i] = Payment{Key: l.key + whose, Limit: l.Limit, Amount: 1}
	}
	return all
}

// AheadOfText reads the counters that a text to the party counts in, whether the number
// is known or not.
func AheadOfText(ctx context.Context, s State, p Party, device string, now time.Time) {
	s.Pay(ctx, textOf(numberLimits(p, device, false)), now)
}

// spendNumber counts the text against its number, or its device with that number.
func (v *view) spendNumber(ctx context.Context, s State) error {
	limits, whose := numberLimits(v.ask.Party, v.ask.Device, v.ask.Known)
	spent, err := s.Pay(ctx, textOf(limits, whose), v.now)
	if err != nil {
		return fmt.Errorf("spend: %w", err)
	}
	for i, l := range limits {
		v.checkNumber(l, spent[i].Count, spent[i].OK, spent[i].ResetAt)
		if !spent[i].OK {
			return nil
		}
	}
	return nil
}

// lookAtNumber decides as spendNumber does, and counts nothing.
func (v *view) lookAtNumber(ctx context.Context, s State) error {
	limits, whose := numberLimits(v.ask.Party, v.ask.Device, v.ask.Known)
	for _, l := range limits {
		n, err := s.Count(ctx, l.key+whose, v.now)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		v.checkNumber(l, n+1, n < l.Max, time.Time{})
	}
	return nil
}

func (v *view) checkNumber(l numberLimit, count int, ok bool, reset time.Time) {
	v.noteLevel(Level{Rule: RuleNumber, Of: l.of, Have: float64(l.Max - count), Limit: float64(l.Max)})
	if !ok {
		v.object(objection{verdict: Refuse, rule: RuleNumber, of: l.of, until: reset, kind: fault.LimitExceeded})
	}
}

// ofNumber is what a text was counted as against its number, to be given back: its code
// was used, or it surely was not sent.
func ofNumber(r Receipt) []Payment {
	return textOf(numberLimits(r.Party, r.Device, r.Known))
}
