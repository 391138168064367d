"""Readers of foreign formats from npm, kept in the build folder."""

import os
import shutil
import subprocess

import harness


def install(folder, packages):
    """build/<folder> with these packages ({name: version}) in node_modules. Nothing of theirs runs while they are installed."""
    assert shutil.which("npm") and shutil.which("node"), "npm is missing: apt-get install npm"
    place = harness.BUILD / folder
    place.mkdir(exist_ok=True)
    wanted = [f"{name}@{version}" for name, version in packages.items()]
    marker = place / "installed"
    if not marker.exists() or marker.read_text() != " ".join(wanted):
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(place),
                        *wanted], env={**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"}, check=True, timeout=300)
        marker.write_text(" ".join(wanted))
    return place


def ask(folder, script, *args, timeout=120):
    """Runs a script of node among the packages; what it writes to stdout."""
    done = subprocess.run(["node", "-e", script, *map(str, args)], cwd=folder, capture_output=True, text=True,
                          timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
