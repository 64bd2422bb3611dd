package deploy

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// instruction is one of the Dockerfile, its lines put together.
type instruction struct {
	name string
	args []string
}

// dockerfile reads the Dockerfile as far as the tests need it.
func dockerfile(t *testing.T) []instruction {
	t.Helper()
	var all []instruction
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			all = append(all, instruction{words[0], words[1:]})
		}
	}
	return all
}

// last returns the arguments of the last instruction of a name.
func last(t *testing.T, name string) []string {
	t.Helper()
	for _, i := range slices.Backward(dockerfile(t)) {
		if i.name == name {
			return i.args
		}
	}
	t.Fatalf("the Dockerfile has no %s", name)
	return nil
}

func TestImageRunsAsNobodyInParticular(t *testing.T) {
	t.Parallel()
	if user := last(t, "USER"); len(user) != 1 || strings.Trim(user[0], "0123456789:") != "" || strings.HasPrefix(user[0], "0") {
		t.Errorf("the user is %v, want the number of one who is not root", user)
	}
	if base := last(t, "FROM"); !strings.HasSuffix(base[0], ":nonroot") {
		t.Errorf("the image is made from %s, want one without a shell and without root", base)
	}
}

func TestImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	_, after, _ := strings.Cut(read(t, "go.mod"), "\ngo ")
	version, _, _ := strings.Cut(after, "\n")
	image := "golang:" + version[:strings.LastIndex(version, ".")]
	for _, i := range dockerfile(t) {
		if i.name == "FROM" && slices.Contains(i.args, image) {
			return
		}
	}
	t.Errorf("no stage is made from %s", image)
}

func TestWhatIsCopiedIsThere(t *testing.T) {
	t.Parallel()
	stages := map[string]bool{}
	for _, i := range dockerfile(t) {
		if n := len(i.args); i.name == "FROM" && n > 2 && i.args[n-2] == "AS" {
			stages[i.args[n-1]] = true
		}
		if i.name != "COPY" {
			continue
		}
		from, sources := "", i.args[:len(i.args)-1]
		for strings.HasPrefix(sources[0], "--") {
			if stage, ok := strings.CutPrefix(sources[0], "--from="); ok {
				from = stage
			}
			sources = sources[1:]
		}
		if from != "" {
			if !stages[from] {
				t.Errorf("COPY %v is from a stage that does not come before", i.args)
			}
			continue
		}
		for _, source := range sources {
			if _, err := os.Stat(filepath.Join(root, source)); err != nil {
				t.Errorf("COPY %v: %v", i.args, err)
			}
		}
	}
}

func TestIgnoredFilesAreNotNeeded(t *testing.T) {
	t.Parallel()
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(parts(t), "go.mod", "go.sum", "LICENSE") {
		if match, err := ignored.MatchesOrParentMatches(file); err != nil || match {
			t.Errorf("%s does not reach the build: %v", file, err)
		}
	}
	for _, file := range []string{".env", ".git/config", "millrace.db", "cmd/millrace/millrace.db-wal", "bin/millrace"} {
		if match, err := ignored.MatchesOrParentMatches(file); err != nil || !match {
			t.Errorf("%s reaches the build: %v", file, err)
		}
	}
}

// parts returns the files of this module that the binary is built of.
func parts(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Dir,Module,GoFiles,EmbedFiles", "./cmd/millrace")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			Dir                 string
			Module              *struct{ Main bool }
			GoFiles, EmbedFiles []string
		}
		if err := d.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if pkg.Module == nil || !pkg.Module.Main {
			continue
		}
		for _, file := range append(pkg.GoFiles, pkg.EmbedFiles...) {
			name, err := filepath.Rel(folder, filepath.Join(pkg.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, filepath.ToSlash(name))
		}
	}
	if len(files) < 50 {
		t.Fatalf("the binary is built of %d files, want more", len(files))
	}
	return files
}
