package endtoend

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var (
	directoryUsers  = flag.String("directory", "", "how many users the directories have that are compared with one of ten thousand, separated by commas")
	directoryDir    = flag.String("directory-dir", "", "where directories are made and left, to be used again; else they go with the test")
	directoryRounds = flag.Int("directory-rounds", 41, "how often each thing is measured; 0 makes the directories, to be measured another time")
)

// directoryBase is how many users the directory has that others are compared with.
const directoryBase = 10_000

// TestDirectoryFigures makes directories of so many users on SQLite and on PostgreSQL,
// and prints how long things take there beside a directory of ten thousand: in turns,
// so that both have the same share of a busy machine. Without -directory it is a small
// one, for the making and the asking to be tried.
func TestDirectoryFigures(t *testing.T) {
	sizes, base, rounds := []int{2000}, 1000, 1
	if *directoryUsers != "" {
		sizes, base, rounds = nil, directoryBase, *directoryRounds
		for text := range strings.SplitSeq(*directoryUsers, ",") {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, n)
		}
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			town := &directories{T: t, engine: engine, dir: *directoryDir}
			if town.dir == "" {
				town.dir = t.TempDir()
			}
			town.prepare()
			small := town.open(base)
			for _, n := range sizes {
				large := town.open(n)
				if rounds > 0 {
					compare(t, engine, rounds, small, large)
				}
				large.stop()
				town.drop(large)
			}
			small.stop()
		})
	}
}

// directories are those of one engine.
type directories struct {
	*testing.T
	engine  string
	dir     string
	cluster *pgtest.Cluster
}

func (d *directories) prepare() {
	if d.engine != "postgres" {
		return
	}
	if *directoryUsers == "" {
		d.cluster = pgtest.Shared(d)
		return
	}
	dir := filepath.Join(d.dir, "postgres")
	for _, folder := range []string{d.dir, dir} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			d.Fatal(err)
		}
	}
	if *directoryDir == "" {
		dir = ""
	}
	d.cluster = pgtest.Start(d, pgtest.Options{DataDir: dir, Settings: map[string]string{
		"shared_buffers": "512MB", "maintenance_work_mem": "512MB", "max_wal_size": "1GB", "autovacuum_naptime": "10s",
	}})
}

// aDirectory is one with a server on it.
type aDirectory struct {
	*site
	residents
	database string
	sdk      *cip.Client
	ring     *seal.Ring
	app      string // of the pool of names
	bytes    int64
	cluster  *pgtest.Cluster
	filled   time.Duration
	fresh    int // people who signed up
}

// pools are what a directory that is there already is remembered by.
type pools struct{ Numbers, Names, Client, App, Filled string }

func (d *directories) open(n int) *aDirectory {
	d.Helper()
	name := d.engine + strconv.Itoa(n)
	dir := filepath.Join(d.dir, name)
	env := []string{"BELLHOP_LIMITS=off", "BELLHOP_DATA=" + dir}
	a := &aDirectory{database: filepath.Join(dir, "bellhop.db"), cluster: d.cluster}
	if d.cluster != nil {
		a.database = d.cluster.DSN(name)
		env = append(env, "BELLHOP_DATABASE="+a.database, "BELLHOP_MASTER_KEY_FILE="+filepath.Join(dir, "master.key"))
	}
	a.site = prepareSite(d, env...)
	a.dir = dir
	a.residents.n = n
	file := filepath.Join(dir, "pools.json")
	var made pools
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &made); err != nil {
			d.Fatal(err)
		}
	} else {
		if d.cluster != nil {
			d.cluster.SQL(d, "postgres", "create database "+name)
			a.run("master-key", "create")
		}
		made = a.makePools()
	}
	a.pool, a.client, a.app = made.Numbers, made.Client, made.App
	a.residents.numbers, a.residents.names = userpool.PoolID(made.Numbers), userpool.PoolID(made.Names)
	a.residents.app = userpool.ClientID(made.Client)
	a.keep(file, made)
	if made.Filled == "" {
		began := time.Now()
		d.quickly(true)
		err := sqlstore.Load(d.Context(), a.database, a.crowd(), func(what string) { d.Logf("%s: %v: %s", name, time.Since(began).Round(time.Second), what) })
		if err != nil {
			d.Fatal(err)
		}
		d.quickly(false)
		made.Filled = time.Since(began).Round(time.Second).String()
		a.keep(file, made)
	}
	a.filled, _ = time.ParseDuration(made.Filled)
	a.bytes = a.size()
	a.start()
	a.sdk = a.site.sdk()
	text, err := os.ReadFile(filepath.Join(dir, "master.key"))
	if err != nil {
		d.Fatal(err)
	}
	if a.ring, err = seal.ParseRing(text); err != nil {
		d.Fatal(err)
	}
	return a
}

