//go:build race

package broker

// stockReconnects says whether Watermill's parts may lose their connection: they
// have a data race then, which upstream knows of, and the detector would blame us.
const stockReconnects = false
