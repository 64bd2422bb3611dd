package httpkit

import (
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/es"
)

// ETag is the entity tag of something at a version.
func ETag(v es.Version) string { return `"` + strconv.FormatInt(int64(v), 10) + `"` }

// entityTags splits a list of entity tags. ok is false when it is not one.
func entityTags(header string) (tags []string, ok bool) {
	for _, tag := range strings.Split(header, ",") {
		tag = strings.TrimSpace(tag)
		opaque := strings.TrimPrefix(tag, "W/")
		if len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' || strings.Contains(opaque[1:len(opaque)-1], `"`) {
			return nil, false
		}
		tags = append(tags, tag)
	}
	return tags, true
}

// expectedVersions reads If-Match: the versions that the client accepts, none
// for any. A tag that is weak, or that nothing ever had, matches nothing, which
// is what version 0 stands for.
func expectedVersions(header string) ([]es.Version, error) {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return nil, nil
	}
	tags, ok := entityTags(header)
	if !ok {
		return nil, BadParameter("/header/If-Match", `must be "<version>", a list of these, or *`)
	}
	versions := make([]es.Version, len(tags))
	for i, tag := range tags {
		if v, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64); err == nil && v > 0 && tag == ETag(es.Version(v)) {
			versions[i] = es.Version(v)
		}
	}
	return versions, nil
}

// Unchanged tells whether If-None-Match names the version at hand. Weak tags
// count, as RFC 9110 has it; a header that is no list of tags is ignored.
func Unchanged(header string, v es.Version) bool {
	header = strings.TrimSpace(header)
	if header == "*" {
		return true
	}
	tags, _ := entityTags(header)
	for _, tag := range tags {
		if strings.TrimPrefix(tag, "W/") == ETag(v) {
			return true
		}
	}
	return false
}
