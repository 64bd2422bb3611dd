// Package crash names the points at which tests kill the service. In a normal
// build every Point is an empty function; with the build tag crashpoints the
// process kills itself at the point that MILLRACE_CRASH_AT names.
package crash
