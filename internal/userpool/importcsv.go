package userpool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passwordhash"
)

// CSVPasswordHash is the column of password hashes in a CSV of users.
const CSVPasswordHash = "password_hash"

// Cognito's bounds on a CSV of users (developer guide, formatting the CSV file).
const (
	maxImportRow  = 16_000 // characters
	MaxImportSize = 100 << 20
	MaxImportRows = 500_000 // without the header
)

// maxImportLine is how many bytes of a line are looked at.
const maxImportLine = 4 * maxImportRow

// UserFile reads a CSV of users, a row at a time: the header row of the pool's
// columns, in any order, then one row a user. Each row is a line of its own, so a
// reader can begin again at any of them, and nothing in a row reaches into the next.
type UserFile struct {
	pool      Pool
	algorithm passwordhash.Algorithm
	lines     *bufio.Reader
	header    []string
	read      int64 // bytes
	line      int64
}

// UserRow is a row of the file: the user, or why it is none.
type UserRow struct {
	Line   int64 // from 1, which is the header's
	User   Arrival
	Why    error
	values []string
}

// ErrUserFile is what is wrong with the whole file. Its text is safe to show.
type ErrUserFile string

func (e ErrUserFile) Error() string { return string(e) }

// errNoHeader and the like are why a file is none.
const (
	errNoHeader  = ErrUserFile("The CSV file is empty.")
	errNoNames   = ErrUserFile("The header row of the CSV file has no cognito:username.")
	errTwice     = ErrUserFile("The header row of the CSV file has a column twice.")
	errNoColumn  = ErrUserFile("The header row of the CSV file has a column that is no attribute of the user pool.")
	errNoHashes  = ErrUserFile("The job has a password hashing algorithm, but the CSV file has no password_hash column.")
	errManyRows  = ErrUserFile("The CSV file has more than 500,000 rows.")
	errLongTitle = ErrUserFile("The header row of the CSV file is too long.")
)

// NewUserFile reads the header. The algorithm is the one of the file's hashes, "" for
// a file without any, and AnyHash for one whose hashes say it themselves.
func NewUserFile(p Pool, algorithm passwordhash.Algorithm, file io.Reader) (*UserFile, error) {
	f := &UserFile{pool: p, algorithm: algorithm, lines: bufio.NewReaderSize(file, maxImportLine)}
	line, tooLong, err := f.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errNoHeader
	case err != nil:
		return nil, err
	case tooLong:
		return nil, errLongTitle
	}
	f.header, err = splitRow(strings.TrimPrefix(line, "\ufeff"))
	if err != nil {
		return nil, ErrUserFile("The header row of the CSV file cannot be read.")
	}
	return f, f.checkHeader()
}

// AnyHash reads hashes of all algorithms.
const AnyHash passwordhash.Algorithm = "any"

func (f *UserFile) checkHeader() error {
	known := append(f.pool.Settings.CSVHeader(), CSVPasswordHash)
	for i, name := range f.header {
		switch {
		case !slices.Contains(known, name):
			return errNoColumn
		case slices.Contains(f.header[:i], name):
			return errTwice
		}
	}
	switch {
	case !slices.Contains(f.header, CSVUsername):
		return errNoNames
	case f.algorithm != "" && f.algorithm != AnyHash && !slices.Contains(f.header, CSVPasswordHash):
		return errNoHashes
	}
	return nil
}

// Resume goes on after so many bytes and lines of the file, which rest begins behind.
func (f *UserFile) Resume(rest io.Reader, read, line int64) {
	f.lines.Reset(rest)
	f.read, f.line = read, line
}

// Position is how much of the file has been read, in bytes and lines.
func (f *UserFile) Position() (read, line int64) { return f.read, f.line }

// Rows returns the next rows, at most n, and io.EOF with the last. Empty lines are
// no rows.
func (f *UserFile) Rows(n int) (rows []UserRow, err error) {
	for len(rows) < n {
		line, tooLong, err := f.next()
		if err != nil {
			return rows, err
		}
		if strings.TrimSpace(line) == "" && !tooLong {
			continue
		}
		row := UserRow{Line: f.line}
		if tooLong || utf8.RuneCountInString(line) > maxImportRow {
			row.Why = fault.New(fault.InvalidParameter, "The row has more than %d characters.", maxImportRow)
		} else {
			row.User, row.values, row.Why = f.user(line)
		}
		rows = append(rows, row)
		if f.line > MaxImportRows+1 {
			return rows, errManyRows
		}
	}
	return rows, nil
}

