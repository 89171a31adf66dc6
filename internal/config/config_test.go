package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/mail"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// sources is where a case's settings come from; file is found as bellhop.yaml.
type sources struct {
	args  []string
	env   []string
	file  string
	files map[string]string
	only  []string
	tool  bool
}

func load(s sources) (*config.Config, error) {
	return config.Load(config.Input{Args: s.args, Env: s.env, Only: s.only, Tool: s.tool, ReadFile: func(path string) ([]byte, error) {
		if path == "bellhop.yaml" {
			return []byte(s.file), nil
		}
		if text, ok := s.files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}})
}

func mustLoad(t *testing.T, s sources) *config.Config {
	t.Helper()
	c, err := load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func problems(t *testing.T, s sources) []string {
	t.Helper()
	_, err := load(s)
	all, ok := errors.AsType[config.Problems](err)
	if !ok {
		t.Fatalf("Load = %v, want Problems", err)
	}
	return strings.Split(all.Error(), "\n")
}

func TestLoad_NothingSet_HasTheDefaults(t *testing.T) {
	c := mustLoad(t, sources{})
	want := map[string][2]string{
		"listen":     {c.Listen, "127.0.0.1:9400"},
		"data":       {c.Data, "./bellhop-data"},
		"database":   {c.Database, "bellhop-data/bellhop.db"},
		"master key": {c.MasterKeyFile, "bellhop-data/master.key"},
		"public URL": {c.PublicURL, ""},
		"region":     {c.Region, "us-east-1"},
	}
	for name, w := range want {
		if w[0] != w[1] {
			t.Errorf("%s = %q, want %q", name, w[0], w[1])
		}
	}
	if c.AuditRetention != 90*24*time.Hour {
		t.Errorf("audit retention = %s", c.AuditRetention)
	}
	if c.DrainDelay != 0 {
		t.Errorf("drain delay = %s", c.DrainDelay)
	}
	if c.SMS.Kind != config.SMSNone || c.Email.Kind != config.EmailNone || c.LimitsOff || c.AcceptIssuerChange || len(c.TrustedProxies) > 0 || c.AdminAccessKeyID != "" {
		t.Errorf("a default is not the safe one: %+v", c)
	}
	if c.Given("listen") {
		t.Error("listen counts as given")
	}
}

func TestLoad_Precedence_FlagOverEnvironmentOverFileOverDefault(t *testing.T) {
	file, env, flag := "listen: 127.0.0.1:1", "BELLHOP_LISTEN=127.0.0.1:2", "--listen=127.0.0.1:3"
	config := func(s sources) sources {
		s.env = append(s.env, "BELLHOP_CONFIG=bellhop.yaml")
		s.file = file
		return s
	}
	for name, c := range map[string]struct {
		from sources
		want string
	}{
		"default":                    {sources{}, "127.0.0.1:9400"},
		"file":                       {config(sources{}), "127.0.0.1:1"},
		"environment":                {sources{env: []string{env}}, "127.0.0.1:2"},
		"environment over file":      {config(sources{env: []string{env}}), "127.0.0.1:2"},
		"flag":                       {sources{args: []string{flag}}, "127.0.0.1:3"},
		"flag over file":             {config(sources{args: []string{flag}}), "127.0.0.1:3"},
		"flag over all":              {config(sources{args: []string{flag}, env: []string{env}}), "127.0.0.1:3"},
		"empty environment is unset": {config(sources{env: []string{"BELLHOP_LISTEN="}}), "127.0.0.1:1"},
		"empty flag is unset":        {config(sources{args: []string{"--listen="}}), "127.0.0.1:1"},
		"flag as two words":          {sources{args: []string{"-listen", "127.0.0.1:3"}}, "127.0.0.1:3"},
		"file named by flag":         {sources{args: []string{"--config", "bellhop.yaml"}, env: []string{"BELLHOP_CONFIG=missing.yaml"}, file: file}, "127.0.0.1:1"},
	} {
		if got := mustLoad(t, c.from).Listen; got != c.want {
			t.Errorf("%s: listen = %q, want %q", name, got, c.want)
		}
	}
}

// everySetting gives each setting of the table a value that is not its default.
var everySetting = map[string]string{
	"listen": "[::1]:1", "data": "/d", "database": "sqlite:/d/b.db", "master-key-file": "/k", "public-url": "https://auth.example.com/",
	"accept-issuer-change": "true", "region": "eu-central-1", "sms": "webhook:https://u:p@sms.example/send?k=1",
	"sms-webhook-secret": webhookSecret, "inbound-text-secret": webhookSecret, "email": "smtps://mail.example", "email-webhook-secret": webhookSecret,
	"email-from": "Example <auth@mail.example>", "smtp-username": "bell", "smtp-password": "hop hop", "signer": "libcrypto", "limits": "off", "trusted-proxies": "10.0.0.0/8, 192.0.2.1", "tls-cert": "/c.pem",
	"tls-key": "/k.pem", "admin-access-key-id": "AKIAEXAMPLE", "admin-secret-access-key": "hunter2hunter2",
	"former-issuers": "https://a.example/us-east-1_x@2026-12-31, https://b.example/us-east-1_y@2027-01-31", "audit-retention": "36h", "auto-migrate": "false", "drain-delay": "10s", "metrics-listen": "127.0.0.1:9401", "triggers": "/t.yaml", "log-delivery": "/l.yaml", "guard": "/g.yaml", "delivery": "/y.yaml",
}

func checkEverySetting(t *testing.T, c *config.Config) {
	t.Helper()
	got := *c
	want := config.Config{Listen: "[::1]:1", Data: "/d", Database: "/d/b.db", MasterKeyFile: "/k", PublicURL: "https://auth.example.com",
		AcceptIssuerChange: true, Region: "eu-central-1", SMS: config.SMS{Kind: config.SMSWebhook, URL: "https://u:p@sms.example/send?k=1"},
		SMSWebhookSecret: webhookSecret,
		Email:            config.Email{Kind: config.EmailSMTP, Server: "mail.example:465", ImplicitTLS: true}, EmailWebhookSecret: webhookSecret,
		EmailFrom: mail.Address{Name: "Example", Address: "auth@mail.example"}, SMTPUsername: "bell", SMTPPassword: "hop hop", LimitsOff: true, TLSCert: "/c.pem", TLSKey: "/k.pem",
		AdminAccessKeyID: "AKIAEXAMPLE", AdminSecret: "hunter2hunter2"}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
	if !slices.Equal(got.TrustedProxies, proxies) {
		t.Errorf("trusted proxies = %v, want %v", got.TrustedProxies, proxies)
	}
	for name, equal := range map[string]bool{
		"listen": got.Listen == want.Listen, "data": got.Data == want.Data, "database": got.Database == want.Database,
		"master-key-file": got.MasterKeyFile == want.MasterKeyFile, "public-url": got.PublicURL == want.PublicURL,
		"accept-issuer-change": got.AcceptIssuerChange, "region": got.Region == want.Region, "sms": got.SMS == want.SMS,
		"inbound-text-secret": got.InboundTextSecret == webhookSecret,
		"sms-webhook-secret":  got.SMSWebhookSecret == want.SMSWebhookSecret, "limits": got.LimitsOff, "signer": got.Signer == config.SignerLibcrypto,
		"email": got.Email == want.Email, "email-webhook-secret": got.EmailWebhookSecret == want.EmailWebhookSecret, "email-from": got.EmailFrom == want.EmailFrom,
		"smtp-username": got.SMTPUsername == want.SMTPUsername, "smtp-password": got.SMTPPassword == want.SMTPPassword,
		"tls-cert": got.TLSCert == want.TLSCert, "tls-key": got.TLSKey == want.TLSKey,
		"metrics-listen":      got.MetricsListen == "127.0.0.1:9401",
		"former-issuers":      slices.Equal(got.FormerIssuers, []string{"https://a.example/us-east-1_x@2026-12-31", "https://b.example/us-east-1_y@2027-01-31"}),
		"audit-retention":     got.AuditRetention == 36*time.Hour,
		"drain-delay":         got.DrainDelay == 10*time.Second,
		"auto-migrate":        !got.AutoMigrate,
		"log-delivery":        got.LogDelivery == "/l.yaml",
		"triggers":            got.Triggers == "/t.yaml",
		"guard":               got.Guard == "/g.yaml",
		"delivery":            got.Delivery == "/y.yaml",
		"admin-access-key-id": got.AdminAccessKeyID == want.AdminAccessKeyID, "admin-secret-access-key": got.AdminSecret == want.AdminSecret,
	} {
		if !equal {
			t.Errorf("%s was not taken: %+v", name, got)
		}
	}
}

func TestLoad_EverySetting_IsTakenFromEverySource(t *testing.T) {
	var file strings.Builder
	var env, args, secrets []string
	for _, s := range config.Settings() {
		if s.Name == "config" {
			continue
		}
		text, ok := everySetting[s.Name]
		if !ok {
			t.Errorf("the test gives no value for %s", s.Name)
		}
		variable := "BELLHOP_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")) + "=" + text
		fmt.Fprintf(&file, "%s: %q\n", s.Name, text)
		env = append(env, variable)
		if s.Secret {
			secrets = append(secrets, variable)
			continue
		}
		args = append(args, "--"+s.Name+"="+text)
	}
	// As a tool, since some settings are of no use beside each other.
	checkEverySetting(t, mustLoad(t, sources{tool: true, env: env}))
	checkEverySetting(t, mustLoad(t, sources{tool: true, args: args, env: secrets}))
	checkEverySetting(t, mustLoad(t, sources{tool: true, args: []string{"--config=bellhop.yaml"}, file: file.String()}))
}

