"""Finds the duplicates of a Febrl data set with Splink; prints seconds and F1 as JSON.

The settings are those of Splink's own examples for these data sets, less `soc_sec_id`, which W10
leaves out. `--all-fields` compares every field, as Dossier does, in Splink's manner.
"""

import argparse
import json
import logging
import time
from collections import Counter

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SWAPPED = "l.given_name = r.surname and l.surname = r.given_name"
STEPS = [0.94, 0.88, 0.8, 0.7]


def read(connection, folder, name):
    source = f"read_csv('{folder}/{name}.csv', all_varchar=true, header=true)"
    columns = [c for c in connection.sql(f"from {source}").columns if "soc_sec" not in c]
    trimmed = [f"nullif(trim(\"{c}\"), '') as {c.strip()}" for c in columns]
    connection.sql(f"create table {name} as select {', '.join(trimmed)} from {source}")
    return connection.table(name)


def comparisons(linked, all_fields):
    common = {"term_frequency_adjustments": True}
    born = cl.DateOfBirthComparison(
        "date_of_birth", input_is_string=True, datetime_format="%Y%m%d"
    )
    number = cl.ExactMatch("street_number").configure(**common)
    if not linked and not all_fields:
        return [
            cl.NameComparison("given_name"),
            cl.NameComparison("surname"),
            born,
            number,
            cl.ExactMatch("postcode").configure(**common),
        ]
    chosen = [
        cl.NameComparison("given_name").configure(**common),
        cl.NameComparison("surname").configure(**common),
        born,
        number,
        cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(**common),
    ]
    if all_fields:
        lines = ["address_1", "address_2", "suburb"]
        chosen += [cl.JaroWinklerAtThresholds(c, STEPS).configure(**common) for c in lines]
        chosen.append(cl.ExactMatch("state"))
    return chosen


def blocking(linked):
    if linked:
        return [
            block_on("given_name", "surname"),
            SWAPPED,
            block_on("date_of_birth"),
            block_on("state", "address_1"),
            block_on("street_number", "address_1"),
            block_on("postcode"),
        ]
    return [block_on(c) for c in ("given_name", "surname", "date_of_birth", "postcode")]


def find(connection, tables, all_fields):
    """The pairs of a dedupe's clusters, or the links of two data sets."""
    linked = len(tables) > 1
    api = DuckDBAPI(connection=connection)
    frames = [api.register(table) for table in tables]
    settings = SettingsCreator(
        unique_id_column_name="rec_id",
        link_type="link_only" if linked else "dedupe_only",
        blocking_rules_to_generate_predictions=blocking(linked),
        comparisons=comparisons(linked, all_fields),
    )
    linker = Linker(frames if linked else frames[0], settings)
    same = [
        block_on("given_name", "surname", "date_of_birth"),
        f"{SWAPPED} and l.date_of_birth = r.date_of_birth",
    ]
    training = linker.training
    training.estimate_probability_two_random_records_match(same, recall=0.8 if linked else 0.9)
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=2)
    for column in ("date_of_birth", "postcode"):
        training.estimate_parameters_using_expectation_maximisation(block_on(column))
    predictions = linker.inference.predict(threshold_match_probability=0.5)
    if linked:
        rows = predictions.as_record_list()
        return [(row["rec_id_l"], row["rec_id_r"]) for row in rows]
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        predictions, threshold_match_probability=0.5
    )
    members = {}
    for row in clusters.as_record_list():
        members.setdefault(row["cluster_id"], []).append(row["rec_id"])
    return [
        (one, other)
        for group in members.values()
        for at, one in enumerate(group)
        for other in group[at + 1 :]
    ]


def f1(connection, names, pairs):
    """The labels are in the record's names: rec-1496-org and rec-1496-dup-0 are one person."""

    def owner(name):
        return name.split("-")[1]

    sizes = [Counter(), Counter()]
    for at, name in enumerate(names):
        sizes[at].update(owner(row[0]) for row in connection.table(name).project("rec_id").fetchall())
    if len(names) > 1:
        true = sum(size * sizes[1][key] for key, size in sizes[0].items())
    else:
        true = sum(size * (size - 1) // 2 for size in sizes[0].values())
    right = sum(owner(one) == owner(other) for one, other in pairs)
    return 2 * right / (len(pairs) + true)


def main():
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--all-fields", action="store_true")
    options = parser.parse_args()
    connection = duckdb.connect()
    tables = [read(connection, options.folder, name) for name in options.tables]
    start = time.perf_counter()
    pairs = find(connection, tables, options.all_fields)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "f1": f1(connection, options.tables, pairs)}))


if __name__ == "__main__":
    main()
