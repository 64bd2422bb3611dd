package es

// Stores that share nothing but a broker ask each other for what no message has
// brought. A question or an answer that is lost is asked again.

// Question is what a store asks.
type Question struct {
	From string `json:"from"`         // the store that asks
	To   string `json:"to,omitempty"` // the one that is asked, empty for all others

	Looks []Look `json:"looks,omitempty"` // it wants to know what there is
	Tails []Tail `json:"tails,omitempty"` // it wants to have these
	Then  *Look  `json:"then,omitempty"`  // what it will ask next, once it has the tails
}

// Look asks what the feed of a store holds that a handler has not got yet.
type Look struct {
	Handler string              `json:"handler"`         // who wants to know; a name for the position
	Types   []string            `json:"types,omitempty"` // of the events that it wants; none means all
	After   map[string]Position `json:"after,omitempty"` // how much of the feed it has, by store
}

// Answer is what a store says to a question. What is asked for in one may come in
// several.
type Answer struct {
	From string // the store that answers

	Look    *Look   // what was asked, with the position in this feed only
	Stretch Stretch // what there is

	Records []Record // the next of the tails, those of a stream oldest first
	Then    *Look    // with the last of them, from the question
}
