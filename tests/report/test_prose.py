"""What notebooks say under their cells."""

from depthnb.report import say


def test_only_the_first_process_says_anything(monkeypatch, capsys):
    for rank, printed in (("0", "two\nlines\n"), ("1", "")):
        for name, value in {"WORLD_SIZE": "2", "RANK": rank}.items():
            monkeypatch.setenv(name, value)
        say("two\nlines")
        assert capsys.readouterr().out == printed
