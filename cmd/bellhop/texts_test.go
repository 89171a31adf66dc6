package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// sampleRoute is how well texts go by a provider to a country in the sample.
type sampleRoute struct {
	country, provider, wording string
	texts                      int
	arrives, tells, uses       float64
	seconds                    float64 // to use, in the middle
	segments                   int
	micros                     int64
}

// A week of a small service: one of the two providers to Nigeria is filtered.
var sampleRoutes = []sampleRoute{
	{"IN", "msg91-in", "sign-in-hi", 900, .985, .99, .90, 14, 2, 4_800},
	{"IN", "msg91-in", "sign-in", 400, .985, .99, .91, 13, 1, 2_400},
	{"IN", "twilio-main", "sign-in", 80, .93, .97, .82, 21, 1, 83_200},
	{"NG", "twilio-main", "sign-in", 260, .61, .95, .52, 38, 1, 310_000},
	{"NG", "aws-eum", "sign-in", 140, .96, .9, .86, 17, 1, 270_000},
	{"US", "aws-eum", "sign-in", 310, .99, .98, .93, 9, 1, 8_450},
	{"BR", "aws-eum", "sign-in-pt", 120, .97, 0, .88, 16, 1, 31_000},
}

// sampleTexts are those of the week from the day on, always the same.
func sampleTexts(from time.Time) (all []userpool.Text, uses map[userpool.ChallengeID]time.Time) {
	rnd, uses := rand.New(rand.NewPCG(7, 7)), map[userpool.ChallengeID]time.Time{}
	for _, r := range sampleRoutes {
		for range r.texts {
			id := fmt.Sprintf("t%05d", len(all))
			at := from.Add(time.Duration(rnd.Int64N(int64(7 * oneDay))))
			t := userpool.Text{
				ID: userpool.MessageID(id), PoolID: poolID, ClientID: clientID, Purpose: userpool.PurposeSignIn, Challenge: userpool.ChallengeID(id),
				Country: r.country, Provider: r.provider, Ref: id, Wording: r.wording, Language: "en", Segments: r.segments, Micros: r.micros,
				Status: userpool.TextSent, Attempts: 1, QueuedAt: at, SentAt: at.Add(300 * time.Millisecond), Known: rnd.IntN(3) > 0,
			}
			arrived, used := rnd.Float64() < r.arrives, rnd.Float64() < r.uses/r.arrives
			switch told := rnd.Float64() < r.tells; {
			case rnd.IntN(400) == 0:
				t.Status, arrived = userpool.TextUnsent, false
			case told && arrived:
				t.Status = userpool.TextDelivered
			case told:
				t.Status, t.Code = userpool.TextFailed, "30007"
			}
			if took := time.Duration(r.seconds * float64(time.Second) * (.3 + rnd.ExpFloat64())); arrived && used && took < 10*time.Minute {
				uses[t.Challenge] = at.Add(took)
			}
			all = append(all, t)
		}
	}
	return all, uses
}

// The page of the report shows what the command prints of a week that is always the
// same, half of it folded.
func TestTextsReport_OfAWeek_IsWhatThePageShows(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	from := time.Date(2026, 8, 24, 0, 0, 0, 0, time.UTC)
	texts, uses := sampleTexts(from)
	change(t, data, func(ctx context.Context, tx userpool.Tx) error {
		for _, x := range texts {
			if err := tx.PutText(ctx, x); err != nil {
				return err
			}
			if at, used := uses[x.Challenge]; used {
				if err := tx.UseTexts(ctx, []userpool.UsedCode{{Challenge: x.Challenge, At: at}}, func(userpool.Text) {}); err != nil {
					return err
				}
			}
		}
		if _, err := tx.FoldTexts(ctx, from.Add(5*oneDay), len(texts)); err != nil {
			return err
		}
		return tx.InsertDecisions(ctx, sampleRefusals(from))
	})
	report := func(args ...string) string {
		return succeed(t, append([]string{"texts", "report", "--data", data, "--from", "2026-08-24", "--to", "2026-08-30"}, args...)...)
	}
	for name, got := range map[string]string{
		"txt": report("--refused"), "csv": report("--by", "country,provider,wording", "--format", "csv"), "svg": report("--format", "svg"),
	} {
		file := "../../docs/figures/texts-report." + name
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what the command prints (go test ./cmd/bellhop -run TextsReport -update rewrites it):\n%s", file, got)
		}
	}
	page, err := os.ReadFile("../../docs/texts-report.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := strings.TrimSpace(report("--refused")); !strings.Contains(string(page), table) {
		t.Errorf("docs/texts-report.md must show\n%s", table)
	}
	var all struct {
		Groups []struct{ Of map[string]string }
		Total  struct{ Asked, Used int }
	}
	if err := json.Unmarshal([]byte(report("--format", "json", "--by", "day")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Groups) != 7 || all.Groups[6].Of["day"] != "2026-08-30" || all.Total.Asked != len(texts) || all.Total.Used != len(uses) {
		t.Errorf("of %d texts, %d used, in %+v", len(texts), len(uses), all)
	}
}

