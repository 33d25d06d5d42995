"""installed packages -> those with a known vulnerability, by pip-audit; fails only if it knows one.

The advisory service is on the network. Where it cannot be asked, the last line says so, and nothing fails.
"""

import json
import subprocess
import sys

_MOST_SECONDS = 60
_COMMAND = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off", "--skip-editable"]


def main() -> int:
    try:
        found = subprocess.run(_COMMAND, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        line, code = unasked(f"no answer in {_MOST_SECONDS} s")
    else:
        line, code = judge(found.stdout, found.stderr)
    print(line)
    return code


def judge(answer: str, errors: str) -> tuple[str, int]:
    """Return what to print and the exit code, from the JSON and the messages of pip-audit."""
    try:
        packages = json.loads(answer)["dependencies"]
    except ValueError:
        return unasked(errors.strip().rpartition("\n")[2])
    known = [package for package in packages if "vulns" in package]
    vulnerable = [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in known
        for found in package["vulns"]
    ]
    if vulnerable:
        return "\n".join(["pip-audit: known vulnerabilities", *vulnerable]), 1
    if not known:
        return unasked("the service knows none of the packages")
    return f"pip-audit: no vulnerability known in {len(known)} of {len(packages)} packages; the others are unknown", 0


def unasked(reason: str) -> tuple[str, int]:
    return f"pip-audit: NOT AUDITED, the advisory service could not be asked: {reason}", 0


if __name__ == "__main__":
    sys.exit(main())
