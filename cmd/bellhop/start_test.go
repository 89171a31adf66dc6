package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned writes a certificate for 127.0.0.1 and its key, and returns the
// pool that trusts it.
func selfSigned(t *testing.T) (certFile, keyFile string, trust *x509.CertPool) {
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
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(cert)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, cert)
	write(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return certFile, keyFile, trust
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestServe_Certificate_ServesHTTPSOfBothVersions(t *testing.T) {
	cert, key, trust := selfSigned(t)
	p := start(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(p.url, "https://127.0.0.1:") {
		t.Fatalf("it listens on %s", p.url)
	}
	for proto, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: http2}
		client := &http.Client{Transport: transport}
		res, err := client.Get(p.url + "/readyz")
		if err != nil {
			t.Fatalf("%s: %v", proto, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "ready\n" || res.Proto != proto {
			t.Errorf("%s: %s answers %q (%v)", proto, res.Proto, body, err)
		}
		res.Body.Close()
		transport.CloseIdleConnections()
	}
	if _, err := http.Get(p.url + "/readyz"); err == nil {
		t.Error("a client that does not trust the certificate is content")
	}
	p.endWell()
}

func TestServe_MasterKeyThatOthersRead_IsWarnedOf(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true} {
		if err := os.Chmod(filepath.Join(data, "master.key"), mode); err != nil {
			t.Fatal(err)
		}
		p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "http://localhost:9400")
		if got := strings.Contains(p.stderr.String(), "master key file can be read by others"); got != warned {
			t.Errorf("mode %o: warned is %v:\n%s", mode, got, p.stderr)
		}
		p.endWell()
	}
}

func TestServe_CredentialsFileOfAnotherKey_IsWarnedOf(t *testing.T) {
	data := t.TempDir()
	const warning = "holds a key that does not work"
	serve := func(env ...string) string {
		p := start(t, env, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "http://localhost:9400")
		p.endWell()
		return p.stderr.String()
	}
	if log := serve(); strings.Contains(log, warning) {
		t.Errorf("warned of its own file:\n%s", log)
	}
	file := filepath.Join(data, "credentials")
	own, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"BELLHOP_ADMIN_ACCESS_KEY_ID=local", "BELLHOP_ADMIN_SECRET_ACCESS_KEY=a-secret-of-our-own-choice"}
	if n := strings.Count(serve(env...), warning); n != 1 {
		t.Errorf("told %d times of a key that does not work", n)
	}
	if left, err := os.ReadFile(file); err != nil || string(left) != string(own) {
		t.Errorf("the file was changed (%v)", err)
	}
	write(t, file, []byte("[default]\naws_access_key_id = local\naws_secret_access_key = a-secret-of-our-own-choice\n"))
	if log := serve(env...); strings.Contains(log, warning) {
		t.Errorf("warned of a file with the right key:\n%s", log)
	}
}

func TestServe_DatabaseThatDoesNotFitTheProgram_EndsWithOneSentence(t *testing.T) {
	for change, want := range map[string]string{
		"insert into schema_migrations values (9999, 'later', 0)": "written by a newer Bellhop",
		"drop table families":       "half made: its schema says version 11, and the table families of version 1 is missing",
		"drop table admin_keys":     "the table admin_keys of version 2 is missing",
		"pragma application_id = 7": "another program's SQLite database",
	} {
		data := t.TempDir()
		createPool(t, data)
		db, err := sql.Open("sqlite", filepath.Join(data, "bellhop.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := once(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q, %q", change, code, stdout, stderr)
		}
	}
}

// What no restart mends is told apart by its exit code, so that whoever starts the
// server leaves it alone.
func TestServe_DatabaseURLThatCannotBeUsed_IsAWrongSetting(t *testing.T) {
	key := filepath.Join(t.TempDir(), "master.key")
	for url, want := range map[string]string{
		"postgres://bellhop:pass-of-database@127.0.0.1:1/bellhop?pool_max_conns=0": "pool_max_conns in the PostgreSQL URL must be 3 or more",
		"postgres://bellhop:pass-of-database:x/bellhop":                            "this is no PostgreSQL URL",
		"postgresql:/bellhop:pass-of-database@127.0.0.1/bellhop":                   "must be the path of a SQLite file",
		"host=127.0.0.1 user=bellhop password=pass-of-database":                    "must be the path of a SQLite file",
	} {
		code, stdout, stderr := once(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--database", url, "--master-key-file", key)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "of-database") {
			t.Errorf("%s: exit code %d, %q, %q", url, code, stdout, stderr)
		}
	}
}
