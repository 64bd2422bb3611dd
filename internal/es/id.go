package es

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
)

// namespace is the UUID under which Millrace derives its own.
var namespace = [16]byte{0x6d, 0x69, 0x6c, 0x6c, 0x72, 0x61, 0x4e, 0x65, 0x8d, 0x11, 0x0f, 0x51, 0x5b, 0x3a, 0x90, 0x02}

// DeriveID returns the version 5 UUID of some words. The same words give the
// same id, so that whoever repeats itself is recognised.
func DeriveID(words ...string) string {
	h := sha1.New()
	h.Write(namespace[:])
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s", len(w), w) // its length keeps a word from passing for two
	}
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
