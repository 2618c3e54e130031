package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every command that the README's tour shows is run by the script of that name.
func TestReadmeCommandsAreRun(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/readme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^    (?:\$ )?(dupfind [^#\n]*)`).FindAllStringSubmatch(string(readme), -1)
	if len(commands) < 8 {
		t.Fatalf("found %d commands in the README, want at least 8: has its form changed?", len(commands))
	}
	for _, c := range commands {
		line := strings.TrimSpace(strings.ReplaceAll(c[1], "~/Pictures", "Pictures"))
		if line == "dupfind quarantine" { // asks at a terminal; the script says yes
			line = "dupfind quarantine --yes"
		}
		if !regexp.MustCompile(`(?m)exec ` + regexp.QuoteMeta(line) + `$`).Match(script) {
			t.Errorf("the README shows %q, which testdata/script/readme.txtar does not run", line)
		}
	}
}
