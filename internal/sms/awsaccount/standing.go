package awsaccount

import (
	"errors"
	"fmt"
	"strings"
)

// newLimit is what a new account may spend on texts in a month, in US dollars: a few
// dozen texts.
// https://docs.aws.amazon.com/sms-voice/latest/userguide/sandbox.html
const newLimit = 1

// Standing says what keeps an account from texting everybody, nil for nothing; limit is
// what it may spend in a month, where that is known.
func Standing(service, region string, sandbox bool, limit float64, known bool) error {
	var wrong []error
	if sandbox {
		wrong = append(wrong, fmt.Errorf("%s: the account is in the SMS sandbox of %s, where only numbers that it verified get texts", service, region))
	}
	if known && limit <= newLimit {
		wrong = append(wrong, fmt.Errorf("%s: the account may spend %v US dollars a month on texts in %s, as every new one; ask AWS for more", service, limit, region))
	}
	return All(wrong...)
}

// All is everything that is wrong, in one line; nil for nothing.
func All(wrong ...error) error {
	var said []string
	for _, err := range wrong {
		if err != nil {
			said = append(said, err.Error())
		}
	}
	if said == nil {
		return nil
	}
	return errors.New(strings.Join(said, "; "))
}
