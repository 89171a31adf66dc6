package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// Bounds on an app client's lifetimes (CreateUserPoolClient).
const (
	minTokenTTL   = 5 * time.Minute
	maxTokenTTL   = 24 * time.Hour
	minRefreshTTL = time.Hour
	maxRefreshTTL = 10 * 365 * 24 * time.Hour
	maxGrace      = time.Minute
)

// CreateUserPoolClient makes an app client. An unknown pool is told before
// anything else, an id that is taken is a Conflict.
func (s *Service) CreateUserPoolClient(ctx context.Context, r NewClient) (ClientView, error) {
	at := now()
	if _, err := s.viewPool(ctx, r.PoolID); err != nil {
		return ClientView{}, err
	}
	if err := checkClient(r); err != nil {
		return ClientView{}, err
	}
	c := Client{ID: r.ID, PoolID: r.PoolID, Name: r.Name, Settings: r.Settings.stored(), CreatedAt: at, ModifiedAt: at}
	if c.ID == "" {
		c.ID = ClientID(randomText(clientIDAlphabet, clientIDLength))
	}
	secret := r.Secret
	if r.GenerateSecret {
		secret = randomText(clientIDAlphabet, secretLength)
	}
	if secret != "" {
		c.Secrets = []ClientSecret{s.sealClientSecret(c.ID, secret, at)}
	}
	err := s.store.Update(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, r.PoolID); err != nil {
			return err
		}
		err := tx.InsertClient(ctx, c)
		if errors.Is(err, ErrExists) {
			return fault.New(fault.Conflict, "An app client with the id %s exists already.", c.ID)
		}
		return err
	})
	return ClientView{Client: c, Secret: secret}, err
}

func checkClient(r NewClient) error {
	set := r.Settings
	switch {
	case !nameForm.MatchString(r.Name):
		return fault.New(fault.InvalidParameter, "The client's name must have 1 to 128 letters, digits, blanks or characters of _+=,.@-.")
	case r.ID != "" && !clientIDForm.MatchString(string(r.ID)):
		return fault.New(fault.InvalidParameter, "The client id must have 1 to 128 letters, digits, _ or +.")
	case r.GenerateSecret && r.Secret != "":
		return fault.New(fault.InvalidParameter, "ClientSecret and GenerateSecret exclude each other.")
	case set.Rotation && set.Allows(AllowRefresh):
		return fault.New(fault.InvalidParameter, "RefreshTokenRotation cannot be ENABLED together with ALLOW_REFRESH_TOKEN_AUTH. Refresh with GetTokensFromRefreshToken.")
	case set.RotationGrace < 0 || set.RotationGrace > maxGrace:
		return fault.New(fault.InvalidParameter, "RetryGracePeriodSeconds must be from 0 to 60.")
	case set.AuthSessionMinutes != 0 && (set.AuthSessionMinutes < 3 || set.AuthSessionMinutes > 15):
		return fault.New(fault.InvalidParameter, "AuthSessionValidity must be from 3 to 15.")
	}
	if err := checkFlows(set.ExplicitAuthFlows); err != nil {
		return err
	}
	if err := checkPermissions(set); err != nil {
		return err
	}
	return checkLifetimes(set)
}

// checkPermissions checks that the attribute permissions name attributes of the
// schema, and the ones to write such as a user may write at all.
func checkPermissions(set ClientSettings) error {
	for _, name := range set.ReadAttributes {
		if !slices.Contains(standardAttributes, name) && !slices.Contains(ownedAttributes, name) {
			return fault.New(fault.InvalidParameter, "Invalid read attributes specified while creating a client: %s", clip(name))
		}
	}
	for _, name := range set.WriteAttributes {
		if !slices.Contains(standardAttributes, name) {
			return fault.New(fault.InvalidParameter, "Invalid write attributes specified while creating a client: %s", clip(name))
		}
	}
	return nil
}

func checkFlows(flows []string) error {
	known := []string{AllowCustom, AllowSRP, AllowUserAuth, AllowRefresh, AllowPassword, AllowAdminPassword}
	legacy, modern := false, false
	for _, f := range flows {
		switch {
		case legacyFlows[f] != "":
			legacy = true
		case slices.Contains(known, f):
			modern = true
		default:
			return fault.New(fault.InvalidParameter, "ExplicitAuthFlows: %s is not a flow.", clip(f))
		}
	}
	if legacy && modern {
		return fault.New(fault.InvalidParameter, "ExplicitAuthFlows cannot mix ALLOW_ values with the older ADMIN_NO_SRP_AUTH, CUSTOM_AUTH_FLOW_ONLY and USER_PASSWORD_AUTH.")
	}
	return nil
}

func checkLifetimes(set ClientSettings) error {
	for _, t := range []struct {
		name     string
		ttl      time.Duration
		min, max time.Duration
	}{
		{"AccessTokenValidity", set.accessTTL(), minTokenTTL, maxTokenTTL},
		{"IdTokenValidity", set.idTTL(), minTokenTTL, maxTokenTTL},
		{"RefreshTokenValidity", set.refreshTTL(), minRefreshTTL, maxRefreshTTL},
	} {
		if t.ttl < t.min || t.ttl > t.max {
			return fault.New(fault.InvalidParameter, "%s must be from %s to %s.", t.name, t.min, t.max)
		}
	}
	if set.accessTTL() > set.refreshTTL() || set.idTTL() > set.refreshTTL() {
		return fault.New(fault.InvalidParameter, "AccessTokenValidity and IdTokenValidity must not exceed RefreshTokenValidity.")
	}
	return nil
}

// DescribeUserPoolClient returns an app client with its secret.
func (s *Service) DescribeUserPoolClient(ctx context.Context, pool PoolID, id ClientID) (ClientView, error) {
	var c Client
	err := s.store.View(ctx, func(tx Tx) (err error) {
		if _, err = loadPool(ctx, tx, pool); err != nil {
			return err
		}
		c, err = tx.Client(ctx, id)
		if errors.Is(err, ErrNotFound) || (err == nil && c.PoolID != pool) {
			return errNoClient(id)
		}
		return err
	})
	if err != nil || len(c.Secrets) == 0 {
		return ClientView{Client: c}, err
	}
	secret, err := s.openClientSecret(c.ID, c.Secrets[0])
	return ClientView{Client: c, Secret: string(secret)}, err
}

// sealClientSecret makes the record of a client's secret. Its id is as the
// service model's example: client id, two dashes, Unix seconds.
func (s *Service) sealClientSecret(id ClientID, secret string, at time.Time) ClientSecret {
	return ClientSecret{
		ID:     fmt.Sprintf("%s--%d", id, at.Unix()),
		Sealed: s.ring.Seal(sealSecret, []byte(id), []byte(secret)), CreatedAt: at,
	}
}

func (s *Service) openClientSecret(id ClientID, kept ClientSecret) ([]byte, error) {
	secret, err := s.ring.Open(sealSecret, []byte(id), kept.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open client secret: %w", err)
	}
	return secret, nil
}
