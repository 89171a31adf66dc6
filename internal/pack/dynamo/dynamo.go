// Package dynamo is the pack's store on Amazon DynamoDB: one table, partition key
// pk and sort key sk (texts), and ttl as its time to live. Every decision is one
// conditional write; nothing relies on TTL having deleted what is over.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
)

// The sort keys: what kind of item it is.
const (
	kindChallenge = "challenge"
	kindCounter   = "counter"
	kindNote      = "note"
	kindCell      = "cell"
	kindList      = "list"
)

// grace is how long after its end an item may be deleted.
const grace = time.Hour

// Store is the table. It is safe for concurrent use.
type Store struct {
	client *dynamodb.Client
	table  string
}

var _ pack.Store = (*Store)(nil)

// New returns the store on a table.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{client: client, table: table}
}

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func flag(b bool) types.AttributeValue   { return &types.AttributeValueMemberBOOL{Value: b} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func moment(t time.Time) types.AttributeValue { return number(t.UnixMilli()) }
func ttl(end time.Time) types.AttributeValue  { return number(end.Add(grace).Unix()) }

func key(pk, kind string) item { return item{"pk": text(pk), "sk": text(kind)} }

// put writes the item if the condition holds, and says whether it did.
func (s *Store) put(ctx context.Context, in item, condition string, values item) (bool, error) {
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: in,
		ConditionExpression: &condition, ExpressionAttributeValues: values,
	})
	return held(err)
}

// change is an update and what must hold for it.
type change struct {
	pk, kind  string
	update    string
	condition string
	values    item
}

// update makes the change if its condition holds, says whether it did, and
// returns the item as it then is.
func (s *Store) update(ctx context.Context, c change) (item, bool, error) {
	out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key(c.pk, c.kind),
		UpdateExpression: &c.update, ConditionExpression: &c.condition,
		ExpressionAttributeValues: c.values, ReturnValues: types.ReturnValueAllNew,
	})
	ok, err := held(err)
	if !ok {
		return nil, false, err
	}
	return out.Attributes, true, nil
}

// held tells a condition that did not hold from an error.
func held(err error) (bool, error) {
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return false, nil
	}
	return err == nil, err
}

// get reads the item as the last write left it; nil if there is none.
func (s *Store) get(ctx context.Context, pk, kind string) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: key(pk, kind), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// reader reads an item's attributes and keeps the first thing that is wrong.
type reader struct {
	in  item
	err error
}

func (r *reader) number(name string) int64 {
	n, ok := r.in[name].(*types.AttributeValueMemberN)
	if !ok {
		r.err = errors.Join(r.err, fmt.Errorf("the item has no number %s", name))
		return 0
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	r.err = errors.Join(r.err, err)
	return v
}

func (r *reader) moment(name string) time.Time { return time.UnixMilli(r.number(name)) }

func (r *reader) text(name string) string {
	s, ok := r.in[name].(*types.AttributeValueMemberS)
	if !ok {
		r.err = errors.Join(r.err, fmt.Errorf("the item has no text %s", name))
		return ""
	}
	return s.Value
}

func (r *reader) flag(name string) bool {
	b, ok := r.in[name].(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}

// Note implements pack.Store.
func (s *Store) Note(ctx context.Context, name string, now time.Time, life time.Duration) error {
	in := key(name, kindNote)
	in["at"], in["ttl"] = moment(now), ttl(now.Add(life))
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: in})
	return wrap("note", err)
}

// Noted implements pack.Store.
func (s *Store) Noted(ctx context.Context, name string) (time.Time, error) {
	in, err := s.get(ctx, name, kindNote)
	if err != nil {
		return time.Time{}, wrap("noted", err)
	}
	return noted(in)
}

func noted(in item) (time.Time, error) {
	if in == nil {
		return time.Time{}, nil
	}
	r := reader{in: in}
	at := r.moment("at")
	return at, wrap("noted", r.err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table: %s: %w", what, err)
}

var _ guard.Counters = (*Store)(nil)
