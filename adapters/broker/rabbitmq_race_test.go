//go:build race

package broker

// stockReconnects says whether Watermill's parts may lose their connection: they
// have a data race then (watermill issue 693), and the detector would blame us.
const stockReconnects = false
