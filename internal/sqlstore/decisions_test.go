package sqlstore

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// What PostgreSQL compresses, or puts elsewhere, costs more to write and to change than
// all else of a text. The largest is a stranger's, of whose levels there are the most.
func TestDecision_OfAStranger_IsKeptInOnePiece(t *testing.T) {
	const most = 2000 // of a row
	a := guard.Ask{
		Party:   guard.Party{Address: "fa7c9716cb7b6af072cf14f39b779918"},
		Route:   guard.Route{Country: "IN", Block: 91981590, Digits: 8},
		Address: guard.Key{Kind: guard.CellAddress, Hi: 1 << 63, Lo: 1 << 63}, Network: guard.Key{Kind: guard.CellNetwork, Hi: 1 << 63, Lo: 1 << 63},
		Pool: "us-east-1_WMa9zGD2e", Client: "100jh2kfhrdujktd9rz1mas74m", Price: 38570,
	}
	e := guard.Entry{Operation: "SignUp", Purpose: "sign_up", Ask: a, Receipt: a.Receipt()}
	e.Receipt.SentAt = time.Now()
	for range 8 {
		e.Levels = append(e.Levels, guard.Level{Rule: guard.RuleBudget, Of: "country/IN/month", Have: 3937.5, Need: 0.03857, Limit: 4000})
	}
	if n := len(text(detailOf(e))); n > most-300 {
		t.Errorf("its detail has %d bytes", n)
	}
}
