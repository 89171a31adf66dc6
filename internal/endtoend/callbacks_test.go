package endtoend

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// sums are those of a report of texts.
type sums struct {
	Asked, Sent, Maybe, Unsent, Expired, Delivered, Failed, Used, Segments int
	USD                                                                    float64
}

// report is `bellhop texts report` beside the server, by provider.
func (s *site) report() (total sums, by map[string]sums) {
	s.tb.Helper()
	var r struct {
		Total  sums
		Groups []struct {
			Of struct{ Provider string }
			sums
		}
	}
	if err := json.Unmarshal([]byte(s.run("texts", "report", "--by", "provider", "--format", "json")), &r); err != nil {
		s.tb.Fatal(err)
	}
	by = map[string]sums{}
	for _, g := range r.Groups {
		by[g.Of.Provider] = g.sums
	}
	return r.Total, by
}

// reported waits until the report is as it is to be.
func (s *site) reported(ctx context.Context, t *testing.T, what string, done func(total sums) bool) {
	t.Helper()
	for {
		total, by := s.report()
		if done(total) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the report does not come to %s: %+v", what, by)
		case <-time.After(50 * time.Millisecond): // until it is written down
		}
	}
}

// tell posts a form to one node as Twilio does, signed with the token, to an address of
// the public URL, and again where it is told to come again.
func tell(ctx context.Context, t *testing.T, n *node, address string, form url.Values, token string) (status int, answer string) {
	for {
		status, answer = tellOnce(ctx, t, n, address, form, token)
		if status != http.StatusServiceUnavailable {
			return status, answer
		}
		<-time.After(100 * time.Millisecond) // as told
	}
}

func tellOnce(ctx context.Context, t *testing.T, n *node, address string, form url.Values, token string) (status int, answer string) {
	signed := address
	for _, name := range slices.Sorted(maps.Keys(form)) {
		signed += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(signed))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.Replace(address, publicURL, n.base(), 1), strings.NewReader(form.Encode()))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(body)
}

// statusOf is what Twilio posts of a text:
// https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
func statusOf(e entry, status string) url.Values {
	form := url.Values{"AccountSid": {twilioAccount}, "ApiVersion": {"2010-04-01"}, "From": {"+15017122661"}, "To": {e.to},
		"MessageSid": {e.ref}, "SmsSid": {e.ref}, "MessageStatus": {status}, "SmsStatus": {status}}
	if status == "undelivered" || status == "failed" {
		form.Set("ErrorCode", "30003")
	}
	return form
}

// texted is what Twilio posts of a text that came in:
// https://www.twilio.com/docs/messaging/guides/webhook-request.
func texted(from, body, sid string) url.Values {
	return url.Values{"AccountSid": {twilioAccount}, "ApiVersion": {"2010-04-01"}, "From": {from}, "To": {"+15017122661"}, "Body": {body},
		"MessageSid": {sid}, "SmsSid": {sid}, "SmsStatus": {"received"}, "NumMedia": {"0"}, "NumSegments": {"1"}}
}

const otherToken = "00000000000000000000000000000000"

// mainAndSpare is a delivery file of two carriers, of which the first speaks Twilio's API.
func mainAndSpare(x *exchange, m mood, more string) (main *carrier, file string) {
	main = x.carrier("main", byTwilio, m)
	spare := x.carrier("spare", byWebhook, well)
	return main, "help: Codes of the shop. STOP ends them.\nproviders:\n" + main.line(more) + spare.line("")
}

// newcomer is somebody who has signed up, and his line in the carriers' books.
type newcomer struct {
	entry
	sdk *cip.Client
}

// newcomers signs people up and waits for their texts.
func newcomers(ctx context.Context, t *testing.T, s *site, x *exchange, b *balancer, many int) (all []newcomer) {
	t.Helper()
	var mu sync.Mutex // guards all
	var people sync.WaitGroup
	for range many {
		number, sdk := street{digit: 1}.number(), s.somebody(b)
		people.Go(func() {
			if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); err != nil {
				t.Error(err)
			} else if _, err := s.codeOf(ctx, number, 1); err != nil {
				t.Error(err)
			} else {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, newcomer{x.of(number)[0], sdk})
			}
		})
	}
	people.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// TestDelivery_Receipts posts receipts ten times, in the wrong order, forged and of texts
