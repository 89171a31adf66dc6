// Package endtoend holds the tests of the built program from outside: kills at
// random moments, secrets in what it leaves behind, the aws CLI. It has no code.
package endtoend
