// Package triggerfile reads the file that says who calls the functions of pools'
// LambdaConfig. All problems are found in one reading, each with its line. What is
// said of a function is the business of whoever calls it.
package triggerfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// File is what a triggers file says. Its paths are absolute, or relative to where
// the program runs.
type File struct {
	Path      string
	Functions []Function
	KMS       *KMS // nil where there is none
}

// Function says who calls the functions whose ARNs match. One of the three is set.
type Function struct {
	ARN     string // in which * stands for any characters
	Line    int
	Local   *Local
	Webhook *Webhook
	Lambda  *Lambda
}

// Local is a function that runs here, in processes of our own. It has either a
// Handler, of Node.js, or a Command.
type Local struct {
	Folder      string
	Command     []string
	Handler     string // file.function
	Node        string // the program that runs a handler; empty is the usual one
	Environment map[string]string
	Processes   int           // 0 is the caller's default, as below
	Timeout     time.Duration // of one call
	Memory      int           // in MB
}

// Webhook is a function behind a URL.
type Webhook struct {
	URL          config.Secret // which may hold a password
	Secret       config.Secret
	AllowPrivate bool
}

// Lambda is a function behind the Invoke API.
type Lambda struct {
	Endpoint string // empty is AWS's
	Region   string // empty is the ARN's
	Function string // what to call in place of the ARN; empty calls that
}

// KMS is where keys are that encrypt codes for custom senders.
type KMS struct {
	Endpoint string
	Region   string
}

// Load reads the file, or returns config.Problems that names everything wrong.
func Load(path string) (*File, error) {
	opened, root, err := yamlfile.Open("--triggers", path)
	if err != nil {
		return nil, err
	}
	r := &reader{opened}
	file := r.file(root)
	if len(r.Problems) > 0 {
		return nil, r.Problems
	}
	return file, nil
}

// Where is a function's place, for a reader.
func (f *File) Where(fn Function) string { return fmt.Sprintf("%s:%d", f.Path, fn.Line) }

func (r *reader) file(root place) *File {
	f := &File{Path: r.Path}
	if root.Node != nil {
		r.Object(root, fields{
			"functions": func(p place) { f.Functions = r.functions(p) },
			"kms":       func(p place) { f.KMS = r.kms(p) },
		})
	}
	if len(f.Functions) == 0 && len(r.Problems) == 0 {
		r.Problem(root, "names no functions")
	}
	return f
}

func (r *reader) functions(p place) []Function {
	var all []Function
	for _, entry := range r.Elements(p, "the function") {
		all = append(all, r.function(entry))
	}
	r.unreached(all)
	return all
}

func (r *reader) function(p place) Function {
	f := Function{Line: p.Node.Line}
	callers := 0
	caller := func(read func(place)) func(place) {
		return func(p place) { callers++; read(p) }
	}
	ok := r.Object(p, fields{
		"arn":     func(p place) { f.ARN = r.arn(p) },
		"local":   caller(func(p place) { f.Local = r.local(p) }),
		"webhook": caller(func(p place) { f.Webhook = r.webhook(p) }),
		"lambda":  caller(func(p place) { f.Lambda = r.lambda(p) }),
	}, "arn")
	if ok && callers != 1 {
		r.Problem(p, "needs one of local, webhook and lambda, and has %d", callers)
	}
	return f
}

func (r *reader) arn(p place) string {
	arn := r.Text(p)
	switch {
	case arn == "":
	case !strings.HasPrefix(arn, "arn:") && !strings.HasPrefix(arn, "*"):
		r.Problem(p, "must be a function's ARN, such as arn:aws:lambda:eu-central-1:123456789012:function:NAME, in which * stands for any characters")
	case trigger.IsBuiltIn(arn):
		r.Problem(p, "names Bellhop's own challenge, which needs no entry")
	}
	return arn
}

// unreached reports entries all of whose functions an earlier one takes. A pattern
// that matches the text of another, stars and all, matches whatever that does.
func (r *reader) unreached(all []Function) {
	for i, f := range all {
		for _, earlier := range all[:i] {
			route := trigger.Routes{{Pattern: earlier.ARN}}
			if _, taken := route.Find(f.ARN); taken && f.ARN != "" && earlier.ARN != "" {
				r.Problems = append(r.Problems, config.Problem{Where: fmt.Sprintf("%s:%d: arn", r.Path, f.Line),
					What: fmt.Sprintf("is never reached: the entry of line %d matches all of it", earlier.Line)})
				break
			}
		}
	}
}

// The bounds of what a local function may be given.
const (
	maxProcesses = 64
	maxTimeout   = 15 * time.Minute // Lambda's own
	maxMemory    = 10240            // Lambda's own, in MB
)

func (r *reader) local(p place) *Local {
	var l Local
	ok := r.Object(p, fields{
		"folder":      func(p place) { l.Folder = r.existing(p) },
		"command":     func(p place) { l.Command = r.texts(p) },
		"handler":     func(p place) { l.Handler = r.Text(p) },
		"node":        func(p place) { l.Node = r.Text(p) },
		"environment": func(p place) { l.Environment = r.environment(p) },
		"processes":   func(p place) { l.Processes = r.Number(p, maxProcesses) },
		"timeout":     func(p place) { l.Timeout = r.Span(p, maxTimeout) },
		"memory":      func(p place) { l.Memory = r.Number(p, maxMemory) },
	}, "folder")
	if _, handler, file := strings.Cut(l.Handler, "."); l.Handler != "" && (!file || handler == "") {
		r.Problem(p, "has a handler that is not FILE.FUNCTION, such as index.handler")
	}
	if ok && (l.Handler == "") == (len(l.Command) == 0) {
		r.Problem(p, "needs either a handler, of Node.js, or a command")
	}
	if l.Node != "" && l.Handler == "" {
		r.Problem(p, "names a node and no handler that it would run")
	}
	return &l
}

func (r *reader) webhook(p place) *Webhook {
	var w Webhook
	r.Object(p, fields{
		"url":           func(p place) { w.URL = config.Secret(r.Text(p)) },
		"secret-file":   func(p place) { w.Secret = r.secret(p) },
		"allow-private": func(p place) { w.AllowPrivate = r.Boolean(p) },
	}, "url", "secret-file")
	return &w
}

func (r *reader) lambda(p place) *Lambda {
	var l Lambda
	r.Object(p, fields{
		"endpoint": func(p place) { l.Endpoint = r.Text(p) },
		"region":   func(p place) { l.Region = r.Text(p) },
		"function": func(p place) { l.Function = r.Text(p) },
	})
	return &l
}

func (r *reader) kms(p place) *KMS {
	var k KMS
	r.Object(p, fields{
		"endpoint": func(p place) { k.Endpoint = r.Text(p) },
		"region":   func(p place) { k.Region = r.Text(p) },
	}, "endpoint", "region")
	return &k
}
