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

// openSigner finds who computes the RSA signatures of tokens, and says who it is.
func openSigner(cfg *config.Config, log *slog.Logger) (token.RSA, error) {
	if cfg.Signer == config.SignerGo {
		log.Info("tokens are signed in Go", "why", "--signer go")
		return token.GoRSA{}, nil
	}
	lib, err := libcrypto.Open()
	switch {
	case err == nil:
		log.Info("tokens are signed by "+lib.Name(), "why", "the system has it")
		return libcryptoRSA{lib, log}, nil
	case cfg.Signer == config.SignerLibcrypto:
		return nil, fmt.Errorf("--signer libcrypto: %w", err)
	}
	log.Info("tokens are signed in Go", "why", "the system's libcrypto is not used: "+err.Error())
	return token.GoRSA{}, nil
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

// checkSigner says who would compute the RSA signatures of tokens.
func checkSigner(_ context.Context, p *patient) []finding {
	if p.cfg.Signer == config.SignerGo {
		return []finding{fine("Go signs, as --signer has it")}
	}
	lib, err := libcrypto.Open()
	switch {
	case err == nil:
		return []finding{fine("%s signs", lib.Name())}
	case p.cfg.Signer == config.SignerLibcrypto:
		return []finding{failure("install OpenSSL 3, or set --signer auto", "libcrypto is asked for, and %v", err)}
	}
	return []finding{fine("Go signs: %v", err)}
}
