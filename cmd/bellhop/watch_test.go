package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/tracetest"
)

var metricsURL = regexp.MustCompile(`http://[0-9.:]+/metrics`)

// scrape returns the page of metrics at the address that the log tells.
func (p *process) scrape() string {
	p.t.Helper()
	res, err := http.Get(metricsURL.FindString(p.stderr.String()))
	if err != nil {
		p.t.Fatalf("%v; the log is %s", err, p.stderr)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("/metrics: %s, %v", res.Status, err)
	}
	return string(body)
}

func TestServe_Metrics_AreOnTheirOwnAddressAlone(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
	api := sdkWithKey(p.url, "", "")
	if _, err := api.SignUp(context.Background(), &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)}); err == nil {
		t.Fatal("a sign-up without a sender succeeded")
	}
	page := p.scrape()
	for _, want := range []string{
		`bellhop_requests_total{operation="SignUp",outcome="CodeDeliveryFailureException"} 1`,
		`bellhop_store_duration_seconds_count{call="view"}`, `bellhop_outbox_overdue_seconds 0`,
		`bellhop_build_info{goversion="go`, "go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(page, number[1:]) {
		t.Error("the page has a number")
	}
	p.wantNoMetrics()
	p.endWell()
	if strings.Contains(p.stderr.String(), "metrics are served no longer") {
		t.Errorf("an ordered stop is called a failure:\n%s", p.stderr)
	}
}

// wantNoMetrics asks the public address for metrics.
func (p *process) wantNoMetrics() {
	p.t.Helper()
	if res, body := p.get("/metrics"); res.StatusCode != http.StatusNotFound || strings.Contains(body, "bellhop_") {
		p.t.Errorf("the public address answers /metrics with %s: %s", res.Status, body)
	}
}

func TestServe_WithoutASetting_HasNoMetrics(t *testing.T) {
	p := start(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	p.wantNoMetrics()
	if strings.Contains(p.stderr.String(), "metrics") {
		t.Errorf("the log speaks of metrics:\n%s", p.stderr)
	}
	p.endWell()
}

func TestServe_MetricsAddressThatIsTaken_IsOneSentenceAndMakesNoDatabase(t *testing.T) {
	p := start(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	taken, data := strings.TrimPrefix(p.url, "http://"), t.TempDir()+"/data"
	code, _, stderr := once(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--metrics-listen", taken)
	if code != exitFailed || !strings.HasPrefix(stderr, "bellhop: cannot listen on "+taken+" for metrics: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	absent(t, data)
	p.endWell()
}

// proxied is a transport that sends what a proxy in front adds.
type proxied struct{ header http.Header }

func (p proxied) RoundTrip(r *http.Request) (*http.Response, error) {
	for k, v := range p.header {
		r.Header[k] = v
	}
	return http.DefaultTransport.RoundTrip(r)
}

const (
	proxysTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	proxysSpan  = "00f067aa0ba902b7"
)

func TestServe_Traces_FollowASignUpAndHoldNothingOfTheUser(t *testing.T) {
	sink, collector, data := smstest.NewSink(t), tracetest.New(t), t.TempDir()
	createPool(t, data)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	p := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL}, "serve", "--data", data, "--listen", "127.0.0.1:0",
		"--trusted-proxies", "127.0.0.1/32", "--sms", "webhook:"+sink.URL, "--metrics-listen", "127.0.0.1:0")
	api := cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: &p.url, Credentials: credentials.NewStaticCredentialsProvider("none", "none", ""),
		HTTPClient: &http.Client{Transport: proxied{http.Header{
			"Traceparent": {"00-" + proxysTrace + "-" + proxysSpan + "-01"}, "X-Forwarded-For": {"203.0.113.7"},
		}}},
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	up, err := api.SignUp(ctx, &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := sink.Nth(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	code := smstest.CodeIn(text.Body)
	confirmed, err := api.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: ptr(clientID), Username: ptr(number), ConfirmationCode: &code})
	if err != nil {
		t.Fatal(err)
	}
	page := p.scrape()
	p.endWell() // which hands over what waits

	request := collector.Named("SignUp")
	if request.Trace != proxysTrace || request.Parent != proxysSpan || request.Attributes["bellhop.outcome"] != "success" || request.Attributes["bellhop.pool"] != poolID {
		t.Errorf("the request's span: %+v", request)
	}
	calls := map[string]int{}
	for _, s := range collector.Children(request) {
		calls[s.Name]++
	}
	if calls["store.View"] == 0 || calls["store.Update"] != 1 || len(calls) != 2 {
		t.Errorf("the request's transactions: %v", calls)
	}
	sent := collector.Named("message.send")
	if sent.Parent != "" || sent.Trace == proxysTrace || sent.Attributes["bellhop.message.outcome"] != "taken" || sent.Attributes["bellhop.message.purpose"] != "sign_up" {
		t.Errorf("the message's span: %+v", sent)
	}
	if !strings.Contains(p.stderr.String(), `"trace_id":"`+proxysTrace+`"`) || !strings.Contains(p.stderr.String(), `"store_ms":`) {
		t.Errorf("the log has no trace or no time of the store:\n%s", p.stderr)
	}
	for what, secret := range map[string]string{"code": code, "number": number[1:], "user": *up.UserSub, "session": *confirmed.Session, "client": clientID, "webhook": sink.URL} {
		for _, s := range collector.Spans() {
			if strings.Contains(s.Raw, secret) {
				t.Errorf("the %s is in the span %+v", what, s)
			}
		}
		if strings.Contains(page, secret) && what != "code" { // six digits may be a time's
			t.Errorf("the %s is on the page of metrics", what)
		}
	}
}

func TestServe_CollectorOutOfReach_CostsOneLine(t *testing.T) {
	const nowhere = "http://127.0.0.1:1"
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	p := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + nowhere}, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	api := sdkWithKey(p.url, "", "")
	for range 20 {
		_, err := api.InitiateAuth(context.Background(), &cip.InitiateAuthInput{ClientId: ptr(clientID), AuthFlow: "CUSTOM_AUTH", AuthParameters: map[string]string{"USERNAME": number}})
		if !errors.As(err, new(*types.ResourceNotFoundException)) {
			t.Fatal(err)
		}
	}
	p.endWell()
	if n := strings.Count(p.stderr.String(), "traces cannot be handed to the collector"); n != 1 {
		t.Errorf("%d lines:\n%s", n, p.stderr)
	}
}

func TestServe_EndpointThatIsNoURL_IsOneSentence(t *testing.T) {
	data := t.TempDir() + "/data"
	code, _, stderr := once(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=collector"}, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if code != exitUsage || stderr != "bellhop: OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://127.0.0.1:4318\n" {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	absent(t, data)
}
