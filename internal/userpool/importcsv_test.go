package userpool_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/passwordhash"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func csvPool() userpool.Pool {
	set := userpool.DefaultPoolSettings()
	set.AutoVerified, set.Required = []string{"phone_number"}, []string{"name"}
	set.Custom = []userpool.CustomAttribute{{Name: "custom:seat", Type: userpool.TypeString, Mutable: true}}
	return userpool.Pool{ID: "us-east-1_Riders", Settings: set}
}

// rowsOf reads all rows of a file, three at a time.
func rowsOf(t *testing.T, algorithm passwordhash.Algorithm, file string) (rows []userpool.UserRow, err error) {
	t.Helper()
	f, err := userpool.NewUserFile(csvPool(), algorithm, strings.NewReader(file))
	for err == nil {
		var some []userpool.UserRow
		some, err = f.Rows(3)
		rows = append(rows, some...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return rows, err
}

func TestUserFile_ReadsRows(t *testing.T) {
	const header = "name,cognito:username,phone_number,phone_number_verified,cognito:mfa_enabled,custom:seat,password_hash\n"
	const bcrypt = "$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6"
	const argon = `$argon2id$v=19$m=19456\,t=2\,p=1$ko/G5o1ms+ML08P95sQ8DA$AkVbvWSOqz7Hs3qthhWKxicOWnGLN+MBmpwc3emi5VA`
	for _, c := range []struct {
		row  string
		want string // the user, or why not
	}{
		{`Asha,asha,+919876543210,TRUE,,,`, "asha map[name:Asha phone_number:+919876543210 phone_number_verified:TRUE] RESET_REQUIRED"},
		{` Asha , asha , +919876543210 ,true,false,  ,`, "asha map[name:Asha phone_number:+919876543210 phone_number_verified:true] RESET_REQUIRED"},
		{`Rao\, Asha,asha,+919876543210,true,,C:\x,`, `asha map[custom:seat:C:\x name:Rao, Asha phone_number:+919876543210 phone_number_verified:true] RESET_REQUIRED`},
		{`"Rao, ""Asha""",asha,+919876543210,true,,5" pipe,`, `asha map[custom:seat:5" pipe name:Rao, "Asha" phone_number:+919876543210 phone_number_verified:true] RESET_REQUIRED`},
		{`=cmd|'/c calc'!A1,asha,+919876543210,true,,';drop table users;--,`, "asha map[custom:seat:';drop table users;-- name:=cmd|'/c calc'!A1 phone_number:+919876543210 phone_number_verified:true] RESET_REQUIRED"},
		{`Asha,asha,+919876543210,true,,,` + bcrypt, "asha map[name:Asha phone_number:+919876543210 phone_number_verified:true] CONFIRMED " + bcrypt},
		{`Asha,asha,+919876543210,true,,,` + argon, "asha map[name:Asha phone_number:+919876543210 phone_number_verified:true] CONFIRMED " + strings.ReplaceAll(argon, `\,`, ",")},
		{`Asha,asha,+919876543210,true,,,"` + strings.ReplaceAll(argon, `\,`, ",") + `"`, "asha map[name:Asha phone_number:+919876543210 phone_number_verified:true] CONFIRMED " + strings.ReplaceAll(argon, `\,`, ",")},
		{`Asha,,+919876543210,true,,,`, "The row has no cognito:username."},
		{`Asha,as ha,+919876543210,true,,,`, "The cognito:username has a space or a tab in it."},
		{`Asha,` + strings.Repeat("x", 129) + `,+919876543210,true,,,`, "The cognito:username is longer than 128 characters."},
		{`Asha,asha,+919876543210,false,,,`, "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)."},
		{`Asha,asha,,true,,,`, "The row says that the phone number is verified, and has none."},
		{`,asha,+919876543210,true,,,`, "The row has no name, which the user pool requires."},
		{`Asha,asha,+919876543210,true,maybe,,`, "cognito:mfa_enabled is neither true nor false."},
		{`Asha,asha,+919876543210,true,true,,`, "cognito:mfa_enabled is true, and the user pool has no MFA."},
		{`Asha,asha,+919876543210,true,,,$2b$13` + bcrypt[6:], "The password hash has parameters above the maximum of its algorithm."},
		{`Asha,asha,+919876543210,true,,,hunter2`, "The password hash is malformed."},
		{`Asha,asha,+919876543210,true,,`, "The row has 6 columns and the header has 7."},
		{`Asha,asha,+919876543210,true,,,,`, "The row has 8 columns and the header has 7."},
		{`"Asha,asha,+919876543210,true,,,`, "The row has a quotation mark that is not closed."},
		{`"Asha"x,asha,+919876543210,true,,,`, "The row has text behind a closed quotation mark."},
		{"As\xffha,asha,+919876543210,true,,,", "The row is not UTF-8."},
		{strings.Repeat("x", 16_001), "The row has more than 16000 characters."},
		{strings.Repeat("x,", 200_000), "The row has more than 16000 characters."},
	} {
		rows, err := rowsOf(t, userpool.AnyHash, header+c.row+"\nAsha,last,+919876543210,true,,,\n")
		if err != nil || len(rows) != 2 || rows[0].Line != 2 || rows[1].Line != 3 || rows[1].User.Username != "last" {
			t.Errorf("%.80q: %d rows, %v", c.row, len(rows), err)
			continue
		}
		got := fmt.Sprint(rows[0].Why)
		if u := rows[0].User; rows[0].Why == nil {
			got = strings.TrimSpace(fmt.Sprintf("%s %v %s %s", u.Username, u.Attributes, u.Status, u.PasswordHash))
		}
		if got != c.want {
			t.Errorf("%.80q:\n got %s\nwant %s", c.row, got, c.want)
		}
	}
}

func TestUserFile_RefusesFilesThatAreNone(t *testing.T) {
	const good = "cognito:username,phone_number,phone_number_verified,name"
	for _, c := range []struct {
		algorithm passwordhash.Algorithm
		file      string
		want      string
	}{
		{"", "", "The CSV file is empty."},
		{"", "phone_number,name\n", "The header row of the CSV file has no cognito:username."},
		{"", good + ",favourite\n", "The header row of the CSV file has a column that is no attribute of the user pool."},
		{"", good + ",name\n", "The header row of the CSV file has a column twice."},
		{"", strings.Repeat("x", 100_000) + "\n", "The header row of the CSV file is too long."},
		{passwordhash.Bcrypt, good + "\n", "The job has a password hashing algorithm, but the CSV file has no password_hash column."},
		{"", "\xef\xbb\xbf" + good + ",custom:seat,cognito:mfa_enabled\r\n", "<nil>"},
	} {
		if _, err := rowsOf(t, c.algorithm, c.file); fmt.Sprint(err) != c.want || len(c.want) > 128 {
			t.Errorf("%.60q: %v, want %s", c.file, err, c.want)
		}
	}
	rows, err := rowsOf(t, passwordhash.Scrypt, "cognito:username,phone_number,phone_number_verified,name,password_hash\nasha,+919876543210,true,Asha,$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6\n")
	if err != nil || len(rows) != 1 || rows[0].Why == nil || !strings.Contains(rows[0].Why.Error(), "another algorithm") {
		t.Errorf("a hash of another algorithm: %+v, %v", rows, err)
	}
}
