"""lines that a service which runs a job adds to what the job prints: GitHub, Azure, GitLab, TeamCity, Buildkite."""

import re

GROUP = re.compile(
    r"(?P<section>##\[section\]\S|section_start:\d+:\S|##teamcity\[(?:blockOpened|testSuiteStarted) )"
    r"|(?:##\[group\]|::group::|(?:---|\+\+\+|~~~) :[\w+-]+: )\S"
)
"""The first line of a step in the log of a job."""

JOB = re.compile(rf"{GROUP.pattern}|##\[|::endgroup::|section_end:\d+:|##teamcity\[")
"""The beginning of a line that the service which runs a job adds to what is printed."""
