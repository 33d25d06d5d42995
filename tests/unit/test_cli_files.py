"""Files as they are: encodings, HTML, PDF, and those that cannot be read."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from longattncomp import LongAttnCompWarning
from longattncomp.cli.documents import read_documents
from longattncomp.errors import InputError

SAID = "Die Größe der Wohnung überrascht den Käufer. Für Änderungen am Mietvertrag ist Frau Müller zuständig.\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_files_are_read_without_a_warning(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(SAID.encode(encoding))
    assert [one.text for one in read_documents([str(tmp_path)])] == [SAID]


def test_another_encoding_is_guessed_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes((SAID * 5).encode("cp1252"))
    with pytest.warns(LongAttnCompWarning, match=r"a\.txt is not UTF-8; read as \w+, which is a guess"):
        assert [one.text for one in read_documents([str(tmp_path)])] == [SAID * 5]


def test_one_file_that_cannot_be_read_costs_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refused(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    files = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt", "d.txt")]
    for file, content in zip(files, [b"first", b"", b"\xff\xfeo", b"last"], strict=True):
        file.write_bytes(content)
    monkeypatch.setattr(Path, "open", refused)
    for paths in ([tmp_path], files):
        with pytest.warns(LongAttnCompWarning) as warned:
            assert [one.text for one in read_documents([str(path) for path in paths])] == ["first", "last"]
        assert str(warned[0].message) == f"skipped {files[1]}: Permission denied"
        assert str(warned[1].message).startswith(f"skipped {files[2]}: expected utf-16 as its first bytes say")
    for file in files[1:3]:
        with pytest.raises(InputError, match=f"cannot read {file}: "):
            read_documents([str(file)])


def test_a_page_is_read_as_the_text_that_it_shows(tmp_path: Path) -> None:
    pytest.importorskip("bs4", reason="pip install 'longattncomp[files]'")
    (tmp_path / "a.html").write_text(
        "<!DOCTYPE html><html><head><title>Flat 3</title><style>p {color: red}</style><script>f()</script></head>"
        "<body><a href='/'>Home</a><a href='/us'>About us</a><h1>Leases</h1>"
        "<p>Ada <b>Marsh</b> signed.</p><table><tr><th>Flat</th><th>Rent</th></tr><tr><td>1</td><td>900 &euro;</td>"
        "</tr></table></body></html>"
    )
    (document,) = read_documents([str(tmp_path)])
    assert [line for line in document.text.splitlines() if line] == [
        "Flat 3",
        "Home About us",
        "Leases",
        "Ada Marsh signed.",
        "Flat\tRent",
        "1\t900 €",
    ]


def test_a_pdf_is_read_as_text_and_a_broken_one_is_skipped(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf", reason="pip install 'longattncomp[files]'")
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(200, 200)
    text = pypdf.generic.DecodedStreamObject()
    text.set_data(b"BT /F1 12 Tf 20 100 Td (Ada Marsh signed.) Tj ET")
    page[pypdf.generic.NameObject("/Contents")] = writer._add_object(text)
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    named = {pypdf.generic.NameObject(key): pypdf.generic.NameObject(value) for key, value in font.items()}
    fonts = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/F1"): pypdf.generic.DictionaryObject(named)})
    page[pypdf.generic.NameObject("/Resources")] = pypdf.generic.DictionaryObject(
        {pypdf.generic.NameObject("/Font"): fonts}
    )
    writer.write(tmp_path / "a.pdf")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7\nnothing")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        (document,) = read_documents([str(tmp_path)])
    assert document.text.strip() == "Ada Marsh signed."
    assert any("b.pdf: expected a PDF" in str(one.message) for one in warned)


def test_without_the_libraries_a_warning_names_the_pip_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longattncomp.installed.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "bs4", None)
    (tmp_path / "a.html").write_text(page := "<html><p>Ada.</p></html>")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7\n")
    with pytest.raises(InputError, match=r"pip install 'longattncomp\[files\]'"):
        read_documents([str(tmp_path / "b.pdf")])
    with pytest.warns(LongAttnCompWarning) as warned:
        assert [one.text for one in read_documents([str(tmp_path)])] == [page]
    assert [str(one.message).split()[0] for one in warned] == [str(tmp_path / "a.html"), "skipped"]
    assert all("pip install 'longattncomp[files]'" in str(one.message) for one in warned)
