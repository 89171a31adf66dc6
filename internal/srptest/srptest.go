// Package srptest is an app's side of Cognito's password proof (SRP) in tests: its
// failures are the test's. Tests only.
package srptest

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/srpclient"
)

// ModulusHex is the group of Cognito's SRP (RFC 3526, section 4) with its generator 2.
const ModulusHex = srpclient.ModulusHex

// Device is a device that was confirmed: it has a password of its own.
type Device = srpclient.Device

// NewDevice makes the password, and Salt and PasswordVerifier for ConfirmDevice, as
// Amplify does.
func NewDevice(key, group string) (d Device, salt, verifier string) {
	return srpclient.NewDevice(key, group)
}

// Client is an app's side of one password proof.
type Client struct{ proof *srpclient.Client }

// New begins a proof.
func New(tb testing.TB) Client {
	tb.Helper()
	c, err := srpclient.New()
	if err != nil {
		tb.Fatal(err)
	}
	return Client{c}
}

// A is SRP_A.
func (c Client) A() string { return c.proof.A() }

// Respond answers PASSWORD_VERIFIER as Amplify does.
func (c Client) Respond(tb testing.TB, pool, password string, parameters map[string]string) map[string]string {
	tb.Helper()
	responses, err := c.proof.Respond(pool, password, parameters)
	if err != nil {
		tb.Fatal(err)
	}
	return responses
}

// RespondAsDevice answers DEVICE_PASSWORD_VERIFIER as Amplify does.
func (c Client) RespondAsDevice(tb testing.TB, d Device, parameters map[string]string) map[string]string {
	tb.Helper()
	responses, err := c.proof.RespondAsDevice(d, parameters)
	if err != nil {
		tb.Fatal(err)
	}
	return responses
}
