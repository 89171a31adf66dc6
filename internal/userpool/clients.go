package userpool

import (
	"context"
	"errors"
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
	at := s.now()
	p, err := s.viewPool(ctx, r.PoolID)
	if err != nil {
		return ClientView{}, err
	}
	if err := checkClient(p, r); err != nil {
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
		c.Secrets = []ClientSecret{s.sealClientSecret(c, secret, at)}
	}
	err = s.store.Update(ctx, func(tx Tx) error {
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

// isAfter says that what was begun then through a client of this id was begun
// through another one: a client that was deleted may have left its id to the next,
// and a sign-in that ended meanwhile its tokens. To the second, as tokens know time.
func (c Client) isAfter(begun time.Time) bool {
	return begun.Before(c.CreatedAt.Truncate(time.Second))
}

// CheckIn says what CreateUserPoolClient would refuse of the client in a pool of
// those settings.
func (r NewClient) CheckIn(pool PoolSettings) error { return checkClient(Pool{Settings: pool}, r) }

func checkClient(p Pool, r NewClient) error {
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
	if err := checkPermissions(p, set); err != nil {
		return err
	}
	return checkLifetimes(set)
}

// checkPermissions checks that the attribute permissions name attributes of the
// schema, and the ones to write such as a user may write at all.
func checkPermissions(p Pool, set ClientSettings) error {
	for _, name := range set.ReadAttributes {
		if !p.Settings.writable(name) && !slices.Contains(ownedAttributes, name) {
			return fault.New(fault.InvalidParameter, "Invalid read attributes specified while creating a client: %s", clip(name))
		}
	}
	for _, name := range set.WriteAttributes {
		if !p.Settings.writable(name) {
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
		bounds   string
	}{
		{"AccessTokenValidity", set.accessTTL(), minTokenTTL, maxTokenTTL, "5 minutes to 1 day"},
		{"IdTokenValidity", set.idTTL(), minTokenTTL, maxTokenTTL, "5 minutes to 1 day"},
		{"RefreshTokenValidity", set.refreshTTL(), minRefreshTTL, maxRefreshTTL, "1 hour to 3650 days"},
	} {
		if t.ttl < t.min || t.ttl > t.max {
			return fault.New(fault.InvalidParameter, "%s must be from %s.", t.name, t.bounds)
		}
	}
	if set.accessTTL() > set.refreshTTL() || set.idTTL() > set.refreshTTL() {
		return fault.New(fault.InvalidParameter, "AccessTokenValidity and IdTokenValidity must not exceed RefreshTokenValidity.")
	}
	return nil
}

// clientOf loads the app client that an administrative operation names. One of
// another pool is none.
func clientOf(ctx context.Context, tx Tx, pool PoolID, id ClientID) (Client, Pool, error) {
	p, err := loadPool(ctx, tx, pool)
	if err != nil {
		return Client{}, Pool{}, err
	}
	c, err := tx.Client(ctx, id)
	if errors.Is(err, ErrNotFound) || (err == nil && c.PoolID != pool) {
		return Client{}, Pool{}, errNoClient(id)
	}
	return c, p, err
}

// DescribeUserPoolClient returns an app client with its secret, the older one
// where it has two.
func (s *Service) DescribeUserPoolClient(ctx context.Context, pool PoolID, id ClientID) (ClientView, error) {
	var c Client
	err := s.store.View(ctx, func(tx Tx) (err error) {
		c, _, err = clientOf(ctx, tx, pool, id)
		return err
	})
	if err != nil {
		return ClientView{}, err
	}
	return s.clientView(c)
}

func (s *Service) clientView(c Client) (ClientView, error) {
	if len(c.Secrets) == 0 {
		return ClientView{Client: c}, nil
	}
	secret, err := s.openClientSecret(c.ID, c.Secrets[0])
	return ClientView{Client: c, Secret: string(secret)}, err
}

// UpdateUserPoolClient replaces an app client's settings, so that what the
// update leaves out goes back to its default. The secrets stay.
func (s *Service) UpdateUserPoolClient(ctx context.Context, r ClientUpdate) (ClientView, error) {
	at := s.now()
	var c Client
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		var p Pool
		if c, p, err = clientOf(ctx, tx, r.PoolID, r.ID); err != nil {
			return err
		}
		c.Name, c.Settings, c.ModifiedAt = orElse(r.Name, c.Name), r.Settings.stored(), at
		if err := checkClient(p, NewClient{ID: c.ID, Name: c.Name, Settings: c.Settings}); err != nil {
			return err
		}
		return tx.UpdateClient(ctx, c)
	})
	if err != nil {
		return ClientView{}, err
	}
	return s.clientView(c)
}

// ListUserPoolClients returns a page of at most limit app clients of the pool, in
// the order of their ids, and the token of the next page, "" for none.
func (s *Service) ListUserPoolClients(ctx context.Context, pool PoolID, limit int, token string) (page []Client, next string, err error) {
	var after string
	err = s.store.View(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, pool); err != nil {
			return err
		}
		if after, err = s.openPage(listClients, token, string(pool)); err != nil {
			return err
		}
		page, err = tx.Clients(ctx, pool, ClientID(after), limit+1)
		return err
	})
	page, after = cutPage(page, limit, func(c Client) string { return string(c.ID) })
	if err != nil || after == "" {
		return page, "", err
	}
	return page, s.sealPage(listClients, after, string(pool)), nil
}

// DeleteUserPoolClient removes an app client and all that was begun through it.
// Its tokens are no good from then on, and stay so if another client gets its id.
func (s *Service) DeleteUserPoolClient(ctx context.Context, pool PoolID, id ClientID) error {
	return s.store.Update(ctx, func(tx Tx) error {
		if _, _, err := clientOf(ctx, tx, pool, id); err != nil {
			return err
		}
		return tx.DeleteClient(ctx, pool, id)
	})
}
