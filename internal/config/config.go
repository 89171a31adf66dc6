// Package config reads the settings of the program: a flag goes over the
// environment, that over the file, that over the default. One table names every
// setting; flags, variables, file keys, the help text and the reference in the
// documentation come from it. All problems are found in one reading. What a
// setting does is the business of whoever gets the Config.
package config

import (
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Config is every setting, parsed and defaulted. The comments say what the zero
// value means where it can be met after Load.
type Config struct {
	Listen             string         // host:port; port 0 takes a free one
	Data               string         // the data folder
	Database           string         // path of the SQLite file, or PostgreSQL URL, which may hold a password: see DatabaseName
	AutoMigrate        bool           // false: no command but migrate changes the schema
	MasterKeyFile      string         // path of the file with the master key
	PublicURL          string         // without trailing slash; empty is made from the bound address
	AcceptIssuerChange bool           // a changed public URL may change the issuer of existing pools
	Region             string         // of new pools' ids and ARNs
	SMS                SMS            // who takes texts
	SMSWebhookSecret   Secret         // empty sends unsigned
	Delivery           string         // path of the delivery file; empty: texts go as SMS says
	InboundTextSecret  Secret         // verifies posts of texts that came in; empty takes none
	Email              Email          // who takes e-mails
	EmailWebhookSecret Secret         // empty sends unsigned
	EmailFrom          mail.Address   // whom e-mails by SMTP come from; set if and only if Email is SMTP
	SMTPUsername       string         // empty: without authentication
	SMTPPassword       Secret         // set if and only if SMTPUsername is
	Triggers           string         // path of the triggers file; empty: no function can be called
	LogDelivery        string         // path of the file of destinations of events; empty: none are delivered
	Guard              string         // path of the file of the guard's settings; empty: the shipped ones
	Signer             Signer         // who computes RSA signatures
	LimitsOff          bool           // lifts limits that count requests or money
	FormerIssuers      []string       // whose access tokens are taken too, as URL@TIME; none if empty
	AuditRetention     time.Duration  // how long the audit trail is kept; 0 is for ever
	MetricsListen      string         // host:port of the metrics; empty serves none
	TrustedProxies     []netip.Prefix // whose X-Forwarded-For is believed; none if empty
	DrainDelay         time.Duration  // how long a server that stops still takes requests
	TLSCert, TLSKey    string         // paths of PEM files; both or neither
	AdminAccessKeyID   string         // empty: the server makes a key of its own
	AdminSecret        Secret         // set if and only if AdminAccessKeyID is

	given map[string]bool // settings that some source has named
	bad   map[string]bool // those whose value is no good
}

// Given reports whether the setting of that flag was set anywhere, or has its
// default only.
func (c *Config) Given(flag string) bool { return c.given[flag] }

func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// OnPostgres says that the database is a PostgreSQL server's and no file.
func (c *Config) OnPostgres() bool { return isPostgres(c.Database) }

// DatabaseName is the database for a reader, without a password.
func (c *Config) DatabaseName() string {
	if !c.OnPostgres() {
		return c.Database
	}
	u, err := url.Parse(c.Database)
	if err != nil { // several hosts with ports are no URL to the parser
		return "on PostgreSQL"
	}
	return u.Host + u.Path
}

// MoveTo changes the data folder, and with it every path in it that has its
// default.
func (c *Config) MoveTo(folder string) {
	c.Data = folder
	if !c.Given("database") {
		c.Database = ""
	}
	if !c.Given("master-key-file") {
		c.MasterKeyFile = ""
	}
	c.fillIn()
}

// Signer names who computes the RSA signatures of tokens.
type Signer uint8

// The signers. The zero one is libcrypto where it is there, and Go where it is not.
const (
	SignerAuto Signer = iota
	SignerGo
	SignerLibcrypto
)

// SMSKind names a kind of sender.
type SMSKind uint8

// The kinds. The zero kind sends nothing.
const (
	SMSNone SMSKind = iota
	SMSWebhook
	SMSLog
)

// SMS says who takes texts. URL is a webhook's and may hold a password, so that
// it has no printable form.
type SMS struct {
	Kind SMSKind
	URL  Secret
}

// EmailKind names a kind of sender of e-mails.
type EmailKind uint8

// The kinds. The zero kind sends nothing.
const (
	EmailNone EmailKind = iota
	EmailWebhook
	EmailSMTP
	EmailLog
)

// Email says who takes e-mails. URL is a webhook's, Server and ImplicitTLS are
// SMTP's.
type Email struct {
	Kind        EmailKind
	URL         Secret
	Server      string // host:port
	ImplicitTLS bool   // smtps
}

// OnThisMachine says that the server of SMTP is reached without a network.
func (e Email) OnThisMachine() bool {
	host, _, err := net.SplitHostPort(e.Server)
	addr, _ := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || addr.IsLoopback())
}

