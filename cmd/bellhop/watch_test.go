package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
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
