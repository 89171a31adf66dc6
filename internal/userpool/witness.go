package userpool

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// watched is the store as the Service uses it. A transaction of a call that has
// an entry is watched, and an Update that commits has the call's row in it.
type watched struct {
	Store
	s *Service
}

func (w watched) View(ctx context.Context, fn func(Tx) error) error {
	return w.s.storing(ctx, StoreView, w.view, fn)
}

func (w watched) Update(ctx context.Context, fn func(Tx) error) error {
	return w.s.update(ctx, func(ctx context.Context, fn func(Tx) error) error {
		return w.s.storing(ctx, StoreUpdate, w.update, fn)
	}, fn)
}

func (w watched) view(ctx context.Context, fn func(Tx) error) error {
	e := entryOf(ctx)
	if e == nil {
		return w.Store.View(ctx, fn)
	}
	defer e.timeStore(time.Now())
	return w.Store.View(ctx, func(tx Tx) error { return fn(witness{tx, e}) })
}

func (w watched) update(ctx context.Context, fn func(Tx) error) error {
	e := entryOf(ctx)
	if e == nil {
		return w.Store.Update(ctx, fn)
	}
	defer e.timeStore(time.Now())
	before, known, stored := e.done, e.found, e.stored
	e.stored = true
	var told Outcome
	var own error
	err := w.Store.Update(ctx, func(tx Tx) error {
		e.done, e.found = before.clone(), known // an earlier run was for nothing
		if own = fn(witness{tx, e}); own != nil {
			return own
		}
		row := w.s.auditRow(e)
		told = row.Outcome
		if stored {
			return tx.PutAudit(ctx, row)
		}
		return tx.AddAudit(ctx, row)
	})
	if own == nil { // also where nobody knows whether it is stored
		w.s.credits.put(e.done.used[len(before.used):])
	}
	if err != nil {
		e.done = before
		return err
	}
	e.committed, e.told = true, told
	return nil
}

// timeStore adds the time since the start of a transaction. It is the caller's,
// who waits for the transaction, that writes it.
func (e *entry) timeStore(start time.Time) { e.inStore += time.Since(start) }

// witness is a transaction that tells an entry of whom it speaks and what it
// does. What is loaded by its key is what the call is about; the first user is,
// where there are several.
type witness struct {
	Tx
	e *entry
}

func (w witness) sawPool(id PoolID) {
	if w.e.pool == "" {
		w.e.pool = id
	}
}

func (w witness) sawClient(c Client) {
	w.sawPool(c.PoolID)
	if w.e.client == "" {
		w.e.client = c.ID
	}
}

func (w witness) sawUser(id UserID, name string) {
	if w.e.crowd {
		return
	}
	if w.e.user == "" {
		w.e.user = id
	}
	if w.e.usersName == "" && w.e.user == id {
		w.e.usersName = name
	}
}

// saw is sawUser of somebody who was read. A name that is his number need not be read
// again to be known for one.
func (w witness) saw(u User) {
	name := mainName(u)
	w.sawUser(u.ID, name)
	if w.e.usersName == name && name == u.Attributes[AttrPhone] {
		w.e.isNumber = name
	}
}

// mainName is what a user is found by in the trail where the request says no
// name.
func mainName(u User) string {
	switch {
	case u.Username != string(u.ID):
		return u.Username
	case len(u.Names) > 0:
		return u.Names[0]
	}
	return ""
}

func (w witness) Pool(ctx context.Context, id PoolID) (Pool, error) {
	p, err := w.Tx.Pool(ctx, id)
	if err == nil {
		w.sawPool(p.ID)
	}
	return p, err
}

func (w witness) InsertPool(ctx context.Context, p Pool) error {
	err := w.Tx.InsertPool(ctx, p)
	if err == nil {
		w.sawPool(p.ID)
	}
	return err
}

// UpdatePool notes which settings change, not to what.
func (w witness) UpdatePool(ctx context.Context, p Pool) error {
	old, err := w.Tx.Pool(ctx, p.ID)
	if err != nil {
		return err
	}
	if names := changedMembers(old.Settings, p.Settings); len(names) > 0 {
		w.e.note("settings", names)
	}
	return w.Tx.UpdatePool(ctx, p)
}

func (w witness) Client(ctx context.Context, id ClientID) (Client, error) {
	c, err := w.Tx.Client(ctx, id)
	if err == nil {
		w.sawClient(c)
	}
	return c, err
}

func (w witness) InsertClient(ctx context.Context, c Client) error {
	err := w.Tx.InsertClient(ctx, c)
	if err == nil {
		w.sawClient(c)
	}
	return err
}

func (w witness) User(ctx context.Context, pool PoolID, id UserID) (User, error) {
	u, err := w.Tx.User(ctx, pool, id)
	if err == nil {
		w.saw(u)
	}
	return u, err
}

func (w witness) UserByName(ctx context.Context, pool PoolID, name string) (User, error) {
	u, err := w.Tx.UserByName(ctx, pool, name)
	if err == nil {
		w.saw(u)
	}
	return u, err
}

