package endtoend

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const root = "../.."

func textOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instruction is a line of a container file: its word and the rest.
type instruction struct{ word, rest string }

// containerStages returns the instructions of each stage.
func containerStages(t *testing.T) [][]instruction {
	t.Helper()
	var stages [][]instruction
	for line := range strings.Lines(textOf(t, "deploy/Containerfile")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
			continue
		case word == "FROM":
			stages = append(stages, nil)
		case len(stages) == 0:
			t.Fatalf("%s stands before any FROM", word)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], instruction{word, strings.TrimSpace(rest)})
	}
	return stages
}

// the returns what stands after the one instruction of the word.
func the(t *testing.T, stage []instruction, word string) string {
	t.Helper()
	found := ""
	for _, i := range stage {
		if i.word != word {
			continue
		}
		if found != "" {
			t.Errorf("%s is there twice", word)
		}
		found = i.rest
	}
	if found == "" {
		t.Errorf("there is no %s", word)
	}
	return found
}

// No registry is asked here, so that no image is built; what the file names must be
// there, and be what the rest of the repository says.
func TestContainerfile_NamesWhatIsThere(t *testing.T) {
	stages := containerStages(t)
	if len(stages) != 2 {
		t.Fatalf("%d stages", len(stages))
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(textOf(t, "go.mod"))
	if from := the(t, stages[0], "FROM"); version == nil || from != "golang:"+version[1]+" AS build" {
		t.Errorf("it builds with %q, and go.mod wants %v", from, version)
	}
	ignored := textOf(t, ".dockerignore")
	for _, i := range stages[0] {
		if i.word != "COPY" {
			continue
		}
		words := strings.Fields(i.rest)
		for _, source := range words[:len(words)-1] {
			if _, err := os.Stat(filepath.Join(root, source)); err != nil {
				t.Error(err)
			}
			if source != "." && !strings.Contains(ignored, "\n!"+source+"\n") {
				t.Errorf(".dockerignore keeps %s out", source)
			}
		}
	}
	made := regexp.MustCompile(`CGO_ENABLED=0 go build -tags grpcnotrace -trimpath .*-ldflags='-s -w'`)
	if build := textOf(t, "Makefile"); !made.MatchString(build) || !made.MatchString(textOf(t, "deploy/Containerfile")) {
		t.Error("it does not build as make build does")
	}
	if from := the(t, stages[1], "FROM"); from != "scratch" {
		t.Errorf("the image is made from %q", from)
	}
	if user := the(t, stages[1], "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("it runs as %q", user)
	}
}

// systemFiles does what the image's build does to gather them, with this machine's.
func systemFiles(t *testing.T, dir string) {
	t.Helper()
	out := t.TempDir()
	program, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(filepath.Join(out, "bellhop"), program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	ran := false
	for _, i := range containerStages(t)[0] {
		if i.word == "RUN" && strings.Contains(i.rest, "/out/system") {
			ran = true
			if text, err := exec.Command("sh", "-ec", strings.ReplaceAll(i.rest, "/out", out)).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
		}
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(out, "system"))); err != nil || !ran {
		t.Fatalf("gathered %t, %v", ran, err)
	}
}

// TestContainer_ProgramInAnEmptyRoot_Serves runs the program as the image would: in a
// root that holds nothing but what the image does, as its user, with its environment.
func TestContainer_ProgramInAnEmptyRoot_Serves(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change the root")
	}
	image := containerStages(t)[1]
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bellhop"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	systemFiles(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if the(t, image, "USER") != "65532:65532" || the(t, image, "VOLUME") != "/data" || the(t, image, "ENTRYPOINT") != `["/bellhop"]` || the(t, image, "CMD") != `["serve"]` {
		t.Fatal("the image is another than this test plays")
	}
	if err := os.Chown(filepath.Join(dir, "data"), 65532, 65532); err != nil {
		t.Fatal(err)
	}
	env := append(strings.Fields(the(t, image, "ENV")), "BELLHOP_LISTEN=127.0.0.1:0", "BELLHOP_PUBLIC_URL=https://bellhop.test")
	inside := func(args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, "/bellhop", args...)
		cmd.Env, cmd.Dir = env, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot: dir, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}, Pdeathsig: syscall.SIGKILL,
		}
		return cmd
	}
	server := inside("serve")
	var log bytes.Buffer
	server.Stderr = &log
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		server.Wait()
		t.Fatalf("%q, %v\n%s", line, err, &log)
	}
	res, err := http.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("/readyz: %d %s, %v", res.StatusCode, body, err)
	}
	for _, args := range [][]string{{"pool", "create"}, {"backup", "/data/copy"}, {"doctor"}, {"audit"}} {
		if out, err := inside(args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server ended with %v\n%s", err, &log)
	}
	if !strings.Contains(log.String(), "tokens are signed by OpenSSL 3.") {
		t.Errorf("libcrypto does not sign\n%s", &log)
	}
}

// TestUnit_PassesSystemdsOwnChecks asks the tools of systemd, which need none that
// runs. Settings of newer versions than this machine's are allowed.
func TestUnit_PassesSystemdsOwnChecks(t *testing.T) {
	text := textOf(t, "deploy/bellhop.service")
	if !strings.Contains(text, "ExecStart=/usr/local/bin/bellhop serve ") {
		t.Fatal("the unit runs another program")
	}
	unit := filepath.Join(t.TempDir(), "bellhop.service")
	if err := os.WriteFile(unit, []byte(strings.Replace(text, "/usr/local/bin/bellhop", binary, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput()
	newer := regexp.MustCompile(`Unknown key (name )?'?(RestartSteps|RestartMaxDelaySec)'?`)
	for line := range strings.Lines(string(out)) {
		if !newer.MatchString(line) {
			t.Errorf("verify says %s", line)
		}
	}
	if err != nil {
		t.Errorf("verify: %v", err)
	}
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", unit).CombinedOutput()
	if err != nil {
		t.Errorf("exposed more than 2.0 of 10: %v\n%s", err, out)
	}
}
