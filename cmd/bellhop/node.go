package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/logsms"
	"github.com/bellhop-auth/bellhop/internal/sms/webhook"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// vault is the opened database with the master key that opens what is sealed
// in it.
type vault struct {
	store *sqlstore.DB
	ring  *seal.Ring
}

// openVault opens the data folder. An exclusive opener is a server, of which a
// database has one; others are tools that may run beside it.
func openVault(ctx context.Context, cfg *config.Config, exclusive bool) (*vault, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	store, err := sqlstore.Open(ctx, cfg.Database, sqlstore.Options{Exclusive: exclusive})
	if err != nil {
		return nil, err
	}
	ring, err := masterKey(ctx, cfg, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &vault{store: store, ring: ring}, nil
}

// service opens the domain on the vault.
func (v *vault) service(ctx context.Context, cfg *config.Config, sender sms.Sender, publicURL string, log *slog.Logger) (*userpool.Service, error) {
	s, err := userpool.Open(ctx, userpool.Config{
		Store:     v.store,
		Ring:      v.ring,
		Sender:    sender,
		Region:    cfg.Region,
		PublicURL: publicURL,
		LimitsOff: cfg.LimitsOff,
		AdminKey:  userpool.AdminKey{ID: cfg.AdminAccessKeyID, Secret: string(cfg.AdminSecret)},
		Log:       log,

		AuditRetention: cfg.AuditRetention,
	})
	if errors.Is(err, userpool.ErrWrongMasterKey) {
		return nil, fmt.Errorf("the master key in %s is not the one that the database %s was written under; restore the right one, or name it with --master-key-file", cfg.MasterKeyFile, cfg.Database)
	}
	return s, err
}

// newSender makes what the setting --sms asks for.
func newSender(cfg *config.Config, log *slog.Logger) (sms.Sender, error) {
	switch cfg.SMS.Kind {
	case config.SMSWebhook:
		return webhook.New(webhook.Config{URL: string(cfg.SMS.URL), Secret: string(cfg.SMSWebhookSecret)})
	case config.SMSLog:
		return logsms.New(log), nil
	default:
		return sms.None{}, nil
	}
}
