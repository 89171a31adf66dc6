package userpool

// proof is what somebody has shown of himself to sign in: which second factor is
// another one depends on it.
type proof string

// The proofs that a sign-in may end with.
const (
	proofPassword proof = "password" // also a new one that replaced a temporary one
	proofText     proof = "text"     // a code by SMS
	proofMail     proof = "mail"     // a code by e-mail
	proofPasskey  proof = "passkey"  // without the verification of its user
	proofVerified proof = "verified" // a passkey that has verified its user: two factors in one
	proofOwn      proof = "own"      // whatever the pool's own functions asked for
)

// proofOf is the proof of a code that went to the contact.
func proofOf(to Contact) proof {
	if to.medium() == byEmail {
		return proofMail
	}
	return proofText
}
