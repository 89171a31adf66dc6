package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
)

// Probe implements sms.Prober: it reads the account and the messaging service.
func (s *Sender) Probe(ctx context.Context) error {
	if s.token != "" {
		if err := s.probeAccount(ctx); err != nil || s.test {
			return err
		}
	}
	if s.user != s.account {
		if err := s.probeKey(ctx); err != nil {
			return err
		}
	}
	if s.service == "" {
		return nil
	}
	return s.probeService(ctx)
}

// probeAccount reads the account by its auth token. Credentials for tests may not:
// https://www.twilio.com/docs/iam/test-credentials.
func (s *Sender) probeAccount(ctx context.Context) error {
	a, r, err := s.get(ctx, s.address(".json"), s.account, s.token)
	if err != nil {
		return err
	}
	code := r.Code.String()
	status, _ := r.Status.(string)
	switch {
	case s.test && (a.Status == http.StatusForbidden || code == "20008"):
		return nil
	case s.test && a.Status == http.StatusOK:
		return errors.New("twilio: these are no test credentials, though test-credentials says so")
	case code == "20008":
		return errors.New("twilio: these are test credentials, which text nobody; test-credentials: true says that this is meant")
	case a.Status != http.StatusOK:
		return s.refusal(a.Status, httpsms.Code(code))
	case status != "active":
		return fmt.Errorf("twilio: the account is %q, not active", httpsms.Code(status))
	case r.Type == "Trial":
		return errors.New("twilio: the account is a trial, which texts only numbers that were verified in Twilio's console")
	}
	return nil
}

// probeKey asks for texts of a day that has not come, of which there are none: an
// ordinary API key may read those, and not the account:
// https://www.twilio.com/docs/api/errors/20003.
func (s *Sender) probeKey(ctx context.Context) error {
	a, r, err := s.get(ctx, s.address("/Messages.json")+"?PageSize=1&DateSent=2100-01-01", s.user, s.password)
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return s.refusal(a.Status, httpsms.Code(r.Code.String()))
	}
	return nil
}

// probeService reads the messaging service:
// https://www.twilio.com/docs/messaging/api/service-resource.
func (s *Sender) probeService(ctx context.Context) error {
	a, r, err := s.get(ctx, messaging(s.base)+"/v1/Services/"+url.PathEscape(s.service), s.user, s.password)
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusNotFound:
		return errors.New("twilio: the account has no such messaging service")
	case a.Status != http.StatusOK:
		return s.refusal(a.Status, httpsms.Code(r.Code.String()))
	}
	return nil
}

// messaging is where the API of messaging services is: on another host of Twilio's, at
// an emulator on the same.
func messaging(base string) string {
	host, ok := strings.CutPrefix(base, "https://api.")
	if !ok || !strings.HasSuffix(host, "twilio.com") {
		return base
	}
	return "https://messaging." + host
}

func (s *Sender) get(ctx context.Context, address, user, password string) (httpsms.Answer, reply, error) {
	var r reply
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return httpsms.Answer{}, r, errors.New("twilio: the request cannot be made")
	}
	req.SetBasicAuth(user, password)
	a, err := s.client.Do(req)
	if err != nil {
		return a, r, errors.Unwrap(err) // nothing was to be sent
	}
	_ = json.Unmarshal(a.Body, &r) // what is none has no status, so that it is not active
	return a, r, nil
}
