package userpool

import (
	"encoding/json"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

var errPage = fault.New(fault.InvalidParameter, "Invalid pagination token given.")

// sealPage makes the token of a list's next page: where it begins, sealed. list
// names the list and everything that the token is bound to.
func (s *Service) sealPage(list string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("page token: %w", err)
	}
	return s.ring.Seal(sealPageToken, []byte(list), text), nil
}

// openPage reads what sealPage was given for the same list; anything else is
// InvalidParameter.
func (s *Service) openPage(list, token string, v any) error {
	text, err := s.ring.Open(sealPageToken, []byte(list), token)
	if err != nil {
		return errPage
	}
	if err := json.Unmarshal(text, v); err != nil {
		return errPage
	}
	return nil
}
