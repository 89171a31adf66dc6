package userpool

import (
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// NumberKey is what the number is counted by.
func NumberKey(s *Service, n phone.Number) string { return s.party(Contact{Number: n}, "").Number }

// PartyOf is whom texts to the contact, asked for by the caller, count against.
func (s *Service) PartyOf(to Contact, c Caller) guard.Party { return s.party(to, c.requester()) }

// AuditRowOf is the row of a call that gives such a sign-in name, begins a flow and has a
// text sent.
func AuditRowOf(s *Service, c Call, name string) AuditRow {
	e := &entry{call: c, name: name}
	e.note("flow", "CUSTOM_AUTH")
	e.note("sent", []string{"otp"})
	return s.auditRow(e)
}
