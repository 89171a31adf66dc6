package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// tryOptions are what `bellhop triggers test` asks for.
type tryOptions struct {
	event, source, version string
	changes                []edit
	asJSON                 bool
}

func (o *tryOptions) flags() []config.Flag {
	return []config.Flag{
		textFlag("source", "SOURCE", "send an example of this triggerSource, such as CreateAuthChallenge_Authentication, with a user who is made up", &o.source),
		textFlag("version", "N", "version of that example: 1, for TokenGeneration also 2 and 3 (default 1)", &o.version),
		textFlag("event", "FILE", "send the event in this file, - for standard input", &o.event),
		{Name: "set", Arg: "PATH=TEXT", Set: o.setChange, Help: "change a member of the event, such as request.challengeAnswer=123456; PATH:=JSON sets what is no text; may be given again"},
		jsonFlag(&o.asJSON),
	}
}

func (o *tryOptions) setChange(v string) error {
	c, err := parseChange(v)
	if err == nil {
		o.changes = append(o.changes, c)
	}
	return err
}

func triggersTestHelp() string {
	return "  bellhop triggers test ARN [flags]\n\n" + config.Help(new(tryOptions).flags(), []string{"triggers", "config"})
}

// triggersTest calls a function as the server would, and prints what becomes of it.
func triggersTest(ctx context.Context, in invocation) error {
	var o tryOptions
	arn := takeARN(&in)
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	if err := o.check(cfg, arn); err != nil {
		return err
	}
	event, err := o.read(os.Stdin)
	if err != nil {
		return err
	}
	f, err := openFunctions(ctx, cfg, newLogger(in.stderr, slog.LevelInfo))
	if err != nil {
		return err
	}
	t, err := f.try(ctx, arn, event)
	if err := errors.Join(err, f.close()); err != nil {
		return err
	}
	if err := t.print(in.stdout, o.asJSON); err != nil {
		return err
	}
	if t.Error != nil {
		return fmt.Errorf("the trigger fails as %s", t.Error.Exception)
	}
	return nil
}

// takeARN takes the function's name out of the arguments, wherever it stands.
func takeARN(in *invocation) string {
	i := slices.IndexFunc(in.args, func(arg string) bool { return strings.HasPrefix(arg, "arn:") })
	if i < 0 {
		return ""
	}
	arn := in.args[i]
	in.args = slices.Delete(slices.Clone(in.args), i, i+1)
	return arn
}

func (o *tryOptions) check(cfg *config.Config, arn string) error {
	switch {
	case arn == "":
		return usageError("say which function: bellhop triggers test arn:aws:lambda:…")
	case trigger.IsBuiltIn(arn):
		return usageError("that is Bellhop's own challenge, which is no function to call")
	case cfg.Triggers == "":
		return usageError("name the triggers file with --triggers; without one no function is called")
	case (o.source == "") == (o.event == ""):
		return usageError("give either --source, for an example of an event, or --event")
	case o.version != "" && o.source == "":
		return usageError("--version is that of the example which --source names")
	}
	return nil
}

// read is the event that the flags ask for, with its changes.
func (o *tryOptions) read(stdin io.Reader) ([]byte, error) {
	event, err := o.given(stdin)
	if err != nil {
		return nil, err
	}
	if whole, err := decoded(event); err != nil || !isObject(whole) {
		return nil, usageError("the event is no JSON object")
	}
	event, err = changed(event, o.changes)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return event, nil
}

func (o *tryOptions) given(stdin io.Reader) ([]byte, error) {
	switch o.event {
	case "":
		event, err := trigger.Sample(trigger.Source(o.source), o.version)
		if err != nil {
			return nil, usageError(err.Error() + likeIt(o.source))
		}
		return event, nil
	case "-":
		return io.ReadAll(stdin)
	default:
		event, err := os.ReadFile(o.event)
		if err != nil {
			return nil, usageError("--event names a file that cannot be read: " + err.Error())
		}
		return event, nil
	}
}

// likeIt names the sources that somebody may have meant: those of the trigger, or
// all.
func likeIt(source string) string {
	prefix, _, _ := strings.Cut(source, "_")
	var all, same []string
	for _, s := range trigger.Sources() {
		all = append(all, string(s))
		if strings.HasPrefix(string(s), prefix+"_") {
			same = append(same, string(s))
		}
	}
	switch {
	case slices.Contains(all, source):
		return ""
	case len(same) > 0:
		return "; there are " + strings.Join(same, ", ")
	}
	return "; there are " + strings.Join(all, ", ")
}

