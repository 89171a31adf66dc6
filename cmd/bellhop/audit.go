package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// auditTableRows is how many rows the table has unless --limit says otherwise.
const auditTableRows = 100

// auditOptions are what `bellhop audit` asks for.
type auditOptions struct {
	filter userpool.AuditFilter
	limit  int // -1 for none given
	asJSON bool
}

func (o *auditOptions) flags() []config.Flag {
	f := &o.filter
	asJSON := jsonFlag(&o.asJSON)
	asJSON.Help = "print a JSON object a line, oldest first, instead of a table"
	return []config.Flag{
		{Name: "pool", Arg: "ID", Set: setTo(&f.Pool), Help: "rows of this user pool"},
		{Name: "user", Arg: "SUB", Set: setTo(&f.User), Help: "rows that speak of this user, by sub"},
		{Name: "name", Arg: "NAME", Set: func(v string) error { f.Name = unspaced(v); return nil }, Help: "rows of this sign-in name: a number, an e-mail address or a user name"},
		{Name: "operation", Arg: "OP", Set: setTo(&f.Operation), Help: "rows of this operation, such as InitiateAuth"},
		{Name: "actor", Arg: "ID", Set: setTo(&f.Actor), Help: "rows of this actor: a sub, an access key id, an operator's login"},
		{Name: "since", Arg: "TIME", Set: setMoment(&f.Since), Help: "rows from then on: a length of time ago, such as 24h or 7d, or RFC 3339"},
		{Name: "until", Arg: "TIME", Set: setMoment(&f.Until), Help: "rows before then"},
		{Name: "outcome", Arg: "OUTCOME", Set: o.setOutcome, Help: "success, refused or failed"},
		{Name: "limit", Arg: "N", Set: o.setLimit, Help: "the newest N rows, 0 for all (default 100; all with --json)"},
		asJSON,
	}
}

func setTo[T ~string](field *T) func(string) error {
	return func(v string) error { *field = T(v); return nil }
}

// unspaced is a number without what people write between its digits; other
// names stay as they are.
func unspaced(name string) string {
	bare := strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace(name)
	digits, number := strings.CutPrefix(bare, "+")
	if !number || strings.Trim(digits, "0123456789") != "" {
		return name
	}
	return bare
}

func setMoment(field *time.Time) func(string) error {
	return func(v string) (err error) {
		if *field, err = time.Parse(time.RFC3339, v); err == nil {
			return nil
		}
		ago, err := config.ParseSpan(v)
		if err != nil {
			return fmt.Errorf("must be a length of time such as 24h or 7d, or a time such as 2026-08-31T12:00:00Z, not %q", v)
		}
		*field = time.Now().Add(-ago)
		return nil
	}
}

func (o *auditOptions) setOutcome(v string) error {
	o.filter.Outcome = userpool.Outcome(v)
	if !slices.Contains([]userpool.Outcome{userpool.OutcomeSuccess, userpool.OutcomeRefused, userpool.OutcomeFailed}, o.filter.Outcome) {
		return fmt.Errorf("must be success, refused or failed, not %q", v)
	}
	return nil
}

func (o *auditOptions) setLimit(v string) error {
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return fmt.Errorf("must be a number of rows, not %q", v)
	}
	o.limit = int(n)
	return nil
}

func auditHelp() string { return config.Help(new(auditOptions).flags(), toolSettings) }

// audit prints the audit trail of the data folder, whether or not a server runs
// on it.
func audit(ctx context.Context, in invocation) error {
	options := auditOptions{limit: -1}
	cfg, err := loadTool(in, options.flags()...)
	if err != nil {
		return err
	}
	if f := options.filter; !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return usageError("--since must be earlier than --until: between the two there is no time")
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	if options.asJSON {
		return auditLines(ctx, in.stdout, t.service, options)
	}
	return auditTable(ctx, in.stdout, t.service, options)
}

