package endtoend

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/lambdatest"
	"github.com/bellhop-auth/bellhop/internal/pack/packtest"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// pack is bellhop-lambda as a function of the server's own machine, with a DynamoDB
// that runs here, something that takes texts as SNS does, and the server itself in
// the place of Cognito.
type pack struct {
	folder      string
	environment map[string]string
}

func newPack(tb testing.TB, phones sms.Sender, cognito string) *pack {
	tb.Helper()
	folder := tb.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(folder, "bootstrap"), "../../cmd/bellhop-lambda")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build: %v\n%s", err, out)
	}
	_, table := packtest.Table(tb)
	environment := map[string]string{
		"BELLHOP_TABLE": table, "BELLHOP_KEY": strings.Repeat("not-so-random-", 5),
		"BELLHOP_SENDER": "sns", "BELLHOP_COUNTRIES": "IN",
		"AWS_ACCESS_KEY_ID": lambdatest.KeyID, "AWS_SECRET_ACCESS_KEY": lambdatest.Secret,
		"AWS_ENDPOINT_URL_DYNAMODB": packtest.Dynalite(tb), "AWS_ENDPOINT_URL_SNS": publisher(tb, phones),
		"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": cognito,
	}
	for _, limit := range []string{"POOL_HOUR", "POOL_DAY"} {
		environment["BELLHOP_LIMIT_"+limit] = "off"
	}
	return &pack{folder, environment}
}

// entry is of the function with those settings.
func (p *pack) entry(tb testing.TB, settings map[string]string) string {
	tb.Helper()
	all := maps.Clone(p.environment)
	maps.Copy(all, settings)
	return localEntry(tb, p.folder, "command: [./bootstrap]", all)
}

// publisher takes texts as Amazon SNS does (Publish, in the Query protocol).
func publisher(tb testing.TB, phones sms.Sender) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Form.Get("Action") != "Publish" {
			tb.Errorf("SNS is asked for %q, %v", r.Form.Get("Action"), err)
		}
		if err := deliver(r, phones, r.Form.Get("PhoneNumber"), r.Form.Get("Message")); err != nil {
			tb.Errorf("SNS is given a text that is none: %v", err)
		}
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>%s</MessageId></PublishResult></PublishResponse>`, uuid.NewString())
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

// door is an address of the server that is known before the server starts.
type door struct {
	*httptest.Server
	to chan *url.URL // has the server's own once it is known
}

func newDoor(tb testing.TB) *door {
	d := &door{to: make(chan *url.URL, 1)}
	d.Server = httptest.NewServer(relay(func() *url.URL {
		to := <-d.to
		d.to <- to
		return to
	}))
	tb.Cleanup(d.Close)
	return d
}

// relay passes requests on to a server. It reads a body first: a ReverseProxy that still
// looks for more of it when the answer comes is told that it is closed, gives the
// connection up for that, and cuts the answer off.
func relay(to func() *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to())
		r.Out.Host = r.In.Host // which is signed
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})
}

// open says where the server is.
func (d *door) open(base string) {
	to, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	d.to <- to
}
