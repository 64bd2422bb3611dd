package main

import (
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/api"
)

func TestTheContractOfMessagesIsBetweenTheRolesThatThereAre(t *testing.T) {
	t.Parallel()
	type tagged struct {
		Tags []struct{ Name string }
	}
	var document struct {
		Info       tagged
		Operations map[string]tagged
	}
	if err := yaml.Unmarshal(api.Messages, &document); err != nil {
		t.Fatal(err)
	}
	var described []string
	for _, role := range document.Info.Tags {
		described = append(described, role.Name)
	}
	if !slices.Equal(described, roleNames) {
		t.Errorf("the contract describes the roles %v, want %v", described, roleNames)
	}
	idle := slices.Clone(roleNames)
	for name, operation := range document.Operations {
		if len(operation.Tags) == 0 {
			t.Errorf("nobody does %s", name)
		}
		for _, role := range operation.Tags {
			if !slices.Contains(roleNames, role.Name) {
				t.Errorf("%s is done by %s, which is no role", name, role.Name)
			}
			idle = slices.DeleteFunc(idle, func(r string) bool { return r == role.Name })
		}
	}
	if len(idle) > 0 {
		t.Errorf("the roles %v neither send nor receive", idle)
	}
}
