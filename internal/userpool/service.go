package userpool

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/clock"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/srp"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/token"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	texts "github.com/bellhop-auth/bellhop/internal/wording"
)

// AdminKey is the id and the secret that administrative requests are signed with
// (SigV4).
type AdminKey struct{ ID, Secret string }

// Config is what a Service is made of. All fields but Mailer, Triggers, Encrypter,
// Aside, AdminKey, Logs, Observers, Clock and Log are required.
type Config struct {
	Store  Store
	Ring   *seal.Ring // master keys
	RSA    token.RSA  // who computes with signing keys; nil for Go
	Group  srp.Group  // who computes password proofs; the zero one is Go
	Sender sms.Sender
	Mailer mail.Sender // nil for none
	// Messages are the operator's words of texts; nil for none.
	Messages []texts.Entry
	// Triggers calls the functions of pools' LambdaConfig; nil for none.
	Triggers trigger.Invoker
	// Encrypter encrypts codes for custom senders; nil refuses those.
	Encrypter Encrypter
	// Aside has a request give back what others wait for while it waits for a
	// trigger, and returns what ends that; nil for nothing.
	Aside     func(ctx context.Context) (back func())
	Region    string // first part of new pool ids, like us-east-1
	PublicURL string // without a trailing slash; an issuer is it + "/" + pool id
	// LimitsOff lifts the limits that count requests: texts and tries of a
	// number or an address, and the resend gap. Tries of a challenge,
	// lifetimes, single use and the password lock stay.
	LimitsOff bool
	// HelpText is texted back to who texts HELP; "" for nothing.
	HelpText string
	AdminKey AdminKey
	Former   FormerIssuers // whose access tokens are taken too; nil for nobody's
	Guard    *guard.Engine // nil for one with the shipped settings
	StepUp   *StepUp       // how more proof is asked for; nil for proof of work alone
	// Logs takes the events of pools that have a log configuration; nil for none.
	Logs LogSink
	// AuditRetention is how long the audit trail is kept; 0 is for ever.
	AuditRetention time.Duration
	Observers      []Observer // told in this order
	Clock          Clock      // nil for the machine's, guarded against being set
	// Shared says that other servers may run on the store: upkeep that one of them
	// does for all is claimed.
	Shared bool
	Log    *slog.Logger
}

// Service is the user pools of one server. Its methods may be called from many
// goroutines, on many nodes with one store.
type Service struct {
	store     Store
	ring      *seal.Ring
	rsa       token.RSA
	sender    sms.Sender
	mailer    mail.Sender
	words     *texts.Book
	triggers  trigger.Invoker
	encrypter Encrypter
	aside     func(ctx context.Context) (back func())
	calls     inFlight
	region    string
	publicURL string
	limitsOff bool
	helpText  string
	shared    bool
	adminKey  AdminKey
	former    FormerIssuers
	clock     Clock
	log       *slog.Logger
	stableKey []byte // never rotated: what outsiders see must not change
	// stableMACs are ready to hash by it. To make one takes longer than to use it.
	stableMACs sync.Pool

	guard     *guard.Engine
	guardedAt atomic.Int64 // when it was last asked, in milliseconds since 1970
	stepUp    *stepup.Desk

	auditRetention time.Duration
	trail          trail
	credits        credits
	logs           LogSink // nil for none
	observers      []Observer

	sends   *sends
	kick    chan struct{} // a text was put in the outbox
	due     atomic.Int64  // when the first text that is not handed over was due, in nanoseconds of Unix; 0 without
	chore   chan struct{} // keys may be due: taken from the stock, or to be rotated
	lacking atomic.Int32  // callers that make keys for themselves, since the stock is short
	group   srp.Group     // of passwords' proofs
	srp     chan struct{} // room for exponentiations
	early   chan early    // what providers told of texts before they were written down

	hashes  chan struct{} // room for checks of password hashes
	imports chan struct{} // an import job was started

	readyMu  sync.Mutex // guards the two below
	readyAt  time.Time
	readyErr error

	shown token.Memory // access tokens whose signatures are right

	mu       sync.Mutex            // guards the two below
	keys     map[string]*token.Key // opened signing keys by kid; a kid's key never changes
	underWay map[string]*underWay  // requests that wait for triggers, by repeatKey
}

// Encrypter encrypts a code for a custom sender, by the AWS Encryption SDK, under
// the pool's KMSKeyID and with the pool's id as encryption context.
type Encrypter interface {
	Encrypt(ctx context.Context, kmsKey string, pool PoolID, secret string) ([]byte, error)
}

// srpParallel bounds the big exponentiations under way at once: a flood of
// SRP starts must not starve everything else.
const srpParallel = 4

// Open makes a Service on the store. On a new store it writes down the server's
// own secret, sealed; on a used one it makes sure that the ring holds the master
// key, and else answers ErrWrongMasterKey. Run does the background work.
func Open(ctx context.Context, c Config) (*Service, error) {
	log := c.Log
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s := &Service{
		ring: c.Ring, rsa: c.RSA, group: c.Group, sender: c.Sender, mailer: c.Mailer, words: texts.New(c.Messages), region: c.Region,
		publicURL: strings.TrimRight(c.PublicURL, "/"), limitsOff: c.LimitsOff,
		adminKey: c.AdminKey, former: c.Former, clock: c.Clock, log: log,
		sends: newSends(), kick: make(chan struct{}, 1), chore: make(chan struct{}, 1),
		srp: make(chan struct{}, srpParallel), hashes: make(chan struct{}, hashParallel()), imports: make(chan struct{}, 1), early: make(chan early, maxEarly), helpText: c.HelpText, keys: make(map[string]*token.Key), underWay: make(map[string]*underWay),
		triggers: c.Triggers, encrypter: c.Encrypter, aside: c.Aside,
		auditRetention: c.AuditRetention, logs: c.Logs, trail: trail{late: make(chan lateRow, lateQueue)},
		credits:   credits{queue: make(chan UsedCode, creditQueue)},
		observers: c.Observers, shared: c.Shared, guard: c.Guard,
	}
	if s.rsa == nil {
		s.rsa = token.GoRSA{}
	}
	if s.guard == nil {
		s.guard = guard.NewEngine(guard.Default())
	}
	if s.mailer == nil {
		s.mailer = mail.None{}
	}
	if s.triggers == nil {
		s.triggers = noTriggers{}
	}
	if s.aside == nil {
		s.aside = func(context.Context) func() { return func() {} }
	}
	if s.clock == nil {
		s.clock = clock.New(clock.Config{Log: log})
	}
	s.store = watched{c.Store, s}
	s.stepUp = s.newDesk(c.StepUp)
	if err := s.openSecrets(ctx); err != nil {
		return nil, err
	}
	if err := s.moveFirstKey(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Issuer is the iss claim of the pool's tokens.
func (s *Service) Issuer(pool PoolID) string { return s.publicURL + "/" + string(pool) }

// readyFor is how long the outcome of a look at the store stands.
const readyFor = 3 * time.Second

// Ready says whether requests can be served: the store takes a write, since a
// full disk still reads. Whoever asks more often gets the last outcome.
func (s *Service) Ready(ctx context.Context) error {
	s.readyMu.Lock()
	defer s.readyMu.Unlock()
	at := s.now()
	if at.Before(s.readyAt.Add(readyFor)) {
		return s.readyErr
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyFor)
	defer cancel()
	s.readyErr = s.store.Update(ctx, func(tx Tx) error {
		if err := s.knowsKeysInUse(ctx, tx, at); err != nil {
			return err
		}
		return tx.PutMeta(ctx, metaReady, at.Format(time.RFC3339))
	})
	s.readyAt = at
	if s.readyErr != nil {
		s.log.ErrorContext(ctx, "not ready", "error", s.readyErr)
	}
	return s.readyErr
}

// Clock is the time of day as a Service goes by it; *clock.Clock is one.
type Clock interface {
	Now() time.Time
	// After is what Now will say when d has passed since it said at.
	After(at time.Time, d time.Duration) time.Time
}

// Now is the time that the Service goes by, which may not be the machine's; but
// it is that of the zero Service.
func (s *Service) Now() time.Time {
	if s.clock == nil {
		return time.Now()
	}
	return s.clock.Now()
}

// now is the time of a call, read once and passed down, to the millisecond
// because the store keeps no more.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// after is when d has passed since at, whatever is done to the clock until then.
// It is for what must neither live longer nor die earlier.
func (s *Service) after(at time.Time, d time.Duration) time.Time {
	return s.clock.After(at, d).UTC().Truncate(time.Millisecond)
}

// The labels of keys derived from a master key, of stable hashes, and of sealed
// values. Each use has its own.
const (
	keyCodes   = "bellhop codes"
	keyRefresh = "bellhop refresh tokens"
	keyStepUp  = "bellhop step-ups"

	stableDecoy      = "decoy"
	stableNumber     = "number"
	stableAddress    = "address"
	stableSRPSession = "srp session"
	stableAudit      = "audit name"
	stableDevices    = "device group"
	stableDeviceKey  = "device key"
	stablePasskey    = "passkey challenge"

	sealServer    = "server secret"
	sealVerifier  = "srp verifier"
	sealSecret    = "client secret"
	sealSigning   = "signing key"
	sealRepeat    = "repeat"
	sealSession   = "session"
	sealBlock     = "secret block"
	sealText      = "text secret"
	sealLetters   = "letter to a custom sender"
	sealChallenge = "challenge"
	sealAccessKey = "admin access key"
	sealPages     = "page"
	sealDevice    = "device verifier"
	sealHash      = "password hash"
	sealToken     = "authenticator app"
	sealImport    = "file of an import job"
)

// stable is a keyed hash that stays the same for the server's life, for what
// must look alike at each call, whatever the rotation of master keys.
func (s *Service) stable(purpose string, parts ...string) []byte {
	text := appendSized(make([]byte, 0, 128), purpose)
	for _, p := range parts {
		text = appendSized(text, p)
	}
	mac, ok := s.stableMACs.Get().(hash.Hash)
	if !ok {
		mac = hmac.New(sha256.New, s.stableKey)
	}
	mac.Write(text)
	sum := mac.Sum(nil)
	mac.Reset()
	s.stableMACs.Put(mac)
	return sum
}

// appendSized writes a part so that no others make the same text.
func appendSized(text []byte, part string) []byte {
	text = append(strconv.AppendInt(text, int64(len(part)), 10), ':')
	return append(text, part...)
}

func newID() string { return uuid.NewString() }

// newOrderedID is a UUID of version 7 (RFC 9562, section 5.7). Rows that are made at the
// same time have neighbouring ones, so that they come to lie on the same pages of the
// store's indexes, whose commits write whole pages.
func newOrderedID(at time.Time) string {
	u := uuid.New()
	putMillis(&u, at)
	u[6] = 0x70 | u[6]&0x0f
	return u.String()
}

// newHandle is a 256-bit random text.
func newHandle() string {
	var b [32]byte
	rand.Read(b[:])
	return handleText(b[:])
}

// handleLength is the length of such a text.
const handleLength = 52

// newSessionHandle is the value of a Session: its time, for the reason that newOrderedID
// has it, and a handle.
func newSessionHandle(at time.Time) string {
	return timeText(at) + newHandle()
}

// timeText is a time as it is in a Session.
func timeText(at time.Time) string {
	return strings.ToUpper(strconv.FormatInt(at.UnixMilli(), 32))
}

// sessionKey is what the store keeps of a Session: its time as it is, and the hash of
// all. A Session of before there was a time in it has none, nor has what is no Session.
func sessionKey(session string) string { return sessionTime(session) + hashHandle(session) }

// sessionTime is the time in a Session, "" if there is none.
func sessionTime(session string) string {
	made := session[:max(0, min(len(session)-handleLength, maxSessionTime))]
	if isCarried(session) {
		made, _, _ = strings.Cut(made, carriedMark)
	}
	if strings.Trim(made, timeDigits) != "" {
		return ""
	}
	return made
}

// timeDigits are those of the time in a Session.
const timeDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

// maxSessionTime bounds what somebody's own text may have before its hash.
const maxSessionTime = 12

// handleText is letters and digits alone. A handle that began with a dash would be
// taken for a flag by whoever hands it to a command, such as the aws CLI.
func handleText(b []byte) string { return handleEncoding.EncodeToString(b) }

var handleEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// handleBytes is what handleText was given. It knows one text for it, of those that the
// decoder would.
func handleBytes(text string) ([]byte, bool) {
	b, err := handleEncoding.DecodeString(text)
	return b, err == nil && handleText(b) == text
}

// hashHandle is what the store keeps of a handle.
func hashHandle(h string) string {
	sum := sha256.Sum256([]byte(h))
	return hex.EncodeToString(sum[:])
}

// notFound turns a missing record into the fault that the caller gets.
func notFound(err error, f *fault.Error) error {
	if errors.Is(err, ErrNotFound) {
		return f
	}
	return err
}

// clientAndPool loads the client that a public operation names.
func clientAndPool(ctx context.Context, tx Tx, id ClientID) (Client, Pool, error) {
	c, err := tx.Client(ctx, id)
	if err != nil {
		return Client{}, Pool{}, notFound(err, errNoClient(id))
	}
	p, err := tx.Pool(ctx, c.PoolID)
	if err != nil {
		return Client{}, Pool{}, fmt.Errorf("pool of client: %w", err)
	}
	return c, p, nil
}

// errNoClient names the client as Cognito does, unless what was sent for one is
// no such thing: a phone number in the wrong member must not come back in an
// error text that some log keeps.
func errNoClient(id ClientID) *fault.Error {
	if !strings.ContainsFunc(string(id), unicode.IsLetter) {
		return fault.New(fault.ResourceNotFound, "User pool client does not exist.")
	}
	return fault.New(fault.ResourceNotFound, "User pool client %s does not exist.", id)
}

// loadClient is clientAndPool in a View of its own.
func (s *Service) loadClient(ctx context.Context, id ClientID) (Client, Pool, error) {
	return s.loadClientAnd(ctx, id, nothingMore)
}

// loadClientAnd is loadClient for who reads more by the client, in the same View.
func (s *Service) loadClientAnd(ctx context.Context, id ClientID, more func(Tx, Client) error) (c Client, p Pool, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		if c, p, err = clientAndPool(ctx, tx, id); err != nil {
			return err
		}
		return more(tx, c)
	})
	return c, p, err
}

func nothingMore(Tx, Client) error { return nil }

// keysToo reads the keys of the client's pool: the store keeps what a View has read of
// them, for the Update that ends in tokens.
func keysToo(ctx context.Context) func(Tx, Client) error {
	return func(tx Tx, c Client) error {
		_, err := tx.Keys(ctx, c.PoolID)
		return err
	}
}

// loadClientIn is loadClientAnd for an operation that may name the pool as well,
// which must then be the client's.
func (s *Service) loadClientIn(ctx context.Context, pool PoolID, id ClientID, more func(Tx, Client) error) (Client, Pool, error) {
	if pool != "" {
		if _, err := s.viewPool(ctx, pool); err != nil {
			return Client{}, Pool{}, err
		}
	}
	c, p, err := s.loadClientAnd(ctx, id, more)
	if err == nil && pool != "" && p.ID != pool {
		return Client{}, Pool{}, errNoClient(id)
	}
	return c, p, err
}

// checkSecretHash checks SECRET_HASH of a client that has a secret: the
// Base64 HMAC-SHA-256, under the secret, of a user name and the client id. The
// user name is the one that was sent, or where none was, any that names the user.
func (s *Service) checkSecretHash(c Client, hash string, usernames ...string) error {
	if len(c.Secrets) == 0 {
		return nil
	}
	if hash == "" {
		return fault.New(fault.NotAuthorized, "Client %s is configured with secret but SECRET_HASH was not received", c.ID)
	}
	got, decodeErr := base64.StdEncoding.DecodeString(hash)
	for _, kept := range c.Secrets {
		secret, err := s.openClientSecret(c.ID, kept)
		if err != nil {
			return err
		}
		for _, username := range usernames {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(username + string(c.ID)))
			if decodeErr == nil && hmac.Equal(mac.Sum(nil), got) {
				return nil
			}
		}
	}
	return fault.New(fault.NotAuthorized, "Unable to verify secret hash for client %s", c.ID)
}

// checkSecret checks a client secret that came in the open, as RevokeToken and
// GetTokensFromRefreshToken take it.
func (s *Service) checkSecret(c Client, secret string) bool {
	for _, kept := range c.Secrets {
		want, err := s.openClientSecret(c.ID, kept)
		if err == nil && hmac.Equal(want, []byte(secret)) {
			return true
		}
	}
	return len(c.Secrets) == 0
}
