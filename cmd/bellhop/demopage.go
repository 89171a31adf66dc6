package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/screen"
)

// demoHandler serves the page's files, what the page asks the server for by its paths,
// and for all else the API, on one origin.
func demoHandler(files fs.FS, asked map[string]http.Handler, api http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection() // nobody else's page may post
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, isOwn := asked[r.URL.Path]
		name, isFile := demoFile(files, r)
		switch {
		case strings.HasPrefix(r.URL.Path, "/demo/") && !ownHost(r.Host):
			protect(w.Header())
			http.Error(w, "The demo answers under localhost and IP addresses only.", http.StatusForbidden)
		case isOwn:
			protect(w.Header())
			w.Header().Set("Cache-Control", "no-store")
			guard.Handler(own).ServeHTTP(w, r)
		case isFile:
			protect(w.Header())
			w.Header().Set("Cache-Control", caching(name))
			http.ServeFileFS(w, r, files, name)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// ownHost says whether a Host header is one that nobody else's web page can
// have: a site whose name leads to this machine (DNS rebinding) would otherwise
// read the texts of the phone.
func ownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return name == "localhost" || err == nil
}

// demoFile returns the file that a request asks for.
func demoFile(files fs.FS, r *http.Request) (name string, ok bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	name = strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	info, err := fs.Stat(files, name)
	return name, err == nil && info.Mode().IsRegular()
}

// caching lets browsers keep what has a hash in its name, and ask again for the
// rest.
func caching(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// demoConfig tells the page its pool. The endpoint is the origin of the page,
// by whichever name of this machine it was opened.
func demoConfig(w http.ResponseWriter, r *http.Request) {
	tellPage(w, map[string]string{
		"region":           "us-east-1",
		"userPoolId":       demoPool,
		"userPoolClientId": demoClient,
		"endpoint":         "http://" + r.Host + "/",
	})
}

func tellPage(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // the client is gone if this fails
}

// demoProvider is one of the lines as the page sees it.
type demoProvider struct {
	Name string `json:"name"`
	Down bool   `json:"down"`
}

// demoProviders tells the page by whom texts go, and lets it take one down or up, so
// that its visitor sees where they go then.
func demoProviders(lines []*screen.Line) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			var wish demoProvider
			err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&wish)
			i := slices.IndexFunc(lines, func(l *screen.Line) bool { return l.Name == wish.Name })
			if err != nil || i < 0 {
				http.Error(w, "There is no such provider.", http.StatusBadRequest)
				return
			}
			lines[i].Take(wish.Down)
		}
		all := make([]demoProvider, len(lines))
		for i, l := range lines {
			all[i] = demoProvider{l.Name, l.Down()}
		}
		tellPage(w, all)
	})
}

// protect sets what keeps a page to itself: nothing is loaded from elsewhere,
// nothing inline runs, nobody frames it.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// demoReplies takes what the page's phone texts back, as if the line's provider had
// posted it.
func demoReplies(line *screen.Line, take func(ctx context.Context, provider string, e sms.Event) (reply string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var text struct{ From, Body string }
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&text)
		from, badNumber := phone.Parse(text.From)
		if r.Method != http.MethodPost || err != nil || badNumber != nil {
			http.Error(w, "A text back has a number and a body.", http.StatusBadRequest)
			return
		}
		err = line.Back(r.Context(), from, text.Body, func(ctx context.Context, e sms.Event) (string, error) {
			return take(ctx, line.Name, e)
		})
		if err != nil {
			http.Error(w, "The text was not taken. The server's log says why.", http.StatusInternalServerError)
			return
		}
		tellPage(w, struct{}{})
	})
}
