package userpool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// A device is known by the key that it was given with the tokens of its first
// sign-in. Clients send the key at the next one; those that have no place for it
// may put it into ClientMetadata, under bellhop:device. It tells a user's own
// device from a stranger's, so that what strangers do does not count against it. It
// proves nothing: whoever learns it can make somebody's limits his own, and no more.
// What a device can prove is in devicesrp.go.

// Bounds of what is kept of a user's devices. Those that are not confirmed have signed in
// twice at least: what a key is good for before that devicekeys.go says.
const (
	maxDevices     = 50
	maxUnconfirmed = 10
	maxDeviceKey   = 55 // characters, the service model's bound
	maxKeyRegion   = maxDeviceKey - 37
)

// deviceIdle is how long a device is known after its last sign-in, and a key without a
// row after it was given. Browsers keep what a site stored for no longer.
const deviceIdle = 400 * 24 * time.Hour

// What Cognito says of devices. The first text is one that clients look for.
var (
	errNoDevice       = fault.New(fault.ResourceNotFound, "Device does not exist.")
	errNotYourDevice  = fault.New(fault.InvalidParameter, "Invalid device key given.")
	errDeviceExists   = fault.New(fault.DeviceKeyExists, "Device key already exists.")
	errNoVerifier     = fault.New(fault.InvalidParameter, "Missing required parameter DeviceSecretVerifierConfig")
	errDeviceUntraced = fault.New(fault.InvalidUserPoolConfiguration, "Device tracking is not enabled for the user pool.")
)

// knownDevice is the requester that a device is: its key, if it has signed in as that
// user before and was not forgotten. It is "" for every other key, whosever it is, and
// for a subject that is no user. So it tells nobody who has an account.
func (s *Service) knownDevice(ctx context.Context, tx Tx, pool PoolID, user UserID, key string, at time.Time) (requester string, err error) {
	d, kept, err := s.device(ctx, tx, pool, user, key, at)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("known device: %w", err)
	}
	if !at.Before(d.AuthenticatedAt.Add(deviceIdle)) {
		return "", nil
	}
	if !kept {
		return d.newcomer(), nil
	}
	return d.Key, nil
}

// newcomer is the requester that a device without a row is. Its challenges are its own,
// since each of their texts and tries is counted; but it is counted for all newcomers of
// the user together. So there are no more limits for one number than rows, which are
// bounded, and one: of keys without a row whoever has held the account may have collected
// any number.
func (d Device) newcomer() string {
	return d.Key + " newcomers of " + string(d.PoolID) + "/" + string(d.UserID)
}

// lane is what counters know a requester by.
func lane(requester string) string {
	if _, shared, ok := strings.Cut(requester, " "); ok {
		return shared
	}
	return requester
}

// clipKey is a key that is short enough to be one, else "".
func clipKey(key string) string {
	if len(key) > maxDeviceKey {
		return ""
	}
	return key
}

// heldBy is the reply of a device that gave its key when the sign-in began, where it
// gives none now.
func (r reply) heldBy(session Session) reply {
	if !r.pool.Settings.exact() {
		r.request.Caller.Device = orElse(r.request.Caller.Device, session.Device)
	}
	return r
}

// requesterOf is who asks for a code of the user's, or answers one: his known
// device, else the address.
func (s *Service) requesterOf(ctx context.Context, tx Tx, pool PoolID, user UserID, c Caller, at time.Time) (string, error) {
	device, err := s.knownDevice(ctx, tx, pool, user, c.Device, at)
	return orElse(device, c.requester()), err
}