// next reads a line without its end. Of one that is too long the rest is passed over.
func (f *UserFile) next() (line string, tooLong bool, err error) {
	text, err := f.lines.ReadSlice('\n')
	n := len(text)
	line = string(text)
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		text, err = f.lines.ReadSlice('\n')
		n += len(text)
	}
	if err != nil && (!errors.Is(err, io.EOF) || n == 0) {
		return "", false, err
	}
	f.read += int64(n)
	f.line++
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), tooLong, nil
}

// splitRow splits a row at its commas. A comma in a value has a backslash before it,
// as Cognito has it, or the value is in quotation marks, as spreadsheets write it. A
// backslash before anything but a comma is one.
func splitRow(row string) (values []string, err error) {
	if !utf8.ValidString(row) {
		return nil, fault.New(fault.InvalidParameter, "The row is not UTF-8.")
	}
	for {
		value, rest, more, err := firstValue(row)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		if !more {
			return values, nil
		}
		row = rest
	}
}

// firstValue is the value up to the first comma that ends one, and what follows.
func firstValue(row string) (value, rest string, more bool, err error) {
	if trimmed := strings.TrimLeft(row, " \t"); strings.HasPrefix(trimmed, `"`) {
		return quoted(trimmed[1:])
	}
	var b strings.Builder
	for i := 0; i < len(row); i++ {
		switch {
		case row[i] == '\\' && i+1 < len(row) && row[i+1] == ',':
			i++
			b.WriteByte(',')
		case row[i] == ',':
			return strings.TrimSpace(b.String()), row[i+1:], true, nil
		default:
			b.WriteByte(row[i])
		}
	}
	return strings.TrimSpace(b.String()), "", false, nil
}

// quoted is firstValue behind a quotation mark.
func quoted(row string) (value, rest string, more bool, err error) {
	var b strings.Builder
	for {
		before, after, closed := strings.Cut(row, `"`)
		b.WriteString(before)
		if !closed {
			return "", "", false, fault.New(fault.InvalidParameter, "The row has a quotation mark that is not closed.")
		}
		if strings.HasPrefix(after, `"`) {
			b.WriteByte('"')
			row = after[1:]
			continue
		}
		between, rest, more := strings.Cut(after, ",")
		if strings.TrimSpace(between) != "" {
			return "", "", false, fault.New(fault.InvalidParameter, "The row has text behind a closed quotation mark.")
		}
		return strings.TrimSpace(b.String()), rest, more, nil
	}
}

// user reads a row. The user has a status, but neither an id nor times.
func (f *UserFile) user(row string) (a Arrival, values []string, err error) {
	if values, err = splitRow(row); err != nil {
		return Arrival{}, nil, err
	}
	if len(values) != len(f.header) {
		return Arrival{}, values, fault.New(fault.InvalidParameter, "The row has %d columns and the header has %d.", len(values), len(f.header))
	}
	a = Arrival{Attributes: map[string]string{}, Enabled: true}
	mfa := ""
	for i, value := range values {
		value = unguarded(value)
		switch name := f.header[i]; name {
		case CSVUsername:
			a.Username = value
		case CSVMFAEnabled:
			mfa = strings.ToLower(value)
		case CSVPasswordHash:
			a.PasswordHash = value
		default:
			if value != "" {
				a.Attributes[name] = value
			}
		}
	}
	for _, check := range []func(*Arrival) error{f.checkName, f.checkVerified, f.checkRequired, f.checkHash} {
		if err := check(&a); err != nil {
			return Arrival{}, values, err
		}
	}
	if err := f.setMFA(&a, mfa); err != nil {
		return Arrival{}, values, err
	}
	a.Status = StatusResetRequired
	if a.PasswordHash != "" || canDoWithout(f.pool, a.Attributes) == nil {
		a.Status = StatusConfirmed
	}
	return a, values, nil
}

func (f *UserFile) checkName(a *Arrival) error {
	switch {
	case a.Username == "":
		return fault.New(fault.InvalidParameter, "The row has no cognito:username.")
	case strings.ContainsAny(a.Username, " \t"):
		return fault.New(fault.InvalidParameter, "The cognito:username has a space or a tab in it.")
	case utf8.RuneCountInString(a.Username) > 128:
		return fault.New(fault.InvalidParameter, "The cognito:username is longer than 128 characters.")
	}
	return nil
}

