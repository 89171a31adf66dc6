// Package attest asks the operator's own service what an attestation is worth: Play
// Integrity and App Attest are verified with keys and app ids that are the
// operator's. One POST of JSON, signed by the Standard Webhooks convention
// (https://www.standardwebhooks.com); {"ok": true} is a yes.
package attest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/netcause"
	"github.com/bellhop-auth/bellhop/internal/stepup"
)

const (
	timeout     = 3 * time.Second // for one answer, connecting included
	connections = 64              // to the host, at once
	maxAnswer   = 16 << 10
)

// Hook asks at one URL. Its errors hold nothing of what is posted and nothing of the
// URL. It is safe for concurrent use.
type Hook struct {
	url    string
	signer *hook.Signer
	client *http.Client
}

// New returns a Hook for the settings, or an error that names what is wrong with
// them without repeating it.
func New(settings stepup.Attester) (*Hook, error) {
	target, err := hook.Target(string(settings.URL), settings.AllowPrivate)
	if err != nil {
		return nil, fmt.Errorf("attestation: %w", err)
	}
	signer, err := hook.NewSigner(string(settings.Secret))
	if err != nil {
		return nil, fmt.Errorf("attestation: %w", err)
	}
	if signer == nil {
		return nil, errors.New("attestation: there is no secret to sign with")
	}
	client := hook.NewClient(hook.TargetTransport(settings.AllowPrivate, connections), timeout)
	return &Hook{url: target.String(), signer: signer, client: client}, nil
}

// question is what is asked. Demand is what the app was given, whole: what the device
// attests must be bound to it.
type question struct {
	Kind   stepup.Kind `json:"kind"`
	Demand string      `json:"demand"`
	Answer string      `json:"answer"`
	Pool   string      `json:"pool"`
	Client string      `json:"client"`
}

// Verify implements stepup.Verifier.
func (h *Hook) Verify(ctx context.Context, e stepup.Evidence) error {
	body, err := json.Marshal(question{e.Kind, e.Demand, e.Answer, e.Pool, e.Client})
	if err != nil { // strings always have a JSON form
		return errors.New("attestation: the question cannot be encoded")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("attestation: the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bellhop")
	// Asked again of the same, it is the same message.
	sum := sha256.Sum256([]byte(e.Answer))
	if err := h.signer.Sign(req.Header, e.ID+"-"+hex.EncodeToString(sum[:4]), time.Now(), body); err != nil {
		return fmt.Errorf("attestation: %w", err)
	}
	res, err := h.client.Do(req)
	switch {
	case errors.Is(err, hook.ErrPrivate):
		return fmt.Errorf("attestation: the host has a %w", hook.ErrPrivate)
	case err != nil:
		return fmt.Errorf("attestation: %w", netcause.Of(err))
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("attestation: answered with status %d", res.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("attestation: %w", netcause.Of(err))
	}
	var verdict struct {
		OK *bool `json:"ok"`
	}
	if len(answer) > maxAnswer || json.Unmarshal(answer, &verdict) != nil || verdict.OK == nil {
		return errors.New("attestation: the answer is no verdict")
	}
	if !*verdict.OK {
		return fmt.Errorf("attestation: %w", stepup.ErrWrong)
	}
	return nil
}
