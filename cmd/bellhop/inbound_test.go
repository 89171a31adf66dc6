package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/hook"
)

func TestServe_InboundTexts_AreTakenWhereTheSecretIsSet(t *testing.T) {
	t.Parallel()
	const secret, text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"id":"SM1","from":"+14155550123","body":"BELLHOP 7KQ2MX9D"}`
	signer, err := hook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	post := func(p *process, sign bool) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, p.url+"/inbound-text", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if sign {
			if err := signer.Sign(req.Header, "m-1", time.Now(), []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	p := start(t, []string{"BELLHOP_INBOUND_TEXT_SECRET=" + secret}, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	if signed, unsigned := post(p, true), post(p, false); signed != http.StatusNoContent || unsigned != http.StatusUnauthorized {
		t.Errorf("answered %d, and unsigned %d", signed, unsigned)
	}
	p = start(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	if got := post(p, true); got != http.StatusBadRequest {
		t.Errorf("without the secret: %d", got)
	}
}
