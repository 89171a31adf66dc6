package endtoend

import (
	"debug/elf"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/coreos/go-oidc/v3/oidc"
)

// staticBinary is the program as `make build-static` makes it.
func staticBinary(t *testing.T) string {
	t.Helper()
	if !strings.Contains(textOf(t, "Makefile"), "\tCGO_ENABLED=0 go build -tags grpcnotrace,static -trimpath -ldflags='-s -w' -o bin/bellhop ./cmd/bellhop\n") {
		t.Error("make build-static makes another")
	}
	path := filepath.Join(t.TempDir(), "bellhop")
	build := exec.Command("go", "build", "-tags", "grpcnotrace,static", "-trimpath", "-buildvcs=false", "-o", path, "../../cmd/bellhop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// needsLoader says whether a program names one, and libraries for it to load.
func needsLoader(t *testing.T, program string) bool {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return true
		}
	}
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("there is no loader for %v", libraries)
	}
	return false
}

// Each build signs with what it has, on the same data, and an independent verifier
// takes the tokens of each by the keys that the one after it publishes.
func TestSigner_OfEachBuild_SignsWhatAnybodyVerifies(t *testing.T) {
	t.Parallel()
	static := staticBinary(t)
	if !needsLoader(t, binary) || needsLoader(t, static) {
		t.Error("the two builds are not what they are said to be")
	}
	s := newSite(t)
	var earlier []string
	for _, c := range []struct{ program, signer, said string }{
		{binary, "auto", "tokens are signed by OpenSSL 3."},
		{static, "auto", "tokens are signed in Go"},
		{binary, "libcrypto", "tokens are signed by OpenSSL 3."},
		{binary, "go", "tokens are signed in Go"},
	} {
		s.program, s.log = c.program, &syncBuffer{}
		s.env = append(s.env, "BELLHOP_SIGNER="+c.signer)
		s.start()
		if !s.log.await(bounded(t, time.Minute), func(text string) bool { return strings.Contains(text, c.said) }) {
			t.Errorf("--signer %s: it does not say %q:\n%s", c.signer, c.said, s.log)
		}
		earlier = append(earlier, s.idToken(t))
		s.verify(t, earlier)
		s.stop()
	}
	refused := exec.Command(static, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--signer", "libcrypto")
	out, err := refused.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "bellhop: --signer libcrypto: this program is built without it") {
		t.Errorf("it starts without what it is told to sign by: %v\n%s", err, out)
	}
}

// idToken is the ID token of a texted sign-in of somebody new.
func (s *site) idToken(t *testing.T) string {
	t.Helper()
	ctx, sdk, number := bounded(t, time.Minute), s.sdk(), newNumber()
	if _, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{
		UserPoolId: &s.pool, Username: &number, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{{Name: aws.String("phone_number"), Value: &number}, {Name: aws.String("phone_number_verified"), Value: aws.String("true")}},
	}); err != nil {
		t.Fatal(err)
	}
	started, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": number},
	})
	if err != nil {
		t.Fatal(err)
	}
	code, err := s.codeOf(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	ended, err := sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &s.client, ChallengeName: started.ChallengeName, Session: started.Session,
		ChallengeResponses: map[string]string{"USERNAME": number, "ANSWER": code},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(ended.AuthenticationResult.IdToken)
}

// verify has go-oidc judge tokens by what the server publishes.
func (s *site) verify(t *testing.T, tokens []string) {
	t.Helper()
	ctx := oidc.InsecureIssuerURLContext(bounded(t, time.Minute), "http://bellhop.test/"+s.pool)
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.asBellhopTest()), "http://bellhop.test/"+s.pool)
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: s.client})
	for i, token := range tokens {
		if _, err := verifier.Verify(oidc.ClientContext(ctx, s.asBellhopTest()), token); err != nil {
			t.Errorf("token %d of %d: %v", i+1, len(tokens), err)
		}
	}
}

// asBellhopTest is a client to which the site is http://bellhop.test, as its public
// URL says.
func (s *site) asBellhopTest() *http.Client {
	return &http.Client{Transport: toSite{s}}
}

type toSite struct{ s *site }

func (to toSite) RoundTrip(r *http.Request) (*http.Response, error) {
	there := r.Clone(r.Context())
	there.URL.Host = strings.TrimPrefix(to.s.base(), "http://")
	return http.DefaultTransport.RoundTrip(there)
}
