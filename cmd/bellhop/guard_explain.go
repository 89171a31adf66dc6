package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guardfile"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

type explainOptions struct {
	number, request string
	asJSON          bool
}

func (o *explainOptions) flags() []config.Flag {
	return []config.Flag{
		{Name: "number", Arg: "NUMBER", Set: func(v string) error { o.number = unspaced(v); return nil }, Help: "what is decided of this number; bellhop guard explain NUMBER is the same"},
		{Name: "request", Arg: "ID", Set: setTo(&o.request), Help: "what was decided in the request of this id, which answers, logs and the audit trail carry"},
		jsonFlag(&o.asJSON),
	}
}

func guardExplainHelp() string {
	return "bellhop guard explain NUMBER\n\n" + config.Help(new(explainOptions).flags(), guardToolSettings())
}

func guardToolSettings() []string { return append([]string{"guard"}, toolSettings...) }

// openGuardTool opens the data folder with the guard's settings, but for the secrets
// in them, which a tool does not need.
func openGuardTool(ctx context.Context, in invocation, cfg *config.Config) (*tool, error) {
	settings := guardfile.Shipped()
	if cfg.Guard != "" {
		read, err := guardfile.Read(cfg.Guard)
		if err != nil {
			return nil, err
		}
		settings.Settings = read
	}
	if err := mustExist(cfg); err != nil {
		return nil, err
	}
	v, err := openVault(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	v.guard = settings
	return newTool(ctx, in, cfg, v)
}

// guardExplain says what the guard decides of a number, or decided in a request.
func guardExplain(ctx context.Context, in invocation) error {
	var o explainOptions
	o.number = unspaced(numberArgument(&in))
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	if (o.number == "") == (o.request == "") {
		return usageError("name a number, such as bellhop guard explain +14155550123, or a request with --request ID")
	}
	var number phone.Number
	if o.number != "" {
		if number, err = phone.Parse(o.number); err != nil {
			return usageError(err.Error())
		}
	}
	t, err := openGuardTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	if o.request != "" {
		log, err := t.service.ExplainRequest(ctx, o.request)
		if err != nil {
			return err
		}
		if o.asJSON {
			return printJSON(in.stdout, explainedLines(log))
		}
		return printDecisions(in.stdout, log)
	}
	x, err := t.service.Explain(ctx, number)
	if err != nil {
		return err
	}
	if o.asJSON {
		return printJSON(in.stdout, explanationOf(x))
	}
	return printExplanation(in.stdout, x)
}

// decisionLine is a decision for machines. Members may be added, never changed.
type decisionLine struct {
	At        string        `json:"at,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
	Operation string        `json:"operation,omitempty"`
	Verdict   string        `json:"verdict"`
	Rule      guard.Rule    `json:"rule"`
	Of        string        `json:"of"`
	Until     string        `json:"until,omitempty"`
	StepUp    string        `json:"step_up,omitempty"` // the way that was passed
	Sent      bool          `json:"sent"`
	UsedAt    string        `json:"used_at,omitempty"`
	Change    string        `json:"what_would_change_it,omitempty"`
	Levels    []guard.Level `json:"levels"`
}

type explanationLine struct {
	Number  string         `json:"number"` // masked
	Country string         `json:"country"`
	Type    string         `json:"number_type"`
	Price   float64        `json:"price"` // dollars
	Known   bool           `json:"known"`
	Test    bool           `json:"test_number"`
	Now     decisionLine   `json:"now"`
	Stepped decisionLine   `json:"after_step_up"`
	Log     []decisionLine `json:"log"`
}

func explanationOf(x userpool.Explanation) explanationLine {
	return explanationLine{
		Number: x.Number.Masked(), Country: x.Country, Type: x.Kind.String(), Price: x.Price.Float(), Known: x.Known, Test: x.Test,
		Now: decisionNow(x.Now), Stepped: decisionNow(x.Stepped), Log: explainedLines(x.Log),
	}
}

func decisionNow(d guard.Decision) decisionLine {
	return decisionLine{
		Verdict: d.Verdict.String(), Rule: d.Rule, Of: d.Of, Until: when(d.Until), Levels: levels(d.Levels),
		Change: whatWouldChange(d.Verdict, d.Rule),
	}
}

func explainedLines(log []guard.Entry) []decisionLine {
	lines := make([]decisionLine, len(log))
	for i, e := range log {
		lines[i] = decisionLine{
			At: utc(e.At), RequestID: e.RequestID, Operation: e.Operation, Verdict: e.Verdict.String(), Rule: e.Rule, Of: e.Of,
			Until: when(e.Until), StepUp: e.StepUp, Sent: sentText(e), UsedAt: when(e.UsedAt), Levels: levels(e.Levels),
			Change: whatWouldChange(e.Verdict, e.Rule),
		}
	}
	return lines
}

func levels(l []guard.Level) []guard.Level {
	if l == nil {
		return []guard.Level{}
	}
	return l
}

func sentText(e guard.Entry) bool { return e.Verdict == guard.Send && !e.Unsent && !e.Ask.Silent }

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return utc(t)
}

func printExplanation(w io.Writer, x userpool.Explanation) error {
	lane := "a number that has not signed in here within 180 days: a stranger's"
	if x.Known {
		lane = "a number that has signed in here: nothing that strangers do refuses it a text"
	}
	fmt.Fprintf(w, "%s  %s, %s, %s a text\n%s\n", x.Number.Masked(), orDash(x.Country), x.Kind, x.Price, lane)
	if x.Test {
		fmt.Fprintln(w, "It is a test number: it is sent nothing, and its code is fixed.")
	}
	fmt.Fprintf(w, "\nA text now, from an address of which nothing is known: %s\n", sentence(x.Now.Verdict, x.Now.Rule, x.Now.Of, x.Now.Until))
	if x.Now.Verdict == guard.StepUp {
		fmt.Fprintf(w, "With a step-up passed: %s\n", sentence(x.Stepped.Verdict, x.Stepped.Rule, x.Stepped.Of, x.Stepped.Until))
	}
	if err := printLevels(w, x.Now.Levels); err != nil {
		return err
	}
	if len(x.Log) == 0 {
		fmt.Fprintln(w, "\nThe decision log has nothing of it.")
		return nil
	}
	fmt.Fprintln(w, "\nDecided before, the newest first:")
	return printDecisions(w, x.Log)
}

// sentence says a verdict, until when it holds, and what would change it.
func sentence(v guard.Verdict, rule guard.Rule, of string, until time.Time) string {
	text := map[guard.Verdict]string{guard.Send: "would be sent", guard.StepUp: "needs a step-up", guard.Refuse: "is refused"}[v]
	if rule != guard.RuleNone {
		text += fmt.Sprintf(" by the rule %s", rule)
		if of != "" {
			text += " of " + of
		}
	}
	if !until.IsZero() {
		text += ", until " + utc(until)
	}
	text += "."
	if change := whatWouldChange(v, rule); change != "" {
		text += " " + change
	}
	return text
}

func printLevels(w io.Writer, all []guard.Level) error {
	if len(all) == 0 {
		return nil
	}
	rows := make([][]string, len(all))
	for i, l := range all {
		rows[i] = []string{string(l.Rule), orDash(l.Of), amount(l.Have), amount(l.Need), amount(l.Limit)}
	}
	fmt.Fprintln(w)
	return printTable(w, []string{"LEVEL", "OF", "HAS", "NEEDS", "LIMIT"}, rows)
}

func amount(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

func printDecisions(w io.Writer, log []guard.Entry) error {
	rows := make([][]string, len(log))
	for i, e := range log {
		outcome := "-"
		switch {
		case !e.UsedAt.IsZero():
			outcome = "code used"
		case e.Unsent:
			outcome = "surely not sent"
		case e.Verdict == guard.Send && e.Ask.Silent:
			outcome = "nothing to send"
		case e.Verdict == guard.Send:
			outcome = "not used"
		}
		rows[i] = []string{
			utc(e.At), orDash(e.Operation), e.Verdict.String(), orDash(string(e.Rule)), orDash(e.Of), orDash(when(e.Until)),
			orDash(e.StepUp), outcome, orDash(e.RequestID),
		}
	}
	return printTable(w, []string{"TIME (UTC)", "OPERATION", "VERDICT", "RULE", "OF", "UNTIL", "STEP-UP", "OUTCOME", "REQUEST"}, rows)
}

func orDash(s string) string { return cell(s) }

// whatWouldChange says what ends a restriction by the rule, for who may do
// something about it.
func whatWouldChange(v guard.Verdict, rule guard.Rule) string {
	if v == guard.Send {
		return ""
	}
	return changes[rule]
}

// changes are what ends each rule's restriction.
var changes = map[guard.Rule]string{
	guard.RuleCountry: "Allow the country in the guard's settings.",
	guard.RulePrefix:  "Take the prefix off the denied ones, or allow a longer one, in the guard's settings.",
	guard.RuleType:    "Take the sort of line off number-types in the guard's settings.",
	guard.RuleSource:  "Take the address off the denied ones in the guard's settings.",
	guard.RuleNumber:  "A code that is used gives its text back; else the number waits.",
	guard.RuleAddress: "Codes that people behind the address use give it room, as does time.",
	guard.RuleNetwork: "Codes that people in the network use give it room, as does time.",
	guard.RuleBlock:   "Codes that are used in the prefix open it again; a probe goes there now and then. Strangers who pass a step-up have room of their own.",
	guard.RuleAlarm:   "The alarm ends by itself when the country's codes are used again as they were before; until then strangers pass a step-up.",
	guard.RuleWindow:  "Codes that are used in the country give it room, as does time.",
	guard.RuleCeiling: "What a verified user of the country costs must fall below the ceiling: codes that are used, or time, or a higher ceiling in the guard's settings.",
	guard.RuleBudget:  "Codes that are used give the budget back; else its window must end, or the budget be raised in the guard's settings.",
	guard.RuleStepUp:  "The proof that was sent is none: used before, of another number, or the text has not come in. What meets the new demand is taken.",
	guard.RuleStopped: "The number has asked for no texts, by texting STOP. It takes them again when it texts START; a device of its owner's that has signed in is texted all the same.",
	guard.RuleSpray:   "Right answers make room again, as does time; a device that has signed in is not held up.",
}
