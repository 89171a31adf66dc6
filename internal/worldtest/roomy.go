package worldtest

import "github.com/bellhop-auth/bellhop/internal/guard"

// Roomy are the guard's shipped settings where nothing but the exact limits holds up
// the few people of a test.
func Roomy() guard.Settings {
	s := guard.Default()
	windows := []*guard.Window{&s.Tuning.Address, &s.Tuning.Network, &s.Tuning.Country}
	for i := range s.Tuning.Prefix {
		windows = append(windows, &s.Tuning.Prefix[i])
	}
	for _, w := range windows {
		w.AtLeast, w.AtMost, w.Cap = 1e6, 1e6, 1e6
	}
	s.Tuning.Alarm.At, s.Tuning.Ceiling.Slack = 1e6, 1000*guard.Dollar
	s.Tuning.Guesses.PerDay, s.Tuning.Guesses.Alarm = 1e6, 1e6
	return s
}
