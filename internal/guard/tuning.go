package guard

import "time"

// Tuning are the figures of the statistics. docs/guard.md says what each does.
type Tuning struct {
	// Prefix are the windows of the three widths of prefixes, the narrowest first.
	Prefix [3]Window
	// Country is the window of a country of which little is known.
	Country Window
	// Address and Network are what one may ask for before codes are used.
	Address, Network Window
	// Busy is how many codes a country must have used in the last three hours to do
	// without a window: from there on statistics watch it.
	Busy float64

	Alarm    Alarm
	Probes   Probes
	Ceiling  Ceiling
	Feedback Feedback
	Guesses  Guesses
	// Soft is the part of a budget from which on strangers step up.
	Soft float64
}

// Window is a credit window: how many texts may go out before codes must be used.
type Window struct {
	Initial Money   // its first credit is what this buys
	AtLeast float64 // texts, however dear
	AtMost  float64 // texts of the first credit, however cheap
	Cap     float64 // texts that it can earn
	Kappa   float64 // the part of the usual conversion that keeps it open
	PerHour float64 // texts that come back by themselves, up to the first credit
	// Stepped is the part of the first credit that those who passed a step-up have
	// for themselves.
	Stepped float64
	// Stretch widens Cap to what is used in so much time.
	Stretch time.Duration
	// Share adds to the credit what a country in good health uses in so much time.
	Share time.Duration
}

// Alarm is a country's test: a running sum over the outcomes of texts to strangers.
type Alarm struct {
	Ratio float64 // the fall of conversion that it looks for: 0.75 is by a quarter
	At    float64 // the sum at which strangers must step up
	Again float64 // the same for a country that had an alarm not long ago
	Clear float64 // the sum at which they need not any more
	Most  float64 // the sum stops here, so that it clears in time
	// Hold is how long a second alarm lasts at least; each further one twice as long,
	// up to HoldMost. A country that was quiet for HoldMost starts anew.
	Hold, HoldMost time.Duration
	// Trusted is the part of the usual conversion that an address must have to be
	// spared the step-up.
	Trusted float64
}

// Probes are single texts to a prefix that has no credit.
type Probes struct {
	First time.Duration // from closing to the first; doubled while they fail
	Most  time.Duration // between two, but for
	Part  float64       // this part of the time since closing, and never more than
	Last  time.Duration // this
	// Fast is the time between probes of a range in a carrier's outage.
	Fast time.Duration
}

// Ceiling is what a verified user of a country may cost.
type Ceiling struct {
	AtLeast Money
	Times   float64 // or so many times the price of a text, if that is more
	Slack   Money   // what may go beyond it, over hours
}

// Feedback says when nobody seems to report used codes.
type Feedback struct {
	Known  float64 // known numbers' texts in a row without a use
	All    float64 // or so many texts to anybody
	Faster float64 // how much faster credits come back then
}

// Guesses bound the wrong answers of a user pool.
type Guesses struct {
	PerDay int     // wrong answers that are compared
	Alarm  int     // wrong answers in an hour from which on strangers step up
	Earn   float64 // wrong answers that a right one makes room for
}

// DefaultTuning are the shipped figures.
func DefaultTuning() Tuning {
	return Tuning{
		Prefix: [3]Window{
			{Initial: Dollars(0.12), AtLeast: 2, AtMost: 6, Cap: 12, Kappa: 0.60, PerHour: 0.5, Stepped: 1, Stretch: 90 * time.Second, Share: 3 * time.Second},
			{Initial: Dollars(0.20), AtLeast: 2, AtMost: 12, Cap: 24, Kappa: 0.65, PerHour: 1, Stepped: 1, Stretch: 90 * time.Second, Share: 12 * time.Second},
			{Initial: Dollars(0.40), AtLeast: 3, AtMost: 24, Cap: 50, Kappa: 0.70, PerHour: 3, Stepped: 1, Stretch: 90 * time.Second, Share: 30 * time.Second},
		},
		Country: Window{Initial: Dollars(0.60), AtLeast: 4, AtMost: 40, Cap: 40, Kappa: 0.70, PerHour: 0.5, Stepped: 0.25, Stretch: 45 * time.Minute},
		Address: Window{Initial: Dollars(0.60), AtLeast: 8, AtMost: 30, Cap: 400, Kappa: 0.60, PerHour: 4, Stepped: 1, Stretch: 2 * time.Minute, Share: time.Minute},
		Network: Window{Initial: Dollars(3), AtLeast: 40, AtMost: 100, Cap: 2000, Kappa: 0.60, PerHour: 20, Stepped: 1, Stretch: 2 * time.Minute, Share: 4 * time.Minute},
		Busy:    60,
		Alarm:   Alarm{Ratio: 0.67, At: 9, Again: 5, Clear: 4, Most: 13, Hold: 20 * time.Minute, HoldMost: 4 * time.Hour, Trusted: 0.8},
		Probes: Probes{
			First: 3 * time.Minute, Most: 10 * time.Minute, Part: 1.0 / 12, Last: 6 * time.Hour, Fast: time.Minute,
		},
		Ceiling:  Ceiling{AtLeast: Dollars(0.40), Times: 6, Slack: Dollars(2)},
		Feedback: Feedback{Known: 30, All: 300, Faster: 20},
		Guesses:  Guesses{PerDay: 4000, Alarm: 150, Earn: 0.1},
		Soft:     0.8,
	}
}
