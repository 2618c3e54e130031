package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/embed/local"
)

// envTestModel chooses the model of a script: "real" is the one that users run.
const envTestModel = "DUPFIND_TEST_MODEL"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"dupfind": func() { os.Exit(run(os.Args, testApp())) },
	})
}

// testApp is the program with the pixel fake for a model, which needs no
// weights; everything else is as users run it.
func testApp() app {
	a := app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now,
		terminal:  func(*os.File) bool { return os.Getenv("DUPFIND_TEST_TERMINAL") != "" },
		pickModel: pickLocalModel, listModels: listLocalModels, openRemote: openServers,
	}
	if os.Getenv(envTestServer) != "" {
		a.openRemote = openFakeServer
	}
	if os.Getenv(envTestModel) != "real" {
		a.pickModel = func(o flagOptions) (modelChoice, error) {
			if o.Model != "" {
				return pickLocalModel(o)
			}
			return modelChoice{
				Manifest: embedtest.PixelsManifest(), Where: "in memory",
				Open: func(context.Context) (embed.Backend, error) { return &embedtest.Pixels{}, nil },
			}, nil
		}
	}
	return a
}

func TestScript(t *testing.T) { testscript.Run(t, scriptParams(t, "testdata/script", nil)) }

// scriptParams are what all scripts have; env is set besides.
func scriptParams(t *testing.T, dir string, env map[string]string) testscript.Params {
	t.Helper()
	photos, err := filepath.Abs("../../testdata/photos")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir:                 dir,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PHOTOS", photos)
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("TEST_CACHE", cache)
			e.Setenv("COLUMNS", "100")
			for k, v := range env {
				e.Setenv(k, v)
			}
			return nil
		},
		Condition: func(c string) (bool, error) {
			if c != "model" {
				return false, fmt.Errorf("unknown condition %q", c)
			}
			_, err := local.Locate(local.LocateOptions{})
			if err != nil && os.Getenv("CI") == "true" {
				return false, fmt.Errorf("CI needs the model; run make setup: %w", err)
			}
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"copytree": copyTree,
			"sums":     sums,
			"oddnames": oddNames,
		},
	}
}
