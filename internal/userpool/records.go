package userpool

import (
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
)

// Identifiers are types of their own: a swap does not compile.
type (
	// PoolID is a user pool's id, like us-east-1_AbC123xyz.
	PoolID string
	// ClientID is an app client's id, unique over all pools.
	ClientID string
	// UserID is a user's sub: a UUID, never changed, never given again.
	UserID string
	// RegistrationID names one pending sign-up.
	RegistrationID string
	// ChallengeID names one challenge; a code is a keyed function of it.
	ChallengeID string
	// FamilyID names the refresh tokens of one sign-in; it is the tokens'
	// origin_jti.
	FamilyID string
	// MessageID names one text in the outbox, and is the sender's idempotency
	// key.
	MessageID string
)

// Pool is a user pool as it is stored. Settings travel as one JSON text.
type Pool struct {
	ID         PoolID
	Name       string
	Settings   PoolSettings
	CreatedAt  time.Time
	ModifiedAt time.Time
}

// Client is an app client as it is stored.
type Client struct {
	ID         ClientID
	PoolID     PoolID
	Name       string
	Secrets    []ClientSecret // at most two; none for a public client
	Settings   ClientSettings
	CreatedAt  time.Time
	ModifiedAt time.Time
}

// ClientSecret is one of a client's secrets: each is as good as the other.
type ClientSecret struct {
	ID        string
	Sealed    string
	CreatedAt time.Time
}

// SigningKey is a key that signs a pool's tokens, or one in stock (PoolID "").
type SigningKey struct {
	ID        string // kid
	PoolID    PoolID
	Use       string // "id", "access", or "" in stock
	Alg       string // RS256, ES256, EdDSA
	Private   string // PKCS #8, sealed
	CreatedAt time.Time
	ActiveAt  time.Time // signs from here on
	RetiredAt time.Time // a successor signs from here on; zero while none does
}

// AccessKey is a key of the store that administrative requests are signed with.
type AccessKey struct {
	ID         string
	Name       string
	Secret     string   // sealed
	Operations []string // patterns of names; none for all
	Pools      []PoolID // none for all, and what belongs to no pool
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // to the minute; zero before the first use
}

// SealedKind says which sealed texts of the store a SealedRow holds.
type SealedKind string

// The kinds.
const (
	SealedServerSecret     SealedKind = "server secret"
	SealedAccessKeys       SealedKind = "admin access keys"
	SealedSigningKeys      SealedKind = "signing keys"
	SealedClientSecrets    SealedKind = "client secrets"
	SealedTextSecrets      SealedKind = "secrets of texts"
	SealedLetters          SealedKind = "letters to custom senders"
	SealedSignUpPasswords  SealedKind = "passwords of sign-ups"
	SealedPasswords        SealedKind = "passwords of users"
	SealedEarlierPasswords SealedKind = "earlier passwords"
	SealedPasswordHashes   SealedKind = "password hashes"
	SealedDevices          SealedKind = "verifiers of devices"
	SealedSoftwareTokens   SealedKind = "secrets of authenticator apps"
	SealedPendingTokens    SealedKind = "secrets of authenticator apps that wait"
	SealedImportFiles      SealedKind = "files of import jobs"
)

// SealedRow is the sealed texts of one row. Pool and ID are its place in the
// kind's order; Was is the column as it was read.
type SealedRow struct {
	Kind  SealedKind
	Pool  PoolID // of users and devices alone
	ID    string
	Owner string // whom the texts are bound to, ID where it is nobody else
	Texts []string
	Was   string
}

// UserStatus is Cognito's UserStatus.
type UserStatus string

// The statuses that Bellhop produces. An unconfirmed user is a Registration.
const (
	StatusConfirmed           UserStatus = "CONFIRMED"
	StatusUnconfirmed         UserStatus = "UNCONFIRMED"
	StatusForceChangePassword UserStatus = "FORCE_CHANGE_PASSWORD"
	StatusResetRequired       UserStatus = "RESET_REQUIRED"
)

