package endtoend

import (
	be "encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// residents are the people of a directory, made up from their number alone, so that
// they need not be kept to be asked for. Nine in ten are of the pool whose users are
// named by their phone numbers, the others of one with user names and aliases. In each
// pool there are `rare` people with what nobody else has, however large it is.
type residents struct {
	n              int
	numbers, names userpool.PoolID
	app            userpool.ClientID
}

const (
	rare     = 20
	rareName = "Wilhelmina"
)

var (
	givenNames  = strings.Fields("Asha Asha Asha Asha Asha Asha Ravi Mia Tom Zoë Ben Ann Anna Lena Noah Emma Leo Ivan Olga Yuki Ken Fatima Omar Lucía Mateo Chloé Hugo Sofia Luca Maja Jan Aino Eero Linh Minh Amara Kofi Ngozi Sipho Thandi Priya Arjun Kavya Rohan Neha")
	familySound = strings.Fields("an ber cha dor en fo gar hal in jor ka lin mo nor ost pet quin ros sen tov ul vas wei xan ya zim")
)

// count is how many people there are of the pool of numbers.
func (r residents) count() int { return r.n - r.n/10 }

// crowd is all of them, the pool of numbers first.
func (r residents) crowd() sqlstore.Crowd { return sqlstore.Crowd{N: r.n, Person: r.person} }

func (r residents) person(i int) sqlstore.Person {
	if i < r.count() {
		return r.byNumber(i)
	}
	return r.byName(i - r.count())
}

// id is in the order of i, and evenly spread.
func id(i, n int, chance *rand.Rand) userpool.UserID {
	step, _ := bits.Div64(1, 0, uint64(n)+1)
	var b [16]byte
	be.BigEndian.PutUint64(b[:], step*uint64(i)+chance.Uint64N(step))
	be.BigEndian.PutUint64(b[8:], chance.Uint64())
	b[6], b[8] = 0x40|b[6]&0xf, 0x80|b[8]&0x3f
	s := hex.EncodeToString(b[:])
	return userpool.UserID(s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:])
}

// number is that of the resident of either pool: each has another one.
func number(i int) string {
	return fmt.Sprintf("+91%d", 9800000000+(int64(i)*2654435761+12345)%200_000_000)
}

func (r residents) isRare(i, of int) bool { return i%max(1, of/rare) == 0 && i/max(1, of/rare) < rare }

// somebody is what people of both pools have in common.
func (r residents) somebody(pool userpool.PoolID, i, of int, phone string) (sqlstore.Person, *rand.Rand) {
	chance := rand.New(rand.NewPCG(uint64(i), uint64(of)))
	made := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(chance.Int64N(3*365*86_400_000)) * time.Millisecond)
	u := userpool.User{
		PoolID: pool, ID: id(i, of, chance), Status: userpool.StatusConfirmed, Enabled: chance.IntN(100) > 0,
		Attributes: map[string]string{userpool.AttrPhone: phone, "phone_number_verified": "true"},
		CreatedAt:  made, ModifiedAt: made, SignedInAt: made, ActiveAt: made,
	}
	if chance.IntN(25) == 0 {
		u.Status = userpool.StatusForceChangePassword
	}
	given := givenNames[chance.IntN(len(givenNames))]
	family := ""
	for range 2 + chance.IntN(2) {
		family += familySound[chance.IntN(len(familySound))]
	}
	family = strings.ToUpper(family[:1]) + family[1:]
	if r.isRare(i, of) {
		given, family, u.Status = rareName, rareName, userpool.StatusResetRequired
	}
	if chance.IntN(10) < 3 || given == rareName {
		u.Attributes[userpool.AttrEmail] = strings.ToLower(fmt.Sprintf("%s.%s.%d@example.com", given, family, i))
	}
	if chance.IntN(10) < 3 || given == rareName {
		u.Attributes["given_name"], u.Attributes["family_name"] = given, family
		u.Attributes["name"] = given + " " + family
	}
	if chance.IntN(10) < 3 {
		u.Attributes["custom:city"] = familySound[chance.IntN(len(familySound))]
	}
	p := sqlstore.Person{User: u}
	if chance.IntN(2) == 0 {
		p.Groups = append(p.Groups, "riders")
	}
	if given == rareName {
		p.Groups = append(p.Groups, "staff")
	}
	if chance.IntN(10) == 0 {
		key := "us-east-1_" + string(id(i, of, chance))
		p.Families = append(p.Families, userpool.Family{
			ID: userpool.FamilyID(id(i, of, chance)), PoolID: pool, ClientID: r.app, UserID: u.ID, DeviceKey: key,
			AuthTime: made, CreatedAt: made, ExpiresAt: made.AddDate(20, 0, 0),
		})
		p.Devices = append(p.Devices, userpool.Device{
			PoolID: pool, Key: key, UserID: u.ID, GroupKey: "-1234abcd", Name: "Mozilla/5.0", CreatedAt: made, ModifiedAt: made,
			ConfirmedAt: made, AuthenticatedAt: made,
		})
	}
	return p, chance
}

// byNumber has no password in nine of ten cases.
func (r residents) byNumber(i int) sqlstore.Person {
	phone := number(i)
	p, chance := r.somebody(r.numbers, i, r.count(), phone)
	p.User.Username, p.User.Names = string(p.User.ID), []string{phone}
	if chance.IntN(10) == 0 {
		p.User.Verifier = verifierLike(chance)
	}
	return p
}

// userName is that of a resident of the pool of names.
func (r residents) userName(i int) string {
	if r.isRare(i, r.n/10) {
		return fmt.Sprintf("wilhelmina%d", i)
	}
	return fmt.Sprintf("%s%s%d", familySound[i%7], familySound[i/7%19], i)
}

func (r residents) byName(i int) sqlstore.Person {
	phone := number(r.count() + i)
	p, chance := r.somebody(r.names, i, r.n/10, phone)
	u := &p.User
	u.Username, u.Names, u.Verifier = r.userName(i), []string{phone}, verifierLike(chance)
	if email := u.Attributes[userpool.AttrEmail]; email != "" {
		u.Attributes["email_verified"] = "true"
		u.Names = append(u.Names, email)
	}
	u.Attributes["preferred_username"] = "the-" + u.Username
	u.Names = append(u.Names, "the-"+u.Username)
	return p
}

// verifierLike is as long as a sealed verifier is, and opens to nothing.
func verifierLike(chance *rand.Rand) string {
	var b [verifierLength / 2]byte
	for i := 0; i+8 <= len(b); i += 8 {
		be.LittleEndian.PutUint64(b[i:], chance.Uint64())
	}
	return hex.EncodeToString(b[:])
}

const verifierLength = 640
