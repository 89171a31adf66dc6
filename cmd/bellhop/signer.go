package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/libcrypto"
	"github.com/bellhop-auth/bellhop/internal/srp"
	"github.com/bellhop-auth/bellhop/internal/token"
)

// signer is who computes the RSA signatures of tokens and the powers of password
// proofs, and why it is that one.
type signer struct {
	token.RSA
	group     srp.Group
	name, why string
}

// openSigner finds the signer that the settings want.
func openSigner(cfg *config.Config, log *slog.Logger) (signer, error) {
	if cfg.Signer == config.SignerGo {
		return inGo("--signer go"), nil
	}
	lib, group, err := openLibcrypto()
	switch {
	case err == nil:
		return signer{libcryptoRSA{lib, log}, group, "by " + lib.Name(), "the system has it"}, nil
	case cfg.Signer == config.SignerLibcrypto:
		return signer{}, fmt.Errorf("--signer libcrypto: %w", err)
	}
	return inGo("libcrypto is not used: " + err.Error()), nil
}

func inGo(why string) signer { return signer{RSA: token.GoRSA{}, name: "in Go", why: why} }

func openLibcrypto() (*libcrypto.Library, srp.Group, error) {
	lib, err := libcrypto.Open()
	if err != nil {
		return nil, srp.Group{}, err
	}
	n, err := lib.Modulus(srp.N())
	if err != nil {
		return nil, srp.Group{}, err
	}
	group, err := srp.NewGroup(n.Exp)
	return lib, group, err
}

// libcryptoRSA is the library, and Go for a key that it does not take.
type libcryptoRSA struct {
	lib *libcrypto.Library
	log *slog.Logger
}

func (l libcryptoRSA) Signer(private *rsa.PrivateKey) (crypto.Signer, error) {
	signer, err := l.lib.Signer(private)
	if err != nil {
		l.log.Error("a signing key is used in Go", "error", err)
		return private, nil
	}
	return signer, nil
}

// checkSigner says who signs where a server runs with these settings.
func checkSigner(_ context.Context, p *patient) []finding {
	s, err := openSigner(p.cfg, quiet())
	if err != nil {
		return []finding{failure("install OpenSSL 3, or set --signer auto", "%v", err)}
	}
	return []finding{fine("tokens are signed %s: %s", s.name, s.why)}
}
