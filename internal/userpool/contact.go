package userpool

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Contact is where a code goes: a phone number or an e-mail address, not both.
// Like both it prints itself masked. The zero Contact is none.
type Contact struct {
	Number phone.Number
	Email  email.Address
}

// contactOf reads what Text returned.
func contactOf(text string) Contact {
	if strings.Contains(text, "@") {
		return Contact{Email: email.FromCanonical(text)}
	}
	return Contact{Number: phone.FromCanonical(text)}
}

// ContactOf returns the contact whose Text was kept.
func ContactOf(text string) Contact { return contactOf(text) }

// IsZero says whether there is no contact.
func (c Contact) IsZero() bool { return c == Contact{} }

// Text is the number in E.164, or the address. Whoever calls it answers for
// where it goes.
func (c Contact) Text() string {
	if !c.Email.IsZero() {
		return c.Email.Text()
	}
	return c.Number.E164()
}

// Masked is the contact as Cognito's CodeDeliveryDetails show it.
func (c Contact) Masked() string {
	if !c.Email.IsZero() {
		return c.Email.Masked()
	}
	return c.Number.Masked()
}

// medium and attribute are its CodeDeliveryDetails' other two members.
func (c Contact) medium() string {
	if !c.Email.IsZero() {
		return "EMAIL"
	}
	return "SMS"
}

func (c Contact) attribute() string {
	if !c.Email.IsZero() {
		return AttrEmail
	}
	return AttrPhone
}

// verified is the attribute that says whether it was proved.
func (c Contact) verified() string {
	if !c.Email.IsZero() {
		return AttrEmailVerified
	}
	return AttrPhoneVerified
}

// String and the others print the contact masked.
func (c Contact) String() string               { return c.Masked() }
func (c Contact) GoString() string             { return c.Masked() }
func (c Contact) Format(s fmt.State, _ rune)   { io.WriteString(s, c.Masked()) }
func (c Contact) LogValue() slog.Value         { return slog.StringValue(c.Masked()) }
func (c Contact) MarshalText() ([]byte, error) { return []byte(c.Masked()), nil }
