"""Turns db/sql/**/*.sql and migrations/*.sql into C tables.

A statement file holds one statement. Its name is the statement's name; lines that start with `--`
are comments, of which `-- result: binary` asks for binary results. `{{name}}` is replaced with the
text of db/sql/fragments/name.sql, so that a condition that two statements must share stands once.
"""
import pathlib
import re
import sys


def c_string(text: str) -> str:
    lines = text.split("\n")
    out = []
    for i, line in enumerate(lines):
        end = "\\n" if i + 1 < len(lines) else ""
        out.append('"' + line.replace("\\", "\\\\").replace('"', '\\"') + end + '"')
    return "\n    ".join(out)


def body(text: str) -> str:
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    return "\n".join(kept).strip().rstrip(";")


def load_statements(root: pathlib.Path):
    fragments = {p.stem: body(p.read_text()) for p in (root / "fragments").glob("*.sql")}

    def expand(text: str, depth: int = 0) -> str:
        if depth > 4:
            sys.exit("embed_sql: fragments nest too deeply")

        def replace(match):
            name = match.group(1)
            if name not in fragments:
                sys.exit(f"embed_sql: no fragment named {name}")
            return expand(fragments[name], depth + 1)

        return re.sub(r"\{\{(\w+)\}\}", replace, text)

    statements = []
    for path in sorted(root.rglob("*.sql")):
        if "fragments" in path.parts:
            continue
        raw = path.read_text()
        text = expand(body(raw))
        params = max((int(n) for n in re.findall(r"\$(\d+)", text)), default=0)
        binary = re.search(r"^-- result: binary\s*$", raw, re.M) is not None
        statements.append((path.stem, text, params, binary))
    names = [s[0] for s in statements]
    if len(set(names)) != len(names):
        sys.exit("embed_sql: two statements have the same name")
    return statements


def main() -> None:
    source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    statements = load_statements(source / "db" / "sql")

    header = ["/* Generated from db/sql. */", "#ifndef MONOCEROS_DB_STATEMENTS_H",
              "#define MONOCEROS_DB_STATEMENTS_H", "", "#include <stdbool.h>", "", "enum stmt_id {"]
    header += [f"    STMT_{name.upper()}," for name, *_ in statements]
    header += ["    STMT_COUNT", "};", "", "struct stmt {", "    const char *name;",
               "    const char *sql;", "    int n_params;", "    bool binary;", "};", "",
               "extern const struct stmt statements[STMT_COUNT];", "", "#endif", ""]
    table = ["/* Generated from db/sql. */", '#include "db/statements.h"', "",
             "const struct stmt statements[STMT_COUNT] = {"]
    for name, text, params, binary in statements:
        table.append(f'    [STMT_{name.upper()}] = {{"{name}",\n    {c_string(text)},\n'
                     f'    {params}, {"true" if binary else "false"}}},')
    table += ["};", ""]

    migrations = ["/* Generated from migrations. */", '#include "db/migrate.h"', "",
                  "const struct migration migrations[] = {"]
    for path in sorted((source / "migrations").glob("*.sql")):
        migrations.append(f'    {{{int(path.name[:4])}, "{path.stem}",\n    {c_string(path.read_text())}}},')
    migrations += ["    {0, 0, 0},", "};", ""]

    for name, lines in (("statements.h", header), ("statements.c", table), ("migrations.c", migrations)):
        target, text = out / name, "\n".join(lines)
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


main()
