package stepup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Prefix opens the message of a refusal that asks for more proof; JSON follows.
const Prefix = "Step-up required: "

// Metadata is the key of ClientMetadata under which a request carries its proof.
const Metadata = "bellhop:step-up"

// Evidence is what somebody else must judge.
type Evidence struct {
	Kind         Kind
	Answer       string // as the client gave it
	Demand       string // the whole token, which the evidence may be bound to
	ID           string // of the demand
	Pool, Client string
	Remote       netip.Addr // the zero Addr where it is not known
}

// Verifier judges evidence: ErrWrong and ErrSpent are verdicts, all other errors say
// that there is none. It may call others, so it is never asked inside a transaction.
type Verifier interface {
	Verify(ctx context.Context, e Evidence) error
}

// Memory is what is remembered of demands, inside the transaction of what the proof
// is for. userpool.Tx is one.
type Memory interface {
	// UseNonce is false for a value that was used before, until it expires.
	UseNonce(ctx context.Context, nonce string, expires time.Time) (bool, error)
	// Count reads a counter.
	Count(ctx context.Context, key string, now time.Time) (int, error)
}

// Desk makes demands and takes proofs. It is safe for concurrent use.
type Desk struct {
	settings  Settings
	keys      Keys
	verifiers map[Kind]Verifier

	mu      sync.Mutex             // guards the two below
	judged  map[[32]byte]time.Time // evidence found good, until its demand expires
	resting map[Kind]time.Time     // kinds whose judges were down, until when
}

// NewDesk makes a Desk of settings that pass their Check. A captcha or attestation
// without a verifier is not offered.
func NewDesk(s Settings, keys Keys, verifiers map[Kind]Verifier) *Desk {
	s.Ways = slices.DeleteFunc(slices.Clone(s.Ways), func(k Kind) bool {
		return (k.captcha() || k == Attestation) && verifiers[k] == nil
	})
	return &Desk{
		settings: s, keys: keys, verifiers: verifiers,
		judged: make(map[[32]byte]time.Time), resting: make(map[Kind]time.Time),
	}
}

// Offers says whether there is any way: if not, a step-up is a refusal.
func (d *Desk) Offers() bool { return len(d.settings.Ways) > 0 }

// demanded is the JSON of a demand.
type demanded struct {
	Demand  string `json:"demand"`
	Expires string `json:"expires"`
	Seconds int    `json:"seconds"` // until then, for clients whose clock is wrong
	Ways    []way  `json:"ways"`
}

type way struct {
	Kind      Kind   `json:"kind"`
	Algorithm string `json:"algorithm,omitempty"`
	Bits      int    `json:"bits,omitempty"`
	SiteKey   string `json:"siteKey,omitempty"`
	Number    string `json:"number,omitempty"`
	Text      string `json:"text,omitempty"`
	Expires   string `json:"expires,omitempty"` // where it is not the demand's
	Seconds   int    `json:"seconds,omitempty"`
}

// Issue makes a demand of who and returns the message that tells the client of it.
// asked is how many demands were made of the same sender lately: the more, the more
// work is asked for.
func (d *Desk) Issue(who Who, asked int, now time.Time) string {
	demand := d.keys.Issue(who, d.settings.Work.Bits(asked), now)
	out := demanded{Demand: demand.Token, Expires: until(demand, Life), Seconds: int(Life.Seconds()), Ways: []way{}}
	for _, kind := range d.offered(now) {
		w := way{Kind: kind}
		switch kind {
		case Work:
			w.Algorithm, w.Bits = "SHA-256", demand.Bits
		case TextUs:
			w.Number, w.Text = d.settings.Number.E164(), demand.text()
			w.Expires, w.Seconds = until(demand, TextLife), int(TextLife.Seconds())
		default:
			w.SiteKey = d.settings.Captchas[kind].SiteKey
		}
		out.Ways = append(out.Ways, w)
	}
	text, err := json.Marshal(out)
	if err != nil { // strings and numbers always have a JSON form
		panic("stepup: " + err.Error())
	}
	return Prefix + string(text)
}

func until(d Demand, life time.Duration) string { return d.IssuedAt.Add(life).Format(time.RFC3339) }

// offered are the ways without those whose judges are down, or all ways if none were
// left.
func (d *Desk) offered(now time.Time) []Kind {
	d.mu.Lock()
	defer d.mu.Unlock()
	var able []Kind
	for _, kind := range d.settings.Ways {
		if !now.Before(d.resting[kind]) {
			able = append(able, kind)
		}
	}
	if able == nil {
		return d.settings.Ways
	}
	return able
}