func TestLoad_FileWithListsAndTypes_IsTaken(t *testing.T) {
	c := mustLoad(t, sources{args: []string{"--config=bellhop.yaml"}, file: `
# where it listens
listen: 0.0.0.0:80
trusted-proxies: [10.0.0.0/8, "fd00::/8"]
accept-issuer-change: true
data: ~
`})
	if c.Listen != "0.0.0.0:80" || len(c.TrustedProxies) != 2 || !c.AcceptIssuerChange || c.Data != "./bellhop-data" {
		t.Errorf("got %+v", c)
	}
	for name, empty := range map[string]string{"empty": "", "comment only": "# nothing\n", "null": "~\n"} {
		if _, err := load(sources{args: []string{"--config=bellhop.yaml"}, file: empty}); err != nil {
			t.Errorf("%s file: %v", name, err)
		}
	}
}

func TestLoad_SecretsFromFiles_LoseOnlyTheLineBreak(t *testing.T) {
	files := map[string]string{"/id": "AKIAEXAMPLE\n", "/secret": "hunter2hunter2\r\n", "/whsec": webhookSecret + "\n"}
	fromEnv := mustLoad(t, sources{files: files, env: []string{"BELLHOP_SMS=webhook:http://sms.example", "BELLHOP_ADMIN_ACCESS_KEY_ID_FILE=/id",
		"BELLHOP_ADMIN_SECRET_ACCESS_KEY_FILE=/secret", "BELLHOP_SMS_WEBHOOK_SECRET_FILE=/whsec"}})
	fromFile := mustLoad(t, sources{files: files, args: []string{"--config=bellhop.yaml"},
		file: "sms: webhook:http://sms.example\nadmin-access-key-id-file: /id\nadmin-secret-access-key-file: /secret\nsms-webhook-secret-file: /whsec\n"})
	for name, c := range map[string]*config.Config{"environment": fromEnv, "file": fromFile} {
		if c.AdminAccessKeyID != "AKIAEXAMPLE" || string(c.AdminSecret) != "hunter2hunter2" || string(c.SMSWebhookSecret) != webhookSecret {
			t.Errorf("%s: secrets were not taken", name)
		}
	}
}

