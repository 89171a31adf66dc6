// Command bellhop is the server and its tools: it reads settings, wires the
// parts to each other, and leaves everything else to them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it was asked rightly and could not
	exitUsage  = 2 // arguments, settings
	exitDiffer = 2 // of apply --plan: there is something to do
)

// invocation is what a command gets: its arguments and the world around it.
type invocation struct {
	args           []string
	env            []string
	stdout, stderr io.Writer
}

// command is one row of the program's table.
type command struct {
	name  string // as typed, one word or two
	about string
	run   func(context.Context, invocation) error
	help  func() string // flags; nil for none
}

func commands() []command {
	return []command{
		{"serve", "run the server", serve, serveHelp},
		{"demo", "run the server with a small app and a phone on one page", demo, demoHelp},
		{"pool create", "make a user pool, and an app client", poolCreate, poolCreateHelp},
		{"apply", "bring pools, app clients and groups to what a file says", apply, applyHelp},
		{"import cognito", "bring a user pool of Amazon Cognito over, with its users", importCognito, importCognitoHelp},
		{"import csv", "import users from a CSV, with the hashes of their passwords", importCSV, importCSVHelp},
		{"export", "write a user pool as Cognito's CSV, or as JSON", export, exportHelp},
		{"keys list", "list the keys that sign tokens", keysList, keysListHelp},
		{"keys rotate", "begin a rotation of the keys that sign tokens", keysRotate, keysRotateHelp},
		{"master-key status", "say what each master key is needed for", masterKeyStatus, masterKeyStatusHelp},
		{"master-key create", "make the master key file of a new installation", masterKeyCreate, masterKeyFileHelp},
		{"master-key rotate", "put a new master key into the file, as the current one", masterKeyRotate, masterKeyFileHelp},
		{"master-key add", "put a new master key into the file, which opens only", masterKeyAdd, masterKeyFileHelp},
		{"master-key promote", "make a key of the file the current one", masterKeyPromote, masterKeyPromoteHelp},
		{"master-key reseal", "seal everything anew under the current master key", masterKeyReseal, masterKeyFileHelp},
		{"master-key prune", "remove master keys that nothing needs any more", masterKeyPrune, masterKeyFileHelp},
		{"admin-keys create", "make a key that signs administrative requests", adminKeysCreate, adminKeysCreateHelp},
		{"admin-keys list", "list the keys that sign administrative requests", adminKeysList, adminKeysListHelp},
		{"admin-keys delete", "end such a key at once", adminKeysDelete, adminKeysDeleteHelp},
		{"triggers list", "list the functions of the triggers file, and who calls those of the pools", triggersList, triggersListHelp},
		{"triggers test", "call a function with an event, and say what becomes of it", triggersTest, triggersTestHelp},
		{"guard replay", "play a trace against the guard in virtual time, and say what it would have cost", guardReplay, guardReplayHelp},
		{"guard rehearse", "play a log of texts with other settings of the guard, and say what they would have saved", guardRehearse, guardRehearseHelp},
		{"guard simulate", "play made-up people and attackers against the guard in virtual time", guardSimulate, guardSimulateHelp},
		{"guard explain", "say what is decided of a number, by which rule, until when, and what would change it", guardExplain, guardExplainHelp},
		{"guard status", "say how the guard stands: budgets, alarms, closed prefixes, worst countries", guardStatus, guardStatusHelp},
		{"guard check", "say what is wrong with a file of the guard's settings", guardCheck, guardCheckHelp},
		{"guard prices", "print what texts are taken to cost", guardPrices, guardPricesHelp},
		{"routes explain", "say by whom a text to a number would go, and why", routesExplain, routesExplainHelp},
		{"routes check", "say what is wrong with a delivery file", routesCheck, routesCheckHelp},
		{"messages show", "say what texts say, in which language, and how many segments they take", messagesShow, messagesShowHelp},
		{"messages lint", "say what of texts is dear, filtered or misread, and where", messagesLint, messagesLintHelp},
		{"countries list", "list the countries of which something is known", countriesList, countriesListHelp},
		{"countries show", "say what is known of texts in a country, by whom, and what follows from it", countriesShow, countriesShowHelp},
		{"countries check", "say what is wrong with a file about a country", countriesCheck, countriesCheckHelp},
		{"texts report", "print how many texts were asked for, sent, delivered and used, and for what price", textsReport, textsReportHelp},
		{"doctor", "say what is wrong with this installation, and what to do", doctor, doctorHelp},
		{"migrate", "bring the schema of the database up to date", migrate, migrateHelp},
		{"backup", "copy the database to a file, also beside a running server", backup, backupHelp},
		{"restore", "put a backup in the place of the database, and end what must not come back", restore, restoreHelp},
		{"audit", "print who did what, and how it ended", audit, auditHelp},
		{"version", "say which build this is", version, nil},
	}
}