// Proof is a proof whose demand was made here and whose evidence is good. It is
// worth something once Use has taken it.
type Proof struct {
	Kind   Kind
	demand Demand
}

// maxProof is as long as a proof may be: an attestation takes some thousand bytes.
const maxProof = 32 << 10

// Check judges what a request carries under Metadata, but for the number, which is
// not looked at: Use does. It may wait for a Verifier, so it has no place inside a
// transaction.
func (d *Desk) Check(ctx context.Context, raw string, who Who, remote netip.Addr, now time.Time) (Proof, error) {
	var given struct {
		Demand string `json:"demand"`
		Kind   Kind   `json:"kind"`
		Answer string `json:"answer"`
	}
	if len(raw) > maxProof || json.Unmarshal([]byte(raw), &given) != nil {
		return Proof{}, ErrMalformed
	}
	if !slices.Contains(d.settings.Ways, given.Kind) {
		return Proof{}, ErrNotOffered
	}
	demand, err := d.keys.Open(given.Demand)
	if err != nil {
		return Proof{}, err
	}
	if demand.expired(given.Kind, now) {
		return Proof{}, ErrExpired
	}
	if err := demand.fitsCaller(who); err != nil {
		return Proof{}, err
	}
	proof := Proof{Kind: given.Kind, demand: demand}
	switch given.Kind {
	case Work:
		if !demand.worked(given.Answer) {
			return Proof{}, ErrWrong
		}
		return proof, nil
	case TextUs: // whether the text came in, the transaction knows
		return proof, nil
	}
	return proof, d.judge(ctx, Evidence{
		Kind: given.Kind, Answer: given.Answer, Demand: demand.Token, ID: demand.ID(),
		Pool: who.Pool, Client: who.Client, Remote: remote,
	}, demand.Expires(), now)
}

// rest is how long a kind is not offered after its judge was down.
const rest = 30 * time.Second

// judge has evidence judged. What was found good stays so: SDKs send a request
// again where the first try had no answer, and providers take a token once.
func (d *Desk) judge(ctx context.Context, e Evidence, expires, now time.Time) error {
	if e.Answer == "" {
		return ErrWrong
	}
	sum := sha256.Sum256([]byte(e.Demand + string(e.Kind) + ":" + e.Answer))
	if d.wasJudged(sum, now) {
		return nil
	}
	err := d.verifiers[e.Kind].Verify(ctx, e)
	switch {
	case err == nil:
		d.keepJudged(sum, expires, now)
		return nil
	case errors.Is(err, ErrWrong), errors.Is(err, ErrSpent):
		return err
	case ctx.Err() != nil: // the client has gone, which is no fault of the judge
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resting[e.Kind] = now.Add(rest)
	return fmt.Errorf("%w: %w", ErrDown, err)
}

// maxJudged bounds what is kept of good evidence. Beyond it a request that is sent
// again may have to be proved again.
const maxJudged = 10_000

func (d *Desk) wasJudged(sum [32]byte, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return now.Before(d.judged[sum])
}

func (d *Desk) keepJudged(sum [32]byte, expires, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.judged) >= maxJudged {
		for k, end := range d.judged {
			if !now.Before(end) {
				delete(d.judged, k)
			}
		}
	}
	if len(d.judged) < maxJudged {
		d.judged[sum] = expires
	}
}

// IsOf says whether the demand was made of the number of who.
func (p Proof) IsOf(who Who) bool { return p.demand.fitsNumber(who) == nil }

// Use takes the proof for who, once: a second Use of the same demand, by whatever
// kind, is ErrReplayed. Nothing is kept if the transaction is rolled back.
func (p Proof) Use(ctx context.Context, m Memory, who Who, now time.Time) error {
	if err := p.demand.fitsNumber(who); err != nil {
		return err
	}
	if p.Kind == TextUs {
		n, err := m.Count(ctx, TextKey(p.demand.code(), who.NumberKey), now)
		if err != nil {
			return fmt.Errorf("step-up: count texts: %w", err)
		}
		if n == 0 {
			return ErrNotYet
		}
	}
	fresh, err := m.UseNonce(ctx, "step-up "+p.demand.ID(), p.demand.Expires())
	if err != nil {
		return fmt.Errorf("step-up: use nonce: %w", err)
	}
	if !fresh {
		return ErrReplayed
	}
	return nil
}