func TestLoad_OneBadThing_IsNamedWithItsSource(t *testing.T) {
	inFile := func(text string) sources { return sources{args: []string{"--config=bellhop.yaml"}, file: text} }
	for name, c := range map[string]struct {
		from sources
		want string // what the only problem contains
	}{
		"unknown flag":             {sources{args: []string{"--lisen=x"}}, "--lisen is no flag of this command; did you mean --listen?"},
		"far off flag":             {sources{args: []string{"--zzzzzzzz"}}, "--zzzzzzzz is no flag of this command"},
		"stray word":               {sources{args: []string{"now"}}, `"now" is not expected`},
		"flag without value":       {sources{args: []string{"--listen"}}, "--listen needs a value"},
		"flag twice":               {sources{args: []string{"--data=a", "--data=b"}}, "--data is given twice"},
		"secret as flag":           {sources{args: []string{"--admin-secret-access-key=hunter2"}}, "BELLHOP_ADMIN_SECRET_ACCESS_KEY_FILE"},
		"flag of another command":  {sources{args: []string{"--region=eu-central-1"}, only: []string{"listen"}}, "--region is no flag of this command"},
		"unknown variable":         {sources{env: []string{"BELLHOP_LISTN=x"}}, "BELLHOP_LISTN is no setting of this program; did you mean BELLHOP_LISTEN?"},
		"file of a plain setting":  {sources{env: []string{"BELLHOP_LISTEN_FILE=/x"}}, "BELLHOP_LISTEN_FILE is no setting"},
		"unknown key":              {inFile("region: us-east-1\nlissten: x\n"), "bellhop.yaml:2: lissten is no setting; did you mean listen?"},
		"config in config":         {inFile("config: other.yaml\n"), "bellhop.yaml:1: config is no setting"},
		"key twice":                {inFile("data: a\ndata: b\n"), "bellhop.yaml:2: data is given twice"},
		"nested value":             {inFile("data: {a: b}\n"), "bellhop.yaml:1: data must be a plain value"},
		"no mapping":               {inFile("- data\n"), "bellhop.yaml must hold settings as name: value"},
		"no YAML":                  {inFile("data: [\n"), "bellhop.yaml is not YAML"},
		"two documents":            {inFile("data: a\n---\ndata: b\n"), "more than one document"},
		"missing file":             {sources{env: []string{"BELLHOP_CONFIG=/none.yaml"}}, "BELLHOP_CONFIG names a file that cannot be read"},
		"listen without port":      {sources{args: []string{"--listen=localhost"}}, "--listen must be HOST:PORT"},
		"listen with a large port": {sources{args: []string{"--listen=localhost:70000"}}, "65535"},
		"PostgreSQL":               {sources{env: []string{"BELLHOP_DATABASE=postgres://u:hunter2@db/x"}}, "--master-key-file must name the master key that all servers"},
		"other database":           {sources{env: []string{"BELLHOP_DATABASE=mysql://u:hunter2@db/x"}}, "BELLHOP_DATABASE must be the path"},
		"public URL no URL":        {sources{args: []string{"--public-url=auth.example.com"}}, "--public-url must be a URL"},
		"public URL upper case":    {sources{args: []string{"--public-url=https://Auth.example.com"}}, "--public-url must be written plainly"},
		"public URL scheme":        {sources{args: []string{"--public-url=HTTPS://auth.example.com"}}, "--public-url must be written plainly"},
		"public URL with dots":     {sources{args: []string{"--public-url=https://auth.example.com/x/../y"}}, "--public-url must be written plainly"},
		"public URL with two dots": {sources{args: []string{"--public-url=https://auth..example.com"}}, "--public-url must be written plainly"},
		"public URL, empty port":   {sources{args: []string{"--public-url=https://auth.example.com:"}}, "--public-url must be written plainly"},
		"public URL escaped":       {sources{args: []string{"--public-url=https://auth.example.com/x%20y"}}, "--public-url must be written plainly"},
		"public URL, empty folder": {sources{args: []string{"--public-url=https://auth.example.com/x//y"}}, "--public-url must be written plainly"},
		"public URL with user":     {sources{args: []string{"--public-url=https://hunter2@auth.example.com"}}, "--public-url must hold no user, query"},
		"public URL with a blank":  {sources{args: []string{"--public-url=https://auth.example.com/x y"}}, "--public-url must be written plainly"},
		"public URL with query":    {sources{args: []string{"--public-url=https://auth.example.com/?hunter2"}}, "--public-url must hold no user, query"},
		"region":                   {sources{args: []string{"--region=home"}}, "--region must look like an AWS region"},
		"sms":                      {sources{args: []string{"--sms=carrier-pigeon"}}, "--sms must be none, log or webhook:URL"},
		"webhook without URL":      {sources{args: []string{"--sms=webhook:sms.example?key=hunter2"}}, "--sms must give the webhook a whole URL"},
		"audit retention":          {sources{args: []string{"--audit-retention=long"}}, `--audit-retention must be a length of time such as 90d, 36h or 30m, a hundred years at most, not "long"`},
		"audit retention, days":    {sources{args: []string{"--audit-retention=-1d"}}, "--audit-retention must be a length"},
		"audit retention, endless": {sources{args: []string{"--audit-retention=36501d"}}, "--audit-retention must be a length"},
		"signer":                   {sources{args: []string{"--signer=openssl"}}, "--signer must be auto, go or libcrypto"},
		"limits":                   {sources{args: []string{"--limits=on"}}, "--limits must be enforce or off"},
		"proxies":                  {sources{args: []string{"--trusted-proxies=10.0.0.0/8,nonsense"}}, `--trusted-proxies has "nonsense"`},
		"switch":                   {sources{env: []string{"BELLHOP_ACCEPT_ISSUER_CHANGE=maybe"}}, "BELLHOP_ACCEPT_ISSUER_CHANGE must be true or false"},
		"certificate without key":  {sources{args: []string{"--tls-cert=c.pem"}}, "--tls-cert, --tls-key one is set without the other"},
		"key without certificate":  {sources{args: []string{"--tls-key=k.pem"}}, "--tls-cert, --tls-key one is set without the other"},
		"admin id alone":           {sources{env: []string{"BELLHOP_ADMIN_ACCESS_KEY_ID=AKIA"}}, "one is set without the other"},
		"admin secret alone":       {sources{env: []string{"BELLHOP_ADMIN_SECRET_ACCESS_KEY=hunter2"}}, "one is set without the other"},
		"admin id with slash":      {sources{env: []string{"BELLHOP_ADMIN_ACCESS_KEY_ID=a/b", "BELLHOP_ADMIN_SECRET_ACCESS_KEY=hunter2"}}, "BELLHOP_ADMIN_ACCESS_KEY_ID must be"},
		"webhook secret alone":     {sources{env: []string{"BELLHOP_SMS_WEBHOOK_SECRET=" + webhookSecret}}, "names no webhook"},
		"two ways for texts":       {sources{args: []string{"--sms=log", "--delivery=d.yaml"}}, "--delivery is set together with --sms; set one of them"},
		"webhook secret unprefixed": {sources{env: []string{"BELLHOP_SMS=webhook:http://sms.example", "BELLHOP_SMS_WEBHOOK_SECRET=hunter2"}},
			"BELLHOP_SMS_WEBHOOK_SECRET must be whsec_ followed by base64"},
		"webhook secret short": {sources{env: []string{"BELLHOP_SMS=webhook:http://sms.example", "BELLHOP_SMS_WEBHOOK_SECRET=whsec_aHVudGVyMg=="}},
			"BELLHOP_SMS_WEBHOOK_SECRET must hold 24 to 64 bytes"},
		"secret twice":        {sources{files: map[string]string{"/s": "x"}, env: []string{"BELLHOP_ADMIN_ACCESS_KEY_ID=a", "BELLHOP_ADMIN_SECRET_ACCESS_KEY=hunter2", "BELLHOP_ADMIN_SECRET_ACCESS_KEY_FILE=/s"}}, "set together with BELLHOP_ADMIN_SECRET_ACCESS_KEY"},
		"secret twice, file":  {inFile("admin-access-key-id: a\nadmin-secret-access-key-file: /s\nadmin-secret-access-key: hunter2\n"), "cannot be read"},
		"secret file missing": {sources{env: []string{"BELLHOP_ADMIN_ACCESS_KEY_ID=a", "BELLHOP_ADMIN_SECRET_ACCESS_KEY_FILE=/none"}}, "BELLHOP_ADMIN_SECRET_ACCESS_KEY_FILE names a file that cannot be read"},
		"secret file empty":   {sources{files: map[string]string{"/s": "\n"}, env: []string{"BELLHOP_ADMIN_ACCESS_KEY_ID=a", "BELLHOP_ADMIN_SECRET_ACCESS_KEY_FILE=/s"}}, "names an empty file"},
	} {
		got := problems(t, c.from)
		if !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q, want %q in it", name, got[0], c.want)
		}
		if len(got) != 1 && !strings.HasPrefix(name, "secret twice, file") {
			t.Errorf("%s: %d problems, want 1: %q", name, len(got), got)
		}
		if strings.Contains(strings.Join(got, "\n"), "hunter2") {
			t.Errorf("%s: a problem repeats a secret: %q", name, got)
		}
	}
}

