#!/usr/bin/env python3
"""docs/commands.md names every command of `cardvoid --help` and every flag of `cardvoid help COMMAND`, and no others.

Of the sandbox, a tool for tests, the command is enough. Usage: commands.py CARDVOID ROOT, or --self-test.
"""
import pathlib
import re
import subprocess
import sys

WITHOUT_FLAGS = {"sandbox"}


def commands_of(main_help):
    lists = main_help[:main_help.index("\nGlobal flags")].split("\n\n", 2)[2]
    return re.findall(r"^  ([a-z]+) ", lists, re.M)


def flags_of(help_text):
    return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", help_text, re.M))


def faults(commands, flags, page):
    """`flags`: of each command; those of "" are the global ones."""
    told = set(re.findall(r"`([a-z]+)(?=[ `])", "\n".join(re.findall(r"^\| (`.*?) \|", page, re.M))))
    for command in commands:
        if command not in told:
            yield f"docs/commands.md has no command {command}"
    expected = set().union(*(each for name, each in flags.items() if name not in WITHOUT_FLAGS))
    short = {"--output": "-o", "--quiet": "-q", "--verbose": "-v"}
    table = page[page.index("| flags of |"):]
    in_page = set(re.findall(r"--[a-z][a-z-]*", table))
    for flag in sorted(expected):
        if flag not in in_page and f"`{short.get(flag, flag)}" not in table:
            yield f"docs/commands.md has no flag {flag}"
    for flag in sorted(in_page - expected):
        yield f"docs/commands.md has the flag {flag}, `cardvoid help` has not"


def self_test():
    main = "What.\n\nUsage: x\n\nRun:\n  run   Runs\n  stop  Stops\n\nGlobal flags:\n  -q, --quiet  No\n\nExit codes:\n  0  ok\n"
    assert commands_of(main) == ["run", "stop"]
    assert flags_of(main) == {"--quiet"}
    page = "| `run JOB` | runs |\n| `stop` | stops |\n\n| flags of | |\n| `run` | `--yes`, `-q` |\n"
    flags = {"": {"--quiet"}, "run": {"--yes"}, "stop": set()}
    assert not list(faults(["run", "stop"], flags, page)), list(faults(["run", "stop"], flags, page))
    assert len(list(faults(["run", "stop", "more"], flags, page))) == 1
    assert len(list(faults(["run", "stop"], flags | {"stop": {"--now"}}, page))) == 1
    assert len(list(faults(["run", "stop"], {"": {"--quiet"}}, page))) == 1


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    program, root = sys.argv[1:]
    answer = lambda *words: subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout
    text = answer("--help")
    commands = commands_of(text)
    flags = {"": flags_of(text)} | {each: flags_of(answer("help", each)) for each in commands}
    page = (pathlib.Path(root) / "docs/commands.md").read_text(encoding="utf-8")
    sys.exit("\n".join(faults(commands, flags, page)) or 0)


main()
