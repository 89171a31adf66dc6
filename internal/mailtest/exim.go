// Package mailtest runs private mail servers for tests: Exim, of the binary that
// Debian installs, in a temporary folder and on the loopback, for as long as the
// test. It takes mail for one domain by STARTTLS and a password, and puts it into
// one Maildir, which Letters reads.
package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// What the server knows. Mail to other domains is refused, as is mail from whoever
// does not give the password.
const (
	Domain   = "customers.example"
	Username = "bellhop"
	Password = "correct horse battery"

	// Nobody has no mailbox: 550.
	Nobody = "nobody@" + Domain
	// Greylisted is put off by 451 at the first try and taken at the next.
	Greylisted = "greylisted@" + Domain
)

// Options say what a server is to be.
type Options struct {
	NoSTARTTLS bool // does not offer it
}

// Server is a running Exim.
type Server struct {
	Address string // host:port
	Roots   string // a PEM file with the certificate that it shows

	home string // holds all that it reads and writes
}

// host leads to this machine and is not among the names of the loopback, to which
// Bellhop speaks without TLS (RFC 1122 section 3.2.1.3: this host).
const host = "0.0.0.0"

// eximBinary is where Debian has it.
const eximBinary = "/usr/sbin/exim4"

// lonely is how long a server outlives a test that was killed.
const lonely = "60s"

// Start starts a server that lives as long as the test. It listens when Start
// returns.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	if _, err := os.Stat(eximBinary); err != nil {
		tb.Fatalf("Exim is not installed; scripts/need.sh installs it: %v", err)
	}
	// No folder of the test's: those are closed to the user that runs Exim.
	home, err := os.MkdirTemp("", "bellhop-exim-")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{home: home, Roots: filepath.Join(home, "cert.pem")}
	tb.Cleanup(func() { os.RemoveAll(home) })
	s.certify(tb)
	s.configure(tb, o)
	s.run(tb)
	return s
}

// certify writes a certificate for the host and its key.
func (s *Server) certify(tb testing.TB) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	shape := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(host)}}
	cert, err := x509.CreateCertificate(rand.Reader, shape, shape, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	s.write(tb, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	s.write(tb, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// configuration is Exim's (https://www.exim.org/exim-html-current/doc/html/spec_html/).
// It runs with no rights but its user's, so that deliveries keep to those.
var configuration = template.Must(template.New("exim.conf").Delims("[[", "]]").Parse(`
primary_hostname = mail.` + Domain + `
spool_directory = [[.Home]]/spool
log_file_path = [[.Home]]/%slog
deliver_drop_privilege
keep_environment =
smtp_accept_max = 50
[[if .STARTTLS]]tls_advertise_hosts = *
tls_certificate = [[.Home]]/cert.pem
tls_privatekey = [[.Home]]/key.pem
[[else]]tls_advertise_hosts =
[[end]]auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = rcpt
acl_smtp_data = accept

begin acl
rcpt:
  deny !authenticated = *
       message = 5.7.1 who are you?
  deny !domains = ` + Domain + `
       message = 5.7.1 relaying denied
  deny local_parts = nobody
       message = 5.1.1 no such mailbox
  defer local_parts = greylisted
        condition = ${if !exists{[[.Home]]/seen}}
        continue = ${run{/bin/touch [[.Home]]/seen}}
        message = 4.2.0 greylisted
  accept

begin routers
all:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = [[.Home]]/mail
  envelope_to_add
  return_path_add

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{` + Username + `}}{eq{$auth3}{` + Password + `}}}}
  server_set_id = $auth2
`))

func (s *Server) configure(tb testing.TB, o Options) {
	tb.Helper()
	var text strings.Builder
	err := configuration.Execute(&text, struct {
		Home     string
		STARTTLS bool
	}{s.home, !o.NoSTARTTLS})
	if err != nil {
		tb.Fatal(err)
	}
	s.write(tb, "exim.conf", []byte(text.String()))
	if err := os.Mkdir(filepath.Join(s.home, "spool"), 0o700); err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{".", "spool", "cert.pem", "key.pem", "exim.conf"} {
		if err := own(filepath.Join(s.home, name)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Chmod(s.home, 0o755); err != nil { // the test reads in it
		tb.Fatal(err)
	}
}

func (s *Server) write(tb testing.TB, name string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(s.home, name), content, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// run starts Exim on a socket that listens already (-bw), so that no port is taken
// in between and nothing waits for it.
func (s *Server) run(tb testing.TB) {
	tb.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s.Address = net.JoinHostPort(host, port)
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		tb.Fatal(err)
	}
	defer socket.Close()
	said, err := os.Create(filepath.Join(s.home, "said"))
	if err != nil {
		tb.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(eximBinary, "-C", filepath.Join(s.home, "exim.conf"), "-bw"+lonely)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = s.home, socket, said, said, []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if cmd.SysProcAttr.Credential, err = credential(); err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with those that deliver
		cmd.Wait()
		if tb.Failed() {
			tb.Logf("Exim said:\n%s%s", s.read("said"), s.read("mainlog"))
		}
	})
}

func (s *Server) read(name string) string {
	text, err := os.ReadFile(filepath.Join(s.home, name))
	if err != nil {
		return err.Error() + "\n"
	}
	return string(text)
}

// credential is what Exim runs as: it gives up root's rights for whoever brings a
// configuration of his own, and does not deliver as root.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	uid, gid, err := owner()
	return &syscall.Credential{Uid: uid, Gid: gid}, err
}

// own gives a file to the user that Exim runs as.
func own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := owner()
	if err != nil {
		return err
	}
	return os.Chown(path, int(uid), int(gid))
}
