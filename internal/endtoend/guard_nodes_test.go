package endtoend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/bits"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// demandOpens is how a refusal begins that wants more proof.
const demandOpens = "Step-up required: "

// pumped is a range of a hundred thousand numbers that is pumped.
func pumped(i int) string { return fmt.Sprintf("+9198765%05d", i*7919%100_000) }

// dear is a number of an area code of its own.
func dear(i int) string {
	codes := strings.Fields(`201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248
		251 252 253 254 256 260 262 267 269 270 272 276 281 301 302 303 304 305 307 308 309 310 312 313`)
	return "+1" + codes[i%len(codes)] + "2345678"
}

// TestNodes_ABurstThroughAllThree_IsHeldAsByOne pumps through three nodes at once
// what one guard is to hold: their windows and purses are one.
func TestNodes_ABurstThroughAllThree_IsHeldAsByOne(t *testing.T) {
	t.Parallel()
	shipped := guard.Default()
	price := shipped.Prices.Price(dear(0))
	budget := 20*price + price/2
	s := onPostgres(t, pgtest.Shared(t).NewDatabase(t), "BELLHOP_TRUSTED_PROXIES=127.0.0.0/8",
		"BELLHOP_GUARD="+guardFile(t, fmt.Sprintf(`
budgets: { countries: { US: { hour: %s } } }
step-up: [ proof-of-work: { least: 4, most: 4 } ]
tuning: { soft: 100%% }
`, budget)))
	s.makePool()
	nodes := s.more(2)
	var sdks []*cip.Client
	for _, n := range nodes {
		n.start()
		sdks = append(sdks, s.hasty(newBalancer(t, n)))
	}
	ctx := bounded(t, time.Minute)
	known := []string{pumped(1), pumped(2), pumped(3)}
	for i, number := range known {
		settle(ctx, t, s, sdks[i], number)
	}
	before := len(distinct(s.sink.Texts()))

	// One range. What it may be sent is its first credit, and what its known numbers
	// earned before they were known.
	burst := s.burst(ctx, t, nodes, 90, func(i int) string { return pumped(100 + i) })
	width := shipped.Tuning.Prefix[1]
	first := width.Initial.Float() / shipped.Prices.Price(known[0]).Float()
	most := min(width.AtMost, max(width.AtLeast, first)) + float64(len(known))/(width.Kappa*0.5)
	sent := s.textsAfter(ctx, t, before, burst.sent)
	if sent == 0 || float64(sent) > most || burst.demanded+burst.sent != 90 {
		t.Errorf("%d texts to one range, at most %.0f are right; of 90 requests %d were sent, %d wanted proof", sent, most, burst.sent, burst.demanded)
	}
	for i, number := range known { // on another node than the one that knows it
		if a := s.post(ctx, t, nodes[(i+1)%3], "203.0.113.9", "InitiateAuth", map[string]any{
			"ClientId": s.client, "AuthFlow": "CUSTOM_AUTH", "AuthParameters": map[string]string{"USERNAME": number},
		}); a.status != http.StatusOK {
			t.Errorf("a known number is refused for what strangers do: %d %s", a.status, a.Message)
		}
	}

	// One proof, on all nodes at once.
	last := pumped(999)
	proof := s.meet(ctx, t, nodes[0], "198.51.100.7", last)
	var mu sync.Mutex // guards won
	won := 0
	var all sync.WaitGroup
	for i := range 9 {
		all.Go(func() {
			a := s.signUpFrom(ctx, t, nodes[i%3], "198.51.100.7", last, proof, fmt.Sprint(i))
			mu.Lock()
			defer mu.Unlock()
			if a.status == http.StatusOK {
				won++
			} else if !strings.HasPrefix(a.Message, demandOpens) {
				t.Errorf("a proof that was used is answered with %d %s", a.status, a.Message)
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("a proof served %d times", won)
	}

	// Money: no text beyond the budget, and all but what nodes may hold is spent.
	burst = s.burst(ctx, t, nodes, 50, dear)
	spent := guard.Money(burst.sent) * price
	if left := budget - spent; left < 0 || left > price+3*(budget/64) {
		t.Errorf("%s of %s are spent", spent, budget)
	}
	if burst.refused+burst.sent != 50 {
		t.Errorf("of 50 requests %d were sent, %d refused, %d wanted proof", burst.sent, burst.refused, burst.demanded)
	}
	for _, n := range nodes {
		n.stop()
	}
	t.Logf("%d texts of 90 to one range, $%f of $%f", sent, spent.Float(), budget.Float())
}

func guardFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guard.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// settle makes a user who has signed in.
func settle(ctx context.Context, t *testing.T, s *site, sdk *cip.Client, number string) {
	t.Helper()
	_, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &number, MessageAction: types.MessageActionTypeSuppress})
	if err != nil {
		t.Fatal(err)
	}
	a, err := start(ctx, s, sdk, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.give(ctx, s, sdk); err != nil {
		t.Fatal(err)
	}
}

// bursting is what became of a burst.
type bursting struct{ sent, demanded, refused int }

// burst signs numbers up, each from a network of its own, through all nodes at once.
func (s *site) burst(ctx context.Context, t *testing.T, nodes []*node, n int, number func(i int) string) (b bursting) {
	t.Helper()
	var mu sync.Mutex // guards b
	var all sync.WaitGroup
	for w := range 15 {
		all.Go(func() {
			for i := w; i < n; i += 15 {
				a := s.signUpFrom(ctx, t, nodes[i%len(nodes)], fmt.Sprintf("10.%d.%d.1", 1+n%200, i), number(i))
				mu.Lock()
				switch {
				case a.status == http.StatusOK:
					b.sent++
				case strings.HasPrefix(a.Message, demandOpens):
					b.demanded++
				default:
					b.refused++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return b
}

// textsAfter waits until so many texts have come beside those before, and counts
// them all.
func (s *site) textsAfter(ctx context.Context, t *testing.T, before, n int) int {
	t.Helper()
	if err := s.sink.AwaitPosts(ctx, before+n); err != nil {
		t.Fatal(err)
	}
	return len(distinct(s.sink.Texts())) - before
}

// said is an answer, of which Message is set where it is a refusal.
type said struct {
	status  int
	Message string
}

func (s *site) signUpFrom(ctx context.Context, t *testing.T, n *node, address, number string, told ...string) said {
	t.Helper()
	in := map[string]any{"ClientId": s.client, "Username": number}
	if len(told) > 0 { // a proof, and what tells the request from one that is sent again
		in["ClientMetadata"] = map[string]string{"bellhop:step-up": told[0], "n": told[1]}
	}
	return s.post(ctx, t, n, address, "SignUp", in)
}

// post makes a request to one node, as somebody at that address.
func (s *site) post(ctx context.Context, t *testing.T, n *node, address, operation string, in any) (a said) {
	body, err := json.Marshal(in)
	if err != nil {
		t.Error(err)
		return a
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.base(), bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return a
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	r.Header.Set("X-Forwarded-For", address)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return a
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Errorf("%s is answered with no JSON: %v", operation, err)
	}
	a.status = res.StatusCode
	return a
}

// meet has a sign-up demanded more of, and makes the proof.
func (s *site) meet(ctx context.Context, t *testing.T, n *node, address, number string) string {
	t.Helper()
	a := s.signUpFrom(ctx, t, n, address, number)
	var d struct {
		Demand string
		Ways   []struct {
			Kind string
			Bits int
		}
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(a.Message, demandOpens)), &d); err != nil || len(d.Ways) != 1 {
		t.Fatalf("no demand but %d %s", a.status, a.Message)
	}
	for i := 0; ; i++ {
		sum := sha256.Sum256([]byte(d.Demand + ":" + strconv.Itoa(i)))
		if bits.LeadingZeros8(sum[0]) >= d.Ways[0].Bits {
			proof, err := json.Marshal(map[string]string{"demand": d.Demand, "kind": d.Ways[0].Kind, "answer": strconv.Itoa(i)})
			if err != nil {
				t.Fatal(err)
			}
			return string(proof)
		}
	}
}
