package cognito_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/srptest"
)

// dump is everything in the database, as text.
func (w *world) dump() string {
	w.t.Helper()
	synctest.Wait()
	db, err := sql.Open("sqlite", "file:"+w.file+"?mode=ro")
	w.must(err)
	defer db.Close()
	var out strings.Builder
	for _, table := range w.column(db, "select name from sqlite_schema where type = 'table' order by name") {
		out.WriteString(table + "\n")
		lines := w.column(db, fmt.Sprintf("select json_array(%s) from %s", strings.Join(w.column(db, "select name from pragma_table_info('"+table+"')"), ","), table))
		slices.Sort(lines)
		out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return out.String()
}

func (w *world) column(db *sql.DB, query string) []string {
	w.t.Helper()
	rows, err := db.QueryContext(w.ctx, query)
	w.must(err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		w.must(rows.Scan(&s))
		all = append(all, s)
	}
	w.must(rows.Err())
	return all
}

// rawSigned sends bytes as they are, signed with the admin key at a time.
func (w *world) rawSigned(target, body string, at time.Time, change func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, endpoint+"/", strings.NewReader(body))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+target)
	hash := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: w.key.ID, SecretAccessKey: w.key.Secret}
	w.must(v4.NewSigner().SignHTTP(w.ctx, creds, r, hex.EncodeToString(hash[:]), "cognito-idp", "us-east-1", at))
	if change != nil {
		change(r)
	}
	_, err = w.wire.Do(r)
	w.must(err)
	return w.wire.last()
}

// bad is a request that must be refused and leave nothing behind.
type bad struct {
	what, target, body, exception string
}

// refuse sends the bad requests and checks that each is a typed 4xx after which
// the database is as before and no text was sent.
func (w *world) refuse(send func(bad) *httptest.ResponseRecorder, list []bad) {
	w.t.Helper()
	before, texts := w.dump(), w.texts()
	for _, b := range list {
		a := send(b)
		if got := a.Header().Get("x-amzn-ErrorType"); a.Code/100 != 4 || got != b.exception+":" {
			w.t.Errorf("%s: got %d %s %.200s, want %s", b.what, a.Code, got, a.Body, b.exception)
		}
		if after := w.dump(); after != before {
			w.t.Errorf("%s: something was written:\n%s", b.what, difference(before, after))
			before = after
		}
		if n := w.texts(); n != texts {
			w.t.Errorf("%s: %d texts were sent", b.what, n-texts)
			texts = n
		}
	}
}

func difference(before, after string) string {
	had := strings.Split(before, "\n")
	return strings.Join(slices.DeleteFunc(strings.Split(after, "\n"), func(l string) bool { return slices.Contains(had, l) }), "\n")
}

func (w *world) public(b bad) *httptest.ResponseRecorder { return w.raw(b.target, b.body) }

func (w *world) signed(b bad) *httptest.ResponseRecorder {
	return w.rawSigned(b.target, b.body, time.Now(), nil)
}

