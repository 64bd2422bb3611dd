package httpkit

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// withPlainIntegers returns a body in which integers are written as such. To JSON
// Schema 2.0 and 2e3 are integers, to Go's decoder they are not. The value is the
// body, decoded with numbers as they were written.
func withPlainIntegers(body []byte, value any) ([]byte, error) {
	plain, changed := plainIntegers(value)
	if !changed {
		return body, nil
	}
	return json.Marshal(plain)
}

func plainIntegers(value any) (plain any, changed bool) {
	switch v := value.(type) {
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			return v, false
		}
		f, err := v.Float64()
		if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return v, false
		}
		return json.Number(strconv.FormatInt(int64(f), 10)), true
	case []any:
		for i, item := range v {
			p, c := plainIntegers(item)
			v[i], changed = p, changed || c
		}
	case map[string]any:
		for key, item := range v {
			p, c := plainIntegers(item)
			v[key], changed = p, changed || c
		}
	}
	return value, changed
}