// that nobody knows, and many of both while people sign in.
func TestDelivery_Receipts_MoveTheirOwnTextForwardAndNothingElse(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	_, file := mainAndSpare(x, well, "")
	s := delivering(t, x, file, proxied)
	s.makePool()
	s.start()
	ctx, b := bounded(t, time.Duration(often(2, 30))*time.Minute), newBalancer(t, s.node)
	lines := newcomers(ctx, t, s, x, b, 9)
	s.reported(ctx, t, "nine texts", func(r sums) bool { return r.Sent == len(lines) })
	before, _ := s.report()

	for _, e := range lines { // nothing of this is true
		stranger := e.entry
		stranger.ref = fmt.Sprintf("SM%032x", 1)
		for what, c := range map[string]struct {
			address, token string
			form           url.Values
			status         int
		}{
			"another's token":        {e.callback, otherToken, statusOf(e.entry, "undelivered"), http.StatusForbidden},
			"another address":        {publicURL + "/callbacks/spare?id=" + e.id, twilioToken, statusOf(e.entry, "delivered"), http.StatusForbidden},
			"a text that came in":    {publicURL + "/callbacks/main", otherToken, texted(e.to, "STOP", "SM1"), http.StatusForbidden},
			"another's id of it":     {e.callback, twilioToken, statusOf(stranger, "delivered"), http.StatusOK},
			"an id that nobody made": {publicURL + "/callbacks/main?id=" + uuid.NewString(), twilioToken, statusOf(stranger, "failed"), http.StatusOK},
		} {
			if status, _ := tell(ctx, t, s.node, c.address, c.form, c.token); status != c.status {
				t.Errorf("%s: %d, want %d", what, status, c.status)
			}
		}
	}
	if after, _ := s.report(); !reflect.DeepEqual(after, before) {
		t.Errorf("the report was %+v and is %+v after posts that say nothing true", before, after)
	}

	// Six arrive, and their network says everything else beside it; three do not.
	arrived, lost := lines[:6], lines[6:]
	var posts sync.WaitGroup
	post := func(e newcomer, statuses ...string) {
		posts.Go(func() {
			for range 10 {
				for _, status := range statuses {
					if got, _ := tell(ctx, t, s.node, e.callback, statusOf(e.entry, status), twilioToken); got != http.StatusOK {
						t.Errorf("%s: %d", status, got)
					}
				}
			}
		})
	}
	for _, e := range arrived {
		post(e, "delivered", "sent", "undelivered", "queued", "failed")
	}
	for _, e := range lost {
		post(e, "undelivered", "sent", "failed")
	}
	posts.Wait()
	for _, e := range lost {
		if err := awaitTextsTo(ctx, x, e.to, 2); err != nil {
			t.Fatalf("a text that did not arrive is not sent again: %v\n%s", err, s.log)
		}
	}
	s.reported(ctx, t, "six delivered, three failed and sent again", func(r sums) bool {
		return r.Asked == 12 && r.Sent == 12 && r.Delivered == 6 && r.Failed == 3
	})
	for i, e := range lines {
		book, want := x.of(e.to), 1
		if i >= len(arrived) {
			want = 2
		}
		if len(book) != want || book[want-1].body != e.body || want == 2 && book[1].carrier != "spare" {
			t.Errorf("after its receipts a text has the tries %v", book)
		}
	}

	// A flood of posts, half of them forged.
	var flood, people sync.WaitGroup
	var done, busy atomic.Int64
	flooded := make(chan struct{})
	posted := int64(often(4000, 100_000))
	for range 16 {
		flood.Go(func() {
			for {
				n := done.Add(1)
				if n > posted {
					return
				}
				e := entry{ref: fmt.Sprintf("SM%032x", n), to: "+4915100000000"}
				token, want := twilioToken, http.StatusOK
				if n%2 == 0 {
					e, token, want = lines[n%int64(len(lines))].entry, otherToken, http.StatusForbidden
				}
				status, _ := tellOnce(ctx, t, s.node, publicURL+"/callbacks/main?id="+uuid.NewString(), statusOf(e, "failed"), token)
				if status == http.StatusServiceUnavailable {
					busy.Add(1)
				} else if status != want {
					t.Errorf("in a flood a post is answered with %d, want %d", status, want)
				}
			}
		})
	}
	go func() { flood.Wait(); close(flooded) }()
	var lives atomic.Int64
	for range 8 {
		sdk := s.speak(s.network(b), retry.NewStandard())
		people.Go(func() {
			for ended := false; !ended; {
				select {
				case <-flooded:
					ended = true // after one more
				default:
				}
				number := street{digit: 1}.number()
				_, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number})
				if err == nil {
					err = confirmAndSignIn(ctx, s, sdk, number)
				}
				if err != nil {
					t.Errorf("a sign-in beside a flood of posts: %v", err)
					return
				}
				lives.Add(1)
			}
		})
	}
	people.Wait()
	if after, _ := s.report(); after.Delivered != 6 || after.Failed != 3 {
		t.Errorf("after a flood of posts that say nothing true the report is %+v", after)
	}
	t.Logf("%d sign-ups and sign-ins beside %d posts, of which %d were to come again", lives.Load(), posted, busy.Load())
	s.stop()
	if strings.Contains(s.log.String(), lines[0].to[1:]) || strings.Contains(s.log.String(), twilioToken) {
		t.Error("the log holds a number or the token")
	}
}

