"""The program's SQL statements, as the build embeds them, run through psql."""
import re
import sys

from support.server import ROOT


def load():
    """{name: text} with the fragments put in, by the loader of the build."""
    source = (ROOT / "cmake/embed_sql.py").read_text(encoding="utf-8")
    source = re.sub(r"\nmain\(\)\s*$", "\n", source)
    loader = {"__name__": "embed_sql", "sys": sys}
    exec(compile(source, "embed_sql.py", "exec"), loader)  # pylint: disable=exec-used
    return {name: text for name, text, *_ in loader["load_statements"](ROOT / "db/sql")}


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, (list, tuple)):
        return "'{" + ",".join(_element(item) for item in value) + "}'"
    return "'" + str(value).replace("'", "''") + "'"


def _element(value):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("'", "''") + '"'


class Statements:
    """Runs statements by name on one database; rows come back as lists of texts."""

    def __init__(self, database):
        self.database = database
        self.texts = load()

    def run(self, name, *values):
        arguments = ", ".join(literal(value) for value in values)
        execute = f"EXECUTE s({arguments})" if values else "EXECUTE s"
        out = self.database.execute(f"PREPARE s AS {self.texts[name]};\n{execute};")
        return [line.split("|") for line in out.splitlines()]
