package texts_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/pack/texts"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const india, germany = "+919876543210", "+4917612345678"

func awsAt(url string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func text(to string) sms.Message {
	return sms.Message{ID: "challenge", To: phone.FromCanonical(to), Body: "Your code is 123456."}
}

// service is a stand-in that keeps the last body and answers what it is told to.
func service(t *testing.T, status int, answer string) (url string, body func() string) {
	t.Helper()
	var last string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read, _ := io.ReadAll(r.Body)
		last = string(read)
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() string { return last }
}

var all = pack.Settings{
	SenderID: "BELL", OriginationIdentity: "+12065550100", ConfigurationSet: "set", MaxPrice: "0.50",
	DLTEntityID: "entity", DLTTemplateID: "template",
}

const published = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>`

func TestSNS_Send_SaysWhatTheSettingsSay(t *testing.T) {
	for name, c := range map[string]struct {
		to       string
		settings pack.Settings
		want     map[string]string
	}{
		"to India": {india, all, map[string]string{
			"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": "BELL", "AWS.SNS.SMS.MaxPrice": "0.50",
			"AWS.MM.SMS.OriginationNumber": "+12065550100", "AWS.MM.SMS.EntityId": "entity", "AWS.MM.SMS.TemplateId": "template",
		}},
		"to elsewhere": {germany, pack.Settings{DLTEntityID: "entity", DLTTemplateID: "template"}, map[string]string{"AWS.SNS.SMS.SMSType": "Transactional"}},
	} {
		t.Run(name, func(t *testing.T) {
			address, body := service(t, 200, published)
			receipt, err := texts.NewSNS(awsAt(address), c.settings).Send(context.Background(), text(c.to))
			if err != nil || receipt.ProviderID != "m-1" {
				t.Fatal(receipt, err)
			}
			form, err := url.ParseQuery(body())
			if err != nil || form.Get("Action") != "Publish" || form.Get("PhoneNumber") != c.to || form.Get("Message") != "Your code is 123456." {
				t.Fatalf("%v, %v", form, err)
			}
			got := map[string]string{}
			for key, name := range form {
				if entry, ok := strings.CutSuffix(key, ".Name"); ok {
					got[name[0]] = form.Get(entry + ".Value.StringValue")
				}
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("attributes %v, want %v", got, c.want)
			}
		})
	}
}

func TestEndUserMessaging_Send_SaysWhatTheSettingsSay(t *testing.T) {
	for name, c := range map[string]struct {
		to       string
		settings pack.Settings
		want     map[string]any
	}{
		"to India": {india, all, map[string]any{
			"DestinationPhoneNumber": india, "MessageBody": "Your code is 123456.", "MessageType": "TRANSACTIONAL", "TimeToLive": 600.0,
			"OriginationIdentity": "+12065550100", "ConfigurationSetName": "set", "MaxPrice": "0.50",
			"DestinationCountryParameters": map[string]any{"IN_ENTITY_ID": "entity", "IN_TEMPLATE_ID": "template"},
		}},
		"to elsewhere": {germany, pack.Settings{DLTEntityID: "entity", DLTTemplateID: "template"}, map[string]any{
			"DestinationPhoneNumber": germany, "MessageBody": "Your code is 123456.", "MessageType": "TRANSACTIONAL", "TimeToLive": 600.0,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address, body := service(t, 200, `{"MessageId":"m-2"}`)
			receipt, err := texts.NewEndUserMessaging(awsAt(address), c.settings).Send(context.Background(), text(c.to))
			if err != nil || receipt.ProviderID != "m-2" {
				t.Fatal(receipt, err)
			}
			want, _ := json.Marshal(c.want)
			var sent map[string]any
			if err := json.Unmarshal([]byte(body()), &sent); err != nil {
				t.Fatal(err)
			}
			if got, _ := json.Marshal(sent); string(got) != string(want) {
				t.Errorf("sent %s, want %s", got, want)
			}
		})
	}
}

// What services say repeats the number, and now and then the text.
func TestSend_Failed_SaysWhatIsKnownAndNoNumber(t *testing.T) {
	const snsRefusal = `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>Invalid parameter: PhoneNumber Reason: +4917612345678 is not valid</Message></Error></ErrorResponse>`
	refused, _ := service(t, 400, snsRefusal)
	throttled, _ := service(t, 400, `<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>`)
	broken, _ := service(t, 500, `<ErrorResponse><Error><Code>InternalError</Code><Message>+4917612345678</Message></Error></ErrorResponse>`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	eums, _ := service(t, 400, `{"__type":"ConflictException","Message":"+4917612345678 opted out","Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT"}`)
	for name, c := range map[string]struct {
		sender sms.Sender
		want   sms.Outcome
		says   string
	}{
		"refused":     {texts.NewSNS(awsAt(refused), all), sms.SurelyNotSent, "InvalidParameter"},
		"throttled":   {texts.NewSNS(awsAt(throttled), all), sms.NotYet, "Throttling"},
		"broken":      {texts.NewSNS(awsAt(broken), all), sms.MaybeSent, "500"},
		"unreachable": {texts.NewSNS(awsAt(closed), all), sms.NotYet, "refused"},
		"eums":        {texts.NewEndUserMessaging(awsAt(eums), all), sms.RefusedForEver, "ConflictException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.sender.Send(context.Background(), text(germany))
			if err == nil || sms.OutcomeOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s with %s", err, c.want, c.says)
			}
			if slices.ContainsFunc([]string{germany[1:], "123456"}, func(s string) bool { return strings.Contains(err.Error(), s) }) {
				t.Errorf("it tells too much: %v", err)
			}
		})
	}
}
