package main

import (
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
)

// demoHandler serves the page's files, what the page asks the server for, and
// for all else the API, on one origin.
func demoHandler(files fs.FS, texts, api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isFile := demoFile(files, r)
		switch {
		case strings.HasPrefix(r.URL.Path, "/demo/") && !ownHost(r.Host):
			protect(w.Header())
			http.Error(w, "The demo answers under localhost and IP addresses only.", http.StatusForbidden)
		case r.URL.Path == "/demo/config.json" && r.Method == http.MethodGet:
			protect(w.Header())
			demoConfig(w, r)
		case r.URL.Path == "/demo/texts":
			protect(w.Header())
			texts.ServeHTTP(w, r)
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
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(map[string]string{ // the client is gone if this fails
		"region":           "us-east-1",
		"userPoolId":       demoPool,
		"userPoolClientId": demoClient,
		"endpoint":         "http://" + r.Host + "/",
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
