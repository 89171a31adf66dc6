package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/sms/screen"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
	page "github.com/bellhop-auth/bellhop/web/demo"
)

// The demo's pool, which is the same on each run.
const (
	demoPool   = "us-east-1_BellhopDemo"
	demoClient = "bellhopdemo"
)

// demoHelpText answers HELP, as the help of a delivery file does.
const demoHelpText = "This is the demo of Bellhop. Its codes sign you in on this page alone. Text STOP to get no more."

var demoSettings = []string{"listen", "data", "triggers", "guard"}

func demoHelp() string {
	return config.Help(nil, demoSettings) + "\nWithout --data everything lies in a temporary folder that is removed at the end.\n"
}

// demo runs everything in one process: the server on a database of its own, an
// app that uses it, and a phone that shows the texts. It reads flags only, so
// that a server's environment does not reach it.
func demo(ctx context.Context, in invocation) (err error) {
	cfg, err := config.Load(config.Input{Args: in.args, Only: demoSettings})
	if err != nil {
		return err
	}
	forget, err := demoFolder(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forget()) }()
	log := newLogger(in.stderr, slog.LevelWarn)
	f, err := openFunctions(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer closeFunctions(f, log)
	g, err := openGuard(cfg, in.env)
	if err != nil {
		return err
	}
	v, err := openVault(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer closeVault(v, log)
	v.functions, v.guard = f, g
	d, taken, err := openDemoDoor(cfg)
	if err != nil {
		return err
	}
	defer d.listener.Close()
	phone := screen.New()
	lines := []*screen.Line{phone.Line("main"), phone.Line("spare")}
	router, err := demoRoutes(lines, log)
	if err != nil {
		return err
	}
	service, err := v.service(ctx, cfg, senders{texts{sender: router, help: demoHelpText}, mail.None{}}, d.publicURL, log)
	if err != nil {
		return err
	}
	if err := prepareDemo(ctx, cfg, d, service, log); err != nil {
		return err
	}
	face, err := newFace(cfg, d.publicURL, nil, service, log)
	if err != nil {
		return err
	}
	h := &host{service: service, log: log, onStop: []func(){phone.Close}}
	handler := demoHandler(page.Files(), map[string]http.Handler{
		"/demo/config.json": http.HandlerFunc(demoConfig),
		"/demo/texts":       phone,
		"/demo/providers":   demoProviders(lines),
		"/demo/replies":     demoReplies(lines[0], service.TextEvent),
	}, web.Health(h.ready, face))
	return h.run(ctx, d, handler, func() { welcome(in, cfg, d, taken) })
}

// demoRoutes is the sender that a delivery file makes: all texts go by the first of the
// lines, and by the next where that fails.
func demoRoutes(lines []*screen.Line, log *slog.Logger) (sms.Sender, error) {
	c := routes.Config{Rules: []routes.Rule{{Where: "the demo's only rule"}}, Log: log}
	for _, l := range lines {
		c.Providers = append(c.Providers, routes.Provider{Name: l.Name, Kind: "screen", Sender: l})
		c.Rules[0].By = append(c.Rules[0].By, l.Name)
	}
	return routes.New(c)
}

// demoFolder sees to a data folder and returns how to leave it.
func demoFolder(cfg *config.Config) (forget func() error, err error) {
	if cfg.Given("data") {
		return func() error { return nil }, nil
	}
	folder, err := os.MkdirTemp("", "bellhop-demo-")
	if err != nil {
		return nil, err
	}
	cfg.MoveTo(folder)
	return func() error { return os.RemoveAll(folder) }, nil
}

// openDemoDoor binds the usual port, or a free one where that is taken and the
// user has not asked for it.
func openDemoDoor(cfg *config.Config) (d *door, taken bool, err error) {
	d, err = openDoor(cfg)
	if errors.Is(err, syscall.EADDRINUSE) && !cfg.Given("listen") {
		cfg.Listen = "127.0.0.1:0"
		d, err = openDoor(cfg)
		return d, true, err
	}
	return d, false, err
}

// prepareDemo makes the pool of the page unless a kept folder has it.
func prepareDemo(ctx context.Context, cfg *config.Config, d *door, service *userpool.Service, log *slog.Logger) error {
	if err := service.ClaimPublicURL(ctx, true); err != nil { // the port may be another each time
		return err
	}
	if err := service.NoteMasterKey(ctx); err != nil {
		return err
	}
	if err := ensureAdminKey(ctx, cfg, service, log); err != nil {
		return err
	}
	_, err := service.DescribeUserPool(ctx, demoPool)
	if !fault.Is(err, fault.ResourceNotFound) {
		return err
	}
	_, err = makePool(ctx, service, poolOptions{id: demoPool, clientID: demoClient, name: "demo", signIn: byPhone, tags: pageHost(d)})
	return err
}

// pageHost binds the texts' codes to the page, where its host is one that a
// text can name.
func pageHost(d *door) map[string]string {
	page, err := url.Parse(d.publicURL)
	if err != nil || strings.Contains(page.Hostname(), ":") {
		return nil
	}
	return map[string]string{"bellhop:app-host": page.Hostname()}
}

func welcome(in invocation, cfg *config.Config, d *door, taken bool) {
	if taken {
		fmt.Fprintln(in.stdout, "Port 9400 is taken, so the demo runs on a free one.")
	}
	fmt.Fprintf(in.stdout, "The demo is at %s\n", d.publicURL)
	if cfg.Given("data") {
		fmt.Fprintf(in.stdout, "Users are kept in %s. Stop it with Ctrl-C.\n", cfg.Data)
		return
	}
	fmt.Fprintln(in.stdout, "Texts appear on the page's phone. Stop it with Ctrl-C; then all is forgotten.")
}