func (w witness) InsertUser(ctx context.Context, u User) error {
	err := w.Tx.InsertUser(ctx, u)
	if err == nil && !w.e.crowd {
		w.e.user, w.e.usersName = u.ID, mainName(u)
		w.e.note("user", noteCreated)
	}
	return err
}

// noteCreated is the detail of a call that made a user.
const noteCreated = "created"

// UpdateUser notes the names of attributes that change, and that a password
// does.
func (w witness) UpdateUser(ctx context.Context, u User) error {
	if w.e.crowd {
		return w.Tx.UpdateUser(ctx, u)
	}
	old, err := w.Tx.User(ctx, u.PoolID, u.ID)
	if err != nil {
		return err
	}
	if names := changedKeys(old.Attributes, u.Attributes); len(names) > 0 {
		w.e.note("attributes", names)
	}
	if u.MFA != old.MFA {
		w.e.note("mfa", changedMembers(old.MFA, u.MFA))
	}
	switch {
	case u.Verifier == old.Verifier && u.PasswordHash == old.PasswordHash:
	case old.hasPassword() && old.PasswordAt.Equal(u.PasswordAt) && u.Verifier != "":
		w.e.note("password", "taken over") // from a hash that he had brought along
	case !u.hasPassword():
		w.e.note("password", "removed")
	default:
		w.e.note("password", "set")
	}
	return w.Tx.UpdateUser(ctx, u)
}

func (w witness) DeleteUser(ctx context.Context, pool PoolID, id UserID) error {
	w.sawUser(id, "")
	w.e.done.forgets = true
	return w.Tx.DeleteUser(ctx, pool, id)
}

func (w witness) InsertRegistration(ctx context.Context, r Registration) error {
	err := w.Tx.InsertRegistration(ctx, r)
	if err == nil {
		w.sawUser(r.Sub, r.Name)
	}
	return err
}

// Session tells of the user whom it speaks of, if he is one.
func (w witness) Session(ctx context.Context, hash string) (Session, error) {
	session, err := w.Tx.Session(ctx, hash)
	if err == nil {
		w.sawSession(session)
	}
	return session, err
}

func (w witness) sawSession(session Session) {
	if w.e.usersName == "" {
		w.e.usersName = session.Name
	}
	if !session.Decoy && !session.Pending && session.Step != StepConfirmSignUp {
		w.sawUser(UserID(session.Subject), session.Name)
	}
}

// sawSession tells the call's entry of whom a Session speaks that the store does not have.
func sawSession(ctx context.Context, session Session) {
	if e := entryOf(ctx); e != nil {
		witness{e: e}.sawSession(session)
	}
}

// InsertSession notes the challenge that is presented with it.
func (w witness) InsertSession(ctx context.Context, session Session) error {
	switch session.Step {
	case StepConfirmSignUp, StepSignedUp, StepReturned, StepNewPasskey:
	default:
		w.e.note(noteChallenge, string(session.Step))
	}
	return w.Tx.InsertSession(ctx, session)
}

// noteChallenge is the detail of a call that presents a challenge.
const noteChallenge = "challenge"

func (w witness) Family(ctx context.Context, id FamilyID) (Family, error) {
	f, err := w.Tx.Family(ctx, id)
	if err == nil {
		w.e.bearer = true
		w.sawUser(f.UserID, "")
	}
	return f, err
}

func (w witness) Holder(ctx context.Context, f Family) (User, []Group, error) {
	u, groups, err := w.Tx.Holder(ctx, f)
	if err == nil {
		w.saw(u)
	}
	return u, groups, err
}

// InsertFamily is the end of a sign-in.
func (w witness) InsertFamily(ctx context.Context, f Family) error {
	err := w.Tx.InsertFamily(ctx, f)
	if err == nil {
		w.e.bearer = true
		w.sawUser(f.UserID, "")
		w.e.note("signed_in", true)
	}
	return err
}

// InsertMessage notes what a message is for.
func (w witness) InsertMessage(ctx context.Context, m Message) error {
	err := w.Tx.InsertMessage(ctx, m)
	if err == nil && !m.Decoy {
		w.e.note("sent", string(m.Purpose))
		w.e.done.queued = append(w.e.done.queued, m.Purpose.plain())
	}
	return err
}

// changedKeys are the keys whose values differ, in order.
func changedKeys(old, fresh map[string]string) []string {
	changed := make(map[string]bool)
	for k, v := range fresh {
		if was, ok := old[k]; !ok || was != v {
			changed[k] = true
		}
	}
	for k := range old {
		if _, ok := fresh[k]; !ok {
			changed[k] = true
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

// changedMembers are the members that differ in two values' JSON.
func changedMembers(old, fresh any) []string {
	return changedKeys(members(old), members(fresh))
}

func members(v any) map[string]string {
	var raw map[string]json.RawMessage
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &raw)
	}
	if err != nil {
		return nil // impossible: settings have a JSON form, an object
	}
	all := make(map[string]string, len(raw))
	for k, m := range raw {
		all[k] = string(m)
	}
	return all
}