// signInDevice is the device of a sign-in that ends with tokens, and what its client
// is to be told of it, nil unless the device is new. A key that is not one of the
// user's is as good as none, so that an app with an old one goes on; on Cognito it
// is an error, by which clients drop it.
func (s *Service) signInDevice(ctx context.Context, tx Tx, t turn, u User) (key string, made *NewDevice, err error) {
	if t.caller.Device != "" {
		d, kept, err := s.device(ctx, tx, u.PoolID, u.ID, t.caller.Device, t.at)
		switch {
		case err == nil:
			Note(ctx, "device", "known")
			d.AuthenticatedAt, d.Address = t.at, t.caller.addressText()
			if !kept {
				return d.Key, nil, keepDevice(ctx, tx, d)
			}
			return d.Key, nil, tx.UpdateDevice(ctx, d)
		case !errors.Is(err, ErrNotFound):
			return "", nil, fmt.Errorf("device of a sign-in: %w", err)
		case t.pool.Settings.exact():
			return "", nil, errNoDevice
		}
	}
	if !t.pool.Settings.tracksDevices() {
		return "", nil, nil
	}
	Note(ctx, "device", "new")
	made = &NewDevice{Key: s.newDeviceKey(u.PoolID, u.ID, t.at), Group: s.deviceGroup(u.PoolID)}
	if u.Unproved { // the first proof ends his devices, which are those that have rows: see forgetOwned
		made.Key = rowedDeviceKey(u.PoolID)
		err = keepDevice(ctx, tx, Device{
			PoolID: u.PoolID, UserID: u.ID, Key: made.Key, GroupKey: made.Group, Address: t.caller.addressText(),
			CreatedAt: t.at, ModifiedAt: t.at, AuthenticatedAt: t.at,
		})
	}
	return made.Key, made, err
}

// keepDevice gives a device that is not confirmed its row. Those that it pushes out are
// newcomers again, if their keys are of that sort: nobody has forgotten them.
func keepDevice(ctx context.Context, tx Tx, d Device) error {
	if _, err := tx.TrimDevices(ctx, d.PoolID, d.UserID, false, maxUnconfirmed-1); err != nil {
		return fmt.Errorf("trim devices: %w", err)
	}
	if err := tx.InsertDevice(ctx, d); err != nil {
		return fmt.Errorf("keep device: %w", err)
	}
	return nil
}

// deviceGroup is the group of all devices of a pool. Clients put it into what they
// prove a device with, so it stays the same.
func (s *Service) deviceGroup(pool PoolID) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	key := []byte("-")
	for _, b := range s.stable(stableDevices, string(pool))[:9] {
		key = append(key, alphabet[int(b)%len(alphabet)])
	}
	return string(key)
}

// addressText is the caller's own address, "" where a backend speaks for somebody.
func (c Caller) addressText() string {
	if c.Backend || !c.Address.IsValid() {
		return ""
	}
	return c.Address.Unmap().WithZone("").String()
}

// isFor says whether the family may be refreshed with the device key of a request.
// On Cognito refresh tokens of a pool that tracks devices are their device's.
func (f Family) isFor(key string, p Pool) bool {
	return f.DeviceKey == "" || f.DeviceKey == key || !p.Settings.exact() || !p.Settings.tracksDevices()
}

// DeviceConfirmation is what a client says of its device after the first sign-in
// from it. Verifier and salt are base64, of a password that the client made.
type DeviceConfirmation struct {
	Caller         Caller
	AccessToken    string
	Key            string
	Name           string
	Verifier, Salt string
}

// verifier is what is kept of the two.
func (r DeviceConfirmation) verifier() string { return r.Salt + ":" + r.Verifier }

// ConfirmDevice makes a device one that is listed, and remembers it unless the
// pool's users are to be asked; askUser says so. Clients that get no answer send it
// again, and those that are refused are not signed in, so the same words twice are
// no error.
func (s *Service) ConfirmDevice(ctx context.Context, r DeviceConfirmation) (askUser bool, err error) {
	at := s.now()
	if r.Verifier == "" || r.Salt == "" {
		return false, errNoVerifier
	}
	sealed := s.ring.Seal(sealDevice, []byte(r.Key), []byte(r.verifier()))
	err = s.store.Update(ctx, func(tx Tx) error {
		b, err := s.authenticateForDevices(ctx, tx, r.AccessToken, at)
		if err != nil {
			return err
		}
		askUser = b.pool.Settings.asksUsers()
		d, kept, err := s.device(ctx, tx, b.pool.ID, b.user.ID, r.Key, at)
		if err != nil {
			return notFound(err, errNotYourDevice)
		}
		Note(ctx, "device", d.Key)
		if d.ConfirmedAt.IsZero() {
			d.Name, d.Verifier, d.Remembered = r.Name, sealed, !askUser
			d.ModifiedAt, d.ConfirmedAt = at, at
			if !kept {
				d.Address = r.Caller.addressText() // it has just signed in from there
			}
			return s.confirmDevice(ctx, tx, d, kept)
		}
		first, err := s.ring.Open(sealDevice, []byte(d.Key), d.Verifier)
		if err != nil {
			return fmt.Errorf("open device verifier: %w", err)
		}
		if string(first) != r.verifier() {
			return errDeviceExists
		}
		return nil
	})
	return askUser, err
}

