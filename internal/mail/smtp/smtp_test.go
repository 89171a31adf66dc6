package smtp_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/mail/smtp"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	address = "asha.rao@customers.example"
	code    = "489316"
	sender  = "auth@bellhop.example"
)

func message(t *testing.T) mail.Message {
	t.Helper()
	to, err := email.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return mail.Message{ID: "m-1", To: to, Subject: "Your code", Body: "Your code is " + code + ".\n.\nBye.", Purpose: "sign_up"}
}

// config is what talks to s over STARTTLS, or over TLS where s wants that.
func config(s *server) smtp.Config {
	c := smtp.Config{Address: s.address, From: netmail.Address{Name: "Bellhop", Address: sender}, Roots: s.roots}
	if s.implicit {
		c.Security = smtp.ImplicitTLS
	}
	return c
}

func send(t *testing.T, c smtp.Config, m mail.Message) error {
	t.Helper()
	s, err := smtp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(context.Background(), m)
	checkSilence(t, err)
	return err
}

// checkSilence fails the test where an error shows what it must not.
func checkSilence(t *testing.T, err error) {
	t.Helper()
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		for _, secret := range []string{code, "asha", "customers", sender, user + ":", password, "127.0.0.1"} {
			if strings.Contains(cause.Error(), secret) {
				t.Errorf("an error shows %q: %v", secret, cause)
			}
		}
	}
}

