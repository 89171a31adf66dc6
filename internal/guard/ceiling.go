package guard

import "time"

// A country has an account for each lane, of those who passed a step-up and of
// those who did not: a text puts its price on it, a used code takes off what a
// verified user may cost. A country's Credit and Stepped are those accounts, in
// dollars that were overspent.

// charge books one text to a stranger.
func (l Ceiling) charge(c *Cell, o Outcome) {
	account := &c.Credit
	if o.Receipt.Stepped {
		account = &c.Stepped
	}
	*account += float32(o.Receipt.Price.Float())
	if o.Used {
		*account -= l.worth(o.Receipt.Price)
	}
	*account = max(*account, 0)
}

// worth is what a verified user may cost, in dollars.
func (l Ceiling) worth(price Money) float32 {
	return float32(max(l.AtLeast.Float(), l.Times*price.Float()))
}

// slackTexts is how many texts the slack has room for, however dear they are.
const slackTexts = 10

// slack is what may be overspent, in dollars.
func (l Ceiling) slack(price Money) float64 {
	return max(l.Slack.Float(), slackTexts*price.Float())
}

// forget lets what was overspent be forgotten slowly: a country that is closed for
// it must be tried again.
func (l Ceiling) forget(c *Cell, price Money, hours float64) {
	back := float32(l.slack(price) * hours / 2)
	c.Credit, c.Stepped = max(0, c.Credit-back), max(0, c.Stepped-back)
}

// left is what may still be overspent, in dollars, without a step-up and with one.
func (l Ceiling) left(c *Cell, price Money, at int64) (cheap, stepped float64) {
	now := *c
	l.forget(&now, price, c.hours(at))
	slack := l.slack(price)
	return slack - float64(now.Credit), slack - float64(now.Stepped)
}

// wait is when so much is forgotten that something is left again.
func (l Ceiling) wait(price Money, left float64) time.Duration {
	return time.Duration(-left / l.slack(price) * 2 * float64(time.Hour))
}
