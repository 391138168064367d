#!/usr/bin/env bash
# Publishes the target programs of the tests: Patient, self-contained, once for each runtime, the same for .NET 10 with
# its symbols inside the assembly, Attacher and HeapReader.
#
#     publish.sh [-o DIR] [net8.0|net9.0|net10.0|net10.0-embedded|attacher|heapreader ...]
#
# Without names: all of them. DIR (default build/targets) gets one folder each. What is up to date, by a hash of the
# sources, is not published again. Several may run at once: they take turns. Quiet unless something fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/../../build/targets
wanted=()
while (($#)); do
    case $1 in
        -o) out=${2:?publish.sh: -o needs a folder}; shift 2 ;;
        net8.0 | net9.0 | net10.0 | net10.0-embedded | attacher | heapreader) wanted+=("$1"); shift ;;
        *) echo "publish.sh: unknown target '$1': net8.0, net9.0, net10.0, net10.0-embedded, attacher or heapreader" >&2; exit 2 ;;
    esac
done
((${#wanted[@]})) || wanted=(net8.0 net9.0 net10.0 net10.0-embedded attacher heapreader)
command -v dotnet > /dev/null || { echo "publish.sh: dotnet is missing: install the .NET SDK 10" >&2; exit 1; }

mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$out/.work
exec 9> "$out/.lock"
flock 9

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# No build server may survive us (and hold the lock).
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
common=(-v quiet -p:UseSharedCompilation=false --artifacts-path "$work")

# The hash of what a project is made of, and of the SDK that builds it.
hash_of() {
    {
        dotnet --version
        cd "$here/$1"
        find . -type f -not -path '*/bin/*' -not -path '*/obj/*' -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum | cut -d' ' -f1
}

project_of() {
    case $1 in
        attacher) echo Attacher ;;
        heapreader) echo HeapReader ;;
        *) echo Patient ;;
    esac
}

# Published beside its place and then moved there: a folder with a stamp is complete.
publish() {
    local name=$1 project fresh=$work/fresh-$1
    project=$(project_of "$name")
    local options=()
    [[ $project != Patient ]] || options=(-f "${name%-embedded}")
    # A configuration of its own, so that two publications of one framework do not meet in one folder.
    if [[ $name == *-embedded ]]; then
        options+=(-c Embedded -p:Optimize=true -p:DebugType=embedded)
    else
        options+=(-c Release)
    fi
    rm -rf "$fresh"
    dotnet publish "$here/$project" "${common[@]}" --nologo --no-restore "${options[@]}" -o "$fresh"
    echo "${hash[$project]}" > "$fresh/.stamp"
    rm -rf "${out:?}/$name"
    mv "$fresh" "$out/$name"
}

declare -A hash stale=()
todo=()
for name in "${wanted[@]}"; do
    project=$(project_of "$name")
    : "${hash[$project]:=$(hash_of "$project")}"
    [[ -f $out/$name/.stamp && $(< "$out/$name/.stamp") == "${hash[$project]}" ]] && continue
    todo+=("$name")
    stale[$project]=1
done
((${#todo[@]})) || exit 0

log=$out/publish.log
: > "$log"
fail() {
    cat "$log" >&2
    echo "publish.sh: $1 failed" >&2
    exit 1
}
for project in "${!stale[@]}"; do
    dotnet restore "$here/$project" "${common[@]}" >> "$log" 2>&1 ||
        fail "restoring $project (is the package source reachable?)"
done
jobs=()
for name in "${todo[@]}"; do
    publish "$name" >> "$log" 2>&1 9>&- &
    jobs+=("$!")
done
status=0
for i in "${!jobs[@]}"; do
    wait "${jobs[$i]}" || { status=1; echo "publishing ${todo[$i]} failed" >> "$log"; }
done
rm -rf "${work:?}/bin" "${work:?}/publish" # copies of the runtimes
((status == 0)) || fail "publishing"
rm -f "$log"
