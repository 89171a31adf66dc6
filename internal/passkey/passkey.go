// Package passkey speaks WebAuthn as a relying party: the options that a browser or
// an app hands to an authenticator, and the answers that come back. It is pure: who
// has which passkey, which challenge is out and whether it was answered before is
// for its caller to know. The cryptography is go-webauthn's.
package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// MaxID is how long a credential's id may be, in bytes (WebAuthn level 3, section
// 7.1, step 25).
const MaxID = 1023

// RelyingParty is whom passkeys are made for.
type RelyingParty struct {
	ID   string // a domain
	Name string // as people are shown it
	// Origins are those that may use the passkeys. Where there are none it is every
	// https origin of the domain and below it, and http too where the domain is
	// localhost.
	Origins []string
	// Verify asks for the verification of the user by PIN, finger or face, and
	// refuses answers without one. Otherwise it is asked for where there is a way.
	Verify bool
}

// Key is a passkey: what is kept of it, none of which is secret.
type Key struct {
	ID             []byte
	Public         []byte // COSE
	Count          uint32 // of its signatures; 0 where it does not count
	Transports     []string
	Attachment     string // platform or cross-platform, "" if it is not known
	Name           string // of what keeps it, for people
	BackupEligible bool   // it may be on several devices of the user's
	BackedUp       bool
}

// User is whom a passkey is made for.
type User struct {
	Handle      []byte // comes back with each answer; it tells no name
	Name        string
	DisplayName string
}

// Use is what an answer says beyond being right.
type Use struct {
	Count    uint32
	Verified bool // the authenticator has verified the user
	BackedUp bool
}

// CheckID says whether a relying party can have the id: a domain as browsers write
// it, without scheme, port and path.
func CheckID(id string) error { return protocol.ValidateRPID(id) }

// IsOrigin says whether the text is what browsers and apps say of themselves: an
// https origin, an http one of localhost, or the hash of an Android app's key.
func IsOrigin(text string) bool {
	if hash, ok := strings.CutPrefix(text, "android:apk-key-hash:"); ok {
		sum, err := base64.RawURLEncoding.DecodeString(hash)
		return err == nil && len(sum) == sha256.Size
	}
	u, ok := webOrigin(text)
	return ok && (u.Scheme == "https" || within(u.Hostname(), "localhost"))
}

// webOrigin reads an origin of a web page, in the form that browsers write.
func webOrigin(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	ok := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && text == u.Scheme+"://"+u.Host
	return u, ok
}

// within says whether the host is the domain or below it.
func within(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func (rp RelyingParty) allows(origin string) bool {
	if len(rp.Origins) > 0 {
		return slices.Contains(rp.Origins, origin)
	}
	u, ok := webOrigin(origin)
	return ok && within(u.Hostname(), rp.ID) && (u.Scheme == "https" || rp.ID == "localhost")
}

// algorithms are those that a passkey may sign by: what all authenticators have one
// of, and Cognito asks for.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

func (rp RelyingParty) verification() protocol.UserVerificationRequirement {
	if rp.Verify {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

// CreationOptions are what a new passkey is made by, as
// PublicKeyCredentialCreationOptionsJSON. No authenticator makes one that has one of
// the user's already.
func (rp RelyingParty) CreationOptions(challenge []byte, u User, has []Key, life time.Duration) ([]byte, error) {
	residentKey := true
	return json.Marshal(protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{ID: rp.ID, CredentialEntity: protocol.CredentialEntity{Name: rp.Name}},
		User: protocol.UserEntity{
			ID: protocol.URLEncodedBase64(u.Handle), DisplayName: u.DisplayName,
			CredentialEntity: protocol.CredentialEntity{Name: u.Name},
		},
		Challenge: challenge, Parameters: algorithms, Timeout: int(life.Milliseconds()),
		CredentialExcludeList: descriptors(has),
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &residentKey, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: rp.verification(),
		},
		Attestation: protocol.PreferNoAttestation,
	})
}

// RequestOptions are what a sign-in asks of an authenticator, as
// PublicKeyCredentialRequestOptionsJSON: to sign by one of the passkeys, or where
// none is named by any that it has of the relying party's.
func (rp RelyingParty) RequestOptions(challenge []byte, allowed []Key, life time.Duration) ([]byte, error) {
	return json.Marshal(protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, Timeout: int(life.Milliseconds()), RelyingPartyID: rp.ID,
		AllowedCredentials: descriptors(allowed), UserVerification: rp.verification(),
	})
}

