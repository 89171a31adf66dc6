package pack_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"go.yaml.in/yaml/v3"

	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/pack/packtest"
)

// The SAM template that deploys the function is held against the function. That the
// CDK construct makes the same of it is tested there.

const root = "../.."

// template is of deploy/lambda/template.yaml what these tests look at. Nodes keep what
// a short form such as !Ref says.
type template struct {
	Parameters map[string]struct {
		Default string `yaml:"Default"`
	} `yaml:"Parameters"`
	Resources map[string]struct {
		Type       string    `yaml:"Type"`
		Properties yaml.Node `yaml:"Properties"`
	} `yaml:"Resources"`
	text string
}

func readTemplate(t *testing.T) template {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "deploy/lambda/template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all template
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	all.text = string(data)
	return all
}

func (a template) properties(t *testing.T, resource string, into any) {
	t.Helper()
	node := a.Resources[resource].Properties
	if err := node.Decode(into); err != nil {
		t.Fatalf("%s: %v", resource, err)
	}
}

func TestDeployment_TemplateSetsEveryVariable_ByItsDefault(t *testing.T) {
	all := readTemplate(t)
	var function struct {
		Environment struct {
			Variables map[string]yaml.Node `yaml:"Variables"`
		} `yaml:"Environment"`
	}
	all.properties(t, "Function", &function)
	given := function.Environment.Variables
	env := map[string]string{}
	for _, v := range pack.Variables() {
		if v.Name == pack.KeyVariable { // for tests and local use
			continue
		}
		node, ok := given[v.Name]
		if !ok {
			t.Errorf("the template does not set %s", v.Name)
			continue
		}
		delete(given, v.Name)
		env[v.Name] = all.Parameters[node.Value].Default
		if v.Default != "" && env[v.Name] != v.Default {
			t.Errorf("%s is %q by the template's default, and %q by the function's", v.Name, env[v.Name], v.Default)
		}
	}
	for name := range given {
		t.Errorf("the template sets %s, which the function does not read", name)
	}
	env["BELLHOP_TABLE"], env["BELLHOP_KEY_SECRET_ARN"], env["BELLHOP_COUNTRIES"] = "table", "arn", "IN,DE"
	if _, err := read(env); err != nil {
		t.Errorf("with the template's defaults the function does not start: %v", err)
	}
}

// services are the SDK's packages by what IAM calls them.
var services = map[string]string{
	"dynamodb":                "dynamodb",
	"secretsmanager":          "secretsmanager",
	"sns":                     "sns",
	"cognitoidentityprovider": "cognito-idp",
	"pinpointsmsvoicev2":      "sms-voice",
}

var (
	imported = regexp.MustCompile(`(?m)^\s*(?:(\w+) )?"github\.com/aws/aws-sdk-go-v2/service/(\w+)"`)
	inputs   = regexp.MustCompile(`\b(\w+)\.([A-Z]\w+)Input\{`)
	allowed  = regexp.MustCompile(`\b(dynamodb|secretsmanager|sns|cognito-idp|sms-voice):[A-Z]\w+`)
)

func TestDeployment_RoleMayDoWhatTheFunctionDoes_AndNoMore(t *testing.T) {
	called := map[string]bool{}
	for name, source := range sources(t) {
		alias := map[string]string{}
		for _, m := range imported.FindAllStringSubmatch(source, -1) {
			service, ok := services[m[2]]
			if !ok {
				t.Fatalf("%s calls %s, which this test does not know", name, m[2])
			}
			if m[1] == "" {
				m[1] = m[2]
			}
			alias[m[1]] = service
		}
		for _, m := range inputs.FindAllStringSubmatch(source, -1) {
			if service, ok := alias[m[1]]; ok {
				called[service+":"+m[2]] = true
			}
		}
	}
	may := map[string]bool{}
	for _, action := range allowed.FindAllString(readTemplate(t).text, -1) {
		may[action] = true
	}
	if len(called) < 8 {
		t.Fatalf("the function calls no more than %v", called)
	}
	for action := range called {
		if !may[action] {
			t.Errorf("the function calls %s, and its role may not", action)
		}
	}
	for action := range may {
		if !called[action] {
			t.Errorf("the role may %s, and the function never does", action)
		}
	}
}

func TestDeployment_AlarmsCountWhatIsLogged(t *testing.T) {
	var all strings.Builder
	for _, source := range sources(t) {
		all.WriteString(source)
	}
	lambda := []string{"Task timed out", "Runtime exited"} // what Lambda itself writes
	quoted := regexp.MustCompile(`"([^"]+)"`)
	filters := 0
	template := readTemplate(t)
	for name, resource := range template.Resources {
		if resource.Type != "AWS::Logs::MetricFilter" {
			continue
		}
		filters++
		var filter struct {
			FilterPattern string `yaml:"FilterPattern"`
		}
		template.properties(t, name, &filter)
		for _, m := range quoted.FindAllStringSubmatch(filter.FilterPattern, -1) {
			if !slices.Contains(lambda, m[1]) && !strings.Contains(all.String(), `Context(ctx, "`+m[1]+`"`) {
				t.Errorf("%s counts lines that say %q, which nothing logs", name, m[1])
			}
		}
	}
	if filters < 4 {
		t.Errorf("only %d filters were found", filters)
	}
}

func TestDeployment_TableIsAsTheFunctionWantsIt(t *testing.T) {
	client, name := packtest.Table(t)
	described, err := client.DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		AttributeDefinitions []struct {
			Name string `yaml:"AttributeName"`
			Type string `yaml:"AttributeType"`
		} `yaml:"AttributeDefinitions"`
		KeySchema []struct {
			Name string `yaml:"AttributeName"`
			Type string `yaml:"KeyType"`
		} `yaml:"KeySchema"`
		TimeToLive struct {
			Name string `yaml:"AttributeName"`
		} `yaml:"TimeToLiveSpecification"`
	}
	readTemplate(t).properties(t, "Table", &table)
	var want, got []string
	for _, a := range described.Table.AttributeDefinitions {
		want = append(want, *a.AttributeName+" "+string(a.AttributeType))
	}
	for _, k := range described.Table.KeySchema {
		want = append(want, *k.AttributeName+" "+string(k.KeyType))
	}
	for _, a := range table.AttributeDefinitions {
		got = append(got, a.Name+" "+a.Type)
	}
	for _, k := range table.KeySchema {
		got = append(got, k.Name+" "+k.Type)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the template's table is %v; the function's is %v", got, want)
	}
	var written bool
	for _, source := range sources(t) {
		written = written || strings.Contains(source, `in["`+table.TimeToLive.Name+`"]`)
	}
	if !written {
		t.Errorf("nothing writes when an item's time is over into %q", table.TimeToLive.Name)
	}
}

// sources are the function's files by name, without tests.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range []string{"internal/pack", "internal/sms/awssms", "cmd/bellhop-lambda"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && entry.Name() == "packtest" {
				return fs.SkipDir
			}
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			data, err := os.ReadFile(path)
			files[path] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