// trial is what became of a call. It is an outside interface: members may be
// added, never changed.
type trial struct {
	Function     string          `json:"function"`
	Entry        string          `json:"entry,omitempty"` // of the triggers file
	CalledBy     string          `json:"calledBy,omitempty"`
	Request      json.RawMessage `json:"request"`
	Response     json.RawMessage `json:"response,omitempty"` // where it is JSON
	Text         string          `json:"text,omitempty"`     // where it is not
	Attempts     []attempt       `json:"attempts"`
	Milliseconds float64         `json:"milliseconds"`
	Error        *trialError     `json:"error,omitempty"`
}

// attempt is one try.
type attempt struct {
	Milliseconds float64 `json:"milliseconds"`
	Outcome      string  `json:"outcome"`
}

// trialError is what a failed trigger comes to.
type trialError struct {
	Exception string `json:"exception"` // as Cognito calls it
	Message   string `json:"message"`
	Cause     string `json:"cause"` // for the operator
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// try calls a function with the event, as the server does.
func (f *functions) try(ctx context.Context, arn string, event []byte) (*trial, error) {
	var about struct {
		Version string         `json:"version"`
		Source  trigger.Source `json:"triggerSource"`
	}
	if err := json.Unmarshal(event, &about); err != nil || about.Source.Trigger() == "" {
		return nil, usageError("the event has no triggerSource that is a trigger's, such as PreSignUp_SignUp")
	}
	t := &trial{Function: arn, Request: event, Attempts: []attempt{}}
	if fn, _, ok := f.entry(arn); ok {
		t.Entry, t.CalledBy = f.file.Where(fn), caller(fn)
	}
	begun := time.Now()
	answer, err := userpool.CallFunction(ctx, f.routes, arn, event, t.tried)
	t.Milliseconds = milliseconds(time.Since(begun))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil {
		t.show(answer)
		err = trigger.Check(about.Source, about.Version, answer)
	}
	if err != nil {
		name, message := cognito.Exception(userpool.TriggerFault(about.Source.Trigger(), arn, err))
		t.Error = &trialError{name, message, err.Error()}
	}
	return t, nil
}

// tried notes a try.
func (t *trial) tried(ctx context.Context, _ int) (context.Context, func(error)) {
	begun := time.Now()
	return ctx, func(err error) {
		outcome := "answered"
		if err != nil {
			outcome = err.Error()
		}
		t.Attempts = append(t.Attempts, attempt{milliseconds(time.Since(begun)), outcome})
	}
}

// maxShown is how much is shown of an answer that is no JSON, in bytes.
const maxShown = 2 << 10

func (t *trial) show(answer []byte) {
	if json.Valid(answer) {
		t.Response = answer
		return
	}
	t.Text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, string(answer[:min(len(answer), maxShown)]))
	if len(answer) > maxShown {
		t.Text += fmt.Sprintf("… (%d bytes)", len(answer))
	}
}

func (t *trial) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, t)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "function   %s\n", t.Function)
	if t.Entry != "" {
		fmt.Fprintf(&b, "called by  %s (%s)\n", t.CalledBy, t.Entry)
	}
	fmt.Fprintf(&b, "request    %s\n", indented(t.Request))
	switch {
	case t.Response != nil:
		fmt.Fprintf(&b, "response   %s\n", indented(t.Response))
	case t.Text != "":
		fmt.Fprintf(&b, "response   %s\n", t.Text)
	}
	for i, a := range t.Attempts {
		fmt.Fprintf(&b, "attempt %d  %.1f ms: %s\n", i+1, a.Milliseconds, a.Outcome)
	}
	fmt.Fprintf(&b, "time       %.1f ms\n", t.Milliseconds)
	if t.Error != nil {
		fmt.Fprintf(&b, "error      %s: %s\nbecause    %s\n", t.Error.Exception, t.Error.Message, t.Error.Cause)
	} else {
		fmt.Fprintln(&b, "result     the answer is well formed")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func indented(data []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return string(data)
	}
	return b.String()
}
