"""All attacks beside their peers, in one command: units (``grid.py``), choices (``choices.py``, ``smallest.py``).

    python benchmarks/attacks/run.py [--rounds 3] [--json FILE]

Every script says what it measures; this one runs them one after the other, prints their tables and puts their readings
into one file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS = ("grid.py", "choices.py", "smallest.py")


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--json", type=Path, help="file for every reading")
    asked = parser.parse_args()
    record = {}
    with tempfile.TemporaryDirectory() as folder:
        for script in SCRIPTS:
            print(f"\n## {script}\n", flush=True)
            kept = Path(folder) / f"{script}.json"
            line = [sys.executable, str(Path(__file__).with_name(script)), "--rounds", str(asked.rounds)]
            subprocess.run([*line, "--json", str(kept)], check=True)
            record[script] = json.loads(kept.read_text())
    if asked.json:
        asked.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
