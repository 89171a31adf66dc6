package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const day = 24 * time.Hour

// checkSettings says which settings are not for serving people. They were read
// without a problem, or this would not run.
func checkSettings(_ context.Context, p *patient) []finding {
	var all []finding
	if p.cfg.LimitsOff {
		all = append(all, warning("take --limits off away, which is for load tests", "the limits that count requests and money are off"))
	}
	if p.cfg.AcceptIssuerChange {
		all = append(all, warning("take it away again after that one start", "--accept-issuer-change is set"))
	}
	if info, err := os.Stat(p.cfg.Data); err == nil && info.Mode().Perm()&0o077 != 0 {
		all = append(all, warning("chmod 700 it", "the data folder %s is open to others than its owner (mode %o)", p.cfg.Data, info.Mode().Perm()))
	}
	if len(all) == 0 {
		all = append(all, fine("the settings fit together"))
	}
	return all
}

// checkCertificate looks at the server's own certificate, where it has one.
func checkCertificate(_ context.Context, p *patient) []finding {
	if p.cfg.TLSCert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(p.cfg.TLSCert, p.cfg.TLSKey)
	if err != nil {
		return []finding{failure("put a PEM chain and its key into --tls-cert and --tls-key", "the TLS certificate cannot be used (%v)", err)}
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return []finding{failure("put another one into --tls-cert", "the TLS certificate cannot be read (%v)", err)}
	}
	until := moment(leaf.NotAfter, "")
	switch left := leaf.NotAfter.Sub(p.began); {
	case left <= 0:
		return []finding{failure("renew it and restart the server", "the TLS certificate has expired at %s", until)}
	case leaf.NotBefore.After(p.began):
		return []finding{failure("look at the clock, or use another one", "the TLS certificate is valid from %s only", moment(leaf.NotBefore, ""))}
	case left < 14*day:
		return []finding{warning("renew it and restart the server", "the TLS certificate expires at %s", until)}
	}
	return []finding{fine("valid until %s", until)}
}

// checkDatabase looks at the database from outside, and opens it. It brings no
// schema up to date and makes none.
func checkDatabase(ctx context.Context, p *patient) []finding {
	all, opens := p.engine.unopened(ctx)
	if !opens {
		return all
	}
	store, err := sqlstore.Open(ctx, p.cfg.Database, sqlstore.Options{NoMigrate: true, Readers: 1})
	if err != nil {
		return append(all, failure("see to that before a server starts", "it cannot be opened (%v)", err))
	}
	p.vault = &vault{store: store}
	return append(all, p.engine.opened(ctx)...)
}

// checkMasterKey looks at the file, and whether it opens the database.
func checkMasterKey(ctx context.Context, p *patient) []finding {
	file := p.cfg.MasterKeyFile
	var all []finding
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		all = append(all, warning("chmod 600 it", "%s can be read by others than its owner (mode %o)", file, info.Mode().Perm()))
	}
	if p.vault == nil {
		return all
	}
	isNew, err := userpool.IsNew(ctx, p.vault.store)
	if err != nil {
		return append(all, failure("look at the database", "the database cannot be read (%v)", err))
	}
	if isNew {
		return append(all, warning("start the server", "no server has run on this database yet, so that it has no secrets and no keys"))
	}
	opened, err := unlock(ctx, p.cfg, p.vault.store, false)
	if err == nil {
		p.vault = opened
		p.service, err = opened.service(ctx, p.cfg, noSenders(), "", quiet())
	}
	if err != nil {
		return append(all, failure("without it nothing can be served", "%v", err))
	}
	if opened.ring.Current().ID() != opened.file.Current().ID() {
		all = append(all, warning("restart the server", "the first key of %s has not been read by the server yet", file))
	}
	if err := p.readPools(ctx); err != nil {
		return append(all, failure("look at the database", "the user pools cannot be read (%v)", err))
	}
	return append(all, fine("%s opens the database; keep a copy where its backups are not", file))
}

func (p *patient) readPools(ctx context.Context) (err error) {
	p.pools, err = allPools(ctx, p.service)
	return err
}

