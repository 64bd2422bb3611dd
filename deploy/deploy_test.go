// Package deploy holds what Millrace runs in, and the tests that see without an
// engine that it would.
package deploy
