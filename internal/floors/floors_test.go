package floors

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bellhop-auth/bellhop"

// testsOnly marks packages that only tests may import; they may import
// anything.
const testsOnly = -1

// floorOf is the whole drawing. A package imports packages of lower floors.
var floorOf = map[string]int{
	"cmd/bellhop":        5, // programs: flags, wiring
	"cmd/bellhop-lambda": 5,
	"cmd/bellhop-bench":  5,

	"internal/bench/crowd":   3, // what a measurement is made with: those who sign in, the server, the machine
	"internal/bench/machine": 3,
	"internal/bench/plant":   4,
	"internal/callback":      4, // face: what SMS providers post
	"internal/cognito":       4, // face: the JSON API
	"internal/poolcopy":      4, // a pool of Cognito that is brought over, by the words of its face
	"internal/inbound":       4, // face: texts that users send us
	"internal/metrics":       4, // observers of web and userpool
	"internal/traces":        4,
	"internal/upload":        4, // face: files of user import jobs

	"internal/guard/rehearse":  3, // such runs, and their score
	"internal/deliveryfile":    3, // by whom texts go
	"internal/formerissuer":    3, // adapter: keys of who issued tokens before
	"internal/guardfile":       3, // settings of the guard
	"internal/libcrypto":       3, // adapter: who signs tokens, besides Go
	"internal/logdelivery":     3, // where the events of pools go
	"internal/mail/dryrun":     3, // adapters: who takes e-mails
	"internal/mail/logmail":    3,
	"internal/mail/smtp":       3,
	"internal/mail/webhook":    3,
	"internal/pack/directory":  3, // adapters of bellhop-lambda: the pool, the table, who takes texts
	"internal/pack/dynamo":     3,
	"internal/pack/texts":      3,
	"internal/poolfile":        3, // what pools there are to be
	"internal/pgcluster":       3, // PostgreSQL servers of our own, to measure with
	"internal/sms/logsms":      3, // adapters: who takes texts
	"internal/sms/msg91":       3,
	"internal/sms/screen":      3,
	"internal/sms/twilio":      3,
	"internal/sms/webhook":     3,
	"internal/stepup/attest":   3, // adapters: who judges evidence
	"internal/stepup/captcha":  3,
	"internal/sqlstore":        3, // adapter: the store
	"internal/trigger/kms":     3, // adapter: who encrypts codes for custom senders
	"internal/trigger/lambda":  3, // adapters: who calls triggers
	"internal/trigger/local":   3,
	"internal/trigger/webhook": 3,
	"internal/triggerfile":     3, // which function is called by whom
	"internal/textreport":      3, // what became of texts, for a reader
	"internal/web":             3, // HTTP plumbing for faces

	"internal/sms/awsaccount":       3, // texts by AWS: what its two kinds share
	"internal/sms/endusermessaging": 3,
	"internal/sms/sns":              3,

	"internal/sms/awssms": 2, // and what bellhop-lambda shares with them

	"internal/brief":         2, // connections, for who listens or dials
	"internal/config":        2, // settings of the program
	"internal/guard/memory":  2, // the guard's memory, and its traffic, for runs in virtual time
	"internal/guard/traffic": 2,
	"internal/hook":          2, // what adapters share
	"internal/sms/httpsms":   2, // what providers with an API over HTTP share
	"internal/sms/provider":  2, // what a kind of provider is
	"internal/sms/routes":    2, // a sender made of senders
	"internal/netcause":      2,
	"internal/sdkhttp":       2,
	"internal/pack":          2, // the domain of bellhop-lambda
	"internal/userpool":      2, // the domain
	"internal/yamlfile":      2, // what the readers of files share

	"internal/bench":     1, // what a measurement is
	"internal/srpclient": 1, // an app's side of srp
	"internal/capacity":  1, // how much nodes and a database do, in virtual time
	"internal/challenge": 1, // subjects: pure, with time as an argument
	"internal/guard":     1,
	"internal/mail":      1,
	"internal/passkey":   1, // WebAuthn
	"internal/sms":       1,
	"internal/stepup":    1,
	"internal/srp":       1,
	"internal/token":     1,
	"internal/trigger":   1,
	"internal/wording":   1, // the words of texts

	"internal/clock":           0, // vocabulary
	"internal/country":         0, // what is known of texts in countries, a table
	"internal/email":           0,
	"internal/fault":           0,
	"internal/otp":             0,
	"internal/guard/pricelist": 0, // what texts cost, a table
	"internal/passwordhash":    0, // hashes of passwords that other systems kept
	"internal/phone":           0,
	"internal/plain":           0, // texts that JSON has as they are
	"internal/seal":            0,
	"internal/smstext":         0, // what is known of the text of an SMS
	"internal/totp":            0, // codes of authenticator apps
	"web/demo":                 0, // the demo's built page, files alone

	"internal/endtoend":      testsOnly,
	"internal/floors":        testsOnly,
	"internal/kmstest":       testsOnly,
	"internal/lambdatest":    testsOnly,
	"internal/mailtest":      testsOnly,
	"internal/pgtest":        testsOnly,
	"internal/providertest":  testsOnly,
	"internal/smstest":       testsOnly,
	"internal/passkeytest":   testsOnly,
	"internal/srptest":       testsOnly,
	"internal/storetest":     testsOnly,
	"internal/tracetest":     testsOnly,
	"internal/simulation":    testsOnly,
	"internal/pack/packtest": testsOnly,
	"internal/worldtest":     testsOnly,
}

