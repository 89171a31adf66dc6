package awsaccount

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

const (
	keptFor     = 24 * time.Hour
	keptAtMost  = 8
	askedAtMost = 10 // a minute: whoever may post here can name addresses that are not there
	minKeyBits  = 2048
)

// certificates are those that SNS signs with. The file holds the leaf alone, without
// what leads from it to a root, so it cannot be verified by itself. It is believed
// since SNS's own host serves it, by TLS that is verified with the system's roots; AWS's
// own verifiers do the same.
type certificates struct {
	http *http.Client

	fetches singleflight.Group // by address: posts come many at once
	mu      sync.Mutex         // guards what follows
	kept    map[string]certificate
	asked   []time.Time // of the last minute
}

type certificate struct {
	key          *rsa.PublicKey
	until, asked time.Time
}

var pathForm = regexp.MustCompile(`^/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem$`)

// key returns that of the certificate at an address, which must be the topic's own. It
// waits for SNS within wait: a stranger's post can make it, and a network that lets
// nothing out makes it long.
func (c *certificates) key(ctx context.Context, now time.Time, from topic, address string, wait func() (back func())) (*rsa.PublicKey, error) {
	u, err := url.Parse(address)
	if err != nil || !at(u, from) || u.RawQuery != "" || u.Fragment != "" || !pathForm.MatchString(u.EscapedPath()) {
		return nil, forged("its certificate does not lie at Amazon SNS of the topic's region")
	}
	if key := c.remembered(now, address); key != nil {
		return key, nil
	}
	defer wait()()
	// No single post's end is the end of what others wait for.
	fetched := c.fetches.DoChan(address, func() (any, error) { return c.fetch(context.WithoutCancel(ctx), now, from, address) })
	select {
	case f := <-fetched:
		key, _ := f.Val.(*rsa.PublicKey)
		return key, f.Err
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "The certificate of Amazon SNS does not arrive")
	}
}

func (c *certificates) fetch(ctx context.Context, now time.Time, from topic, address string) (*rsa.PublicKey, error) {
	if key := c.remembered(now, address); key != nil {
		return key, nil
	}
	if !c.mayAsk(now) {
		return c.old(now, address, "Amazon SNS was asked for many certificates; it is asked again in a minute")
	}
	status, body, err := get(ctx, c.http, address)
	switch {
	case err != nil, status >= 500, status == http.StatusTooManyRequests:
		return c.old(now, address, "The certificate of Amazon SNS cannot be fetched")
	case status != http.StatusOK:
		return nil, forged("its certificate does not exist")
	}
	found, ok := parse(now, from, body)
	if !ok {
		return nil, forged("its certificate is none of Amazon SNS, or none of this time")
	}
	c.remember(address, found)
	return found.key, nil
}

// old is one that is to be fetched anew and cannot be: it is good for as long as it says.
// Whoever names addresses that are not there must not have us forget it.
func (c *certificates) old(now time.Time, address, otherwise string) (*rsa.PublicKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.kept[address]; ok && !now.After(found.until) {
		return found.key, nil
	}
	return nil, fault.New(fault.Unavailable, "%s", otherwise)
}

func (c *certificates) remembered(now time.Time, address string) *rsa.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.kept[address]
	if !ok || now.After(found.until) || now.Sub(found.asked) > keptFor {
		return nil
	}
	return found.key
}

// remember makes room by forgetting the one that was fetched first.
func (c *certificates) remember(address string, found certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[string]certificate{}
	}
	if _, again := c.kept[address]; !again && len(c.kept) >= keptAtMost {
		oldest := ""
		for address, other := range c.kept {
			if oldest == "" || other.asked.Before(c.kept[oldest].asked) {
				oldest = address
			}
		}
		delete(c.kept, oldest)
	}
	c.kept[address] = found
}

func (c *certificates) mayAsk(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.asked) > 0 && now.Sub(c.asked[0]) > time.Minute {
		c.asked = c.asked[1:]
	}
	if len(c.asked) >= askedAtMost {
		return false
	}
	c.asked = append(c.asked, now)
	return true
}

// parse reads a certificate that is SNS's by its name, and of this time.
func parse(now time.Time, from topic, raw []byte) (certificate, bool) {
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" {
		return certificate{}, false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil || now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) || !named(leaf, from) {
		return certificate{}, false
	}
	key, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minKeyBits {
		return certificate{}, false
	}
	return certificate{key: key, until: leaf.NotAfter, asked: now}, true
}

// named says that a certificate has one of the names that SNS signs by: its own, or one
// of the region's. AWS SDK for Java 2, sns-message-manager, SnsHostProvider lists them.
func named(leaf *x509.Certificate, from topic) bool {
	names := []string{"sns.amazonaws.com", "sns-signing." + from.region + ".amazonaws.com"}
	switch from.partition {
	case "aws-cn":
		names = []string{"sns-" + from.region + ".amazonaws.com.cn"}
	case "aws-us-gov":
		names = []string{"sns-us-gov-west-1.amazonaws.com"}
	}
	for _, name := range names {
		if leaf.VerifyHostname(name) == nil {
			return true
		}
	}
	return false
}
