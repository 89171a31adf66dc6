// Package smtp hands e-mails to a mail server by SMTP (RFC 5321), on a
// connection of its own each. Repeating a try is the outbox's business.
package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	timeout   = 10 * time.Second // for one try, from connecting to the server's word
	byeWithin = time.Second      // for the good-bye after it, on which nothing depends
)

// Security is how a connection is protected.
type Security uint8

const (
	STARTTLS    Security = iota // TLS after a greeting; a server that does not offer it gets no mail
	ImplicitTLS                 // TLS from the first byte
	Plain                       // none, and passwords in the open: for a server on this machine
)

// Config configures a Sender.
type Config struct {
	Address            string // host:port
	Security           Security
	Username, Password string // of SMTP AUTH; both empty for none
	From               netmail.Address
	Roots              *x509.CertPool // nil takes the system's; tests give theirs
}

// Sender sends e-mails by one server. Its errors hold no text, no address and
// nothing that the server said but its codes.
type Sender struct {
	cfg  Config
	host string
}

// New returns a Sender for cfg.
func New(cfg Config) (*Sender, error) {
	host, _, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, errors.New("smtp: the address is not host:port")
	}
	if !strings.Contains(cfg.From.Address, "@") {
		return nil, errors.New("smtp: there is no sender's address")
	}
	return &Sender{cfg: cfg, host: host}, nil
}

// Send implements mail.Sender. A reply of 4xx, and whatever goes wrong before
// the whole message was given, is NotYet; silence after that is MaybeSent; 5xx
// is SurelyNotSent, or RefusedForEver where it is the mailbox that is at fault.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	letter, err := s.compose(m, time.Now())
	if err != nil {
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return judge(ctx, stepConnect, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	d := dialogue{sender: s, to: m.To.Text()}
	step, err := d.run(conn, letter)
	d.leave(conn, err)
	if err != nil {
		return judge(ctx, step, err)
	}
	return nil
}

// Probe goes with the server as far as before a message: TLS as it is configured, and
// the password. Its errors are the causes of Send's.
func (s *Sender) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return errors.Unwrap(judge(ctx, stepConnect, err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	d := dialogue{sender: s}
	step, err := d.greet(conn)
	d.leave(conn, err)
	if err != nil {
		return errors.Unwrap(judge(ctx, step, err))
	}
	return nil
}

// dial connects, with ImplicitTLS already under TLS.
func (s *Sender) dial(ctx context.Context) (net.Conn, error) {
	var plain net.Dialer
	if s.cfg.Security != ImplicitTLS {
		return plain.DialContext(ctx, "tcp", s.cfg.Address)
	}
	encrypted := tls.Dialer{NetDialer: &plain, Config: s.tls()}
	return encrypted.DialContext(ctx, "tcp", s.cfg.Address)
}

func (s *Sender) tls() *tls.Config { return &tls.Config{ServerName: s.host, RootCAs: s.cfg.Roots} }

// dialogue is one connection's talk with the server.
type dialogue struct {
	sender *Sender
	to     string
	client *smtp.Client
}

// run gives the letter to the server. An error comes with the step at which it
// arose.
func (d *dialogue) run(conn net.Conn, letter []byte) (step, error) {
	if at, err := d.greet(conn); err != nil {
		return at, err
	}
	at, err := first(
		action{stepFrom, func() error { return d.from(d.sender.cfg.From.Address) }},
		action{stepRecipient, func() error { return d.client.Rcpt("<" + d.to + ">") }},
	)
	if err != nil {
		return at, err
	}
	return d.data(letter)
}

// greet is what goes before any message.
func (d *dialogue) greet(conn net.Conn) (step, error) {
	client, err := smtp.NewClient(conn, d.sender.host)
	if err != nil {
		return stepConnect, err
	}
	d.client = client
	return first(
		action{stepHello, func() error { return client.Hello(literal(conn.LocalAddr())) }},
		action{stepSTARTTLS, d.startTLS},
		action{stepAuth, d.authenticate},
	)
}

// action is what is done at a step.
type action struct {
	step step
	do   func() error
}

// first does one after the other up to the first that fails.
func first(actions ...action) (step, error) {
	for _, next := range actions {
		if err := next.do(); err != nil {
			return next.step, err
		}
	}
	return "", nil
}

// literal is how the client names itself: the address literal of RFC 5321,
// section 4.1.3, since a machine's own name is seldom one that others know.
func literal(local net.Addr) string {
	tcp, ok := local.(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case tcp.IP.To4() == nil:
		return "[IPv6:" + tcp.IP.String() + "]"
	}
	return "[" + tcp.IP.String() + "]"
}

// leave says good-bye (RFC 5321 section 4.1.1.10), on which nothing depends any more,
// unless the connection is of no more use. Servers take those who go without a word
// after a refusal for probes, and some shut them out.
func (d *dialogue) leave(conn net.Conn, err error) {
	reply, refused := errors.AsType[*textproto.Error](err)
	if d.client == nil || err != nil && (!refused || reply.Code == closing) {
		return
	}
	conn.SetDeadline(time.Now().Add(byeWithin))
	d.client.Quit()
}

// closing is the reply of a server that ends the connection itself.
const closing = 421

func (d *dialogue) startTLS() error {
	if d.sender.cfg.Security != STARTTLS {
		return nil
	}
	if offered, _ := d.client.Extension("STARTTLS"); !offered {
		return errNoSTARTTLS
	}
	return d.client.StartTLS(d.sender.tls())
}

// authenticate uses the first mechanism that the server offers of those that
// need the password as it is; TLS protects it.
func (d *dialogue) authenticate() error {
	cfg := d.sender.cfg
	if cfg.Username == "" {
		return nil
	}
	_, offered := d.client.Extension("AUTH")
	inTheOpen := cfg.Security == Plain
	for mechanism := range strings.FieldsSeq(offered) {
		switch strings.ToUpper(mechanism) {
		case "PLAIN":
			return d.client.Auth(smtp.PlainAuth("", cfg.Username, cfg.Password, d.sender.host, inTheOpen))
		case "LOGIN":
			return d.client.Auth(smtp.LoginAuth(cfg.Username, cfg.Password, d.sender.host, inTheOpen))
		}
	}
	return errNoMechanism
}

// from begins the transaction. SMTPUTF8 (RFC 6531) is asked for only where an
// address needs it, since not every server further on knows it.
func (d *dialogue) from(address string) error {
	d.client.SkipSMTPUTF8(isASCII(address) && isASCII(d.to))
	return d.client.Mail("<" + address + ">")
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 0x7f })
}

func (d *dialogue) data(letter []byte) (step, error) {
	w, err := d.client.Data()
	if err != nil {
		return stepData, err
	}
	// A letter without its end is none (RFC 5321 section 4.1.1.4), so that a break
	// in the middle leaves nothing open.
	if _, err := bytes.NewReader(letter).WriteTo(w); err != nil {
		return stepData, err
	}
	return stepEnd, w.Close()
}
