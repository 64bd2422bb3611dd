package viewtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

var searches = []trial[Views]{
	{"finds words next to each other, the last perhaps only begun", findsPhrases},
	{"finds whatever the case and the accents", findsFolded},
	{"finds in every item's title and description", findsInItems},
	{"does not let a phrase reach from one text into the next", keepsTextsApart},
	{"takes operators for words", takesWords},
	{"finds nothing by punctuation", findsNothing},
	{"finds an order by its new words and no longer by its old ones", findsUpdated},
	{"finds the newest first, in pages", searchPages},
}

func withItem(o query.Order, title, description string) query.Order {
	o.Items = append(slices.Clip(o.Items), order.Line{
		ProductID: "p", Title: title, Description: description, Quantity: 1, UnitPrice: order.Money{Amount: 1, Currency: "EUR"},
	})
	return o
}

func search(t *testing.T, v Views, phrase string) []order.ID {
	t.Helper()
	rows, err := v.Search(t.Context(), query.SearchOrders{Phrase: phrase, Limit: 100})
	if err != nil {
		t.Fatalf("search %q: %v", phrase, err)
	}
	return idsOf(rows)
}

// wantFinds asks which phrases find an order with a title. Others are there too.
func wantFinds(t *testing.T, v Views, title string, found, missed []string) {
	t.Helper()
	save(t, v, withItem(draft(noon), "Nothing of interest", ""))
	id := save(t, v, withItem(draft(noon), title, "")).ID
	for _, phrase := range found {
		if !slices.Contains(search(t, v, phrase), id) {
			t.Errorf("%q does not find %q", phrase, title)
		}
	}
	for _, phrase := range missed {
		if slices.Contains(search(t, v, phrase), id) {
			t.Errorf("%q finds %q", phrase, title)
		}
	}
}

func findsPhrases(t *testing.T, v Views) {
	wantFinds(t, v, "Large pizza Margherita, 2-in-1 (extra cheese) 100%", []string{
		"large", "pizza", "cheese", "100", "large pizza", "pizza margherita 2 in 1", "extra cheese",
		"mar", "pizza mar", "large pizza m", "  pizza \t marg ", "margherita 2-in-1", "pizza, margherita", "cheese 1",
	}, []string{
		"pizza large", "large margherita", "pizza cheese", "margherita pizza", "pizz margherita", "izza", "argherita",
		"pizzas", "large pizza pizza", "nothing pizza", "interest",
	})
	wantFinds(t, v, "東京 Ramen", []string{"東京", "東", "東京 ra", "ramen"}, []string{"京", "ramen 東京"})
}

func findsFolded(t *testing.T, v Views) {
	wantFinds(t, v, "CRÈME Brûlée àla façon NAÏVE", []string{
		"creme brulee", "crème brûlée", "CREME BRUL", "Brûlée àla facon naive", "cre\u0300me bru\u0302le\u0301e", "fac\u0327",
	}, []string{"crame"})
	wantFinds(t, v, "cre\u0300me frai\u0302che", []string{"creme fraiche", "crème fraîche", "CRÈME"}, nil)
	wantFinds(t, v, "ЩИ Борщ ΣΟΥΒΛΑΚΙ", []string{"щи борщ", "ЩИ", "σουβλακι"}, nil)
}

func findsInItems(t *testing.T, v Views) {
	o := withItem(withItem(draft(noon), "Margherita", "tomato and basil"), "Tiramisu", "mascarpone")
	id := save(t, v, o).ID
	for _, phrase := range []string{"margherita", "tomato and b", "basil", "tiramisu", "mascarpone"} {
		if got := search(t, v, phrase); !slices.Equal(got, []order.ID{id}) {
			t.Errorf("%q finds %v, want %v", phrase, got, id)
		}
	}
	for _, phrase := range []string{"p", "EUR", "draft", "c-1", string(id)} { // are no words of an item
		if got := search(t, v, phrase); len(got) > 0 {
			t.Errorf("%q finds %v, want nothing", phrase, got)
		}
	}
}

func keepsTextsApart(t *testing.T, v Views) {
	save(t, v, withItem(withItem(draft(noon), "one two", "three four"), "five six", ""))
	save(t, v, withItem(withItem(draft(noon), "seven", ""), "eight", ""))
	for _, phrase := range []string{"two three", "four five", "seven eight", "two thr", "one two three"} {
		if got := search(t, v, phrase); len(got) > 0 {
			t.Errorf("%q finds %v, though its words stand in two texts", phrase, got)
		}
	}
}

