package srp

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// Claim is what a client signs with the session key to prove the password.
type Claim struct {
	PoolName    string // the part of the pool's id behind the first underscore
	UserID      string // USER_ID_FOR_SRP
	SecretBlock []byte // SECRET_BLOCK, decoded from base64
	Timestamp   string // TIMESTAMP, as sent
}

// Signature returns PASSWORD_CLAIM_SIGNATURE, not yet in base64.
func (c Claim) Signature(key Key) []byte {
	mac := hmac.New(sha256.New, key[:])
	io.WriteString(mac, c.PoolName)
	io.WriteString(mac, c.UserID)
	mac.Write(c.SecretBlock)
	io.WriteString(mac, c.Timestamp)
	return mac.Sum(nil)
}

// SignedWith reports whether signature is the claim's under key, in constant
// time.
func (c Claim) SignedWith(key Key, signature []byte) bool {
	return hmac.Equal(c.Signature(key), signature)
}

// maxTimestamp bounds what is parsed; the longest real one has 28 bytes.
const maxTimestamp = 40

// ParseTimestamp reads TIMESTAMP, as `Tue Mar 4 09:07:03 UTC 2025`: English,
// in UTC; a day of the month padded with a zero or a blank is taken too. The
// error is a fault.InvalidParameter in Cognito's words.
func ParseTimestamp(s string) (time.Time, error) {
	if len(s) <= maxTimestamp {
		for _, layout := range []string{"Mon Jan 2 15:04:05 UTC 2006", "Mon Jan _2 15:04:05 UTC 2006"} {
			if t, err := time.Parse(layout, s); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fault.New(fault.InvalidParameter,
		"TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
}
