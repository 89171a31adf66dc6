package main

import (
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/sms/endusermessaging"
	"github.com/bellhop-auth/bellhop/internal/sms/logsms"
	"github.com/bellhop-auth/bellhop/internal/sms/msg91"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/sns"
	"github.com/bellhop-auth/bellhop/internal/sms/twilio"
	"github.com/bellhop-auth/bellhop/internal/sms/webhook"
)

// kinds is the table of the kinds of providers, in the order of the documentation. A
// further one is a folder and a row.
func kinds(log *slog.Logger) []provider.Kind {
	return []provider.Kind{
		twilio.Kind(),
		endusermessaging.Kind(),
		sns.Kind(),
		msg91.Kind(),
		webhook.Kind(),
		logsms.Kind(log),
	}
}
