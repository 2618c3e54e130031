package main

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"
)

// Help puts examples first: they are what most people look for.
const commandHelp = `{{.Name}} - {{.Usage}}

Examples:
{{indent 4 .Description}}

Usage:
    dupfind {{.Name}} [flags]{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

Flags (before or after the arguments; -- ends them):
{{range .VisibleFlags}}    {{.}}
{{end}}`

const programHelp = `dupfind finds near-duplicate photos and moves the copies out of the way, reversibly.

Examples:
    dupfind scan ~/Pictures               look at all photos and remember them
    dupfind report --threshold 0.95       show groups of copies, and which one to keep
    dupfind quarantine --dry-run          show what would be moved
    dupfind quarantine                    move the copies; asks first
    dupfind restore --last                put them back

Usage:
    dupfind COMMAND [flags] [arguments]

Commands:
{{range .VisibleCommands}}    {{printf "%-12s" .Name}} {{.Usage}}
{{end}}
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 some files could not be compared or moved; 130 interrupted.
dupfind COMMAND --help shows a command's examples and flags.
`

// command describes one command of the program.
type command struct {
	name, usage, args string
	examples          []string
	flags             []cli.Flag
	run               func(ctx context.Context, o flagOptions, c *cli.Context) error
}

func newCLI(a app) *cli.App {
	commands := []command{
		a.scanCommand(), a.reportCommand(), a.quarantineCommand(), a.restoreCommand(),
		a.statusCommand(), a.skippedCommand(), a.forgetCommand(),
		a.benchCommand(), a.modelsCommand(), a.doctorCommand(), a.completionCommand(),
	}
	out := &cli.App{
		Name: "dupfind", Usage: "find near-duplicate photos", Version: version,
		HideHelpCommand: true, CustomAppHelpTemplate: programHelp,
		Writer: a.stdout, ErrWriter: a.stderr,
		DisableSliceFlagSeparator: true,                         // a comma is a character of a name
		ExitErrHandler:            func(*cli.Context, error) {}, // the exit code is main's
		OnUsageError:              wrongUsage,
		Action: func(c *cli.Context) error {
			return errors.Join(cli.ShowAppHelp(c), usagef("", "no command given"))
		},
	}
	for _, c := range commands {
		flags := append(c.flags, commonFlags()...)
		for _, f := range flags {
			if b, ok := f.(*cli.BoolFlag); ok {
				b.DisableDefaultText = true // "(default: false)" tells nobody anything
			}
		}
		out.Commands = append(out.Commands, &cli.Command{
			Name: c.name, Usage: c.usage, ArgsUsage: c.args,
			Description:        strings.Join(c.examples, "\n"),
			CustomHelpTemplate: commandHelp,
			HideHelpCommand:    true,
			Flags:              flags,
			OnUsageError:       wrongUsage,
			Action:             a.action(c.run),
		})
	}
	return out
}

func wrongUsage(c *cli.Context, err error, _ bool) error {
	name := ""
	if c.Command != nil {
		name = c.Command.Name
	}
	// The library's words for a value it cannot read: invalid value "x" for flag -name: why
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		return usagef(name, "--%s %s is not a number", m[2], m[1])
	}
	return usagef(name, "%v", err)
}

var badValue = regexp.MustCompile(`^invalid value (".*") for flag -(\S+):`)

// noArguments refuses arguments where a command takes none.
func noArguments(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef(c.Command.Name, "%s takes no arguments, got %q", c.Command.Name, c.Args().First())
	}
	return nil
}

// modelFlags choose what embeds or has embedded the photos.
func modelFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagModel, Usage: "`NAME` of a model, here or at the server, or FILE.onnx with its manifest beside it (default: the last scan's)"},
		&cli.StringFlag{Name: flagONNXRuntime, Usage: "the ONNX Runtime library `FILE` (also DUPFIND_ONNXRUNTIME)"},
	}
}