// UserStatuses are all that there are.
func UserStatuses() []UserStatus {
	return []UserStatus{StatusConfirmed, StatusUnconfirmed, StatusForceChangePassword, StatusResetRequired}
}

// User is a user of a pool. In the store it is never UNCONFIRMED.
type User struct {
	PoolID     PoolID
	ID         UserID
	Username   string   // canonical, immutable; equals ID in phone-named pools
	Names      []string // what the user signs in with, besides Username
	Status     UserStatus
	Enabled    bool
	Attributes map[string]string // without sub
	Verifier   string            // SRP verifier, sealed; "" without a password
	// SRPIdentity is USER_ID_FOR_SRP, which the verifier was made with; "" means
	// Username.
	SRPIdentity string
	// Pending are new values of phone_number and email that wait for their code.
	Pending map[string]string
	// PasswordHistory are the sealed verifiers of earlier passwords, newest first.
	PasswordHistory []string
	// PasswordHash is the hash that another system kept of the password, sealed. No
	// verifier can be made of it: the first right password in the open puts one in
	// its place. "" where there is none.
	PasswordHash string
	MFA          MFAPreference
	CreatedAt    time.Time
	ModifiedAt   time.Time
	PasswordAt   time.Time // when the password was set
	SignedInAt   time.Time // first sign-in; zero before it
	ActiveAt     time.Time // last sign-in, to the day
	// SignedOutAt refuses every access token issued before it.
	SignedOutAt time.Time
	// SignOuts is how often all that was begun as the user was ended. Families that
	// began before the last time are over; see Family.over.
	SignOuts int64
	// Unproved says that an administrator or the pool's PreSignUp function
	// confirmed the sign-up, so password and attributes are of somebody who never
	// proved to have the number. The first right code texted there drops them; see
	// firstProof.
	Unproved bool
}

// MFAPreference is what a user has chosen of the second factors (SetUserMFAPreference).
// What is on without being set up, or without the pool's leave, asks for nothing.
type MFAPreference struct {
	SMS           bool `json:"sms,omitempty"`
	SoftwareToken bool `json:"software_token,omitempty"`
	Email         bool `json:"email,omitempty"`
	// Preferred is the one to ask for where several are on: SMS_MFA,
	// SOFTWARE_TOKEN_MFA or EMAIL_OTP; "" for none.
	Preferred string `json:"preferred,omitempty"`
}

// SoftwareToken is a user's authenticator app.
type SoftwareToken struct {
	PoolID  PoolID
	UserID  UserID
	Secret  string // sealed; "" before an app has given its first code
	Pending string // sealed, of an app that has yet to give its first code; "" for none
	Name    string // as its client calls it
	// LastStep is of the last code that was accepted. Neither that code nor one before
	// it is accepted again.
	LastStep   int64
	CreatedAt  time.Time
	VerifiedAt time.Time // of the secret; zero before it
}

// PasswordLock is how often a wrong password was given in a row, and when last.
type PasswordLock struct {
	Failures int
	FailedAt time.Time
}

// Registration is a sign-up that nobody has confirmed yet. It owns nothing:
// others for the same name stand beside it.
type Registration struct {
	ID         RegistrationID
	PoolID     PoolID
	ClientID   ClientID
	Name       string // the sign-in name, canonical
	Sub        UserID // what SignUp answered, the winner's id
	Requester  string // who signed up: the client's address block
	Attributes map[string]string
	Verifier   string // SRP verifier, sealed; "" without a password
	// SRPIdentity is as User's.
	SRPIdentity string
	Existing    UserID // strict: the confirmed user whom its code signs in
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// Group is a group of users as it is stored.
type Group struct {
	PoolID      PoolID
	Name        string
	Description string
	RoleARN     string // "" for none
	Precedence  *int32 // the lowest goes first; nil for none, which goes last
	CreatedAt   time.Time
	ModifiedAt  time.Time
}

// Membership is one user's in one group.
type Membership struct {
	PoolID  PoolID
	Group   string
	User    UserID
	AddedAt time.Time
}

// Purpose says what a code is for; a code serves no other purpose.
type Purpose string

// The purposes of codes and texts.
const (
	PurposeSignUp Purpose = "sign_up"
	PurposeSignIn Purpose = "sign_in"     // CUSTOM_AUTH
	PurposeOTP    Purpose = "sign_in_otp" // USER_AUTH SMS_OTP
	PurposeReset  Purpose = "reset"       // ForgotPassword, AdminResetUserPassword
	PurposeVerify Purpose = "verify"      // VerifyUserAttribute
	PurposeFactor Purpose = "mfa"         // a second factor: SMS_MFA, EMAIL_OTP after another proof
	PurposeInvite Purpose = "invitation"  // AdminCreateUser
	PurposeNotice Purpose = "notice"      // no code: a notice to the owner
)

// byMail marks a purpose whose code goes by e-mail: a subject may have one code
// on the phone and one in the mail, each with its own challenge.
const byMail = "_email"

// of is the purpose as challenges to the contact have it. A sign-up has one code.
func (p Purpose) of(to Contact) Purpose {
	if p == PurposeSignUp {
		return p
	}
	return p.by(to.attribute())
}

// by is the purpose of codes, other than a sign-up's, that go to the attribute.
func (p Purpose) by(attr string) Purpose {
	if attr == AttrEmail {
		return p + byMail
	}
	return p
}

// plain is the purpose without its medium.
func (p Purpose) plain() Purpose { return Purpose(strings.TrimSuffix(string(p), byMail)) }

// Challenge is one code's life: never the code itself, only what it is keyed by
// and how often it was tried.
type Challenge struct {
	ID           ChallengeID
	PoolID       PoolID
	ClientID     ClientID
	Subject      string // user id, registration id, or a decoy's id
	Purpose      Purpose
	Requester    string // the known device, else the address block; see newcomer
	Registration RegistrationID
	To           Contact
	KeyID        string // master key whose code key made the code
	Digits       int
	MaxTries     int
	Tries        int
	Sends        int
	CreatedAt    time.Time
	ExpiresAt    time.Time
	SentAt       time.Time
	UsedAt       time.Time
}

// SessionStep says what the holder of a Session may do next. It is Cognito's
// challenge name, or a step of a sign-up or of a new passkey.
type SessionStep string

// The steps that are not a challenge name.
const (
	StepConfirmSignUp SessionStep = "SIGN_UP"   // from SignUp, for ConfirmSignUp
	StepSignedUp      SessionStep = "SIGNED_UP" // from ConfirmSignUp, for the first InitiateAuth
	StepReturned      SessionStep = "RETURNED"  // the same where strict found the user there already
	StepNewPasskey    SessionStep = "PASSKEY"   // from StartWebAuthnRegistration, for CompleteWebAuthnRegistration
)

// purpose is that of the code which the Session waits for.
func (session Session) purpose() Purpose {
	switch {
	case session.Proof != "":
		return PurposeFactor
	case string(session.Step) == nameCustom:
		return PurposeSignIn
	}
	return PurposeOTP
}

// Session is what a Session string stands for. The string is a 256-bit handle;
// only its hash is kept.
type Session struct {
	Hash      string
	PoolID    PoolID
	ClientID  ClientID
	Subject   string // user id, registration id, or a decoy's id
	Decoy     bool   // there is no such user: every answer is wrong
	Step      SessionStep
	Username  string // canonical user name told to the client
	Name      string // sign-in name as parsed, "" if the canonical name was given
	Challenge ChallengeID
	History   []challenge.Entry
	ByID      bool // the sign-in began with a sub: see veiled
	// Device is the device key that the sign-in began with, whosever it is. Clients
	// that send it then may not send it with their answer.
	Device string
	// Sealed is what a function of the pool's own made of the challenge, and the
	// notes of those before: see ownState. Where an authenticator app is being set up
	// it is the app's secret. "" else.
	Sealed string
	// Proof is what the first factor of the sign-in was, where the Session is about
	// the second or comes from a sign-up's code. "" else.
	Proof string
	// Pending says that success creates the user, since only a sign-up or
	// nothing is there: a texted-code sign-in confirms.
	Pending   bool
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time

	carried *carriedState // nil: it has a row in the store
}

// Proves says whether the holder of the Session has shown something that the next
// step does not ask for again: a factor, the temporary password, the code of a
// sign-up, a fresh sign-in. Such a one must not outlive what ends the user's Sessions.
func (session Session) Proves() bool {
	switch session.Step {
	case StepSignedUp, StepReturned, StepNewPasskey, nameNewPassword:
		return true
	}
	return session.Proof != "" || len(session.History) > 0
}

// Family is a sign-in and the refresh tokens that follow from it. The token is
// a keyed function of ID and Generation, which alone are kept.
type Family struct {
	ID         FamilyID
	PoolID     PoolID
	ClientID   ClientID
	UserID     UserID
	DeviceKey  string // of the device that signed in, "" for none
	Generation uint32
	AuthTime   time.Time
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RotatedAt  time.Time
	RevokedAt  time.Time
	SignOuts   int64 // the user's, when it began
}

// over says whether the family was ended, itself or with all others of its user. The
// latter is said by the user's row alone, so that nobody looks for families by user:
// an index for that would cost every sign-in a page.
func (f Family) over(u User) bool { return !f.RevokedAt.IsZero() || f.SignOuts != u.SignOuts }

// endAll ends the families of the user, and refuses the access tokens issued so far.
func (u *User) endAll(at time.Time) {
	u.SignedOutAt = at
	u.SignOuts++
}

// Device is a device that signed in as the user: tokens were given with its key. It has
// a row once it is confirmed, or comes back; see devicekeys.go.
// The key is no credential. Whoever shows it may be told apart from strangers, and
// gets nothing else for it.
type Device struct {
	PoolID   PoolID
	Key      string
	UserID   UserID
	GroupKey string
	Name     string // as its client calls it
	// Verifier is what the client made of a password of the device's own, sealed, ""
	// before ConfirmDevice; see deviceStandsIn.
	Verifier        string
	Remembered      bool
	Address         string // of the last sign-in, "" if it is not known
	CreatedAt       time.Time
	ModifiedAt      time.Time
	ConfirmedAt     time.Time // zero before ConfirmDevice
	AuthenticatedAt time.Time // last sign-in
}

// OutboxDepth is how much the outbox holds.
type OutboxDepth struct {
	Messages int
	Oldest   time.Time // zero for none
}

// Message is a text that waits to be sent: what it is made from, never the
// text. The code or password in it is derived when it is handed to the sender.
type Message struct {
	ID        MessageID
	PoolID    PoolID
	ClientID  ClientID
	Purpose   Purpose
	Challenge ChallengeID // "" for texts without a code
	KeyID     string      // master key whose code key makes the code
	Digits    int
	Template  string // with {####} and {username}
	AppHost   string // origin of the last line, "" for none
	Headline  string // of an e-mail
	To        Contact
	Secret    string // sealed text for {####} where it is no code, else ""
	Username  string // for {username}
	Letter    string // sealed, what a custom sender is told of it; "" for none
	Decoy     bool   // dropped when claimed
	Requester string // whose budget is given back if the text surely was not sent
	Wording   string // name of the words, "" for the pool's own
	Language  string // BCP 47, "" where it is not known
	Country   string // ISO 3166, of a text; "" for none
	Known     bool   // the number had signed in before
	CreatedAt time.Time
	ExpiresAt time.Time
	NextAt    time.Time
	Attempts  int
	Nth       int  // of the texts of its code, from 1
	Unsent    int  // of its attempts, those that surely sent nothing, or of which all is known
	Parked    bool // it was sent, and was kept for its failure until now
}

// Pending counts what waits for an answer, or to be sent.
type Pending struct {
	Challenges int // codes
	Sessions   int
	Repeats    int // answers kept for repeats of their request
	Messages   int
}