func awaitTextsTo(ctx context.Context, x *exchange, number string, n int) error {
	_, err := x.Nth(ctx, number, n)
	return err
}

// TestDelivery_StopStartAndHelp texts in by Twilio's signed post.
func TestDelivery_StopStartAndHelp_AreHeard(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	_, file := mainAndSpare(x, well, "")
	s := delivering(t, x, file)
	s.makePool()
	s.start()
	ctx := bounded(t, time.Minute)
	e := newcomers(ctx, t, s, x, newBalancer(t, s.node), 1)[0]
	if err := confirmAndSignIn(ctx, s, e.sdk, e.to); err != nil {
		t.Fatal(err)
	}
	in := func(body, sid, token string) (int, string) {
		return tell(ctx, t, s.node, publicURL+"/callbacks/main", texted(e.to, body, sid), token)
	}
	texts := len(distinct(x.TextsTo(e.to)))
	signIn := func(want bool, when string) {
		t.Helper()
		a, err := start(ctx, s, e.sdk, e.to, texts+1)
		switch {
		case want && err == nil:
			texts++
			if _, err := a.give(ctx, s, e.sdk); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		case want:
			t.Errorf("%s: %v", when, err)
		case err == nil || !strings.Contains(err.Error(), "CodeDeliveryFailureException"):
			t.Errorf("%s: %v", when, err)
		}
	}
	if status, _ := in("STOP", "SM01", otherToken); status != http.StatusForbidden {
		t.Errorf("a forged STOP: %d", status)
	}
	if status, answer := in("help", "SM02", twilioToken); status != http.StatusOK || !strings.Contains(answer, "<Message>Codes of the shop. STOP ends them.</Message>") {
		t.Errorf("HELP: %d %s", status, answer)
	}
	signIn(true, "after a forged STOP")
	for range 2 {
		if status, answer := in(" Stop ", "SM03", twilioToken); status != http.StatusOK || strings.Contains(answer, "<Message>") {
			t.Errorf("STOP: %d %s", status, answer)
		}
	}
	signIn(false, "after STOP")
	if status, _ := in("START", "SM04", twilioToken); status != http.StatusOK {
		t.Errorf("START: %d", status)
	}
	in("STOP", "SM03", twilioToken) // posted again, late: Twilio's signature is good for ever
	for range 3 {
		in("START", "SM04", twilioToken)
	}
	in("STOP", "SM03", twilioToken)
	signIn(true, "after START, and a STOP that is known")
	s.stop()
	if n := len(x.TextsTo(e.to)); n != texts {
		t.Errorf("%d texts, want %d", n, texts)
	}
}

// TestDelivery_Kill kills the server when a carrier has taken texts and not yet said so.
func TestDelivery_KillBetweenAcceptanceAndRecord_OneMoreTextWithTheSameCode(t *testing.T) {
	t.Parallel()
	for range often(1, 20) {
		x := newExchange(t)
		main, file := mainAndSpare(x, silent, ", timeout: 8s")
		s := delivering(t, x, file, proxied)
		s.makePool()
		s.start()
		ctx := bounded(t, 2*time.Minute)
		b := newBalancer(t, s.node)
		lines := newcomers(ctx, t, s, x, b, 10)
		s.kill()
		main.become(well)
		s.start()
		for _, e := range lines[:5] { // who waits asks again
			if _, err := e.sdk.ResendConfirmationCode(ctx, &cip.ResendConfirmationCodeInput{ClientId: &s.client, Username: &e.to}); err != nil {
				t.Error(err)
			}
		}
		for _, e := range lines[5:] { // or waits: the claims of the dead are free after half a minute
			if err := awaitTextsTo(ctx, x, e.to, 2); err != nil {
				t.Fatalf("a text that the dead claimed is not sent: %v\n%s", err, s.log)
			}
		}
		// What was killed over is counted once, as is what was asked for again.
		s.reported(ctx, t, "all texts", func(r sums) bool { return r.Sent >= 10 && r.Asked == r.Sent })
		total, _ := s.report()
		ids := map[string]bool{}
		for _, e := range x.entries() {
			ids[e.id] = true
		}
		if total.Sent != len(ids) {
			t.Errorf("%d texts are reported as sent, of %d", total.Sent, len(ids))
		}
		for i, e := range lines {
			tries, bodies := map[string]int{}, map[string]bool{}
			for _, of := range x.of(e.to) {
				tries[of.id]++
				bodies[of.body] = true
			}
			if len(bodies) != 1 || tries[e.id] > 2 || i >= 5 && len(tries) != 1 {
				t.Errorf("one code, killed over: %v", x.of(e.to))
			}
			if _, err := e.sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &e.to, ConfirmationCode: aws.String(smstest.CodeIn(e.body))}); err != nil {
				t.Error(err)
			}
		}
		s.stop()
	}
}

