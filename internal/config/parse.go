package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The functions below parse the text of one setting into the Config. Their
// errors are half a sentence that follows the name of the setting.

func setText(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		return nil
	}
}

func setSwitch(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("must be true or false, not %q", v)
		}
		*field(c) = on
		return nil
	}
}

// setListen names a port as an example that is not the one of another setting.
func setListen(field func(*Config) *string, example int) func(*Config, string) error {
	return func(c *Config, v string) error {
		_, port, err := net.SplitHostPort(v)
		if err != nil {
			return fmt.Errorf("must be HOST:PORT, such as 127.0.0.1:%d, not %q", example, v)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("has the port %q, which is not a number up to 65535", port)
		}
		*field(c) = v
		return nil
	}
}

// ofPostgres matches what is meant for a PostgreSQL server and is no URL. Taken for
// a path, it would make a file named after a password.
var ofPostgres = regexp.MustCompile(`^postgres(ql)?:|(^|\s)(host|hostaddr|user|password|dbname)\s*=`)

func setDatabase(c *Config, v string) error {
	if isPostgres(v) { // the store reads the rest
		c.Database = v
		return nil
	}
	path, _ := strings.CutPrefix(v, "sqlite:")
	if path == "" || strings.Contains(path, "://") || ofPostgres.MatchString(path) {
		return errors.New("must be the path of a SQLite file, sqlite: and that path, or a URL as postgres://USER@HOST/NAME")
	}
	c.Database = path
	return nil
}

func setPublicURL(c *Config, v string) error {
	v = strings.TrimRight(v, "/")
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("must be a URL such as https://auth.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("must hold no user, query or fragment, since the issuer of tokens is made from it")
	}
	if u.String() != v || strings.ToLower(u.Host) != u.Host || strings.HasSuffix(u.Host, ":") ||
		(u.Path != "" && path.Clean(u.Path) != u.Path) || strings.Contains(v, "..") || strings.Contains(v, "%") {
		return errors.New("must be written plainly, as it will stand in tokens: scheme and host in lower case, no .. and no blanks, nothing escaped or empty")
	}
	c.PublicURL = v
	return nil
}

// region is what aws-jwt-verify accepts before the underscore of a pool id.
var region = regexp.MustCompile(`^(eusc-[a-z]{2}|[a-z]{2})-(gov-)?[a-z]+-\d$`)

func setRegion(c *Config, v string) error {
	if !region.MatchString(v) {
		return fmt.Errorf("must look like an AWS region, such as eu-central-1, not %q: client libraries check the prefix of a pool id", v)
	}
	c.Region = v
	return nil
}

func setSMS(c *Config, v string) error {
	kind, rest, _ := strings.Cut(v, ":")
	switch {
	case v == "none":
		c.SMS = SMS{}
	case v == "log":
		c.SMS = SMS{Kind: SMSLog}
	case kind != "webhook":
		return errors.New("must be none, log or webhook:URL")
	case !webURL(rest):
		return errors.New("must give the webhook a whole URL, such as webhook:https://sms.example.com/send")
	default:
		c.SMS = SMS{Kind: SMSWebhook, URL: Secret(rest)}
	}
	return nil
}

func webURL(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// The sizes of a signing secret: Standard Webhooks, "Signature scheme".
const minWebhookSecret, maxWebhookSecret = 24, 64

func setWebhookSecret(field func(*Config) *Secret) func(*Config, string) error {
	return func(c *Config, v string) error {
		if err := CheckWebhookSecret(v); err != nil {
			return err
		}
		*field(c) = Secret(v)
		return nil
	}
}

// CheckWebhookSecret says what is wrong with a secret that signs posts, without
// repeating it, as half a sentence.
func CheckWebhookSecret(v string) error {
	encoded, ok := strings.CutPrefix(v, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case !ok || err != nil:
		return errors.New("must be whsec_ followed by base64")
	case len(key) < minWebhookSecret || len(key) > maxWebhookSecret:
		return fmt.Errorf("must hold %d to %d bytes of base64 after whsec_, not %d", minWebhookSecret, maxWebhookSecret, len(key))
	}
	return nil
}

func setEmail(c *Config, v string) error {
	kind, rest, _ := strings.Cut(v, ":")
	switch {
	case v == "none":
		c.Email = Email{}
	case v == "log":
		c.Email = Email{Kind: EmailLog}
	case kind == "smtp" || kind == "smtps":
		return setSMTP(c, v)
	case kind != "webhook":
		return errors.New("must be none, log, webhook:URL, smtp://HOST:PORT or smtps://HOST:PORT")
	case !webURL(rest):
		return errors.New("must give the webhook a whole URL, such as webhook:https://mail.example.com/send")
	default:
		c.Email = Email{Kind: EmailWebhook, URL: Secret(rest)}
	}
	return nil
}

// The ports of submission: RFC 6409, and with TLS from the first byte RFC 8314.
var smtpPorts = map[string]string{"smtp": "587", "smtps": "465"}

func setSMTP(c *Config, v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("must name the SMTP server, such as smtp://mail.example.com:587")
	case u.User != nil:
		return errors.New("must hold no user or password; set BELLHOP_SMTP_USERNAME and BELLHOP_SMTP_PASSWORD")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("must hold nothing after the SMTP server's port")
	}
	port := u.Port()
	if port == "" {
		port = smtpPorts[u.Scheme]
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("has the port %q, which is not a number up to 65535", port)
	}
	c.Email = Email{Kind: EmailSMTP, Server: net.JoinHostPort(u.Hostname(), port), ImplicitTLS: u.Scheme == "smtps"}
	return nil
}

