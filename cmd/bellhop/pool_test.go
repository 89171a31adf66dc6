package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func TestPoolCreate_BesideARunningServer_IsServedAtOnce(t *testing.T) {
	data := t.TempDir()
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	code, stdout, stderr := once(t, nil, "pool", "create", "--data", data, "--id", poolID, "--client-id", clientID, "--behaviour", "strict")
	if code != exitOK {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	for _, want := range []string{
		"userPoolEndpoint: '" + p.url + "/'", "userPoolId: '" + poolID + "'", "userPoolClientId: '" + clientID + "'",
		"userPoolWebClientId: '" + clientID + "'", "endpoint: '" + p.url + "/'", "region: 'us-east-1'",
		p.url + "/" + poolID + "/.well-known/jwks.json", "--endpoint-url " + p.url, filepath.Join(data, "credentials"),
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout)
		}
	}
	admin := sdk(t, p.url, filepath.Join(data, "credentials"))
	pool, err := admin.DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: ptr(poolID)})
	if err != nil {
		t.Fatal(err)
	}
	if got := pool.UserPool.UserPoolTags["bellhop:behaviour"]; got != "strict" {
		t.Errorf("behaviour %q, want strict", got)
	}
	client, err := admin.DescribeUserPoolClient(context.Background(), &cip.DescribeUserPoolClientInput{UserPoolId: ptr(poolID), ClientId: ptr(clientID)})
	if err != nil {
		t.Fatal(err)
	}
	if c := client.UserPoolClient; c.ClientSecret != nil || c.PreventUserExistenceErrors != types.PreventUserExistenceErrorTypesEnabled {
		t.Errorf("the client is not public, or shows who exists: %v", c.PreventUserExistenceErrors)
	}
	p.endWell()
}

func TestPoolCreate_TakenIDs_AreErrorsAndLeaveNothing(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	for _, c := range []struct{ args, want string }{
		{"--id " + poolID, poolID + " exists already"},
		{"--id us-east-1_Other1 --client-id " + clientID, clientID + " exists already"},
		{"--id nonsense", "must look like"},
		{"--behaviour odd", "bellhop:behaviour"},
	} {
		code, stdout, stderr := once(t, nil, append([]string{"pool", "create", "--data", data}, strings.Fields(c.args)...)...)
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
	// The id whose client could not be made is free.
	code, _, stderr := once(t, nil, "pool", "create", "--data", data, "--id", "us-east-1_Other1")
	if code != exitOK {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestPoolCreate_JSON_HasNewIDsAndTheURLOfTheSettings(t *testing.T) {
	code, stdout, stderr := once(t, nil, "pool", "create", "--data", t.TempDir(), "--json", "--region", "eu-central-1", "--listen", "0.0.0.0:9999")
	if code != exitOK {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	id := got["userPoolId"]
	if !strings.HasPrefix(id, "eu-central-1_") || got["userPoolClientId"] == "" || got["region"] != "eu-central-1" ||
		got["endpoint"] != "http://localhost:9999" || got["issuer"] != "http://localhost:9999/"+id ||
		got["jwks"] != "http://localhost:9999/"+id+"/.well-known/jwks.json" {
		t.Errorf("got %v", got)
	}
}