// checkWriting writes as a server does before it says that it is ready.
func checkWriting(ctx context.Context, p *patient) []finding {
	if p.service == nil {
		return nil
	}
	begun := time.Now()
	if err := p.service.Ready(ctx); err != nil {
		return []finding{failure(p.engine.unwritable(ctx), "a write failed (%v)", explainWrite(p.cfg, err))}
	}
	took := time.Since(begun).Round(time.Millisecond / 10)
	if took > time.Second {
		return []finding{warning("see what else uses its disk, or whether it is busy", "a durable write took %v", took)}
	}
	return []finding{fine("a durable write took %v", took)}
}

// checkSigningKeys says whether every pool can sign, and rotates in time.
func checkSigningKeys(ctx context.Context, p *patient) []finding {
	if p.service == nil {
		return nil
	}
	keys, err := p.service.SigningKeys(ctx, "")
	if err != nil {
		return []finding{failure("restore the master key, or make new ones: bellhop keys rotate --now --revoke-old", "a signing key cannot be opened (%v)", err)}
	}
	type slot struct {
		pool userpool.PoolID
		use  string
	}
	signs := map[slot]bool{}
	var all []finding
	for _, k := range keys {
		if k.State == userpool.KeySigns {
			signs[slot{k.Pool, k.Use}] = true
		}
		if k.Overdue(p.began) {
			all = append(all, warning("let a server run, which rotates it, or bellhop keys rotate",
				"the %s key of pool %s signs since %s", k.Use, k.Pool, moment(k.ActiveAt, "")))
		}
	}
	for _, pool := range p.pools {
		for _, use := range []string{"id", "access"} {
			if !signs[slot{pool.ID, use}] {
				all = append(all, failure("let a server run, which makes one, or bellhop keys rotate --now", "pool %s has no key that signs %s tokens", pool.ID, use))
			}
		}
	}
	if len(all) == 0 {
		all = append(all, fine("each of %d pools has both, and none is overdue", len(p.pools)))
	}
	return all
}

// checkAdminKey says with which keys administrative requests can be signed.
func checkAdminKey(ctx context.Context, p *patient) []finding {
	var all []finding
	file := credentialsFile(p.cfg.Data)
	info, err := os.Stat(file)
	switch {
	case err == nil && info.Mode().Perm()&0o077 != 0:
		all = append(all, warning("chmod 600 it", "%s can be read by others than its owner (mode %o)", file, info.Mode().Perm()))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		all = append(all, warning("see to its owner and mode", "the admin credentials cannot be read (%v)", err))
	}
	if p.cfg.AdminAccessKeyID != "" {
		if n := len(p.cfg.AdminSecret); n < minAdminSecret {
			all = append(all, warning(fmt.Sprintf("take %d or more random ones", minAdminSecret), "the configured admin secret has %d characters", n))
		}
		return append(all, fine("one is configured"))
	}
	if p.service == nil {
		return all
	}
	keys, err := p.service.AccessKeys(ctx)
	if err != nil {
		return append(all, failure("look at the database", "the admin keys cannot be read (%v)", err))
	}
	good := 0
	for _, k := range keys {
		switch {
		case k.ExpiresAt.IsZero() || k.ExpiresAt.Sub(p.began) > 14*day:
			good++
		case k.ExpiresAt.After(p.began):
			good++
			all = append(all, warning("bellhop admin-keys create makes the next one", "the admin key %s expires at %s", k.ID, moment(k.ExpiresAt, "")))
		}
	}
	if good == 0 {
		return append(all, warning("bellhop admin-keys create makes one", "no key can sign administrative requests"))
	}
	return append(all, fine("%d in the database", good))
}

