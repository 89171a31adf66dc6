// Package logdelivery hands the events of user pools to the destinations that the
// operator's file maps ARNs to: files that are rotated, and webhooks. Which events go
// where, and when they are tried again, is userpool's business.
package logdelivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// Destinations are those of a file, in its order: the first whose pattern matches an
// ARN takes what goes there.
type Destinations struct {
	Path string
	all  []destination
}

type destination struct {
	arn   string // in which * stands for any characters
	line  int
	taker taker
}

// taker is a place that takes events.
type taker interface {
	// take returns nil once every event is safe.
	take(ctx context.Context, batch []event) error
	// probe says what is wrong with the place, without leaving anything there.
	probe(ctx context.Context) error
	// kind is what the file calls it.
	kind() string
}

var _ userpool.LogSink = (*Destinations)(nil)

var errNowhere = errors.New("no destination matches the ARN")

func (d *Destinations) find(arn string) (destination, bool) {
	for _, one := range d.all {
		if trigger.Matches(one.arn, arn) {
			return one, true
		}
	}
	return destination{}, false
}

// Leads implements userpool.LogSink.
func (d *Destinations) Leads(arn string) bool {
	_, ok := d.find(arn)
	return ok
}

// Deliver implements userpool.LogSink.
func (d *Destinations) Deliver(ctx context.Context, arn string, batch []userpool.LogEvent) error {
	to, ok := d.find(arn)
	if !ok {
		return errNowhere
	}
	events := make([]event, len(batch))
	for i, e := range batch {
		events[i] = eventOf(e)
	}
	return to.taker.take(ctx, events)
}

// Finding is how a destination stands.
type Finding struct {
	Where string // file, line and kind
	Err   error  // nil where it can be used
}

// Probe looks at every destination, and leaves nothing there.
func (d *Destinations) Probe(ctx context.Context) []Finding {
	all := make([]Finding, len(d.all))
	for i, one := range d.all {
		all[i] = Finding{fmt.Sprintf("%s:%d: %s", d.Path, one.line, one.taker.kind()), one.taker.probe(ctx)}
	}
	return all
}

type (
	reader struct{ *yamlfile.Reader }
	place  = yamlfile.Place
	fields = yamlfile.Fields
)

// Load reads the file, or returns config.Problems that names everything wrong.
func Load(path string) (*Destinations, error) {
	opened, root, err := yamlfile.Open("--log-delivery", path)
	if err != nil {
		return nil, err
	}
	r := &reader{opened}
	d := &Destinations{Path: path}
	if root.Node != nil {
		r.Object(root, fields{"destinations": func(p place) { d.all = r.destinations(p) }})
	}
	if len(d.all) == 0 && len(r.Problems) == 0 {
		r.Problem(root, "names no destinations")
	}
	if len(r.Problems) > 0 {
		return nil, r.Problems
	}
	return d, nil
}

func (r *reader) destinations(p place) (all []destination) {
	files := map[string]int{}
	for _, entry := range r.Elements(p, "the destination") {
		d := r.destination(entry)
		for _, earlier := range all {
			if d.arn != "" && trigger.Matches(earlier.arn, d.arn) {
				r.Problem(entry, "is never reached: the entry of line %d matches all of it", earlier.line)
			}
		}
		if f, ok := d.taker.(*logFile); ok && f.path != "" {
			if line, taken := files[f.path]; taken {
				r.Problem(entry, "writes the file of line %d; give that entry a pattern for both", line)
			}
			files[f.path] = d.line
		}
		all = append(all, d)
	}
	return all
}

func (r *reader) destination(p place) destination {
	d := destination{line: p.Node.Line}
	takers := 0
	ok := r.Object(p, fields{
		"arn":     func(p place) { d.arn = r.arn(p) },
		"file":    func(p place) { takers++; d.taker = r.file(p) },
		"webhook": func(p place) { takers++; d.taker = r.webhook(p) },
	}, "arn")
	if ok && takers != 1 {
		r.Problem(p, "needs one of file and webhook, and has %d", takers)
	}
	return d
}

func (r *reader) arn(p place) string {
	arn := r.Text(p)
	if arn != "" && (len(arn) < 4 || arn[:4] != "arn:") && arn[0] != '*' {
		r.Problem(p, "must be the ARN of a log group, bucket or stream, such as arn:aws:logs:us-east-1:123456789012:log-group:NAME, in which * stands for any characters")
	}
	return arn
}

// The bounds and the defaults of files.
const (
	mostMegabytes, usualMegabytes = 1 << 20, 100
	mostKept, usualKept           = 1000, 5
)

func (r *reader) file(p place) taker {
	f := &logFile{size: usualMegabytes << 20, keep: usualKept}
	r.Object(p, fields{
		"path": func(p place) {
			if text := r.Text(p); text != "" {
				f.path = r.From(text)
			}
		},
		"megabytes": func(p place) { f.size = int64(r.Number(p, mostMegabytes)) << 20 },
		"keep":      func(p place) { f.keep = r.Number(p, mostKept) },
	}, "path")
	return f
}

func (r *reader) webhook(p place) taker {
	var url string
	var secret config.Secret
	problems := len(r.Problems)
	r.Object(p, fields{
		"url": func(p place) { url = r.Text(p) },
		"secret-file": func(p place) {
			if secret = r.Secret(p); secret == "" {
				return
			}
			if err := config.CheckWebhookSecret(string(secret)); err != nil {
				r.Problem(p, "names a file whose secret %v", err)
			}
		},
	}, "url", "secret-file")
	if len(r.Problems) > problems {
		return nil
	}
	w, err := newWebhook(url, string(secret))
	if err != nil {
		r.Problem(p, "cannot be used: %v", err)
	}
	return w
}
