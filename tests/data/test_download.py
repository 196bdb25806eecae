"""Data sets' downloads: what they need is said, known sets are fetched and unpacked, archives cannot do harm."""

import gzip
import hashlib
import io
import os
import tarfile
import zipfile

import pytest
from hostile_server import server  # noqa: F401, a fixture

from depthnb import cli
from depthnb.data import download
from depthnb.data.download import archives


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("DEPTHNB_OFFLINE")


def make_archive(path, names, link=None):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as handle:
            for name in names:
                handle.writestr(name, "text")
        return path
    with tarfile.open(path, "w:gz") as handle:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            handle.addfile(member, io.BytesIO(b"text"))
        if link:
            member = tarfile.TarInfo("link")
            member.type, member.linkname = tarfile.SYMTYPE, link
            handle.addfile(member)
    return path


@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_archives_unpack_and_merge(tmp_path, kind):
    archive = make_archive(tmp_path / kind, ["val/x/1.txt", "val/2.txt", "top.txt"])
    (tmp_path / "out" / "val").mkdir(parents=True)
    (tmp_path / "out" / "val" / "old.txt").write_text("old")
    assert download.unpack(archive, tmp_path / "out") == ["top.txt", "val"]
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert found == ["top.txt", "val/2.txt", "val/old.txt", "val/x/1.txt"]


@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "C:\\evil.txt", "..\\evil.txt"])
def test_archives_cannot_write_elsewhere(tmp_path, kind, name):
    archive = make_archive(tmp_path / kind, ["good.txt", name])
    with pytest.raises(ValueError, match="outside the folder"):
        download.unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [] and not (tmp_path / "evil.txt").exists()