// Secret is text that must not be shown. Convert it to a string to use it.
type Secret string

const hidden = "[hidden]"

func (Secret) String() string               { return hidden }
func (Secret) GoString() string             { return hidden }
func (Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// fillIn sets what depends on other settings and was not set.
func (c *Config) fillIn() {
	if c.Database == "" {
		c.Database = filepath.Join(c.Data, "bellhop.db")
	}
	if c.MasterKeyFile == "" {
		c.MasterKeyFile = filepath.Join(c.Data, "master.key")
	}
}

// combinations returns what is wrong with settings beside each other. What is
// already known to be a bad value is not blamed a second time.
func (c *Config) combinations() []Problem {
	var all []Problem
	add := func(where, what string) { all = append(all, Problem{where, what}) }
	if c.OnPostgres() && !c.Given("master-key-file") {
		add("--master-key-file", "must name the master key that all servers of a PostgreSQL database share; bellhop master-key create makes one")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		add("--tls-cert, --tls-key", "one is set without the other; TLS needs both")
	}
	if (c.AdminAccessKeyID == "") != (c.AdminSecret == "") && !c.bad["admin-access-key-id"] && !c.bad["admin-secret-access-key"] {
		add("BELLHOP_ADMIN_ACCESS_KEY_ID, BELLHOP_ADMIN_SECRET_ACCESS_KEY", "one is set without the other; the admin key needs both")
	}
	if c.Delivery != "" && c.SMS.Kind != SMSNone {
		add("--delivery", "is set together with --sms; set one of them")
	}
	if c.SMSWebhookSecret != "" && c.SMS.Kind != SMSWebhook && !c.bad["sms"] {
		add("BELLHOP_SMS_WEBHOOK_SECRET", "is set, but --sms names no webhook that would be signed with it")
	}
	return append(all, c.emailCombinations()...)
}

func (c *Config) emailCombinations() []Problem {
	if c.bad["email"] {
		return nil
	}
	var all []Problem
	add := func(where, what string) { all = append(all, Problem{where, what}) }
	bySMTP, from := c.Email.Kind == EmailSMTP, c.EmailFrom.Address != ""
	if bySMTP && !from && !c.bad["email-from"] {
		add("--email-from", "is not set; e-mails by SMTP need an address that they come from")
	}
	if from && !bySMTP {
		add("--email-from", "is set, but --email names no SMTP server that would be told it")
	}
	if c.EmailWebhookSecret != "" && c.Email.Kind != EmailWebhook {
		add("BELLHOP_EMAIL_WEBHOOK_SECRET", "is set, but --email names no webhook that would be signed with it")
	}
	const credentials = "BELLHOP_SMTP_USERNAME, BELLHOP_SMTP_PASSWORD"
	switch username, password := c.SMTPUsername != "", c.SMTPPassword != ""; {
	case username != password && !c.bad["smtp-username"] && !c.bad["smtp-password"]:
		add(credentials, "one is set without the other; SMTP's authentication needs both")
	case (username || password) && !bySMTP:
		add(credentials, "are set, but --email names no SMTP server")
	}
	return all
}
