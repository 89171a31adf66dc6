package pack

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// answer reads the event, has its response decided, and returns the event with
// it. All else is given back as it came, what nobody here knows included.
func answer[Q, A any](ctx context.Context, payload []byte, now time.Time, decide func(context.Context, trigger.Event[Q, A], time.Time) (A, error)) ([]byte, error) {
	var e trigger.Event[Q, A]
	if err := readEvent(payload, &e); err != nil {
		return nil, err
	}
	response, err := decide(ctx, e, now)
	if err != nil {
		return nil, err
	}
	whole := map[string]json.RawMessage{}
	if err := readEvent(payload, &whole); err != nil {
		return nil, err
	}
	if whole["response"], err = json.Marshal(response); err != nil {
		return nil, fmt.Errorf("response: %w", err)
	}
	return json.Marshal(whole)
}

// readEvent is json.Unmarshal without what an error of it would tell of the
// event.
func readEvent(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the event is not as Cognito's are (%T)", err)
	}
	return nil
}
