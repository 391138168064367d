"""The man pages: one for each command, from the tables of the help, clean by the measure of mandoc and man."""

import re
import shutil
import subprocess

import pytest

import harness

PAGES = harness.BUILD / "share" / "man" / "man1"
COMMANDS = [line.split("\t")[0] for line in harness.run_medic(["complete", "commands"], check=0).out.splitlines()] \
    if harness.MEDIC.exists() else []
COMMANDS = [command for command in COMMANDS if command != "help"]
ALL = ["medic", *(f"medic-{command}" for command in COMMANDS)]


def shown(page):
    """The page as plain text, blanks folded."""
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    text = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=78", page], capture_output=True, text=True, check=True).stdout
    return re.sub(r"\s+", " ", re.sub(".\b", "", text))


@pytest.mark.parametrize("name", ALL)
def test_page_is_clean(name):
    page = PAGES / f"{name}.1"
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page], capture_output=True, text=True, check=False)
        # A referenced page that is not installed is no fault of this one; nor is a long example.
        said = [line for line in done.stdout.splitlines() if "outdated" not in line and "longer than 80" not in line
                and "referenced manual not found" not in line]
        assert not said, said
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_page_says_what_the_help_says(command):
    page, text = shown(PAGES / f"medic-{command}.1"), harness.run_medic(["help", command], check=0).out
    for option in re.findall(r"^ {2}(?:-\w,| {3}) (--[a-z-]+)", text, re.M):
        assert option in page
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"):
        assert f" {section} " in page, section
    first = text.split("Examples:\n")[1].split("\n")[0].strip().split("  ")[0]
    assert first in page


def test_overview_lists_every_command_variable_and_code():
    page, text = shown(PAGES / "medic.1"), harness.run_medic(["help"], check=0).out
    for command in COMMANDS:
        assert f"medic-{command}(1)" in page and f"  {command} " in text
    for word in ("MEDIC_PLUGINS", "NO_COLOR", "ENVIRONMENT", "FILES", "130"):
        assert word in page


def test_help_fits_a_terminal():
    for command in COMMANDS:
        text = harness.run_medic(["help", command], env={"COLUMNS": 80}, check=0).out
        examples = text.split("Examples:\n")[1]
        long = [line for line in text.splitlines() if len(line) > 80 and line not in examples and "Usage:" not in line]
        assert not long, long


def test_page_of_an_unknown_command_is_refused():
    assert "there is no command" in harness.run_medic(["help", "--man", "nonsense"], check=3).err
