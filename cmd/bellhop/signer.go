package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/libcrypto"
	"github.com/bellhop-auth/bellhop/internal/token"
)

// signer is who computes the RSA signatures of tokens, and why it is that one.
type signer struct {
	token.RSA
	name, why string
}

// openSigner finds the signer that the settings want.
func openSigner(cfg *config.Config, log *slog.Logger) (signer, error) {
	if cfg.Signer == config.SignerGo {
		return inGo("--signer go"), nil
	}
	lib, err := libcrypto.Open()
	switch {
	case err == nil:
		return signer{libcryptoRSA{lib, log}, "by " + lib.Name(), "the system has it"}, nil
	case cfg.Signer == config.SignerLibcrypto:
		return signer{}, fmt.Errorf("--signer libcrypto: %w", err)
	}
	return inGo("libcrypto is not used: " + err.Error()), nil
}

func inGo(why string) signer { return signer{token.GoRSA{}, "in Go", why} }

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