// letter reads the one message that s was given.
func letter(t *testing.T, s *server) (netmail.Header, string) {
	t.Helper()
	all := s.mails()
	if len(all) != 1 {
		t.Fatalf("%d messages, want 1", len(all))
	}
	m, err := netmail.ReadMessage(strings.NewReader(all[0]))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Header.Get("Content-Transfer-Encoding"); got != "quoted-printable" {
		t.Fatalf("encoded as %q", got)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, strings.TrimSuffix(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n")
}

func TestSend_Accepted_IsTheWholeLetter(t *testing.T) {
	s := serve(t, &server{extensions: []string{"8BITMIME", "SMTPUTF8"}})
	m := message(t)
	before := time.Now().Truncate(time.Second) // as a Date shows it
	if err := send(t, config(s), m); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	header, body := letter(t, s)
	if body != m.Body {
		t.Errorf("the body is %q, want %q", body, m.Body)
	}
	for name, want := range map[string]string{
		"From": `"Bellhop" <` + sender + `>`, "To": "<" + address + ">", "Subject": "Your code", "Message-Id": "<m-1@bellhop.example>",
		"Auto-Submitted": "auto-generated", "Mime-Version": "1.0", "Content-Type": "text/plain; charset=UTF-8",
	} {
		if got := header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if date, err := header.Date(); err != nil || date.Before(before) || date.After(after) {
		t.Errorf("Date is %v (%v)", date, err)
	}
	if len(header) != 9 {
		t.Errorf("%d headers, want 9: %v", len(header), header)
	}
	for _, want := range []string{"EHLO [127.0.0.1]", "STARTTLS", "MAIL FROM:<" + sender + "> BODY=8BITMIME\n", "RCPT TO:<" + address + ">"} {
		if !strings.Contains(s.commands(), want) {
			t.Errorf("%q is not among\n%s", want, s.commands())
		}
	}
}

func TestSend_TriesOfOneMessage_HaveOneMessageID(t *testing.T) {
	s := serve(t, &server{replies: map[string]string{".": "451 4.3.0 later"}})
	for range 2 {
		if got := sms.OutcomeOf(send(t, config(s), message(t))); got != sms.NotYet {
			t.Fatalf("outcome %v", got)
		}
	}
	all := s.mails()
	for _, m := range all {
		if len(all) != 2 || strings.Count(m, "<m-1@bellhop.example>") != 1 {
			t.Errorf("of %d messages one is\n%s", len(all), m)
		}
	}
}

func TestSend_HTMLOfPicturesAlone_IsHTMLAlone(t *testing.T) {
	s := serve(t, &server{implicit: true})
	m := message(t)
	m.Body, m.HTML = `<img alt="" src="https://bellhop.example/Schlüssel.png">`, true
	if err := send(t, config(s), m); err != nil {
		t.Fatal(err)
	}
	header, body := letter(t, s)
	if header.Get("Content-Type") != "text/html; charset=UTF-8" || body != m.Body {
		t.Errorf("%s: %q", header.Get("Content-Type"), body)
	}
}

func TestSend_Letterhead_IsFollowedWithinTheOperatorsDomain(t *testing.T) {
	for from, want := range map[string]string{
		"Läden <shop@Bellhop.example>":  "=?utf-8?q?L=C3=A4den?= <shop@Bellhop.example>",
		"shop@bellhop.example.evil.com": `"Bellhop" <` + sender + ">",
		"shop@sub.bellhop.example":      `"Bellhop" <` + sender + ">",
	} {
		s := serve(t, &server{})
		m := message(t)
		wanted, err := netmail.ParseAddress(from)
		if err != nil {
			t.Fatal(err)
		}
		m.From, m.ReplyTo = *wanted, netmail.Address{Name: "Hilfe", Address: "help@elsewhere.example"}
		if err := send(t, config(s), m); err != nil {
			t.Fatal(err)
		}
		header, _ := letter(t, s)
		if header.Get("From") != want || header.Get("Reply-To") != `"Hilfe" <help@elsewhere.example>` {
			t.Errorf("From %q, Reply-To %q", header.Get("From"), header.Get("Reply-To"))
		}
		if !strings.Contains(s.commands(), "MAIL FROM:<"+sender+">") {
			t.Errorf("bounces go elsewhere than to the operator:\n%s", s.commands())
		}
	}
}

func TestSend_SubjectWithLineBreaks_AddsNoHeader(t *testing.T) {
	for _, subject := range []string{"Hello\r\nBcc: eve@evil.example", "Grüße\nBcc: eve@evil.example\r\n\r\nbody", strings.Repeat("long ", 40) + "\rBcc: eve@evil.example"} {
		s := serve(t, &server{})
		m := message(t)
		m.Subject = subject
		if err := send(t, config(s), m); err != nil {
			t.Fatal(err)
		}
		header, body := letter(t, s)
		if header.Get("Bcc") != "" || body != m.Body {
			t.Errorf("%q: headers %v, body %q", subject, header, body)
		}
		got, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if err != nil || strings.ContainsAny(got, "\r\n") || !strings.Contains(got, "Bcc: eve@evil.example") {
			t.Errorf("the subject is %q (%v)", got, err)
		}
	}
}

func TestSend_AddressBeyondASCII_AsksForSMTPUTF8(t *testing.T) {
	s := serve(t, &server{extensions: []string{"SMTPUTF8"}})
	m := message(t)
	m.To = email.FromCanonical("jürgen@customers.example")
	if err := send(t, config(s), m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.commands(), " SMTPUTF8") {
		t.Errorf("SMTPUTF8 was not asked for:\n%s", s.commands())
	}
}

func TestSend_Replies_DecideTheOutcome(t *testing.T) {
	for verb, outcomes := range map[string]map[string]sms.Outcome{
		"":         {"421 4.3.2 " + address: sms.NotYet, "554 5.7.1 go away": sms.SurelyNotSent},
		"EHLO":     {"421 busy": sms.NotYet},
		"STARTTLS": {"454 4.7.0 not now": sms.NotYet, "501 what": sms.SurelyNotSent},
		"MAIL":     {"451 4.3.0 later": sms.NotYet, "550 5.7.1 not you, " + sender: sms.SurelyNotSent},
		"RCPT": {
			"450 4.2.0 <" + address + ">: greylisted": sms.NotYet, "452 full": sms.NotYet,
			"550 5.1.1 <" + address + ">: unknown": sms.RefusedForEver, "550 no such user " + address: sms.RefusedForEver,
			"553 no": sms.RefusedForEver, "550 5.2.1 closed": sms.RefusedForEver, "556 5.1.10 null MX": sms.RefusedForEver,
			"550 5.7.1 relaying denied": sms.SurelyNotSent, "554 no": sms.SurelyNotSent, "550 5.1.8 sender's domain": sms.SurelyNotSent,
			"552 5.2.2 quota": sms.SurelyNotSent,
		},
		"DATA": {"451 4.3.0 later": sms.NotYet, "554 5.5.1 no valid recipients": sms.SurelyNotSent},
		".": {
			"451 4.7.1 later, said of " + code: sms.NotYet, "554 5.7.1 spam: " + code: sms.SurelyNotSent, "550 5.1.1 late": sms.SurelyNotSent,
			"354 what": sms.MaybeSent, "garbage": sms.MaybeSent,
		},
	} {
		for reply, want := range outcomes {
			s := serve(t, &server{replies: map[string]string{verb: reply}})
			err := send(t, config(s), message(t))
			if err == nil {
				t.Errorf("%q to %q counts as accepted", reply, verb)
				continue
			}
			if got := sms.OutcomeOf(err); got != want {
				t.Errorf("%q to %q: %v, want %v", reply, verb, err, want)
			}
			if number := reply[:3]; want != sms.MaybeSent && !strings.Contains(err.Error(), number) {
				t.Errorf("%q to %q: the error does not say the code: %v", reply, verb, err)
			}
			if said := s.commands(); verb != "" && verb != "STARTTLS" && reply[3] == ' ' && reply[:3] != "421" && !strings.HasSuffix(said, "QUIT") {
				t.Errorf("%q to %q: it left without a word:\n%s", reply, verb, said)
			}
		}
	}
}

func TestSend_ConnectionEnds_IsMaybeSentAfterTheMessageOnly(t *testing.T) {
	for verb, want := range map[string]sms.Outcome{
		"EHLO": sms.NotYet, "STARTTLS": sms.NotYet, "MAIL": sms.NotYet, "RCPT": sms.NotYet, "DATA": sms.NotYet, ".": sms.MaybeSent,
	} {
		s := serve(t, &server{cut: verb})
		err := send(t, config(s), message(t))
		if err == nil || sms.OutcomeOf(err) != want {
			t.Errorf("cut after %q: %v, want %v", verb, err, want)
		}
	}
	s := serve(t, &server{cut: "QUIT"})
	if err := send(t, config(s), message(t)); err != nil {
		t.Errorf("cut after the acceptance: %v", err)
	}
}

func TestSend_ContextEnds_EndsTheTry(t *testing.T) {
	for verb, want := range map[string]sms.Outcome{"RCPT": sms.NotYet, ".": sms.MaybeSent} {
		s := serve(t, &server{silent: verb})
		sender, err := smtp.New(config(s))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		err = sender.Send(ctx, message(t))
		checkSilence(t, err)
		if err == nil || sms.OutcomeOf(err) != want || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("silence after %q: %v, want %v", verb, err, want)
		}
	}
}

func TestSend_NobodyThere_IsNotYet(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, where := range []string{l.Addr().String(), "mail.invalid:25"} {
		for _, security := range []smtp.Security{smtp.STARTTLS, smtp.ImplicitTLS, smtp.Plain} {
			err := send(t, smtp.Config{Address: where, Security: security, From: netmail.Address{Address: sender}}, message(t))
			if err == nil || sms.OutcomeOf(err) != sms.NotYet {
				t.Errorf("security %d: %v, want not yet sent", security, err)
			}
		}
	}
}

func TestSend_Auth_ByPlainAndLogin(t *testing.T) {
	for _, s := range []*server{{auth: "PLAIN LOGIN"}, {auth: "XOAUTH2 LOGIN PLAIN"}, {auth: "LOGIN", implicit: true}, {auth: "PLAIN", implicit: true}} {
		serve(t, s)
		c := config(s)
		c.Username, c.Password = user, password
		if err := send(t, c, message(t)); err != nil || len(s.mails()) != 1 {
			t.Errorf("AUTH %s: %v", s.auth, err)
		}
		c.Password = "wrong " + password
		err := send(t, c, message(t))
		if err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent || !strings.Contains(err.Error(), "535 5.7.8") {
			t.Errorf("AUTH %s with a wrong password: %v", s.auth, err)
		}
		if len(s.mails()) != 1 {
			t.Errorf("AUTH %s: %d messages", s.auth, len(s.mails()))
		}
	}
}

func TestSend_AuthThatTheServerDoesNotOffer_IsSurelyNotSent(t *testing.T) {
	for _, mechanisms := range []string{"", "XOAUTH2 GSSAPI"} {
		s := serve(t, &server{auth: mechanisms})
		c := config(s)
		c.Username, c.Password = user, password
		if err := send(t, c, message(t)); err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent {
			t.Errorf("offered %q: %v", mechanisms, err)
		}
	}
}

func TestSend_WithoutSTARTTLS_NothingIsSaid(t *testing.T) {
	s := serve(t, &server{noSTARTTLS: true, auth: "PLAIN", openAuth: true})
	c := config(s)
	c.Username, c.Password = user, password
	err := send(t, c, message(t))
	if err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent {
		t.Errorf("%v, want surely not sent", err)
	}
	if said := s.commands(); strings.Contains(said, "AUTH") || strings.Contains(said, "MAIL") {
		t.Errorf("the client went on:\n%s", said)
	}
}

func TestSend_CertificateOfSomebodyElse_IsSurelyNotSent(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		s := serve(t, &server{implicit: implicit})
		c := config(s)
		c.Roots = nil
		err := send(t, c, message(t))
		if err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent || len(s.mails()) != 0 {
			t.Errorf("implicit %v: %v", implicit, err)
		}
	}
}

func TestSend_Plain_UsesNoTLS(t *testing.T) {
	s := serve(t, &server{auth: "PLAIN", openAuth: true})
	c := config(s)
	c.Security, c.Username, c.Password = smtp.Plain, user, password
	if err := send(t, c, message(t)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.commands(), "STARTTLS") {
		t.Error("STARTTLS was asked for")
	}
}

func TestNew_UnusableConfig_IsRefused(t *testing.T) {
	for name, c := range map[string]smtp.Config{
		"no port":   {Address: "mail.example", From: netmail.Address{Address: sender}},
		"no sender": {Address: "mail.example:25"},
	} {
		if _, err := smtp.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestProbe_GoesAsFarAsAMessageAndSendsNone(t *testing.T) {
	for name, c := range map[string]struct {
		server *server
		spoil  func(*smtp.Config)
		want   string // of the error; "" for none
	}{
		"STARTTLS":        {&server{auth: "PLAIN"}, nil, ""},
		"implicit TLS":    {&server{auth: "LOGIN", implicit: true}, nil, ""},
		"no STARTTLS":     {&server{noSTARTTLS: true}, nil, "smtp: STARTTLS: the server does not offer it"},
		"no certificate":  {&server{}, func(c *smtp.Config) { c.Roots = nil }, "smtp: STARTTLS: the host's certificate cannot be verified"},
		"wrong password":  {&server{auth: "PLAIN"}, func(c *smtp.Config) { c.Password = "wrong " + password }, "smtp: AUTH: answered with 535 5.7.8"},
		"no greeting":     {&server{replies: map[string]string{"EHLO": "421 4.3.2 closing"}}, nil, "smtp: EHLO: answered with 421 4.3.2"},
		"nobody is there": {&server{}, func(c *smtp.Config) { c.Address = "127.0.0.1:1" }, "smtp: connecting: the host refused the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.server)
			cfg := config(s)
			if s.auth != "" {
				cfg.Username, cfg.Password = user, password
			}
			if c.spoil != nil {
				c.spoil(&cfg)
			}
			prober, err := smtp.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := prober.Probe(t.Context()); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("it says %q, want %q", got, c.want)
			}
			if strings.Contains(s.commands(), "MAIL") {
				t.Errorf("it began a message:\n%s", s.commands())
			}
		})
	}
}
