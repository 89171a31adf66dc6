package pack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

type signUpEvent = trigger.Event[trigger.PreSignUpRequest, trigger.PreSignUpResponse]

// preSignUp is Pre Sign-up: it refuses numbers that could not be texted, asks for more
// proof where the guard wants it, frees the number from a sign-up that nobody finished, and confirms at once where that
// is the chosen way.
func (p *Pack) preSignUp(ctx context.Context, e signUpEvent, now time.Time) (trigger.PreSignUpResponse, error) {
	given := e.Request.UserAttributes["phone_number"]
	if given == "" && strings.HasPrefix(e.UserName, "+") {
		given = e.UserName
	}
	if given == "" && p.settings.SignUp == AutoSignIn {
		return e.Response, nil // by an e-mail address
	}
	number, err := phone.Parse(given)
	if err != nil {
		return e.Response, err
	}
	who := target{pool: e.UserPoolID, client: e.CallerContext.ClientID, user: e.UserName, number: number, typed: true}
	if err := p.mayText(who); err != nil {
		return e.Response, err
	}
	if p.settings.SignUp == AutoConfirm {
		if err := p.checkClients(ctx, eventOf(e), now); err != nil {
			return e.Response, err
		}
		e.Response = trigger.PreSignUpResponse{AutoConfirmUser: true} // and nothing verified
	}
	if err := p.checkText(ctx, who, proofOf(e.Request.ClientMetadata), now); err != nil {
		return e.Response, err
	}
	return e.Response, p.free(ctx, who, given, now)
}

// Sign-ups for one number are freed one after the other: the user that the first
// of two is about to make is not there yet when the second looks, or has not been
// texted yet.
var freeing = guard.Limit{Max: 1, Window: 15 * time.Second}

// free deletes the number's unconfirmed users: those older than ten minutes, or
// all if no text went to the number in that time, since then nobody waits for one.
// Each is looked at once more right before, since he may have confirmed meanwhile.
func (p *Pack) free(ctx context.Context, who target, given string, now time.Time) error {
	turn, err := p.store.Spend(ctx, "freeing/"+p.hidden("freeing", who.pool, who.number.E164()), freeing, now)
	if err != nil || !turn.OK {
		return err
	}
	users, err := p.directory.ByPhone(ctx, who.pool, given)
	if err != nil {
		return fmt.Errorf("users of the number: %w", err)
	}
	users = slices.DeleteFunc(users, func(u User) bool { return !u.Unconfirmed })
	if len(users) == 0 {
		return nil
	}
	last, err := p.lastText(ctx, who.number)
	if err != nil {
		return err
	}
	for _, u := range users {
		if err := p.freeOne(ctx, who, given, u.Name, last, now); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pack) freeOne(ctx context.Context, who target, given, name string, lastText, now time.Time) error {
	u, ok, err := p.directory.User(ctx, who.pool, name)
	if err != nil {
		return fmt.Errorf("the number's user: %w", err)
	}
	old := now.Sub(u.CreatedAt) > sentRecently
	quiet := now.Sub(lastText) > sentRecently
	if !ok || !u.Unconfirmed || u.Phone != given || (!old && !quiet) {
		return nil
	}
	if err := p.directory.Delete(ctx, who.pool, name); err != nil {
		return fmt.Errorf("delete the number's user: %w", err)
	}
	p.log.InfoContext(ctx, "freed a half-finished sign-up", "to", who.number, "pool", who.pool, "old", old)
	return nil
}

// checked remembers until when the clients of a pool count as checked.
type checked struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
}

// checkLife is how long a check of the clients that found nothing wrong serves.
const checkLife = 10 * time.Minute

func (c *checked) fresh(key string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.until[key])
}

func (c *checked) keep(key string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil {
		c.until = map[string]time.Time{}
	}
	c.until[key] = now.Add(checkLife)
}

// checkClients refuses to confirm users without proof where a password would
// sign them in: whoever signs up chooses it, and the number may be another's. A
// password given by one client signs in by any other of the pool.
func (p *Pack) checkClients(ctx context.Context, e event, now time.Time) error {
	key := e.UserPoolID + "/" + e.CallerContext.ClientID
	if p.checked.fresh(key, now) {
		return nil
	}
	clients, err := p.clients(ctx, e.UserPoolID)
	note := "clients/" + p.hidden("clients", e.UserPoolID, e.CallerContext.ClientID)
	if err != nil {
		if at, noneKnown := p.store.Noted(ctx, note); noneKnown == nil && now.Sub(at) < checkLife {
			p.log.WarnContext(ctx, "app clients could not be checked, and were in order a while ago", "pool", e.UserPoolID, "error", err)
			return nil
		}
		return fmt.Errorf("app clients: %w", err)
	}
	own := slices.IndexFunc(clients, func(c Client) bool { return c.ID == e.CallerContext.ClientID })
	if own < 0 || !slices.Contains(clients[own].Flows, "ALLOW_CUSTOM_AUTH") {
		return fault.New(fault.NotAuthorized, "Sign-ups are off: BELLHOP_SIGN_UP is auto-confirm, and the app client %s does not allow ALLOW_CUSTOM_AUTH", e.CallerContext.ClientID)
	}
	for _, c := range clients {
		if flow := c.byPassword(); flow != "" {
			return fault.New(fault.NotAuthorized, "Sign-ups are off: BELLHOP_SIGN_UP is auto-confirm, and the app client %s allows %s, which takes passwords", c.ID, flow)
		}
	}
	p.checked.keep(key, now)
	if err := p.store.Note(ctx, note, now, checkLife); err != nil {
		p.log.WarnContext(ctx, "that the app clients are in order was not kept", "error", err)
	}
	return nil
}

// clientsTime leaves time for going by the check of another process, when many start
// at once and Cognito has had enough of the question: it answers five a second.
const clientsTime = 2 * time.Second

func (p *Pack) clients(ctx context.Context, pool string) ([]Client, error) {
	ctx, cancel := context.WithTimeout(ctx, clientsTime)
	defer cancel()
	return p.directory.Clients(ctx, pool)
}

// byPassword names what lets a password sign in by the client, "" if nothing does.
func (c Client) byPassword() string {
	if len(c.Flows) == 0 { // Cognito's default
		return "ALLOW_USER_SRP_AUTH (its ExplicitAuthFlows are not set)"
	}
	for _, flow := range c.Flows {
		switch flow {
		case "ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY", "ALLOW_REFRESH_TOKEN_AUTH":
		default:
			return flow
		}
	}
	for _, flow := range c.OAuth {
		if flow != "client_credentials" {
			return "managed login (OAuth flow " + flow + ")"
		}
	}
	return ""
}
