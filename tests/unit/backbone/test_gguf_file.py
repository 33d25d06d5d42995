"""Converting a GGUF file to a folder in Hugging Face layout."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from draft_models import IDS, TEXT, find, leftovers, states, write_gguf
from mutations import mutated
from safetensors.torch import load_file

from longattncomp.backbone.config import read_config, total_layers
from longattncomp.backbone.gguf_file import gguf_layers
from longattncomp.backbone.gguf_header import read_header
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.errors import BrokenModelError, ModelNotFoundError, UnsupportedModelError
from longattncomp.testing import save_draft_model


def test_a_gguf_file_becomes_the_model_it_was_written_from(toy_folder: Path, gguf_file: Path, tmp_path: Path) -> None:
    found = find(gguf_file, tmp_path, layers=2)

    assert (found.layers, total_layers(read_config(found.folder))) == (2, 4)
    assert found.folder.is_relative_to(tmp_path)
    original = load_file(toy_folder / "model.safetensors")
    converted = load_file(found.folder / "model.safetensors")
    prefix = "" if "embed_tokens.weight" in converted else "model."
    for name, weight in converted.items():
        expected = original[f"model.{name.removeprefix(prefix)}"]
        expected = expected.half() if expected.ndim == 2 else expected
        assert torch.equal(weight, expected.bfloat16()), name
    below = [name for name in original if not name.startswith("model.layers.3.")]
    assert len(converted) == len(below)

    expected = states(toy_folder, 2)
    assert float((states(found.folder, 2) - expected).abs().max()) < 1e-2 * float(expected.abs().max())
    ours, theirs = DraftTokenizer.from_folder(found.folder), DraftTokenizer.from_folder(toy_folder)
    assert ours.encode(TEXT) == theirs.encode(TEXT)


def test_a_gguf_file_whose_output_layer_is_its_embedding_is_decoded_with(
    toy_folder: Path, gguf_file: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"model_dir": tmp_path, "device": "cpu", "dtype": "float32"}
    (whole, _), (original, _) = open_whole(str(gguf_file), **options), open_whole(str(toy_folder), **options)
    found, expected = whole(torch.tensor([IDS])).logits, original(torch.tensor([IDS])).logits
    assert float((found - expected).abs().max()) < 2e-2 * float(expected.abs().max())


def test_a_gguf_file_with_an_output_layer_of_its_own_is_only_read_with(toy_folder: Path, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "Untied.gguf", toy_folder, untied=True)
    with pytest.raises(UnsupportedModelError, match=r"output layer of its own.* folder or id instead"):
        open_whole(str(file), model_dir=tmp_path / "cache", device="cpu")
    assert not (tmp_path / "cache").exists(), "nothing was converted in vain"
    assert total_layers(read_config(find(file, tmp_path / "cache", layers=2).folder)) == 4


def test_a_gguf_file_is_converted_once(gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from longattncomp.backbone import gguf_file as module

    found = find(gguf_file, tmp_path, layers=2)
    monkeypatch.setattr(module, "convert", lambda *_: pytest.fail("converted again"))

    assert find(gguf_file, tmp_path, layers=2) == found
    assert find(gguf_file, tmp_path, layers=None) == found
    shallower = find(gguf_file, tmp_path, layers=1)
    assert (shallower.folder, shallower.layers) == (found.folder, 1)


def test_another_file_of_the_same_name_is_converted_anew(gguf_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / gguf_file.name
    other.parent.mkdir()
    write_gguf(other, save_draft_model(tmp_path / "seed 1", seed=1))

    folders = [find(file, tmp_path / "cache").folder for file in (gguf_file, other)]

    assert folders[0] != folders[1]
    assert not torch.equal(states(folders[0], 1), states(folders[1], 1))


def test_a_missing_gguf_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"absent\.GGUF"):
        find(tmp_path / "absent.GGUF", tmp_path / "cache")


BROKEN = {
    "empty": lambda _: b"",
    "two bytes": lambda _: b"GG",
    "random": lambda _: random.Random(0).randbytes(5000),
    "text": lambda _: b"<html>404</html>" * 100,
    "magic only": lambda whole: whole[:4],
    "magic, then random": lambda whole: whole[:8] + random.Random(1).randbytes(3000),
    "no fields": lambda whole: whole[:24],
    "half of the fields": lambda whole: whole[:900],
    "no tensors": lambda whole: whole[:7000],
    "half": lambda whole: whole[: len(whole) // 2],
    "one byte short": lambda whole: whole[:-1],
}


@pytest.mark.parametrize("layers", [None, 1])
@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_a_broken_gguf_file(
    damage: Callable[[bytes], bytes], layers: int | None, gguf_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(damage(gguf_file.read_bytes()))

    with pytest.raises(BrokenModelError, match=r"broken\.gguf"):
        find(file, tmp_path / "cache", layers=layers)

    assert leftovers(tmp_path / "cache") == []


def test_too_few_layers_in_a_gguf_file(gguf_file: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match="4 layers"):
        find(gguf_file, tmp_path / "cache", layers=4)

    assert leftovers(tmp_path / "cache") == []


def test_a_gguf_file_that_lacks_a_tensor(toy_folder: Path, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "hole.gguf", toy_folder, lacks="blk.1.attn_k.weight")

    with pytest.raises(BrokenModelError, match="k_proj"):
        find(file, tmp_path / "cache", layers=2)


@pytest.mark.parametrize(
    "architecture",
    [
        "gpt2",
        "mamba",
        "llama9",
    ],
)
def test_an_unsupported_gguf_file(architecture: str, tmp_path: Path) -> None:
    import gguf

    file = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(str(file), architecture)
    writer.add_block_count(3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    with pytest.raises(UnsupportedModelError, match=architecture):
        find(file, tmp_path / "cache")


# --- made to do harm ----------------------------------------------------------------------------


def field(name: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def header(*fields: bytes, n_fields: int | None = None, tensors: bytes = b"", n_tensors: int = 0) -> bytes:
    n_fields = len(fields) if n_fields is None else n_fields
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_fields) + b"".join(fields) + tensors


def tensor(name: str, shape: tuple[int, ...], *, kind: int = 0, offset: int = 0) -> bytes:
    return text(name.encode()) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


LLAMA = field("general.architecture", 8, text(b"llama"))
CRAFTED = {
    "an array of more items than the file has bytes": header(LLAMA, field("a", 9, struct.pack("<IQ", 4, 10**9))),
    "an array of 2^64 - 1 strings": header(LLAMA, field("a", 9, struct.pack("<IQ", 8, 2**64 - 1))),
    "an array of arrays": header(LLAMA, field("a", 9, struct.pack("<IQIQ", 9, 1, 9, 1))),
    "more items than any model has": header(LLAMA, field("a", 9, struct.pack("<IQ", 0, 3 * 10**6) + bytes(3 * 10**6))),
    "a string of 2^63 bytes": header(LLAMA, field("a", 8, struct.pack("<Q", 2**63))),
    "a word of a megabyte": header(LLAMA, field("a", 9, struct.pack("<IQ", 8, 1) + text(b"a" * 10**6))),
    "2^40 fields": header(LLAMA, n_fields=2**40),
    "2^40 tensors": header(LLAMA, n_tensors=2**40),
    "a tensor of 2^31 dimensions": header(
        LLAMA, tensors=text(b"t") + struct.pack("<I", 2**31) + bytes(4096), n_tensors=1
    ),
    "a tensor of a terabyte": header(LLAMA, tensors=tensor("t", (2**20, 2**18)), n_tensors=1),
    "a tensor beyond the file": header(LLAMA, tensors=tensor("t", (4,), offset=2**63), n_tensors=1),
    "a tensor of no type": header(LLAMA, tensors=tensor("t", (4,), kind=10**6), n_tensors=1),
    "tensors that share their bytes": header(
        LLAMA, tensors=tensor("t", (1000,)) + tensor("u", (1000,)) + bytes(5000), n_tensors=2
    ),
    "one name twice": header(LLAMA, LLAMA),
    "a name that is no text": header(field("\udc80".encode("utf-8", "surrogatepass").decode("latin-1"), 9, b"")),
    "an alignment of 0": header(LLAMA, field("general.alignment", 4, struct.pack("<I", 0))),
    "an alignment of 2^31": header(
        LLAMA, field("general.alignment", 4, struct.pack("<I", 2**31)), tensors=tensor("t", (4,)), n_tensors=1
    ),
    "no architecture": header(),
    "an architecture that is a number": header(field("general.architecture", 4, struct.pack("<I", 7))),
    "no layers": header(LLAMA),
    "layers that are text": header(LLAMA, field("llama.block_count", 8, text(b"four"))),
    "2^32 - 1 layers": header(LLAMA, field("llama.block_count", 4, struct.pack("<I", 2**32 - 1))),
    "another version": b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_gguf_file(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "crafted.gguf"
    file.write_bytes(content)

    for layers in (None, 1):
        with pytest.raises(BrokenModelError, match=r"crafted\.gguf"):
            find(file, tmp_path / "cache", layers=layers)
    with pytest.raises(BrokenModelError, match=r"crafted\.gguf"):
        open_whole(str(file), model_dir=tmp_path / "cache", device="cpu")


def test_a_gguf_file_of_more_weights_than_it_holds(gguf_file: Path, tmp_path: Path) -> None:
    """transformers would allocate them before it looks."""
    whole = gguf_file.read_bytes()
    place = whole.index(b"llama.feed_forward_length") + len("llama.feed_forward_length") + 4
    file = tmp_path / "large.gguf"
    file.write_bytes(whole[:place] + struct.pack("<I", 10**9) + whole[place + 4 :])

    with pytest.raises(BrokenModelError, match=r"describes a model of [\d,]{15,} weights"):
        find(file, tmp_path / "cache", layers=1)


def test_the_header_says_what_the_library_reads(gguf_file: Path) -> None:
    import gguf

    reader = gguf.GGUFReader(gguf_file)
    header = read_header(gguf_file)

    assert header.tensors == {one.name: one.n_elements for one in reader.tensors}
    arrays = gguf.GGUFValueType.ARRAY
    known = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert header.fields == {
        name: None if field.types[0] == arrays else field.contents() for name, field in known.items()
    }


def test_headers_changed_400_times(gguf_file: Path, tmp_path: Path) -> None:
    whole = gguf_file.read_bytes()
    file = tmp_path / "mutated.gguf"
    for seed in range(400):
        file.write_bytes(mutated(whole, seed))
        with suppress(BrokenModelError, UnsupportedModelError):
            gguf_layers(file)


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(400), marks=pytest.mark.long)], ids=len)
def test_files_changed_at_any_place(seeds: range, gguf_file: Path, tmp_path: Path) -> None:
    whole = gguf_file.read_bytes()
    for seed in seeds:
        file = tmp_path / f"{seed}.gguf"
        file.write_bytes(mutated(whole, seed))
        with suppress(BrokenModelError, UnsupportedModelError):
            found = find(file, tmp_path / "cache")
            states(found.folder, 1)
            DraftTokenizer.from_folder(found.folder).encode(TEXT)
        file.unlink()
