// Package config reads the settings of the program: a flag goes over the
// environment, that over the file, that over the default. One table names every
// setting; flags, variables, file keys, the help text and the reference in the
// documentation come from it. All problems are found in one reading. What a
// setting does is the business of whoever gets the Config.
package config

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"
)

// Config is every setting, parsed and defaulted. The comments say what the zero
// value means where it can be met after Load.
type Config struct {
	Listen             string         // host:port; port 0 takes a free one
	Data               string         // the data folder
	Database           string         // path of the SQLite file
	MasterKeyFile      string         // path of the file with the master key
	PublicURL          string         // without trailing slash; empty is made from the bound address
	AcceptIssuerChange bool           // a changed public URL may change the issuer of existing pools
	Region             string         // of new pools' ids and ARNs
	SMS                SMS            // who takes texts
	SMSWebhookSecret   Secret         // empty sends unsigned
	LimitsOff          bool           // lifts limits that count requests or money
	AuditRetention     time.Duration  // how long the audit trail is kept; 0 is for ever
	TrustedProxies     []netip.Prefix // whose X-Forwarded-For is believed; none if empty
	TLSCert, TLSKey    string         // paths of PEM files; both or neither
	AdminAccessKeyID   string         // empty: the server makes a key of its own
	AdminSecret        Secret         // set if and only if AdminAccessKeyID is

	given map[string]bool // settings that some source has named
	bad   map[string]bool // those whose value is no good
}

// Given reports whether the setting of that flag was set anywhere, or has its
// default only.
func (c *Config) Given(flag string) bool { return c.given[flag] }

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
	if (c.TLSCert == "") != (c.TLSKey == "") {
		add("--tls-cert, --tls-key", "one is set without the other; TLS needs both")
	}
	if (c.AdminAccessKeyID == "") != (c.AdminSecret == "") && !c.bad["admin-access-key-id"] && !c.bad["admin-secret-access-key"] {
		add("BELLHOP_ADMIN_ACCESS_KEY_ID, BELLHOP_ADMIN_SECRET_ACCESS_KEY", "one is set without the other; the admin key needs both")
	}
	if c.SMSWebhookSecret != "" && c.SMS.Kind != SMSWebhook && !c.bad["sms"] {
		add("BELLHOP_SMS_WEBHOOK_SECRET", "is set, but --sms names no webhook that would be signed with it")
	}
	return all
}