// neighbours are the imports on one floor that are allowed.
var neighbours = map[string][]string{
	"internal/country":         {"internal/phone"},
	"internal/email":           {"internal/fault"},
	"internal/guard/pricelist": {"internal/phone"},
	"internal/phone":           {"internal/fault"},
	"internal/mail":            {"internal/sms"},
	"internal/poolcopy":        {"internal/cognito"},
	"internal/hook":            {"internal/netcause", "internal/brief"},
	"internal/sms/httpsms":     {"internal/hook"},
	"internal/yamlfile":        {"internal/config"},

	"internal/sms/endusermessaging": {"internal/sms/awsaccount"},
	"internal/sms/sns":              {"internal/sms/awsaccount"},
}

// outside is what the two lowest floors must not reach for themselves: files,
// network, processes, databases, other people's logs.
var outside = []string{"database/sql", "log", "net", "net/http", "os", "os/exec", "os/signal", "path/filepath", "syscall"}

type pkg struct {
	ImportPath string
	Imports    []string // of files that are no tests
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestFloors_EveryImport_GoesDown(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		seen[p.name()] = true
		floor, ok := floorOf[p.name()]
		if !ok {
			t.Errorf("%s has no floor; give it one in floorOf", p.name())
			continue
		}
		if floor == testsOnly {
			continue
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module+"/")
			if !ours || slices.Contains(neighbours[p.name()], imported) {
				continue
			}
			if floorOf[imported] >= floor || floorOf[imported] == testsOnly {
				t.Errorf("%s on floor %d imports %s on floor %d", p.name(), floor, imported, floorOf[imported])
			}
		}
	}
	for name := range floorOf {
		if !seen[name] {
			t.Errorf("%s has a floor and does not exist", name)
		}
	}
}

func TestFloors_TheLowestTwoAndThePack_DoNoIO(t *testing.T) {
	checked := 0
	for _, p := range packages(t) {
		floor, ok := floorOf[p.name()]
		if !ok || floor == testsOnly || (floor > 1 && p.name() != "internal/pack") {
			continue
		}
		checked++
		for _, path := range p.Imports {
			if slices.Contains(outside, path) {
				t.Errorf("%s on floor %d imports %s", p.name(), floor, path)
			}
		}
	}
	if checked == 0 {
		t.Error("no package was checked")
	}
}

// What people deploy to Lambda is the two lowest floors and the pack: no face, no
// store of the server, no database.
func TestFloors_BellhopLambda_StandsOnTheLowestTwo(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./cmd/bellhop-lambda")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	shared := 0
	for path := range strings.FieldsSeq(string(out)) {
		name, ours := strings.CutPrefix(path, module+"/")
		switch {
		case path == "database/sql":
			t.Errorf("cmd/bellhop-lambda depends on %s", path)
		case !ours, name == "cmd/bellhop-lambda", name == "internal/pack", name == "internal/sdkhttp", name == "internal/sms/awssms", strings.HasPrefix(name, "internal/pack/"):
		case floorOf[name] > 1 || floorOf[name] == testsOnly:
			t.Errorf("cmd/bellhop-lambda depends on %s of floor %d", name, floorOf[name])
		default:
			shared++
		}
	}
	if shared == 0 {
		t.Error("cmd/bellhop-lambda shares nothing with the server")
	}
}

func TestDependencies_EachDirectOne_HasItsSentence(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`(?m)^(?:require |\t)([\w./-]+) v\S+(.*)$`)
	direct := map[string]bool{}
	for _, m := range required.FindAllStringSubmatch(string(mod), -1) {
		if strings.Contains(m[2], "indirect") {
			continue
		}
		direct[m[1]] = true
		if !strings.Contains(string(page), "| `"+m[1]+"` | ") {
			t.Errorf("docs/dependencies.md does not say why %s is needed", m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(string(page), -1) {
		if !direct[m[1]] {
			t.Errorf("docs/dependencies.md names %s, which is no direct dependency", m[1])
		}
	}
	if len(direct) == 0 {
		t.Error("no direct dependency was found")
	}
}
