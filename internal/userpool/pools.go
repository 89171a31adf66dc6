package userpool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/token"
	texts "github.com/bellhop-auth/bellhop/internal/wording"
)

const (
	poolIDAlphabet   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	clientIDAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	poolIDLength     = 9
	clientIDLength   = 26
	secretLength     = 52
	maxTags          = 50
)

// The forms of names and ids: the model's, and for pools' ids one that every
// client library takes (aws-jwt-verify wants a region before the underscore).
var (
	poolIDForm   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d_[0-9A-Za-z]{1,40}$`)
	clientIDForm = regexp.MustCompile(`^[\w+]{1,128}$`)
	nameForm     = regexp.MustCompile(`^[\w\s+=,.@-]{1,128}$`)
	hostForm     = regexp.MustCompile(`^(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+)$`)
)

// randomText draws length characters without bias.
func randomText(alphabet string, length int) string {
	limit := byte(256 - 256%len(alphabet))
	out := make([]byte, 0, length)
	var b [1]byte
	for len(out) < length {
		if rand.Read(b[:]); b[0] < limit || limit == 0 {
			out = append(out, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return string(out)
}

// CreateUserPool makes a pool with its signing keys. An id that is taken is a
// Conflict.
func (s *Service) CreateUserPool(ctx context.Context, r NewPool) (Pool, error) {
	at := s.now()
	if r.MFA != "" {
		var err error
		if r.Settings, err = r.Settings.madeWith(r.MFA); err != nil {
			return Pool{}, err
		}
	}
	if err := s.CheckNewPool(r); err != nil {
		return Pool{}, err
	}
	if r.ID == "" {
		r.ID = PoolID(s.region + "_" + randomText(poolIDAlphabet, poolIDLength))
	}
	p := Pool{ID: r.ID, Name: r.Name, Settings: r.Settings.stored(), CreatedAt: at, ModifiedAt: at}
	alg := token.Alg(p.Settings.TokenAlg())
	err := s.withKeys(ctx, alg, 2, at, func(tx Tx, take func(SigningKey) error) error {
		err := tx.InsertPool(ctx, p)
		if errors.Is(err, ErrExists) {
			return fault.New(fault.Conflict, "A user pool with the id %s exists already.", p.ID)
		}
		if err != nil {
			return fmt.Errorf("insert pool: %w", err)
		}
		return carryOut(ctx, tx, p.ID, token.KeySet(nil).Plan(alg, at), take)
	})
	s.upkeep()
	return p, err
}

// CheckNewPool says what CreateUserPool would refuse of the pool here.
func (s *Service) CheckNewPool(r NewPool) error {
	if err := checkPool(r); err != nil {
		return err
	}
	return r.Settings.Triggers.check(s.encrypter != nil)
}

// Check says what CreateUserPool would refuse of the pool, whatever the server's
// means to call triggers.
func (r NewPool) Check() error { return checkPool(r) }

func checkPool(r NewPool) error {
	set := r.Settings
	switch {
	case !nameForm.MatchString(r.Name):
		return fault.New(fault.InvalidParameter, "The pool's name must have 1 to 128 letters, digits, blanks or characters of _+=,.@-.")
	case r.ID != "" && !poolIDForm.MatchString(string(r.ID)):
		return fault.New(fault.InvalidParameter, "The pool id must look like us-east-1_AbC123xyz: a region, an underscore, letters and digits.")
	case set.Password.MinimumLength < 6 || set.Password.MinimumLength > 99:
		return fault.New(fault.InvalidParameter, "PasswordPolicy: MinimumLength must be from 6 to 99.")
	case set.Password.TemporaryPasswordDays < 0 || set.Password.TemporaryPasswordDays > 365:
		return fault.New(fault.InvalidParameter, "PasswordPolicy: TemporaryPasswordValidityDays must be from 0 to 365.")
	case !slices.Contains(set.FirstFactors, FactorPassword):
		return fault.New(fault.InvalidParameter, "AllowedFirstAuthFactors must contain PASSWORD.")
	}
	for _, f := range set.FirstFactors {
		if f != FactorPassword && f != FactorSMSOTP && f != FactorEmailOTP && f != FactorWebAuthn {
			return fault.New(fault.InvalidParameter, "AllowedFirstAuthFactors: %s is not served by this version of Bellhop. PASSWORD, SMS_OTP, EMAIL_OTP and WEB_AUTHN are.", clip(f))
		}
	}
	if err := set.WebAuthn.check(); err != nil {
		return err
	}
	if err := checkNames(set); err != nil {
		return err
	}
	for _, a := range set.Required {
		if !slices.Contains(standardAttributes, a) && a != AttrSub {
			return fault.New(fault.InvalidParameter, "Required custom attributes are not supported currently.")
		}
	}
	if err := checkSchema(set); err != nil {
		return err
	}
	if len(set.Recovery) > 1 && slices.Contains(set.Recovery, "admin_only") {
		return fault.New(fault.InvalidParameter, "AccountRecoverySetting: admin_only stands alone.")
	}
	if err := checkTemplates(set); err != nil {
		return err
	}
	if err := checkFactors(set); err != nil {
		return err
	}
	return checkTags(set.Tags)
}

// checkTemplates checks that no message leaves out what it is sent for.
func checkTemplates(set PoolSettings) error {
	for _, medium := range []struct {
		name  string
		texts []string
	}{
		{"SMS", []string{set.VerificationText, set.AuthenticationText, set.InvitationText}},
		{"E-mail", []string{set.Mail.Verification, set.Mail.Authentication, set.Mail.Invitation}},
	} {
		for _, text := range medium.texts {
			if text != "" && !strings.Contains(text, "{####}") {
				return fault.New(fault.InvalidParameter, "%s message templates must contain {####}.", medium.name)
			}
		}
	}
	return nil
}

// checkNames checks what users of a pool are to sign in with.
func checkNames(set PoolSettings) error {
	for _, list := range []struct {
		name    string
		has     []string
		allowed []string
		wrong   string
	}{
		{"UsernameAttributes", set.UsernameAttributes, contactAttributes, "not possible here"},
		{"AliasAttributes", set.AliasAttributes, []string{AttrPhone, AttrEmail, attrPreferred}, "not possible here"},
		{"AutoVerifiedAttributes", set.AutoVerified, contactAttributes, "not possible here"},
		{"AttributesRequireVerificationBeforeUpdate", set.VerifyFirst, set.AutoVerified, "not in AutoVerifiedAttributes"},
	} {
		for i, attr := range list.has {
			if !slices.Contains(list.allowed, attr) || slices.Contains(list.has[:i], attr) {
				return fault.New(fault.InvalidParameter, "%s: %s is %s, or is there twice.", list.name, clip(attr), list.wrong)
			}
		}
	}
	switch {
	case set.namedByContact() && len(set.AliasAttributes) > 0:
		return fault.New(fault.InvalidParameter, "Only one of aliasAttributes or usernameAttributes can be set in a user pool.")
	case set.aliases(attrPreferred) && slices.Contains(set.Required, attrPreferred):
		return fault.New(fault.InvalidParameter, "preferred_username cannot be both a required attribute and an alias.")
	}
	return nil
}

// checkTags checks the tags that set Bellhop's own settings, and the bounds on
// all.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fault.New(fault.InvalidParameter, "A user pool may carry at most %d tags.", maxTags)
	}
	for key, value := range tags {
		switch {
		case key == "" || len(key) > 128 || len(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:"):
			return fault.New(fault.InvalidParameter, "A tag key has 1 to 128 characters and does not start with aws:, a value has at most 256.")
		case strings.HasPrefix(key, tagPrefix) && !tagServed(key, value):
			return fault.New(fault.InvalidParameter, "The tag %s is unknown to this version of Bellhop, or its value is. %s", clip(key), tagHelp)
		}
	}
	return nil
}

const tagHelp = "Known are bellhop:behaviour (standard, strict, cognito-exact), bellhop:app-host (a host name), bellhop:app-name (at most 30 characters, no braces), bellhop:language (such as hi or pt-BR), bellhop:android-hash (11 characters), bellhop:token-alg (RS256, ES256, EdDSA), bellhop:second-factor (off, optional, required), bellhop:devices (on, off) and bellhop:passkey-origins (origins with blanks between them)."

// TagServed says whether a pool can have the tag with that value.
func TagServed(key, value string) bool { return tagServed(key, value) }

func tagServed(key, value string) bool {
	switch key {
	case tagBehaviour:
		return value == string(Standard) || value == string(Strict) || value == string(CognitoExact)
	case tagAppHost:
		return len(value) <= 100 && hostForm.MatchString(value)
	case tagAppName:
		return isAppName(value)
	case tagLanguage:
		return texts.Canonical(value) != ""
	case tagAndroidHash:
		return androidHash.MatchString(value)
	case tagTokenAlg:
		return value == "RS256" || value == "ES256" || value == "EdDSA"
	case tagSecondFactor:
		return value == secondOff || value == secondOptional || value == secondRequired
	case tagDevices:
		return value == "on" || value == "off"
	case tagPasskeyOrigins:
		return areOrigins(value)
	}
	return false
}

// longestAppName is what the words that come with Bellhop have room for, in UTF-16
// units, as texts are counted.
const longestAppName = 30

// androidHash is the form of the hash by which Android finds the app that a text is
// for: the first 66 bits in base64.
var androidHash = regexp.MustCompile(`^[A-Za-z0-9+/]{11}$`)

// isAppName says whether the name can stand in a text: it is one line, nothing is
// filled in in it, and no character in it turns the writing round what is not its own.
func isAppName(name string) bool {
	return name == strings.TrimSpace(name) && name != "" && utf8.ValidString(name) &&
		len(utf16.Encode([]rune(name))) <= longestAppName &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '{' || r == '}'
		})
}

// UpdateUserPool replaces a pool's settings, so that what the update leaves out
// goes back to its default; what cannot change (PoolSettings.keeping) stays. An
// empty name leaves the pool its name.
func (s *Service) UpdateUserPool(ctx context.Context, r PoolUpdate) error {
	at := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		p, err := loadPool(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if err := notImporting(ctx, tx, p.ID); err != nil {
			return err
		}
		p.Name, p.ModifiedAt = orElse(r.Name, p.Name), at
		set, err := r.Settings.keeping(p.Settings).updatedWith(r.MFA, p.Settings)
		if err != nil {
			return err
		}
		p.Settings = set.stored()
		if err := checkPool(NewPool{ID: p.ID, Name: p.Name, Settings: p.Settings}); err != nil {
			return err
		}
		if err := p.Settings.Triggers.check(s.encrypter != nil); err != nil {
			return err
		}
		return tx.UpdatePool(ctx, p)
	})
	s.upkeep()
	return err
}

// ListUserPools returns a page of at most limit pools, in the order of their
// ids, and the token of the next page, "" for none.
func (s *Service) ListUserPools(ctx context.Context, limit int, token string) (page []Pool, next string, err error) {
	after, err := s.openPage(listPools, token)
	if err != nil {
		return nil, "", err
	}
	err = s.store.View(ctx, func(tx Tx) error {
		page, err = tx.Pools(ctx, PoolID(after), limit+1)
		return err
	})
	page, after = cutPage(page, limit, func(p Pool) string { return string(p.ID) })
	if err != nil || after == "" {
		return page, "", err
	}
	return page, s.sealPage(listPools, after), nil
}

// DescribeUserPool returns a pool.
func (s *Service) DescribeUserPool(ctx context.Context, id PoolID) (Pool, error) {
	return s.viewPool(ctx, id)
}

// DeleteUserPool removes a pool and all that belongs to it.
func (s *Service) DeleteUserPool(ctx context.Context, id PoolID) error {
	return s.store.Update(ctx, func(tx Tx) error {
		p, err := loadPool(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.Settings.DeletionProtection {
			return fault.New(fault.InvalidParameter, "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
		}
		if err := notImporting(ctx, tx, id); err != nil {
			return err
		}
		return tx.DeletePool(ctx, id)
	})
}

// PoolTags returns the pool's tags.
func (s *Service) PoolTags(ctx context.Context, id PoolID) (map[string]string, error) {
	p, err := s.viewPool(ctx, id)
	return p.Settings.Tags, err
}

// TagPool sets tags of a pool, and with them Bellhop's own settings. Tokens
// change to a new bellhop:token-alg a day later, when verifiers have had time to
// fetch the new keys.
func (s *Service) TagPool(ctx context.Context, id PoolID, tags map[string]string) error {
	return s.changeTags(ctx, id, func(have map[string]string) { maps.Copy(have, tags) })
}

// UntagPool removes tags; Bellhop's own settings go back to their defaults.
func (s *Service) UntagPool(ctx context.Context, id PoolID, keys []string) error {
	return s.changeTags(ctx, id, func(have map[string]string) {
		for _, k := range keys {
			delete(have, k)
		}
	})
}

func (s *Service) changeTags(ctx context.Context, id PoolID, change func(map[string]string)) error {
	at := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		p, err := loadPool(ctx, tx, id)
		if err != nil {
			return err
		}
		tags := maps.Clone(p.Settings.Tags)
		if tags == nil {
			tags = make(map[string]string)
		}
		change(tags)
		if err := checkTags(tags); err != nil {
			return err
		}
		p.Settings.Tags, p.ModifiedAt = tags, at
		if err := checkFactors(p.Settings); err != nil {
			return err
		}
		return tx.UpdatePool(ctx, p)
	})
	s.upkeep()
	return err
}
