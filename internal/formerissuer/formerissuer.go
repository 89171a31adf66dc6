// Package formerissuer keeps the key sets of the servers that issued tokens for
// pools before those came here. It fetches them in the background, so that no
// request waits for another server, and gives none away after the date until which
// an issuer is believed.
package formerissuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/token"
)

// Issuer is a former issuer of a pool's tokens.
type Issuer struct {
	URL   string // as tokens name it; it ends in a slash and the pool's id
	Until time.Time
}

// Parse reads an issuer as the operator writes it: URL@TIME.
func Parse(text string) (Issuer, error) {
	i := strings.LastIndex(text, "@")
	if i < 0 {
		return Issuer{}, fmt.Errorf("must be an issuer's URL, @ and the date until which its tokens are taken, not %q", text)
	}
	until, err := time.Parse(time.RFC3339, text[i+1:])
	if err != nil {
		if until, err = time.Parse(time.DateOnly, text[i+1:]); err != nil {
			return Issuer{}, fmt.Errorf("has %q for a date; it must be like 2026-12-31 or 2026-12-31T12:00:00Z", text[i+1:])
		}
	}
	u, err := url.Parse(text[:i])
	switch {
	case err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return Issuer{}, errors.New("has an issuer that is no URL")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return Issuer{}, errors.New("has an issuer whose URL does not begin with https://")
	case strings.Trim(u.Path, "/") == "" || strings.HasSuffix(u.Path, "/"):
		return Issuer{}, errors.New("has an issuer whose URL does not end in a pool id")
	}
	return Issuer{URL: text[:i], Until: until}, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// How often key sets are fetched, and how long that may take.
const (
	fetchEvery  = time.Hour
	fetchRetry  = time.Minute
	fetchWithin = 10 * time.Second
)

// Keeper keeps the key sets. It is safe for concurrent use.
type Keeper struct {
	issuers []Issuer
	client  *http.Client
	log     *slog.Logger

	mu   sync.Mutex // guards keys
	keys map[string]token.FormerKeys
}

// New returns a Keeper that has no key set yet.
func New(issuers []Issuer, log *slog.Logger) *Keeper {
	// Whoever answers for the issuer answers himself.
	client := hook.NewClient(http.DefaultTransport.(*http.Transport).Clone(), fetchWithin)
	return &Keeper{issuers: issuers, client: client, log: log, keys: make(map[string]token.FormerKeys)}
}

// Keys are those of the issuer, false if it is none, or no more, or its keys are not
// known yet.
func (k *Keeper) Keys(issuer string, now time.Time) (token.FormerKeys, bool) {
	for _, i := range k.issuers {
		if i.URL == issuer && now.Before(i.Until) {
			k.mu.Lock()
			defer k.mu.Unlock()
			keys, ok := k.keys[issuer]
			return keys, ok
		}
	}
	return nil, false
}

// Run fetches the key sets until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		next := fetchEvery
		if !k.fetchAll(ctx) {
			next = fetchRetry
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// fetchAll fetches all that are still believed, and says whether all came. One that
// does not come leaves the one before.
func (k *Keeper) fetchAll(ctx context.Context) (ok bool) {
	ok = true
	for _, i := range k.issuers {
		if !time.Now().Before(i.Until) {
			continue
		}
		keys, err := k.fetch(ctx, i.URL)
		if err != nil {
			if ctx.Err() == nil {
				k.log.Warn("the keys of a former issuer cannot be fetched", "issuer", i.URL, "error", err)
			}
			ok = false
			continue
		}
		k.mu.Lock()
		_, known := k.keys[i.URL]
		k.keys[i.URL] = keys
		k.mu.Unlock()
		if !known {
			k.log.Info("access tokens of a former issuer are taken", "issuer", i.URL, "until", i.Until)
		}
	}
	return ok
}

func (k *Keeper) fetch(ctx context.Context, issuer string) (token.FormerKeys, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/.well-known/jwks.json", nil)
	if err != nil {
		return nil, err
	}
	res, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", res.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, token.MaxJWKS+1))
	if err != nil {
		return nil, err
	}
	return token.ParseJWKS(document)
}
