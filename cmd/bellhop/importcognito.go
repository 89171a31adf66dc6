package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go/logging"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/poolcopy"
	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The requests a second that AWS gets of an import unless --rate says otherwise:
// ListUsers and ListUsersInGroup may be called 30 times a second, by everybody
// together (Cognito developer guide, Quotas).
const importRate = 20

// importOptions are what `bellhop import cognito` asks for.
type importOptions struct {
	pool, profile, endpoint, progress, report string
	withMFA, withoutTriggers, update, dryRun  bool
	rate                                      int
}

func (o *importOptions) flags() []config.Flag {
	return []config.Flag{
		textFlag("pool-id", "ID", "user pool to bring over; its id says its region", &o.pool),
		textFlag("profile", "NAME", "of the AWS credentials (default: as for any AWS tool)", &o.profile),
		{Name: "source-endpoint", Arg: "URL", Set: o.setEndpoint, Help: "read from another server than AWS, such as a Bellhop"},
		switchFlag("dry-run", "read and report, and write nothing", &o.dryRun),
		switchFlag("update", "bring users who are there already up to date: their groups, and the rest where the source changed it last", &o.update),
		switchFlag("with-mfa", "ask for each user which second factors he prefers: one request a user", &o.withMFA),
		switchFlag("without-triggers", "leave LambdaConfig out", &o.withoutTriggers),
		{Name: "rate", Arg: "N", Set: o.setRate, Help: fmt.Sprintf("requests a second at most, 0 for no limit (default %d)", importRate)},
		textFlag("progress", "FILE", "how far the import is; it goes on from there (default import-ID.json in the data folder)", &o.progress),
		textFlag("report", "FILE", "write the report as JSON too", &o.report),
	}
}

func (o *importOptions) setEndpoint(v string) error {
	if err := hook.CheckURL(v); err != nil {
		return err
	}
	u, err := url.Parse(v)
	if err != nil {
		return err
	}
	if addr, _ := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && !addr.IsLoopback() {
		return errors.New("must begin with https://: users and secrets of clients would be readable on the way")
	}
	o.endpoint = v
	return nil
}

func (o *importOptions) setRate(v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 10_000 {
		return fmt.Errorf("must be a number of requests a second from 0 to 10000, not %q", v)
	}
	o.rate = n
	return nil
}

func importCognitoHelp() string { return config.Help(new(importOptions).flags(), poolSettings) }

// importCognito brings a user pool into the data folder, whether or not a server
// runs on it.
func importCognito(ctx context.Context, in invocation) error {
	options := importOptions{rate: importRate}
	cfg, err := loadTool(in, options.flags()...)
	if err != nil {
		return err
	}
	if options.pool == "" {
		return usageError("--pool-id says which user pool to bring over, such as us-east-1_AbC123xyz")
	}
	source, err := options.source(ctx)
	if err != nil {
		return err
	}
	v, err := openVault(ctx, cfg, false)
	if err != nil {
		return err
	}
	t, err := newTool(ctx, in, cfg, v)
	if err != nil {
		return err
	}
	defer t.close()
	if options.progress == "" {
		options.progress = filepath.Join(cfg.Data, "import-"+options.pool+".json")
	}
	shown := newShown(in.stderr)
	report, err := poolcopy.Run(ctx, options.copy(t.service, source, shown))
	shown.end()
	if report.Started.IsZero() {
		return err
	}
	if wrong := options.write(report); wrong != nil {
		err = errors.Join(err, wrong)
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("the import was interrupted after %s; run the command again, and it goes on", report.Line())
	}
	return errors.Join(report.Print(in.stdout), err)
}

func (o *importOptions) copy(service *userpool.Service, source *cip.Client, shown *shown) poolcopy.Config {
	region, _, _ := strings.Cut(o.pool, "_")
	from := "AWS, " + region
	if o.endpoint != "" {
		from = o.endpoint
	}
	return poolcopy.Config{
		Source: source, From: from, Pool: userpool.PoolID(o.pool), Target: service, Progress: o.progress,
		WithMFA: o.withMFA, WithoutTriggers: o.withoutTriggers, Update: o.update, DryRun: o.dryRun, Rate: o.rate,
		Audited: func(ctx context.Context, operation string, change func(context.Context) error) error {
			return audited(ctx, service, operation, change)
		},
		Tell: shown.tell,
	}
}

// source is the pool's server. It is asked again, later and later, while it says that
// it is asked too often, or does not answer.
func (o *importOptions) source(ctx context.Context) (*cip.Client, error) {
	region, _, ok := strings.Cut(o.pool, "_")
	if !ok {
		return nil, usageError("--pool-id must be a pool id such as us-east-1_AbC123xyz, not " + strconv.Quote(o.pool))
	}
	// A client that the SDK can build upon, so that it takes AWS_CA_BUNDLE to heart.
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRegion(region), awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(time.Minute)), awsconfig.WithLogger(logging.Nop{}),
	}
	if o.profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(o.profile))
	}
	shared, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("the AWS SDK's settings cannot be read: %w", err)
	}
	return cip.NewFromConfig(shared, func(c *cip.Options) {
		c.HTTPClient = sdkhttp.Whole(c.HTTPClient)
		c.Retryer = retry.NewAdaptiveMode(func(a *retry.AdaptiveModeOptions) {
			a.StandardOptions = append(a.StandardOptions, func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = 10, 30*time.Second })
		})
		if o.endpoint != "" {
			c.BaseEndpoint = aws.String(o.endpoint)
		}
	}), nil
}

// write writes the report as JSON, if it is wanted.
func (o *importOptions) write(r poolcopy.Report) error {
	if o.report == "" {
		return nil
	}
	f, err := os.OpenFile(o.report, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("the report cannot be written: %w", err)
	}
	return errors.Join(printJSON(f, r), f.Close())
}

// shownEvery is how often a log gets a line of how far something is.
const shownEvery = 10 * time.Second

// shown shows how far a copy is: on a terminal one line that changes, elsewhere a
// line of the log now and then.
type shown struct {
	w        io.Writer
	terminal bool
	log      *slog.Logger
	last     time.Time
	width    int
}

func newShown(w io.Writer) *shown {
	return &shown{w: w, terminal: isTerminal(w), log: newLogger(w, slog.LevelInfo), last: time.Now()}
}

func (s *shown) tell(r poolcopy.Report) {
	if s.terminal {
		line := r.Line()
		fmt.Fprintf(s.w, "\r%-*s", s.width, line)
		s.width = len(line)
		return
	}
	if time.Since(s.last) < shownEvery {
		return
	}
	s.last = time.Now()
	s.log.Info("import", "pool", r.Pool, "read", r.Users.Seen, "estimate", r.Estimate, "came", r.Users.Came,
		"already", r.Users.Already, "refused", r.Users.Refused, "a_minute", r.UsersPerMinute)
}

func (s *shown) end() {
	if s.width > 0 {
		fmt.Fprintln(s.w)
	}
}
