// Package packtest gives tests a DynamoDB that runs here: npm's dynalite, in
// tools/dynalite. Tests only.
package packtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// process is a dynalite. It ends when the test binary does, since nothing holds
// its standard input open then.
type process struct {
	url   string
	input io.Closer // kept: whose finalizer runs closes it
}

// started is the one process of a test binary.
var started = sync.OnceValues(start)

// Dynalite returns the address of the test binary's DynamoDB.
func Dynalite(tb testing.TB) string {
	tb.Helper()
	p, err := started()
	if err != nil {
		tb.Fatal(err)
	}
	return p.url
}

func start() (*process, error) {
	folder, err := tools()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("node", "serve.mjs")
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("dynalite: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("dynalite did not start (scripts/need.sh installs it): %w", err)
	}
	return &process{strings.TrimSpace(line), input}, nil
}

// tools finds tools/dynalite from wherever in the module the test runs.
func tools() (string, error) {
	at, err := os.Getwd()
	for err == nil && at != filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "tools", "dynalite"), nil
		}
		at = filepath.Dir(at)
	}
	return "", errors.Join(err, errors.New("dynalite: no go.mod above the test"))
}

// Table makes an empty table of the pack's shape.
func Table(tb testing.TB) (*dynamodb.Client, string) {
	tb.Helper()
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(Dynalite(tb)),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	name := "bellhop-" + rand.Text()
	_, err := client.CreateTable(context.Background(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	wait := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 5*time.Millisecond, 20*time.Millisecond
	})
	if err := wait.Wait(context.Background(), &dynamodb.DescribeTableInput{TableName: &name}, 10*time.Second); err != nil {
		tb.Fatal(err)
	}
	return client, name
}

// Dump returns all that is in the table, as text.
func Dump(tb testing.TB, client *dynamodb.Client, table string) string {
	tb.Helper()
	var all strings.Builder
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			tb.Fatal(err)
		}
		for _, item := range page.Items {
			text, err := json.Marshal(item) // of the SDK's types, which is enough to look for something
			if err != nil {
				tb.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}
