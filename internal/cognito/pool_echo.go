package cognito

import (
	"cmp"
	stdjson "encoding/json"
	"fmt"
	netmail "net/mail"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// poolEcho is the members of a pool that are kept and given back as they were
// sent, because tools compare: message roles, mail templates, plans. Where
// Bellhop acts on a part of one (AdminCreateUserConfig), that part is in the
// pool's settings as well.
type poolEcho struct {
	AccountRecoverySetting      *accountRecoverySettingType      `json:",omitzero"`
	AdminCreateUserConfig       *adminCreateUserConfigType       `json:",omitzero"`
	DeviceConfiguration         *deviceConfigurationType         `json:",omitzero"`
	EmailConfiguration          *emailConfigurationType          `json:",omitzero"`
	EmailVerificationMessage    *string                          `json:",omitzero"`
	EmailVerificationSubject    *string                          `json:",omitzero"`
	IssuerConfiguration         *issuerConfigurationType         `json:",omitzero"`
	KeyConfiguration            *keyConfigurationType            `json:",omitzero"`
	LambdaConfig                *lambdaConfigType                `json:",omitzero"`
	SmsConfiguration            *smsConfigurationType            `json:",omitzero"`
	UserAttributeUpdateSettings *userAttributeUpdateSettingsType `json:",omitzero"`
	UserPoolAddOns              *userPoolAddOnsType              `json:",omitzero"`
	UserPoolTier                *string                          `json:",omitzero"`
	VerificationMessageTemplate *verificationMessageTemplateType `json:",omitzero"`
}

type accountRecoverySettingType struct {
	RecoveryMechanisms []recoveryOptionType `json:",omitzero"`
}

type recoveryOptionType struct {
	Priority *int32
	Name     *string
}

// order lists the ways of recovery, the first to try first; nil where none was
// set.
func (s *accountRecoverySettingType) order() []string {
	if s == nil {
		return nil
	}
	options := slices.Clone(s.RecoveryMechanisms)
	slices.SortStableFunc(options, func(a, b recoveryOptionType) int { return cmp.Compare(value(a.Priority), value(b.Priority)) })
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = value(o.Name)
	}
	return names
}

type adminCreateUserConfigType struct {
	AllowAdminCreateUserOnly  bool
	UnusedAccountValidityDays *int32               `json:",omitzero"`
	InviteMessageTemplate     *messageTemplateType `json:",omitzero"`
}

func (c *adminCreateUserConfigType) invitationText() string {
	if c.InviteMessageTemplate == nil {
		return ""
	}
	return value(c.InviteMessageTemplate.SMSMessage)
}

type messageTemplateType struct {
	SMSMessage   *string `json:",omitzero"`
	EmailMessage *string `json:",omitzero"`
	EmailSubject *string `json:",omitzero"`
}

type deviceConfigurationType struct {
	ChallengeRequiredOnNewDevice     bool
	DeviceOnlyRememberedOnUserPrompt bool
}

type emailConfigurationType struct {
	SourceArn           *string `json:",omitzero"`
	ReplyToEmailAddress *string `json:",omitzero"`
	EmailSendingAccount *string `json:",omitzero"`
	From                *string `json:",omitzero"`
	ConfigurationSet    *string `json:",omitzero"`
}

type issuerConfigurationType struct {
	Type *string `json:",omitzero"`
}

type keyConfigurationType struct {
	KeyType   *string `json:",omitzero"`
	KmsKeyArn *string `json:",omitzero"`
}

type smsConfigurationType struct {
	SnsCallerArn *string      `json:",omitzero"`
	ExternalId   *string      `json:",omitzero"`
	SnsRegion    *string      `json:",omitzero"`
	EumsSms      *eumsSmsType `json:",omitzero"`
}

type eumsSmsType struct {
	CallerArn            *string `json:",omitzero"`
	ExternalId           *string `json:",omitzero"`
	OriginationIdentity  *string `json:",omitzero"`
	ConfigurationSetName *string `json:",omitzero"`
	InEntityId           *string `json:",omitzero"`
	InTemplateId         *string `json:",omitzero"`
	Region               *string `json:",omitzero"`
}

type userAttributeUpdateSettingsType struct {
	AttributesRequireVerificationBeforeUpdate textList
}

type userPoolAddOnsType struct {
	AdvancedSecurityMode            *string
	AdvancedSecurityAdditionalFlows *additionalFlowsType `json:",omitzero"`
}

type additionalFlowsType struct {
	CustomAuthMode *string `json:",omitzero"`
}

