#!/usr/bin/env python3
"""The rules of the tree that no compiler checks. Usage: style.py [ROOT]

Prints one line for each breach, as file:line: what is wrong, and ends with 1 if there is any.
Which folder may include which is read from the monoceros_library() lines of CMakeLists.txt, so that
the rule stands once.
"""
import pathlib
import re
import statistics
import sys

FUNCTION_LINES_MAX = 80
FUNCTION_LINES_MEDIAN = 15
FILE_LINES_MAX = 500
SOURCE_FOLDERS = ("server", "handlers", "stages", "providers", "db")
CHECKED_FOLDERS = SOURCE_FOLDERS + ("tests", "bench")

# Each with what to use instead.
BANNED = {
    "strcpy": "buf_* or memcpy with a known length",
    "strcat": "buf_*",
    "sprintf": "snprintf or buf_*",
    "vsprintf": "vsnprintf or buf_*",
    "strtok": "str_*",
    "atoi": "a parser that reports errors",
    "atol": "a parser that reports errors",
    "atof": "a parser that reports errors",
    "gets": "fgets",
    "localtime": "clock_* (times are UTC)",
    "gmtime": "gmtime_r",
    "asctime": "clock_*",
    "ctime": "clock_*",
    "strerror": "strerror_r or err_*",
    "rand": "a hash with a purpose",
    "srand": "a hash with a purpose",
    "system": "nothing: the service starts no programs",
    "popen": "nothing: the service starts no programs",
    "alloca": "the arena",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")

# Headers of libraries that one folder alone may see, by the library's name in CMakeLists.txt.
RESERVED_HEADERS = {
    re.compile(r"<microhttpd\.h>"): "MICROHTTPD",
    re.compile(r"<gnutls/"): "GNUTLS",
    re.compile(r"<libpq|<postgresql/"): "PQ",
    re.compile(r"<curl/"): "CURL",
    re.compile(r"<cblas\.h>"): "OPENBLAS",
}
# The settings are a plain struct that main fills before anything starts: these may read it.
SETTINGS_HEADER, SETTINGS_READERS = "server/config.h", ("handlers", "work")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<][^">]+[">])')
LIBRARY = re.compile(r"^monoceros_library\((\w+)\s+(\S+)\s+USES\s+([^)]*)\)", re.M)
COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def blank(match: re.Match) -> str:
    """A comment or a literal as spaces, keeping the lines where they are."""
    return re.sub(r"[^\n]", " ", match.group(0))


def files(root: pathlib.Path, folders, *suffixes):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


class Tree:
    """The folders of the program and what each may use, from CMakeLists.txt."""

    def __init__(self, root: pathlib.Path):
        self.folders, self.uses = {}, {}
        for name, folder, uses in LIBRARY.findall((root / "CMakeLists.txt").read_text()):
            self.folders[name] = folder
            self.uses[name] = set(uses.split())
        if not self.folders:
            sys.exit("style: no monoceros_library() line in CMakeLists.txt")

    def library_of(self, path: str):
        """The library that a file of the tree belongs to; None for main and what is above all."""
        owners = [n for n, folder in self.folders.items() if path.startswith(folder + "/")]
        return max(owners, key=lambda n: len(self.folders[n]), default=None)

    def may_include(self, includer: str, header: str) -> bool:
        user, owner = self.library_of(includer), self.library_of(header)
        if user is None or user == owner:
            return True
        if header == SETTINGS_HEADER:
            return user in SETTINGS_READERS
        return owner is not None and owner in self.uses[user]

    def may_use_package(self, includer: str, package: str) -> bool:
        user = self.library_of(includer)
        return user is not None and f"PkgConfig::{package}" in self.uses[user]


def check_banned(name: str, code: str):
    for number, line in enumerate(code.splitlines(), 1):
        for match in BANNED_CALL.finditer(line):
            word = match.group(1)
            yield f"{name}:{number}: {word}() is banned; use {BANNED[word]}"


def check_includes(name: str, text: str, tree: Tree):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match.group(1)
        if header[0] == '"' and not tree.may_include(name, header[1:-1]):
            yield f"{name}:{number}: {tree.library_of(name)} may not include {header}"
        for pattern, package in RESERVED_HEADERS.items():
            if pattern.match(header) and not tree.may_use_package(name, package):
                yield f"{name}:{number}: {header} is for the folder that links {package} alone"


def function_lengths(code: str):
    """(first line, lines between the braces) of each function, which stand in column one."""
    start = None
    for number, line in enumerate(code.splitlines(), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start - 1
            start = None


def check_c_file(path: pathlib.Path, root: pathlib.Path, tree: Tree, lengths: list):
    name = path.relative_to(root).as_posix()
    text = path.read_text()
    code = COMMENT_OR_STRING.sub(blank, text)
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{name}:{lines}: {lines} lines, {FILE_LINES_MAX} are allowed"
    for start, length in function_lengths(code):
        lengths.append(length)
        if length > FUNCTION_LINES_MAX:
            yield f"{name}:{start}: a function of {length} lines, {FUNCTION_LINES_MAX} are allowed"
    if name.split("/")[0] in SOURCE_FOLDERS:
        yield from check_banned(name, code)
        yield from check_includes(name, text, tree)


def check_sql(root: pathlib.Path):
    for path in files(root, ["db/sql", "migrations"], ".sql"):
        if not path.read_text().startswith("--"):
            name = path.relative_to(root).as_posix()
            yield f"{name}:1: the first line must be a comment that says what the statement is for"


def check_unfinished(root: pathlib.Path):
    for path in files(root, CHECKED_FOLDERS + ("migrations", "tools", "cmake", "examples"),
                      ".c", ".h", ".sql", ".py", ".sh"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{path.relative_to(root).as_posix()}:{number}: unfinished by its own word"


def check(root: pathlib.Path):
    tree, lengths = Tree(root), []
    for path in files(root, CHECKED_FOLDERS, ".c", ".h"):
        yield from check_c_file(path, root, tree, lengths)
    yield from check_sql(root)
    yield from check_unfinished(root)
    median = statistics.median_low(lengths or [0])
    if median > FUNCTION_LINES_MEDIAN:
        yield f"the median function has {median} lines, {FUNCTION_LINES_MEDIAN} are allowed"


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    breaches = list(check(root))
    print("\n".join(breaches) if breaches else "style: no breach of the rules", flush=True)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
