package main

import (
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/sms/endusermessaging"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/sns"
)

// kinds is the table of the kinds of providers, in the order of the documentation. A
// further one is a folder and a row. The log is for those that write to it.
func kinds(*slog.Logger) []provider.Kind {
	return []provider.Kind{
		endusermessaging.Kind(),
		sns.Kind(),
	}
}
