package config

import (
	"strings"
)

// Setting is one row of the table.
type Setting struct {
	Name    string // the flag without dashes, and the key in the file
	Default string // as text; empty where Shown says what happens
	Shown   string // the default in words, where Default cannot say it
	Help    string
	Arg     string // the value's name in the help text; empty for a switch
	Secret  bool   // no flag; variable and key exist also with _FILE and -file, naming a file
	NoFile  bool   // not a key of the file
	set     func(*Config, string) error
}

// Settings returns the table, in the order of the documentation.
func Settings() []Setting {
	return []Setting{
		{Name: "listen", Default: "127.0.0.1:9400", Arg: "HOST:PORT", set: setListen(func(c *Config) *string { return &c.Listen }, 9400),
			Help: "address to serve on; port 0 takes a free one"},
		{Name: "data", Default: "./bellhop-data", Arg: "FOLDER", set: setText(func(c *Config) *string { return &c.Data }),
			Help: "folder of the database, the master key and the admin credentials"},
		{Name: "database", Shown: "`bellhop.db` in the data folder", Arg: "FILE or URL", set: setDatabase,
			Help: "SQLite file, or a PostgreSQL database as postgres://USER@HOST/NAME, which any number of servers may share"},
		{Name: "auto-migrate", Default: "true", set: setSwitch(func(c *Config) *bool { return &c.AutoMigrate }),
			Help: "bring the schema of the database up to date at start; false refuses an older one, which bellhop migrate then brings up to date"},
		{Name: "master-key-file", Shown: "`master.key` in the data folder", Arg: "FILE", set: setText(func(c *Config) *string { return &c.MasterKeyFile }),
			Help: "key that seals the secrets in the database; made with a new SQLite file, and for PostgreSQL by bellhop master-key create"},
		{Name: "public-url", Shown: "`http://`, with TLS `https://`, and the bound address", Arg: "URL", set: setPublicURL,
			Help: "address under which clients reach this server; the issuer of tokens is it, a slash and the pool id"},
		{Name: "accept-issuer-change", Default: "false", set: setSwitch(func(c *Config) *bool { return &c.AcceptIssuerChange }),
			Help: "start although the public URL, and so the issuer of existing pools, has changed"},
		{Name: "region", Default: "us-east-1", Arg: "REGION", set: setRegion,
			Help: "AWS region named in the ids and ARNs of new pools"},
		{Name: "sms", Default: "none", Arg: "SENDER", set: setSMS,
			Help: "who takes texts: none, webhook:URL, or log (development: codes appear in the log)"},
		{Name: "sms-webhook-secret", Secret: true, Shown: "unsigned", Arg: "SECRET", set: setWebhookSecret(func(c *Config) *Secret { return &c.SMSWebhookSecret }),
			Help: "whsec_ and base64; signs the webhook's posts by the Standard Webhooks convention"},
		{Name: "inbound-text-secret", Secret: true, Shown: "no text is taken in", Arg: "SECRET", set: setWebhookSecret(func(c *Config) *Secret { return &c.InboundTextSecret }),
			Help: "whsec_ and base64; takes the texts that users send us as posts to /inbound-text, signed with it by the Standard Webhooks convention"},
		{Name: "delivery", Shown: "none", Arg: "FILE", set: setText(func(c *Config) *string { return &c.Delivery }),
			Help: "YAML file that says by which providers texts go, and in which words; in the place of --sms"},
		{Name: "email", Default: "none", Arg: "SENDER", set: setEmail,
			Help: "who takes e-mails: none, webhook:URL, smtp://HOST:PORT, smtps://HOST:PORT, or log (development: codes appear in the log)"},
		{Name: "email-webhook-secret", Secret: true, Shown: "unsigned", Arg: "SECRET", set: setWebhookSecret(func(c *Config) *Secret { return &c.EmailWebhookSecret }),
			Help: "as BELLHOP_SMS_WEBHOOK_SECRET, for the webhook of e-mails"},
		{Name: "email-from", Shown: "none", Arg: "ADDRESS", set: setEmailFrom,
			Help: "whom e-mails by SMTP come from: an address, or a name and the address in angle brackets"},
		{Name: "smtp-username", Secret: true, Shown: "no authentication", Arg: "NAME", set: setText(func(c *Config) *string { return &c.SMTPUsername }),
			Help: "user name at the SMTP server"},
		{Name: "smtp-password", Secret: true, Shown: "no authentication", Arg: "PASSWORD", set: setSMTPPassword,
			Help: "password at the SMTP server"},
		{Name: "triggers", Shown: "none", Arg: "FILE", set: setText(func(c *Config) *string { return &c.Triggers }),
			Help: "YAML file that says who calls the functions of a pool's LambdaConfig"},
		{Name: "log-delivery", Shown: "none", Arg: "FILE", set: setText(func(c *Config) *string { return &c.LogDelivery }),
			Help: "YAML file that says where the events go of pools with a log delivery configuration: to a file or a webhook"},
		{Name: "guard", Shown: "the shipped settings", Arg: "FILE", set: setText(func(c *Config) *string { return &c.Guard }),
			Help: "YAML file of the guard's settings: countries, prices, budgets, step-ups, test numbers"},
		{Name: "signer", Default: "auto", Arg: "WHO", set: setSigner,
			Help: "who computes the RSA signatures of tokens and the powers of password proofs: go, libcrypto for the system's OpenSSL 3, or auto for that where it is there and Go where it is not"},
		{Name: "limits", Default: "enforce", Arg: "MODE", set: setLimits,
			Help: "enforce, or off to lift the limits that count requests or money"},
		{Name: "former-issuers", Shown: "none", Arg: "LIST", set: setFormerIssuers,
			Help: "issuers of pools that have come here, each as URL@DATE, separated by commas; access tokens of theirs are taken until then"},
		{Name: "audit-retention", Default: "90d", Arg: "TIME", set: setAuditRetention,
			Help: "how long the audit trail is kept, such as 90d or 36h; 0 is for ever"},
		{Name: "metrics-listen", Shown: "none", Arg: "HOST:PORT", set: setListen(func(c *Config) *string { return &c.MetricsListen }, 9401),
			Help: "address to serve GET /metrics on, for Prometheus, in plain HTTP and to whoever can reach it"},
		{Name: "trusted-proxies", Shown: "none", Arg: "CIDRS", set: setProxies,
			Help: "proxies whose X-Forwarded-For is believed, separated by commas"},
		{Name: "drain-delay", Default: "0s", Arg: "TIME", set: setDrainDelay,
			Help: "how long, when it is to stop, the server says on /readyz that it stops and still takes requests; 5m at most"},
		{Name: "tls-cert", Shown: "none", Arg: "FILE", set: setText(func(c *Config) *string { return &c.TLSCert }),
			Help: "PEM certificate chain; serves HTTPS together with --tls-key"},
		{Name: "tls-key", Shown: "none", Arg: "FILE", set: setText(func(c *Config) *string { return &c.TLSKey }),
			Help: "PEM private key of --tls-cert"},
		{Name: "admin-access-key-id", Secret: true, Shown: "made at first start", Arg: "ID", set: setKeyID,
			Help: "access key id that signs administrative requests"},
		{Name: "admin-secret-access-key", Secret: true, Shown: "made at first start", Arg: "SECRET", set: setAdminSecret,
			Help: "secret access key that signs administrative requests"},
		{Name: "config", Shown: "none", Arg: "FILE", NoFile: true,
			Help: "YAML file of settings, each under its flag's name"},
	}
}

// env returns the name of the setting's variable.
func (s Setting) env() string {
	return "BELLHOP_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// shownDefault returns the default for a reader.
func (s Setting) shownDefault() string {
	if s.Shown != "" {
		return s.Shown
	}
	return "`" + s.Default + "`"
}
