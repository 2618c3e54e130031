//go:build cgo

package local

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// The first two members of OrtApiBase, whose layout the runtime promises never to change.
typedef struct {
	const void *(*get_api)(uint32_t);
	const char *(*get_version)(void);
} dupfind_api_base;

// Returns the runtime's version, or NULL with *why set. The handle is kept on purpose: the string lives in the library.
static const char *dupfind_ort_version(const char *path, const char **why) {
	void *h = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (!h) { *why = dlerror(); return NULL; }
	const dupfind_api_base *(*base)(void) = (const dupfind_api_base *(*)(void))dlsym(h, "OrtGetApiBase");
	if (!base) { dlclose(h); *why = "it has no OrtGetApiBase: not ONNX Runtime"; return NULL; }
	return base()->get_version();
}
*/
import "C"

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
)

// minAPI is the version of the C interface that onnxruntime_go 1.27.0 was made for. ONNX Runtime 1.N speaks all
// versions up to N, and an older one fails in ways that do not say why, so it is asked for its version first.
const minAPI = 24

// Version tells the version of a runtime library, loading it, and a *TooOldError when it is too old to be used.
func Version(library string) (string, error) {
	cs := C.CString(library)
	defer C.free(unsafe.Pointer(cs))
	var why *C.char
	v := C.dupfind_ort_version(cs, &why)
	if v == nil {
		return "", fmt.Errorf("load %s: %s", library, C.GoString(why))
	}
	version := C.GoString(v)
	if tooOld(version) {
		return version, &TooOldError{Path: library, Version: version, Want: "1." + strconv.Itoa(minAPI)}
	}
	return version, nil
}

// tooOld reads "1.N.P". What does not look like that is left to the library's own check.
func tooOld(version string) bool {
	p := strings.SplitN(version, ".", 3)
	if len(p) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(p[0])
	minor, err2 := strconv.Atoi(p[1])
	return err1 == nil && err2 == nil && (major < 1 || major == 1 && minor < minAPI)
}

// environment is the one runtime of this process: the binding keeps it in package variables, and refuses to make it twice.
var environment struct {
	sync.Mutex
	library string // the one loaded; empty: none yet
}

// load loads the library and sets up the runtime, once in a process. A failure can be tried again with another library.
func load(library string) error {
	environment.Lock()
	defer environment.Unlock()
	if environment.library == library && library != "" {
		return nil
	}
	if environment.library != "" {
		return fmt.Errorf("load %s: this process already runs %s", library, environment.library)
	}
	if library == "" {
		return errors.New("load ONNX Runtime: no library named")
	}
	if _, err := Version(library); err != nil {
		return err
	}
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(); err != nil {
		return fmt.Errorf("load %s: %w", library, err)
	}
	environment.library = library
	return nil
}