type verificationMessageTemplateType struct {
	SmsMessage         *string `json:",omitzero"`
	EmailMessage       *string `json:",omitzero"`
	EmailSubject       *string `json:",omitzero"`
	EmailMessageByLink *string `json:",omitzero"`
	EmailSubjectByLink *string `json:",omitzero"`
	DefaultEmailOption *string `json:",omitzero"`
}

func (e *poolEcho) validate(v *violations) {
	v.optional("emailVerificationMessage", e.EmailVerificationMessage, codeMail)
	v.optional("emailVerificationSubject", e.EmailVerificationSubject, mailSubject)
	v.optional("userPoolTier", e.UserPoolTier, poolTier)
	e.AccountRecoverySetting.validate(v)
	e.AdminCreateUserConfig.validate(v)
	e.VerificationMessageTemplate.validate(v)
	e.EmailConfiguration.validate(v)
	e.SmsConfiguration.validate(v)
	e.LambdaConfig.validate(v)
	if c := e.IssuerConfiguration; c != nil {
		v.optional("issuerConfiguration.type", c.Type, issuerType)
	}
	if c := e.KeyConfiguration; c != nil {
		v.optional("keyConfiguration.keyType", c.KeyType, keyType)
		v.optional("keyConfiguration.kmsKeyArn", c.KmsKeyArn, resourceARN)
	}
	if c := e.UserAttributeUpdateSettings; c != nil {
		v.each("userAttributeUpdateSettings.attributesRequireVerificationBeforeUpdate", c.AttributesRequireVerificationBeforeUpdate, verifiedAttribute)
	}
	if c := e.UserPoolAddOns; c != nil {
		v.required("userPoolAddOns.advancedSecurityMode", c.AdvancedSecurityMode, advancedSecurity)
		if f := c.AdvancedSecurityAdditionalFlows; f != nil {
			v.optional("userPoolAddOns.advancedSecurityAdditionalFlows.customAuthMode", f.CustomAuthMode, enforcedSecurity)
		}
	}
}

func (c *emailConfigurationType) validate(v *violations) {
	if c == nil {
		return
	}
	const path = "emailConfiguration."
	v.optional(path+"sourceArn", c.SourceArn, resourceARN)
	v.optional(path+"replyToEmailAddress", c.ReplyToEmailAddress, mailAddress)
	v.optional(path+"emailSendingAccount", c.EmailSendingAccount, emailAccount)
	v.optional(path+"configurationSet", c.ConfigurationSet, configurationSet)
}

func (c *smsConfigurationType) validate(v *violations) { c.validateAt(v, "smsConfiguration.") }

// validateAt is validate where the member stands within another.
func (c *smsConfigurationType) validateAt(v *violations, path string) {
	if c == nil {
		return
	}
	if c.EumsSms == nil {
		v.required(path+"snsCallerArn", c.SnsCallerArn, resourceARN)
	}
	v.optional(path+"snsRegion", c.SnsRegion, snsRegion)
}

func (s *accountRecoverySettingType) validate(v *violations) {
	if s == nil || s.RecoveryMechanisms == nil { // {} is how tools take a setting back
		return
	}
	v.length("accountRecoverySetting.recoveryMechanisms", len(s.RecoveryMechanisms), 1, 2)
	for i, m := range s.RecoveryMechanisms {
		path := fmt.Sprintf("accountRecoverySetting.recoveryMechanisms.%d.member.", i+1)
		v.present(path+"priority", m.Priority != nil)
		v.between(path+"priority", m.Priority, 1, 2)
		v.required(path+"name", m.Name, recoveryName)
	}
}

func (c *adminCreateUserConfigType) validate(v *violations) {
	if c == nil {
		return
	}
	v.between("adminCreateUserConfig.unusedAccountValidityDays", c.UnusedAccountValidityDays, 0, 365)
	if t := c.InviteMessageTemplate; t != nil {
		const path = "adminCreateUserConfig.inviteMessageTemplate."
		v.optional(path+"sMSMessage", t.SMSMessage, invitationText)
		v.optional(path+"emailMessage", t.EmailMessage, invitationMail)
		v.optional(path+"emailSubject", t.EmailSubject, mailSubject)
	}
}