func TestBadInput_Bodies_LeaveNothingBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		good := `"ClientId":"` + w.client + `","Username":"` + asha + `"`
		w.refuse(w.public, []bad{
			{"empty", "SignUp", ``, "SerializationException"},
			{"cut off", "SignUp", `{` + good, "SerializationException"},
			{"trailing", "SignUp", `{` + good + `}x`, "SerializationException"},
			{"wrong type", "SignUp", `{"ClientId":7,"Username":"` + asha + `"}`, "SerializationException"},
			{"list for map", "SignUp", `{` + good + `,"ClientMetadata":[]}`, "SerializationException"},
			{"duplicate", "SignUp", `{` + good + `,"Username":"` + ravi + `"}`, "SerializationException"},
			{"wrong case", "SignUp", `{` + good + `,"username":"` + ravi + `"}`, "SerializationException"},
			{"broken UTF-8", "SignUp", `{` + good + `,"Password":"` + "\xc3\x28" + `"}`, "SerializationException"},
			{"too deep", "SignUp", `{` + good + `,"X":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "SerializationException"},
			{"huge", "SignUp", `{` + good + `,"X":"` + strings.Repeat("x", 70000) + `"}`, "RequestEntityTooLargeException"},
			{"unknown operation", "SignOn", `{` + good + `}`, "UnknownOperationException"},
			{"not served", "UpdateAuthEventFeedback", `{` + good + `}`, "UnsupportedOperationException"},
			{"no client", "SignUp", `{"Username":"` + asha + `"}`, "InvalidParameterException"},
			{"unknown client", "SignUp", `{"ClientId":"nobody","Username":"` + asha + `"}`, "ResourceNotFoundException"},
			{"unknown client signs in", "InitiateAuth", `{"ClientId":"nobody","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"` + asha + `"}}`, "ResourceNotFoundException"},
			{"short password", "SignUp", `{` + good + `,"Password":"short"}`, "InvalidPasswordException"},
			{"unknown attribute", "SignUp", `{` + good + `,"UserAttributes":[{"Name":"custom:x","Value":"y"}]}`, "InvalidParameterException"},
			{"long attribute name", "SignUp", `{` + good + `,"UserAttributes":[{"Name":"` + strings.Repeat("n", 33) + `","Value":"y"}]}`, "InvalidParameterException"},
			{"long attribute", "SignUp", `{` + good + `,"UserAttributes":[{"Name":"name","Value":"` + strings.Repeat("n", 2049) + `"}]}`, "InvalidParameterException"},
			{"owned attribute", "SignUp", `{` + good + `,"UserAttributes":[{"Name":"phone_number_verified","Value":"true"}]}`, "NotAuthorizedException"},
			{"another number", "SignUp", `{` + good + `,"UserAttributes":[{"Name":"phone_number","Value":"` + ravi + `"}]}`, "InvalidParameterException"},
			{"huge code", "ConfirmSignUp", `{` + good + `,"ConfirmationCode":"` + strings.Repeat("1", 2049) + `"}`, "InvalidParameterException"},
		})
	})
}

