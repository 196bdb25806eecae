"""Kernels that are forked from a process with torch in it are otherwise like any other."""

import os
import sys
import time

import pytest
import warm_kernels
from jupyter_client.manager import start_new_kernel

import depthnb

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKED_FOR", "this")
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)


def said(client, code: str) -> str:
    """What a cell prints."""
    heard = []
    client.execute_interactive(code, timeout=60, output_hook=lambda each: heard.append(each["content"].get("text", "")))
    return "".join(heard)


def test_it_is_where_it_was_asked_for_and_knows_nothing_of_ours(kernel, tmp_path):
    manager, client = kernel
    assert isinstance(manager.provisioner.process, warm_kernels.Kernel)
    told = said(
        client, "import os, sys; print(os.getcwd(), os.environ['ASKED_FOR'], __name__, sys.stdin.read(1) == '')"
    )
    assert told.split() == [str(tmp_path), "this", "__main__", "True"]
    known = said(
        client, "print([each for each in sys.modules if each in ('torch', 'timm') or each.startswith('depthnb')])"
    )
    assert sorted(eval(known)) == ["timm", "torch"]
    assert said(client, "import depthnb; print(depthnb.__file__)").strip() == depthnb.__file__


def test_it_can_be_interrupted_and_ended(kernel):
    manager, client = kernel
    number = client.execute("import time; print('begun'); time.sleep(60)")
    while client.get_iopub_msg(timeout=60)["content"].get("text", "") != "begun\n":
        pass
    manager.interrupt_kernel()
    answer = {"parent_header": {}}
    while answer["parent_header"].get("msg_id") != number:  # the first may answer what was asked while it began
        answer = client.get_shell_msg(timeout=60)
    assert answer["content"]["ename"] == "KeyboardInterrupt"
    pid = manager.provisioner.process.pid
    manager.shutdown_kernel()
    assert not manager.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_dies_says_how(kernel):
    manager, client = kernel
    process = manager.provisioner.process
    client.execute("import os; os._exit(7)")
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert process.poll() == process.wait() == 7
