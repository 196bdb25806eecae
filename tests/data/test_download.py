"""Downloads: checked before they get their name, clear without a network, archives that cannot write elsewhere."""

import hashlib
import http.server
import io
import tarfile
import threading
import time
import zipfile

import pytest

from depthnb.data import download

CONTENT = bytes(range(256)) * 40
SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; /cut promises more than it sends, /stall sends a little and then nothing."""

    requests: list[str] = []  # noqa: RUF012, the server makes one handler for each request

    def do_GET(self):
        self.requests.append(self.path)
        if self.path == "/missing":
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/cut":
            self.wfile.write(CONTENT[:1000])
        elif self.path == "/stall":
            self.wfile.write(CONTENT[:1000])
            self.wfile.flush()
            time.sleep(2)
        else:
            self.wfile.write(CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_good_file_gets_its_name_once(server, tmp_path):
    Handler.requests.clear()
    target = tmp_path / "new" / "file.bin"
    for _ in range(2):
        assert download.fetch(f"{server}/file.bin", target, checksum=SHA, size=len(CONTENT)) == target
    assert target.read_bytes() == CONTENT and list(target.parent.iterdir()) == [target]
    assert Handler.requests == ["/file.bin"]
    md5 = "md5:" + hashlib.md5(CONTENT).hexdigest().upper()
    assert download.fetch(f"{server}/file.bin", tmp_path / "again", checksum=md5).is_file()


@pytest.mark.parametrize(
    ("path", "checksum", "size", "kind", "words"),
    [
        ("/f", "sha256:" + "0" * 64, None, ValueError, "expected 0000"),
        ("/f", None, 5, ValueError, "10240 bytes, expected 5"),
        ("/cut", SHA, None, (ConnectionError, ValueError), "cannot download|sha256"),
        ("/stall", SHA, None, ConnectionError, "Without a network"),
        ("/missing", SHA, None, ConnectionError, "404"),
    ],
)
def test_a_bad_download_leaves_nothing(server, tmp_path, path, checksum, size, kind, words):
    target = tmp_path / "file.bin"
    with pytest.raises(kind, match=words):
        download.fetch(server + path, target, checksum=checksum, size=size, stall=0.5)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network(tmp_path):
    with pytest.raises(ConnectionError, match=r"get the file elsewhere and put it at .*file\.bin"):
        download.fetch("http://127.0.0.1:9/file.bin", tmp_path / "file.bin", checksum=SHA, stall=1)


def test_a_file_brought_by_hand_is_checked(tmp_path):
    (tmp_path / "f").write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"f: 10239 bytes, expected 10240"):
        download.fetch("http://127.0.0.1:9/f", tmp_path / "f", checksum=SHA, size=len(CONTENT))
    with pytest.raises(ValueError, match="expected 'sha256:<hex>'"):
        download.check_file(tmp_path / "f", "abc", None)


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


def test_a_known_set_is_fetched_and_unpacked(server, tmp_path, monkeypatch):
    archive = make_archive(tmp_path / "set.zip", ["val/1.txt"])
    content = archive.read_bytes()
    monkeypatch.setattr(
        Handler, "do_GET", lambda self: (self.send_response(200), self.end_headers(), self.wfile.write(content))
    )
    remote = download.Remote(f"{server}/set.zip", len(content), "sha256:" + hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(download.ORIGINS, "toy", download.Origin("page", "small", "val/", "free", (remote,)))
    assert download.download("toy", tmp_path / "root") == [tmp_path / "root" / "set.zip"]
    assert (tmp_path / "root" / "val" / "1.txt").read_text() == "text"
    with pytest.raises(ValueError, match=r"kitti cannot be fetched.*cvlibs"):
        download.download("kitti", tmp_path)
    with pytest.raises(ValueError, match="no known origin"):
        download.download("toys", tmp_path)


def test_every_origin_says_what_a_user_needs():
    for name, origin in download.ORIGINS.items():
        assert origin.page.startswith("http") and "GB" in origin.size and "/" in origin.layout + "/" and origin.terms, (
            name
        )
        for file in origin.files:
            assert file.url.startswith("http") and file.name
            assert file.checksum is None or file.checksum.split(":")[0] in ("sha256", "md5")
