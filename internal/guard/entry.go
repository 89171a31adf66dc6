package guard

import "time"

// PurposeAnswer is the purpose of a line that is about an answer to a code, and no
// text.
const PurposeAnswer = "answer"

// Entry is one line of the decision log: what was decided of whom and why, and
// what became of it. It holds enough to decide again under other settings, and no
// number or address that can be read.
type Entry struct {
	ID        string // sorts by time
	At        time.Time
	RequestID string
	Challenge string // "" where nothing was sent
	Operation string
	Purpose   string
	Ask       Ask
	Verdict   Verdict
	Rule      Rule
	Of        string
	Until     time.Time
	Levels    []Level
	Receipt   Receipt   // of one that was sent, as Use and Return want it back
	StepUp    string    // the way by which a step-up was passed, "" for none
	UsedAt    time.Time // when the code was used
	Unsent    bool      // it surely was not sent
	Matured   bool      // its outcome has been scored
}
