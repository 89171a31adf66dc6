package userpool

import (
	"net/netip"
	"time"

	"github.com/bellhop-auth/bellhop/internal/stepup"
)

// Caller is who makes a request, as far as the network tells.
type Caller struct {
	Address netip.Addr
	// Backend says that a signed call speaks for somebody whose address it does
	// not tell. What is counted by address is not counted then, since all the
	// backend's users share its own.
	Backend bool
	// Invocation is the SDK's amz-sdk-invocation-id, "" if it sent none: all
	// tries of one user action carry the same.
	Invocation string
	// Body gives a hash over operation and body, so that only an identical
	// request can be a repeat; nil where there is none. Few operations want it.
	Body func() string
	// Device is the device key that the request gives, "" for none. It may be
	// anybody's and made up: what it is worth knownDevice says.
	Device string
	// Told is what the request's ClientMetadata tells Bellhop itself, by its keys
	// without their "bellhop:". No function of a pool is given any of it.
	Told map[string]string

	begun   string        // the time of the Session that the request answers, as that has it
	client  ClientID      // of the request, if that may carry a proof; "" for those that cannot
	proof   *stepup.Proof // more proof that the request carries; nil for none
	proved  string        // the way of the proof that this transaction has taken, "" for none
	counted bool          // the start of what is asked for has been counted
}

