package cognito

// mailCharacters are the characters of an e-mail's text.
const mailCharacters = `[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*`

// The shapes of the service model (cognito-idp, 2016-04-18) that requests are
// checked against. Patterns are the model's text where Go reads it alike.
var (
	username         = rule{min: 1, max: 128, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`), secret: true}
	password         = rule{max: 256, pattern: whole(`[\S]+`), secret: true}
	optionalPassword = rule{max: 256, pattern: whole(`[\S]+`), secret: true, orEmpty: true} // empty means none
	confirmationCode = rule{min: 1, max: 2048, pattern: whole(`[\S]+`), secret: true}
	clientID         = rule{min: 1, max: 128, pattern: whole(`[\w+]+`), secret: true}
	clientSecret     = rule{min: 24, max: 64, pattern: whole(`[\w+]+`), secret: true}
	secretHash       = rule{min: 1, max: 128, pattern: whole(`[\w+=/]+`), secret: true}
	session          = rule{min: 20, max: 2048, secret: true}
	jwtOrHandle      = rule{min: 1, pattern: whole(`[A-Za-z0-9-_=.]+`), secret: true}
	deviceKey        = rule{min: 1, max: 55, pattern: whole(`[\w-]+_[0-9a-f-]+`)}
	deviceName       = rule{min: 1, max: 1024}
	// deviceSecret is base64 of an SRP verifier or salt; the bound is ours.
	deviceSecret = rule{max: 2048, secret: true}

	userCode       = rule{min: 6, max: 6, pattern: whole(`[0-9]+`), secret: true}
	friendlyName   = rule{max: 131072}
	relyingPartyID = rule{min: 1, max: 127}

	userPoolID       = rule{min: 1, max: 55, pattern: whole(`[\w-]+_[0-9a-zA-Z]+`)}
	resourceName     = rule{min: 1, max: 128, pattern: whole(`[\w\s+=,.@-]+`)}
	resourceARN      = rule{min: 20, max: 2048, pattern: whole(`arn:[\w+=/,.@-]+:[\w+=/,.@-]+:([\w+=/,.@-]*)?:[0-9]+:[\w+=/,.@-]+(:[\w+=/,.@-]+)?(:[\w+=/,.@-]+)?`)}
	bucketARN        = rule{min: 3, max: 1024, pattern: whole(`arn:[\w+=/,.@-]+:[\w+=/,.@-]+:::[\w+=/,.@-]+(:[\w+=/,.@-]+)?(:[\w+=/,.@-]+)?`)}
	attributeName    = rule{min: 1, max: 32, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+`)}
	attributeValue   = rule{max: 2048, secret: true}
	groupName        = rule{min: 1, max: 128, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`)}
	groupDescription = rule{max: 2048}
	pageToken        = rule{min: 1, pattern: whole(`[\S]+`), secret: true}
	searchFilter     = rule{max: 256, secret: true}
	schemaName       = rule{min: 1, max: 20, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`)}
	tagKey           = rule{min: 1, max: 128}
	longText         = rule{max: 131072} // StringType
	tagValue         = rule{max: 256}
	eventID          = rule{min: 1, max: 50, pattern: whole(`[\w+-]+`)}
	secretID         = rule{min: 1, max: 128, pattern: whole(`[\S]+`)}

	// verificationText is a text with a code in it, invitationText one with a
	// temporary password and a name.
	verificationText = rule{min: 6, max: 140, pattern: whole(`.*\{####\}.*`)}
	invitationText   = rule{min: 6, max: 140}
	codeMail         = rule{min: 6, max: 20000, pattern: whole(mailCharacters + `\{####\}` + mailCharacters)}
	linkMail         = rule{min: 6, max: 20000, pattern: whole(mailCharacters + `\{##` + mailCharacters + `##\}` + mailCharacters)}
	invitationMail   = rule{min: 6, max: 20000, pattern: whole(mailCharacters)}
	mailSubject      = rule{min: 1, max: 140, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}\s]+`)}
	mailAddress      = rule{pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}]+@[\p{L}\p{M}\p{S}\p{N}\p{P}]+`)}
	configurationSet = rule{min: 1, max: 64, pattern: whole(`^[a-zA-Z0-9_-]+$`)}
	snsRegion        = rule{min: 5, max: 32}
	applicationID    = rule{pattern: whole(`^[0-9a-fA-F]+$`)}
	attributeListed  = rule{min: 1, max: 2048}
	providerName     = rule{min: 1, max: 32, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}\p{Z}]+`)}
	redirectURL      = rule{min: 1, max: 1024, pattern: whole(`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`)}
	scopeName        = rule{min: 1, max: 256, pattern: whole(`[\x21\x23-\x5B\x5D-\x7E]+`)}

	authFlow = rule{enum: []string{"ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH", "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH",
		"REFRESH_TOKEN", "CUSTOM_AUTH", "USER_PASSWORD_AUTH", "USER_AUTH"}}
	challengeName = rule{enum: []string{"SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE", "MFA_SETUP",
		"PASSWORD_VERIFIER", "CUSTOM_CHALLENGE", "SELECT_CHALLENGE", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER",
		"ADMIN_NO_SRP_AUTH", "NEW_PASSWORD_REQUIRED", "SMS_OTP", "PASSWORD", "WEB_AUTHN", "PASSWORD_SRP"}}
	explicitAuthFlow = rule{enum: []string{"ADMIN_NO_SRP_AUTH", "CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH",
		"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH",
		"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_AUTH"}}
	eventSource       = rule{enum: []string{"userNotification", "userAuthEvents"}}
	logLevel          = rule{enum: []string{"ERROR", "INFO"}}
	feedbackValue     = rule{enum: []string{"Valid", "Invalid"}}
	messageAction     = rule{enum: []string{"RESEND", "SUPPRESS"}}
	deliveryMedium    = rule{enum: []string{"SMS", "EMAIL"}}
	deviceRemembered  = rule{enum: []string{isRemembered, notRemembered}}
	verifiedAttribute = rule{enum: []string{"phone_number", "email"}}
	aliasAttribute    = rule{enum: []string{"phone_number", "email", "preferred_username"}}
	firstFactor       = rule{enum: []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN", "SOFTWARE_TOKEN"}}
	mfaConfiguration  = rule{enum: []string{"OFF", "ON", "OPTIONAL"}}
	userVerification  = rule{enum: []string{"required", "preferred"}}
	factorUse         = rule{enum: []string{factorSingle, factorMulti}}
	activeOrNot       = rule{enum: []string{"ACTIVE", "INACTIVE"}}
	enabledOrNot      = rule{enum: []string{"ENABLED", "DISABLED"}}
	existenceErrors   = rule{enum: []string{"LEGACY", "ENABLED"}}
	poolTier          = rule{enum: []string{"LITE", "ESSENTIALS", "PLUS"}}
	timeUnit          = rule{enum: []string{"seconds", "minutes", "hours", "days"}}
	oauthFlow         = rule{enum: []string{"code", "implicit", "client_credentials"}}
	dataType          = rule{enum: []string{"String", "Number", "DateTime", "Boolean"}}
	advancedSecurity  = rule{enum: []string{"OFF", "AUDIT", "ENFORCED"}}
	enforcedSecurity  = rule{enum: []string{"AUDIT", "ENFORCED"}}
	tokenEvents       = rule{enum: []string{"V1_0", "V2_0", "V3_0"}}
	senderEvents      = rule{enum: []string{"V1_0"}}
	keyType           = rule{enum: []string{"AWS_OWNED_KEY", "CUSTOMER_MANAGED_KEY"}}
	issuerType        = rule{enum: []string{"ORIGINAL", "UPDATED"}}
	recoveryName      = rule{enum: []string{"verified_email", "verified_phone_number", "admin_only"}}
	emailOption       = rule{enum: []string{"CONFIRM_WITH_LINK", "CONFIRM_WITH_CODE"}}
	emailAccount      = rule{enum: []string{"COGNITO_DEFAULT", "DEVELOPER"}}
)
