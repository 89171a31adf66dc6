package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// poolOptions are what `bellhop pool create` asks for.
type poolOptions struct {
	id, clientID, name string
	signIn             signIn
	tags               map[string]string
	asJSON             bool
}

// signIn is what users of a pool sign in with.
type signIn string

const (
	byPhone    signIn = "phone"
	byEmail    signIn = "email"
	byBoth     signIn = "phone,email"
	byUsername signIn = "username"
)

// set parses the flag's value.
func (s *signIn) set(v string) error {
	if !slices.Contains([]signIn{byPhone, byEmail, byBoth, byUsername}, signIn(v)) {
		return fmt.Errorf("must be phone, email, phone,email or username, not %q", v)
	}
	*s = signIn(v)
	return nil
}

// apply sets what names the pool's users and where their codes go. Those with a
// name of their own may have both a number and an address.
func (s signIn) apply(set *userpool.PoolSettings) {
	contacts := map[signIn][]string{byPhone: {userpool.AttrPhone}, byEmail: {userpool.AttrEmail}}[s]
	if contacts == nil {
		contacts = []string{userpool.AttrPhone, userpool.AttrEmail}
	}
	set.AutoVerified = contacts
	if s != byUsername {
		set.UsernameAttributes = contacts
	}
	codes := map[string]string{userpool.AttrPhone: userpool.FactorSMSOTP, userpool.AttrEmail: userpool.FactorEmailOTP}
	set.FirstFactors = []string{userpool.FactorPassword}
	for _, contact := range contacts {
		set.FirstFactors = append(set.FirstFactors, codes[contact])
	}
}

// amplify5Flow is how Amplify 5 signs in: by code, or by password where names
// are people's own.
func (s signIn) amplify5Flow() string {
	if s == byUsername {
		return "USER_SRP_AUTH"
	}
	return "CUSTOM_AUTH"
}

func (o *poolOptions) flags() []config.Flag {
	text := func(field *string) func(string) error {
		return func(v string) error { *field = v; return nil }
	}
	tag := func(key string) func(string) error {
		return func(v string) error { o.tags[key] = v; return nil }
	}
	return []config.Flag{
		{Name: "id", Arg: "ID", Set: text(&o.id), Help: "pool id, such as us-east-1_AbC123xyz (default a new one)"},
		{Name: "client-id", Arg: "ID", Set: text(&o.clientID), Help: "app client id (default a new one)"},
		{Name: "name", Arg: "NAME", Set: text(&o.name), Help: "name of the pool and the client (default bellhop)"},
		{Name: "sign-in", Arg: "NAMES", Set: o.signIn.set, Help: "what users sign in with: phone, email, phone,email or username (default phone)"},
		{Name: "behaviour", Arg: "MODE", Set: tag("bellhop:behaviour"), Help: "standard, strict or cognito-exact (default standard)"},
		{Name: "app-host", Arg: "HOST", Set: tag("bellhop:app-host"), Help: "host of the app's page, for the last line of texts (default none)"},
		{Name: "app-name", Arg: "NAME", Set: tag("bellhop:app-name"), Help: "what texts call the app, in the words that come with Bellhop (default none: Cognito's words)"},
		{Name: "language", Arg: "LANGUAGE", Set: tag("bellhop:language"), Help: "of texts to those of whom no other is known, such as hi or pt-BR (default en)"},
		{Name: "android-hash", Arg: "HASH", Set: tag("bellhop:android-hash"), Help: "of the Android app that reads its texts (default none)"},
		switchFlag("json", "print JSON instead of snippets", &o.asJSON),
	}
}

// poolSettings are the settings that matter to the command; the others are
// accepted, so that it can share a server's file and environment.
var poolSettings = []string{"data", "database", "master-key-file", "public-url", "region", "listen", "config"}

func poolCreateHelp() string {
	return config.Help(new(poolOptions).flags(), poolSettings)
}

