//go:build !unix

package main

import "github.com/bellhop-auth/bellhop/internal/web"

// allConns is how many connections the process holds; here nothing counts them.
func allConns() int { return web.MaxAllConns }
