package userpool

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

// Where a pool's DeviceConfiguration has ChallengeRequiredOnNewDevice, a remembered
// device proves by the password that its client made for ConfirmDevice (SRP, as for a
// user's) that it is the one, and its user gives no second factor. So there a device
// is a credential after all: of who has given the first factor.

// The challenges of a device.
const (
	nameDeviceSRP      = "DEVICE_SRP_AUTH"
	nameDeviceVerifier = "DEVICE_PASSWORD_VERIFIER"
)

// sealDeviceBlock is the label of a device's SECRET_BLOCK, which is bound to the
// Session beside it.
const sealDeviceBlock = "device secret block"

// deviceBlock is the server's half of the exchange.
type deviceBlock struct {
	A      srp.A  `json:"a"`
	Secret []byte `json:"s"`
}

// deviceStandsIn finds the device whose proof is taken in the place of a second
// factor, if the sign-in comes from one. A key that is none of the user's is an
// error on Cognito, by which clients drop it.
func (s *Service) deviceStandsIn(ctx context.Context, tx Tx, t turn, u User) (d Device, stands bool, err error) {
	if clipKey(t.caller.Device) == "" {
		return Device{}, false, nil
	}
	d, _, err = s.device(ctx, tx, u.PoolID, u.ID, t.caller.Device, t.at)
	switch {
	case errors.Is(err, ErrNotFound) && t.pool.Settings.exact():
		return Device{}, false, errNoDevice
	case errors.Is(err, ErrNotFound):
		return Device{}, false, nil
	case err != nil:
		return Device{}, false, fmt.Errorf("device of a sign-in: %w", err)
	}
	set := t.pool.Settings.Devices
	if set == nil || !set.ChallengeNew || d.ConfirmedAt.IsZero() || !d.Remembered || !t.at.Before(d.AuthenticatedAt.Add(deviceIdle)) {
		return Device{}, false, nil
	}
	_, err = s.deviceVerifier(d)
	return d, err == nil, nil // one that no client can prove to have proves nothing
}

// deviceVerifier is that of the password which the device's client made.
func (s *Service) deviceVerifier(d Device) (srp.Verifier, error) {
	kept, err := s.ring.Open(sealDevice, []byte(d.Key), d.Verifier)
	if err != nil {
		return srp.Verifier{}, fmt.Errorf("open device verifier: %w", err)
	}
	salt, value, _ := strings.Cut(string(kept), ":")
	var parts [2][]byte
	for i, text := range []string{salt, value} {
		if parts[i], err = base64.StdEncoding.DecodeString(text); err != nil {
			return srp.Verifier{}, fmt.Errorf("read device verifier: %w", err)
		}
	}
	return srp.ReadVerifier(parts[0], parts[1])
}

// presentDevice asks a device for its proof.
func (s *Service) presentDevice(ctx context.Context, tx Tx, t turn, u User, by proof, d Device) (step, error) {
	session := s.factorSession(t, u, by, nameDeviceSRP)
	session.Device = d.Key
	return s.openFactor(ctx, tx, t, session, map[string]string{"USERNAME": u.Username, "DEVICE_KEY": d.Key}, u)
}

// proving is a device that proves itself.
type proving struct {
	session  Session
	device   Device
	verifier srp.Verifier
}

// provingDevice finds the Session of a device's answer, and the device.
func (s *Service) provingDevice(ctx context.Context, rep reply) (p proving, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		p.session, err = s.stepSession(ctx, tx, rep)
		if errors.Is(err, errSessionUsed) { // of a repeat; see asked
			p.session, err = s.sessionOfReply(ctx, tx, rep)
		}
		if err != nil {
			return err
		}
		if key := rep.request.Responses["DEVICE_KEY"]; key != "" && key != p.session.Device {
			return errSession
		}
		p.device, err = tx.Device(ctx, rep.pool.ID, UserID(p.session.Subject), p.session.Device)
		return notFound(err, errNoDevice)
	})
	if err == nil {
		p.verifier, err = s.deviceVerifier(p.device)
	}
	return p, err
}

