package userpool

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// ErrNotFound is what a look-up by key answers when there is no such row.
var ErrNotFound = errors.New("no such record")

// ErrExists is what an insert answers when a unique key is taken.
var ErrExists = errors.New("record exists")

// Store keeps everything that must outlive a request. Times are kept to the
// millisecond, in UTC; the zero time is kept as zero.
type Store interface {
	// View runs fn on one consistent snapshot; fn must not write.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in one serialisable transaction and returns nil only
	// after a durable commit. fn may run more than once: nothing belongs in it
	// but calls of tx and pure code, and what it computes must be computed
	// afresh in each run. An error of fn is returned as it is, and rolls back.
	// If ctx ends while the commit is under way, the outcome is unknown.
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is what a transaction can do. Look-ups by key answer ErrNotFound, inserts
// of a taken key ErrExists. The verbs Spend, Claim…, Consume…, Rotate… and Use…
// are one statement each: whoever races, one wins, at any isolation level.
type Tx interface {
	metaTx
	poolTx
	userTx
	directoryTx
	groupTx
	challengeTx
	tokenTx
	deviceTx
	passkeyTx
	softwareTokenTx
	outboxTx
	sealedTx
	accessKeyTx
	auditTx
	logTx
	restoreTx
	guardTx
	guard.State
	textTx
	hashTx
	importTx
	// Ahead says what the function is going to read next: read asks for that, and is
	// told that there is nothing. A store that is a round trip away gets it together
	// with what it is asked then. Nothing else comes of it.
	Ahead(ctx context.Context, read func(Tx))
	// Sweep deletes at most limit rows of each kind that are over at now
	// (registrations, nonces, repeats, counters, sent messages; of the guard, cells
	// whose At is 40 days ago, decisions after 90 days and numbers that have not
	// signed in for 181) and says how many rows went. Sessions, challenges
	// and families stay until they were over at late, so that who comes late is told
	// that they expired.
	Sweep(ctx context.Context, now, late time.Time, limit int) (int, error)
}

type metaTx interface {
	// Meta returns the value of a server-wide setting, "" if unset.
	Meta(ctx context.Context, key string) (string, error)
	PutMeta(ctx context.Context, key, value string) error
}

type poolTx interface {
	InsertPool(ctx context.Context, p Pool) error
	Pool(ctx context.Context, id PoolID) (Pool, error)
	// Pools returns at most limit pools ordered by id, those after the id.
	Pools(ctx context.Context, after PoolID, limit int) ([]Pool, error)
	UpdatePool(ctx context.Context, p Pool) error
	// DeletePool removes the pool and all that belongs to it.
	DeletePool(ctx context.Context, id PoolID) error

	InsertClient(ctx context.Context, c Client) error
	Client(ctx context.Context, id ClientID) (Client, error)
	// Clients returns at most limit app clients of the pool ordered by id, those
	// after the id.
	Clients(ctx context.Context, pool PoolID, after ClientID, limit int) ([]Client, error)
	// UpdateClient replaces name, secrets and settings.
	UpdateClient(ctx context.Context, c Client) error
	// DeleteClient removes the client and all that was begun through it:
	// sign-ups, challenges, texts that wait, sessions and families.
	DeleteClient(ctx context.Context, pool PoolID, id ClientID) error

	InsertKey(ctx context.Context, k SigningKey) error
	// Keys returns the pool's signing keys, oldest first.
	Keys(ctx context.Context, pool PoolID) ([]SigningKey, error)
	DeleteKey(ctx context.Context, id string) error
	// ClaimStockKey hands one key that belongs to no pool (PoolID "") to the
	// pool, with its new use and times; ErrNotFound if the stock is empty.
	ClaimStockKey(ctx context.Context, alg string, to SigningKey) (SigningKey, error)
	// StockKeys counts the keys of the algorithm that belong to no pool.
	StockKeys(ctx context.Context, alg string) (int, error)
}

type userTx interface {
	// InsertUser stores the user and claims its sign-in names in the pool. What is
	// or was another user's id is taken, as a name too.
	InsertUser(ctx context.Context, u User) error
	User(ctx context.Context, pool PoolID, id UserID) (User, error)
	// UserByName finds the user by a sign-in name (phone number in E.164,
	// user name); never by UserID.
	UserByName(ctx context.Context, pool PoolID, name string) (User, error)
	// UpdateUser replaces the row and its sign-in names.
	UpdateUser(ctx context.Context, u User) error
	// DeleteUser removes the user, its names, sessions, challenges, devices, passkeys,
	// authenticator app and memberships, the masked name in the user's audit rows, and
	// retires the id, which is never given again. Its families have no Holder from then on.
	DeleteUser(ctx context.Context, pool PoolID, id UserID) error
	// Retired says how many users held the name in this pool and do so no more:
	// they are gone, or have another.
	Retired(ctx context.Context, pool PoolID, name string) (int, error)

	InsertRegistration(ctx context.Context, r Registration) error
	// Registrations returns the pending registrations of the name that have
	// not expired, newest first.
	Registrations(ctx context.Context, pool PoolID, name string, now time.Time) ([]Registration, error)
	Registration(ctx context.Context, id RegistrationID) (Registration, error)
	// RegistrationBySub finds a pending registration by the sub it was told.
	RegistrationBySub(ctx context.Context, pool PoolID, sub UserID, now time.Time) (Registration, error)
	DeleteRegistration(ctx context.Context, id RegistrationID) error
	// DeleteRegistrations ends all pending registrations of the name, with
	// their challenges and sessions.
	DeleteRegistrations(ctx context.Context, pool PoolID, name string) error

	// PasswordLock reads the wrong passwords counted for the subject (user or
	// decoy); the zero lock if none is.
	PasswordLock(ctx context.Context, pool PoolID, subject string) (PasswordLock, error)
	// CountPasswordFailure adds one, or starts again at one if the last was
	// before idleSince, in one statement.
	CountPasswordFailure(ctx context.Context, pool PoolID, subject string, now, idleSince time.Time) (PasswordLock, error)
	ClearPasswordLock(ctx context.Context, pool PoolID, subject string) error
}

// directoryTx lists users. Everybody has a place in his pool's order, made of
// the name that he signed up with: it never changes, and a pending sign-up that
// becomes a user keeps a place beside it, so that a walk along the places meets
// whoever is there all the time exactly once.
type directoryTx interface {
	// Places returns, in order, the first limit spots after the given one (the zero
	// Spot is before all) where the filter may find a user, or a pending sign-up that
	// has not expired at now. It misses none; not all of them need hold one.
	Places(ctx context.Context, pool PoolID, f Filter, after Spot, limit int, now time.Time) ([]Spot, error)
	UserAt(ctx context.Context, pool PoolID, place string) (User, error)
	// RegistrationAt returns the newest sign-up that waits there, if its name is
	// nobody's.
	RegistrationAt(ctx context.Context, pool PoolID, place string, now time.Time) (Registration, error)
	// CountUsers counts the pool's users. Of more than exactly it estimates the number,
	// from no more than those: it is off by one part in the root of exactly, as a rule.
	CountUsers(ctx context.Context, pool PoolID, exactly int) (int, error)
}

type groupTx interface {
	// InsertGroup stores the group, in one statement, unless the pool has most
	// groups or more: false then.
	InsertGroup(ctx context.Context, g Group, most int) (bool, error)
	Group(ctx context.Context, pool PoolID, name string) (Group, error)
	// Groups returns at most limit groups ordered by name, those after the name.
	Groups(ctx context.Context, pool PoolID, after string, limit int) ([]Group, error)
	UpdateGroup(ctx context.Context, g Group) error
	// DeleteGroup removes the group and its memberships.
	DeleteGroup(ctx context.Context, pool PoolID, name string) error
	// JoinGroup makes the user a member, in one statement; joining twice is no
	// error. It is false if the user or the group is not there, or the user is
	// in most groups or more.
	JoinGroup(ctx context.Context, m Membership, most int) (bool, error)
	// LeaveGroup ends a membership, if there is one.
	LeaveGroup(ctx context.Context, pool PoolID, group string, user UserID) error
	// GroupsOf returns the groups of the user, ordered by name.
	GroupsOf(ctx context.Context, pool PoolID, user UserID) ([]Group, error)
	// Members returns at most limit users of the group ordered by id, those
	// after the id.
	Members(ctx context.Context, pool PoolID, group string, after UserID, limit int) ([]User, error)
}

type challengeTx interface {
	// OpenChallenge returns the live challenge in c's slot (same pool, client,
	// subject, purpose and requester; not used, tries left, not expired at
	// now), or stores c there and says that it is new.
	OpenChallenge(ctx context.Context, c Challenge, now time.Time) (live Challenge, isNew bool, err error)
	// LeaveSlot lets the next challenge in c's slot be a new one; what was there
	// lives on for who has it.
	LeaveSlot(ctx context.Context, c Challenge) error
	Challenge(ctx context.Context, id ChallengeID) (Challenge, error)
	// SignUpChallenges returns the unexpired, unused challenges (dead by tries
	// or not) of the pending registrations of the name, newest first.
	SignUpChallenges(ctx context.Context, pool PoolID, name string, now time.Time) ([]Challenge, error)
	// Challenges returns the subject's unexpired, unused challenges of the purpose
	// (dead by tries or not), whoever asked for them, newest first.
	Challenges(ctx context.Context, pool PoolID, subject string, purpose Purpose, now time.Time) ([]Challenge, error)
	// MarkSent notes that a text was put in the outbox for the challenge:
	// sends + 1, sent_at = now. It is false if somebody did so meanwhile
	// (sends differs from the number given).
	MarkSent(ctx context.Context, id ChallengeID, sends int, now time.Time) (bool, error)
	// UnmarkSent takes one text back from an unused challenge: sends - 1, sent_at
	// = 0. It is false if there is no such challenge or nothing to take back.
	UnmarkSent(ctx context.Context, id ChallengeID) (bool, error)
	// ClaimAttempt counts a try if the challenge is unused, unexpired at now
	// and has tries left; false if not.
	ClaimAttempt(ctx context.Context, id ChallengeID, now time.Time) (Challenge, bool, error)
	// Answerable finds the challenge if ClaimAttempt would count a try. The try is not
	// counted: ConsumeAttempt or ClaimAttempt must follow in the same transaction, before
	// anybody is told what the answer was worth.
	Answerable(ctx context.Context, id ChallengeID, now time.Time) (Challenge, bool, error)
	// ConsumeAttempt counts a try as ClaimAttempt does and marks the challenge used.
	ConsumeAttempt(ctx context.Context, id ChallengeID, now time.Time) (bool, error)
	// ConsumeChallenge marks it used; false if it was used already.
	ConsumeChallenge(ctx context.Context, id ChallengeID, now time.Time) (bool, error)
	// DeleteChallenges ends what is pending for the subject. What is used is over.
	DeleteChallenges(ctx context.Context, pool PoolID, subject string) error

	InsertSession(ctx context.Context, s Session) error
	// Session finds a session by the hash of its handle, used or not.
	Session(ctx context.Context, hash string) (Session, error)
	// ConsumeSession marks it used if it is unused and unexpired at now.
	ConsumeSession(ctx context.Context, hash string, now time.Time) (bool, error)
	// UseSession keeps a session that is used and has no row yet; false if it has one.
	UseSession(ctx context.Context, s Session) (bool, error)
	// DeleteSessions ends the sessions of the subject (user or registration), but for
	// those that wait for a challenge's code, have no Proof and nothing sealed:
	// DeleteChallenges ends these, as no code serves them then.
	DeleteSessions(ctx context.Context, pool PoolID, subject string) error

	// UseNonce stores a value that may be used once before expires; false if
	// it was used already.
	UseNonce(ctx context.Context, nonce string, expires time.Time) (bool, error)

	// Repeat returns the answer kept for an identical request, ErrNotFound if
	// there is none at now.
	Repeat(ctx context.Context, key string, now time.Time) (string, error)
	// PutRepeat keeps an answer; an older one under the key is replaced.
	PutRepeat(ctx context.Context, key, answer string, expires time.Time) error
}

type tokenTx interface {
	InsertFamily(ctx context.Context, f Family) error
	Family(ctx context.Context, id FamilyID) (Family, error)
	// Holder is the user whose family it is, and his groups, as GroupsOf has them. The
	// family is as Family has it; said ahead of that, its id is enough.
	Holder(ctx context.Context, f Family) (User, []Group, error)
	// RotateRefresh moves the family from the generation to the next one if it
	// still stands there, is not revoked and not expired at now; false if not.
	RotateRefresh(ctx context.Context, id FamilyID, from uint32, now time.Time) (bool, error)
	// RevokeFamily ends one family; revoking twice is no error.
	RevokeFamily(ctx context.Context, id FamilyID, now time.Time) error
	// LastFamilyEnd is when the last of the families expires that began before
	// the time and are not over, themselves or with all of their user's; zero if there
	// is none.
	LastFamilyEnd(ctx context.Context, begunBefore time.Time) (time.Time, error)
}

type deviceTx interface {
	// InsertDevice stores a device. Its key is taken if the user has it.
	InsertDevice(ctx context.Context, d Device) error
	// Device finds a device of that user's, confirmed or not.
	Device(ctx context.Context, pool PoolID, user UserID, key string) (Device, error)
	// UpdateDevice replaces all but key, group, owner, creation and confirmation.
	UpdateDevice(ctx context.Context, d Device) error
	// ConfirmDevice sets name, verifier, remembered and the times of change and of
	// confirmation, in one statement, if the device is its user's and not confirmed;
	// false if not.
	ConfirmDevice(ctx context.Context, d Device) (bool, error)
	// Devices returns at most limit confirmed devices of the user, ordered by key,
	// those after the key.
	Devices(ctx context.Context, pool PoolID, user UserID, after string, limit int) ([]Device, error)
	// DeleteDevice removes a device of the user; false if there was none.
	DeleteDevice(ctx context.Context, pool PoolID, user UserID, key string) (bool, error)
	// DeleteDevices removes all of the user's.
	DeleteDevices(ctx context.Context, pool PoolID, user UserID) error
	// TrimDevices leaves the user at most so many devices that are confirmed, or that are
	// not: those remembered before the others, then those that signed in last. It returns
	// the keys of those that are gone.
	TrimDevices(ctx context.Context, pool PoolID, user UserID, confirmed bool, most int) ([]string, error)
	// ForgottenDevices are as they were put last, none at first and after DeleteDevices.
	ForgottenDevices(ctx context.Context, pool PoolID, user UserID) (ForgottenDevices, error)
	PutForgottenDevices(ctx context.Context, pool PoolID, user UserID, f ForgottenDevices) error
}

type passkeyTx interface {
	// InsertPasskey stores a passkey, in one statement, unless its user has most of
	// them or more, or is not there: false then. An id that the pool knows, of
	// whomever, is taken.
	InsertPasskey(ctx context.Context, k Passkey, most int) (bool, error)
	// Passkeys returns all of the user's, oldest first.
	Passkeys(ctx context.Context, pool PoolID, user UserID) ([]Passkey, error)
	// UsePasskey sets the count of signatures, whether the passkey is backed up and
	// when it was used, in one statement, if it is there, its user's, and the count
	// goes forward, or is 0 as it always was; false if not.
	UsePasskey(ctx context.Context, k Passkey) (bool, error)
	// DeletePasskey removes a passkey of the user; false if there was none.
	DeletePasskey(ctx context.Context, pool PoolID, user UserID, id []byte) (bool, error)
	// DeletePasskeys removes all of the user's.
	DeletePasskeys(ctx context.Context, pool PoolID, user UserID) error
}

// softwareTokenTx keeps what a user has set up as an authenticator app.
type softwareTokenTx interface {
	SoftwareToken(ctx context.Context, pool PoolID, user UserID) (SoftwareToken, error)
	// PutPendingToken keeps the sealed secret of an app that has yet to give its first
	// code, in the place of another one. What is verified stays.
	PutPendingToken(ctx context.Context, pool PoolID, user UserID, pending string, now time.Time) error
	// VerifyToken puts the pending secret in the place of the verified one, with name,
	// step and time, in one statement, if it is still the one given; false if not.
	VerifyToken(ctx context.Context, k SoftwareToken) (bool, error)
	// UseTokenStep notes that the code of the step was accepted, in one statement, if
	// neither it nor a later one was before; false if one was, or there is no app.
	UseTokenStep(ctx context.Context, pool PoolID, user UserID, step int64) (bool, error)
	// DeleteSoftwareToken removes what there is.
	DeleteSoftwareToken(ctx context.Context, pool PoolID, user UserID) error
}

type sealedTx interface {
	// SealedRows returns at most limit rows of the kind that hold sealed texts,
	// under whatever key, in the order of their keys, those after the row.
	SealedRows(ctx context.Context, kind SealedKind, after SealedRow, limit int) ([]SealedRow, error)
	// ReplaceSealed puts the texts in the place of the row's, in one statement,
	// if these are still there as they were read; false if not.
	ReplaceSealed(ctx context.Context, row SealedRow, texts []string) (bool, error)
}

type accessKeyTx interface {
	InsertAccessKey(ctx context.Context, k AccessKey) error
	AccessKey(ctx context.Context, id string) (AccessKey, error)
	// AccessKeys returns all access keys, oldest first.
	AccessKeys(ctx context.Context) ([]AccessKey, error)
	// DeleteAccessKey removes a key; false if there was none.
	DeleteAccessKey(ctx context.Context, id string) (bool, error)
	// TouchAccessKey sets when the key was last used, unless that is later
	// than before, in one statement.
	TouchAccessKey(ctx context.Context, id string, now, before time.Time) error
}

type outboxTx interface {
	InsertMessage(ctx context.Context, m Message) error
	// ClaimMessages takes at most limit messages that are due (next_at <= now)
	// and moves their next_at to leaseUntil and their attempts by one, so that
	// no other node takes them before. Oldest first.
	ClaimMessages(ctx context.Context, now, leaseUntil time.Time, limit int) ([]Message, error)
	// FreeMessages makes due now what is due until then and not parked, since whoever
	// claimed it has gone.
	FreeMessages(ctx context.Context, now, until time.Time) error
	// DeleteMessage removes messages that were handed over, dropped or expired.
	DeleteMessage(ctx context.Context, ids ...MessageID) error
	// PostponeMessage sets when the message is due again, and counts a try that surely
	// sent nothing.
	PostponeMessage(ctx context.Context, id MessageID, next time.Time, unsent bool) error
	// UnclaimMessage gives back the claim whose lease ends at leaseUntil, by which nothing
	// was sent: the message is due at next, and the try does not count. A claim that is not
	// the last one stays, for another may be sending by then.
	UnclaimMessage(ctx context.Context, id MessageID, leaseUntil, next time.Time) error
	// ParkMessage keeps a message that was sent until then, when it is due as others
	// are, and still parked.
	ParkMessage(ctx context.Context, id MessageID, until time.Time) error
	// WakeMessage makes a parked message due now, and notes that what became of its
	// tries so far is known; false where it is not parked.
	WakeMessage(ctx context.Context, id MessageID, now time.Time) (bool, error)
	// NextMessageAt is when the earliest message is due; zero if none waits.
	NextMessageAt(ctx context.Context) (time.Time, error)
	// OutboxDepth says how many messages are there, whether due, under way or
	// waiting for their next try, but not parked, and when the oldest was put in; zero if none is.
	OutboxDepth(ctx context.Context) (OutboxDepth, error)
}

type auditTx interface {
	// PutAudit stores a row of the audit trail; an older one under the id is
	// replaced, but for its feedback.
	PutAudit(ctx context.Context, r AuditRow) error
	// AddAudit is PutAudit of a row whose id is new; it fails if it is not.
	AddAudit(ctx context.Context, r AuditRow) error
	// InsertAudit stores a row unless its id is taken, which is no error.
	InsertAudit(ctx context.Context, r AuditRow) error
	AuditRow(ctx context.Context, id AuditID) (AuditRow, error)
	// SayOfAudit sets the feedback of a row; false if there is none.
	SayOfAudit(ctx context.Context, id AuditID, feedback string) (bool, error)
	// Audit returns a page of the trail, in the order that it asks for.
	Audit(ctx context.Context, p AuditPage) ([]AuditRow, error)
	// SweepAudit deletes at most limit rows whose ids are below the one given,
	// oldest first, and says how many went.
	SweepAudit(ctx context.Context, below AuditID, limit int) (int, error)
}

type logTx interface {
	// LogDeliveries returns the log configurations of the pool, of all pools for "",
	// ordered by pool and place.
	LogDeliveries(ctx context.Context, pool PoolID) ([]LogDelivery, error)
	// SetLogDeliveries puts the configurations in the place of all of the pool's.
	SetLogDeliveries(ctx context.Context, pool PoolID, all []LogDelivery) error
	// ClaimLogDelivery takes the configuration until then, if it is due; false if not,
	// or if there is none.
	ClaimLogDelivery(ctx context.Context, pool PoolID, source string, now, until time.Time) (LogDelivery, bool, error)
	// MoveLogDelivery sets cursor, losses, failures and when it is due, in one
	// statement, if the cursor is still where it was; false if not.
	MoveLogDelivery(ctx context.Context, from AuditID, to LogDelivery) (bool, error)
}

type restoreTx interface {
	// EndPending removes every challenge, Session, kept answer and message, and
	// says how many there were. Used nonces stay: each is the mark that something
	// is dead. The texts of the decision log count as matured then: nobody can use
	// their codes, which says nothing of where they went.
	EndPending(ctx context.Context) (Pending, error)
	// EndClientFamilies ends the families of the app client that are not over at
	// now, and says how many.
	EndClientFamilies(ctx context.Context, pool PoolID, client ClientID, now time.Time) (int, error)
	// EndAllFamilies is EndClientFamilies for every client.
	EndAllFamilies(ctx context.Context, now time.Time) (int, error)
}
