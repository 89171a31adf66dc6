package endtoend

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTriggersPage_ItsCommands_WorkAsTheyStand runs the commands of docs/triggers.md
// one after the other in one shell. What differs is where things listen, that the
// program is built already, and who types the code.
func TestTriggersPage_ItsCommands_WorkAsTheyStand(t *testing.T) {
	t.Parallel()
	repository := absolute(t, "../..")
	folder := t.TempDir()
	page, err := os.ReadFile(filepath.Join(repository, "docs/triggers.md"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(folder, "examples/triggers-sms"), os.DirFS(filepath.Join(repository, "examples/triggers-sms"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(folder, "bin/bellhop")); err != nil {
		t.Fatal(err)
	}
	ports := strings.NewReplacer("9400", freePort(t), "9500", freePort(t))
	triggers := filepath.Join(folder, "examples/triggers-sms/triggers.yaml")
	entries, err := os.ReadFile(triggers)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(triggers, []byte(ports.Replace(string(entries))), 0o600); err != nil {
		t.Fatal(err)
	}
	script := commandsOf(t, string(page))
	cmd := exec.CommandContext(bounded(t, 2*time.Minute), "bash", "-euo", "pipefail", "-c", ports.Replace(script))
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + folder, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		ports.Replace("BELLHOP_LISTEN=127.0.0.1:9400")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	for _, want := range []string{`"UserConfirmed": true`, "AccessToken", "the answer is well formed"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("the page's commands come to %v, and %s is wanted\n%s", err, want, out)
		}
	}
}

// Around the page's commands: make has nothing to do, what is started is waited for
// and ended, and read takes the code from the phone instead of a keyboard.
const (
	aroundCommands = `
trap 'kill $(jobs -p); wait' EXIT
make() { :; }
within() { for _ in $(seq 300); do if "$@"; then return; fi; sleep 0.1; done; echo "in vain: $*"; exit 1; }
served() { grep -q 'listening on' bellhop.log; }
texted() { grep -q 'is your code' phone.log; }
read() { within texted; CODE=$(sed -n 's/.*: \([0-9]\{6\}\) is your code.*/\1/p' phone.log); }
`
	untilServed = "within served\n"
)

// commandsOf is the page's commands, in order.
func commandsOf(t *testing.T, page string) string {
	t.Helper()
	script := aroundCommands
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		script += block[1]
		if strings.Contains(block[1], "bellhop serve") {
			script += untilServed
		}
	}
	const phone = "phone.mjs &"
	if strings.Count(script, phone) != 1 {
		t.Fatal("the page starts no phone")
	}
	script = strings.Replace(script, phone, "phone.mjs 9500 > phone.log &", 1)
	return script
}

// freePort is one that nobody listens on at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
