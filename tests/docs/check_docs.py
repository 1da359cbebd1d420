#!/usr/bin/env python3
"""Holds README.md and docs/ to what they speak of.

  check_docs.py text           blocks that quote a file, links, paths and ./dev verbs
  check_docs.py options TOOL   the tool's options and those that docs/command-line.md lists
  check_docs.py run TOOL       runs the commands of blocks marked `run`, in a scratch folder
  check_docs.py run-long TOOL  the same for those marked `run, long`
  check_docs.py self-test      the checks above find the mistakes that they look for

A comment on the line before a fenced block says what the block is:
  <!-- file: PATH -->      the whole file
  <!-- part of: PATH -->   consecutive lines of it, perhaps less indented
  <!-- lines of: PATH -->  lines of it, in any order
  <!-- run -->             shell commands; TOOL is on the path as `fulgurite`
  <!-- run, long -->       some that take minutes

Exits with 1 and a line for each mistake.
"""
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = "apps|bench|cmake|docs|examples|include|src|tests"


class Block:
    """A fenced block: where it is, the comment before it, its text."""

    def __init__(self, page, line, mark, text):
        self.where, self.mark, self.text = f"{page}:{line}", mark, text


def pages(root):
    names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    return [p for p in map(root.joinpath, names) if p.exists()] + sorted(root.glob("docs/*.md"))


def blocks(root, page):
    """The fenced blocks of a page, and the page's lines outside of them."""
    found, prose, fence, mark = [], [], None, ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            if fence is None:
                fence = []
            else:
                found.append(Block(page.relative_to(root), number, mark, fence))
                fence, mark = None, ""
        elif fence is not None:
            fence.append(line)
        else:
            prose.append((number, line))
            match = re.fullmatch(r"<!-- (.*) -->", line.strip())
            mark = match[1] if match else mark if not line.strip() else ""
    return found, prose


def check_quote(root, block):
    kind, _, path = block.mark.partition(": ")
    if kind not in ("file", "part of", "lines of"):
        return []
    source = root / path
    if not source.is_file():
        return [f"{block.where}: quotes {path}, which does not exist"]
    lines = source.read_text().splitlines()
    if kind == "file":
        good = lines == block.text
    elif kind == "lines of":
        stripped = {line.strip() for line in lines}
        good = bool(block.text) and all(line.strip() in stripped for line in block.text)
    else:
        size = len(block.text)
        wanted = textwrap.dedent("\n".join(block.text))
        parts = ("\n".join(lines[at:at + size]) for at in range(len(lines) - size + 1))
        good = size > 0 and any(textwrap.dedent(part) == wanted for part in parts)
    return [] if good else [f"{block.where}: is no longer what {path} says"]


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def check_links(root, page, prose):
    mistakes = []
    for number, line in prose:
        for target in re.findall(r"\]\(([^)]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            goal = (page.parent / path) if path else page
            where = f"{page.relative_to(root)}:{number}"
            if not goal.exists():
                mistakes.append(f"{where}: links to {target}, which does not exist")
            elif anchor and anchor not in anchors(goal):
                mistakes.append(f"{where}: links to {target}, a heading that does not exist")
    return mistakes


def check_paths(root, page, prose):
    mistakes = []
    for number, line in prose:
        for path in re.findall(rf"`((?:{PLACES})/[\w./\-]*)`", line):
            if "NAME" not in path and not (root / path).exists():
                mistakes.append(f"{page.relative_to(root)}:{number}: {path} does not exist")
    return mistakes


def check_dev_verbs(root, page):
    dev = root / "dev"
    if not dev.exists():
        return []
    usage = subprocess.run([dev, "help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^\./dev (\w+)", usage, re.M))
    used = set(re.findall(r"\./dev (\w+)", page.read_text()))
    return [f"{page.relative_to(root)}: ./dev has no verb {verb}" for verb in sorted(used - known)]


def check_text(root):
    mistakes = []
    for page in pages(root):
        found, prose = blocks(root, page)
        for block in found:
            mistakes += check_quote(root, block)
        mistakes += check_links(root, page, prose)
        mistakes += check_paths(root, page, prose)
        mistakes += check_dev_verbs(root, page)
    return mistakes


def options_of(tool, verb):
    """The options of a verb, given as words, and of the verbs below it."""
    text = subprocess.run([tool, *verb, "--help"], capture_output=True, text=True).stdout
    offered = set(re.findall(r"^  (?:-\w,)?(--[a-z][\w-]+)", text, re.M))
    below = text.partition("Subcommands:")[2].partition("\n\n")[0]
    for word in re.findall(r"^  (\w+) ", below, re.M):
        offered |= options_of(tool, [*verb, word])
    return offered


def check_options(root, tool):
    """Every option of a verb is in docs/command-line.md, and every one there is an option."""
    text = (root / "docs/command-line.md").read_text()
    listed = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text))
    offered = {"--help", "--version"} | options_of(tool, [])
    mistakes = [f"{option}: not an option of the tool" for option in sorted(listed - offered)]
    quiet = {"--help", "--version"}
    mistakes += [f"{option}: not in the page" for option in sorted(offered - listed - quiet)]
    return [f"docs/command-line.md: {mistake}" for mistake in mistakes]


