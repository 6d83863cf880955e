"""What DuckDB and Polars take for the work that `cargo xtask bench peers` gives to Millrace. Prints milliseconds, as JSON.

    peers.py words duckdb|polars TEXT THREADS COUNTS.csv
    peers.py groups QUESTION DATA.csv THREADS RESULT.csv
    peers.py flights DATA.parquet THREADS RESULT.csv
    peers.py compare OURS.csv THEIRS.csv KEYS

Each takes what it needs into memory and times the work from the file to a result in memory; the result is written afterwards.
"""

import json
import os
import sys
import time

G1 = {"id1": "VARCHAR", "id2": "VARCHAR", "id3": "VARCHAR", "id4": "BIGINT", "id5": "BIGINT", "id6": "BIGINT",
      "v1": "BIGINT", "v2": "BIGINT", "v3": "DOUBLE"}

# The questions of the h2oai benchmark that bear these numbers.
QUESTIONS = {
    "1": "select id1, sum(v1)::bigint as v1 from {} group by id1",
    "3": "select id3, sum(v1)::bigint as v1, avg(v3) as v3 from {} group by id3",
    "10": "select id1, id2, id3, id4, id5, id6, sum(v3) as v3, count(*) as n from {} group by all",
}

# Floats are sums in another order, so they may differ in their last places.
TOLERANCE = 1e-9


def database(threads):
    import duckdb
    connection = duckdb.connect()
    connection.execute(f"set threads = {int(threads)}")
    connection.execute("set preserve_insertion_order = false")
    return connection


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, (time.perf_counter() - start) * 1000


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def words_by_duckdb(text, threads, counts):
    connection = database(threads)
    # A line is one column: the text has no tab in it.
    lines = (f"read_csv({quoted(text)}, columns = {{'line': 'VARCHAR'}}, header = false, delim = '\t', quote = '', escape = '', "
             "auto_detect = false)")
    # In the text a mark stands after a word and before a space or a line's end, so a word is what is left between spaces.
    split = f"select unnest(string_split(translate(lower(line), ',.;?', ''), ' ')) as word from {lines}"
    count = f"create table counts as select word, count(*) as count from ({split}) group by word"
    _, took = timed(lambda: connection.execute(count))
    connection.execute(f"copy counts to {quoted(counts)} (header true)")
    return {"ms": took}


def words_by_polars(text, threads, counts):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl
    lines = pl.scan_csv(text, has_header=False, separator="\t", quote_char=None, new_columns=["line"])
    split = lines.select(word=pl.col("line").str.to_lowercase().str.replace_all("[,.;?]", "").str.split(" ")).explode("word")
    count = split.group_by("word").agg(count=pl.len())
    result, took = timed(lambda: count.collect(engine="streaming"))
    result.write_csv(counts)
    return {"ms": took}


def groups(question, data, threads, result):
    connection = database(threads)
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in G1.items())
    rows = f"read_csv({quoted(data)}, columns = {{{columns}}}, header = true, auto_detect = false)"
    query = QUESTIONS[question]
    _, from_csv = timed(lambda: connection.execute("create table result as " + query.format(rows)))
    connection.execute(f"copy result to {quoted(result)} (header true)")
    connection.execute(f"create table loaded as from {rows}")
    _, loaded = timed(lambda: connection.execute("create table again as " + query.format("loaded")))
    return {"from_csv_ms": from_csv, "loaded_ms": loaded}


def flights(data, threads, result):
    connection = database(threads)
    query = ("create table result as select origin, count(*) as flights, sum(delay)::bigint as late, max(delay) as worst, "
             f"max(distance) as farthest from read_parquet({quoted(data)}) where delay is not null group by origin")
    _, took = timed(lambda: connection.execute(query))
    connection.execute(f"copy result to {quoted(result)} (header true)")
    return {"ms": took}


def compare(ours, theirs, keys):
    """Joins both results by their keys: every row has a partner, and its values are the same."""
    connection = database(2)
    for name, path in [("ours", ours), ("theirs", theirs)]:
        connection.execute(f"create table {name} as from read_csv({quoted(path)}, header = true, all_varchar = true)")
    columns = [row[0] for row in connection.execute("describe ours").fetchall()]
    keys = keys.split(",")

    def differs(column):
        a, b = f"ours.{column}", f"theirs.{column}"
        near = f"abs({a}::double - {b}::double) <= {TOLERANCE} * greatest(abs({b}::double), 1)"
        return f"({a} is distinct from {b} and not coalesce({near}, false))"

    join = " and ".join(f"ours.{key} = theirs.{key}" for key in keys)
    lonely = f"ours.{keys[0]} is null or theirs.{keys[0]} is null"
    wrong = " or ".join([lonely] + [differs(column) for column in columns if column not in keys])
    rows = connection.execute("select count(*) from ours").fetchone()[0]
    different = connection.execute(f"select count(*) from ours full join theirs on {join} where {wrong}").fetchone()[0]
    return {"rows": rows, "different": different}


def main(arguments):
    match arguments:
        case ["words", "duckdb", text, threads, counts]:
            return words_by_duckdb(text, threads, counts)
        case ["words", "polars", text, threads, counts]:
            return words_by_polars(text, threads, counts)
        case ["groups", question, data, threads, result] if question in QUESTIONS:
            return groups(question, data, threads, result)
        case ["flights", data, threads, result]:
            return flights(data, threads, result)
        case ["compare", ours, theirs, keys]:
            return compare(ours, theirs, keys)
    sys.exit(__doc__)


print(json.dumps(main(sys.argv[1:])))
