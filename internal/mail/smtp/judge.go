package smtp

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/netcause"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// step is how far a dialogue got, by the command that was under way.
type step string

const (
	stepConnect   step = "connecting"
	stepHello     step = "EHLO"
	stepSTARTTLS  step = "STARTTLS"
	stepAuth      step = "AUTH"
	stepFrom      step = "MAIL"
	stepRecipient step = "RCPT"
	stepData      step = "DATA"
	stepEnd       step = "the end of the message" // the only one after which it may be sent
)

var (
	errNoSTARTTLS  = errors.New("the server does not offer it")
	errNoMechanism = errors.New("the server offers neither PLAIN nor LOGIN")
)

// judge turns an error at a step into the contract's outcome.
func judge(ctx context.Context, at step, err error) error {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return judgeReply(at, reply)
	}
	if errors.Is(err, errNoSTARTTLS) || errors.Is(err, errNoMechanism) {
		return sendError(sms.SurelyNotSent, at, err)
	}
	if ctx.Err() != nil { // the connection was closed for it
		err = ctx.Err()
	}
	cause := netcause.Of(err)
	switch {
	case at == stepEnd:
		return sendError(sms.MaybeSent, at, cause)
	case errors.Is(cause, netcause.ErrCertificate):
		return sendError(sms.SurelyNotSent, at, cause)
	}
	return sendError(sms.NotYet, at, cause)
}

// judgeReply is judge for what the server said, of which only the codes are
// kept: servers repeat addresses, and some the message.
func judgeReply(at step, reply *textproto.Error) error {
	enhanced := enhancedCode.FindString(reply.Msg)
	cause := fmt.Errorf("answered with %d %s", reply.Code, enhanced)
	if enhanced == "" {
		cause = fmt.Errorf("answered with %d", reply.Code)
	}
	switch class := reply.Code / 100; {
	case class == 4:
		return sendError(sms.NotYet, at, cause)
	case class == 5 && at == stepRecipient && noMailbox(reply.Code, enhanced):
		return sendError(sms.RefusedForEver, at, cause)
	case class == 5:
		return sendError(sms.SurelyNotSent, at, cause)
	case at == stepEnd:
		return sendError(sms.MaybeSent, at, cause)
	}
	return sendError(sms.NotYet, at, cause)
}

// enhancedCode is a status code of RFC 3463 at the start of a reply.
var enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// noMailboxCodes speak of the recipient: bad mailbox, bad domain, bad syntax,
// moved, a domain that takes no mail, a mailbox that is closed (RFC 3463 section
// 3, RFC 7505).
var noMailboxCodes = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}

// noMailbox says that a refused recipient will never be one. Servers use 550 for
// their policies and for senders too, which only the enhanced code tells apart.
func noMailbox(code int, enhanced string) bool {
	if enhanced != "" {
		return slices.Contains(noMailboxCodes, enhanced)
	}
	return code == 550 || code == 551 || code == 553
}

func sendError(o sms.Outcome, at step, cause error) error {
	return &sms.SendError{Outcome: o, Cause: fmt.Errorf("smtp: %s: %w", at, cause)}
}
