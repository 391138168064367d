"""packaging/release, in a clone in a folder of its own."""

import os
import shutil
import subprocess

import pytest

import harness

VERSION = (harness.REPO / "VERSION").read_text().strip()
NEXT = f"{VERSION.split('.')[0]}.{int(VERSION.split('.')[1]) + 7}.0"
ENV = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
       "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "SOURCE_DATE_EPOCH": "1800000000"}
CHANGES = "# Changelog\n\n## [Unreleased]\n\n### Added\n- The news.\n\n## [0.0.1] - 2020-01-01\n- Old.\n"


@pytest.fixture
def clone():
    """A repository with the files that a release touches; its ./dev makes packages of nothing."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    with harness.temp_dir() as folder:
        (folder / "packaging").mkdir()
        shutil.copy(harness.REPO / "packaging" / "release", folder / "packaging")
        (folder / "VERSION").write_text(f"{VERSION}\n")
        (folder / "CHANGELOG.md").write_text(CHANGES)
        (folder / ".gitignore").write_text("/build/\n")
        (folder / "dev").write_text('#!/bin/sh\n[ "$1" = package ] && [ ! -e broken ] || exit 1\nmkdir -p build/packages && '
                                    'cd build/packages && touch medic.deb medic.rpm medic.tar.gz\n')
        (folder / "dev").chmod(0o755)
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "start")
        yield folder


def git(folder, *args):
    return subprocess.run(["git", *args], cwd=folder, env={**os.environ, **ENV}, check=True, capture_output=True,
                          text=True).stdout.strip()


def release(folder, *args, code=0):
    done = subprocess.run([folder / "packaging" / "release", *args], env={**os.environ, **ENV}, capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_release(clone):
    said = release(clone, NEXT)
    text = (clone / "CHANGELOG.md").read_text()
    assert text == CHANGES.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{NEXT}] - 2027-01-15\n")
    assert (clone / "VERSION").read_text() == f"{NEXT}\n"
    assert git(clone, "log", "-1", "--format=%s") == f"release: {NEXT}"
    assert git(clone, "describe", "--exact-match") == f"v{NEXT}"
    assert git(clone, "status", "--porcelain") == ""
    for name in ("medic.deb", "medic.rpm", "medic.tar.gz"):
        assert f"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  {name}" in said
    assert "nothing was pushed" in said
    assert "says nothing under [Unreleased]" in release(clone, NEXT[:-1] + "1", code=1)


def test_dry_run_changes_nothing(clone):
    before = git(clone, "rev-parse", "HEAD")
    said = release(clone, "--dry-run", NEXT)
    assert f"## [{NEXT}] - 2027-01-15" in said and "- The news." in said and f"tag it v{NEXT}" in said
    assert git(clone, "rev-parse", "HEAD") == before and git(clone, "status", "--porcelain") == "" and not git(clone, "tag")
    assert not (clone / "build").exists()


def test_a_tree_that_is_not_clean_is_refused(clone):
    (clone / "stray").touch()
    assert "not clean" in release(clone, NEXT, code=1)
    assert not git(clone, "tag")


@pytest.mark.parametrize("version, why", [("1.2", "is no version"), ("v1.2.3", "is no version"), ("0.0.2", "is older than"),
                                          ("0.0.1", "")])
def test_versions_that_are_refused(clone, version, why):
    assert why in release(clone, "--dry-run", version, code=1)


def test_a_tag_that_is_there_is_refused(clone):
    git(clone, "tag", f"v{NEXT}")
    assert "is there already" in release(clone, NEXT, code=1)


def test_a_changelog_without_unreleased_is_refused(clone):
    (clone / "CHANGELOG.md").write_text("# Changelog\n")
    git(clone, "commit", "-qam", "x")
    assert "needs one line" in release(clone, NEXT, code=1)


def test_a_failed_build_says_how_to_take_it_back(clone):
    (clone / "broken").touch()
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "x")
    before = git(clone, "rev-parse", "HEAD")
    said = release(clone, NEXT, code=1)
    command = said.split("to take them back: ")[1].strip()
    subprocess.run(["sh", "-c", command], cwd=clone, check=True, env={**os.environ, **ENV}, capture_output=True)
    assert git(clone, "rev-parse", "HEAD") == before and not git(clone, "tag")


def test_the_changelog_of_this_repository_can_be_released():
    text = (harness.REPO / "CHANGELOG.md").read_text()
    assert text.count("\n## [Unreleased]\n") == 1
