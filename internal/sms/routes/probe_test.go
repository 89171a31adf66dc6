package routes

import (
	"testing"
	"time"
)

// A last resort may show that the provider is well while its probe still waits for an
// answer. The next time it opens it has a probe again.
func TestBreaker_ClosedWhileItsProbeIsUnderWay_IsProbedTheNextTime(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	var b breaker
	b.open(now, openFirst, "down")
	now = b.until
	if !b.admits(now) || !b.take() || b.admits(now) {
		t.Fatal("there is not one probe")
	}
	b.record(outcome{now, well, "IN"}, lastResort, 1, "")
	if !b.admits(now) {
		t.Fatal("it did not close")
	}
	b.record(outcome{now, well, "IN"}, theProbe, 1, "")
	b.open(now, openFirst, "down again")
	if now = b.until; !b.admits(now) {
		t.Error("it is never asked again")
	}
}
