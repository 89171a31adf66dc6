// Package floors holds the test that keeps the house's floors true: which
// package stands on which, and that imports go down only. It has no code.
package floors
