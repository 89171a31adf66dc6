package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/bellhop-auth/bellhop/internal/clock"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
	"github.com/bellhop-auth/bellhop/internal/formerissuer"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guardfile"
	"github.com/bellhop-auth/bellhop/internal/logdelivery"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/mail/dryrun"
	"github.com/bellhop-auth/bellhop/internal/mail/logmail"
	"github.com/bellhop-auth/bellhop/internal/mail/smtp"
	mailhook "github.com/bellhop-auth/bellhop/internal/mail/webhook"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// vault is the opened database with the master key that opens what is sealed
// in it.
type vault struct {
	store *sqlstore.DB
	ring  *seal.Ring   // as the opener is to use it
	file  *seal.Ring   // as the master key file has it
	watch watchers     // of a server's service
	clock *clock.Clock // of the service

	functions *functions                // of a server's pools
	logs      *logdelivery.Destinations // of their events; nil for none
	guard     *guardfile.File
	former    *formerissuer.Keeper // nil for none
	signer    signer               // the zero one is Go
}

// openVault opens the data folder. An exclusive opener is a server, of which a
// database has one; others are tools that may run beside it.
func openVault(ctx context.Context, cfg *config.Config, exclusive bool) (*vault, error) {
	if err := makeData(cfg); err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, cfg.Database, sqlstore.Options{Exclusive: exclusive, NoMigrate: !cfg.AutoMigrate})
	if err != nil {
		return nil, err
	}
	v, err := unlock(ctx, cfg, store, exclusive)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return v, nil
}

// setClock lets all who share a database server go by its clock.
func (v *vault) setClock(ctx context.Context) error {
	said, took, shared, err := v.store.ServerTime(ctx)
	if err != nil || !shared {
		return err
	}
	v.clock.Observe(said, took)
	return nil
}

// clockEvery is how often a server looks at the clock that it goes by.
const clockEvery = 5 * time.Second

// keepTime follows the database server's clock until ctx ends. While that server
// does not answer the clock keeps its course.
func (v *vault) keepTime(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_ = v.setClock(ctx)
		}
	}
}

// unlock reads the master key of an opened database.
func unlock(ctx context.Context, cfg *config.Config, store *sqlstore.DB, exclusive bool) (*vault, error) {
	v := &vault{store: store, guard: guardfile.Shipped()}
	var err error
	if v.file, err = masterKey(ctx, cfg, store); err != nil {
		return nil, err
	}
	// The ring with the key that servers seal under: a tool uses that one, for the
	// server may not have read the file since it was changed.
	inUse, err := userpool.RingInUse(ctx, store, v.file)
	if err != nil {
		return nil, explainMasterKey(cfg, err)
	}
	v.ring = v.file
	if !exclusive {
		v.ring = inUse
	}
	return v, nil
}

func makeData(cfg *config.Config) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	return nil
}

func explainMasterKey(cfg *config.Config, err error) error {
	if errors.Is(err, userpool.ErrWrongMasterKey) {
		return fmt.Errorf("the master key in %s is not the one that the database %s was written under; restore the right one, or name it with --master-key-file", cfg.MasterKeyFile, cfg.DatabaseName())
	}
	return err
}

// service opens the domain on the vault.
func (v *vault) service(ctx context.Context, cfg *config.Config, out senders, publicURL string, log *slog.Logger) (*userpool.Service, error) {
	proofs, err := newStepUp(v.guard)
	if err != nil {
		return nil, err
	}
	v.clock = clock.New(clock.Config{Elapsed: uptime(), Log: log})
	if err := v.setClock(ctx); err != nil {
		return nil, err
	}
	s, err := userpool.Open(ctx, userpool.Config{
		Store:     v.store,
		Ring:      v.ring,
		RSA:       v.signer.RSA,
		Group:     v.signer.group,
		Clock:     v.clock,
		Shared:    cfg.OnPostgres(),
		Sender:    out.texts.sender,
		Messages:  out.texts.words,
		HelpText:  out.texts.help,
		Mailer:    out.mails,
		Triggers:  v.functions.invoker(),
		Encrypter: v.functions.encrypter(),
		Region:    cfg.Region,
		PublicURL: publicURL,
		LimitsOff: cfg.LimitsOff,
		AdminKey:  userpool.AdminKey{ID: cfg.AdminAccessKeyID, Secret: string(cfg.AdminSecret)},
		Log:       log,

		Former:         v.formerIssuers(),
		AuditRetention: cfg.AuditRetention,
		Logs:           v.sink(),
		Observers:      v.watch.calls(),
		Aside:          web.Aside,

		Guard:  guard.NewEngine(v.guard.Settings),
		StepUp: proofs,
	})
	return s, explainMasterKey(cfg, err)
}

// formerIssuers are whose tokens are taken too, nil for nobody's.
func (v *vault) formerIssuers() userpool.FormerIssuers {
	if v.former == nil {
		return nil
	}
	return v.former
}

// sink is who takes the events of pools, nil for nobody.
func (v *vault) sink() userpool.LogSink {
	if v.logs == nil {
		return nil
	}
	return v.logs
}

// openLogs reads the file of destinations, if there is one.
func openLogs(cfg *config.Config) (*logdelivery.Destinations, error) {
	if cfg.LogDelivery == "" {
		return nil, nil
	}
	return logdelivery.Load(cfg.LogDelivery)
}

// senders are who takes messages.
type senders struct {
	texts texts
	mails mail.Sender
}

// noSenders are those of a command that sends nothing.
func noSenders() senders { return senders{texts{sender: sms.None{}}, mail.None{}} }

// newSenders makes what the settings --sms, --delivery and --email ask for.
func newSenders(cfg *config.Config, f *deliveryfile.File, publicURL string, log *slog.Logger) (senders, error) {
	texts, err := newTexts(cfg, f, publicURL, log)
	if err != nil {
		return senders{}, err
	}
	mails, err := newMailer(cfg, log)
	if err != nil {
		return senders{}, fmt.Errorf("--email: %w", err)
	}
	if f != nil && f.DryRun {
		mails = dryrun.New(mails, log)
	}
	return senders{texts, mails}, nil
}

func newMailer(cfg *config.Config, log *slog.Logger) (mail.Sender, error) {
	switch cfg.Email.Kind {
	case config.EmailWebhook:
		return mailhook.New(mailhook.Config{URL: string(cfg.Email.URL), Secret: string(cfg.EmailWebhookSecret)})
	case config.EmailSMTP:
		return smtp.New(smtp.Config{
			Address: cfg.Email.Server, Security: smtpSecurity(cfg.Email), From: cfg.EmailFrom,
			Username: cfg.SMTPUsername, Password: string(cfg.SMTPPassword),
		})
	case config.EmailLog:
		return logmail.New(log), nil
	default:
		return mail.None{}, nil
	}
}

// smtpSecurity is TLS, but for a server on this machine, whose certificate, if
// it has one, nobody has signed.
func smtpSecurity(e config.Email) smtp.Security {
	switch {
	case e.ImplicitTLS:
		return smtp.ImplicitTLS
	case e.OnThisMachine():
		return smtp.Plain
	default:
		return smtp.STARTTLS
	}
}
