//go:build !race

package broker

// stockReconnects says whether Watermill's parts may lose their connection.
const stockReconnects = true
