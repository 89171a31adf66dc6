package endtoend

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// mood is how a carrier deals with texts.
type mood int

const (
	well       mood = iota
	away            // nobody can be connected to
	failing         // it answers 500, and sends nothing
	losing          // it sends the text, and answers 500
	silent          // it sends the text, and does not answer
	garbling        // it sends the text, and answers what nobody can read
	throttling      // it answers 429, and sends nothing
)

// verdict is what a carrier's answer says of a text.
type verdict string

const (
	took    verdict = "took"
	refuses verdict = "refused"
	doubt   verdict = "doubt" // nothing: it may be paid for
)

// entry is a line of the carriers' books: one try of a text.
type entry struct {
	carrier  string
	at       time.Time
	id       string // Bellhop's of the text, "" where the API has no place for it
	ref      string // the carrier's
	callback string // where it is to post what becomes of the text, "" for nowhere
	to, body string
	verdict  verdict
}

// exchange is all carriers' books, and the phones that they bring texts to.
type exchange struct {
	*smstest.Phone
	tb   testing.TB
	mu   sync.Mutex // guards book
	book []entry
}

func newExchange(tb testing.TB) *exchange { return &exchange{Phone: &smstest.Phone{}, tb: tb} }

// note writes a try down, and brings the text to its phone.
func (x *exchange) note(e entry, sent bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.book = append(x.book, e)
	if !sent {
		return
	}
	to, err := phone.Parse(e.to)
	if err != nil {
		x.tb.Errorf("%s was given an unusable number: %v", e.carrier, err)
		return
	}
	// SNS has no place for an id: a text is another where its number or its words are.
	if _, err := x.Send(context.Background(), sms.Message{ID: e.to + " " + e.body, To: to, Body: e.body}); err != nil {
		x.tb.Error(err)
	}
}

// entries is the whole book, in the order of the tries.
func (x *exchange) entries() []entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.book)
}

// of is the part of the book about one number.
func (x *exchange) of(number string) []entry {
	return slices.DeleteFunc(x.entries(), func(e entry) bool { return e.to != number })
}

// mayBePaid counts the tries that somebody may send a bill for.
func mayBePaid(book []entry) (n int) {
	for _, e := range book {
		if e.verdict != refuses {
			n++
		}
	}
	return n
}

// dialect is the API that a carrier speaks.
type dialect struct {
	read func(r *http.Request) (e entry, err error)
	// answers of a carrier that takes the text, that throttles, fails, and garbles.
	answer func(w http.ResponseWriter, m mood, ref string)
	// throttled is what a 429 says of a text.
	throttled verdict
	settings  func(url string) string // in the delivery file
}

const (
	twilioAccount = "AC0123456789abcdef0123456789abcdef"
	twilioToken   = "5f3a1b2c4d5e6f708192a3b4c5d6e7f8"
)

// byTwilio plays what is recorded of https://www.twilio.com/docs/messaging/api/message-resource.
var byTwilio = dialect{
	read: func(r *http.Request) (entry, error) {
		user, password, _ := r.BasicAuth()
		if r.URL.Path != "/2010-04-01/Accounts/"+twilioAccount+"/Messages.json" || user != twilioAccount || password != twilioToken {
			return entry{}, fmt.Errorf("%s by %s", r.URL.Path, user)
		}
		callback := r.PostFormValue("StatusCallback")
		_, id, _ := strings.Cut(callback, "?id=")
		return entry{to: r.PostFormValue("To"), body: r.PostFormValue("Body"), id: id, callback: callback}, nil
	},
	answer: func(w http.ResponseWriter, m mood, ref string) {
		w.Header().Set("Content-Type", "application/json")
		switch m {
		case throttling:
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"code": 20429, "message": "Too Many Requests", "more_info": "https://www.twilio.com/docs/errors/20429", "status": 429}`)
		case garbling:
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, "<html>it works")
		case failing, losing:
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, `{"code": 20500, "message": "An internal server error has occurred", "status": 500}`)
		default:
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"sid": "`+ref+`", "status": "queued", "num_segments": "1", "price": null, "error_code": null}`)
		}
	},
	throttled: refuses,
	settings: func(url string) string {
		return fmt.Sprintf("type: twilio, account-sid: %s, auth-token-env: TWILIO_TOKEN, from: \"+15017122661\", base-url: %q", twilioAccount, url)
	},
}

// bySNS plays https://docs.aws.amazon.com/sns/latest/api/API_Publish.html.
var bySNS = dialect{
	read: func(r *http.Request) (entry, error) {
		if r.PostFormValue("Action") != "Publish" || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/") {
			return entry{}, fmt.Errorf("%s by %s", r.PostFormValue("Action"), r.Header.Get("Authorization"))
		}
		return entry{to: r.PostFormValue("PhoneNumber"), body: r.PostFormValue("Message")}, nil
	},
	answer: func(w http.ResponseWriter, m mood, ref string) {
		w.Header().Set("Content-Type", "text/xml")
		fault := `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>%s</Type><Code>%s</Code><Message>no</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`
		switch m {
		case throttling:
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprintf(w, fault, "Sender", "Throttled")
		case garbling:
			io.WriteString(w, "<html>it works")
		case failing, losing:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, fault, "Receiver", "InternalError")
		default:
			fmt.Fprintf(w, `<PublishResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>%s</MessageId></PublishResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></PublishResponse>`, ref)
		}
	},
	throttled: refuses,
	settings: func(url string) string {
		return fmt.Sprintf("type: sns, region: us-east-1, access-key-id: AKIAIOSFODNN7EXAMPLE, secret-access-key-env: SNS_SECRET, endpoint: %q", url)
	},
}