// auditLine is a row for machines. Members may be added, never changed.
type auditLine struct {
	ID        userpool.AuditID   `json:"id"`
	At        string             `json:"at"`
	Operation string             `json:"operation"`
	ActorKind userpool.ActorKind `json:"actor_kind"`
	Actor     string             `json:"actor"`
	Pool      userpool.PoolID    `json:"pool"`
	Client    userpool.ClientID  `json:"client"`
	User      userpool.UserID    `json:"user"`
	NameHash  string             `json:"name_hash"`
	Name      string             `json:"name"` // masked
	Address   string             `json:"address"`
	Device    string             `json:"device"`
	RequestID string             `json:"request_id"`
	Outcome   userpool.Outcome   `json:"outcome"`
	Reason    string             `json:"reason"`
	Detail    json.RawMessage    `json:"detail"`
	Feedback  json.RawMessage    `json:"feedback,omitempty"`
}

func auditLines(ctx context.Context, w io.Writer, service *userpool.Service, o auditOptions) error {
	rows := service.Audit(ctx, o.filter)
	if o.limit > 0 {
		newest, err := newestRows(ctx, service, o.filter, o.limit)
		if err != nil {
			return err
		}
		rows = oldestFirst(newest)
	}
	lines := json.NewEncoder(w)
	for r, err := range rows {
		if err != nil {
			return fmt.Errorf("the audit trail cannot be read: %w", err)
		}
		line := auditLine{
			ID: r.ID, At: utc(r.At), Operation: r.Operation, ActorKind: r.ActorKind, Actor: r.Actor,
			Pool: r.PoolID, Client: r.ClientID, User: r.UserID, NameHash: r.NameHash, Name: r.Masked,
			Address: r.Address, Device: r.Device, RequestID: r.RequestID, Outcome: r.Outcome, Reason: r.Reason,
			Feedback: json.RawMessage(r.Feedback),
		}
		if line.Detail = json.RawMessage(r.Detail); r.Detail == "" {
			line.Detail = json.RawMessage("{}")
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func auditTable(ctx context.Context, w io.Writer, service *userpool.Service, o auditOptions) error {
	if o.limit < 0 {
		o.limit = auditTableRows
	}
	o.filter.Newest = true
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TIME (UTC)\tOPERATION\tOUTCOME\tREASON\tACTOR\tPOOL\tCLIENT\tUSER\tNAME\tADDRESS\tDETAIL")
	n := 0
	for r, err := range service.Audit(ctx, o.filter) {
		if err != nil {
			return fmt.Errorf("the audit trail cannot be read: %w", err)
		}
		cells := []string{
			utc(r.At), r.Operation, string(r.Outcome), r.Reason, strings.TrimSpace(string(r.ActorKind) + " " + r.Actor),
			string(r.PoolID), string(r.ClientID), string(r.UserID), r.Masked, r.Address, r.Detail,
		}
		for i, c := range cells {
			cells[i] = cell(c)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
		if n++; n == o.limit {
			break
		}
	}
	return table.Flush()
}

// cell is a text that stays in its column, whatever the database holds.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func newestRows(ctx context.Context, service *userpool.Service, f userpool.AuditFilter, limit int) ([]userpool.AuditRow, error) {
	f.Newest = true
	var rows []userpool.AuditRow
	for r, err := range service.Audit(ctx, f) {
		if err != nil {
			return nil, fmt.Errorf("the audit trail cannot be read: %w", err)
		}
		if rows = append(rows, r); len(rows) == limit {
			break
		}
	}
	return rows, nil
}

func oldestFirst(newest []userpool.AuditRow) iter.Seq2[userpool.AuditRow, error] {
	return func(yield func(userpool.AuditRow, error) bool) {
		for _, r := range slices.Backward(newest) {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// audited runs a change that a command makes, as a call of the operation by
// whoever runs the command.
func audited(ctx context.Context, service *userpool.Service, operation string, change func(context.Context) error) error {
	call := service.Begin(ctx, userpool.Call{Operation: operation, Kind: userpool.ActorOperator, Actor: operator()})
	err := change(call)
	service.End(call, err)
	service.FlushAudit(ctx)
	return err
}

// operator is the login of whoever runs the command.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
