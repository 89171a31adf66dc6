package twilio_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/providertest"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

// site is a transport that plays Twilio's hosts, and keeps what was asked by whom.
type site struct {
	answers map[string]string // by host and path: the status in words, and the body
	asked   []string
}

func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	user, _, _ := r.BasicAuth()
	s.asked = append(s.asked, r.Method+" "+r.URL.Host+r.URL.RequestURI()+" by "+user)
	for status := range 600 {
		if body, ok := strings.CutPrefix(s.answers[r.URL.Host+r.URL.Path], http.StatusText(status)); ok && http.StatusText(status) != "" {
			return providertest.Response(status, body), nil
		}
	}
	return providertest.Response(http.StatusNotFound, ""), nil
}

func TestProbe_SaysWhatIsWrongWithTheAccount(t *testing.T) {
	const (
		of       = "api.twilio.com/2010-04-01/Accounts/" + account
		services = "messaging.twilio.com/v1/Services/" + service
		active   = `OK {"sid": "` + account + `", "status": "active", "type": "Full"}`
	)
	for name, c := range map[string]struct {
		settings []string
		answers  map[string]string
		want     string // in the error; "" for none
		asked    int
	}{
		"active":        {nil, map[string]string{of + ".json": active}, "", 1},
		"suspended":     {nil, map[string]string{of + ".json": `OK {"status": "suspended", "type": "Full"}`}, `"suspended", not active`, 1},
		"trial":         {nil, map[string]string{of + ".json": `OK {"status": "active", "type": "Trial"}`}, "is a trial", 1},
		"wrong token":   {nil, map[string]string{of + ".json": `Unauthorized {"code": 20003, "message": "Authenticate", "status": 401}`}, "credentials are wrong", 1},
		"no JSON":       {nil, map[string]string{of + ".json": `OK <html>`}, "not active", 1},
		"another error": {nil, map[string]string{of + ".json": `Forbidden`}, "status 403", 1},

		"test credentials":            {[]string{"test-credentials", "true", "from", "+15005550006"}, map[string]string{of + ".json": `Forbidden {"code": 20008, "status": 403}`}, "", 1},
		"test credentials, not said":  {nil, map[string]string{of + ".json": `Forbidden {"code": 20008, "status": 403}`}, "these are test credentials", 1},
		"said to be test credentials": {[]string{"test-credentials", "true", "from", "+15005550006"}, map[string]string{of + ".json": active}, "no test credentials", 1},

		"service":    {[]string{"from", "", "messaging-service-sid", service}, map[string]string{of + ".json": active, services: `OK {"sid": "` + service + `"}`}, "", 2},
		"no service": {[]string{"from", "", "messaging-service-sid", service}, map[string]string{of + ".json": active}, "no such messaging service", 2},

		"key":               {[]string{"auth-token", "", "api-key-sid", key, "api-key-secret", secret}, map[string]string{of + "/Messages.json": `OK {"messages": []}`}, "", 1},
		"wrong key":         {[]string{"auth-token", "", "api-key-sid", key, "api-key-secret", secret}, map[string]string{of + "/Messages.json": `Unauthorized {"code": 20003}`}, "credentials are wrong", 1},
		"key and token":     {[]string{"api-key-sid", key, "api-key-secret", secret}, map[string]string{of + ".json": active, of + "/Messages.json": `OK {"messages": []}`}, "", 2},
		"token of no use":   {[]string{"api-key-sid", key, "api-key-secret", secret}, map[string]string{of + ".json": `Unauthorized {"code": 20003}`}, "credentials are wrong", 1},
		"key of another":    {[]string{"api-key-sid", key, "api-key-secret", secret}, map[string]string{of + ".json": active}, "status 404", 2},
		"another region":    {[]string{"base-url", "https://api.dublin.ie1.twilio.com", "from", "", "messaging-service-sid", service}, map[string]string{strings.Replace(of, "api.", "api.dublin.ie1.", 1) + ".json": active, strings.Replace(services, "messaging.", "messaging.dublin.ie1.", 1): "OK {}"}, "", 2},
		"an emulator's own": {[]string{"base-url", "http://localhost:4010/", "from", "", "messaging-service-sid", service}, map[string]string{"localhost:4010" + strings.TrimPrefix(of, "api.twilio.com") + ".json": active, "localhost:4010" + strings.TrimPrefix(services, "messaging.twilio.com"): "OK {}"}, "", 2},
	} {
		at := &site{answers: c.answers}
		err := sender(t, provider.Options{Values: values("https://api.twilio.com", c.settings...), Transport: at}).(sms.Prober).Probe(t.Context())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if len(at.asked) != c.asked {
			t.Errorf("%s: asked %q", name, at.asked)
		}
		for _, asked := range at.asked {
			if !strings.HasPrefix(asked, "GET ") || err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("%s: %s, %v", name, asked, err)
			}
		}
	}
}
