package guard

import "time"

// Standing is how a prefix, a country or a pool stands.
type Standing uint8

// The standings. They are stored: a number keeps its meaning.
const (
	Open    Standing = 0
	Watched Standing = 1 // strangers must step up
	Closed  Standing = 2 // strangers are refused, but for probes
	Outage  Standing = 3 // it does not convert for known numbers either
)

func (s Standing) String() string { return [...]string{"open", "step-up", "closed", "outage"}[s] }

// Cell is what is known of one key. Its zero value is that of a key that was
// never seen. What a field means for a kind of cell stands with that kind's rule.
type Cell struct {
	At         int64   // milliseconds since 1970: when it was last brought up to date
	Credit     float32 // texts that may go to strangers before one must convert
	Stepped    float32 // the same for those who passed a step-up
	Sends      float32 // texts to strangers, decayed
	Uses       float32 // those of them whose codes were used, decayed
	KnownSends float32 // to known numbers, the last few
	KnownUses  float32
	Score      float32 // a test's running sum
	Flow       float32 // strangers' codes used a second, smoothed
	Spent      float32 // dollars, decayed as Flow
	Usual      float32 // the part of known numbers' codes that are used, in the long run
	Spared     float32 // Score's like, over texts that a country's alarm spares
	ProbeEvery int32   // milliseconds
	Recent     uint64  // the last outcomes, one bit each, the newest lowest, below a bit that is set
	Since      int64   // milliseconds since 1970: when the standing began
	ProbeAt    int64   // milliseconds since 1970: when the next probe may go
	Standing   Standing
}

// moment is a time as cells keep it.
func moment(t time.Time) int64 { return t.UnixMilli() }
