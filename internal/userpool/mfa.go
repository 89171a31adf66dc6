package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// A second factor is asked for once the first is proved. Cognito's MfaConfiguration
// says of whom: of everybody (ON), or of who has turned one on (OPTIONAL). It knows
// no second factor after a code as the first one, and offers such users a password
// alone. The tag bellhop:second-factor has the mix: optional offers codes to users
// with a second factor too, required asks everybody for one. In either case what is
// asked for is another thing than what was proved: nobody proves one phone twice.

// The second factors, as Cognito calls their challenges.
const (
	nameSMSMFA    = "SMS_MFA"
	nameTokenMFA  = "SOFTWARE_TOKEN_MFA"
	nameSelectMFA = "SELECT_MFA_TYPE"
	nameMFASetup  = "MFA_SETUP"
)

// The values of MfaConfiguration.
const (
	MFAOff      = "OFF"
	MFAOptional = "OPTIONAL"
	MFAOn       = "ON"
)

// The values of bellhop:second-factor.
const (
	secondOff      = "off"
	secondOptional = "optional"
	secondRequired = "required"
)

// secondFactor is the pool's tag. What Cognito does not have, a pool that is exact
// has not either.
func (s PoolSettings) secondFactor() string {
	if s.exact() {
		return secondOff
	}
	return orElse(s.Tags[tagSecondFactor], secondOff)
}

// demandsFactor says whether everybody is asked for a second factor.
func (s PoolSettings) demandsFactor() bool {
	return s.MFA.Configuration == MFAOn || s.secondFactor() == secondRequired
}

// secondFactors are those that the pool has. Its tag needs no MfaConfiguration: an
// app and an e-mail address are there without one, and where a second factor is
// required the number too.
func (s PoolSettings) secondFactors() []string {
	on, tag := s.MFA.Configuration != "", s.secondFactor()
	var list []string
	if on && s.MFA.SMS || tag == secondRequired {
		list = append(list, nameSMSMFA)
	}
	if on && s.MFA.SoftwareToken || tag != secondOff {
		list = append(list, nameTokenMFA)
	}
	if on && s.MFA.Email || tag != secondOff {
		list = append(list, nameEmailOTP)
	}
	return list
}

// checkFactors refuses settings by which somebody could not sign in, or with less
// than the pool asks for.
func checkFactors(set PoolSettings) error {
	if set.MFA.Configuration == MFAOn && set.Passwordless() && set.secondFactor() != secondRequired {
		return fault.New(fault.InvalidParameter, "MfaConfiguration ON does not go with SMS_OTP or EMAIL_OTP in AllowedFirstAuthFactors. The tag bellhop:second-factor=required has a second factor after such codes.")
	}
	return nil
}

// has says whether the preference is for the factor.
func (m MFAPreference) has(factor string) bool {
	switch factor {
	case nameSMSMFA:
		return m.SMS
	case nameTokenMFA:
		return m.SoftwareToken
	case nameEmailOTP:
		return m.Email
	}
	return false
}

// list are the factors that the user has turned on, as GetUser shows them.
func (m MFAPreference) list() []string {
	var list []string
	for _, f := range []string{nameSMSMFA, nameTokenMFA, nameEmailOTP} {
		if m.has(f) {
			list = append(list, f)
		}
	}
	return list
}

// set turns a factor on or off.
func (m *MFAPreference) set(factor string, on bool) {
	switch factor {
	case nameSMSMFA:
		m.SMS = on
	case nameTokenMFA:
		m.SoftwareToken = on
	case nameEmailOTP:
		m.Email = on
	}
	if !on && m.Preferred == factor {
		m.Preferred = ""
	}
}

// factorAttribute is the contact that codes of the factor go to, "" for an app.
func factorAttribute(factor string) string {
	switch factor {
	case nameSMSMFA:
		return AttrPhone
	case nameEmailOTP:
		return AttrEmail
	}
	return ""
}

// factorContact is where codes of the factor go. On Cognito a number need not be
// proved; elsewhere one that is not proves nothing (OWASP ASVS 5, 6.6.1).
func (u User) factorContact(p Pool, factor string) Contact {
	attr := factorAttribute(factor)
	if attr == "" {
		return Contact{}
	}
	if c := u.contact(attr); !c.IsZero() && (u.proved(p, c) || p.Settings.exact()) {
		return c
	}
	return Contact{}
}