func TestLoad_ManyBadThings_AreReportedAtOnce(t *testing.T) {
	got := problems(t, sources{
		args: []string{"--config=bellhop.yaml", "--nope", "--limits=on", "--tls-cert=cert.pem"},
		env:  []string{"BELLHOP_REGION=home", "BELLHOP_NOPE=1", "BELLHOP_LIMITS=off"},
		file: "nope: 1\nlisten: x\n",
	})
	for _, where := range []string{"--nope", "--limits", "BELLHOP_REGION", "BELLHOP_NOPE", "bellhop.yaml:1: nope", "bellhop.yaml:2: listen", "--tls-cert, --tls-key"} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, where) }) {
			t.Errorf("%s is not among %q", where, got)
		}
	}
	if len(got) != 7 {
		t.Errorf("%d problems, want 7: %q", len(got), got)
	}
}

func TestLoad_VariablesOfKubernetesServices_AreNotOurs(t *testing.T) {
	mustLoad(t, sources{env: []string{
		"BELLHOP_SERVICE_HOST=10.0.0.1", "BELLHOP_SERVICE_PORT=9400", "BELLHOP_SERVICE_PORT_HTTP=9400", "BELLHOP_PORT=tcp://10.0.0.1:9400",
		"BELLHOP_PORT_9400_TCP=tcp://10.0.0.1:9400", "BELLHOP_PORT_9400_TCP_ADDR=10.0.0.1", "BELLHOP_SMS_PORT=tcp://10.0.0.1:1",
		"BELLHOP_SMS_SERVICE_HOST=10.0.0.1", "BELLHOP_EMPTY=", "PATH=/bin",
	}})
	if got := problems(t, sources{env: []string{"BELLHOP_PORT=9400"}}); !strings.HasPrefix(got[0], "BELLHOP_PORT is no setting") {
		t.Errorf("a port that somebody meant for us: %q", got)
	}
}