def run_block(root, tool, block):
    """A mistake if the commands fail. What they write stays out of the source folder."""
    with tempfile.TemporaryDirectory() as scratch:
        for entry in root.iterdir():
            if not entry.name.startswith((".", "build")):
                os.symlink(entry, Path(scratch) / entry.name)
        bin_folder = Path(scratch) / ".bin"
        bin_folder.mkdir()
        os.symlink(Path(tool).resolve(), bin_folder / "fulgurite")
        environment = os.environ | {"HOME": scratch, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        script = "set -eu\n" + "\n".join(block.text)
        done = subprocess.run(["bash", "-c", script], cwd=scratch, env=environment,
                              capture_output=True, text=True)
    print(f"{block.where}: {'ok' if done.returncode == 0 else 'FAILED'}")
    if done.returncode == 0:
        return []
    return [f"{block.where}: exit code {done.returncode}\n{done.stdout}{done.stderr}"]


def run_commands(root, tool, mark):
    marked = [b for page in pages(root) for b in blocks(root, page)[0] if b.mark == mark]
    return [mistake for block in marked for mistake in run_block(root, tool, block)]


def self_test():
    """Pages with one mistake each must be found out."""
    mistaken = {
        "<!-- file: src/a.txt -->\n```\none\n```\n": "no longer",
        "<!-- part of: src/a.txt -->\n```\none\nthree\n```\n": "no longer",
        "<!-- lines of: src/a.txt -->\n```\nfour\n```\n": "no longer",
        "<!-- file: src/b.txt -->\n```\none\n```\n": "does not exist",
        "[there](docs/b.md)\n": "does not exist",
        "# Title\n[there](#other-title)\n": "a heading that",
        "see `src/b.txt`\n": "src/b.txt does not exist",
        "<!-- run -->\n```sh\nfalse\ntrue\n```\n": "exit code 1",
    }
    sound = ("# A title\n[here](#a-title) `src/a.txt`\n<!-- file: src/a.txt -->\n```\none\n  two\n"
             "three\n```\n<!-- part of: src/a.txt -->\n\n```\ntwo\n```\n"
             "<!-- run -->\n```sh\nfulgurite\n```\n")
    failures = []
    for text, expected in [*mistaken.items(), (sound, "")]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "src").mkdir()
            (root / "src/a.txt").write_text("one\n  two\nthree\n")
            (root / "README.md").write_text(text)
            found = "\n".join(check_text(root) + run_commands(root, "/bin/true", "run"))
        if bool(found) != bool(expected) or expected not in found:
            failures.append(f"expected {expected!r}, found {found!r} in\n{text}")
    return failures


def main(arguments):
    actions = {
        ("text",): lambda: check_text(ROOT),
        ("options", "TOOL"): lambda: check_options(ROOT, arguments[1]),
        ("run", "TOOL"): lambda: run_commands(ROOT, arguments[1], "run"),
        ("run-long", "TOOL"): lambda: run_commands(ROOT, arguments[1], "run, long"),
        ("self-test",): self_test,
    }
    for words, action in actions.items():
        if arguments[:1] == [words[0]] and len(arguments) == len(words):
            mistakes = action()
            print("\n".join(mistakes), file=sys.stderr)
            return 1 if mistakes else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
