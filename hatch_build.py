"""git -> the files of an sdist: those that it tracks, whatever else lies in the folder."""

import subprocess
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TrackedFiles(BuildHookInterface):
    """Let an sdist hold what git tracks; outside a repository, as in an unpacked sdist, it holds all files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            found = subprocess.run(
                ["git", "ls-files", "-z"], cwd=self.root, capture_output=True, encoding="utf-8", check=True
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            found = ""
        if found:
            self.build_config.target_config["only-include"] = found.split("\0")[:-1]
        else:
            self.app.display_warning(f"git tracks nothing in {self.root}: the sdist holds every file that is there")
