// Package kms encrypts the codes that custom senders deliver, in the form of the AWS
// Encryption SDK's messages and under a key of AWS KMS or of whatever speaks its API,
// so that the functions that people have decrypt them as they do Cognito's. It knows
// nothing of codes and keeps none.
package kms

import (
	"errors"
	"net/url"
)

// Config configures an Encrypter.
type Config struct {
	Endpoint string // http or https; empty is AWS's of the region
	Region   string // empty is that of the key's ARN
}

// check says what is wrong with the settings.
func (c Config) check() error {
	if u, err := url.Parse(c.Endpoint); c.Endpoint != "" &&
		(err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("kms: the endpoint must be an http or https URL without a user name and password")
	}
	return nil
}
