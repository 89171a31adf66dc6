package pack

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// party is whom tries are counted against: events carry no address.
func (p *Pack) party(n phone.Number) guard.Party {
	return guard.Party{Number: p.hidden("number", n.E164())}
}

const day = 24 * time.Hour

// country is the number's, or its country code where digits tell no country.
func country(n phone.Number) string {
	if region := n.Region(); region != "" {
		return region
	}
	return "+" + strconv.Itoa(n.CountryCode())
}

// settle ends what a right answer ends. The code is used by now, so that what
// fails is logged and stops nobody.
func (p *Pack) settle(ctx context.Context, who target, c Challenge, now time.Time) {
	p.answered(ctx, who.number, textsOf(c), func(tx Tx) error {
		return errors.Join(
			guard.RightTry(ctx, tx, p.party(who.number), now),
			p.guard.Right(ctx, tx, who.pool, now))
	}, now)
}

// textsOf is the list of a challenge's texts.
func textsOf(c Challenge) string { return "sent/" + c.ID }

// mayText refuses numbers that no text may go to, before anything is looked up.
// Where a made-up number would lie is told nobody.
func (p *Pack) mayText(who target) error {
	if !who.typed {
		return nil
	}
	if !p.settings.Countries.Allow(who.number.Region()) {
		return fault.New(fault.CodeDeliveryFailure, "Texts are not sent to this country")
	}
	for _, prefix := range p.settings.Denied {
		if strings.HasPrefix(who.number.E164(), prefix) {
			return fault.New(fault.CodeDeliveryFailure, "Texts are not sent to this number")
		}
	}
	switch who.number.Kind() {
	case phone.TollFree, phone.PremiumRate, phone.SharedCost, phone.Pager, phone.UAN, phone.Voicemail:
		return fault.New(fault.CodeDeliveryFailure, "Texts are not sent to numbers of this kind")
	}
	return nil
}

// text sends the challenge's code. Of those who want to at the same time one does,
// and the others go on with what he sent.
func (p *Pack) text(ctx context.Context, who target, c Challenge, now time.Time) error {
	mine, err := p.store.ClaimSend(ctx, who.slot, c, now)
	if err != nil || !mine {
		return err
	}
	d, err := p.decide(ctx, question{who: who, list: textsOf(c)}, now)
	if err != nil {
		p.unclaim(ctx, who, c, now)
		return err
	}
	if who.decoy {
		p.texter.Pretend(ctx)
		return nil
	}
	return p.send(ctx, who, c, d, now)
}

func (p *Pack) send(ctx context.Context, who target, c Challenge, d debit, now time.Time) error {
	_, err := p.texter.Send(ctx, sms.Message{
		ID: c.ID, To: who.number, Body: p.settings.render(p.code(c.ID, who.number).Reveal()),
		Purpose: purpose, PoolID: who.pool, ClientID: who.client, ExpiresAt: c.ExpiresAt,
	})
	log := p.log.With("to", who.number, "country", country(who.number), "pool", who.pool, "client", who.client)
	switch {
	case err == nil:
		log.InfoContext(ctx, "text sent")
		return nil
	case sms.OutcomeOf(err) == sms.MaybeSent:
		// He may have it. If not, he asks again after the gap.
		log.WarnContext(ctx, "text sent", "doubt", err)
		return nil
	}
	log.ErrorContext(ctx, "text failed", "error", err)
	p.returnText(ctx, d, now)
	p.unclaim(ctx, who, c, now)
	return fault.New(fault.CodeDeliveryFailure, "The text could not be sent")
}

// afterTime is what undoing things may take when the time of the answer is over. AWS
// Lambda ends the function a little later than that.
const afterTime = 300 * time.Millisecond

// afterwards is for undoing what was done, though the time for it may be over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now()
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end.Add(afterTime))
}

// unclaim lets the next who asks be texted at once, since this one was not.
func (p *Pack) unclaim(ctx context.Context, who target, c Challenge, now time.Time) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if err := p.store.ReturnSend(ctx, who.slot, c, now); err != nil {
		p.log.WarnContext(ctx, "the right to send was not given back", "error", err)
	}
}

// codeParameter stands for the code in a text.
const codeParameter = "{####}"

// render is the text with the code in it. The last line is the origin-bound form
// (WICG, Origin-bound one-time codes delivered via SMS), so that a browser fills
// the code in on that host alone.
func (s Settings) render(code string) string {
	text := s.Message
	if s.AppHost != "" {
		text += "\n\n@" + s.AppHost + " #" + codeParameter
	}
	return strings.ReplaceAll(text, codeParameter, code)
}