func (t *verificationMessageTemplateType) validate(v *violations) {
	if t == nil {
		return
	}
	const path = "verificationMessageTemplate."
	v.optional(path+"smsMessage", t.SmsMessage, verificationText)
	v.optional(path+"emailMessage", t.EmailMessage, codeMail)
	v.optional(path+"emailSubject", t.EmailSubject, mailSubject)
	v.optional(path+"emailMessageByLink", t.EmailMessageByLink, linkMail)
	v.optional(path+"emailSubjectByLink", t.EmailSubjectByLink, mailSubject)
	v.optional(path+"defaultEmailOption", t.DefaultEmailOption, emailOption)
}

// unsupported refuses what would change who gets in and is not there yet. To
// keep such a setting and not act on it would be a lie that opens doors.
func (in *poolMembers) unsupported() error {
	refuse := func(format string, args ...any) error { return fault.New(fault.InvalidParameter, format, args...) }
	switch {
	case in.UserPoolAddOns != nil && value(in.UserPoolAddOns.AdvancedSecurityMode) != "OFF":
		return refuse("UserPoolAddOns.AdvancedSecurityMode other than OFF is not served by this version of Bellhop.")
	}
	return nil
}

// mailTemplates are the texts of e-mails. Of the two spellings of the one with a
// code the template goes first. Links instead of codes are not served, so their
// texts are only kept.
func (e *poolEcho) mailTemplates() userpool.MailTemplates {
	t := userpool.MailTemplates{
		Verification: value(e.EmailVerificationMessage), VerificationSubject: value(e.EmailVerificationSubject),
	}
	if v := e.VerificationMessageTemplate; v != nil {
		t.Verification = orDefault(v.EmailMessage, t.Verification)
		t.VerificationSubject = orDefault(v.EmailSubject, t.VerificationSubject)
	}
	if c := e.AdminCreateUserConfig; c != nil && c.InviteMessageTemplate != nil {
		t.Invitation, t.InvitationSubject = value(c.InviteMessageTemplate.EmailMessage), value(c.InviteMessageTemplate.EmailSubject)
	}
	return t
}

// letterhead is what e-mails follow of the configuration; the rest is Amazon SES's.
func (c *emailConfigurationType) letterhead() (userpool.Letterhead, error) {
	if c == nil {
		return userpool.Letterhead{}, nil
	}
	head := userpool.Letterhead{From: value(c.From), ReplyTo: value(c.ReplyToEmailAddress)}
	if !isCorrespondent(head.From) || !isCorrespondent(head.ReplyTo) {
		return head, fault.New(fault.InvalidParameter, "From and ReplyToEmailAddress must be e-mail addresses, alone or as Name <address>.")
	}
	return head, nil
}

func isCorrespondent(text string) bool {
	_, err := netmail.ParseAddress(text)
	return text == "" || err == nil
}

// mirrorMail gives the two spellings of the mail with a code one content, as
// verificationText does for the text: the template goes first.
func (e *poolEcho) mirrorMail() {
	t := e.VerificationMessageTemplate
	mirror(&t.EmailMessage, &e.EmailVerificationMessage)
	mirror(&t.EmailSubject, &e.EmailVerificationSubject)
}

func mirror(first, second **string) {
	if *first != nil {
		*second = *first
		return
	}
	*first = *second
}

// membersOf splits a structure into its members' JSON.
func membersOf(v any) (map[string]stdjson.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	members := map[string]stdjson.RawMessage{}
	return members, json.Unmarshal(text, &members)
}

// restore reads kept members back over those in e.
func restore(kept map[string]stdjson.RawMessage, e *poolEcho) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, e)
}

// defaultEcho is what Cognito shows of a pool that was made with only a name,
// and of one that was made without this face.
func defaultEcho(s userpool.PoolSettings) poolEcho {
	template := &verificationMessageTemplateType{DefaultEmailOption: new("CONFIRM_WITH_CODE")}
	if s.VerificationText != "" {
		template.SmsMessage = &s.VerificationText
	}
	invite := &adminCreateUserConfigType{
		AllowAdminCreateUserOnly:  s.AdminCreateOnly,
		UnusedAccountValidityDays: new(int32(s.Password.TemporaryPasswordDays)),
	}
	if s.InvitationText != "" {
		invite.InviteMessageTemplate = &messageTemplateType{SMSMessage: &s.InvitationText}
	}
	return poolEcho{
		AdminCreateUserConfig:       invite,
		EmailConfiguration:          &emailConfigurationType{EmailSendingAccount: new("COGNITO_DEFAULT")},
		LambdaConfig:                &lambdaConfigType{},
		UserPoolTier:                new("ESSENTIALS"),
		VerificationMessageTemplate: template,
	}
}
