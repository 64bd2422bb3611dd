package es_test

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/internal/es"
)

// Ids in databases were derived like this; a change would make repetitions look
// like something new.
func TestDerivedIDsNeverChange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		words []string
		want  string
	}{
		{[]string{"request", "anonymous", "order.create", "key-1"}, "b3e0f568-772d-5d77-8521-fc959eabf44d"},
		{[]string{"checkout", "019564f0-5f00-7000-8000-000000000001", "order.approve"}, "1885e3ec-4b5f-56d7-89a5-b5149c077522"},
	} {
		if got := es.DeriveID(test.words...); got != test.want {
			t.Errorf("%q give %s, want %s", test.words, got, test.want)
		}
	}
}

func TestDerivedIDsAreUUIDsOfVersion5(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.String()).Draw(t, "words")
		if got := es.DeriveID(words...); !form.MatchString(got) || got != es.DeriveID(words...) {
			t.Errorf("%q give %s, then %s", words, got, es.DeriveID(words...))
		}
	})
}

func TestOtherWordsGiveAnotherID(t *testing.T) {
	t.Parallel()
	seen := map[string][]string{}
	for _, words := range [][]string{
		{"ab", "c"}, {"a", "bc"}, {"abc"}, {"a", "b", "c"}, {"abc", ""}, {"", "abc"}, {"c", "ab"}, {"AB", "c"}, {""}, {"", ""},
	} {
		id := es.DeriveID(words...)
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q both give %s", words, other, id)
		}
		seen[id] = words
	}
}

// A word from outside may hold any byte, also the one between the words.
func TestAWordCannotPassForTwo(t *testing.T) {
	t.Parallel()
	if one, two := es.DeriveID("a\x00b"), es.DeriveID("a", "b"); one == two {
		t.Errorf("the word a\\x00b and the words a, b both give %s", one)
	}
}
