//go:build race

package kms

import (
	"context"
	"errors"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Encrypter encrypts nothing in a build for the race detector, for which the AWS
// Encryption SDK takes minutes to compile.
type Encrypter struct{}

// New returns an Encrypter for cfg.
func New(_ context.Context, cfg Config) (*Encrypter, error) { return &Encrypter{}, cfg.check() }

// Encrypt implements userpool.Encrypter.
func (*Encrypter) Encrypt(context.Context, string, userpool.PoolID, string) ([]byte, error) {
	return nil, errors.New("kms: a build for the race detector has no AWS Encryption SDK")
}
