//go:build !race

package kms_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/kmstest"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/trigger/kms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// letterbox is a custom sender that keeps the events that it gets.
type letterbox chan trigger.Event[trigger.CustomSenderRequest, trigger.None]

func (b letterbox) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	var e trigger.Event[trigger.CustomSenderRequest, trigger.None]
	err := json.Unmarshal(event, &e)
	b <- e
	return []byte("what it answers does not matter"), err
}

func TestCustomSender_DecryptsTheCodeThatConfirms(t *testing.T) {
	k := kmstest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	store, err := sqlstore.Open(ctx, filepath.Join(t.TempDir(), "bellhop.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ring, _ := seal.Generate()
	box := make(letterbox, 1)
	s, err := userpool.Open(ctx, userpool.Config{
		Store: store, Ring: ring, Sender: sms.None{}, Region: "us-east-1", PublicURL: "http://localhost:9400",
		Triggers: box, Encrypter: open(t, kms.Config{Endpoint: k.URL}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	set := userpool.DefaultPoolSettings()
	set.UsernameAttributes, set.AutoVerified = []string{"phone_number"}, []string{"phone_number"}
	set.Tags = map[string]string{"bellhop:token-alg": "ES256"}
	set.FirstFactors = []string{userpool.FactorPassword, userpool.FactorSMSOTP}
	set.Triggers = userpool.Triggers{KMSKey: k.Key, Functions: map[trigger.Name]string{
		trigger.CustomSMSSender: "arn:aws:lambda:us-east-1:123456789012:function:sender",
	}}
	p, err := s.CreateUserPool(ctx, userpool.NewPool{Name: "riders", Settings: set})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.CreateUserPoolClient(ctx, userpool.NewClient{PoolID: p.ID, Name: "app", Settings: userpool.ClientSettings{
		ExplicitAuthFlows: []string{userpool.AllowUserAuth}, PreventExistence: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	const number = "+919876543210"
	caller := userpool.Caller{Address: netip.MustParseAddr("203.0.113.7")}
	if _, err := s.SignUp(ctx, userpool.SignUpRequest{Caller: caller, ClientID: c.ID, Username: number}); err != nil {
		t.Fatal(err)
	}
	e := <-box
	message, err := base64.StdEncoding.DecodeString(e.Request.Code)
	if err != nil || e.Request.UserAttributes["phone_number"] != number {
		t.Fatalf("event %+v, %v", e, err)
	}
	if code, err := decrypt(t, k, message, "us-east-1_Other0000"); err == nil {
		t.Errorf("for another pool it decrypts to %q", code)
	}
	code, err := decrypt(t, k, message, string(p.ID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfirmSignUp(ctx, userpool.ConfirmSignUpRequest{Caller: caller, ClientID: c.ID, Username: number, Code: code}); err != nil {
		t.Errorf("the decrypted code: %v", err)
	}
}
