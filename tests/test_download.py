import hashlib
import http.server
import io
import random
import tarfile
import threading

import pytest

from kwsstream.data import speech_commands
from kwsstream.errors import UserError


def archive(names):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in names:
            content = random.Random(name).randbytes(20_000)  # does not compress
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def server():
    """Serves `content`, cuts each of the first `cuts` answers after 1000 bytes, and notes where each began."""

    class Handler(http.server.BaseHTTPRequestHandler):
        content, cuts, starts = b"", 0, []

        def do_GET(self):
            start = int(self.headers.get("Range", "bytes=0-").split("=")[1].rstrip("-"))
            Handler.starts.append(start)
            if start >= len(self.content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(self.content) - start))
            self.end_headers()
            end = start + 1000 if Handler.cuts > 0 else None
            Handler.cuts -= 1
            self.wfile.write(self.content[start:end])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        Handler.address = f"http://127.0.0.1:{running.server_address[1]}/data.tar.gz"
        yield Handler
        running.shutdown()


def source(server):
    return server.address, hashlib.sha256(server.content).hexdigest()


def test_a_cut_download_goes_on_where_it_stopped(server, tmp_path):
    server.content, server.cuts = archive(["yes/a_nohash_0.wav", "no/b_nohash_0.wav"]), 2
    speech_commands.download(tmp_path / "corpus", source=source(server))
    assert server.starts == [0, 1000, 2000]
    assert {p.name for p in (tmp_path / "corpus").rglob("*.wav")} == {"a_nohash_0.wav", "b_nohash_0.wav"}
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["corpus"]
    speech_commands.download(tmp_path / "corpus", source=source(server))
    assert len(server.starts) == 3, "what is there is not downloaded again"


def test_a_download_given_up_goes_on_in_the_next_call(server, tmp_path):
    server.content, server.cuts = archive(["yes/a_nohash_0.wav"]), speech_commands.TRIES
    with pytest.raises(UserError, match="run again to go on"):
        speech_commands.download(tmp_path / "corpus", source=source(server))
    assert not (tmp_path / "corpus").exists()
    speech_commands.download(tmp_path / "corpus", source=source(server))
    assert server.starts[-1] == 1000 * speech_commands.TRIES
    assert (tmp_path / "corpus" / "yes" / "a_nohash_0.wav").is_file()


def test_a_damaged_archive_is_refused_and_removed(server, tmp_path):
    server.content = archive(["yes/a_nohash_0.wav"])
    with pytest.raises(UserError, match="SHA-256"):
        speech_commands.download(tmp_path / "corpus", source=(server.address, "0" * 64))
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []


def test_an_archive_that_leads_outside_is_refused(server, tmp_path):
    server.content = archive(["yes/a_nohash_0.wav", "../escaped.wav"])
    with pytest.raises(UserError, match="cannot be unpacked"):
        speech_commands.download(tmp_path / "in" / "corpus", source=source(server))
    assert not list(tmp_path.rglob("escaped.wav")) and not (tmp_path / "in" / "corpus").exists()
