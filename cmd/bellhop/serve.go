package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/bellhop-auth/bellhop/internal/callback"
	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/formerissuer"
	"github.com/bellhop-auth/bellhop/internal/inbound"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/upload"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

func serveHelp() string { return config.Help(nil, nil) }

// serve runs the server until ctx ends.
func serve(ctx context.Context, in invocation) error {
	cfg, err := config.Load(config.Input{Args: in.args, Env: in.env, ReadFile: os.ReadFile})
	if err != nil {
		return err
	}
	log, flush := newServersLogger(in.stderr)
	defer flush() // last of all, when nobody logs any more
	// The door first: a bad certificate or a taken port makes no database.
	d, err := openDoor(cfg)
	if err != nil {
		return err
	}
	defer d.listener.Close()
	watch, err := openWatchers(ctx, cfg, in.env, log)
	defer watch.close(ctx)
	if err != nil {
		return err
	}
	f, err := openFunctions(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer closeFunctions(f, log) // after all that calls them has ended
	g, err := openGuard(cfg, in.env)
	if err != nil {
		return err
	}
	logs, err := openLogs(cfg)
	if err != nil {
		return err
	}
	texts, err := openDelivery(cfg, in.env, log)
	if err != nil {
		return err
	}
	out, err := newSenders(cfg, texts, cfg.PublicURL, log)
	if err != nil {
		return err
	}
	former, err := openFormer(cfg, log)
	if err != nil {
		return err
	}
	signer, err := openSigner(cfg, log)
	if err != nil {
		return err
	}
	v, err := openVault(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer closeVault(v, log) // after all that writes has ended
	v.watch, v.functions, v.guard, v.former, v.logs, v.signer = watch, f, g, former, logs, signer
	service, err := openService(ctx, cfg, v, d, out, log)
	if err != nil {
		return explainWrite(cfg, err)
	}
	face, err := newFace(cfg, d.publicURL, out.texts.callers, service, log, watch.requests()...)
	if err != nil {
		return err
	}
	defer watch.serve(service, out.texts.sender, v.clock, log)()
	warn(cfg, d, log)
	log.Info("tokens are signed "+signer.name, "why", signer.why)
	warnOfGuard(g, log)
	warnOfDelivery(texts, log)
	h := &host{service: service, log: log, trusted: cfg.TrustedProxies, delay: cfg.DrainDelay, keepTime: v.keepTime}
	if v.former != nil {
		h.former = v.former.Run
	}
	handler := web.Health(h.ready, face)
	announce := func() {
		log.Info("listening on "+d.bound, "public_url", d.publicURL)
		flush() // whoever waits for the server finds what it has to say of its settings
		fmt.Fprintf(in.stdout, "listening on %s\n", d.bound)
	}
	return h.run(ctx, d, handler, announce)
}

// openFormer makes what keeps the keys of former issuers, nil for none.
func openFormer(cfg *config.Config, log *slog.Logger) (*formerissuer.Keeper, error) {
	var issuers []formerissuer.Issuer
	for _, text := range cfg.FormerIssuers {
		i, err := formerissuer.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("--former-issuers %w", err)
		}
		issuers = append(issuers, i)
	}
	if issuers == nil {
		return nil, nil
	}
	return formerissuer.New(issuers, log), nil
}

// openService opens the domain, claims the public URL for it, makes known which
// master key it uses, and sees to an admin key.
func openService(ctx context.Context, cfg *config.Config, v *vault, d *door, out senders, log *slog.Logger) (*userpool.Service, error) {
	service, err := v.service(ctx, cfg, out, d.publicURL, log)
	if err != nil {
		return nil, err
	}
	if err := claimURL(ctx, service, cfg.AcceptIssuerChange); err != nil {
		return nil, err
	}
	if err := service.KnowsMasterKeys(ctx); err != nil {
		return nil, explainMasterKey(cfg, err)
	}
	if err := service.NoteMasterKey(ctx); err != nil {
		return nil, err
	}
	if err := service.EndFuture(ctx); err != nil {
		return nil, err
	}
	return service, ensureAdminKey(ctx, cfg, service, log)
}

// explainWrite words for the operator that a start could not write what it must.
func explainWrite(cfg *config.Config, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Unavailable && f.Cause != nil {
		return fmt.Errorf("the database %s takes no writes: %w", cfg.DatabaseName(), f.Cause)
	}
	return err
}

func claimURL(ctx context.Context, service *userpool.Service, accept bool) error {
	err := service.ClaimPublicURL(ctx, accept)
	if errors.Is(err, userpool.ErrIssuerChange) {
		return fmt.Errorf("%w; tokens in use would turn invalid, and back ends must be told the new issuer: set --public-url to the old one, or start once with --accept-issuer-change", err)
	}
	return err
}

func ensureAdminKey(ctx context.Context, cfg *config.Config, service *userpool.Service, log *slog.Logger) error {
	if cfg.AdminAccessKeyID != "" {
		return warnOfStaleCredentials(cfg, log)
	}
	key, made, err := service.EnsureAdminKey(ctx)
	if err != nil {
		return err
	}
	if key.ID == "" {
		log.Warn("the admin key that the server had made was deleted; requests are signed with those of bellhop admin-keys")
		return nil
	}
	if err := writeCredentials(cfg.Data, key); err != nil {
		return fmt.Errorf("the admin credentials cannot be written: %w", err)
	}
	if made {
		log.Info("an admin key was made", "credentials", credentialsFile(cfg.Data))
	}
	return nil
}

// newFace puts the plumbing around the JSON API, the face for uploaded files, and
// those for what providers tell and for texts that come in where these are open.
func newFace(cfg *config.Config, publicURL string, callers map[string]sms.Caller, service *userpool.Service, log *slog.Logger, observers ...web.Observer) (http.Handler, error) {
	api, err := cognito.New(cognito.Config{Service: service, Keys: service.Credential})
	if err != nil {
		return nil, err
	}
	plumbing := web.Config{Log: log, TrustedProxies: cfg.TrustedProxies, Places: web.Places(), Waiting: web.Waiting(), Class: api.Class, Late: service.TextsLate, Refuse: api.Refuse}
	plumbing.Observers = observers
	face := http.Handler(api)
	if cfg.InboundTextSecret != "" {
		texts, err := inbound.New(inbound.Config{Secret: string(cfg.InboundTextSecret), Receive: service.TextIn, Next: face, NextClass: plumbing.Class})
		if err != nil {
			return nil, err
		}
		face, plumbing.Class = texts, texts.Class
	}
	if len(callers) > 0 {
		posts := callback.New(callback.Config{Callers: callers, URL: publicURL, Take: service.TextEvent, Next: face, NextClass: plumbing.Class})
		face, plumbing.Class = posts, posts.Class
	}
	files := upload.New(upload.Config{Store: service.UploadImport, Next: face})
	plumbing.Streams = files.Streams
	return web.Handler(plumbing, files), nil
}

// warn says what an operator would otherwise learn too late.
func warn(cfg *config.Config, d *door, log *slog.Logger) {
	if cfg.SMS.Kind == config.SMSNone && cfg.Delivery == "" {
		log.Warn("no SMS provider is configured: every text is refused; see --delivery and --sms")
	}
	if cfg.SMS.Kind == config.SMSLog {
		log.Warn("texts go to this log, codes included: --sms log is for development")
	}
	if cfg.Email.Kind == config.EmailLog {
		log.Warn("e-mails go to this log, codes included: --email log is for development")
	}
	if cfg.LimitsOff {
		log.Warn("the limits that count requests and money are off: --limits off is for load tests")
	}
	if d.guessed {
		log.Warn("the server listens on every address and has no --public-url: tokens name an issuer that only this machine can reach", "public_url", d.publicURL)
	}
	if info, err := os.Stat(cfg.MasterKeyFile); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("the master key file can be read by others than its owner; chmod 600 it", "file", cfg.MasterKeyFile)
	}
	if n := len(cfg.AdminSecret); n > 0 && n < minAdminSecret {
		log.Warn("the admin secret is short: whoever sees one signed request can guess it", "characters", n)
	}
}

// minAdminSecret is half of what AWS gives; below it a secret looks chosen by a
// person.
const minAdminSecret = 20

func closeFunctions(f *functions, log *slog.Logger) {
	if err := f.close(); err != nil {
		log.Error("the functions were not ended cleanly", "error", err)
	}
}

func closeVault(v *vault, log *slog.Logger) {
	if err := v.store.Close(); err != nil {
		log.Error("the database was not closed cleanly", "error", err)
	}
}