var errNotVerified = fault.New(fault.InvalidParameter, "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).")

// checkVerified wants one of what the pool verifies to be verified: codes and reset
// passwords go there.
func (f *UserFile) checkVerified(a *Arrival) error {
	for _, attr := range f.pool.Settings.AutoVerified {
		if strings.EqualFold(a.Attributes[verifiedName(attr)], "true") {
			if a.Attributes[attr] == "" && (!f.pool.Settings.namesBy(attr) || a.Username == "") {
				return fault.New(fault.InvalidParameter, "The row says that the %s is verified, and has none.", whatIs(attr))
			}
			return nil
		}
	}
	return errNotVerified
}

// checkRequired wants what the pool requires. A contact may be the name.
func (f *UserFile) checkRequired(a *Arrival) error {
	for _, name := range f.pool.Settings.Required {
		if a.Attributes[name] == "" && !f.pool.Settings.namesBy(name) {
			return fault.New(fault.InvalidParameter, "The row has no %s, which the user pool requires.", name)
		}
	}
	return nil
}

// checkHash reads the hash by the algorithm that the file has.
func (f *UserFile) checkHash(a *Arrival) error {
	if a.PasswordHash == "" {
		return nil
	}
	if f.algorithm == "" {
		return fault.New(fault.InvalidParameter, "The row has a password hash, and the job has no password hashing algorithm.")
	}
	h, err := knownHash(a.PasswordHash)
	if err != nil {
		return err
	}
	if f.algorithm != AnyHash && h.Algorithm() != f.algorithm {
		return fault.New(fault.InvalidParameter, "The password hash is of another algorithm than the job's.")
	}
	return nil
}

// setMFA reads cognito:mfa_enabled, which must fit what the pool wants.
func (f *UserFile) setMFA(a *Arrival, text string) error {
	on, mode := text == "true", f.pool.Settings.MFA.Configuration
	switch {
	case text != "" && text != "true" && text != "false":
		return fault.New(fault.InvalidParameter, "cognito:mfa_enabled is neither true nor false.")
	case on && mode == "":
		return fault.New(fault.InvalidParameter, "cognito:mfa_enabled is true, and the user pool has no MFA.")
	case text == "false" && mode == "ON":
		return fault.New(fault.InvalidParameter, "cognito:mfa_enabled is false, and the user pool requires MFA.")
	}
	phone := a.Attributes[AttrPhone] != "" || f.pool.Settings.namesBy(AttrPhone) && strings.HasPrefix(a.Username, "+")
	a.MFA.SMS = on && phone
	return nil
}

// WhyNot words why a row's user did not come, in words that repeat none of the row.
func (r UserRow) WhyNot(why error) string {
	f, ok := errors.AsType[*fault.Error](why)
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return "The user could not be imported due to an internal error."
	}
	for _, value := range r.values {
		if len(value) > 2 && strings.Contains(f.Message, value) {
			return "The user data does not match the schema of the user pool."
		}
	}
	return strings.TrimSpace(f.Message)
}

// CountRows counts the rows of a file that passes through it, and refuses what goes
// beyond Cognito's bounds.
type CountRows struct {
	Size  int64
	lines int64
}

// Bounds on an uploaded file.
var (
	ErrImportSize = errors.New("the file is larger than 100 MB")
	ErrImportRows = errors.New("the file has more than 500,000 rows")
)

// Count counts a piece.
func (c *CountRows) Count(piece []byte) error {
	c.Size += int64(len(piece))
	c.lines += int64(bytes.Count(piece, []byte("\n")))
	switch {
	case c.Size > MaxImportSize:
		return ErrImportSize
	case c.lines > MaxImportRows+1:
		return ErrImportRows
	}
	return nil
}

// PoolForImport is the pool as a UserFile reads for it, or why nothing can be
// imported into it.
func (s *Service) PoolForImport(ctx context.Context, id PoolID) (Pool, error) {
	p, err := s.viewPool(ctx, id)
	if err == nil && len(p.Settings.AutoVerified) == 0 {
		err = errNothingVerified
	}
	return p, err
}

var errNothingVerified = fault.New(fault.PreconditionNotMet, "The user pool has no auto-verified attributes: users cannot be imported into it.")
