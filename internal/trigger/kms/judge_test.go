//go:build !race

package kms_test

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	materials "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	materialtypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	encryption "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	encryptiontypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/bellhop-auth/bellhop/internal/kmstest"
	"github.com/bellhop-auth/bellhop/internal/trigger/kms"
)

// decrypt does what a custom sender does, with the settings of Cognito's examples,
// and asks for the pool's encryption context.
func decrypt(t *testing.T, k *kmstest.KMS, message []byte, pool string) (string, error) {
	t.Helper()
	client := awskms.New(awskms.Options{
		BaseEndpoint: &k.URL, Region: "eu-central-1", Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAFUNCTION", SecretAccessKey: "secret"}, nil
		}),
	})
	providers, err := materials.NewClient(materialtypes.MaterialProvidersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := providers.CreateAwsKmsKeyring(t.Context(), materialtypes.CreateAwsKmsKeyringInput{KmsClient: client, KmsKeyId: k.Key})
	if err != nil {
		t.Fatal(err)
	}
	policy := materialtypes.ESDKCommitmentPolicyRequireEncryptAllowDecrypt
	sdk, err := encryption.NewClient(encryptiontypes.AwsEncryptionSdkConfig{CommitmentPolicy: &policy})
	if err != nil {
		t.Fatal(err)
	}
	out, err := sdk.Decrypt(t.Context(), encryptiontypes.DecryptInput{
		Ciphertext: message, Keyring: keyring, EncryptionContext: map[string]string{"userpool-id": pool},
	})
	if err != nil {
		return "", err
	}
	if out.EncryptionContext["userpool-id"] != pool {
		t.Errorf("the encryption context is %v", out.EncryptionContext)
	}
	return string(out.Plaintext), nil
}

func TestEncrypt_TheSDKDecryptsIt_ForItsPoolAlone(t *testing.T) {
	k := kmstest.New(t)
	e := open(t, kms.Config{Endpoint: k.URL, Region: "eu-central-1"})
	const secret = "314159 &lt;é"
	message, err := e.Encrypt(t.Context(), k.Key, pool, secret)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(message), secret) || strings.Contains(base64.StdEncoding.EncodeToString(message), "314159") {
		t.Error("the message holds the secret in the clear")
	}
	if got, err := decrypt(t, k, message, pool); err != nil || got != secret {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := decrypt(t, k, message, "us-east-1_Other0000"); err == nil {
		t.Errorf("another pool's encryption context decrypts it: %q", got)
	}
	again, err := e.Encrypt(t.Context(), k.Key, pool, secret)
	if err != nil || string(again[:64]) == string(message[:64]) {
		t.Errorf("two messages begin alike: %v", err)
	}
	if version, suite := message[0], message[1:3]; version != 2 || suite[0] != 5 || suite[1] != 0x78 {
		t.Errorf("it is version %d by suite %x, which do not commit to the key", version, suite)
	}
}

func TestEncrypt_ABrokenMessage_IsDecryptedByNobody(t *testing.T) {
	k := kmstest.New(t)
	message, err := open(t, kms.Config{Endpoint: k.URL, Region: "eu-central-1"}).Encrypt(t.Context(), k.Key, pool, "314159")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(message); i += 7 { // into every field
		broken := slices.Clone(message)
		broken[i] ^= 1
		if got, err := decrypt(t, k, broken, pool); err == nil {
			t.Errorf("with another byte %d of %d it is %q", i, len(message), got)
		}
	}
}

// TestEncrypt_WhateverItsLength_TheSDKDecryptsIt does it often, since signatures are of
// several lengths as well.
func TestEncrypt_WhateverItsLength_TheSDKDecryptsIt(t *testing.T) {
	k := kmstest.New(t)
	e := open(t, kms.Config{Endpoint: k.URL, Region: "eu-central-1"})
	for n := range 32 {
		secret := strings.Repeat("7", n*n*4) // up to a whole frame
		if n == 31 {
			secret = strings.Repeat("7", 4096)
		}
		message, err := e.Encrypt(t.Context(), k.Key, pool, secret)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decrypt(t, k, message, pool); err != nil || got != secret {
			t.Errorf("%d bytes: %d come back, %v", len(secret), len(got), err)
		}
	}
	if _, err := e.Encrypt(t.Context(), k.Key, pool, strings.Repeat("7", 4097)); err == nil {
		t.Error("more than a frame was encrypted")
	}
}