// checkPublicURL compares the URL that a server would take with the one that is in
// the tokens of existing pools.
func checkPublicURL(ctx context.Context, p *patient) []finding {
	now, guessed := p.cfg.PublicURL, false
	if now == "" {
		var err error
		if now, guessed, err = callable(scheme(p.cfg), p.cfg.Listen); err != nil {
			return []finding{failure("set --listen to host:port", "--listen cannot be read (%v)", err)}
		}
	}
	var all []finding
	if guessed {
		all = append(all, warning("set --public-url", "the server listens on every address, and tokens name %s as their issuer, which only this machine can reach", now))
	} else if u, err := url.Parse(now); err == nil && u.Scheme == "http" && !onThisMachine(u.Hostname()) {
		all = append(all, warning("serve it by https, behind a proxy or with --tls-cert", "codes and tokens go to %s in the open", now))
	}
	if p.vault == nil {
		return all
	}
	recorded, err := userpool.PublicURL(ctx, p.vault.store)
	switch {
	case err != nil:
		return append(all, failure("look at the database", "the recorded URL cannot be read (%v)", err))
	case recorded == "" || len(p.pools) == 0:
		return append(all, fine("%s; no pool's tokens name another", now))
	case p.cfg.PublicURL == "" && strings.HasSuffix(p.cfg.Listen, ":0"):
		return append(all, warning("set --public-url", "the port changes at each start, and with it the issuer of tokens"))
	case !strings.EqualFold(recorded, now) && p.cfg.AcceptIssuerChange:
		return append(all, warning("tell back ends the new issuer", "tokens name %s, and will name %s: those in use turn invalid", recorded, now))
	case !strings.EqualFold(recorded, now):
		return append(all, failure("set --public-url to the recorded one, or start once with --accept-issuer-change", "tokens name %s, and a server would start as %s and refuses to", recorded, now))
	}
	return append(all, fine("%s, as tokens name it", now))
}

func onThisMachine(host string) bool {
	addr, _ := netip.ParseAddr(host)
	return host == "localhost" || addr.IsLoopback()
}

// prober is a sender that can say whether it would reach who takes its messages.
type prober interface {
	Probe(context.Context) error
}

// checkMail is checkTexts for e-mails.
func checkMail(ctx context.Context, p *patient) []finding {
	switch p.cfg.Email.Kind {
	case config.EmailNone:
		if i := slices.IndexFunc(p.pools, mails); i >= 0 {
			return []finding{warning("set --email", "no sender of e-mails is configured, and pool %s sends some", p.pools[i].ID)}
		}
		return []finding{fine("no sender is configured, and no pool needs one")}
	case config.EmailLog:
		return []finding{warning("set --email to a server; log is for development", "e-mails go to the log, codes included")}
	}
	sender, err := newMailer(p.cfg, quiet())
	if err != nil {
		return []finding{failure("correct --email", "%v", err)}
	}
	if p.cfg.Email.Kind == config.EmailWebhook {
		return probeHook(ctx, sender, string(p.cfg.Email.URL), p.cfg.EmailWebhookSecret != "")
	}
	return []finding{probe(ctx, sender, p.cfg.Email.Server)}
}

func mails(p userpool.Pool) bool {
	return slices.Contains(p.Settings.AutoVerified, userpool.AttrEmail) || slices.Contains(p.Settings.FirstFactors, userpool.FactorEmailOTP)
}

func probeHook(ctx context.Context, sender any, target string, signed bool) []finding {
	u, err := url.Parse(target)
	if err != nil {
		return []finding{failure("correct the webhook's URL", "it cannot be parsed")}
	}
	var all []finding
	if u.Scheme == "http" && !onThisMachine(u.Hostname()) {
		all = append(all, warning("use https", "codes go to %s in the open", u.Host))
	}
	if !signed {
		all = append(all, warning("set the webhook's secret", "posts to %s are not signed, so that it cannot know them from others'", u.Host))
	}
	return append(all, probe(ctx, sender, u.Host))
}

// probe asks a sender whether it reaches the host.
func probe(ctx context.Context, sender any, host string) finding {
	reaches, ok := sender.(prober)
	if !ok {
		return fine("%s cannot be asked without a message", host)
	}
	if err := reaches.Probe(ctx); err != nil {
		return failure("see to the network, its certificate and the settings", "%s does not take messages (%v)", host, err)
	}
	return fine("%s answers", host)
}

// The bounds of clocks that may be called right: codes live minutes.
const (
	clockOff   = 5 * time.Second
	clockWrong = time.Minute
)