// poolCreate makes a pool and a client in the data folder, whether or not a
// server runs on it.
func poolCreate(ctx context.Context, in invocation) error {
	options := poolOptions{name: "bellhop", signIn: byPhone, tags: map[string]string{}}
	cfg, err := config.Load(config.Input{Args: in.args, Env: in.env, ReadFile: os.ReadFile, Extra: options.flags(), Tool: true})
	if err != nil {
		return err
	}
	log := newLogger(in.stderr, slog.LevelWarn)
	v, err := openVault(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer closeVault(v, log)
	endpoint, err := servedURL(ctx, cfg, v)
	if err != nil {
		return err
	}
	service, err := v.service(ctx, cfg, noSenders(), endpoint, log)
	if err != nil {
		return err
	}
	made, err := makePool(ctx, service, options)
	if err != nil {
		return err
	}
	made.Endpoint, made.data, made.amplify5Flow = endpoint, cfg.Data, options.signIn.amplify5Flow()
	return made.print(in.stdout, options.asJSON)
}

// servedURL is the public URL that a server on this data folder has, or will
// have by these settings.
func servedURL(ctx context.Context, cfg *config.Config, v *vault) (url string, err error) {
	if cfg.PublicURL != "" {
		return cfg.PublicURL, nil
	}
	url, err = userpool.PublicURL(ctx, v.store)
	if err != nil || url != "" {
		return url, err
	}
	url, _, err = callable(scheme(cfg), cfg.Listen)
	return url, err
}

// appPool is a pool that was made, with what an app needs to use it.
type appPool struct {
	UserPoolID string `json:"userPoolId"`
	ClientID   string `json:"userPoolClientId"`
	Region     string `json:"region"`
	Endpoint   string `json:"endpoint"`
	Issuer     string `json:"issuer"`
	JWKS       string `json:"jwks"`

	data         string
	amplify5Flow string
}

// makePool makes a pool whose users need no password, and a public client for an
// app.
func makePool(ctx context.Context, service *userpool.Service, o poolOptions) (*appPool, error) {
	settings := userpool.DefaultPoolSettings()
	o.signIn.apply(&settings)
	settings.CaseSensitive = false
	settings.Tags = o.tags
	var pool userpool.Pool
	err := audited(ctx, service, "CreateUserPool", func(ctx context.Context) (err error) {
		pool, err = service.CreateUserPool(ctx, userpool.NewPool{ID: userpool.PoolID(o.id), Name: o.name, Settings: settings})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the pool cannot be made: %w", err)
	}
	var client userpool.ClientView
	err = audited(ctx, service, "CreateUserPoolClient", func(ctx context.Context) (err error) {
		client, err = service.CreateUserPoolClient(ctx, userpool.NewClient{
			ID: userpool.ClientID(o.clientID), PoolID: pool.ID, Name: o.name,
			Settings: userpool.ClientSettings{
				ExplicitAuthFlows: []string{userpool.AllowCustom, userpool.AllowSRP, userpool.AllowUserAuth, userpool.AllowRefresh},
				PreventExistence:  true,
			},
		})
		return err
	})
	if err != nil {
		// A pool without its client is of no use, and its id would be taken.
		undo := audited(ctx, service, "DeleteUserPool", func(ctx context.Context) error {
			return service.DeleteUserPool(ctx, pool.ID)
		})
		if undo != nil {
			return nil, fmt.Errorf("the app client cannot be made: %w; and the pool %s stays behind: %w", err, pool.ID, undo)
		}
		return nil, fmt.Errorf("the app client cannot be made: %w", err)
	}
	issuer := service.Issuer(pool.ID)
	region, _, _ := strings.Cut(string(pool.ID), "_") // clients take it from the id
	return &appPool{
		UserPoolID: string(pool.ID), ClientID: string(client.ID), Region: region,
		Issuer: issuer, JWKS: issuer + "/.well-known/jwks.json",
	}, nil
}

func (p *appPool) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(p)
	}
	_, err := fmt.Fprintf(w, snippets, p.UserPoolID, p.ClientID, p.Issuer, p.JWKS,
		p.UserPoolID, p.ClientID, p.Endpoint,
		p.Region, p.UserPoolID, p.ClientID, p.Endpoint, p.amplify5Flow,
		credentialsFile(p.data), p.Region, p.Endpoint, p.UserPoolID)
	return err
}

const snippets = `User pool   %s
App client  %s
Issuer      %s
Key set     %s

Amplify 6:

  import { Amplify } from 'aws-amplify';

  Amplify.configure({
    Auth: {
      Cognito: {
        userPoolId: '%s',
        userPoolClientId: '%s',
        userPoolEndpoint: '%s/',
      },
    },
  });

Amplify 5:

  import { Amplify } from 'aws-amplify';

  Amplify.configure({
    Auth: {
      region: '%s',
      userPoolId: '%s',
      userPoolWebClientId: '%s',
      endpoint: '%s/',
      authenticationFlowType: '%s',
    },
  });

aws CLI, once the server has started:

  AWS_SHARED_CREDENTIALS_FILE=%s aws --region %s --endpoint-url %s \
    cognito-idp describe-user-pool --user-pool-id %s
`
