package logsms

import (
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

// Kind is this kind of provider. Its senders write to log.
func Kind(log *slog.Logger) provider.Kind {
	return provider.Kind{
		Name:  "log",
		About: "This server's log, codes included: for development alone.",
		New:   func(provider.Options) (sms.Sender, error) { return New(log), nil },
	}
}