func TestBadInput_Numbers_LeaveNothingBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		var list []bad
		for _, number := range []string{"9876543210", "00919876543210", "+", "+0", "+1", "+9198765432101234567", "+91abc", "+91-98765-43210",
			"tel:+919876543210", "+919876543210;ext=1", "+９１９８７６５４３２１０", "asha", "asha@example.org", "+99999999999", strings.Repeat("+9", 60)} {
			list = append(list,
				bad{"SignUp " + number, "SignUp", fmt.Sprintf(`{"ClientId":%q,"Username":%q}`, w.client, number), "InvalidParameterException"},
				bad{"CUSTOM_AUTH " + number, "InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":%q}}`, w.client, number), "InvalidParameterException"})
		}
		list = append(list, bad{"blank in a number", "SignUp", fmt.Sprintf(`{"ClientId":%q,"Username":"+91 9876543210"}`, w.client), "InvalidParameterException"})
		w.refuse(w.public, list)
	})
}

func TestBadInput_Flows_LeaveNothingBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		narrow := w.makeClient(&cip.CreateUserPoolClientInput{ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_SRP_AUTH"}})
		secret := w.makeClient(&cip.CreateUserPoolClientInput{GenerateSecret: true})
		auth := func(client, flow, parameters string) string {
			return fmt.Sprintf(`{"ClientId":%q,"AuthFlow":%q,"AuthParameters":{%s}}`, client, flow, parameters)
		}
		name := `"USERNAME":"` + asha + `"`
		w.refuse(w.public, []bad{
			{"custom not allowed", "InitiateAuth", auth(narrow, "CUSTOM_AUTH", name), "InvalidParameterException"},
			{"USER_AUTH not allowed", "InitiateAuth", auth(narrow, "USER_AUTH", name), "InvalidParameterException"},
			{"refresh not allowed", "InitiateAuth", auth(narrow, "REFRESH_TOKEN_AUTH", `"REFRESH_TOKEN":"x"`), "InvalidParameterException"},
			{"admin flow", "InitiateAuth", auth(w.client, "ADMIN_USER_PASSWORD_AUTH", name), "InvalidParameterException"},
			{"no such flow", "InitiateAuth", auth(w.client, "X", name), "InvalidParameterException"},
			{"no name", "InitiateAuth", auth(w.client, "CUSTOM_AUTH", ``), "InvalidParameterException"},
			{"null name", "InitiateAuth", auth(w.client, "CUSTOM_AUTH", `"USERNAME":null`), "InvalidParameterException"},
			{"no SRP_A", "InitiateAuth", auth(w.client, "USER_SRP_AUTH", name), "InvalidParameterException"},
			{"SRP_A is no hex", "InitiateAuth", auth(w.client, "USER_SRP_AUTH", name+`,"SRP_A":"xyz"`), "InvalidParameterException"},
			{"SRP_A is 0", "InitiateAuth", auth(w.client, "USER_SRP_AUTH", name+`,"SRP_A":"0"`), "InvalidParameterException"},
			{"SRP_A is N", "InitiateAuth", auth(w.client, "USER_SRP_AUTH", name+`,"SRP_A":"`+srptest.ModulusHex+`"`), "InvalidParameterException"},
			{"SRP_A is 0 under CUSTOM_AUTH", "InitiateAuth", auth(w.client, "CUSTOM_AUTH", name+`,"CHALLENGE_NAME":"SRP_A","SRP_A":"00"`), "InvalidParameterException"},
			{"SRP_A is huge", "InitiateAuth", auth(w.client, "USER_SRP_AUTH", name+`,"SRP_A":"`+strings.Repeat("f", 60000)+`"`), "InvalidParameterException"},
			{"no secret hash", "InitiateAuth", auth(secret, "USER_SRP_AUTH", name+`,"SRP_A":"2"`), "NotAuthorizedException"},
			{"wrong secret hash", "SignUp", fmt.Sprintf(`{"ClientId":%q,"Username":%q,"SecretHash":"AAAA"}`, secret, ravi), "NotAuthorizedException"},
			{"no refresh token", "InitiateAuth", auth(w.client, "REFRESH_TOKEN_AUTH", ``), "InvalidParameterException"},
			{"nonsense refresh token", "InitiateAuth", auth(w.client, "REFRESH_TOKEN_AUTH", `"REFRESH_TOKEN":"nonsense"`), "NotAuthorizedException"},
			{"nonsense access token", "GetUser", `{"AccessToken":"nonsense"}`, "NotAuthorizedException"},
			{"unsigned access token", "GetUser", `{"AccessToken":"eyJhbGciOiJub25lIn0.e30."}`, "NotAuthorizedException"},
			{"revoked by nobody", "RevokeToken", `{"ClientId":"nobody","Token":"x"}`, "UnauthorizedException"},
		})
	})
}

func TestBadInput_OddLengthSRPA_IsTaken(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		c := srptest.New(t)
		for len(c.A())%2 == 0 {
			c = srptest.New(t)
		}
		start, err := w.initiate("USER_SRP_AUTH", nil, map[string]string{"USERNAME": asha, "SRP_A": c.A()})
		w.must(err)
		done, err := w.respond("PASSWORD_VERIFIER", start.Session, c.Respond(t, w.pool, pass, start.ChallengeParameters))
		w.must(err)
		w.tokens(done.AuthenticationResult)
	})
}

func TestBadInput_Sessions_ReplayedCrossedAndStale(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		w.member(ravi, pass)
		other := w.makeClient(&cip.CreateUserPoolClientInput{})
		start, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		code := w.code(asha)
		session := *start.Session
		answer := func(client, name, session, rest string) string {
			return fmt.Sprintf(`{"ClientId":%q,"ChallengeName":%q,"Session":%q,"ChallengeResponses":{%s}}`, client, name, session, rest)
		}
		right := `"USERNAME":"` + asha + `","ANSWER":"` + code + `"`
		w.refuse(w.public, []bad{
			{"no session", "RespondToAuthChallenge", fmt.Sprintf(`{"ClientId":%q,"ChallengeName":"CUSTOM_CHALLENGE","ChallengeResponses":{%s}}`, w.client, right), "InvalidParameterException"},
			{"made-up session", "RespondToAuthChallenge", answer(w.client, "CUSTOM_CHALLENGE", strings.Repeat("A", 43), right), "NotAuthorizedException"},
			{"short session", "RespondToAuthChallenge", answer(w.client, "CUSTOM_CHALLENGE", "A", right), "InvalidParameterException"},
			{"another client", "RespondToAuthChallenge", answer(other, "CUSTOM_CHALLENGE", session, right), "NotAuthorizedException"},
			{"another user", "RespondToAuthChallenge", answer(w.client, "CUSTOM_CHALLENGE", session, `"USERNAME":"`+ravi+`","ANSWER":"`+code+`"`), "NotAuthorizedException"},
			{"another step", "RespondToAuthChallenge", answer(w.client, "SMS_OTP", session, `"USERNAME":"`+asha+`","SMS_OTP_CODE":"`+code+`"`), "NotAuthorizedException"},
			{"no answer", "RespondToAuthChallenge", answer(w.client, "CUSTOM_CHALLENGE", session, `"USERNAME":"`+asha+`"`), "InvalidParameterException"},
			{"no name", "RespondToAuthChallenge", answer(w.client, "CUSTOM_CHALLENGE", session, `"ANSWER":"`+code+`"`), "InvalidParameterException"},
			{"a challenge that is not served", "RespondToAuthChallenge", answer(w.client, "WEB_AUTHN", session, right), "InvalidParameterException"},
			{"for sign-up", "ConfirmSignUp", fmt.Sprintf(`{"ClientId":%q,"Username":%q,"ConfirmationCode":%q,"Session":%q}`, w.client, asha, code, session), "NotAuthorizedException"},
			{"for auto sign-in", "InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":%q},"Session":%q}`, w.client, asha, session), "NotAuthorizedException"},
		})
		done, err := w.respond("CUSTOM_CHALLENGE", &session, map[string]string{"USERNAME": asha, "ANSWER": code})
		w.must(err)
		w.tokens(done.AuthenticationResult)
		w.refuse(w.public, []bad{{"replayed", "RespondToAuthChallenge", answer(w.client, "CUSTOM_CHALLENGE", session, right), "NotAuthorizedException"}})

		late, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": ravi})
		w.must(err)
		lateCode := w.code(ravi)
		<-time.After(3*time.Minute + time.Second) // of the bubble
		w.refuse(w.public, []bad{{"stale", "RespondToAuthChallenge", answer(w.client, "CUSTOM_CHALLENGE", *late.Session, `"USERNAME":"`+ravi+`","ANSWER":"`+lateCode+`"`), "NotAuthorizedException"}})
	})
}