// checkClock compares the clock with everything that knows the time. It comes last,
// so that some time has gone by on both of this machine's clocks.
func checkClock(ctx context.Context, p *patient) []finding {
	now := time.Now()
	var all []finding
	// Sub of two readings goes by the monotonic clock, of two without it by the wall.
	if jump := now.Round(0).Sub(p.began.Round(0)) - now.Sub(p.began); jump.Abs() > 100*time.Millisecond {
		all = append(all, warning("see what sets it; it should be slewed", "it was set by %v while this command ran", jump.Round(time.Millisecond)))
	}
	if built := buildTime(); now.Before(built) {
		all = append(all, failure("set it", "it says %s, when this program was not built yet", moment(now, "")))
	}
	if !clockIsSynchronised() {
		all = append(all, warning("run an NTP client such as chrony or systemd-timesyncd", "the system says that nothing keeps it right"))
	}
	if there, ok, err := p.engine.clock(ctx); err != nil && p.vault == nil {
		// That the server cannot be asked has been said.
	} else if err != nil {
		all = append(all, warning("look at the database", "the database's clock cannot be read (%v)", err))
	} else if ok {
		all = append(all, compareClocks("the database server's clock", now.Sub(there))...)
	}
	if last, err := p.lastRecord(ctx); err != nil {
		all = append(all, warning("look at the database", "the audit trail cannot be read (%v)", err))
	} else if ahead := last.Sub(now); ahead > 0 {
		all = append(all, compareClocks("the newest row of the audit trail", -ahead)...)
	}
	if len(all) == 0 {
		all = append(all, fine("%s", moment(now, "")))
	}
	return all
}

func compareClocks(with string, off time.Duration) []finding {
	where := "behind"
	if off > 0 {
		where = "ahead of"
	}
	what := fmt.Sprintf("it is %v %s %s", off.Abs().Round(time.Millisecond), where, with)
	switch {
	case off.Abs() > clockWrong:
		return []finding{failure("set it: codes would live too long or too short", "%s", what)}
	case off.Abs() > clockOff:
		return []finding{warning("keep both right by NTP", "%s", what)}
	}
	return nil
}

// lastRecord is the time of the newest row of the audit trail; zero without one.
func (p *patient) lastRecord(ctx context.Context) (at time.Time, err error) {
	if p.service == nil {
		return at, nil
	}
	err = p.vault.store.View(ctx, func(tx userpool.Tx) error {
		rows, err := tx.Audit(ctx, userpool.AuditPage{Newest: true, Limit: 1})
		if err == nil && len(rows) > 0 {
			at = rows[0].At
		}
		return err
	})
	return at, err
}

// buildTime is when the commit of this build was made; zero where that is not known.
func buildTime() (at time.Time) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				at, _ = time.Parse(time.RFC3339, s.Value)
			}
		}
	}
	return at
}

// sqliteFile is the engine of a database in a file.
type sqliteFile struct{ path string }

func (f sqliteFile) unopened(ctx context.Context) ([]finding, bool) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return []finding{failure("start the server, which makes it, or name the data folder with --data", "there is no database %s", f.path)}, false
	}
	if err != nil {
		return []finding{failure("see to its owner and mode", "it cannot be found (%v)", err)}, false
	}
	var all []finding
	if info.Mode().Perm()&0o077 != 0 {
		all = append(all, warning("chmod 600 it", "%s can be read by others than its owner (mode %o)", f.path, info.Mode().Perm()))
	}
	all = append(all, checkDisk(f.path)...)
	all = append(all, fine("%s, %d MiB", f.path, info.Size()>>20))
	schema := schemaOf(ctx, f.path)
	return append(all, schema), schema.Level == levelOK
}

// schemaOf compares the schema of a database with the program's.
func schemaOf(ctx context.Context, database string) finding {
	version, err := sqlstore.SchemaVersion(ctx, database)
	switch latest := sqlstore.LatestSchema(); {
	case err != nil:
		return failure("see to that; what is damaged comes back from a backup, and another database is named with --database", "%v", err)
	case version < latest:
		return failure("bellhop migrate brings it up to date, and so does a server's start unless --auto-migrate is false",
			"the schema is version %d, and this program's is version %d", version, latest)
	case version > latest:
		return failure("run the newer Bellhop that wrote it", "the schema is version %d, and this program knows %d", version, latest)
	}
	return fine("schema version %d", version)
}

func (f sqliteFile) opened(ctx context.Context) []finding {
	if err := sqlstore.QuickCheck(ctx, f.path); err != nil {
		return []finding{failure("stop the server, keep the file, and restore a backup", "%v", err)}
	}
	return []finding{fine("every page was read, and none is damaged")}
}

func (sqliteFile) unwritable(context.Context) string {
	return "see to room on the disk and to the files' owner and mode"
}

func (sqliteFile) clock(context.Context) (time.Time, bool, error) { return time.Time{}, false, nil }
