package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// The import of a pool from another server is killed in the midst of it and begun
// again: every user is there once, under his sub, and signs in by a text.
func TestImport_Killed_GoesOnAndBringsEveryUserOnce(t *testing.T) {
	t.Parallel()
	const users = 200 // four pages
	source, target := newSite(t), prepareSite(t, "BELLHOP_LIMITS=off")
	source.start()
	ctx := bounded(t, 2*time.Minute)
	sdk := source.sdk()
	var numbers []string
	for range users {
		numbers = append(numbers, newNumber())
		_, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{
			UserPoolId: &source.pool, Username: &numbers[len(numbers)-1], MessageAction: types.MessageActionTypeSuppress,
			UserAttributes: []types.AttributeType{{Name: new("phone_number_verified"), Value: new("true")}, {Name: new("name"), Value: new("=Asha, \"R\"")}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	var lists atomic.Int32
	killAt, reached, killed := int32(4), make(chan bool, 1), make(chan bool)
	to, err := url.Parse(source.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := relay(func() *url.URL { return to })
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListUsers") && lists.Add(1) == killAt {
			reached <- true
			<-killed // whoever asked is gone
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer between.Close()
	id, secret := source.adminKey()
	report := filepath.Join(t.TempDir(), "report.json")
	importer := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary, "import", "cognito", "--pool-id", source.pool, "--source-endpoint", between.URL, "--rate", "0", "--report", report)
		cmd.Env = append(target.env, "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret)
		return cmd
	}
	first := importer()
	var said bytes.Buffer
	first.Stderr = &said
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	select {
	case <-reached:
	case err := <-ended:
		t.Fatalf("the import ended: %v\n%s", err, said.String())
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	close(killed)
	if err := <-ended; err == nil {
		t.Fatal("the import was done before it was killed")
	}
	if out, err := importer().CombinedOutput(); err != nil {
		t.Fatalf("the import does not go on: %v\n%s", err, out)
	}
	var told struct {
		Finished, Resumed bool
		Users             struct{ Seen, Came, Already, Refused int }
	}
	text := readFile(t, report)
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatal(err)
	}
	if u := told.Users; !told.Finished || !told.Resumed || u.Came+u.Already != users || u.Already > 120 || u.Refused != 0 {
		t.Errorf("the report says %s", text)
	}
	for _, number := range numbers {
		if bytes.Contains(text, []byte(number[1:])) {
			t.Fatal("the report has a number")
		}
	}

	target.start()
	target.pool, target.client = source.pool, source.client
	if got, want := usersOf(t, target), usersOf(t, source); fmt.Sprint(got) != fmt.Sprint(want) || len(got) != users {
		t.Errorf("%d users came, and not as they were (%d)", len(got), len(want))
	}
	begun, err := target.sdk().InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: &source.client, AuthFlow: "CUSTOM_AUTH", AuthParameters: map[string]string{"USERNAME": numbers[7]}})
	if err != nil {
		t.Fatal(err)
	}
	code, err := target.codeOf(ctx, numbers[7], 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = target.sdk().RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &source.client, ChallengeName: begun.ChallengeName, Session: begun.Session,
		ChallengeResponses: map[string]string{"USERNAME": numbers[7], "ANSWER": code},
	})
	if err != nil {
		t.Errorf("the user does not get in: %v", err)
	}

	file := filepath.Join(t.TempDir(), "users.csv")
	target.run("export", "--pool", source.pool, "--format", "csv", "--output", file)
	csv := string(readFile(t, file))
	if strings.Count(csv, "\n") != users+1 || !strings.Contains(csv, "'=Asha\\, \"R\",") {
		t.Errorf("the export begins with %.600s", csv)
	}
	target.stop()
	source.stop()
}

// usersOf are the site's users, by sub, as the API shows them.
func usersOf(t *testing.T, s *site) map[string]string {
	t.Helper()
	all := map[string]string{}
	for token := (*string)(nil); ; {
		out, err := s.sdk().ListUsers(t.Context(), &cip.ListUsersInput{UserPoolId: &s.pool, PaginationToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Users {
			text, err := json.Marshal(u)
			if err != nil {
				t.Fatal(err)
			}
			all[*u.Username] += string(text) // twice, if he is there twice
		}
		if token = out.PaginationToken; token == nil {
			return all
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
