package country

import (
	"fmt"
	"slices"
	"strings"
)

// Key is what a fact is about.
type Key string

// Value is what a fact says, in a word of its key where the key has words of its own.
type Value string

// The keys on which Bellhop acts, or that a reader of a country's page looks for.
const (
	SenderNames          Key = "sender-names"
	SenderNameLength     Key = "sender-name-length"
	SenderNameCharacters Key = "sender-name-characters"
	SenderNamesBarred    Key = "sender-names-barred"
	SenderNameKept       Key = "sender-name-kept"
	ShortCodes           Key = "short-codes"
	LocalNumbers         Key = "local-numbers"
	ForeignNumbers       Key = "foreign-numbers"
	TollFreeNumbers      Key = "toll-free-numbers"
	Registration         Key = "registration"
	RegistrationSteps    Key = "registration-steps"
	RegistrationTime     Key = "registration-time"
	EntityID             Key = "entity-id"
	RegisteredTexts      Key = "registered-texts"
	Links                Key = "links"
	ShortLinks           Key = "short-links"
	ShortLinkHosts       Key = "short-link-hosts"
	NumbersInTexts       Key = "numbers-in-texts"
	Content              Key = "content"
	Concatenation        Key = "concatenation"
	QuietHours           Key = "quiet-hours"
	QuietHoursBindCodes  Key = "quiet-hours-bind-codes"
	DoNotDisturb         Key = "do-not-disturb"
	DoNotDisturbBinds    Key = "do-not-disturb-binds-codes"
	TwoWay               Key = "two-way"
	StopWords            Key = "stop-words"
	StartWords           Key = "start-words"
	HelpWords            Key = "help-words"
	StopByCarrier        Key = "stop-by-carrier"
	Languages            Key = "languages"
	Portability          Key = "number-portability"
	RecycledAfter        Key = "recycled-after"
	Receipts             Key = "receipts"
	OtherChannels        Key = "other-channels"
)

// The words of keys that have words of their own.
const (
	Allowed           Value = "allowed"
	NeedsRegistration Value = "needs-registration"
	Refused           Value = "refused"

	Yes       Value = "yes"
	No        Value = "no"
	Sometimes Value = "sometimes"

	Required    Value = "required"
	NotRequired Value = "not-required"

	RegisteredOnly Value = "registered-only"
)

// Classes of characters in the list of those that a sender's name may have. Others
// stand there as they are.
const (
	classLetters = "letters" // of ASCII
	classDigits  = "digits"
	classSpace   = "space"
)

// kind is the form of a key's values.
type kind uint8

const (
	sentence   kind = iota // free text
	choice                 // one of the key's words
	words                  // a list of words, in capital letters
	hosts                  // a list of names of hosts
	characters             // a list of classes of characters, and of characters
	span                   // a number of characters, or two: 6, 3-11
	days                   // a number of days
)

// Row is what is to be known of a key.
type Row struct {
	Key   Key
	About string  // what the fact answers, as half a sentence
	Words []Value // one of which is its value; none for a key of another kind
	// Acts is what Bellhop does with the fact, a sentence; "" where it is for readers.
	Acts string

	kind kind
}

var (
	senders  = []Value{Allowed, NeedsRegistration, Refused}
	yesOrNo  = []Value{Yes, No, Sometimes}
	required = []Value{Required, NotRequired}
	links    = []Value{Allowed, RegisteredOnly, Refused}
)

const (
	actsSender = "A sender id of this kind is refused, or warned of, where a provider's settings name it."
	actsLint   = "A message of a delivery file that has one is warned of."
	actsWords  = "A text that is this word alone is taken as meant so."
)

