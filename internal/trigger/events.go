package trigger

import "encoding/json"

// Attributes are a user's, all values as text ("true"), with sub and
// cognito:user_status where there is a user. A nil map is written as {}.
type Attributes map[string]string

// The requests and responses, trigger by trigger (developer guide, Customizing
// user pool workflows). What may be absent of a request is left out; what a
// function is to fill in arrives as null or false, as Cognito's does. Members of
// a response that are nil were left as they came.
type (
	// PreSignUpRequest asks whether somebody may sign up.
	PreSignUpRequest struct {
		UserAttributes Attributes `json:"userAttributes"`
		ValidationData Texts      `json:"validationData"`
		ClientMetadata Texts      `json:"clientMetadata,omitempty"`
	}
	// PreSignUpResponse confirms him at once, or calls his contacts verified.
	PreSignUpResponse struct {
		AutoConfirmUser bool `json:"autoConfirmUser"`
		AutoVerifyEmail bool `json:"autoVerifyEmail"`
		AutoVerifyPhone bool `json:"autoVerifyPhone"`
	}

	// PostConfirmationRequest tells of a user who was confirmed, or whose password
	// was reset.
	PostConfirmationRequest struct {
		UserAttributes Attributes `json:"userAttributes"`
		ClientMetadata Texts      `json:"clientMetadata,omitempty"`
	}

	// PreAuthenticationRequest asks whether somebody may try to sign in.
	PreAuthenticationRequest struct {
		UserAttributes Attributes `json:"userAttributes"`
		ValidationData Texts      `json:"validationData"`
		UserNotFound   bool       `json:"userNotFound,omitempty"`
	}

	// PostAuthenticationRequest tells of a sign-in before its tokens are made.
	PostAuthenticationRequest struct {
		UserAttributes Attributes `json:"userAttributes"`
		NewDeviceUsed  bool       `json:"newDeviceUsed"`
		ClientMetadata Texts      `json:"clientMetadata,omitempty"`
	}

	// None is the response of a trigger that answers with nothing but success.
	None struct{}

	// Step is one element of the session array: a challenge, and how it ended.
	Step struct {
		ChallengeName     string  `json:"challengeName"`
		ChallengeResult   bool    `json:"challengeResult"`
		ChallengeMetadata *string `json:"challengeMetadata"` // of CUSTOM_CHALLENGE alone
	}

	// DefineRequest asks what comes next in a CUSTOM_AUTH sign-in.
	DefineRequest struct {
		UserAttributes Attributes `json:"userAttributes"`
		Session        []Step     `json:"session"`
		ClientMetadata Texts      `json:"clientMetadata,omitempty"`
		UserNotFound   bool       `json:"userNotFound"`
	}
	// DefineResponse is the decision.
	DefineResponse struct {
		ChallengeName      *string `json:"challengeName"`
		IssueTokens        *bool   `json:"issueTokens"`
		FailAuthentication *bool   `json:"failAuthentication"`
	}

	// CreateRequest asks for a challenge.
	CreateRequest struct {
		UserAttributes Attributes `json:"userAttributes"`
		ChallengeName  string     `json:"challengeName"`
		Session        []Step     `json:"session"`
		ClientMetadata Texts      `json:"clientMetadata,omitempty"`
		UserNotFound   bool       `json:"userNotFound"`
	}
	// CreateResponse is the challenge: what the app is shown, what it is not, and
	// a note that later calls see.
	CreateResponse struct {
		PublicChallengeParameters  Texts   `json:"publicChallengeParameters"`
		PrivateChallengeParameters Texts   `json:"privateChallengeParameters"`
		ChallengeMetadata          *string `json:"challengeMetadata"`
	}

	// VerifyRequest asks whether an answer is right.
	VerifyRequest struct {
		UserAttributes             Attributes `json:"userAttributes"`
		PrivateChallengeParameters Texts      `json:"privateChallengeParameters"`
		ChallengeAnswer            string     `json:"challengeAnswer"`
		ClientMetadata             Texts      `json:"clientMetadata,omitempty"`
		UserNotFound               bool       `json:"userNotFound"`
	}
	// VerifyResponse says so.
	VerifyResponse struct {
		AnswerCorrect *bool `json:"answerCorrect"`
	}

	// UserMigrationRequest asks for a user of another directory. There is no
	// password where one was forgotten.
	UserMigrationRequest struct {
		Password       string `json:"password,omitempty"`
		ValidationData Texts  `json:"validationData"`
		UserAttributes *None  `json:"userAttributes"` // always null
		ClientMetadata Texts  `json:"clientMetadata,omitempty"`
	}
	// UserMigrationResponse is the user.
	UserMigrationResponse struct {
		UserAttributes         Texts    `json:"userAttributes"`
		ForceAliasCreation     *bool    `json:"forceAliasCreation"`
		EnableSMSMFA           *bool    `json:"enableSMSMFA"`
		FinalUserStatus        *string  `json:"finalUserStatus"`
		MessageAction          *string  `json:"messageAction"`
		DesiredDeliveryMediums []string `json:"desiredDeliveryMediums"`
	}

	// CustomMessageRequest asks for a message's words. The parameters are what
	// stands in them for a code, a link and a user name.
	CustomMessageRequest struct {
		UserAttributes    Attributes `json:"userAttributes"`
		CodeParameter     string     `json:"codeParameter"`
		LinkParameter     string     `json:"linkParameter"`
		UsernameParameter *string    `json:"usernameParameter"`
		ClientMetadata    Texts      `json:"clientMetadata,omitempty"`
	}
	// CustomMessageResponse is the words; nil leaves the pool's own.
	CustomMessageResponse struct {
		SMSMessage   *string `json:"smsMessage"`
		EmailMessage *string `json:"emailMessage"`
		EmailSubject *string `json:"emailSubject"`
	}

	// CustomSenderRequest hands over a code to whoever sends it: Type is one of
	// the two below, Code a message of the AWS Encryption SDK in Base64.
	CustomSenderRequest struct {
		Type           string     `json:"type"`
		Code           string     `json:"code"`
		ClientMetadata Texts      `json:"clientMetadata,omitempty"`
		UserAttributes Attributes `json:"userAttributes"`
	}

	// GroupConfiguration is the groups and roles that tokens will name.
	GroupConfiguration struct {
		GroupsToOverride   []string `json:"groupsToOverride"`
		IAMRolesToOverride []string `json:"iamRolesToOverride"`
		PreferredRole      *string  `json:"preferredRole"`
	}
	// GroupOverride replaces the groups and roles, where it is given at all: an
	// empty or null one takes them all away.
	GroupOverride struct {
		Given bool
		GroupConfiguration
	}
	// TokenRequest asks what tokens are to say. Scopes are in versions 2 and 3 alone.
	TokenRequest struct {
		UserAttributes     Attributes         `json:"userAttributes"`
		GroupConfiguration GroupConfiguration `json:"groupConfiguration"`
		Scopes             []string           `json:"scopes,omitempty"`
		ClientMetadata     Texts              `json:"clientMetadata,omitempty"`
	}
	// TokenResponseV1 changes the ID token, by texts alone.
	TokenResponseV1 struct {
		Overrides *struct {
			AddOrOverride StrictTexts   `json:"claimsToAddOrOverride"`
			Suppress      []string      `json:"claimsToSuppress"`
			Groups        GroupOverride `json:"groupOverrideDetails"`
		} `json:"claimsOverrideDetails"`
	}
	// TokenResponseV2 changes both tokens, by any JSON. It is version 3's too.
	TokenResponseV2 struct {
		Overrides *struct {
			ID     ClaimChanges  `json:"idTokenGeneration"`
			Access ClaimChanges  `json:"accessTokenGeneration"`
			Groups GroupOverride `json:"groupOverrideDetails"`
		} `json:"claimsAndScopeOverrideDetails"`
	}
	// ClaimChanges are those of one token; scopes are of the access token alone.
	ClaimChanges struct {
		AddOrOverride    map[string]json.RawMessage `json:"claimsToAddOrOverride"`
		Suppress         []string                   `json:"claimsToSuppress"`
		ScopesToAdd      []string                   `json:"scopesToAdd"`
		ScopesToSuppress []string                   `json:"scopesToSuppress"`
	}
)

// The types of a CustomSenderRequest.
const (
	SMSSenderRequest   = "customSMSSenderRequestV1"
	EmailSenderRequest = "customEmailSenderRequestV1"
)
