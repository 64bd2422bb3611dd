package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// mySQLSearch finds words by a FULLTEXT index, and then looks for the phrase in
// what the index has found. The index knows neither phrases whose last word is
// only begun nor accents, short words or stop words, each in its own way on each
// server. So it is given tokens that we make, the same everywhere.
var mySQLSearch = search{
	index: func(ctx context.Context, t *tx, saves []viewSave) error {
		rows := make([][]any, len(saves))
		for i, s := range saves {
			rows[i] = []any{s.id, tokensOf(s.words)}
		}
		return t.insert(ctx, "order_search", "id, words", t.dialect.upsert("id", "words"), rows)
	},
	from: "order_search s JOIN order_views v ON v.id = s.id",
	match: func(phrase string) (string, []any) {
		tokens := tokenize(phrase)
		if len(tokens) == 0 {
			return "", nil
		}
		words := "+" + strings.Join(tokens, " +") + "*"
		return "MATCH (s.words) AGAINST (? IN BOOLEAN MODE) AND LOCATE(?, s.words) > 0",
			[]any{words, " " + strings.Join(tokens, " ")}
	},
}

const (
	// tokenMark begins every token, which makes the shortest word long enough for
	// the index, and a stop word none.
	tokenMark = "ww"
	minToken  = len(tokenMark) + 1

	// maxToken is how many characters of a token the index takes: it leaves out
	// those that are longer than innodb_ft_max_token_size, 84.
	maxToken = 80
)

// tokensOf turns the words of an order into what is indexed. A dot stands between
// its texts, so that no phrase reaches from one into the next.
func tokensOf(words string) string {
	var b strings.Builder
	for _, text := range strings.Split(words, between) {
		for _, token := range tokenize(text) {
			b.WriteByte(' ')
			b.WriteString(token)
		}
		b.WriteString(" .")
	}
	return b.String()
}

// tokenize returns the words of a text without case and accents. A token has
// nothing but a-z, 0-9 and the underscore, which begins the number of any other
// character: every server takes these for parts of one word.
func tokenize(text string) []string {
	var tokens []string
	for _, word := range wordsIn(text) {
		var b strings.Builder
		b.WriteString(tokenMark)
		for _, r := range norm.NFKD.String(word) {
			switch r = unicode.ToLower(r); {
			case unicode.Is(unicode.Mn, r):
			case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				b.WriteRune(r)
			default:
				fmt.Fprintf(&b, "_%x", r)
			}
		}
		if b.Len() > len(tokenMark) {
			token := b.String()
			tokens = append(tokens, token[:min(len(token), maxToken)])
		}
	}
	return tokens
}
