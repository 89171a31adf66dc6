package traffic

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
)

// country is one country of the model. Prefixes are those of its mobile numbers as
// they are written behind the country code.
type country struct {
	iso      string
	code     string
	offset   float64 // hours of its clock before UTC's
	share    float64 // of all requests of real people
	converts float64 // part of real people's codes that are entered
	price    float64 // dollars a text
	digits   int     // of a national number
	ranges   int     // how many million-number ranges its people have
	prefixes []string
}

// countries are the model's. The last four have no traffic of real people. Prices
// are those of a provider's list of 2024; Mexico's and Micronesia's are guesses.
var countries = []country{
	{"US", "1", -6, .22, .85, .0063, 10, 120, []string{"212", "213", "305", "310", "312", "404", "415", "469", "503", "512", "602", "617", "646", "702", "713", "720", "801", "818", "917", "949"}},
	{"IN", "91", 5.5, .16, .78, .0085, 10, 120, []string{"700", "701", "730", "738", "740", "750", "762", "770", "789", "798", "810", "828", "844", "860", "887", "897", "900", "910", "932", "944", "962", "974", "981", "984", "987", "990", "995", "999"}},
	{"BR", "55", -3, .10, .78, .0167, 11, 90, []string{"119", "219", "319", "419", "519", "619", "719", "819", "859", "929"}},
	{"ID", "62", 7, .10, .70, .0334, 11, 60, []string{"811", "812", "813", "821", "822", "852", "853", "857", "858", "877", "878", "896", "897"}},
	{"GB", "44", 0, .07, .86, .0464, 10, 80, []string{"7400", "7415", "7450", "7475", "7500", "7525", "7590", "7710", "7725", "7740", "7770", "7800", "7850", "7890", "7900", "7950", "7980"}},
	{"DE", "49", 1, .06, .86, .1000, 11, 60, []string{"1511", "1512", "1514", "1515", "1516", "1517", "1520", "1522", "1525", "1573", "1575", "1577", "1578", "1590"}},
	{"NG", "234", 1, .06, .66, .0314, 10, 50, []string{"703", "706", "802", "803", "805", "806", "807", "810", "813", "814", "816", "903", "906"}},
	{"PK", "92", 5, .05, .62, .0226, 10, 50, []string{"300", "301", "302", "304", "306", "311", "312", "313", "321", "331", "333", "340", "345"}},
	{"MX", "52", -6, .05, .76, .0310, 10, 60, []string{"55", "33", "81", "222", "442", "656", "664", "667", "686", "998"}},
	{"FR", "33", 1, .04, .85, .0778, 9, 60, []string{"60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "75", "76", "77", "78"}},
	{"EG", "20", 2, .03, .68, .0492, 10, 40, []string{"100", "101", "102", "106", "109", "110", "111", "112", "114", "120", "122", "127", "128", "155"}},
	{"BD", "880", 6, .02, .62, .0846, 10, 40, []string{"13", "14", "15", "16", "17", "18", "19"}},
	{"VN", "84", 7, .02, .70, .0399, 9, 40, []string{"32", "34", "36", "38", "70", "77", "79", "81", "83", "86", "90", "91", "93", "96", "98"}},
	{"UZ", "998", 5, .01, .66, .1411, 9, 12, []string{"90", "91", "93", "94", "97", "99"}},
	{"AZ", "994", 4, .005, .70, .1462, 9, 10, []string{"50", "51", "55", "70", "77"}},
	{"DZ", "213", 1, .003, .64, .1656, 9, 12, []string{"55", "56", "66", "67", "69", "77", "79"}},
	{"TN", "216", 1, .002, .66, .1255, 8, 6, []string{"20", "22", "50", "52", "55", "97", "98"}},
	{"ML", "223", 0, 0, 0, .1927, 8, 6, []string{"65", "66", "69", "73", "75", "76", "77", "79"}},
	{"GP", "590", -4, 0, 0, .2772, 9, 6, []string{"690", "691"}},
	{"NC", "687", 11, 0, 0, .2356, 6, 1, []string{"7", "8", "9"}},
	{"FM", "691", 11, 0, 0, .1100, 7, 2, []string{"9", "3"}},
}

// carriers is how many addresses a country's carriers hide their people behind.
const carriers = 20

// behindCarrier is the part of people who are behind those.
const behindCarrier = .6

// place is a country with the ranges that people of one seed have there.
type place struct {
	country
	index  int
	ranges []string // with the country code, all but the last six digits
}

// world is what all sources of one seed share.
type world struct {
	seed   uint64
	places []place
}

func newWorld(seed uint64) *world {
	w := &world{seed: seed}
	for i, c := range countries {
		w.places = append(w.places, place{country: c, index: i, ranges: rangesOf(c, w.random("ranges", uint64(i)))})
	}
	return w
}

// random is a stream of its own for each purpose, so that one more source changes
// nothing of the others.
func (w *world) random(purpose string, n uint64) *rand.Rand {
	h := uint64(14695981039346656037)
	for i := range len(purpose) {
		h = (h ^ uint64(purpose[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(w.seed*0x9e3779b97f4a7c15+1, h^(n*0xbf58476d1ce4e5b9)))
}

// rangesOf draws the country's ranges, as many as it has or as there are.
func rangesOf(c country, r *rand.Rand) []string {
	var all []string
	seen := map[string]bool{}
	for tries := 0; len(all) < c.ranges && tries < 50*c.ranges; tries++ {
		national := c.prefixes[r.IntN(len(c.prefixes))]
		for len(national) < c.digits-6 {
			national += strconv.Itoa(r.IntN(10))
		}
		p := c.code + national[:c.digits-6]
		if !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}

func (w *world) place(iso string) *place {
	for i := range w.places {
		if w.places[i].iso == iso {
			return &w.places[i]
		}
	}
	return nil
}

// popular is a range as people have them: the first are the fullest.
func (p *place) popular(r *rand.Rand) string {
	u := r.Float64()
	return p.ranges[int(float64(len(p.ranges))*u*root(u))]
}

// any is a range, each as likely.
func (p *place) any(r *rand.Rand) string { return p.ranges[r.IntN(len(p.ranges))] }

// number is a number of the range by its last six digits.
func (p *place) number(in string, last int) string {
	b := make([]byte, 0, 16)
	b = append(append(b, '+'), in...)
	if len(in) == len(p.code) { // the shortest numbers: the prefix is within the six
		first := p.prefixes[last/100000%len(p.prefixes)]
		return string(appendDigits(append(b, first...), last, 6-len(first)))
	}
	return string(appendDigits(b, last, 6))
}

func appendDigits(b []byte, n, width int) []byte {
	for div := power(width - 1); div > 0; div /= 10 {
		b = append(b, byte('0'+n/div%10))
	}
	return b
}

func power(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

// carrierAddress is one of the addresses of the country's carriers: four in each
// of five networks.
func (p *place) carrierAddress(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(20 + p.index), 200, byte(n / 4), byte(10 + n%4)})
}

// homeAddress is an address of a home in the country.
func (p *place) homeAddress(r *rand.Rand) netip.Addr {
	n := r.Uint32()
	return netip.AddrFrom4([4]byte{byte(20 + p.index), byte(n >> 16 & 127), byte(n >> 8), byte(n)})
}

// bots are addresses of homes all over the world, so many of them.
type bots struct {
	w    *world
	r    *rand.Rand
	many []netip.Addr
}

func newBots(w *world, r *rand.Rand, n int, within ...*place) *bots {
	b := &bots{w: w, r: r}
	for range n {
		p := &w.places[r.IntN(len(w.places))]
		if len(within) > 0 {
			p = within[r.IntN(len(within))]
		}
		b.many = append(b.many, p.homeAddress(r))
	}
	return b
}

func (b *bots) address() netip.Addr { return b.many[b.r.IntN(len(b.many))] }