// startDeviceSRP answers the SRP_A of a device.
func (s *Service) startDeviceSRP(ctx context.Context, rep reply) (AuthResult, error) {
	text := rep.request.Responses["SRP_A"]
	if text == "" {
		return AuthResult{}, missing("SRP_A")
	}
	clientA, err := srp.ParseA(text)
	if err != nil {
		return AuthResult{}, err
	}
	p, err := s.provingDevice(ctx, rep)
	if err != nil {
		return AuthResult{}, err
	}
	var e srp.Ephemeral
	var startErr error
	err = s.exponentiate(ctx, func() { e, startErr = s.group.Start(p.verifier) })
	if err == nil {
		err = startErr
	}
	if err != nil {
		return AuthResult{}, err
	}
	plain, err := json.Marshal(deviceBlock{A: clientA, Secret: e.Secret()})
	if err != nil {
		return AuthResult{}, fmt.Errorf("secret block: %w", err)
	}
	return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
		if err := s.consume(ctx, tx, p.session, rep.at); err != nil {
			return step{}, nil, err
		}
		u, refusal, err := s.factorUser(ctx, tx, rep, p.session)
		if err != nil || refusal != nil {
			return step{}, refusal, err
		}
		session := s.factorSession(rep.turn(), u, proof(p.session.Proof), nameDeviceVerifier)
		session.Device = p.device.Key
		next, err := s.openFactor(ctx, tx, rep.turn(), session, map[string]string{
			"SALT": p.verifier.SaltHex(), "SRP_B": e.B(), "DEVICE_KEY": p.device.Key, "USERNAME": u.Username,
		}, u)
		if err == nil {
			block := s.ring.Seal(sealDeviceBlock, []byte(next.Session), plain)
			next.Parameters["SECRET_BLOCK"] = base64.StdEncoding.EncodeToString([]byte(block))
		}
		return next, nil, err
	})
}

// answerDeviceSRP checks the proof of a device, and ends the sign-in with it. One
// that fails is forgotten: its user is asked for his second factor the next time, and
// the client makes a device anew. Else it would send its key for ever and never get
// past it.
func (s *Service) answerDeviceSRP(ctx context.Context, rep reply) (AuthResult, error) {
	claim, err := readProof(rep)
	if err != nil {
		return AuthResult{}, err
	}
	p, err := s.provingDevice(ctx, rep)
	if err != nil {
		return AuthResult{}, err
	}
	right, err := s.deviceProved(ctx, rep, p, claim)
	if err != nil {
		return AuthResult{}, err
	}
	rep.request.Caller.Device = p.device.Key
	return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
		if err := s.spendStart(ctx, tx, rep.request.Caller, rep.at); err != nil {
			return step{}, nil, err
		}
		if err := s.consume(ctx, tx, p.session, rep.at); err != nil {
			return step{}, nil, err
		}
		answeredBy(ctx, AnswerDevice, right)
		u, refusal, err := s.factorUser(ctx, tx, rep, p.session)
		if err != nil || refusal != nil {
			return step{}, refusal, err
		}
		d, err := tx.Device(ctx, rep.pool.ID, u.ID, p.device.Key)
		switch {
		case err != nil:
			return step{}, nil, notFound(err, errNoDevice)
		case !right:
			refuse(ctx, reasonWrongDevice)
			return step{}, errCredentials, s.distrust(ctx, tx, rep.pool, d, rep.at)
		case !d.Remembered:
			return step{}, errCredentials, nil // its user, or an administrator, has just said so
		}
		Note(ctx, "second_factor", "device")
		return s.factorDone(ctx, tx, rep, u)
	})
}

// distrust forgets a device that did not prove itself; on Cognito it stays.
func (s *Service) distrust(ctx context.Context, tx Tx, p Pool, d Device, at time.Time) error {
	if p.Settings.exact() {
		return nil
	}
	return s.forget(ctx, tx, d, at)
}

// deviceProved computes the session key and compares the signature.
func (s *Service) deviceProved(ctx context.Context, rep reply, p proving, claim srpClaim) (right bool, err error) {
	plain, err := s.ring.Open(sealDeviceBlock, []byte(rep.request.Session), string(claim.raw))
	if err != nil {
		return false, errCredentials
	}
	var block deviceBlock
	if err := json.Unmarshal(plain, &block); err != nil {
		return false, fmt.Errorf("read secret block: %w", err)
	}
	var key srp.Key
	var keyErr error
	err = s.exponentiate(ctx, func() { key, keyErr = s.group.SessionKey(p.verifier, block.A, block.Secret) })
	if err == nil {
		err = keyErr
	}
	if err != nil {
		return false, err
	}
	c := srp.Claim{PoolName: p.device.GroupKey, UserID: p.device.Key, SecretBlock: claim.raw, Timestamp: claim.timestamp}
	return c.SignedWith(key, claim.signature), nil
}