func descriptors(keys []Key) []protocol.CredentialDescriptor {
	list := make([]protocol.CredentialDescriptor, len(keys))
	for i, k := range keys {
		list[i] = protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.ID}
		for _, t := range k.Transports {
			list[i].Transport = append(list[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return list
}

// Registration is a new passkey as its authenticator hands it over, read and not yet
// believed.
type Registration struct {
	parsed *protocol.ParsedCredentialCreationData
}

// ReadRegistration reads a RegistrationResponseJSON.
func ReadRegistration(text []byte) (Registration, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(text)
	if err != nil {
		return Registration{}, fault.Wrap(fault.InvalidParameter, err, "Credential: it is not a RegistrationResponseJSON that an authenticator made.")
	}
	return Registration{parsed}, nil
}

// Challenge is the one that the registration answers, nil for none.
func (r Registration) Challenge() []byte {
	challenge, err := base64.RawURLEncoding.DecodeString(r.parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return nil
	}
	return challenge
}

// Accept checks the registration of a passkey for the user with the handle, whose
// challenge was this one, and returns the passkey.
func (rp RelyingParty) Accept(r Registration, challenge, handle []byte) (Key, error) {
	data := r.parsed.Response
	if err := rp.checkOrigin(data.CollectedClientData); err != nil {
		return Key{}, err
	}
	if !rp.isFor(data.AttestationObject.AuthData.RPIDHash) {
		return Key{}, fault.New(fault.WebAuthnRelyingPartyMismatch, "The passkey was made for another relying party than %s.", rp.ID)
	}
	w, err := rp.party(data.CollectedClientData.Origin)
	if err != nil {
		return Key{}, err
	}
	session := rp.session(challenge, handle)
	session.CredParams = algorithms
	made, err := w.CreateCredential(owner{handle: handle}, session, r.parsed)
	if err != nil {
		return Key{}, fault.Wrap(fault.WebAuthnCredentialNotSupported, err, "The passkey, or what keeps it, is not supported.")
	}
	if len(made.ID) > MaxID {
		return Key{}, fault.New(fault.WebAuthnCredentialNotSupported, "The passkey's id is too long.")
	}
	k := Key{
		ID: made.ID, Public: made.PublicKey, Count: made.Authenticator.SignCount,
		Attachment:     string(made.Authenticator.Attachment),
		BackupEligible: made.Flags.BackupEligible, BackedUp: made.Flags.BackupState,
	}
	k.Name = nameOf(made.Authenticator.AAGUID, k.Attachment)
	for _, t := range made.Transport {
		k.Transports = append(k.Transports, string(t))
	}
	k.Transports = known(k.Transports)
	return k, nil
}

// The transports that options may name (WebAuthn level 3, section 5.8.4). Clients
// send what they like; what is none of these is left out.
var transports = []string{"ble", "hybrid", "internal", "nfc", "smart-card", "usb"}

// known are the transports among the texts, in one order.
func known(texts []string) []string {
	var list []string
	for _, t := range transports {
		if slices.Contains(texts, t) {
			list = append(list, t)
		}
	}
	return list
}

// Assertion is the answer to a sign-in's challenge, read and not yet believed.
type Assertion struct {
	parsed *protocol.ParsedCredentialAssertionData
}

// ReadAssertion reads an AuthenticationResponseJSON.
func ReadAssertion(text []byte) (Assertion, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(text)
	if err != nil {
		return Assertion{}, fault.Wrap(fault.InvalidParameter, err, "CREDENTIAL is not an AuthenticationResponseJSON that an authenticator made.")
	}
	return Assertion{parsed}, nil
}

// ID is the id of the passkey that the answer says it is by.
func (a Assertion) ID() []byte { return a.parsed.RawID }

// nobodys is a public key to which there is no private one: a point of P-256 whose
// x-coordinate is SHA-256 of "a passkey that nobody has 1".
const nobodys = "pQECAyYgASFYIPS8RukGf3RmiIyuBB8y5e2IyYWqWHTwYv+5RRumWsh8IlggrzypS0b+yEMWw09bX+cWzxgR8W+XU/0do3i1sAaXT64="

// Nobodys is a passkey with the id that nobody has. To check an answer by it is as
// much work as by another, and it is wrong.
func Nobodys(id []byte) Key {
	public, err := base64.StdEncoding.DecodeString(nobodys)
	if err != nil {
		panic("passkey: " + err.Error()) // impossible: a constant
	}
	return Key{ID: id, Public: public}
}

// Check checks that the answer is by the passkey, which is that of the user with the
// handle, and to the challenge. Whether the count of signatures went forward is for
// its caller to see, who keeps it.
func (rp RelyingParty) Check(a Assertion, challenge, handle []byte, k Key) (Use, error) {
	data := a.parsed.Response
	if err := rp.checkOrigin(data.CollectedClientData); err != nil {
		return Use{}, err
	}
	w, err := rp.party(data.CollectedClientData.Origin)
	if err != nil {
		return Use{}, err
	}
	kept := webauthn.Credential{ID: k.ID, PublicKey: k.Public, Flags: webauthn.CredentialFlags{BackupEligible: k.BackupEligible}}
	if _, err := w.ValidateLogin(owner{handle, []webauthn.Credential{kept}}, rp.session(challenge, handle), a.parsed); err != nil {
		return Use{}, err
	}
	flags := data.AuthenticatorData.Flags
	return Use{Count: data.AuthenticatorData.Counter, Verified: flags.UserVerified(), BackedUp: flags.HasBackupState()}, nil
}

// checkOrigin checks who asked the authenticator. A page in a frame of another
// origin's is not its user's choice.
func (rp RelyingParty) checkOrigin(c protocol.CollectedClientData) error {
	if !rp.allows(c.Origin) || c.CrossOrigin {
		return fault.New(fault.WebAuthnOriginNotAllowed, "The origin that used the passkey is not allowed for the relying party %s.", rp.ID)
	}
	return nil
}

func (rp RelyingParty) isFor(hash []byte) bool {
	want := sha256.Sum256([]byte(rp.ID))
	return bytes.Equal(hash, want[:])
}

// party is the relying party as go-webauthn has it, for an origin that is allowed.
func (rp RelyingParty) party(origin string) (*webauthn.WebAuthn, error) {
	return webauthn.New(&webauthn.Config{
		RPID: rp.ID, RPDisplayName: rp.Name, RPOrigins: []string{origin},
		// What a client adds unasked says nothing, and is no reason to refuse.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
}

func (rp RelyingParty) session(challenge, handle []byte) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: base64.RawURLEncoding.EncodeToString(challenge), RelyingPartyID: rp.ID,
		UserID: handle, UserVerification: rp.verification(),
	}
}

// owner is a user as go-webauthn asks for one.
type owner struct {
	handle []byte
	keys   []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return o.handle }
func (o owner) WebAuthnName() string                       { return "" }
func (o owner) WebAuthnDisplayName() string                { return "" }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }
