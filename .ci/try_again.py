"""Run pytest; of what fails, the tests marked ``processes`` are tried once more, alone.

Such a test starts processes that find each other within time limits, which a busy machine can
miss. Both results are printed; whatever else fails has failed. Arguments are those of pytest.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

AGAIN = ("--last-failed", "--last-failed-no-failures", "none", "-m", "processes")
TESTS_FAILED = 1


def main(words: Sequence[str]) -> int:
    """Exit code of pytest, 0 where every failure was a marked one and passed the second time."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "pytest", *words, "-o", f"cache_dir={cache}"]
        code = subprocess.call(command)
        failed = failures(Path(cache))
        if code != TESTS_FAILED or not failed:
            return code
        print("once more, of what failed, the tests that start processes:", flush=True)
        alone = ("-n", "0") if "-n" in words else ()
        subprocess.call([*command, *AGAIN, *alone])
        still = failures(Path(cache))
    for name in failed:
        print(f"{'failed' if name in still else 'failed, then passed when tried again'}: {name}")
    return code if still else 0


def failures(cache: Path) -> list[str]:
    """Names of the tests that failed and have not passed since."""
    path = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(path.read_text())) if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