func (s *Service) confirmDevice(ctx context.Context, tx Tx, d Device, kept bool) (err error) {
	confirmed := true
	if kept {
		confirmed, err = tx.ConfirmDevice(ctx, d)
	} else {
		err = tx.InsertDevice(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("confirm device: %w", err)
	}
	if !confirmed {
		return errDeviceExists
	}
	// Those that go are forgotten: a client takes its device for a confirmed one, and
	// would not confirm it again if its key were good.
	gone, err := tx.TrimDevices(ctx, d.PoolID, d.UserID, true, maxDevices)
	if err != nil {
		return fmt.Errorf("trim devices: %w", err)
	}
	return s.endKeys(ctx, tx, d.PoolID, d.UserID, gone, d.ConfirmedAt)
}

// asksUsers says whether devices are remembered only when their users say so.
func (s PoolSettings) asksUsers() bool { return s.Devices != nil && s.Devices.OnPrompt }

// authenticateForDevices is authenticate for operations on devices.
func (s *Service) authenticateForDevices(ctx context.Context, tx Tx, accessToken string, at time.Time) (bearer, error) {
	b, err := s.authenticate(ctx, tx, accessToken, at)
	if err != nil {
		return bearer{}, err
	}
	return b, b.pool.Settings.servesDevices()
}

// servesDevices refuses what is about devices where Cognito does.
func (s PoolSettings) servesDevices() error {
	if s.exact() && !s.tracksDevices() {
		return errDeviceUntraced
	}
	return nil
}

// devicesOf finds whose devices an administrator asks about.
func devicesOf(ctx context.Context, tx Tx, pool PoolID, username string, at time.Time) (User, error) {
	p, err := loadPool(ctx, tx, pool)
	if err != nil {
		return User{}, err
	}
	if err := p.Settings.servesDevices(); err != nil {
		return User{}, err
	}
	return userTarget(ctx, tx, pool, username, at)
}

// owner finds, in a transaction, whose devices a request is about.
type owner func(ctx context.Context, tx Tx, at time.Time) (User, error)

func (s *Service) holderOf(accessToken string) owner {
	return func(ctx context.Context, tx Tx, at time.Time) (User, error) {
		b, err := s.authenticateForDevices(ctx, tx, accessToken, at)
		return b.user, err
	}
}

func namedIn(pool PoolID, username string) owner {
	return func(ctx context.Context, tx Tx, at time.Time) (User, error) {
		return devicesOf(ctx, tx, pool, username, at)
	}
}

// GetDevice shows a confirmed device of the holder of an access token.
func (s *Service) GetDevice(ctx context.Context, accessToken, key string) (Device, error) {
	return s.getDevice(ctx, s.holderOf(accessToken), key)
}

// AdminGetDevice shows a confirmed device of a user.
func (s *Service) AdminGetDevice(ctx context.Context, pool PoolID, username, key string) (Device, error) {
	return s.getDevice(ctx, namedIn(pool, username), key)
}

func (s *Service) getDevice(ctx context.Context, whose owner, key string) (d Device, err error) {
	at := s.now()
	err = s.store.View(ctx, func(tx Tx) error {
		u, err := whose(ctx, tx, at)
		if err != nil {
			return err
		}
		d, err = confirmedDevice(ctx, tx, u, key)
		return err
	})
	return d, err
}

// confirmedDevice finds a device that may be shown.
func confirmedDevice(ctx context.Context, tx Tx, u User, key string) (Device, error) {
	d, err := tx.Device(ctx, u.PoolID, u.ID, key)
	if err != nil {
		return Device{}, notFound(err, errNoDevice)
	}
	if d.ConfirmedAt.IsZero() {
		return Device{}, errNoDevice
	}
	return d, nil
}

// DevicePage is one page of a user's devices. Next is "" on the last.
type DevicePage struct {
	Devices []Device
	Next    string
}

// ListDevices returns a page of the confirmed devices of the holder of an access
// token, ordered by key.
func (s *Service) ListDevices(ctx context.Context, accessToken string, limit int, token string) (DevicePage, error) {
	return s.listDevices(ctx, s.holderOf(accessToken), limit, token)
}

// AdminListDevices is ListDevices of a user.
func (s *Service) AdminListDevices(ctx context.Context, pool PoolID, username string, limit int, token string) (DevicePage, error) {
	return s.listDevices(ctx, namedIn(pool, username), limit, token)
}

func (s *Service) listDevices(ctx context.Context, whose owner, limit int, token string) (page DevicePage, err error) {
	at := s.now()
	limit = pageLimit(limit)
	err = s.store.View(ctx, func(tx Tx) error {
		u, err := whose(ctx, tx, at)
		if err != nil {
			return err
		}
		list := []string{string(u.PoolID), string(u.ID)}
		after, err := s.openPage(listDevices, token, list...)
		if err != nil {
			return err
		}
		found, err := tx.Devices(ctx, u.PoolID, u.ID, after, limit+1)
		page.Devices, after = cutPage(found, limit, func(d Device) string { return d.Key })
		if page.Next = ""; after != "" {
			page.Next = s.sealPage(listDevices, after, list...)
		}
		return err
	})
	return page, err
}

// UpdateDeviceStatus says whether a device of the holder of an access token is
// remembered; nil leaves that as it is.
func (s *Service) UpdateDeviceStatus(ctx context.Context, accessToken, key string, remembered *bool) error {
	return s.updateDevice(ctx, s.holderOf(accessToken), key, remembered)
}

// AdminUpdateDeviceStatus is UpdateDeviceStatus of a user's device.
func (s *Service) AdminUpdateDeviceStatus(ctx context.Context, pool PoolID, username, key string, remembered *bool) error {
	return s.updateDevice(ctx, namedIn(pool, username), key, remembered)
}

func (s *Service) updateDevice(ctx context.Context, whose owner, key string, remembered *bool) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		u, err := whose(ctx, tx, at)
		if err != nil {
			return err
		}
		d, err := confirmedDevice(ctx, tx, u, key)
		if err != nil || remembered == nil {
			return err
		}
		Note(ctx, "device", d.Key)
		Note(ctx, "remembered", *remembered)
		d.Remembered, d.ModifiedAt = *remembered, at
		return tx.UpdateDevice(ctx, d)
	})
}

