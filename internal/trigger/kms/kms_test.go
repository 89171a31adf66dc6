package kms_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	awstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/bellhop-auth/bellhop/internal/kmstest"
	"github.com/bellhop-auth/bellhop/internal/trigger/kms"
)

const pool = "us-east-1_AbC123xyz"

func open(t *testing.T, cfg kms.Config) *kms.Encrypter {
	t.Helper()
	e, err := kms.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEncrypt_ErrorsSayWhatKMSSaid(t *testing.T) {
	k := kmstest.New(t)
	e := open(t, kms.Config{Endpoint: k.URL})
	_, err := e.Encrypt(t.Context(), strings.Replace(k.Key, "0001", "0002", 1), pool, "314159")
	if _, ok := errors.AsType[*awstypes.NotFoundException](err); !ok {
		t.Errorf("another key: %v", err)
	}
	k.Refuse("DisabledException")
	_, err = e.Encrypt(t.Context(), k.Key, pool, "314159")
	if _, ok := errors.AsType[*awstypes.DisabledException](err); !ok || strings.Contains(err.Error(), "314159") {
		t.Errorf("a disabled key: %v", err)
	}
	if calls := k.Calls(); len(calls) != 2 {
		t.Errorf("calls %v, want one a try", calls)
	}
	k.Refuse("")
	if _, err := e.Encrypt(t.Context(), k.Key, pool, "314159"); err != nil {
		t.Errorf("after its trouble: %v", err)
	}
}

func TestEncrypt_AKMSThatHangs_IsGivenUpWithTheContext(t *testing.T) {
	kmstest.New(t) // for the environment
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := silent.Accept(); err == nil { // a call is under way
			defer conn.Close()
			cancel()
			<-t.Context().Done()
		}
	}()
	e := open(t, kms.Config{Endpoint: "http://" + silent.Addr().String(), Region: "eu-central-1"})
	_, err = e.Encrypt(ctx, "arn:aws:kms:eu-central-1:123456789012:key/1", pool, "314159")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestEncrypt_AnswersThatAreNoKMSs_AreErrors(t *testing.T) {
	kmstest.New(t) // for the environment
	const key = "arn:aws:kms:eu-central-1:123456789012:key/1"
	for _, answer := range []string{
		`{}`, `[]`, `<html>`, `{"KeyId":"1"}`, `{"KeyId":"` + key + `","Plaintext":"AAAA","CiphertextBlob":"AAAA"}`,
		`{"KeyId":"` + key + `"}`, `{"KeyId":"` + key + `","Plaintext":null,"CiphertextBlob":null}`,
	} {
		for _, status := range []int{200, 400, 500} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				w.Write([]byte(answer))
			}))
			e := open(t, kms.Config{Endpoint: server.URL})
			if _, err := e.Encrypt(t.Context(), key, "us-east-1_x", "314159"); err == nil {
				t.Errorf("%d %s: no error", status, answer)
			}
			server.Close()
		}
	}
	e := open(t, kms.Config{Endpoint: "http://127.0.0.1:1"})
	for _, bad := range []string{"", "key", "arn:aws:kms", "\xff", "arn:aws:kms:eu-central-1:1:alias/x"} {
		_, err := e.Encrypt(t.Context(), bad, "\xff", "314159")
		if err == nil || strings.Contains(err.Error(), "314159") || strings.Contains(err.Error(), "%!") {
			t.Errorf("key %q: %v", bad, err)
		}
	}
}

func TestNew_EndpointsThatAreNone(t *testing.T) {
	for _, endpoint := range []string{"kms.example.com", "ftp://kms.example.com", "http://", "https://user:pass@kms.example.com", "http://%"} {
		if _, err := kms.New(t.Context(), kms.Config{Endpoint: endpoint}); err == nil || strings.Contains(err.Error(), "pass") && strings.Contains(err.Error(), "user:") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
