package awsaccount_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// watched is SNS, and whether it is asked while nobody waits for who asks.
type watched struct {
	*amazon
	aside, inside int
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.aside == 0 {
		w.inside++
	}
	return w.amazon.RoundTrip(r)
}

// A stranger's post can have SNS asked: what others wait for must not be held over it.
func TestReadPost_AsksSNS_StandingAside(t *testing.T) {
	w := &watched{amazon: newAmazon(t)}
	caller := open(t, byMessage, w, "topic-arn", ourTopic).(sms.Caller)
	confirms := map[string]string{"Type": "SubscriptionConfirmation", "Token": "233", "SubscribeURL": subscribe}
	for _, members := range []map[string]string{nil, confirms} {
		post := sms.Post{Body: w.posted(t, "2", members), Aside: func() func() {
			w.aside++
			return func() { w.aside-- }
		}}
		if _, err := caller.ReadPost(t.Context(), day, post); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.asked) != 2 || w.inside != 0 || w.aside != 0 {
		t.Errorf("asked %q, %d times in the way of others, and left %d aside", w.asked, w.inside, w.aside)
	}
}

// Nor must he be able to keep us from what SNS posts.
func TestReadPost_StrangersNameManyCertificates_SNSIsStillBelieved(t *testing.T) {
	a := newAmazon(t)
	caller := a.caller(t, byMessage, ourTopic)
	if _, err := read(t, caller, day, a.posted(t, "2", nil)); err != nil {
		t.Fatal(err)
	}
	later := day.Add(25 * time.Hour)
	now := map[string]string{"Timestamp": later.Format("2006-01-02T15:04:05.000Z")}
	for i := range 20 {
		now["SigningCertURL"] = fmt.Sprintf("https://%s/SimpleNotificationService-%d.pem", snsHost, i)
		if _, err := read(t, caller, later, a.posted(t, "2", now)); err == nil {
			t.Fatal("a certificate that is not there is believed")
		}
	}
	delete(now, "SigningCertURL")
	if _, err := read(t, caller, later, a.posted(t, "2", now)); err != nil {
		t.Errorf("what SNS signed is not believed: %v", err)
	}
}
