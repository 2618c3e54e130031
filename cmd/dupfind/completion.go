package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func (a app) completionCommand() command {
	return command{
		name: "completion", usage: "print a completion script for a shell", args: "bash|zsh|fish",
		examples: []string{
			"source <(dupfind completion bash)                        for this shell; put it in ~/.bashrc to keep it",
			"dupfind completion zsh > \"${fpath[1]}/_dupfind\"",
			"dupfind completion fish > ~/.config/fish/completions/dupfind.fish",
		},
		run: func(_ context.Context, _ flagOptions, c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("completion", "name one shell: bash, zsh or fish")
			}
			words := completionWords(c.App)
			switch shell := c.Args().First(); shell {
			case "bash":
				return a.lines(strings.TrimSuffix(bashCompletion(words), "\n"))
			case "zsh":
				return a.lines(strings.TrimSuffix(zshCompletion(words), "\n"))
			case "fish":
				return a.lines(strings.TrimSuffix(fishCompletion(words), "\n"))
			default:
				return usagef("completion", "no completion for %q: bash, zsh and fish are known", shell)
			}
		},
	}
}

// commandWords is what can follow a command.
type commandWords struct {
	name, usage string
	flags       []flagWord
}

type flagWord struct {
	name, usage string
	takesValue  bool
}

// completionWords reads the commands and flags off the program itself, so that
// completion never lags behind it.
func completionWords(app *cli.App) []commandWords {
	var out []commandWords
	for _, c := range app.VisibleCommands() {
		w := commandWords{name: c.Name, usage: c.Usage}
		for _, f := range c.VisibleFlags() {
			_, isBool := f.(*cli.BoolFlag)
			usage := ""
			if d, ok := f.(cli.DocGenerationFlag); ok {
				usage = strings.ReplaceAll(d.GetUsage(), "`", "")
			}
			w.flags = append(w.flags, flagWord{f.Names()[0], usage, !isBool})
		}
		slices.SortFunc(w.flags, func(a, b flagWord) int { return strings.Compare(a.name, b.name) })
		out = append(out, w)
	}
	return out
}

func bashCompletion(words []commandWords) string {
	var b strings.Builder
	b.WriteString("# bash completion for dupfind\n_dupfind() {\n    local cur=${COMP_WORDS[COMP_CWORD]} cmd= w flags=\n" +
		"    for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        case $w in -*) ;; *) cmd=$w; break ;; esac\n    done\n    case $cmd in\n")
	for _, c := range words {
		fmt.Fprintf(&b, "        %s) flags='", c.name)
		for i, f := range c.flags {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString("--" + f.name)
		}
		b.WriteString("' ;;\n")
	}
	b.WriteString("    esac\n    COMPREPLY=()\n    if [ -z \"$cmd\" ]; then\n        COMPREPLY=($(compgen -W '")
	for i, c := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(c.name)
	}
	b.WriteString("' -- \"$cur\"))\n    elif [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n    fi\n}\n" +
		"complete -o default -F _dupfind dupfind\n")
	return b.String()
}

func zshCompletion(words []commandWords) string {
	var b strings.Builder
	b.WriteString("#compdef dupfind\n_dupfind() {\n    local -a commands\n    commands=(\n")
	for _, c := range words {
		fmt.Fprintf(&b, "        '%s:%s'\n", c.name, zshQuote(c.usage))
	}
	b.WriteString("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n    case $words[2] in\n")
	for _, c := range words {
		fmt.Fprintf(&b, "        %s) _arguments", c.name)
		for _, f := range c.flags {
			value := ""
			if f.takesValue {
				value = ":value:_files"
			}
			fmt.Fprintf(&b, " \\\n            '--%s[%s]%s'", f.name, zshQuote(f.usage), value)
		}
		b.WriteString(" \\\n            '*:path:_files' ;;\n")
	}
	b.WriteString("    esac\n}\n_dupfind \"$@\"\n")
	return b.String()
}

func zshQuote(s string) string {
	return strings.NewReplacer("'", "", "[", "(", "]", ")", ":", " -").Replace(s)
}

func fishCompletion(words []commandWords) string {
	var b strings.Builder
	b.WriteString("# fish completion for dupfind\n")
	for _, c := range words {
		fmt.Fprintf(&b, "complete -c dupfind -n __fish_use_subcommand -a %s -d '%s'\n", c.name, fishQuote(c.usage))
		for _, f := range c.flags {
			value := ""
			if f.takesValue {
				value = " -r"
			}
			fmt.Fprintf(&b, "complete -c dupfind -n '__fish_seen_subcommand_from %s' -l %s%s -d '%s'\n", c.name, f.name, value, fishQuote(f.usage))
		}
	}
	return b.String()
}

func fishQuote(s string) string { return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) }