// schema are all keys, in the order of a country's page.
var schema = []Row{
	{SenderNames, "whether texts may come from a name (an alphanumeric sender id)", senders, actsSender, choice},
	{SenderNameLength, "how many characters such a name has", nil, "A longer or shorter name is refused.", span},
	{SenderNameCharacters, "which characters such a name may have", nil, "A name with others is refused, or warned of where only the rule for all countries counts.", characters},
	{SenderNamesBarred, "which names are blocked, whoever sends", nil, "Such a name is refused.", words},
	{SenderNameKept, "whether the name arrives as it was sent", yesOrNo, "A name that does not is warned of.", choice},
	{ShortCodes, "whether texts may come from a short code", senders, actsSender, choice},
	{LocalNumbers, "whether texts of programs may come from a number of the country", senders, actsSender, choice},
	{ForeignNumbers, "whether they may come from a number of another country", senders, actsSender, choice},
	{TollFreeNumbers, "whether they may come from a toll-free number", senders, actsSender, choice},
	{Registration, "the register that senders must be in", nil, "It is named where a sender id needs it.", sentence},
	{RegistrationSteps, "what is registered, and where", nil, "", sentence},
	{RegistrationTime, "how long that takes", nil, "", sentence},
	{EntityID, "whether texts carry the business's id in the register", required, "A provider that has a name for the country, and no entity-ids, is warned of.", choice},
	{RegisteredTexts, "whether the words of texts are registered", required, "A provider that has a name for the country, and no registered message, is warned of.", choice},
	{Links, "whether texts may have links", links, actsLint, choice},
	{ShortLinks, "whether links may be shortened ones", links, "It shows it: a delivery file whose message has one is refused, wherever it goes.", choice},
	{ShortLinkHosts, "whose links are shortened ones that everybody can make", nil, "It is how such links are known, for all countries.", hosts},
	{NumbersInTexts, "whether texts may have phone numbers to call", links, actsLint, choice},
	{Content, "what else texts may not have", nil, "", sentence},
	{Concatenation, "whether long texts arrive in one piece", yesOrNo, "", choice},
	{QuietHours, "when texts may not be sent", nil, "", sentence},
	{QuietHoursBindCodes, "whether that holds for codes", yesOrNo, "", choice},
	{DoNotDisturb, "the list of people who want no texts", nil, "", sentence},
	{DoNotDisturbBinds, "whether codes do not reach people on it", yesOrNo, "", choice},
	{TwoWay, "whether people can text back", yesOrNo, "", choice},
	{StopWords, "by which words people stop texts", nil, actsWords, words},
	{StartWords, "by which words they start them again", nil, actsWords, words},
	{HelpWords, "by which words they ask for help", nil, actsWords, words},
	{StopByCarrier, "whether carriers stop texts by themselves", yesOrNo, "", choice},
	{Languages, "which languages people read, in which scripts", nil, "", sentence},
	{Portability, "whether people keep their number when they change the carrier", yesOrNo, "", choice},
	{RecycledAfter, "how many days at least a number that was disconnected stays nobody's", nil, "", days},
	{Receipts, "whether it is told that a text arrived", nil, "", sentence},
	{OtherChannels, "what people use besides texts", nil, "", sentence},
}

// Form says for a reader which values the key takes.
func (r Row) Form() string {
	switch r.kind {
	case choice:
		return list(r.Words)
	case words:
		return "a list of words"
	case hosts:
		return "a list of names of hosts"
	case characters:
		return "a list of letters, digits, space and characters"
	case span:
		return "a number of characters, or two such as 3-11"
	case days:
		return "a number of days"
	default:
		return "a text"
	}
}

// Markdown returns the table of all keys for the documentation.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| key | value | what it says | what Bellhop does with it |\n|---|---|---|---|\n")
	for _, r := range schema {
		form := r.Form()
		if r.kind == choice {
			form = "`" + strings.ReplaceAll(form, ", ", "`, `") + "`"
		}
		acts := r.Acts
		if acts == "" {
			acts = "It shows it."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Key, form, r.About, acts)
	}
	return b.String()
}

// Schema returns the keys that there are, in the order of a country's page.
func Schema() []Row { return slices.Clone(schema) }
