package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// reorder lets flags stand anywhere: before the command, before or after
// paths, until "--". The library wants the command first, then its flags, then
// its arguments, and takes a flag after the first argument for a path without
// a word. An unknown command or flag is a usage error here.
func reorder(argv []string, commands []*cli.Command) ([]string, error) {
	if len(argv) < 2 {
		return argv, nil
	}
	before, rest := splitAtCommand(argv[1:])
	if len(rest) == 0 { // no command: --help, --version, or a mistake
		for _, f := range before {
			if !slices.Contains([]string{"--help", "-h", "--version", "-v"}, f) {
				return nil, usagef("", "flag %s needs a command: dupfind scan, report, quarantine, ...", f)
			}
		}
		return argv, nil
	}
	name := rest[0]
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(name) })
	if name == "help" {
		if len(rest) > 1 {
			return reorder([]string{argv[0], rest[1], "--help"}, commands)
		}
		return []string{argv[0], "--help"}, nil
	}
	if i < 0 {
		return nil, usagef("", "unknown command %q%s", name, suggestion(name, commandNames(commands)))
	}
	flags, args, err := splitFlags(append(before, rest[1:]...), commands[i])
	if err != nil {
		return nil, err
	}
	out := append(append(argv[:1:1], name), flags...)
	return append(append(out, "--"), args...), nil
}

// splitAtCommand parts leading flags from the command's name. Only the flags
// that every command has take a value there.
func splitAtCommand(args []string) (before, rest []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if !isFlag(a) {
			return args[:i:i], args[i:]
		}
		if n, hasValue := flagName(a); n == flagDB && !hasValue {
			i++
		}
	}
	return args, nil
}

func splitFlags(args []string, c *cli.Command) (flags, rest []string, err error) {
	takesValue := map[string]bool{}
	for _, f := range c.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			takesValue[n] = !isBool
		}
	}
	takesValue["help"], takesValue["h"] = false, false
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return flags, append(rest, args[i+1:]...), nil
		}
		if !isFlag(a) {
			rest = append(rest, a)
			continue
		}
		n, hasValue := flagName(a)
		wants, known := takesValue[n]
		switch {
		case !known && len(n) < 2:
			return nil, nil, usagef(c.Name, "unknown flag %s", a)
		case !known:
			return nil, nil, usagef(c.Name, "unknown flag %s%s", a, suggestion("--"+n, names(takesValue)))
		case wants && !hasValue && i+1 == len(args):
			return nil, nil, usagef(c.Name, "flag %s needs a value", a)
		case wants && !hasValue:
			flags = append(flags, a, args[i+1])
			i++
		default:
			flags = append(flags, a)
		}
	}
	return flags, rest, nil
}

func isFlag(a string) bool { return len(a) > 1 && a[0] == '-' }

func flagName(a string) (name string, hasValue bool) {
	name, _, hasValue = strings.Cut(strings.TrimLeft(a, "-"), "=")
	return name, hasValue
}

func names(m map[string]bool) []string {
	var out []string
	for n := range m {
		if len(n) > 1 {
			out = append(out, "--"+n)
		}
	}
	slices.Sort(out)
	return out
}

func commandNames(commands []*cli.Command) []string {
	var out []string
	for _, c := range commands {
		if !c.Hidden {
			out = append(out, c.Name)
		}
	}
	return out
}

// suggestion names what was probably meant, at an edit distance of two at most.
func suggestion(got string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := editDistance(got, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// wantsJSON looks for --json by hand: an error may come before flags are parsed.
func wantsJSON(argv []string) bool {
	end := slices.Index(argv, "--")
	if end < 0 {
		end = len(argv)
	}
	return slices.Contains(argv[:end], "--"+flagJSON) || slices.Contains(argv[:end], "-"+flagJSON)
}