// TestDelivery_TwoNodes has one node send, and the other be told.
func TestDelivery_TwoNodes_TheOtherIsToldAndOneSendsAgain(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	broken := x.carrier("broken", byTwilio, failing)
	_, file := mainAndSpare(x, well, "")
	file += broken.line("") + fmt.Sprintf("routes:\n  - { prefixes: [%q], by: [broken, spare] }\n  - { by: [main, spare] }\n", street{digit: 2}.prefix())
	s := onCarriers(prepareSite(t, deliveryEnv(t, file, "BELLHOP_DATABASE="+pgtest.Shared(t).NewDatabase(t), proxied)...), x)
	s.env = append(s.env, "BELLHOP_MASTER_KEY_FILE="+filepath.Join(s.dir, "master.key"))
	s.run("master-key", "create")
	s.makePool()
	nodes := s.more(1)
	for _, n := range nodes {
		n.start()
	}
	ctx := bounded(t, time.Duration(often(2, 30))*time.Minute)
	here, both := newBalancer(t, nodes[0]), newBalancer(t, nodes...)

	people := often(20, 400)
	lines := newcomers(ctx, t, s, x, here, people)
	s.reported(ctx, t, "all texts", func(r sums) bool { return r.Sent == people })
	var all sync.WaitGroup
	for i, e := range lines {
		all.Go(func() { // each is told twice at once, one of them to the node that sent nothing
			status := "delivered"
			if i%2 == 0 {
				status = "undelivered"
			}
			for _, n := range []*node{nodes[1], nodes[0], nodes[1]} {
				if got, _ := tell(ctx, t, n, e.callback, statusOf(e.entry, status), twilioToken); got != http.StatusOK {
					t.Errorf("%s: %d", status, got)
				}
			}
			if i%2 == 0 {
				if err := awaitTextsTo(ctx, x, e.to, 2); err != nil {
					t.Errorf("a text whose failure another node was told is not sent again: %v", err)
				}
			}
		})
	}
	failed := map[string]*cip.Client{} // by both nodes' first carrier
	for range people {
		number, sdk := street{digit: 2}.number(), s.somebody(both)
		failed[number] = sdk
		all.Go(func() {
			_, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number})
			if err == nil {
				_, err = s.codeOf(ctx, number, 1)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s.reported(ctx, t, "what both nodes sent", func(r sums) bool {
		return r.Delivered == people/2 && r.Failed == people/2 && r.Asked == r.Sent && r.Sent == 2*people+people/2
	})
	signIn := func(number string, sdk *cip.Client) {
		all.Go(func() {
			if err := confirmAndSignIn(ctx, s, sdk, number); err != nil {
				t.Error(err)
			}
		})
	}
	for _, e := range lines {
		signIn(e.to, e.sdk)
	}
	for number, sdk := range failed {
		signIn(number, sdk)
	}
	all.Wait()
	audit(t, x, slices.Collect(maps.Keys(failed)), 2)
	for i, e := range lines {
		carriers := []string{}
		for _, of := range x.of(e.to) {
			if of.body == e.body {
				carriers = append(carriers, of.carrier)
			}
		}
		if want := [][]string{{"main", "spare"}, {"main"}}[i%2]; !slices.Equal(carriers, want) {
			t.Errorf("a text went by %v, want %v", carriers, want)
		}
	}
	s.reported(ctx, t, "all codes used", func(r sums) bool { return r.Used == 4*people && r.Asked == r.Sent && r.Sent == 4*people+people/2 })
	for _, n := range nodes {
		n.stop()
	}
}