func TestLoad_Tool_SharesSettingsThatOnlyAServerCanUse(t *testing.T) {
	in := config.Input{Tool: true, Env: []string{"BELLHOP_SMS_WEBHOOK_SECRET=" + webhookSecret}}
	if _, err := config.Load(in); err != nil {
		t.Errorf("Load = %v", err)
	}
	in.Env = append(in.Env, "BELLHOP_REGION=home")
	if _, err := config.Load(in); err == nil {
		t.Error("a bad value is accepted")
	}
}

func TestLoad_FlagsOfOneCommand_AreHandedToIt(t *testing.T) {
	var id string
	var asJSON bool
	in := config.Input{Args: []string{"--id", "x", "--json", "--data=d"}, Extra: []config.Flag{
		{Name: "id", Arg: "ID", Set: func(v string) error { id = v; return nil }},
		{Name: "json", Set: func(string) error { asJSON = true; return nil }},
	}}
	c, err := config.Load(in)
	if err != nil || id != "x" || !asJSON || c.Data != "d" {
		t.Errorf("id %q, json %v, %v", id, asJSON, err)
	}
	in.Extra[0].Set = func(string) error { return errors.New("is odd") }
	if _, err := config.Load(in); err == nil || err.Error() != "--id is odd" {
		t.Errorf("Load = %v", err)
	}
}

