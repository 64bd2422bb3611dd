package sqlstore

import (
	"strings"
	"unicode"
)

// searchPhrase turns what a person typed into a full-text query for these words
// next to each other, the last perhaps only begun. It returns "" when there is no
// word in it.
func searchPhrase(typed string) string {
	words := strings.FieldsFunc(typed, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
	if len(words) == 0 {
		return ""
	}
	return `"` + strings.Join(words, " ") + `"*`
}
