package embedtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The engines of the servers: SSCD in ONNX Runtime, and the pretend GPU that takes 5 ms and 0.5 ms a tile.
const (
	EngineONNX = "onnx"
	EngineSim  = "sim"
)

// PyTorchOptions are what tests set of the server in server/pytorch.
type PyTorchOptions struct {
	Engine     string // EngineONNX or EngineSim; empty: EngineSim
	Token      string
	TLS        Certificate // the zero value: none
	QueueTiles int         // most tiles that wait, at least 64; 0: the server's own limit
	ExtraArgs  []string    // more of its flags
}

// TritonOptions are what tests set of Triton.
type TritonOptions struct {
	Engine     string // EngineONNX or EngineSim; empty: EngineSim
	Token      string
	TLS        Certificate // the zero value: none
	ExportArgs []string    // more flags of server/triton/export.py
	ExtraArgs  []string    // more of tritonserver's flags
}

// KServeOptions are what tests set of the server of KServe's SDK, which knows neither tokens nor TLS.
type KServeOptions struct {
	Engine string // EngineONNX or EngineSim; empty: EngineSim
}

// modelOf is the name of the model that an engine runs.
func modelOf(t testing.TB, engine string) (string, string) {
	t.Helper()
	switch engine {
	case EngineSim, "":
		return EngineSim, "sim"
	case EngineONNX:
		return EngineONNX, "sscd"
	}
	t.Fatalf("no engine %q: want %s or %s", engine, EngineSim, EngineONNX)
	return "", ""
}

// StartPyTorch starts the server in server/pytorch.
func StartPyTorch(t testing.TB, o PyTorchOptions) *Server {
	t.Helper()
	return startServer(t, pyTorch(t, o))
}

func pyTorch(t testing.TB, o PyTorchOptions) recipe {
	t.Helper()
	root := repository(t)
	python := environment(t, root, "pytorch", "bin/python")
	engine, model := modelOf(t, o.Engine)
	return recipe{
		name:  "PyTorch",
		model: model,
		command: func(p ports) *exec.Cmd {
			cmd := exec.Command(python, "-m", "dupfind_server", "--engine", engine, "--log-level", "info",
				"--port", strconv.Itoa(p.grpc), "--metrics-port", strconv.Itoa(p.metrics))
			if o.QueueTiles > 0 {
				cmd.Args = append(cmd.Args, "--max-queue", strconv.Itoa(o.QueueTiles))
			}
			cmd.Args = append(cmd.Args, o.TLS.flags()...)
			cmd.Args = append(cmd.Args, o.ExtraArgs...)
			cmd.Env = serverEnv(o.Token, "PYTHONPATH="+filepath.Join(root, "server", "pytorch", "src"), "PYTHONUNBUFFERED=1")
			return cmd
		},
		metrics: func(p ports) string { return fmt.Sprintf("http://127.0.0.1:%d/metrics", p.metrics) },
		ready:   func(_ ports, log string) bool { return strings.Contains(log, "dupfind-server ready ") },
	}
}

// StartTriton exports a model and has Triton serve it.
func StartTriton(t testing.TB, o TritonOptions) *Server {
	t.Helper()
	return startServer(t, triton(t, o))
}

func triton(t testing.TB, o TritonOptions) recipe {
	t.Helper()
	root := repository(t)
	python := environment(t, root, "triton", "site/bin/python")
	engine, model := modelOf(t, o.Engine)
	models := t.TempDir()
	folder := filepath.Join(root, "server", "triton")
	export := exec.Command(python, filepath.Join(folder, "export.py"), "--repository", models, "--engine", engine)
	export.Args = append(export.Args, o.ExportArgs...)
	export.Env = serverEnv("")
	if out, err := export.CombinedOutput(); err != nil {
		t.Fatalf("export the model for Triton: %v:\n%s", err, out)
	}
	return recipe{
		name:  "Triton",
		model: model,
		command: func(p ports) *exec.Cmd {
			cmd := exec.Command(filepath.Join(folder, "run.sh"), "--repository", models,
				"--grpc-port", strconv.Itoa(p.grpc), "--http-port", strconv.Itoa(p.http), "--metrics-port", strconv.Itoa(p.metrics))
			cmd.Args = append(cmd.Args, o.TLS.flags()...)
			cmd.Args = append(cmd.Args, "--", "--backend-config=python,shm-region-prefix-name="+sharedMemory(p))
			cmd.Args = append(cmd.Args, o.ExtraArgs...)
			cmd.Env = serverEnv(o.Token)
			return cmd
		},
		metrics: func(p ports) string { return fmt.Sprintf("http://127.0.0.1:%d/metrics", p.metrics) },
		ready:   healthy,
		ended: func(p ports) {
			left, err := filepath.Glob("/dev/shm/" + sharedMemory(p) + "*")
			for _, path := range left {
				err = os.Remove(path)
			}
			if err != nil {
				t.Errorf("remove Triton's shared memory: %v", err)
			}
		},
	}
}

// sharedMemory begins the names of a Triton's shared memory, which stays behind when it is killed.
func sharedMemory(p ports) string { return fmt.Sprintf("dupfind_test_%d_%d_", os.Getpid(), p.grpc) }

// StartKServe starts the server of KServe's SDK. It tells no manifest, takes raw tiles only, and has no queue's bound.
func StartKServe(t testing.TB, o KServeOptions) *Server {
	t.Helper()
	return startServer(t, kServe(t, o))
}

func kServe(t testing.TB, o KServeOptions) recipe {
	t.Helper()
	root := repository(t)
	python := environment(t, root, "kserve", "bin/python")
	_, model := modelOf(t, o.Engine)
	const largest = 64 << 20
	return recipe{
		name:  "KServe",
		model: model,
		command: func(p ports) *exec.Cmd {
			cmd := exec.Command(python, filepath.Join(root, "server", "kserve", "serve.py"), "--model", model,
				"--http_port", strconv.Itoa(p.http), "--grpc_port", strconv.Itoa(p.grpc),
				fmt.Sprintf("--grpc_max_receive_message_length=%d", largest), fmt.Sprintf("--grpc_max_send_message_length=%d", largest))
			cmd.Env = serverEnv("")
			return cmd
		},
		metrics: func(p ports) string { return fmt.Sprintf("http://127.0.0.1:%d/metrics", p.http) },
		ready:   healthy,
	}
}

// serverEnv is this process's environment without what would change a server behind the test's back.
func serverEnv(token string, more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "DUPFIND_SERVER_") || strings.HasPrefix(kv, "DUPFIND_TOKEN=") || strings.HasPrefix(kv, "PYTHONPATH=")
	})
	if token != "" {
		env = append(env, "DUPFIND_TOKEN="+token)
	}
	return append(env, more...)
}

// repository is the folder of the module that the test belongs to.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the repository: %v", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			t.Fatalf("find the repository: no go.mod in or above %s", dir)
		}
	}
}

// environment is the path of a program in one of the environments that tools/servers.sh makes. Without it the test is
// skipped, and fails in CI.
func environment(t testing.TB, root, name, program string) string {
	t.Helper()
	path := filepath.Join(root, "build", "servers", name, program)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	reason := fmt.Sprintf("the environment build/servers/%s is not here: run make setup-servers", name)
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}
