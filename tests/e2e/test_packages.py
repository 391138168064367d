"""The packages, each unpacked into an empty root: what is in them, and that the medic in them works from where it lies.

Tested are those in $MEDIC_PACKAGES (./dev package sets it), else packages made from the build, under a hostile umask."""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tarfile

import pytest

import harness
import visit

SPARE = ("chroot", "cpack", "dpkg-deb", "rpm2cpio", "cpio", "rpmbuild")
VERSION = (harness.REPO / "VERSION").read_text().strip()
KINDS = {"deb": "*.deb", "rpm": "*.rpm", "tgz": "*.tar.gz"}


def run(*command, **kwargs):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, timeout=120, **kwargs).stdout


@pytest.fixture(scope="module")
def packages():
    made = os.environ.get("MEDIC_PACKAGES")
    missing = [tool for tool in SPARE if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with harness.temp_dir() as folder:
        if not made:
            run("cmake", "--build", harness.BUILD)  # so that cpack has nothing to build with that umask
            run("cpack", "-B", folder / "packages", cwd=harness.BUILD, umask=0o077)
        yield pathlib.Path(made or folder / "packages")


@pytest.fixture(scope="module")
def roots(packages):
    """{kind: a root in which nothing else is}; `usr` of the tgz is its one folder, renamed."""
    with harness.temp_dir() as folder:
        for kind, pattern in KINDS.items():
            package, = packages.glob(pattern)
            root = folder / kind
            root.mkdir(mode=0o755)
            if kind == "deb":
                run("dpkg-deb", "-x", package, root)
            elif kind == "rpm":
                run("sh", "-c", 'rpm2cpio "$0" | cpio -idm --quiet', package, cwd=root)
            else:
                run("tar", "-C", root, "-xpf", package)
                next(root.iterdir()).rename(root / "usr")
        folder.chmod(0o755)
        yield {kind: folder / kind for kind in KINDS}


@pytest.fixture(params=KINDS)
def usr(request, roots):
    return roots[request.param] / "usr"


def medic(usr, *args, check=0, env=None):
    done = harness.Command([usr / "bin" / "medic", *args], env=env).wait(60)
    assert done.code == check, done.out + done.err
    return done


def files(usr):
    return {str(path.relative_to(usr)): path for path in usr.rglob("*")}


def commands(usr):
    return {line.split("\t")[0] for line in medic(usr, "complete", "commands").out.splitlines()} - {"help"}


# --- what is in them --------------------------------------------------------------------------------------------------

def test_everything_is_in_its_place(usr):
    there = set(files(usr))
    assert {"bin/medic", "lib/medic/libmedic.so", "lib/medic/plugins/runtime_pauses.so", "include/medic/plugin.h",
            "include/medic/service/records.h", "include/medic/clr/profiler.h", "lib/cmake/Medic/MedicConfig.cmake",
            "lib/cmake/Medic/MedicConfigVersion.cmake", "lib/cmake/Medic/MedicPlugin.cmake", "lib/pkgconfig/medic.pc",
            "share/man/man1/medic.1", "share/bash-completion/completions/medic", "share/zsh/site-functions/_medic",
            "share/zsh/vendor-completions/_medic", "share/fish/vendor_completions.d/medic.fish",
            "share/doc/medic/README.md", "share/doc/medic/CHANGELOG.md", "share/doc/medic/LICENSE",
            "share/doc/medic/copyright", "share/medic/template/CMakeLists.txt"} <= there
    assert {f"share/man/man1/medic-{name}.1" for name in commands(usr)} <= there


def test_every_profiler_of_the_repository_is_in_it(usr):
    folders = {path.parent.name for path in (harness.REPO / "plugins").glob("*/CMakeLists.txt")}
    assert folders and {path.stem for path in (usr / "lib/medic/plugins").iterdir()} == folders


def test_modes_do_not_depend_on_the_umask(usr):
    for name, path in {".": usr, **files(usr)}.items():
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o755 if path.is_dir() or name == "bin/medic" else 0o644), f"{name}: {mode:o}"


def test_binaries_are_stripped_and_still_pass_for_plugins(usr):
    for name in ("bin/medic", "lib/medic/libmedic.so", "lib/medic/plugins/runtime_pauses.so"):
        assert ".debug_info" not in run("readelf", "-SW", usr / name), name
    assert ".note.medic" in run("readelf", "-SW", usr / "lib/medic/plugins/runtime_pauses.so")


def test_the_deb_says_what_it_needs(packages):
    package, = packages.glob("*.deb")
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", package).splitlines()
                  if line and line[0] != " ")
    assert fields["Package"] == "medic" and fields["Version"] == VERSION and fields["Section"] == "devel"
    assert re.search(r"\blibc6 \(>= [0-9.]+\)", fields["Depends"]), fields
    assert fields["Description"] and fields["Maintainer"]


