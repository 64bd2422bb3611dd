package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = ".."

// read returns a file of the project by its path from the root.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// load reads docker-compose.yml as Docker Compose does, which refuses what is not
// in its schema and references that lead nowhere.
func load(t *testing.T, environment map[string]string) *types.Project {
	t.Helper()
	folder, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(folder, "docker-compose.yml")}},
		Environment: environment,
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// ours tells whether a service runs the image that is built here.
func ours(s types.ServiceConfig) bool { return s.Build != nil }

// ends tells whether a service does one thing and ends, and others wait for that.
func ends(project *types.Project, name string) bool {
	for _, s := range project.Services {
		if s.DependsOn[name].Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}

func TestServicesGetNothingThatTheyDoNotNeed(t *testing.T) {
	t.Parallel()
	for name, s := range load(t, nil).Services {
		if !s.ReadOnly {
			t.Errorf("%s can write to its file system", name)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged {
			t.Errorf("%s drops %v and adds %v, want all dropped and none added", name, s.CapDrop, s.CapAdd)
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s can gain privileges", name)
		}
		if user, _, _ := strings.Cut(s.User, ":"); user == "" || user == "root" || user == "0" {
			t.Errorf("%s runs as %q, want a user other than root", name, s.User)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s on %q, want 127.0.0.1", name, p.Published, p.HostIP)
			}
		}
		if _, outside := s.Networks["outside"]; outside != (len(s.Ports) > 0) {
			t.Errorf("%s publishes %d ports, and is on the network outside: %t", name, len(s.Ports), outside)
		}
	}
}

func TestServicesEndOrSayThatTheyAreReady(t *testing.T) {
	t.Parallel()
	project := load(t, nil)
	covered := strings.Contains(read(t, "Dockerfile"), "\nHEALTHCHECK ")
	for name, s := range project.Services {
		checked := s.HealthCheck != nil && !s.HealthCheck.Disable || s.HealthCheck == nil && ours(s) && covered
		if ends(project, name) {
			if s.Restart != "" || ours(s) && checked {
				t.Errorf("%s ends: restart is %q and its health is checked: %t, want neither", name, s.Restart, checked)
			}
			continue
		}
		if !checked || s.Restart != "unless-stopped" {
			t.Errorf("%s runs on: restart is %q and its health is checked: %t, want unless-stopped and a check", name, s.Restart, checked)
		}
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= 30*time.Second {
			t.Errorf("%s gets %v to stop, want more than the 30s that Millrace takes itself", name, s.StopGracePeriod)
		}
		for needed, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionStarted {
				t.Errorf("%s waits until %s is started, want until it is ready", name, needed)
			}
		}
	}
}

var pinned = regexp.MustCompile(`:[0-9]+(\.[0-9]+)*(-[a-z]+)?$`)

func TestImagesHaveAVersion(t *testing.T) {
	t.Parallel()
	for name, s := range load(t, nil).Services {
		if !ours(s) && !pinned.MatchString(s.Image) {
			t.Errorf("%s runs %s, want a major version at least", name, s.Image)
		}
	}
}

func TestWhatIsMountedIsThere(t *testing.T) {
	t.Parallel()
	project := load(t, nil)
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if !v.ReadOnly {
				t.Errorf("%s can write to %s", name, v.Source)
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts %s: %v", name, v.Source, err)
			}
		}
	}
	for volume := range project.Volumes {
		if !slices.ContainsFunc(slices.Collect(maps.Values(project.Services)), func(s types.ServiceConfig) bool {
			return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == volume })
		}) {
			t.Errorf("nobody keeps anything in the volume %s", volume)
		}
	}
}

func TestExampleHasThePasswordsThatAreInForceWithoutIt(t *testing.T) {
	t.Parallel()
	example, err := dotenv.Parse(strings.NewReader(read(t, ".env.example")))
	if err != nil {
		t.Fatal(err)
	}
	without, with := load(t, nil), load(t, example)
	changed := map[string]string{}
	for name, value := range example {
		if strings.Trim(value, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("%s=%s does not fit into an address", name, value)
		}
		changed[name] = "changed" + strings.ToLower(name)
	}
	other := load(t, changed)
	used := map[string]bool{}
	for name, s := range with.Services {
		for key, value := range s.Environment {
			if v := without.Services[name].Environment[key]; *value != *v {
				t.Errorf("%s of %s is %s with .env.example, and %s without", key, name, *value, *v)
			}
			for password := range example {
				used[password] = used[password] || strings.Contains(*other.Services[name].Environment[key], changed[password])
			}
			if strings.Contains(*other.Services[name].Environment[key], "development") {
				t.Errorf("%s of %s has a password that .env does not change", key, name)
			}
		}
	}
	for password := range example {
		if !used[password] {
			t.Errorf("nobody uses %s of .env.example", password)
		}
	}
}

// roles are those of the design. Together the services have each of them.
var roles = []string{"api", "commands", "events", "payments", "processes", "relay", "restaurant"}

func TestEveryRoleIsPlayed(t *testing.T) {
	t.Parallel()
	var played []string
	for _, s := range load(t, nil).Services {
		if list := s.Environment["MILLRACE_ROLES"]; list != nil {
			played = append(played, strings.Split(*list, ",")...)
		}
	}
	slices.Sort(played)
	if !slices.Equal(played, roles) {
		t.Errorf("the roles %v are played, want %v", played, roles)
	}
}