// byWebhook is an operator's own service.
var byWebhook = dialect{
	read: func(r *http.Request) (entry, error) {
		var f struct{ ID, To, Body string }
		err := json.NewDecoder(r.Body).Decode(&f)
		if err == nil && (f.ID == "" || r.Header.Get("webhook-signature") == "") {
			err = fmt.Errorf("the text %q is not signed", f.ID)
		}
		return entry{to: f.To, body: f.Body, id: f.ID}, err
	},
	answer: func(w http.ResponseWriter, m mood, _ string) {
		switch m {
		case throttling:
			w.WriteHeader(http.StatusTooManyRequests)
		case garbling:
			w.WriteHeader(http.StatusFound)
		case failing, losing:
			w.WriteHeader(http.StatusInternalServerError)
		}
	},
	throttled: doubt,
	settings: func(url string) string {
		return fmt.Sprintf("type: webhook, url: %q, secret-env: WEBHOOK_SECRET", url)
	},
}

// carrier is a provider of texts, which keeps books of what it is asked.
type carrier struct {
	dialect
	name, address string
	x             *exchange

	mu     sync.Mutex // guards the fields below
	mood   mood
	server *http.Server // nil while it is away
}

var carriers atomic.Int64

// carrier adds a carrier in a mood, for as long as the test.
func (x *exchange) carrier(name string, d dialect, m mood) *carrier {
	x.tb.Helper()
	c := &carrier{dialect: d, name: name, x: x}
	// An address of its own keeps its port while it is away.
	n := int(carriers.Add(1))
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+os.Getpid()%250, n/250, 1+n%250))
	if err != nil {
		x.tb.Fatal(err)
	}
	c.address = l.Addr().String()
	c.serve(l)
	x.tb.Cleanup(func() { c.become(away) })
	c.become(m)
	return c
}

// become changes the mood. Nothing may be under way where a carrier goes away.
func (c *carrier) become(m mood) {
	c.x.tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mood = m
	switch {
	case m == away && c.server != nil:
		c.server.Close()
		c.server = nil
	case m != away && c.server == nil:
		l, err := net.Listen("tcp", c.address)
		if err != nil {
			c.x.tb.Fatal(err)
		}
		c.serve(l)
	}
}

func (c *carrier) serve(l net.Listener) {
	server := &http.Server{Handler: c}
	c.server = server
	go server.Serve(l) // until it is closed
}

func (c *carrier) now() mood {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mood
}

// ServeHTTP implements http.Handler.
func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := c.now()
	e, err := c.read(r)
	if err != nil {
		c.x.tb.Errorf("%s is asked what it cannot read: %v", c.name, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	e.carrier, e.at, e.ref = c.name, time.Now(), fmt.Sprintf("SM%032x", carriers.Add(1))
	e.verdict = map[mood]verdict{well: took, throttling: c.throttled}[m]
	if e.verdict == "" {
		e.verdict = doubt
	}
	c.x.note(e, m != failing && m != throttling)
	if m == silent {
		<-r.Context().Done()
		return
	}
	c.answer(w, m, e.ref)
}

// line is the carrier's in the delivery file, and more of its settings.
func (c *carrier) line(more string) string {
	return fmt.Sprintf("  %s: { %s%s }\n", c.name, c.settings("http://"+c.address), more)
}

// publicURL is where carriers post to. It is no address of this machine, since there is
// no use in telling Twilio one.
const publicURL = "https://bellhop.example"

// delivering is a site whose texts go by the delivery file. The guard lets anybody be
// texted, and counts what it costs: a cent a text.
func delivering(tb testing.TB, x *exchange, file string, env ...string) *site {
	tb.Helper()
	return onCarriers(prepareSite(tb, deliveryEnv(tb, file, env...)...), x)
}

func deliveryEnv(tb testing.TB, file string, env ...string) []string {
	tb.Helper()
	folder := tb.TempDir()
	const much = "{ initial: $1000, at-least: 100000, at-most: 100000, cap: 100000 }"
	for name, text := range map[string]string{
		"delivery.yaml": file,
		"prices.csv":    "prefix,country,usd,source,date\n+49,DE,0.01,test,2026-01-01\n",
		"guard.yaml": "prices: { file: prices.csv }\nbudgets: { earn-back: 0% }\ntuning:\n  block: " + much + "\n  range: " + much +
			"\n  area: " + much + "\n  country: " + much + "\n  address: " + much + "\n  network: " + much + "\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return append([]string{
		"BELLHOP_DELIVERY=" + filepath.Join(folder, "delivery.yaml"), "BELLHOP_GUARD=" + filepath.Join(folder, "guard.yaml"),
		"BELLHOP_PUBLIC_URL=" + publicURL, "TWILIO_TOKEN=" + twilioToken, "WEBHOOK_SECRET=" + webhookSecret,
		"SNS_SECRET=" + base64.StdEncoding.EncodeToString([]byte(tb.Name())),
	}, env...)
}

// onCarriers takes the site's webhook from it, and gives it the exchange's phones.
func onCarriers(s *site, x *exchange) *site {
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "BELLHOP_SMS") })
	s.sink.Phone = x.Phone
	return s
}

// spent is what the guard's budgets of the server's hour hold, in texts of one segment.
func (s *site) spent() int {
	s.tb.Helper()
	var status struct {
		Budgets []struct {
			Of   string
			Have float64
		}
	}
	if err := json.Unmarshal([]byte(s.run("guard", "status", "--json")), &status); err != nil {
		s.tb.Fatal(err)
	}
	dollars := 0.0
	for _, b := range status.Budgets {
		if strings.HasPrefix(b.Of, "server/hour") {
			dollars += b.Have
		}
	}
	return int(dollars*100 + 0.5)
}
