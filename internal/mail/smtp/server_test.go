package smtp_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a mail server that speaks enough SMTP for one client, on the
// loopback, and that misbehaves as it is told. Its fields are set before the
// first connection.
type server struct {
	address string
	roots   *x509.CertPool

	implicit   bool              // TLS from the first byte
	noSTARTTLS bool              // does not offer it
	auth       string            // mechanisms that are offered under TLS
	openAuth   bool              // offers them without TLS too
	extensions []string          // more of EHLO's lines
	replies    map[string]string // by verb, instead of the usual; "." is the message's end
	cut        string            // the verb after which the connection ends without a reply
	silent     string            // the verb that is never answered

	cert tls.Certificate
	mu   sync.Mutex // guards the ones below
	said []string   // lines of the client outside of DATA
	mail []string   // messages that were given whole
}

// serve starts the server, which lives as long as the test.
func serve(t *testing.T, s *server) *server {
	t.Helper()
	s.certify(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	var talks sync.WaitGroup
	talks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talks.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		talks.Wait()
	})
	return s
}

// certify makes a certificate for 127.0.0.1 and the pool that trusts it.
func (s *server) certify(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(leaf)
	s.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// talk is one connection.
type talk struct {
	*server
	conn   net.Conn
	lines  *bufio.Reader
	secure bool
}

func (s *server) talk(conn net.Conn) {
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(time.Minute))
	k := &talk{server: s, conn: conn}
	if s.implicit {
		k.encrypt()
	}
	k.lines = bufio.NewReader(k.conn)
	if !k.answer("", "220 ready") {
		return
	}
	for {
		line, err := k.lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.said = append(s.said, line)
		s.mu.Unlock()
		if !k.obey(line) {
			return
		}
	}
}

func (k *talk) encrypt() {
	k.conn = tls.Server(k.conn, &tls.Config{Certificates: []tls.Certificate{k.cert}})
	k.lines, k.secure = bufio.NewReader(k.conn), true
}

// answer gives the usual reply to a verb, or what the test wants instead. It is
// false where the talk is over.
func (k *talk) answer(verb, usual string) bool {
	switch {
	case k.cut == verb && verb != "":
		return false
	case k.silent == verb && verb != "":
		k.lines.ReadByte() // until the client goes
		return false
	}
	if reply, ok := k.replies[verb]; ok {
		usual = reply
	}
	_, err := fmt.Fprintf(k.conn, "%s\r\n", usual)
	return err == nil && verb != "QUIT"
}

// obey does what a command says.
func (k *talk) obey(line string) bool {
	verb, argument, _ := strings.Cut(line, " ")
	switch verb = strings.ToUpper(verb); verb {
	case "EHLO", "HELO":
		return k.answer("EHLO", k.greeting())
	case "STARTTLS":
		if !k.answer(verb, "220 go ahead") {
			return false
		}
		k.encrypt()
		return true
	case "AUTH":
		return k.authenticate(argument)
	case "DATA":
		return k.data()
	default:
		return k.answer(verb, "250 fine")
	}
}

func (k *talk) greeting() string {
	lines := append([]string{"test.example"}, k.extensions...)
	if !k.secure && !k.noSTARTTLS {
		lines = append(lines, "STARTTLS")
	}
	if k.auth != "" && (k.secure || k.openAuth) {
		lines = append(lines, "AUTH "+k.auth)
	}
	last := len(lines) - 1
	for i := range lines {
		lines[i] = map[bool]string{true: "250 ", false: "250-"}[i == last] + lines[i]
	}
	return strings.Join(lines, "\r\n")
}

const user, password = "bell", "hop hop"

// authenticate wants the user and the password above, by PLAIN or LOGIN.
func (k *talk) authenticate(argument string) bool {
	ask := func(prompt string) string {
		fmt.Fprintf(k.conn, "334 %s\r\n", base64.StdEncoding.EncodeToString([]byte(prompt)))
		line, _ := k.lines.ReadString('\n')
		text, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		return string(text)
	}
	right := false
	mechanism, initial, _ := strings.Cut(argument, " ")
	switch mechanism {
	case "PLAIN":
		text, _ := base64.StdEncoding.DecodeString(initial)
		right = string(text) == "\x00"+user+"\x00"+password
	case "LOGIN":
		right = ask("Username:") == user && ask("Password:") == password
	}
	if !right {
		return k.answer("AUTH", "535 5.7.8 no")
	}
	return k.answer("AUTH", "235 2.7.0 welcome")
}

func (k *talk) data() bool {
	if !k.answer("DATA", "354 go on") {
		return false
	}
	if _, refused := k.replies["DATA"]; refused {
		return true
	}
	var b strings.Builder
	for {
		line, err := k.lines.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	k.mu.Lock()
	k.mail = append(k.mail, b.String())
	k.mu.Unlock()
	return k.answer(".", "250 2.0.0 taken")
}

// mails returns the messages that were given whole.
func (s *server) mails() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mail...)
}

// commands returns what the client said, in one text.
func (s *server) commands() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n")
}
