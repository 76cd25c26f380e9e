"""The checker of the tree's rules: each rule is broken once and must be reported."""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKER = ROOT / "tests" / "lint" / "style.py"
CMAKE = """
monoceros_library(base server/base USES m)
monoceros_library(http server/http USES base PkgConfig::MICROHTTPD)
monoceros_library(db db USES base PkgConfig::PQ)
monoceros_library(handlers handlers USES base db http)
"""


def check(tree: pathlib.Path) -> tuple:
    done = subprocess.run([sys.executable, str(CHECKER), str(tree)], capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout


def write(tree: pathlib.Path, name: str, text: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def tree(tmp_path):
    write(tmp_path, "CMakeLists.txt", CMAKE)
    write(tmp_path, "server/base/a.c", "int a(void)\n{\n    return 1;\n}\n")
    return tmp_path


def test_a_clean_tree(tree):
    write(tree, "handlers/b.c", '#include "db/db.h"\n/* strcpy(a, b) */\n'
          'const char *b = "sprintf(x)"; int randomly(int); int c = randomly(1);\n')
    assert check(tree) == (0, "style: no breach of the rules\n")


def function(lines: int) -> str:
    return "int f(void)\n{\n" + "    f();\n" * lines + "}\n"


@pytest.mark.parametrize("name, text, expected", [
    ("db/x.c", "int y;\nchar *z = strcpy(a, b);\n", "db/x.c:2: strcpy() is banned"),
    ("db/x.c", "int y = rand ();\n", "db/x.c:1: rand() is banned"),
    ("db/x.c", '#include "server/http/http.h"\n', 'db/x.c:1: db may not include "server/http/http.h"'),
    ("server/base/x.c", '#include "db/db.h"\n', 'base may not include "db/db.h"'),
    ("handlers/x.c", "#include <libpq-fe.h>\n", "<libpq-fe.h> is for the folder that links PQ alone"),
    ("db/x.h", "#include <microhttpd.h>\n", "<microhttpd.h> is for the folder that links MICROHTTPD"),
    ("db/x.c", "#include <curl/curl.h>\n", "<curl/curl.h> is for the folder that links CURL alone"),
    ("db/x.c", function(81), "db/x.c:2: a function of 81 lines"),
    ("db/x.c", "int x;\n" * 501, "db/x.c:501: 501 lines"),
    ("db/sql/x.sql", "SELECT 1\n", "db/sql/x.sql:1: the first line must be a comment"),
    ("db/x.c", "/* TO" "DO: all of it */\n", "db/x.c:1: unfinished by its own word"),
], ids=["banned", "banned with a space", "folder", "base", "libpq", "microhttpd", "curl", "function", "file",
        "sql", "unfinished"])
def test_a_breach_is_reported(tree, name, text, expected):
    write(tree, name, text)
    code, out = check(tree)
    assert code == 1
    assert expected in out
    assert len(out.splitlines()) == 1, out


def test_the_limits_themselves_are_allowed(tree):
    write(tree, "db/x.c", function(80) + function(2) + function(3) + "int x;\n" * (500 - 94))
    assert check(tree)[0] == 0


def test_a_tree_of_long_functions_is_reported(tree):
    write(tree, "db/x.c", function(16) + function(17))
    code, out = check(tree)
    assert code == 1
    assert "the median function has 16 lines" in out
