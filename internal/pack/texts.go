package pack

import (
	"context"
	"strconv"
	"strings"
	"sync"
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

// budget is one limit of texts, and its counter.
type budget struct {
	name  string // as logged
	key   string
	limit guard.Limit
	over  fault.Kind // LimitExceeded if it is the number's own
	bill  bool       // a ceiling of what texts cost, so that those that were answered count too
}

// keeps says whether a text counts there. Nobody's takes nothing of what others
// need: it would cost a stranger nothing to use that up.
func (b budget) keeps(who target) bool { return !who.decoy || b.over == fault.LimitExceeded }

// budgets are those of a text to the number, the narrowest first.
func (p *Pack) budgets(who target) []budget {
	e164 := who.number.E164()
	number := p.hidden("number", e164)
	l := p.settings.Limits
	all := []budget{
		{name: "number-hour", key: number, limit: guard.Limit{Max: l.NumberHour, Window: time.Hour}, over: fault.LimitExceeded},
		{name: "number-day", key: number, limit: guard.Limit{Max: l.NumberDay, Window: day}, over: fault.LimitExceeded},
		{name: "number-bill", key: number, limit: guard.Limit{Max: answeredToo(l.NumberDay), Window: day}, over: fault.LimitExceeded, bill: true},
	}
	if who.typed {
		all = append(all,
			budget{name: "prefix-hour", key: e164[:max(len(e164)-4, 0)], limit: guard.Limit{Max: l.PrefixHour, Window: time.Hour}, over: fault.TooManyRequests},
			budget{name: "country-hour", key: country(who.number), limit: guard.Limit{Max: l.CountryHour, Window: time.Hour}, over: fault.TooManyRequests})
	}
	all = append(all,
		budget{name: "pool-hour", key: who.pool, limit: guard.Limit{Max: l.PoolHour, Window: time.Hour}, over: fault.TooManyRequests, bill: true},
		budget{name: "pool-day", key: who.pool, limit: guard.Limit{Max: l.PoolDay, Window: day}, over: fault.TooManyRequests, bill: true})
	var limited []budget
	for _, b := range all {
		if b.limit.Max != Unlimited {
			b.key = "texts/" + b.name + "/" + b.key
			limited = append(limited, b)
		}
	}
	return limited
}

const day = 24 * time.Hour

// answeredToo is how many texts a number may have in a day though it answers them
// all: else a number whose texts pay somebody could ask until the pool's limit.
func answeredToo(unanswered int) int {
	if unanswered == Unlimited {
		return Unlimited
	}
	return 3 * unanswered
}

// country is the number's, or its country code where digits tell no country.
func country(n phone.Number) string {
	if region := n.Region(); region != "" {
		return region
	}
	return "+" + strconv.Itoa(n.CountryCode())
}

func (b budget) refusal(wait time.Duration) error {
	return fault.New(b.over, "Too many texts were asked for").After(wait)
}

// spendText counts a text against every budget, or against none: what was spent
// before a budget that has no room is given back.
func (p *Pack) spendText(ctx context.Context, who target, now time.Time) error {
	var done []budget
	for _, b := range p.budgets(who) {
		spent, err := p.spend(ctx, b, who, now)
		if err == nil && spent.OK {
			done = append(done, b)
			continue
		}
		p.giveBack(ctx, who, done, now)
		if err != nil {
			return err
		}
		p.log.WarnContext(ctx, "text refused", "limit", b.name, "to", who.number, "country", country(who.number), "pool", who.pool)
		return b.refusal(spent.ResetAt.Sub(now))
	}
	return nil
}

// spend counts one text, or for nobody finds out what would be said of one.
func (p *Pack) spend(ctx context.Context, b budget, who target, now time.Time) (guard.Spent, error) {
	spent, err := p.store.Spend(ctx, b.key, b.limit, now)
	if err == nil && spent.OK && !b.keeps(who) {
		err = p.store.GiveBack(ctx, b.key, b.limit, now)
	}
	return spent, err
}

// roomForText says whether spendText would refuse now.
func (p *Pack) roomForText(ctx context.Context, who target, now time.Time) error {
	for _, b := range p.budgets(who) {
		n, err := p.store.Count(ctx, b.key, now)
		if err != nil {
			return err
		}
		if n >= b.limit.Max {
			p.log.WarnContext(ctx, "text refused", "limit", b.name, "to", who.number, "country", country(who.number), "pool", who.pool)
			return b.refusal(0)
		}
	}
	return nil
}

// giveBack takes one spend of each budget back, all at once. That it fails costs
// nobody a sign-in: the budget is as if the text had been sent.
func (p *Pack) giveBack(ctx context.Context, who target, budgets []budget, now time.Time) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	var each sync.WaitGroup
	for _, b := range budgets {
		if !b.keeps(who) {
			continue
		}
		each.Go(func() {
			if err := p.store.GiveBack(ctx, b.key, b.limit, now); err != nil {
				p.log.WarnContext(ctx, "a text was not given back", "limit", b.name, "error", err)
			}
		})
	}
	each.Wait()
}

// answered gives back texts whose code came back: only those that nobody answers
// count against number, prefix and country.
func (p *Pack) answered(ctx context.Context, who target, texts int, now time.Time) {
	var back []budget
	for _, b := range p.budgets(who) {
		if !b.bill {
			back = append(back, b)
		}
	}
	for range texts {
		p.giveBack(ctx, who, back, now)
	}
}

// settle ends what a right answer ends. The code is used by now, so that what
// fails is logged and stops nobody.
func (p *Pack) settle(ctx context.Context, who target, c Challenge, now time.Time) {
	var both sync.WaitGroup
	both.Go(func() {
		if err := guard.RightTry(ctx, p.store, p.party(who.number), now); err != nil {
			p.log.WarnContext(ctx, "a right try was not given back", "error", err)
		}
	})
	both.Go(func() { p.answered(ctx, who, c.Sends, now) })
	both.Wait()
}

// mayText refuses numbers that no text may go to, before anything is looked up.
// Where a made-up number would lie is told nobody.
func (p *Pack) mayText(who target) error {
	if !who.typed {
		return nil
	}
	if !p.settings.Countries.Allow(who.number.Region()) {
		return fault.New(fault.CodeDeliveryFailure, "Texts are not sent to this country")
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
	if err := p.spendText(ctx, who, now); err != nil {
		p.unclaim(ctx, who, c, now)
		return err
	}
	if who.decoy {
		p.texter.Pretend(ctx)
		return nil
	}
	return p.send(ctx, who, c, now)
}

func (p *Pack) send(ctx context.Context, who target, c Challenge, now time.Time) error {
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
	p.giveBack(ctx, who, p.budgets(who), now)
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
