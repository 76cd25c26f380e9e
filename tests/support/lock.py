"""A table that is locked, so that requests stay under way."""
import subprocess


class Lock:
    def __init__(self, database, table):
        self.psql = subprocess.Popen(
            ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only",
             f"host={database.cluster.home} user=postgres dbname={database.name}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'held';\n")
        self.psql.stdin.flush()
        assert self.psql.stdout.readline() == "held\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()

    def release(self):
        if self.psql.poll() is None:
            self.psql.communicate("ROLLBACK;\n")