func TestConfig_PrintedAnyWay_HidesSecrets(t *testing.T) {
	c := mustLoad(t, sources{env: []string{"BELLHOP_SMS=webhook:http://u:hunter2@sms.example", "BELLHOP_SMS_WEBHOOK_SECRET=" + webhookSecret,
		"BELLHOP_ADMIN_ACCESS_KEY_ID=id", "BELLHOP_ADMIN_SECRET_ACCESS_KEY=hunter2"}})
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("config", "config", c, "secret", c.AdminSecret)
	for _, form := range []string{fmt.Sprintf("%v %+v %#v %s %q", *c, *c, *c, c.AdminSecret, c.AdminSecret), string(encoded), logged.String()} {
		if strings.Contains(form, "hunter2") || strings.Contains(form, webhookSecret) {
			t.Errorf("a secret is shown: %s", form)
		}
		if !strings.Contains(form, "hidden") {
			t.Errorf("no secret in %s", form)
		}
	}
}

func TestHelp_NamesEveryFlagAligned(t *testing.T) {
	help := config.Help([]config.Flag{{Name: "json", Help: "print JSON"}}, nil)
	column := 0
	for _, line := range strings.Split(strings.TrimSuffix(help, "\n"), "\n") {
		if column == 0 {
			column = strings.Index(line, "print JSON")
		}
		if len(line) <= column || line[column] == ' ' || line[column-1] != ' ' {
			t.Errorf("not aligned to column %d: %q", column, line)
		}
	}
	for _, s := range config.Settings() {
		if !s.Secret && !strings.Contains(help, "--"+s.Name) {
			t.Errorf("--%s is missing", s.Name)
		}
	}
	if only := config.Help(nil, []string{"listen"}); strings.Count(only, "\n") != 1 || !strings.Contains(only, "127.0.0.1:9400") {
		t.Errorf("help for one flag is %q", only)
	}
}

