package userpool

import (
	"context"
	"encoding/json"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// PoolMFA is what SetUserPoolMfaConfig sets, all of it: what is left out is off.
type PoolMFA struct {
	ID       PoolID
	MFA      MFASettings
	Factors  bool // a second factor was given, be it to say no
	WebAuthn WebAuthnSettings
	// SMSText is the words of texted codes, and SMSConfiguration who sends them; nil for
	// no change.
	SMSText          *string
	SMSConfiguration json.RawMessage
	// Mail are the words of codes by e-mail; nil for no change.
	Mail *MailTemplates
}

// What Cognito says of such settings.
var (
	errMFAOffWithFactors = fault.New(fault.InvalidParameter, "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
	errMFAWithoutFactor  = fault.New(fault.InvalidParameter, "Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration.")
	errMFANeedsSMS       = fault.New(fault.InvalidParameter, "SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
	errMFAOnLater        = fault.New(fault.InvalidParameter, "Cannot turn MFA functionality ON, once the user pool has been created.")
)

// echoSMS is the member of PoolSettings.Echo that says who sends texts on AWS.
const echoSMS = "SmsConfiguration"

// sendsSMS says whether the pool names somebody who sends its texts on AWS.
func (s PoolSettings) sendsSMS() bool { return len(s.Echo[echoSMS]) > 0 }

// SetUserPoolMFA replaces the second factors of a pool, and how passkeys are made.
func (s *Service) SetUserPoolMFA(ctx context.Context, r PoolMFA) (Pool, error) {
	at := s.now()
	var p Pool
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if p, err = loadPool(ctx, tx, r.ID); err != nil {
			return err
		}
		if r.Factors && r.MFA.Configuration == "" {
			return errMFAOffWithFactors
		}
		set := &p.Settings
		set.MFA, set.WebAuthn, p.ModifiedAt = r.MFA, r.WebAuthn, at
		if r.SMSText != nil {
			set.AuthenticationText = *r.SMSText
		}
		if r.SMSConfiguration != nil {
			echo := map[string]json.RawMessage{echoSMS: r.SMSConfiguration}
			for k, v := range set.Echo {
				if k != echoSMS {
					echo[k] = v
				}
			}
			set.Echo = echo
		}
		if r.Mail != nil {
			set.Mail.Authentication, set.Mail.AuthenticationSubject = r.Mail.Authentication, r.Mail.AuthenticationSubject
		}
		if set.MFA.Configuration != "" && set.exact() && set.sendsSMS() {
			set.MFA.SMS = true // on Cognito such a pool has it, asked for or not
		}
		if set.MFA.Configuration != "" && !set.MFA.any() {
			return errMFAWithoutFactor
		}
		if err := checkPool(NewPool{ID: p.ID, Name: p.Name, Settings: *set}); err != nil {
			return err
		}
		return tx.UpdatePool(ctx, p)
	})
	return p, err
}

func (m MFASettings) any() bool { return m.SMS || m.SoftwareToken || m.Email }

// Configured reads MfaConfiguration, "" for OFF.
func Configured(mfa string) string {
	if mfa == MFAOff {
		return ""
	}
	return mfa
}

// Shown is MfaConfiguration as it is written.
func (m MFASettings) Shown() string { return orElse(m.Configuration, MFAOff) }

// madeWith is the settings of a new pool whose MfaConfiguration is the one given:
// texts are all that it can have so far.
func (s PoolSettings) madeWith(mfa string) (PoolSettings, error) {
	s.MFA = MFASettings{Configuration: Configured(mfa)}
	if s.MFA.Configuration == "" {
		return s, nil
	}
	if !s.sendsSMS() {
		return s, errMFANeedsSMS
	}
	s.MFA.SMS = true
	return s, nil
}

// updatedWith is the settings s, which replace old, with the MfaConfiguration of the
// update. One without it leaves the second factors, and what SetUserPoolMfaConfig
// alone can set stays in any case: seen with Cognito, which does not do with this
// member as it says of all. SmsAuthenticationMessage goes back to its default like all
// others, or Terraform could not take it away.
func (s PoolSettings) updatedWith(mfa string, old PoolSettings) (PoolSettings, error) {
	s.MFA, s.WebAuthn = old.MFA, old.WebAuthn
	s.Mail.Authentication, s.Mail.AuthenticationSubject = old.Mail.Authentication, old.Mail.AuthenticationSubject
	if s.MFA.SMS && mfa != MFAOff && !s.sendsSMS() && old.sendsSMS() {
		s.Echo[echoSMS] = old.Echo[echoSMS]
	}
	switch mfa {
	case "":
		return s, nil
	case MFAOff:
		s.MFA = MFASettings{}
		return s, nil
	case MFAOn:
		if old.MFA.Configuration != MFAOn {
			return s, errMFAOnLater
		}
	}
	s.MFA.Configuration = mfa
	s.MFA.SMS = s.MFA.SMS || s.sendsSMS() && !s.MFA.any()
	if !s.MFA.any() {
		return s, errMFANeedsSMS
	}
	return s, nil
}
