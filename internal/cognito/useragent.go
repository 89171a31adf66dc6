package cognito

import "strings"

// Who asks about a sign-in later wants to know what it was done with. A User-Agent
// holds that among much else; what is kept of it is as coarse as in Cognito's
// events ("Chrome 126, Windows 10"), and no header's text gets further than the
// digits of a version.

// otherClient is what Cognito calls what it does not know.
const otherClient = "Other"

// browsers in the order in which they are looked for: all but the last say that
// they are one of those below them too.
var browsers = []struct{ mark, name string }{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
	{"OPR/", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
	{"CriOS/", "Chrome"}, {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"},
}

// systems likewise: Android says that it is Linux, and iPads that they are like
// Macs. What SDKs write is at the end.
var systems = []struct{ mark, name string }{
	{"Windows NT ", "Windows"},
	{"Android ", "Android"},
	{"iPhone OS ", "iOS"}, {"CPU OS ", "iOS"},
	{"Mac OS X ", "Mac OS X"},
	{"CrOS ", "Chrome OS"},
	{"Linux", "Linux"},
	{"os/android", "Android"}, {"os/ios", "iOS"}, {"os/iOS", "iOS"},
	{"os/macos", "macOS"}, {"os/darwin", "macOS"}, {"os/windows", "Windows"}, {"os/linux", "Linux"},
}

// clientName is the browser and the system of a User-Agent.
func clientName(userAgent string) string {
	return browserOf(userAgent) + ", " + systemOf(userAgent)
}

func browserOf(userAgent string) string {
	for _, b := range browsers {
		if _, rest, ok := strings.Cut(userAgent, b.mark); ok {
			return withVersion(b.name, rest, 1)
		}
	}
	if strings.Contains(userAgent, "Safari/") {
		if _, rest, ok := strings.Cut(userAgent, "Version/"); ok {
			return withVersion("Safari", rest, 1)
		}
	}
	return otherClient
}

func systemOf(userAgent string) string {
	for _, s := range systems {
		_, rest, ok := strings.Cut(userAgent, s.mark)
		switch {
		case !ok:
			continue
		case s.name == "Windows" && strings.HasPrefix(rest, "10.0"): // and 11, which calls itself so
			return "Windows 10"
		case s.name == "Mac OS X":
			return withVersion(s.name, rest, 2)
		case strings.HasSuffix(s.mark, " "):
			return withVersion(s.name, rest, 1)
		}
		return s.name
	}
	return otherClient
}

// withVersion adds the first numbers of a version, of at most four digits each.
func withVersion(name, version string, numbers int) string {
	var kept []string
	for len(kept) < numbers {
		end := 0
		for end < len(version) && end < 4 && '0' <= version[end] && version[end] <= '9' {
			end++
		}
		if end == 0 {
			break
		}
		kept = append(kept, version[:end])
		if version = version[end:]; version == "" || !strings.ContainsRune("._", rune(version[0])) {
			break
		}
		version = version[1:]
	}
	if len(kept) == 0 {
		return name
	}
	return name + " " + strings.Join(kept, ".")
}
