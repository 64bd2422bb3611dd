package sqlstore

import (
	"strings"
	"unicode"
)

// wordsIn returns what a person would call the words of a text.
func wordsIn(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
}
