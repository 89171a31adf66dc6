package userpool

import "github.com/bellhop-auth/bellhop/internal/phone"

// NumberKey is what the number is counted by.
func NumberKey(s *Service, n phone.Number) string { return s.party(Contact{Number: n}, "").Number }