func takesWords(t *testing.T, v Views) {
	wantFinds(t, v, `Near beer OR wine AND NOT "quoted" col:umn a*b 5^2 it's -5`, []string{
		"near beer", "NEAR", "near(beer or)", "beer OR wine", "wine AND NOT quoted", `"quoted"`, `not "quoted`,
		`"near`, "col:umn", "col : umn", "a*b", "a * b", "5^2", "it's", "-5", "near*", "*near", "(near", "near)", "{near}", "near;", "near\x00beer",
		"near + beer", "'near'", `near\`, "wine\nAND",
	}, []string{
		"near wine", "beer OR margherita", "near NOT pizza", "words:near", "near NEAR beer", "NEAR(beer wine)", `"near" "wine"`,
		"beer AND wine", "near -pizza", "-beer near",
	})
}

func findsNothing(t *testing.T, v Views) {
	save(t, v, withItem(draft(noon), `"*" - : NEAR ? ! ... % _ \`, ""))
	for _, phrase := range []string{"", " ", `"`, `""`, "*", "-", ":", "?!", "()", "%", "_", `\`, "\x00", "\xff", "\u0301", "☃ ♥"} {
		if got := search(t, v, phrase); len(got) > 0 {
			t.Errorf("%q finds %v, want nothing", phrase, got)
		}
	}
}

func findsUpdated(t *testing.T, v Views) {
	row := save(t, v, withItem(draft(noon), "Margherita", "tomato"))
	other := save(t, v, withItem(draft(noon.Add(-time.Second)), "Margherita", "tomato"))
	both, one := []order.ID{row.ID, other.ID}, []order.ID{other.ID}
	steps := []struct {
		order query.Order
		want  map[string][]order.ID
	}{
		{withItem(draft(noon), "Margherita", "tomato"), map[string][]order.ID{"margherita": both, "tomato": both}},
		{withItem(draft(noon), "Funghi", "tomato"), map[string][]order.ID{"margherita": one, "tomato": both, "funghi": {row.ID}}},
		{draft(noon), map[string][]order.ID{"margherita": one, "tomato": one, "funghi": nil}},
		{withItem(draft(noon), "Margherita", "basil"), map[string][]order.ID{"margherita": both, "basil": {row.ID}, "funghi": nil}},
	}
	for _, step := range steps {
		must(t, estest.SaveOne(t.Context(), v, string(row.ID), step.order, row.Version, row.Version+1))
		row.Version++
		for phrase, want := range step.want {
			if got := search(t, v, phrase); !slices.Equal(got, want) {
				t.Errorf("at version %d %q finds %v, want %v", row.Version, phrase, got, want)
			}
		}
	}
}

func oneSaver(t *testing.T, v Views) {
	const savers, rounds = 16, 20
	id := newID()
	for round := range es.Version(rounds) {
		errs, start := make([]error, savers), make(chan struct{})
		var all sync.WaitGroup
		for i := range savers {
			all.Go(func() {
				o := withItem(draft(noon), fmt.Sprintf("round%02d saver%02d", round, i), "")
				<-start
				errs[i] = estest.SaveOne(t.Context(), v, string(id), o, round, round+1)
			})
		}
		close(start)
		all.Wait()
		won := slices.Index(errs, nil)
		if won < 0 || slices.ContainsFunc(slices.Delete(slices.Clone(errs), won, won+1), func(err error) bool { return !errors.Is(err, es.ErrConflict) }) {
			t.Fatalf("the savers got %v, want nil once and %v otherwise", errs, es.ErrConflict)
		}
		if got := search(t, v, fmt.Sprintf("round%02d saver%02d", round, won)); !slices.Equal(got, []order.ID{id}) {
			t.Fatalf("the winner's words find %v, want %v", got, id)
		}
	}
	if got := search(t, v, "round00"); len(got) > 0 {
		t.Fatalf("the first round's words still find %v", got)
	}
}

func searchPages(t *testing.T, v Views) {
	want := crowd(t, v, 60)
	save(t, v, withItem(draft(noon), "Pasta", ""))
	for _, limit := range []int{1, 7, 30, 60, 100} {
		got := pages(t, limit, func(p query.Place) []query.OrderRow {
			rows, err := v.Search(t.Context(), query.SearchOrders{Phrase: "pizza", After: p, Limit: limit})
			must(t, err)
			return rows
		}, func() {})
		if !slices.Equal(got, want) {
			t.Fatalf("pages of %d hold\n%v, want\n%v", limit, got, want)
		}
	}
}