func sampleRefusals(from time.Time) (lines []guard.Entry) {
	for i := range 45 {
		at := from.Add(time.Duration(i) * time.Hour)
		ms := at.UnixMilli()
		e := guard.Entry{ID: fmt.Sprintf("%08x-%04x-7000-8000-%012x", ms>>16, ms&0xffff, i), At: at, Verdict: guard.StepUp}
		if i%3 == 0 {
			e.Verdict = guard.Refuse
		}
		e.Ask.Route.Country = "NG"
		lines = append(lines, e)
	}
	return lines
}

func TestTextsReport_BesideARunningServer_HasTheTextsOfToday(t *testing.T) {
	sink, data := smstest.NewSink(t), t.TempDir()
	createPool(t, data)
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--sms", "webhook:"+sink.URL, "--public-url", "http://localhost:9400")
	if out := succeed(t, "texts", "report", "--data", data); !strings.HasPrefix(out, "No text was asked for on ") {
		t.Errorf("of none: %s", out)
	}
	now := time.Now()
	change(t, data, func(ctx context.Context, tx userpool.Tx) error {
		return tx.PutText(ctx, userpool.Text{ID: "now", PoolID: poolID, Purpose: userpool.PurposeSignIn, Country: "IN", Provider: "first",
			Status: userpool.TextSent, Segments: 1, Micros: 2_400, QueuedAt: now, SentAt: now})
	})
	for args, want := range map[string]string{
		"": "IN       first     1      1", "--days 1 --country in --by pool": poolID + "  1 ", "--country NG,US": "No text", "--refused": "The guard refused no text.",
		"--from " + now.UTC().Format(time.DateOnly): "IN       first     1      1", "--from 2020-01-01 --to 2020-01-02": "No text was asked for on 2020-01-01 to 2020-01-02 (UTC).\nWhat became of texts is kept for 90 days.",
	} {
		if out := succeed(t, append([]string{"texts", "report", "--data", data}, strings.Fields(args)...)...); !strings.Contains(out, want) {
			t.Errorf("%s has no %q:\n%s", args, want, out)
		}
	}
	ctx, api := t.Context(), sdkWithKey(p.url, "", "")
	if _, err := api.SignUp(ctx, &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	text, err := sink.Nth(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	code := smstest.CodeIn(text.Body)
	if _, err := api.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: ptr(clientID), Username: ptr(number), ConfirmationCode: &code}); err != nil {
		t.Fatal(err)
	}
	p.endWell() // writes down what waits
	out := succeed(t, "texts", "report", "--data", data, "--country", "US", "--by", "country,purpose,language", "--format", "csv")
	if !strings.Contains(out, "US,sign_up,,1,1,0,0,0,0,0,0,1,1.0000,5,5,1,0.0") {
		t.Errorf("of a text that was sent and used the report has\n%s", out)
	}
}

func TestTextsReport_BadArguments_AreNamed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "none")
	for args, want := range map[string]string{
		"--days 0": "--days must be a number of days from 1 to 90", "--days 91": "from 1 to 90", "--from yesterday": "--from must be a day such as",
		"--by colour": "--by must be some of day, country", "--country India": "--country must be codes of countries", "--format xml": "--format must be table, csv, json or svg",
		"--days 3 --from 2026-08-01": "either --days or --from", "--to 2026-08-01": "--to needs --from", "--from 2026-08-02 --to 2026-08-01": "--from must be --to or earlier",
	} {
		refuse(t, exitUsage, want, append([]string{"texts", "report", "--data", data}, strings.Fields(args)...)...)
	}
	refuse(t, exitFailed, "there is no database", "texts", "report", "--data", data)
}