def test_the_rpm_says_what_it_needs_and_keeps_its_libraries_to_itself(packages):
    package, = packages.glob("*.rpm")
    assert run("rpm", "-qp", "--qf", "%{name} %{version} %{license}", package) == f"medic {VERSION} MIT"
    assert "libc.so.6" in run("rpm", "-qp", "--requires", package)
    assert ".so" not in run("rpm", "-qp", "--provides", package)
    assert "/usr/bin/medic\n" in run("rpm", "-qpl", package)


def test_the_tgz_is_one_folder_of_files_that_belong_to_root(packages):
    package, = packages.glob("*.tar.gz")
    with tarfile.open(package) as archive:
        assert {member.name.split("/")[0] for member in archive} == {package.name.removesuffix(".tar.gz")}


# --- that it works ----------------------------------------------------------------------------------------------------

def test_version_and_profilers_from_where_it_lies(usr):
    assert medic(usr, "--version").out == f"medic {VERSION}\n"
    listed = {p["name"]: p for p in json.loads(medic(usr, "profilers", "-f", "json").out)}
    assert listed[visit.PROFILER]["usable"]
    assert listed[visit.PROFILER]["file"] == str(usr / "lib/medic/plugins/runtime_pauses.so")


def test_attach(usr, tmp_path):
    with harness.Patient("induced") as p:
        done = medic(usr, "attach", p.pid, "-P", visit.PROFILER, "-d", "500ms", "-o", tmp_path / "s", "-f", "json")
        assert json.loads(done.out)["severity"] in ("warning", "critical", "notice")
        p.assert_works()


def test_alone_with_libc_in_a_root(roots, packages):
    """No library of the machine, no /proc, no /etc: only what `Depends` names."""
    if os.geteuid():
        pytest.skip("chroot is for root")
    with harness.temp_dir() as folder:
        root = folder / "root"
        shutil.copytree(roots["deb"], root)
        for line in run("ldd", root / "usr/bin/medic").splitlines():
            if library := re.search(r"(/\S+) \(0x", line):
                place = root / library[1].lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library[1], place)
        if os.environ.get("MEDIC_PACKAGES"):
            assert {p.name for p in root.rglob("lib*.so*")} <= {"libc.so.6", "libm.so.6", "libmedic.so"}
        assert run("chroot", root, "/usr/bin/medic", "--version") == f"medic {VERSION}\n"
        assert "Usage: medic" in run("chroot", root, "/usr/bin/medic", "help")


def test_dpkg_installs_and_removes_it(packages):
    """With dpkg's own database, in a root of its own; scripts run outside of it with an ldconfig that does nothing."""
    if os.geteuid():
        pytest.skip("dpkg is for root")
    package, = packages.glob("*.deb")
    with harness.temp_dir() as folder:
        root, tools = folder / "root", folder / "tools"
        for path in (root / "var/lib/dpkg/info", root / "var/lib/dpkg/updates", tools):
            path.mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        (tools / "ldconfig").write_text("#!/bin/sh\n")
        (tools / "ldconfig").chmod(0o755)
        dpkg = ("dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless", f"--log={folder / 'log'}")
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        run(*dpkg, "-i", package, env=env)
        assert medic(root / "usr", "--version").out == f"medic {VERSION}\n"
        assert run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${Status}", "medic") == "install ok installed"
        run(*dpkg, "--purge", "medic", env=env)
        assert not (root / "usr").exists() or not files(root / "usr")


# --- for authors of profilers -----------------------------------------------------------------------------------------

def test_a_profiler_is_built_against_it_and_dropped_in(usr, tmp_path):
    work, home = tmp_path / "mine", tmp_path / "home"
    shutil.copytree(usr / "share/medic/template", work)
    run("cmake", "-S", work, "-B", work / "build", f"-DCMAKE_PREFIX_PATH={usr}")
    run("cmake", "--build", work / "build")
    assert f"Medic_DIR:PATH={usr}/lib/cmake/Medic" in (work / "build" / "CMakeCache.txt").read_text()
    folder = home / "medic" / "plugins"
    folder.mkdir(parents=True)
    shutil.copy(work / "build" / "exception_count.so", folder)
    with harness.Patient("names") as p:
        done = medic(usr, "attach", p.pid, "-P", "exception_count", "-d", "500ms", "-o", tmp_path / "s",
                     env={"XDG_DATA_HOME": home})
        assert "exceptions were thrown" in done.out, done.out
        p.assert_works()


def test_another_minor_version_is_not_taken_for_this_one(roots, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(p C)\nfind_package(Medic 0.0)\n"
                                             "message(STATUS \"found: ${Medic_FOUND}\")\n")
    said = run("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={roots['deb'] / 'usr'}")
    assert "found: 0" in said


def test_pkg_config(usr, tmp_path):
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    env = {**os.environ, "PKG_CONFIG_PATH": str(usr / "lib/pkgconfig")}
    assert run("pkg-config", "--modversion", "medic", env=env).strip() == VERSION
    flags = run("pkg-config", "--cflags", "medic", env=env).split()
    (tmp_path / "p.c").write_text("#include <medic/medic.h>\n#include <medic/plugin.h>\nint abi = MEDIC_ABI_MAJOR;\n")
    run("cc", *flags, "-c", tmp_path / "p.c", "-o", tmp_path / "p.o")