func TestDocumentation_HoldsTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), config.Markdown()) {
		t.Errorf("docs/configuration.md must hold this table:\n%s", config.Markdown())
	}
}

func TestNearest(t *testing.T) {
	known := []string{"serve", "demo", "pool", "version", "help"}
	for name, want := range map[string]string{"sreve": "serve", "serv": "serve", "demon": "demo", "pools": "pool", "xyzzy": "", "": ""} {
		if got := config.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzLoad_AnyFile_IsTakenOrRefused(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\n")
	f.Add("a: &x [*x]\n")
	f.Add("? [a]\n: b\n")
	f.Add("trusted-proxies: [10.0.0.0/8]\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := load(sources{args: []string{"--config=bellhop.yaml"}, file: text})
		if (c == nil) == (err == nil) {
			t.Errorf("Load = %v, %v", c, err)
		}
	})
}

func TestLoad_MappedProxies_AreIPv4(t *testing.T) {
	c := mustLoad(t, sources{args: []string{"--trusted-proxies=::ffff:192.168.0.0/112,::ffff:10.1.2.3"}})
	for i, want := range []string{"192.168.0.0/16", "10.1.2.3/32"} {
		if got := c.TrustedProxies[i].String(); got != want {
			t.Errorf("proxy %d is %s, want %s", i, got, want)
		}
	}
}
