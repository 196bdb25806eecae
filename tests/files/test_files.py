"""The one write, and what stands for content."""

import os

import pytest

from depthnb import files


def test_content_is_what_counts_not_names_and_times(tmp_path):
    one, other = tmp_path / "one.pth", tmp_path / "other.bin"
    one.write_bytes(b"weights")
    other.write_bytes(b"weights")
    assert files.digest(one) == files.digest(other) and len(files.digest(one)) == 12
    times = (one.stat().st_atime_ns, one.stat().st_mtime_ns)
    one.write_bytes(b"weighty")
    os.utime(one, ns=times)
    assert files.digest(one) != files.digest(other)
    with pytest.raises(OSError):
        files.digest(tmp_path / "missing")


def test_a_network_that_fails_is_not_called_a_full_disk(tmp_path):
    def writer(part):
        part.write_bytes(b"half")
        raise ConnectionError("the server was silent")

    with pytest.raises(ConnectionError, match=r"^the server was silent$"):
        files.write(tmp_path / "file.bin", writer)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_named_as_the_reason(tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(OSError, match=r"could not write .*folder.x \(File exists\); a file is where a folder"):
        files.write_text(tmp_path / "folder" / "x", "text")


def test_a_name_that_is_too_long_is_not_called_a_full_disk(tmp_path):
    with pytest.raises(OSError, match=r"could not write .*; give it a shorter name"):
        files.write_text(tmp_path / ("x" * 300), "text")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_beside_a_file_goes_after_an_hour_with_the_next_write(tmp_path):
    file, kept = tmp_path / "table.csv", [".table.csv.8.part", ".other.csv.7.part", ".table.csv.part"]
    for name in (".table.csv.7.part", *kept):
        (tmp_path / name).write_text("half")
        if name != kept[0]:
            os.utime(tmp_path / name, (1e9, 1e9))
    files.write_text(file, "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "table.csv"])
