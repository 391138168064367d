"""Fixtures of the end-to-end tests; what they give is in harness.py."""

import pytest

import harness


@pytest.fixture
def patient():
    """Starts patients that end with the test: `p = patient("induced", "net8.0", gap=True)`."""
    started = []

    def start(*args, **kwargs):
        started.append(harness.Patient(*args, **kwargs))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(params=harness.RUNTIMES)
def runtime(request):
    """Each runtime in turn."""
    return request.param


@pytest.fixture
def out_dir():
    """A folder for sessions that is gone afterwards, whatever a test did to its rights."""
    with harness.temp_dir() as path:
        yield path


@pytest.fixture
def medic():
    """run_medic, or a skip when medic is not built: `medic(["ps"], check=0)`."""
    if not harness.MEDIC.exists():
        pytest.skip(f"{harness.MEDIC} is not built")
    return harness.run_medic