def test_links_and_broken_archives_are_refused(tmp_path):
    with pytest.raises(ValueError, match="link or device"):
        download.unpack(make_archive(tmp_path / "a.tar.gz", ["good.txt"], link="/etc/passwd"), tmp_path / "out")
    whole = make_archive(tmp_path / "b.tar.gz", [f"{i}.txt" for i in range(200)])
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(ValueError, match="not an archive"):
        download.unpack(whole, tmp_path / "out")
    (tmp_path / "c.zip").write_text("<html>")
    with pytest.raises(ValueError, match="not an archive"):
        download.unpack(tmp_path / "c.zip", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_broken_archives_are_one_clear_sentence(tmp_path):
    """Every byte of a gzip is read, so that its checksum counts; whatever a library stumbles over is one ValueError."""
    names = [f"{i}.txt" for i in range(50)]
    good = make_archive(tmp_path / "good.tar.gz", names).read_bytes()
    for spoilt in (good[:-3], good[:-8] + b"12345678", good[:200] + b"\0" * 30 + good[230:], good + good[:30]):
        (tmp_path / "a.tar.gz").write_bytes(spoilt)
        with pytest.raises(ValueError, match=r"a\.tar\.gz: not an archive that can be unpacked .*get it again"):
            download.unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    zipped = make_archive(tmp_path / "good.zip", names).read_bytes()
    with zipfile.ZipFile(tmp_path / "good.zip") as handle:
        start = handle.infolist()[20].header_offset
    (tmp_path / "a.zip").write_bytes(zipped[: start + 35] + b"X" + zipped[start + 36 :])
    with pytest.raises(ValueError, match="not an archive that can be unpacked"):
        download.unpack(tmp_path / "a.zip", tmp_path / "out")
    for kind in ("b.tar.gz", "b.zip"):
        with pytest.raises(ValueError, match="not an archive that can be unpacked"):
            download.unpack(make_archive(tmp_path / kind, ["a", "a/b"]), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_stands_in_the_way_is_named(tmp_path):
    (tmp_path / "out" / "val" / "1.txt").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"val.1\.txt is in the way"):
        download.unpack(make_archive(tmp_path / "a.zip", ["val/1.txt"]), tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"could not unpack .*a file is where a folder should be"):
        download.unpack(tmp_path / "a.zip", tmp_path / "file")


def bomb(path, size):
    """An archive of zeros, a thousandth of what it unpacks to."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as handle:
            handle.writestr("zeros", bytes(size))
    else:
        with tarfile.open(path, "w:gz") as handle:
            member = tarfile.TarInfo("zeros")
            member.size = size
            handle.addfile(member, io.BytesIO(bytes(size)))
    return path


@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_what_an_archive_unpacks_to_is_bounded(tmp_path, kind):
    archive = bomb(tmp_path / kind, 80 * 2**20)
    assert archive.stat().st_size < 2**20
    with pytest.raises(ValueError, match=r"bytes that unpack to more than 67,108,864, .*do not trust"):
        download.unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(ValueError, match="more than 1,000,"):
        download.unpack(bomb(tmp_path / kind, 1500), tmp_path / "out", most=1000)
    assert download.unpack(bomb(tmp_path / kind, 1500), tmp_path / "out", most=2000) == ["zeros"]


def test_what_follows_the_end_of_a_tar_is_bounded_too(tmp_path):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as handle:
        handle.addfile(tarfile.TarInfo("empty"))
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(plain.getvalue() + bytes(80 * 2**20)))
    with pytest.raises(ValueError, match="do not trust"):
        download.unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_an_archive_is_unpacked_once_and_after_a_kill_again(tmp_path):
    archive, out = make_archive(tmp_path / "a.tar.gz", ["val/1.txt"]), tmp_path / "out"
    (out / ".a.tar.gz.unpacking" / "val").mkdir(parents=True)  # what a killed process left
    assert archives.unpack_once(archive, out) and not archives.unpack_once(archive, out)
    assert not (out / ".a.tar.gz.unpacking").exists()
    os.utime(archive, (1, 1))
    assert archives.unpack_once(archive, out)
    (out / "val" / "1.txt").unlink()
    (out / "val").rmdir()
    assert archives.unpack_once(archive, out) and (out / "val" / "1.txt").is_file()


@pytest.fixture
def toy(server, tmp_path, monkeypatch):  # noqa: F811
    """A known set of two files, one of them an archive."""
    archive = make_archive(tmp_path / "set.zip", ["val/1.txt"]).read_bytes()
    server.files = {"/set.zip": archive, "/list.txt": b"a list"}
    digest = "sha256:" + hashlib.sha256(archive).hexdigest()
    remotes = (
        download.Remote(f"{server.url}/set.zip", len(archive), digest, "val", mirrors=(f"{server.url}/missing",)),
        download.Remote(f"{server.url}/list.txt", part="train"),
    )
    monkeypatch.setitem(download.ORIGINS, "toy", download.Origin("page", "small", "val/", "free", remotes))
    return server


def test_a_known_set_is_fetched_and_unpacked(toy, tmp_path):
    root = tmp_path / "root"
    assert download.download("toy", root, parts=["val"]) == [root / "set.zip"]
    assert (root / "val" / "1.txt").read_text() == "text" and not (root / "list.txt").exists()
    assert download.download("toy", root) == [root / "set.zip", root / "list.txt"]
    with pytest.raises(ValueError, match=r"kitti cannot be fetched.*cvlibs"):
        download.download("kitti", tmp_path)
    with pytest.raises(ValueError, match="no known origin"):
        download.download("toys", tmp_path)
    with pytest.raises(ValueError, match="part 'test' of toy is not known; expected one of val, train"):
        download.download("toy", tmp_path, parts=["test"])
    with pytest.raises(ValueError, match="comes in one piece"):
        download.plan("nyu-v2", tmp_path, ["val"])


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("usage", (), {"free": 100}))
    need = download.ORIGINS["toy"].files[0].bytes
    with pytest.raises(OSError, match=f"needs {need} bytes .* and 100 are free: {need - 100} are missing"):
        download.download("toy", tmp_path / "root")
    assert not toy.requests
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / ".set.zip.part").write_bytes(bytes(need - 50))  # what is there need not fit again
    assert download.plan("toy", tmp_path / "root").need == 50


def test_the_command_says_what_it_will_do_and_does_it(toy, tmp_path, capsys, monkeypatch):
    root = str(tmp_path / "root")
    assert cli.main(["download", "toy", "--root", root]) == 1  # nobody sits at the keyboard
    said = capsys.readouterr()
    assert "--yes" in said.err and not toy.requests and not os.path.exists(root)
    for words in ("toy: page", "small; 0.00 GB to fetch; size not known of list.txt", "terms: free", f"place: {root}"):
        assert words in said.out
    monkeypatch.setenv("DEPTHNB_OFFLINE", "1")
    assert cli.main(["download", "toy", "--root", root, "--yes"]) == 1
    assert f"{toy.url}/set.zip" in capsys.readouterr().out and not toy.requests
    monkeypatch.setenv("DEPTHNB_OFFLINE", "0")
    assert cli.main(["download", "toy", "--root", root, "--yes", "--part", "val"]) == 0
    assert (tmp_path / "root" / "val" / "1.txt").is_file() and "set.zip: complete" in capsys.readouterr().out
    monkeypatch.setenv("DEPTHNB_OFFLINE", "1")  # what is there needs no network, and nobody is asked
    assert cli.main(["download", "toy", "--root", root, "--part", "val"]) == 0
    assert "there: set.zip" in capsys.readouterr().out
    monkeypatch.delenv("DEPTHNB_DATA", raising=False)
    assert cli.main(["download", "toy"]) == 1 and "add --root DIR" in capsys.readouterr().err
    assert cli.main(["download", "kitti", "--root", root]) == 1
    assert "cannot be fetched by a program" in capsys.readouterr().err
    assert cli.main(["download", "nyu", "--root", root]) == 1 and "expected one of nyu-v2" in capsys.readouterr().err


def test_every_origin_says_what_a_user_needs():
    for name, origin in download.ORIGINS.items():
        assert origin.page.startswith("http") and "GB" in origin.size and "/" in origin.layout + "/" and origin.terms, (
            name
        )
        for file in origin.files:
            assert file.url.startswith("http") and file.name
            assert file.checksum is None or file.checksum.split(":")[0] in ("sha256", "md5")