// turnedOn are the user's second factors in this pool, in order, taking his word for
// an app.
func (u User) turnedOn(p Pool) []string {
	return slices.DeleteFunc(p.Settings.secondFactors(), func(f string) bool {
		return !u.MFA.has(f) || factorAttribute(f) != "" && u.factorContact(p, f).IsZero()
	})
}

// again is the second factor that would prove the same as the first one.
func (p proof) again() string {
	switch p {
	case proofText:
		return nameSMSMFA
	case proofMail:
		return nameEmailOTP
	}
	return ""
}

// demand is what is asked of somebody after his first factor: one of the factors, or
// to set one of them up. The zero demand asks for nothing.
type demand struct {
	ask       []string
	preferred string
	setUp     []string
	token     SoftwareToken // his app, if it is one of ask
}

func (d demand) none() bool { return len(d.ask) == 0 && len(d.setUp) == 0 }

var (
	errNoFactor = fault.New(fault.InvalidUserPoolConfiguration, "A second factor is required, and there is none that this user could give or set up.")
	errOneProof = fault.New(fault.NotAuthorized, "This user has a second factor beside his password, and a code alone is no more than that one. Sign in with the password.")
)

// demanded decides what is asked for (contract with clients: docs/mfa.md).
func (s *Service) demanded(ctx context.Context, tx Tx, p Pool, u User, by proof) (d demand, err error) {
	factors, must := p.Settings.secondFactors(), p.Settings.demandsFactor()
	if len(factors) == 0 && !must || by == proofVerified {
		return demand{}, nil
	}
	app, err := tx.SoftwareToken(ctx, p.ID, u.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return demand{}, fmt.Errorf("authenticator app: %w", err)
	}
	usable := func(f string) bool {
		if f == nameTokenMFA {
			return app.Secret != ""
		}
		return !u.factorContact(p, f).IsZero()
	}
	same := by.again()
	on := slices.DeleteFunc(u.turnedOn(p), func(f string) bool { return !usable(f) })
	other := without(on, same)
	switch {
	case len(other) > 0:
		d = demand{ask: other, preferred: u.MFA.Preferred}
	case len(on) > 0 && u.hasPassword():
		return demand{}, errOneProof
	case !must:
		return demand{}, nil
	default:
		d = s.demandAny(p, u, factors, same, usable)
	}
	if d.none() {
		return demand{}, errNoFactor
	}
	d.token = app
	return d, nil
}

// demandAny is what is asked of who must give a second factor and has turned none
// on: the first that he has, else to set one up.
func (s *Service) demandAny(p Pool, u User, factors []string, same string, usable func(string) bool) demand {
	for _, f := range []string{nameTokenMFA, nameSMSMFA, nameEmailOTP} {
		if slices.Contains(factors, f) && f != same && usable(f) {
			return demand{ask: []string{f}}
		}
	}
	var d demand
	for _, f := range without(factors, same) {
		switch {
		case f == nameTokenMFA:
		case f == nameEmailOTP && !u.Unproved: // whose address would be the first thing that is proved of him
		case f == nameSMSMFA && p.Settings.exact(): // Cognito names it, though no answer sets it up
		default:
			continue
		}
		d.setUp = append(d.setUp, f)
	}
	return d
}

func without(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(f string) bool { return f == one })
}

// hasPassword says whether the user could sign in with a password.
func (u User) hasPassword() bool { return u.Verifier != "" || u.PasswordHash != "" }

// codesFor says whether a user with a second factor may begin with a code by the
// medium. On Cognito he may not. Elsewhere he may where another factor follows, and
// the pool mixes them or he has no password to begin with.
func (u User) codesFor(p Pool, medium string) bool {
	on := u.turnedOn(p)
	if len(on) == 0 {
		return true
	}
	switch {
	case p.Settings.exact():
		return false
	case !u.hasPassword():
		return true
	}
	return p.Settings.secondFactor() != secondOff && len(without(on, factorBy(medium))) > 0
}

// secondBy says whether codes by the medium are a second factor of the user. A
// password is not reset by it then: both factors would be the one.
func (u User) secondBy(p Pool, medium string) bool {
	return slices.Contains(u.turnedOn(p), factorBy(medium))
}

// factorBy is the second factor of codes by the medium.
func factorBy(medium string) string {
	if medium == byEmail {
		return nameEmailOTP
	}
	return nameSMSMFA
}
