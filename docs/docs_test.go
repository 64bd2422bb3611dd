// Package docs holds what is written about Millrace, and the tests that keep it
// from drifting away from the code.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// tree returns the files of the project by their path from its root, those in
// hidden folders, built ones and databases left out.
func tree(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if d.IsDir() && (name == "bin" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		if d.IsDir() || strings.Contains(name, ".db") {
			return nil
		}
		text, err := os.ReadFile(path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// named calls see for everything in the documents that a pattern finds: in code
// spans and blocks only, if code is set. It fails when there is nothing, because
// then the pattern is wrong.
func named(t *testing.T, files map[string]string, pattern string, code bool, see func(document string, groups []string)) {
	t.Helper()
	find, found := regexp.MustCompile(pattern), 0
	for path, text := range files {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		if code {
			text = codeOf(text)
		}
		for _, groups := range find.FindAllStringSubmatch(text, -1) {
			found++
			see(path, groups)
		}
	}
	if found == 0 {
		t.Errorf("no document has anything like %s", pattern)
	}
}

var block = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]+`")

// codeOf returns the code spans and blocks of a document, each on lines of its own.
func codeOf(text string) string {
	var b strings.Builder
	for _, code := range block.FindAllString(text, -1) {
		b.WriteString(strings.Trim(code, "`"))
		b.WriteByte('\n')
	}
	return b.String()
}

// sources returns the text of everything that is not a document.
func sources(files map[string]string) string {
	var b strings.Builder
	for path, text := range files {
		if !strings.HasSuffix(path, ".md") && path != "docs/docs_test.go" {
			b.WriteString(text)
		}
	}
	return b.String()
}

func TestLinksLeadToFiles(t *testing.T) {
	t.Parallel()
	named(t, tree(t), `\]\(([^)#\s]+)[^)]*\)`, false, func(document string, groups []string) {
		target := groups[1]
		if strings.Contains(target, "://") {
			return
		}
		if _, err := os.Stat(filepath.Join(root, filepath.Dir(document), target)); err != nil {
			t.Errorf("%s links to %s, which is not there", document, target)
		}
	})
}

func TestMakeTargetsExist(t *testing.T) {
	t.Parallel()
	files := tree(t)
	named(t, files, `(?m)^(?:\$ )?make ([a-z-]+)`, true, func(document string, groups []string) {
		if !strings.Contains(files["Makefile"], "\n"+groups[1]+":") {
			t.Errorf("%s says make %s, which is no target of the Makefile", document, groups[1])
		}
	})
}

var flag = regexp.MustCompile(`f\.\w+Var\(&c\.\w+, "([a-z-]+)"`)

// settings returns the variables that the configuration has.
func settings(t *testing.T, files map[string]string) []string {
	t.Helper()
	var names []string
	for _, groups := range flag.FindAllStringSubmatch(files["cmd/millrace/config.go"]+files["cmd/millrace/config_participants.go"], -1) {
		names = append(names, "MILLRACE_"+strings.ToUpper(strings.ReplaceAll(groups[1], "-", "_")))
	}
	if len(names) == 0 {
		t.Fatal("no settings found in the configuration")
	}
	return names
}

// A variable that is no setting, such as MILLRACE_CRASH_AT, is in the source by its
// full name, in Go or in a script.
func TestVariablesExist(t *testing.T) {
	t.Parallel()
	files := tree(t)
	known, source := settings(t, files), sources(files)
	named(t, files, `MILLRACE_[A-Z_]+`, false, func(document string, groups []string) {
		name := groups[0]
		read := strings.Contains(source, `"`+name+`"`) || strings.Contains(source, "${"+name+":")
		if !read && !slices.Contains(known, name) && !strings.HasPrefix(name, "MILLRACE_TEST_") { // whose names are put together
			t.Errorf("%s names %s, which nothing reads", document, name)
		}
	})
}

