package archtest

// row says what a package may import of this module. The standard library and golang.org/x are free for all.
type row struct {
	pkg     string   // below the module; a trailing /... stands for every package below
	imports []string // packages of this module; "*" is all of them
	stdOnly bool     // not even third-party modules
}

// arrows is the import table. An arrow that is not in it is a mistake or a decision: a decision changes the table.
var arrows = []row{
	{pkg: "cmd/dupfind", imports: []string{"*"}},

	// These four know nothing of each other: that keeps each of them replaceable and testable alone.
	{pkg: "scan"},
	{pkg: "store"},
	{pkg: "index"},
	{pkg: "embed"},

	{pkg: "index/exact", imports: []string{"index"}},
	{pkg: "index/exact/peak"},         // what the chip can do at most
	{pkg: "index/exact/internal/gen"}, // writes the kernels' assembly; go generate runs it
	{pkg: "index/distinct", imports: []string{"index"}},
	{pkg: "index/hnsw", imports: []string{"index", "index/distinct", "index/exact"}}, // exact compares all inside a group that was found
	{pkg: "index/weaviate", imports: []string{"index", "index/distinct"}},
	{pkg: "embed/local", imports: []string{"embed"}},
	{pkg: "embed/remote", imports: []string{"embed", "embed/remote/inference", "embed/remote/wire"}},
	{pkg: "embed/remote/inference"}, // made by protoc
	{pkg: "embed/remote/wire"},      // the tile's codecs; cgo
	{pkg: "embed/embedtest", imports: []string{"embed"}},

	// decode is the side that asks, decode/worker the side that answers in a process of its own: only the
	// latter links the C libraries' wrappers, and it is started through cmd/dupfind.
	{pkg: "internal/decode"},
	{pkg: "internal/decode/worker", imports: []string{
		"internal/decode", "internal/decode/format", "internal/decode/turbo", "internal/decode/vips", "internal/decode/exif",
	}},
	{pkg: "internal/decode/format"}, // what a file is by its bytes; no cgo
	{pkg: "internal/decode/turbo"},
	{pkg: "internal/decode/vips"},
	{pkg: "internal/decode/exif", imports: []string{"internal/decode", "internal/decode/format"}}, // fills decode.Exif

	{pkg: "internal/ingest", imports: []string{"scan", "embed", "store", "internal/decode"}},
	{pkg: "internal/match"},
	{pkg: "internal/group"},
	{pkg: "internal/find", imports: []string{"store", "index", "internal/match", "internal/group", "internal/decode"}},
	{pkg: "internal/quarantine", imports: []string{"store", "internal/fsx"}},
	// term is a leaf: report takes widths, tables and the escaping of names from it rather than write them again.
	{pkg: "internal/report", imports: []string{"internal/group", "internal/match", "internal/term"}},
	{pkg: "internal/review", imports: []string{"internal/report", "internal/group", "internal/find", "store", "internal/quarantine", "internal/decode"}},
	// bench is given what it measures, ready to run; cmd/dupfind makes it of backends and links.
	{pkg: "internal/bench", imports: []string{"embed"}},
	{pkg: "internal/bench/link"},
	{pkg: "internal/calibrate", imports: []string{"embed", "store", "internal/decode", "index"}},
	{pkg: "internal/term", stdOnly: true},
	{pkg: "internal/fsx", stdOnly: true},
	{pkg: "internal/archtest", stdOnly: true},

	// Programs for the people who build dupfind; nothing imports them.
	{pkg: "tools/...", imports: []string{"*"}},
}

// modules lists who may import each third-party module. One wrapper each: when a library must go, one package changes.
var modules = map[string][]string{
	"github.com/mattn/go-sqlite3":      {"store"},
	"github.com/davidbyttow/govips/v2": {"internal/decode/vips"},
	"github.com/rwcarlsen/goexif":      {"internal/decode/exif"},
	"github.com/yalue/onnxruntime_go":  {"embed/local"},
	"github.com/mmcloughlin/avo":       {"index/exact/internal/gen"},
	"github.com/coder/hnsw":            {"index/hnsw"},
	"github.com/viterin/vek":           {"index/hnsw"}, // which coder/hnsw takes its own distances from
	"github.com/urfave/cli/v2":         {"cmd/dupfind"},
	"github.com/rogpeppe/go-internal":  {"cmd/dupfind"},
	"google.golang.org/grpc":           {"embed/remote", "embed/remote/inference"},
	"google.golang.org/protobuf":       {"embed/remote", "embed/remote/inference"},
	"github.com/Shopify/toxiproxy/v2":  {"internal/bench/link", "embed/remote"}, // embed/remote in its tests
	"github.com/rs/zerolog":            {"internal/bench/link", "embed/remote"}, // toxiproxy's logger
	"gonum.org/v1/plot":                {"internal/bench"},
	"github.com/google/go-cmp":         nil, // tests only
	"go.uber.org/goleak":               nil, // tests only
}

// cgoPackages may import "C".
var cgoPackages = []string{"internal/decode/turbo", "internal/decode/vips", "embed/local", "embed/remote/wire"}

// cLibraries lists who may link a C library: turbo reads the photos, wire writes tiles for a server.
var cLibraries = map[string][]string{
	"jpeg":      {"internal/decode/turbo", "embed/remote/wire"},
	"turbojpeg": nil,
	"webp":      {"embed/remote/wire"},
	"vips":      {"internal/decode/vips"},
}

// forbidden names what only some files may use, tests and tools excepted.
var forbidden = []struct {
	pkg     string   // import path
	names   []string // selectors; a trailing * matches any rest
	allowed []string // files, or folders that end in a slash
	why     string
}{
	{"os", []string{"Exit"}, []string{"cmd/dupfind/main.go", workerFolder, "index/exact/internal/gen/main.go"}, "only main ends the process: elsewhere defers would be lost"},
	{"log", []string{"*"}, nil, "the default logger writes to a place that nobody chose; a *slog.Logger is passed in"},
	{"log/slog", []string{"Default", "SetDefault", "Debug*", "Info*", "Warn*", "Error*"}, nil, "a *slog.Logger is passed in, never the default one"},
	{"os", []string{"Stdout"}, []string{"cmd/dupfind/main.go"}, "output goes to an io.Writer"},
}

// workerFolder may end its process: a worker past its memory limit, or whose parent is gone, has nobody to return to, and
// the thread that notices is not the one that hangs.
const workerFolder = "internal/decode/worker/"

// vagueNames tell nothing about what is inside.
var vagueNames = []string{"utils", "util", "common", "models", "types", "helpers", "misc"}

const maxFileLines = 450

// generated are the endings of files that a program writes; their length is its affair.
var generated = []string{".pb.go", "_pb2.py", "_pb2_grpc.py"}