func setEmailFrom(c *Config, v string) error {
	from, err := mail.ParseAddress(v)
	if err != nil {
		return errors.New("must be an e-mail address, alone or as Name <address>")
	}
	c.EmailFrom = *from
	return nil
}

func setSMTPPassword(c *Config, v string) error {
	c.SMTPPassword = Secret(v)
	return nil
}

func setLimits(c *Config, v string) error {
	if v != "enforce" && v != "off" {
		return fmt.Errorf("must be enforce or off, not %q", v)
	}
	c.LimitsOff = v == "off"
	return nil
}

func setSigner(c *Config, v string) error {
	signer, ok := map[string]Signer{"auto": SignerAuto, "go": SignerGo, "libcrypto": SignerLibcrypto}[v]
	if !ok {
		return fmt.Errorf("must be auto, go or libcrypto, not %q", v)
	}
	c.Signer = signer
	return nil
}

// setFormerIssuers splits the list; what reads its parts checks them.
func setFormerIssuers(c *Config, v string) error {
	c.FormerIssuers = nil
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			c.FormerIssuers = append(c.FormerIssuers, part)
		}
	}
	return nil
}

func setAuditRetention(c *Config, v string) (err error) {
	c.AuditRetention, err = ParseSpan(v)
	return err
}

// maxDrainDelay is longer than any balancer takes to notice.
const maxDrainDelay = 5 * time.Minute

func setDrainDelay(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > maxDrainDelay {
		return fmt.Errorf("must be a length of time from 0s to 5m, such as 10s, not %q", v)
	}
	c.DrainDelay = d
	return nil
}

// maxSpan is a hundred years, which a time.Duration holds.
const maxSpan = 36500 * 24 * time.Hour

// ParseSpan reads a length of time: a number of days, such as 90d, what
// time.ParseDuration takes, such as 36h or 90m, or 0. Its error is half a
// sentence that follows the name of the setting or flag.
func ParseSpan(v string) (time.Duration, error) {
	span, err := time.ParseDuration(v)
	if days, ok := strings.CutSuffix(v, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		span = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || span < 0 || span > maxSpan {
		return 0, fmt.Errorf("must be a length of time such as 90d, 36h or 30m, a hundred years at most, not %q", v)
	}
	return span, nil
}

func setProxies(c *Config, v string) error {
	var proxies []netip.Prefix
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		proxy, err := ParseNetwork(part)
		if err != nil {
			return fmt.Errorf("has %q, which is not a network such as 10.0.0.0/8", part)
		}
		proxies = append(proxies, proxy)
	}
	c.TrustedProxies = proxies
	return nil
}

// ParseNetwork reads a network, or an address as a network of one, as callers'
// addresses are compared: unmapped.
func ParseNetwork(v string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(v); err == nil && addr.Zone() == "" {
		addr = addr.Unmap() // as clients' addresses are
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(v)
	if err == nil && p.Addr().Is4In6() && p.Bits() >= 96 { // addresses are compared unmapped
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), err
}

// keyID is what an id may hold: SigV4 puts it before the first slash of a
// credential.
var keyID = regexp.MustCompile(`^[0-9A-Za-z._-]{1,128}$`)

func setKeyID(c *Config, v string) error {
	if !keyID.MatchString(v) {
		return errors.New("must be 1 to 128 letters, digits, dots, dashes or underscores")
	}
	c.AdminAccessKeyID = v
	return nil
}

func setAdminSecret(c *Config, v string) error {
	if strings.ContainsAny(v, " \t\r\n") {
		return errors.New("must not hold spaces or line breaks")
	}
	c.AdminSecret = Secret(v)
	return nil
}