// quickly has PostgreSQL not wait for the disk while it is filled.
func (d *directories) quickly(on bool) {
	if d.cluster == nil || *directoryUsers == "" {
		return
	}
	d.cluster.SQL(d, "postgres", "alter system set fsync = "+map[bool]string{true: "off", false: "on"}[on])
	d.cluster.SQL(d, "postgres", "select pg_reload_conf()")
	if !on {
		d.cluster.SQL(d, "postgres", "checkpoint")
	}
}

func (a *aDirectory) keep(file string, made pools) {
	a.tb.Helper()
	text, err := json.Marshal(made)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		a.tb.Fatal(err)
	}
}

// makePools makes both pools, with their clients and groups.
func (a *aDirectory) makePools() pools {
	a.tb.Helper()
	a.start()
	defer a.stop()
	ctx := bounded(a.tb, time.Minute)
	sdk := a.site.sdk()
	must := func(err error) {
		a.tb.Helper()
		if err != nil {
			a.tb.Fatal(err)
		}
	}
	pool := func(in cip.CreateUserPoolInput) (string, string) {
		in.Schema = []types.SchemaAttributeType{{Name: aws.String("city"), AttributeDataType: types.AttributeDataTypeString, Mutable: aws.Bool(true)}}
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{
			AllowedFirstAuthFactors: []types.AuthFactorType{types.AuthFactorTypePassword, types.AuthFactorTypeSmsOtp},
		}}
		in.AutoVerifiedAttributes = []types.VerifiedAttributeType{types.VerifiedAttributeTypePhoneNumber}
		p, err := sdk.CreateUserPool(ctx, &in)
		must(err)
		c, err := sdk.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{
			UserPoolId: p.UserPool.Id, ClientName: aws.String("app"),
			ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
		})
		must(err)
		for _, group := range []string{"riders", "staff"} {
			_, err := sdk.CreateGroup(ctx, &cip.CreateGroupInput{UserPoolId: p.UserPool.Id, GroupName: &group})
			must(err)
		}
		return *p.UserPool.Id, *c.UserPoolClient.ClientId
	}
	var made pools
	made.Numbers, made.Client = pool(cip.CreateUserPoolInput{
		PoolName: aws.String("numbers"), UsernameAttributes: []types.UsernameAttributeType{types.UsernameAttributeTypePhoneNumber},
	})
	made.Names, made.App = pool(cip.CreateUserPoolInput{
		PoolName:        aws.String("names"),
		AliasAttributes: []types.AliasAttributeType{types.AliasAttributeTypePhoneNumber, types.AliasAttributeTypeEmail, types.AliasAttributeTypePreferredUsername},
	})
	return made
}

// size is what the database takes on the disk.
func (a *aDirectory) size() int64 {
	a.tb.Helper()
	if a.cluster != nil {
		n, err := strconv.ParseInt(a.cluster.SQL(a.tb, "postgres", "select pg_database_size('"+filepath.Base(a.database[:strings.IndexByte(a.database, '?')])+"')"), 10, 64)
		if err != nil {
			a.tb.Fatal(err)
		}
		return n
	}
	info, err := os.Stat(a.database)
	if err != nil {
		a.tb.Fatal(err)
	}
	return info.Size()
}

// drop removes a directory that nobody is to use again.
func (d *directories) drop(a *aDirectory) {
	if *directoryDir != "" {
		return
	}
	if d.cluster != nil {
		d.cluster.SQL(d, "postgres", "drop database "+d.engine+strconv.Itoa(a.residents.n))
	}
	if err := os.RemoveAll(a.dir); err != nil {
		d.Fatal(err)
	}
}