func TestBadInput_Administration_LeavesNothingBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		user := func(pool, name string) string { return fmt.Sprintf(`{"UserPoolId":%q,"Username":%q}`, pool, name) }
		w.refuse(w.signed, []bad{
			{"unknown pool", "AdminCreateUser", user("us-east-1_none", asha), "ResourceNotFoundException"},
			{"no pool", "AdminCreateUser", `{"Username":"` + asha + `"}`, "InvalidParameterException"},
			{"ill-formed pool", "DescribeUserPool", `{"UserPoolId":"none"}`, "InvalidParameterException"},
			{"unknown user", "AdminGetUser", user(w.pool, asha), "UserNotFoundException"},
			{"unknown user disabled", "AdminDisableUser", user(w.pool, asha), "UserNotFoundException"},
			{"unknown user deleted", "AdminDeleteUser", user(w.pool, asha), "UserNotFoundException"},
			{"no number", "AdminCreateUser", user(w.pool, "asha"), "InvalidParameterException"},
			{"unknown client", "DescribeUserPoolClient", `{"UserPoolId":"` + w.pool + `","ClientId":"nobody"}`, "ResourceNotFoundException"},
			{"client of an unknown pool", "CreateUserPoolClient", `{"UserPoolId":"us-east-1_none","ClientName":"c"}`, "ResourceNotFoundException"},
			{"wrong type", "CreateUserPool", `{"PoolName":"p","UsernameAttributes":"phone_number"}`, "SerializationException"},
			{"ARN of something else", "TagResource", `{"ResourceArn":"arn:aws:s3:us-east-1:000000000000:bucket/x","Tags":{"a":"b"}}`, "InvalidParameterException"},
			{"not served", "ListIdentityProviders", `{"UserPoolId":"` + w.pool + `"}`, "UnsupportedOperationException"},
		})
		create := `{"UserPoolId":"` + w.pool + `","Username":"` + asha + `"}`
		sign := func(at time.Time, change func(*http.Request)) func(bad) *httptest.ResponseRecorder {
			return func(b bad) *httptest.ResponseRecorder { return w.rawSigned(b.target, b.body, at, change) }
		}
		ten := 10 * time.Minute
		w.refuse(w.public, []bad{{"unsigned", "AdminCreateUser", create, "MissingAuthenticationTokenException"}})
		w.refuse(sign(time.Now().Add(-ten), nil), []bad{{"clock behind", "AdminCreateUser", create, "InvalidSignatureException"}})
		w.refuse(sign(time.Now().Add(ten), nil), []bad{{"clock ahead", "AdminCreateUser", create, "InvalidSignatureException"}})
		w.refuse(sign(time.Now(), func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.AdminCreateUser")
		}), []bad{{"signed for another operation", "AdminGetUser", create, "InvalidSignatureException"}})
		w.refuse(sign(time.Now(), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
		}), []bad{{"wrong signature", "AdminCreateUser", create, "InvalidSignatureException"}})
	})
}