// run is the program without its process: it returns the exit code.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	in := invocation{args: args, env: env, stdout: stdout, stderr: stderr}
	err := dispatch(ctx, in)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errDiffers):
		return exitDiffer
	case errors.As(err, new(usageError)), errors.As(err, new(config.Problems)), errors.As(err, new(*sqlstore.URLError)):
		complain(stderr, err)
		return exitUsage
	default:
		complain(stderr, err)
		return exitFailed
	}
}

// usageError is a command line that names no command, or a variable that is not
// Bellhop's own and cannot be used: nothing that another try would mend.
type usageError string

func (e usageError) Error() string { return string(e) }

// complain writes each line of an error as a line of its own.
func complain(stderr io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "bellhop: %s\n", strings.TrimSuffix(line, "\n"))
	}
}

func dispatch(ctx context.Context, in invocation) error {
	if len(in.args) == 0 {
		return usageError("say what to do: " + strings.Join(names(), ", ") + "; bellhop help tells more")
	}
	if in.args[0] == "help" || wantsHelp(in.args[0]) {
		return help(in)
	}
	if len(in.args) == 2 && wantsHelp(in.args[1]) && len(group(in.args[0])) > 0 {
		printCommands(in.stdout, group(in.args[0]))
		return nil
	}
	cmd, rest, err := find(in.args)
	if err != nil {
		return err
	}
	in.args = rest
	if slices.ContainsFunc(rest, wantsHelp) {
		fmt.Fprint(in.stdout, cmd.usage())
		return nil
	}
	return cmd.run(ctx, in)
}

func wantsHelp(arg string) bool { return slices.Contains([]string{"-h", "-help", "--help"}, arg) }

// find returns the command that the first words name, and the words after it.
func find(args []string) (command, []string, error) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], nil
		}
	}
	return command{}, nil, unknown(args)
}

// unknown words the refusal of words that name no command.
func unknown(args []string) error {
	typed, near := args[0], config.Nearest(args[0], names())
	if own := group(args[0]); len(own) > 0 {
		typed, near = strings.Join(args[:min(2, len(args))], " "), ""
		of := make([]string, len(own))
		for i, c := range own {
			of[i] = c.name
		}
		if len(args) > 1 {
			near = config.Nearest(typed, of)
		}
		if near == "" {
			near = strings.Join(of, ", ")
		}
	}
	if near == "" {
		return usageError(fmt.Sprintf("%q is no command; bellhop help lists the commands", typed))
	}
	return usageError(fmt.Sprintf("%q is no command; did you mean bellhop %s?", typed, near))
}

func names() []string {
	var all []string
	for _, c := range commands() {
		all = append(all, c.name)
	}
	return append(all, "help")
}

func help(in invocation) error {
	if len(in.args) == 2 && len(group(in.args[1])) > 0 {
		printCommands(in.stdout, group(in.args[1]))
		return nil
	}
	if len(in.args) > 1 {
		cmd, _, err := find(in.args[1:])
		if err != nil {
			return err
		}
		fmt.Fprint(in.stdout, cmd.usage())
		return nil
	}
	fmt.Fprint(in.stdout, "Bellhop signs people in by a code that is texted to their phone,\nand speaks the Amazon Cognito API.\n\n")
	printCommands(in.stdout, commands())
	return nil
}

// group are the commands of two words of which the first is given.
func group(first string) (all []command) {
	for _, c := range commands() {
		if word, _, two := strings.Cut(c.name, " "); two && word == first {
			all = append(all, c)
		}
	}
	return all
}

func printCommands(w io.Writer, all []command) {
	topic := func(c command) string {
		word, _, several := strings.Cut(c.name, " ")
		if !several {
			return ""
		}
		return word
	}
	for i, c := range all {
		if i > 0 && topic(all[i-1]) != topic(c) {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  bellhop %-18s  %s\n", c.name, c.about)
	}
	fmt.Fprint(w, "\nbellhop help COMMAND lists the flags of a command.\n")
}

func (c command) usage() string {
	text := fmt.Sprintf("bellhop %s: %s\n", c.name, c.about)
	if c.help != nil {
		text += "\n" + c.help()
	}
	return text
}
