package cognito

import (
	goflag "flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/web"
)

const operationsDoc = "../../docs/operations.md"

// unacted are members of requests that are checked and taken and change nothing, with
// what becomes of them. The part before the point is the structure, or the operation's
// input; the ones that many operations have stand without it.
var unacted = map[string]string{
	"AnalyticsMetadata": "nothing is sent to Amazon Pinpoint",
	"UserContextData":   "feeds threat protection, which there is not; the client's address is the connection's",

	"CreateUserPool.SmsConfiguration":                               "kept and given back; texts go by the delivery file",
	"CreateUserPool.EmailConfiguration.SourceArn":                   "kept and given back; e-mails go by the server's settings",
	"CreateUserPool.EmailConfiguration.EmailSendingAccount":         "kept and given back; e-mails go by the server's settings",
	"CreateUserPool.EmailConfiguration.ConfigurationSet":            "kept and given back; e-mails go by the server's settings",
	"CreateUserPool.VerificationMessageTemplate.DefaultEmailOption": "kept and given back; e-mails have codes, not links",
	"CreateUserPool.VerificationMessageTemplate.EmailMessageByLink": "kept and given back; e-mails have codes, not links",
	"CreateUserPool.VerificationMessageTemplate.EmailSubjectByLink": "kept and given back; e-mails have codes, not links",
	"CreateUserPool.UserPoolTier":                                   "kept and given back; every plan has everything",
	"CreateUserPool.UserPoolAddOns":                                 "only OFF is taken, and given back",
	"CreateUserPool.KeyConfiguration":                               "kept and given back; what is secret is sealed under the server's master key",
	"CreateUserPool.IssuerConfiguration":                            "kept and given back; the issuer is the server's public URL",
	"CreateUserImportJob.CloudWatchLogsRoleArn":                     "kept and given back; what became of the rows is in the server's log",
	"CreateUserPoolClient.SupportedIdentityProviders":               "kept and given back; users sign in by the API whatever it holds",
	"CreateUserPoolClient.CallbackURLs":                             "kept and given back, for hosted login",
	"CreateUserPoolClient.LogoutURLs":                               "kept and given back, for hosted login",
	"CreateUserPoolClient.DefaultRedirectURI":                       "kept and given back, for hosted login",
	"CreateUserPoolClient.AllowedOAuthFlows":                        "checked as the service does, kept and given back, for hosted login",
	"CreateUserPoolClient.AllowedOAuthScopes":                       "checked as the service does, kept and given back, for hosted login",
	"CreateUserPoolClient.AllowedOAuthFlowsUserPoolClient":          "kept and given back, for hosted login",
	"CreateUserPoolClient.AnalyticsConfiguration":                   "kept and given back; nothing is sent to Amazon Pinpoint",
	"CreateUserPool.LambdaConfig.InboundFederation":                 "refused, as there are no identity providers",
}

// who says who may call an operation.
var whoMayCall = map[access]string{public: "anybody", accessToken: "the access token's user", admin: "signed"}

// Words for the classes, the first to be refused first.
var classWords = map[web.Class]string{
	web.Manage: "administration", web.Join: "joins", web.Begin: "begins", web.Keep: "keeps", web.Finish: "finishes",
}

// operationsPage is docs/operations.md as the table has it.
func operationsPage() string {
	var b strings.Builder
	table := (&API{}).table()
	var answered, not []operation
	for _, o := range table {
		if o.serve != nil {
			answered = append(answered, o)
		} else {
			not = append(not, o)
		}
	}
	fmt.Fprintf(&b, "# All %d operations\n\n"+
		"Made from the table of operations by `go test ./internal/cognito -run TestOperationsPage -operations`, and\n"+
		"checked by that test, so that it says what the server does. %d operations are served and %d refused by name,\n"+
		"with `UnsupportedOperationException` and the sentence below.\n\n"+
		"- [Served](#served), [refused](#refused)\n"+
		"- [What of requests changes nothing](#what-of-requests-changes-nothing), [what answers do not hold](#what-answers-do-not-hold)\n"+
		"- [Exceptions that the service model does not have](#exceptions-that-the-service-model-does-not-have)\n\n",
		len(table), len(answered), len(not))
	b.WriteString("## Served\n\n" +
		"*Called by* anybody is by whoever knows an app client's id; *signed* is SigV4 by an\n" +
		"[admin key](operating.md#admin-keys). *Under load* says what goes first when more comes than can be served: what\n" +
		"`finishes` a sign-in, then what `keeps` one, what `begins` one, what `joins`, and `administration`.\n\n" +
		"| operation | called by | under load |\n|---|---|---|\n")
	for _, o := range answered {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", o.name, whoMayCall[o.who], classWords[o.class])
	}
	b.WriteString("\n## Refused\n\n| operation | called by | because |\n|---|---|---|\n")
	for _, o := range not {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", o.name, whoMayCall[o.who], strings.TrimSuffix(o.refusal, "."))
	}
	b.WriteString("\n## What of requests changes nothing\n\n" +
		"These members are read and held to the service's constraints, and nothing is done by them. What is said of\n" +
		"CreateUserPool and CreateUserPoolClient holds for the updates too.\n\n")
	list(&b, "member", unacted)
	b.WriteString("\n## What answers do not hold\n\nMembers of the SDK's types that no answer has.\n\n")
	list(&b, "member", absent)
	b.WriteString("\n## Exceptions that the service model does not have\n\n" +
		"Each operation answers only with the exceptions that the model lists for it, but for these; SDKs pass their\n" +
		"names on. `UserNotFoundException` is beside them the answer to an access token whose user is gone.\n\n")
	list(&b, "exception", unmodelled)
	return b.String()
}

func list(b *strings.Builder, what string, table map[string]string) {
	fmt.Fprintf(b, "| %s | |\n|---|---|\n", what)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		fmt.Fprintf(b, "| %s | %s |\n", name, table[name])
	}
}

var rewriteOperations = goflag.Bool("operations", false, "rewrite docs/operations.md")

func TestOperationsPage_SaysWhatTheTableSays(t *testing.T) {
	page := operationsPage()
	if *rewriteOperations {
		if err := os.WriteFile(operationsDoc, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(operationsDoc)
	if err != nil || string(kept) != page {
		t.Errorf("docs/operations.md is not what the table says (%v); run go test ./internal/cognito -run TestOperationsPage -operations", err)
	}
}

// What the page calls members of requests is one.
func TestOperationsPage_NamesMembersThatThereAre(t *testing.T) {
	for path := range unacted {
		names := strings.Split(path, ".")
		if len(names) == 1 {
			names = []string{"SignUp", path}
		}
		of := wireTypes[names[0]][0]
		for _, name := range names[1:] {
			inner, ok := shapeMembers(of)[name]
			if !ok {
				t.Errorf("%s: there is no %s in %v", path, name, of)
				break
			}
			of = deref(inner)
			if of.Kind() == reflect.Slice {
				of = of.Elem()
			}
		}
	}
}
