package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build builds millrace for a test.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "millrace")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/millrace")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// inImage are the settings that the image comes with.
func inImage(t *testing.T) map[string]string {
	t.Helper()
	settings := map[string]string{}
	for _, i := range dockerfile(t) {
		for _, word := range i.args {
			if name, value, ok := strings.Cut(word, "="); ok && i.name == "ENV" {
				settings[name] = value
			}
		}
	}
	return settings
}

func TestMillraceTakesTheSettings(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for name, s := range load(t, nil).Services {
		if !ours(s) {
			continue
		}
		settings := inImage(t)
		for variable, value := range s.Environment {
			settings[variable] = *value
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantTaken(t, binary, settings)
		})
	}
}

// wantTaken fails the test unless millrace knows all settings and takes them.
func wantTaken(t *testing.T, binary string, settings map[string]string) {
	t.Helper()
	show := exec.CommandContext(t.Context(), binary, "config")
	show.Env = []string{}
	for variable, value := range settings {
		show.Env = append(show.Env, variable+"="+value)
	}
	out, err := show.CombinedOutput()
	if err != nil {
		t.Errorf("millrace config: %v: %s", err, out)
		return
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		setting, origin, _ := strings.Cut(line, "# ")
		if words := strings.Fields(setting); len(words) > 0 && strings.HasPrefix(origin, "environment;") {
			known[words[0]] = true
		}
	}
	for variable := range settings {
		if !known[variable] {
			t.Errorf("%s is set, and millrace does not know it", variable)
		}
	}
}

func TestCommandsOfTheImageExist(t *testing.T) {
	t.Parallel()
	binary := build(t)
	var lines []string
	for _, name := range []string{"CMD", "HEALTHCHECK"} {
		list := strings.Join(last(t, name), " ")
		line := strings.NewReplacer(`"`, "", ",", "").Replace(list[strings.Index(list, "[")+1 : strings.Index(list, "]")])
		lines = append(lines, strings.TrimPrefix(line, "millrace "))
	}
	for _, s := range load(t, nil).Services {
		if ours(s) && len(s.Command) > 0 {
			lines = append(lines, strings.Join(s.Command, " "))
		}
	}
	if len(lines) != 4 {
		t.Errorf("the image is asked to run %q, want serve, ready, migrate and gateway-simulator", lines)
	}
	for _, line := range lines {
		help := exec.CommandContext(t.Context(), binary, append(strings.Fields(line), "--help")...)
		help.Env = os.Environ()
		if out, err := help.CombinedOutput(); err != nil || !strings.Contains(string(out), "millrace "+line+" [flags]") {
			t.Errorf("millrace %s: %v: %s", line, err, out)
		}
	}
}
