// Package kmstest is a stand-in for AWS KMS over HTTP, for tests: the calls of its
// JSON protocol that the AWS Encryption SDK makes with a symmetric key. It looks at
// the shape of requests, and at no signature.
package kmstest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// KMS is a service with one key.
type KMS struct {
	URL string
	Key string // its ARN

	seal cipher.AEAD

	mu     sync.Mutex // guards the two below
	calls  []string
	refuse string
}

// New starts a KMS that ends with the test.
func New(t testing.TB) *KMS {
	t.Helper()
	secret := make([]byte, 32)
	rand.Read(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	k := &KMS{Key: "arn:aws:kms:eu-central-1:123456789012:key/0b1c2d3e-0000-4000-8000-000000000001"}
	if k.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	k.URL = server.URL
	// Whatever the machine has of AWS settings is not for tests.
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return k
}

// Refuse has every call from now on fail with the exception; "" has none.
func (k *KMS) Refuse(exception string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refuse = exception
}

// Calls are the operations that were called so far.
func (k *KMS) Calls() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.calls...)
}

// request is what is read of the calls' members.
type request struct {
	KeyID             string            `json:"KeyId"`
	EncryptionContext map[string]string `json:"EncryptionContext"`
	NumberOfBytes     int               `json:"NumberOfBytes"`
	CiphertextBlob    []byte            `json:"CiphertextBlob"`
}

// ServeHTTP serves one call.
func (k *KMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	k.mu.Lock()
	k.calls = append(k.calls, operation)
	refuse := k.refuse
	k.mu.Unlock()
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !ok || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		refuse = "SerializationException"
	}
	if refuse == "" && in.KeyID != "" && in.KeyID != k.Key {
		refuse = "NotFoundException"
	}
	if refuse != "" {
		reply(w, http.StatusBadRequest, map[string]any{"__type": refuse, "message": "refused"})
		return
	}
	bound, _ := json.Marshal(in.EncryptionContext) // with its keys in order
	switch operation {
	case "GenerateDataKey":
		key := make([]byte, in.NumberOfBytes)
		rand.Read(key)
		reply(w, http.StatusOK, map[string]any{"KeyId": k.Key, "Plaintext": key, "CiphertextBlob": k.seal.Seal(nil, nil, key, bound)})
	case "Decrypt":
		key, err := k.seal.Open(nil, nil, in.CiphertextBlob, bound)
		if err != nil {
			reply(w, http.StatusBadRequest, map[string]any{"__type": "InvalidCiphertextException"})
			return
		}
		reply(w, http.StatusOK, map[string]any{"KeyId": k.Key, "Plaintext": key, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	default:
		reply(w, http.StatusBadRequest, map[string]any{"__type": "UnsupportedOperationException"})
	}
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
