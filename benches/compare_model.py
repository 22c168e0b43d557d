"""The outcome model against scikit-learn, through the built binary.

Takes the bank's contacts (folder leads-bank-marketing of TEST_DATA) with a synthetic name, e-mail and value per row, lets
`valhalla ingest` learn from them, writes the design matrix with `valhalla model --matrix`, fits the same matrix with
scikit-learn (C = 1, which is lambda = 1) and compares every weight. Twice: as it comes, where `duration` is refused, and with
`duration` vouched for. Then a random split, 70 of 100 to fit and 30 to judge.

    python3 -m venv venv && venv/bin/pip install numpy scikit-learn
    cargo build
    TEST_DATA=... venv/bin/python benches/compare_model.py [target/debug/valhalla] [--replay]

--every N takes every Nth contact: quicker, with the figures of a smaller file.
With --replay the file also comes in order, in drops of 250, into two roots: one that learns after each drop, and one whose first
model is pinned. Exits with 1 when a figure is not what docs/LEARNING.md promises.
"""

import csv
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

DROP = 250
failures = []


def main():
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--") and not argument.isdigit()]
    every = int(sys.argv[sys.argv.index("--every") + 1]) if "--every" in sys.argv else 1
    program = Path(arguments[0] if arguments else "target/debug/valhalla").resolve()
    source = Path(os.environ["TEST_DATA"]) / "leads-bank-marketing/bank-additional-full.csv.gz"
    with gzip.open(source, "rt") as file:
        columns, *rows = list(csv.reader(file))
    rows = [[f"Person {at}", f"person{at}@example.com", 1000 + at * 7919 % 90000, *row] for at, row in enumerate(rows[::every])]
    header = ["name", "email", "value", *columns]
    features = [column for column in columns if column != "output"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, known in [("as it comes", []), ("with duration vouched for", ["duration"])]:
            root = Root(program, folder / name.replace(" ", "-"), features, known)
            root.ingest(header, rows)
            compare(name, root, known)
        split(program, folder, header, rows, features)
        if "--replay" in sys.argv:
            replay(program, folder, header, rows, features)
    for failure in failures:
        print("FAILED:", failure)
    sys.exit(1 if failures else 0)


class Root:
    """A root of its own with its settings."""

    def __init__(self, program, folder, features, known, latest=1_000_000):
        self.program, self.folder, self.files = program, folder, 0
        for name in ["inbox", "processed", "failed", "logs"]:
            (folder / name).mkdir(parents=True)
        (folder / "valhalla.toml").write_text(
            f"[model]\nfeatures = {json.dumps(features)}\nknown_on_arrival = {json.dumps(known)}\nlatest = {latest}\n"
        )

    def run(self, *arguments):
        command = [self.program, "--root", self.folder, "--quiet", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def ingest(self, header, rows):
        self.files += 1
        file = self.folder / f"drop-{self.files}.csv"
        with open(file, "w", newline="") as out:
            csv.writer(out).writerows([header, *rows])
        self.run("ingest", file)

    def model(self):
        return json.loads(self.run("model", "--json"))


def compare(name, root, known):
    """Every weight of the active model against scikit-learn's on the same matrix."""
    model = root.model()
    file = root.folder / "matrix.csv"
    root.run("model", "--matrix", file)
    with open(file) as opened:
        names = next(csv.reader(opened))[1:]
    matrix = np.loadtxt(file, delimiter=",", skiprows=1, quotechar='"')
    y, x = matrix[:, 0], matrix[:, 1:]
    fit = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=200).fit(x, y)
    weights = np.array([model["active"]["weights"][name] for name in names])
    off = max(np.abs(weights - fit.coef_[0]).max(), abs(model["active"]["intercept"] - fit.intercept_[0]))
    print(f"{name}: {len(y)} leads, {len(names)} features, largest difference of a weight {off:.1e}")
    refused = {entry["column"]: entry["code"] for entry in model["refused"]}
    print(f"  refused: {refused}; AUC on later leads {model['metrics']['auc']:.3f}")
    check(off <= 1e-6, f"{name}: weights differ by {off}")
    check(refused == ({} if known else {"duration": "name"}), f"{name}: refused {refused}")


def split(program, folder, header, rows, features):
    """70 of 100 at random come first, 30 later: what leads of the second file were given on arrival is judged."""
    shuffled = rows[:]
    random.Random(5).shuffle(shuffled)
    root = Root(program, folder / "split", features, [])
    cut = len(rows) * 7 // 10
    root.ingest(header, shuffled[:cut])
    root.ingest(header, shuffled[cut:])
    given = root.model()["given"]
    print(f"random split: {given['leads']} leads, AUC {given['auc']:.3f}, calibration error {given['calibration_error']:.4f}")
    check(given["calibration_error"] < 0.03, "calibration error of the random split")


def replay(program, folder, header, rows, features):
    """In the order of the file, drop after drop."""
    for name, is_frozen in [("retrained after each drop", False), ("frozen", True)]:
        root = Root(program, folder / name.replace(" ", "-"), features, [], latest=3000)
        drifted = 0
        for at in range(0, len(rows), DROP):
            root.ingest(header, rows[at : at + DROP])
            if is_frozen or at + DROP >= len(rows):
                model = root.model()
                if is_frozen and model["active"] and not model["pinned"]:
                    root.run("model", "rollback", model["active"]["id"])
        alerts = (root.folder / "logs/alerts.jsonl").read_text().splitlines()
        drifted = sum("drift" in json.loads(line)["code"] for line in alerts)
        given = model["given"]
        print(
            f"{name}: {given['leads']} leads, AUC {given['auc']:.3f}, calibration error {given['calibration_error']:.4f}, "
            f"{len(model['versions'])} models were active, {drifted} alerts of drift"
        )
        check(is_frozen or given["calibration_error"] < 0.05, f"calibration error, {name}")
        check(not is_frozen or drifted > 0, "drift of the frozen model was not alerted")


def check(holds, what):
    if not holds:
        failures.append(what)


if __name__ == "__main__":
    main()
