// Package challenge holds the steps of a sign-in by challenges (Cognito's
// Define, Create and Verify Auth Challenge) as pure functions on the history of
// a session. It knows no user, no store and no clock.
package challenge

// Name is a challenge's name, in Cognito's spelling.
type Name string

// The names that may stand in a history.
const (
	SRPA             Name = "SRP_A"
	PasswordVerifier Name = "PASSWORD_VERIFIER"
	Custom           Name = "CUSTOM_CHALLENGE"
)

// Entry is one element of the session array that Define sees. Its JSON form is
// the trigger event's (Cognito developer guide, Define Auth Challenge).
type Entry struct {
	Name     Name   `json:"challengeName"`
	Result   bool   `json:"challengeResult"`
	Metadata string `json:"challengeMetadata,omitempty"`
}

// Decision is what Define answers: exactly one of the three.
type Decision struct {
	Next   Name // present this challenge
	Tokens bool // the caller is who he says
	Fail   bool // the sign-in is over
}

// Define is the built-in Define Auth Challenge: a texted code, or a password by
// SRP where the caller starts with it. maxTries wrong codes, or any history that
// these rules cannot have made, end the sign-in.
func Define(history []Entry, maxTries int) Decision {
	if len(history) == 0 {
		return Decision{Next: Custom}
	}
	switch history[0].Name {
	case SRPA:
		return passwordFirst(history)
	case Custom:
		return codes(history, maxTries)
	}
	return Decision{Fail: true}
}

func passwordFirst(history []Entry) Decision {
	switch {
	case !history[0].Result:
	case len(history) == 1:
		return Decision{Next: PasswordVerifier}
	case len(history) == 2 && history[1].Name == PasswordVerifier && history[1].Result:
		return Decision{Tokens: true}
	}
	return Decision{Fail: true}
}

// codes decides on a history of texted codes alone: a right one may only be the
// last.
func codes(history []Entry, maxTries int) Decision {
	last := len(history) - 1
	if len(history) > maxTries {
		return Decision{Fail: true}
	}
	for i, e := range history {
		if e.Name != Custom || (e.Result && i < last) {
			return Decision{Fail: true}
		}
	}
	switch {
	case history[last].Result:
		return Decision{Tokens: true}
	case len(history) >= maxTries:
		return Decision{Fail: true}
	}
	return Decision{Next: Custom}
}