// requester is the address block that stands for the caller where no device is
// known: the IPv4 address, or the IPv6 /64.
func (c Caller) requester() string {
	if c.Backend {
		return backend
	}
	a := c.Address.Unmap()
	if !a.Is6() {
		return a.String()
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// network is the block around the address: the /24 of IPv4, the /48 of IPv6.
func (c Caller) network() string {
	a, bits := c.Address.Unmap().WithZone(""), 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// backend is the requester of calls that speak for nobody's address.
const backend = "backend"

// Delivery says where a code went (Cognito's CodeDeliveryDetails).
type Delivery struct {
	Destination string // masked
	Medium      string // SMS or EMAIL
	Attribute   string // phone_number or email
}

// Attribute is one user attribute; lists of them keep an order.
type Attribute struct{ Name, Value string }

// SignUp

// SignUpRequest asks for a new user.
type SignUpRequest struct {
	Caller     Caller
	ClientID   ClientID
	SecretHash string
	Username   string
	Password   string // "" for none
	Attributes []Attribute
	// ValidationData reaches PreSignUp alone, and is kept nowhere.
	ValidationData map[string]string
	// ClientMetadata reaches the triggers that the request sets off, here and in
	// the requests below.
	ClientMetadata map[string]string
}

// SignUpResult is what a sign-up answers. Delivery is nil if no code was due.
type SignUpResult struct {
	Confirmed bool
	Sub       UserID
	Delivery  *Delivery
	Session   string
}

// ConfirmSignUpRequest answers the code of a sign-up.
type ConfirmSignUpRequest struct {
	Caller             Caller
	ClientID           ClientID
	SecretHash         string
	Username           string
	Code               string
	Session            string // of SignUp, "" if the client kept none
	ForceAliasCreation bool
	ClientMetadata     map[string]string
}

// ResendRequest asks for the sign-up's code once more.
type ResendRequest struct {
	Caller         Caller
	ClientID       ClientID
	SecretHash     string
	Username       string
	ClientMetadata map[string]string
}

// Sign-in

// AuthRequest starts a sign-in (InitiateAuth, AdminInitiateAuth).
type AuthRequest struct {
	Caller     Caller
	PoolID     PoolID // of AdminInitiateAuth, "" for InitiateAuth
	ClientID   ClientID
	Flow       string            // AuthFlow
	Parameters map[string]string // AuthParameters
	Session    string            // of ConfirmSignUp
	// ClientMetadata reaches PreAuthentication and UserMigration as validationData,
	// and no trigger as clientMetadata.
	ClientMetadata map[string]string
}

// AnswerRequest answers a challenge (RespondToAuthChallenge,
// AdminRespondToAuthChallenge).
type AnswerRequest struct {
	Caller    Caller
	PoolID    PoolID // of AdminRespondToAuthChallenge, "" for RespondToAuthChallenge
	ClientID  ClientID
	Challenge string // ChallengeName
	Session   string
	Responses map[string]string // ChallengeResponses
	// ClientMetadata reaches the triggers that the answer sets off.
	ClientMetadata map[string]string
}

// AuthResult is the outcome of a step: tokens, or the next challenge.
type AuthResult struct {
	Tokens     *Tokens
	Challenge  string
	Session    string
	Parameters map[string]string
	Available  []string // AvailableChallenges
}

// Tokens are what a finished sign-in or a refresh gives. Refresh is "" where
// the client keeps the one it has.
type Tokens struct {
	ID, Access, Refresh string
	ExpiresIn           int        // seconds, of the access token
	NewDevice           *NewDevice // of a sign-in from a device that had no key, else nil
}

// NewDevice names a device that signs in for the first time (Cognito's
// NewDeviceMetadata).
type NewDevice struct {
	Key   string `json:"key"`
	Group string `json:"group"`
}

// RefreshRequest exchanges a refresh token (GetTokensFromRefreshToken).
type RefreshRequest struct {
	Caller       Caller
	ClientID     ClientID
	ClientSecret string
	RefreshToken string
	// ClientMetadata reaches PreTokenGeneration.
	ClientMetadata map[string]string
}

// RevokeRequest ends a refresh token's family (RevokeToken).
type RevokeRequest struct {
	ClientID     ClientID
	ClientSecret string
	Token        string
}

// The signed-in user

// UserView is a user as an API shows it.
type UserView struct {
	Username   string
	Attributes []Attribute // sub first, the rest by name
	Enabled    bool
	Status     UserStatus
	CreatedAt  time.Time
	ModifiedAt time.Time
	// MFA are the second factors that are on, and PreferredMFA the one to ask for.
	MFA          []string
	PreferredMFA string
}

// Administration

// NewPool asks for a user pool. ID is chosen by Bellhop unless given.
type NewPool struct {
	ID       PoolID
	Name     string
	Settings PoolSettings
	MFA      string // MfaConfiguration, "" for what Settings have
}

// PoolUpdate replaces a pool's settings. The name stays if it is "", the tags
// stay if they are nil, and what SetUserPoolMFA sets but for MfaConfiguration.
type PoolUpdate struct {
	ID       PoolID
	Name     string
	Settings PoolSettings
	MFA      string // MfaConfiguration, "" for no change
}

// NewClient asks for an app client. ID is chosen by Bellhop unless given.
type NewClient struct {
	ID             ClientID
	PoolID         PoolID
	Name           string
	GenerateSecret bool
	Secret         string // own value, instead of GenerateSecret
	Settings       ClientSettings
}

// ClientView is an app client with its secret opened ("" for a public one).
type ClientView struct {
	Client
	Secret string
}

// ClientUpdate replaces an app client's settings; its secrets stay. The name
// stays if it is "".
type ClientUpdate struct {
	PoolID   PoolID
	ID       ClientID
	Name     string
	Settings ClientSettings
}

// ClientSecretView is a client's secret as it may be shown: with its value only
// when Bellhop has just made it.
type ClientSecretView struct {
	ID        string
	Value     string
	CreatedAt time.Time
}

// NewUser asks for a user (AdminCreateUser).
type NewUser struct {
	Caller            Caller
	PoolID            PoolID
	Username          string
	TemporaryPassword string
	Attributes        []Attribute
	// ForceAliasCreation takes verified aliases from whoever has them.
	ForceAliasCreation bool
	Suppress           bool // MessageAction SUPPRESS: no invitation
	Resend             bool // MessageAction RESEND: a new invitation
	DesiredMediums     []string
	ValidationData     map[string]string // for PreSignUp alone
	ClientMetadata     map[string]string
}

// The methods of Service that faces call; metadata is ClientMetadata:
//
//	SignUp(ctx, SignUpRequest) (SignUpResult, error)
//	ConfirmSignUp(ctx, ConfirmSignUpRequest) (session string, err error)
//	ResendConfirmationCode(ctx, ResendRequest) (Delivery, error)
//	InitiateAuth(ctx, AuthRequest) (AuthResult, error)
//	RespondToAuthChallenge(ctx, AnswerRequest) (AuthResult, error)
//	GetTokensFromRefreshToken(ctx, RefreshRequest) (Tokens, error)
//	RevokeToken(ctx, RevokeRequest) error
//	GlobalSignOut(ctx, accessToken string) error
//	GetUser(ctx, accessToken string) (UserView, error)
//	UpdateUserAttributes(ctx, Caller, accessToken string, []Attribute, metadata) ([]Delivery, error)
//	DeleteUserAttributes(ctx, Caller, accessToken string, names []string) error
//	GetUserAttributeVerificationCode(ctx, Caller, accessToken, attribute string, metadata) (Delivery, error)
//	VerifyUserAttribute(ctx, Caller, accessToken, attribute, code string) error
//	ChangePassword(ctx, PasswordChange) error
//	ForgotPassword(ctx, ForgotPasswordRequest) (Delivery, error)
//	ConfirmForgotPassword(ctx, ConfirmForgotPasswordRequest) error
//	DeleteUser(ctx, accessToken string) error
//	AssociateSoftwareToken(ctx, TokenHolder) (AssociatedToken, error)
//	VerifySoftwareToken(ctx, TokenHolder, code, name string) (session string, err error)
//	SetUserMFAPreference(ctx, accessToken string, []FactorChoice) error
//	GetUserAuthFactors(ctx, accessToken string) (AuthFactors, error)
//
//	ConfirmDevice(ctx, DeviceConfirmation) (askUser bool, err error)
//	GetDevice(ctx, accessToken, key string) (Device, error)
//	ListDevices(ctx, accessToken string, limit int, token string) (DevicePage, error)
//	UpdateDeviceStatus(ctx, accessToken, key string, remembered *bool) error
//	ForgetDevice(ctx, accessToken, key string) error
//
//	CreateUserPool(ctx, NewPool) (Pool, error)
//	DescribeUserPool(ctx, PoolID) (Pool, error)
//	UpdateUserPool(ctx, PoolUpdate) error
//	SetUserPoolMFA(ctx, PoolMFA) (Pool, error)
//	ListUserPools(ctx, limit int, token string) (page []Pool, next string, err error)
//	DeleteUserPool(ctx, PoolID) error
//	AddCustomAttributes(ctx, PoolID, []CustomAttribute) error
//	CreateUserPoolClient(ctx, NewClient) (ClientView, error)
//	DescribeUserPoolClient(ctx, PoolID, ClientID) (ClientView, error)
//	UpdateUserPoolClient(ctx, ClientUpdate) (ClientView, error)
//	ListUserPoolClients(ctx, PoolID, limit int, token string) (page []Client, next string, err error)
//	DeleteUserPoolClient(ctx, PoolID, ClientID) error
//	AddUserPoolClientSecret(ctx, PoolID, ClientID, secret string) (ClientSecretView, error)
//	UserPoolClientSecrets(ctx, PoolID, ClientID) ([]ClientSecretView, error)
//	DeleteUserPoolClientSecret(ctx, PoolID, ClientID, id string) error
//	TagPool(ctx, PoolID, tags map[string]string) error
//	UntagPool(ctx, PoolID, keys []string) error
//	PoolTags(ctx, PoolID) (map[string]string, error)
//
//	AdminCreateUser(ctx, NewUser) (UserView, error)
//	AdminGetUser(ctx, PoolID, username string) (UserView, error)
//	AdminSetUserPassword(ctx, PoolID, username, password string, permanent bool) error
//	AdminResetUserPassword(ctx, Caller, PoolID, username string, metadata) error
//	AdminUpdateUserAttributes(ctx, Caller, PoolID, username string, []Attribute, metadata) error
//	AdminDeleteUserAttributes(ctx, Caller, PoolID, username string, names []string) error
//	AdminUserGlobalSignOut(ctx, PoolID, username string) error
//	AdminConfirmSignUp(ctx, PoolID, username string, metadata) error
//	AdminDisableUser(ctx, PoolID, username string) error
//	AdminEnableUser(ctx, PoolID, username string) error
//	AdminDeleteUser(ctx, PoolID, username string) error
//	AdminSetUserMFAPreference(ctx, PoolID, username string, []FactorChoice) error
//	AdminGetUserAuthFactors(ctx, PoolID, username string) (AuthFactors, error)
//	AdminGetDevice(ctx, PoolID, username, key string) (Device, error)
//	AdminListDevices(ctx, PoolID, username string, limit int, token string) (DevicePage, error)
//	AdminUpdateDeviceStatus(ctx, PoolID, username, key string, remembered *bool) error
//	AdminForgetDevice(ctx, PoolID, username, key string) error
//
//	JWKS(ctx, PoolID) ([]byte, error)  the pool's key set document
//	Issuer(PoolID) string
//	Credential(ctx, accessKeyID string) (Credential, error)
//	NoteUse(ctx, Credential, at time.Time)
//
//	CreateAccessKey(ctx, NewAccessKey) (AccessKey, secret string, err error)
//	AccessKeys(ctx) ([]AccessKey, error)
//	DeleteAccessKey(ctx, id string) error
//	RotateKeys(ctx, PoolID, KeyRotation) ([]RotatedKeys, error)
//	SigningKeys(ctx, PoolID) ([]KeyView, error)
//	KnowsMasterKeys(ctx) error         a server's, before it serves
//	NoteMasterKey(ctx) error           the same
//	Reseal(ctx) (*Resealing, error)
//	MasterKeys(ctx, file *seal.Ring) ([]MasterKeyView, error)
//
//	EndFuture(ctx) error               a server's, before it serves
//	Now() time.Time                    by the clock that it goes by
//	Ready(ctx) error
//	Run(ctx) error                     outbox, key stock and rotation, sweeping
//
//	Begin(ctx, Call) context.Context   a call's entry in the audit trail, and its
//	End(ctx, error)                    end; By, Named and Note add to it
//	Audit(ctx, AuditFilter) iter.Seq2[AuditRow, error]
//	FlushAudit(ctx)                    for tools that do not Run
//
//	EnsureAdminKey(ctx) (key AdminKey, made bool, err error)
//	ClaimPublicURL(ctx, accept bool) error   refuses an issuer change for existing pools
//
// Open(ctx, Config) (*Service, error) makes it; IsNew(ctx, Store) (bool, error)
// says whether the store has never been opened by a Service (so that a missing
// master key file may be made); ErrWrongMasterKey and ErrIssuerChange are for
// errors.Is.

// end of the API