// ForgetDevice removes a device of the holder of an access token, confirmed or not.
// From then on its key is nobody's.
func (s *Service) ForgetDevice(ctx context.Context, accessToken, key string) error {
	return s.forgetDevice(ctx, s.holderOf(accessToken), key)
}

// AdminForgetDevice is ForgetDevice of a user's device.
func (s *Service) AdminForgetDevice(ctx context.Context, pool PoolID, username, key string) error {
	return s.forgetDevice(ctx, namedIn(pool, username), key)
}

func (s *Service) forgetDevice(ctx context.Context, whose owner, key string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		u, err := whose(ctx, tx, at)
		if err != nil {
			return err
		}
		d, _, err := s.device(ctx, tx, u.PoolID, u.ID, key, at)
		if err != nil {
			return notFound(err, errNoDevice)
		}
		if err := s.forget(ctx, tx, d, at); err != nil {
			return err
		}
		Note(ctx, "device", key)
		return nil
	})
}

// forget makes the device's key nobody's, whether it has a row or not.
func (s *Service) forget(ctx context.Context, tx Tx, d Device, at time.Time) error {
	if _, err := tx.DeleteDevice(ctx, d.PoolID, d.UserID, d.Key); err != nil {
		return fmt.Errorf("forget device: %w", err)
	}
	return s.endKeys(ctx, tx, d.PoolID, d.UserID, []string{d.Key}, at)
}