func TestReadmeListsEverySetting(t *testing.T) {
	t.Parallel()
	files := tree(t)
	for _, name := range settings(t, files) {
		if !strings.Contains(files["README.md"], "\n| `"+name+"` |") {
			t.Errorf("the table of settings in README.md has no %s", name)
		}
	}
}

func TestPathsExist(t *testing.T) {
	t.Parallel()
	files := tree(t)
	named(t, files, `(?m)(?:^|[\s(])((?:adapters|api|app|cmd|docs|domain|examples|internal|ports|scripts)/[\w./-]*|[\w.][\w./-]*\.(?:go|sh|sql|yaml))(?:$|[\s),;:])`, true,
		func(document string, groups []string) {
			path := strings.TrimSuffix(groups[1], "/...")
			if _, err := os.Stat(filepath.Join(root, path)); err == nil || (!strings.Contains(path, "/") && anywhere(files, path)) {
				return
			}
			t.Errorf("%s names %s, which is not there", document, path)
		})
}

// anywhere tells whether there is a file of a name in any folder.
func anywhere(files map[string]string, name string) bool {
	for path := range files {
		if strings.HasSuffix(path, "/"+name) {
			return true
		}
	}
	return false
}

func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	files := tree(t)
	source := sources(files) + files["docs/docs_test.go"]
	named(t, files, `\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`, true, func(document string, groups []string) {
		if !strings.Contains(source, "\nfunc "+groups[0]+"(") {
			t.Errorf("%s names %s, which is not there", document, groups[0])
		}
	})
}

// metrics returns the metrics that the service has.
func metrics(t *testing.T, files map[string]string) []string {
	t.Helper()
	var names []string
	for path, text := range files {
		if name := filepath.Base(path); strings.HasPrefix(path, "cmd/millrace/metrics") && !strings.HasSuffix(name, "_test.go") {
			for _, groups := range metric.FindAllStringSubmatch(text, -1) {
				names = append(names, groups[1])
			}
		}
	}
	if len(names) == 0 {
		t.Fatal("no metrics found in the service")
	}
	return names
}

var metric = regexp.MustCompile(`"(millrace_[a-z_]+)"`)

func TestMetricsExist(t *testing.T) {
	t.Parallel()
	files := tree(t)
	known := metrics(t, files)
	named(t, files, `\bmillrace_[a-z_]+`, true, func(document string, groups []string) {
		if !slices.Contains(known, groups[0]) {
			t.Errorf("%s names the metric %s, which is not there", document, groups[0])
		}
	})
}

func TestOperatorsAreToldOfEveryMetric(t *testing.T) {
	t.Parallel()
	files := tree(t)
	for _, name := range metrics(t, files) {
		if text := files["docs/operations.md"]; !strings.Contains(text, "\n| `"+name+"{") && !strings.Contains(text, "\n| `"+name+"` | ") {
			t.Errorf("the table of metrics in docs/operations.md has no %s", name)
		}
	}
}

func TestWhatTheLogSaysIsLogged(t *testing.T) {
	t.Parallel()
	files := tree(t)
	var code strings.Builder
	for path, text := range files {
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			code.WriteString(text)
		}
	}
	named(t, files, "[Tt]he log says `([^`]+)`", false, func(document string, groups []string) {
		if !strings.Contains(code.String(), `, "`+groups[1]+`"`) {
			t.Errorf("%s says that the log says %q, which nothing logs", document, groups[1])
		}
	})
}

// Excerpts of Go are lines of the code. A line of "// …" leaves something out.
func TestExcerptsAreTheCode(t *testing.T) {
	t.Parallel()
	files := tree(t)
	lines := map[string]bool{}
	for path, text := range files {
		if strings.HasSuffix(path, ".go") {
			for line := range strings.Lines(text) {
				lines[strings.TrimSpace(line)] = true
			}
		}
	}
	named(t, files, "(?ms)^```go\n(.*?)^```$", false, func(document string, groups []string) {
		for line := range strings.Lines(groups[1]) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "// …") && !lines[line] {
				t.Errorf("%s shows a line that is nowhere in the code: %s", document, line)
			}
		}
	})
}
