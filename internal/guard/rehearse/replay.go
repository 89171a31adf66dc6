package rehearse

import (
	"context"
	"errors"
	"io"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Replay plays a trace from a cold start. A line that cannot be
// read is a *LineError.
func Replay(ctx context.Context, engine Engine, prices *guard.PriceTable, trace io.Reader) (*Score, error) {
	p, lines, score := New(engine, prices), NewReader(trace), NewScore(0, 0)
	for {
		e, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return score, nil
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		r, err := p.Play(ctx, &e)
		if err != nil {
			return nil, err
		}
		score.Add(&e, r)
	}
}
