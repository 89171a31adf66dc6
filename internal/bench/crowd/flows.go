// Package crowd is many people with one phone each, who sign in to a server over
// HTTP from another process than the server's, as fast as they can or at a fixed
// rate. It owns the wire, the flows and the loops; what the server is and what it
// spends is for others.
package crowd

import (
	"context"
	"errors"
	"fmt"
)

// Flow is one thing that people do, whole: from the first request to the last
// answer.
type Flow struct {
	Name  string
	About string
	Needs Need

	// Once says that what somebody needs is good for one flow: a loop ends when the
	// crowd is used up. The server is to be another process than the one that gave it,
	// which knows it.
	Once bool

	// Signatures is how many tokens the server signs with the pool's key.
	Signatures int

	do func(context.Context, *Crowd, *person, *conn) error
}

// Need is what somebody must have before the flow.
type Need int

// The needs.
const (
	NeedsNothing  Need = iota // a number that has no user yet
	NeedsUser                 // a user
	NeedsPassword             // a user with Password
	NeedsTokens               // a user who is signed in
)

// Password is the password of people who have one.
const Password = "Correct-Horse-9"

// Flows are the flows that are measured.
func Flows() []Flow {
	return []Flow{
		{Name: "texted", About: "sign-in by a texted code, CUSTOM_AUTH", Needs: NeedsUser, Signatures: 2, do: texted},
		{Name: "user-auth", About: "sign-in by a texted code, USER_AUTH with SMS_OTP", Needs: NeedsUser, Signatures: 2, do: userAuth},
		{Name: "sign-up", About: "sign-up, and the sign-in that its confirmation allows", Needs: NeedsNothing, Signatures: 2, do: signUp},
		{Name: "srp", About: "sign-in by password proof, USER_SRP_AUTH", Needs: NeedsPassword, Signatures: 2, do: proved},
		{Name: "refresh", About: "new tokens for a refresh token", Needs: NeedsTokens, Signatures: 2, do: refresh},
		{Name: "get-user", About: "GetUser by an access token", Needs: NeedsTokens, do: getUser},
		{Name: "get-user-first", About: "GetUser by access tokens that the server has neither signed nor seen", Needs: NeedsTokens, Once: true, do: getUser},
	}
}

type (
	object map[string]any
	words  map[string]string
)

// ErrNoTokens is a last answer that has none.
var ErrNoTokens = errors.New("the last answer has no tokens")

// Texts reports whether a text is sent in the flow.
func (f Flow) Texts() bool { return f.Needs == NeedsUser || f.Needs == NeedsNothing }

func texted(ctx context.Context, c *Crowd, p *person, to *conn) error {
	return byText(ctx, c, p, to, "CUSTOM_AUTH", words{"USERNAME": p.number}, "CUSTOM_CHALLENGE", "ANSWER")
}

func userAuth(ctx context.Context, c *Crowd, p *person, to *conn) error {
	return byText(ctx, c, p, to, "USER_AUTH", words{"USERNAME": p.number, "PREFERRED_CHALLENGE": "SMS_OTP"}, "SMS_OTP", "SMS_OTP_CODE")
}

// byText begins a sign-in and gives the texted code as the answer to the challenge.
func byText(ctx context.Context, c *Crowd, p *person, to *conn, flow string, parameters words, challenge, answer string) error {
	begun, err := to.call(ctx, "InitiateAuth", object{"ClientId": c.client, "AuthFlow": flow, "AuthParameters": parameters})
	if err != nil {
		return err
	}
	code, err := c.desk.wait(ctx, p.number)
	if err != nil {
		return err
	}
	return p.signedIn(to.call(ctx, "RespondToAuthChallenge", object{
		"ClientId": c.client, "ChallengeName": challenge, "Session": begun.Session,
		"ChallengeResponses": words{"USERNAME": p.number, answer: code},
	}))
}

func signUp(ctx context.Context, c *Crowd, p *person, to *conn) error {
	defer c.desk.forget(p.number)
	if _, err := to.call(ctx, "SignUp", object{"ClientId": c.client, "Username": p.number}); err != nil {
		return err
	}
	code, err := c.desk.wait(ctx, p.number)
	if err != nil {
		return err
	}
	confirmed, err := to.call(ctx, "ConfirmSignUp", object{"ClientId": c.client, "Username": p.number, "ConfirmationCode": code})
	if err != nil {
		return err
	}
	return p.signedIn(to.call(ctx, "InitiateAuth", object{"ClientId": c.client, "AuthFlow": "USER_AUTH",
		"Session": confirmed.Session, "AuthParameters": words{"USERNAME": p.number}}))
}

func proved(ctx context.Context, c *Crowd, p *person, to *conn) error {
	asked, err := to.call(ctx, "InitiateAuth", object{"ClientId": c.client, "AuthFlow": "USER_SRP_AUTH",
		"AuthParameters": words{"USERNAME": p.number, "SRP_A": p.proof.A()}})
	if err != nil {
		return err
	}
	responses, err := p.proof.Respond(c.pool, Password, asked.ChallengeParameters)
	if err != nil {
		return err
	}
	return p.signedIn(to.call(ctx, "RespondToAuthChallenge", object{
		"ClientId": c.client, "ChallengeName": "PASSWORD_VERIFIER", "Session": asked.Session, "ChallengeResponses": responses,
	}))
}

func refresh(ctx context.Context, c *Crowd, p *person, to *conn) error {
	_, err := c.renewed(ctx, p, to)
	return err
}

// renewed is new tokens for somebody's refresh token.
func (c *Crowd) renewed(ctx context.Context, p *person, to *conn) (*reply, error) {
	out, err := to.call(ctx, "InitiateAuth", object{"ClientId": c.client, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": words{"REFRESH_TOKEN": p.refresh}})
	if err == nil && out.AuthenticationResult.AccessToken == "" {
		err = ErrNoTokens
	}
	return out, err
}

func getUser(ctx context.Context, _ *Crowd, p *person, to *conn) error {
	_, err := to.call(ctx, "GetUser", object{"AccessToken": p.access})
	return err
}

// signedIn keeps the tokens that somebody got.
func (p *person) signedIn(out *reply, err error) error {
	if err != nil {
		return err
	}
	got := out.AuthenticationResult
	if got.AccessToken == "" || got.RefreshToken == "" {
		return ErrNoTokens
	}
	p.access, p.refresh = got.AccessToken, got.RefreshToken
	return nil
}

// Find is the flow of a name.
func Find(name string) (Flow, error) {
	var known []string
	for _, f := range Flows() {
		if f.Name == name {
			return f, nil
		}
		known = append(known, f.Name)
	}
	return Flow{}, fmt.Errorf("%q is no flow; there are %v", name, known)
}
