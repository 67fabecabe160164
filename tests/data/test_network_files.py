"""Files of networks and of their labels: what is read, and what is said of files that cannot be."""

import pickle
import re

import pytest
import torch
from safetensors.torch import save_file

from intertwine.data import NetworkSet, iter_networks, read_networks
from intertwine.data.networks._checkpoint_file import read_state_dict
from intertwine.data.networks._label_table import read_label_table
from intertwine.data.networks._read_networks import architecture_text

STATE = {"0.weight": torch.ones(4, 2), "0.bias": torch.zeros(4), "steps": torch.tensor(3)}
OTHER = {"0.weight": torch.ones(5, 2), "0.bias": torch.zeros(5)}


def refused(message, error=ValueError):
    return pytest.raises(error, match=re.escape(message))


def test_state_dicts_of_all_formats(tmp_path):
    save_file(STATE, tmp_path / "a.safetensors")
    for name, content in [
        ("b.pt", STATE),
        ("c.pth", {"state_dict": STATE, "epoch": 3}),
        ("d.ckpt", {"model": STATE}),
    ]:
        torch.save(content, tmp_path / name)
    for name in ("a.safetensors", "b.pt", "c.pth", "d.ckpt"):
        found = read_state_dict(tmp_path / name)
        assert found.keys() == {"0.weight", "0.bias"}  # whole numbers count, and are no weights
        assert all(tensor.dtype == torch.float32 for tensor in found.values())
    torch.save({"w": torch.ones(2, dtype=torch.float16)}, tmp_path / "half.pt")
    assert read_state_dict(tmp_path / "half.pt")["w"].dtype == torch.float32


def test_checkpoints_that_cannot_be_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit",))

    files = {
        "empty.pt": b"",
        "noise.safetensors": b"noise that is no header",
        "noise.pt": b"noise that is no checkpoint",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name, content in {
        "none.pt": {"epoch": 3},
        "whole.pt": {"n": torch.arange(3)},
        "nan.pt": {"w": torch.tensor([1.0, float("nan")])},
        "inf.pt": {"w": torch.tensor([1.0, float("inf")])},
        "list.pt": [torch.ones(3)],
    }.items():
        torch.save(content, tmp_path / name)
    torch.save({"w": torch.ones(2), "x": Trap()}, tmp_path / "trap.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps({"w": Trap()}))
    for name, message in [
        ("empty.pt", "empty.pt: empty"),
        ("noise.safetensors", "not a safetensors file"),
        ("noise.pt", "not a checkpoint of torch"),
        ("none.pt", "no tensors"),
        ("whole.pt", "no floating-point tensors"),
        ("nan.pt", '"w" has a number that is not finite'),
        ("inf.pt", '"w" has a number that is not finite'),
        ("list.pt", "a list, expected tensors by name"),
        ("trap.pt", "is a pickled checkpoint with more than tensors, which could run code, and is not read"),
        ("old.pt", "is a pickled checkpoint with more than tensors, which could run code, and is not read"),
    ]:
        with refused(message):
            read_state_dict(tmp_path / name)


@pytest.mark.parametrize("error", [AssertionError("storage key"), IndexError(), AttributeError("a\nb"), KeyError("w")])
def test_whatever_torch_raises_is_one_line(tmp_path, monkeypatch, error):
    """In a damaged archive it meets errors of all kinds."""

    def fail(*arguments, **options):
        raise error

    torch.save({"w": torch.ones(2)}, tmp_path / "a.pt")
    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(ValueError, match=r"a.pt: not a checkpoint of torch \([^\n]+\)$"):
        read_state_dict(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("text", "labels", "parts"),
    [
        ("file,label\na,1\nb,2\n", {"a": "1", "b": "2"}, {}),
        ("a,1\n\nb,2\n", {"a": "1", "b": "2"}, {}),
        ("\ufeffName , Class\n a , cat \n", {"a": "cat"}, {}),
        ("accuracy,checkpoint\n0.5,a\n", {"a": "0.5"}, {}),
        ("file,label,split\na,1,train\nb,2,Val\nc,2,test\nd,1,validation\ne,1,training\n",
         {"a": "1", "b": "2", "c": "2", "d": "1", "e": "1"}, {"a": 0, "b": 1, "c": 2, "d": 1, "e": 0}),
    ],
)  # fmt: skip
def test_tables_of_labels(tmp_path, text, labels, parts):
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    assert read_label_table(tmp_path / "labels.csv") == (labels, parts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no rows; expected the columns file and label"),
        (b"\n , \n", "has no rows"),
        (b"file,label\na,1\na,2\n", '"a" has two rows'),
        (b"file,label\na,1\nb,\n", "row 2 has no file or no label"),
        (b"file,label\n,1\n", "row 1 has no file or no label"),
        (b"file,label\na\n", "row 1 has no file or no label"),
        (b"file,label,split\na,1,dev\n", 'row 1 has the split "dev": expected train, validation or test'),
        (b"file,label,split\na,1\n", 'row 1 has the split ""'),
        (b"\xff\xfe\x00a", "is not a table of labels"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, content, message):
    (tmp_path / "labels.csv").write_bytes(content)
    with refused(message):
        read_label_table(tmp_path / "labels.csv")


def test_folders_of_networks(tmp_path):
    with refused("is not a folder; expected checkpoints and labels.csv"):
        read_networks(tmp_path / "none")
    folder = tmp_path / "nets"
    folder.mkdir()
    with refused("no checkpoints (.safetensors"):
        read_networks(folder)
    (folder / "a.pkl").write_bytes(b"")
    with refused("; a.pkl is a pickle, which could run code and is not read"):
        read_networks(folder)
    for name, state in (("a", STATE), ("b", STATE), ("c", OTHER), ("d", OTHER), ("e", STATE)):
        torch.save(state, folder / f"{name}.pt")
    with refused("no labels: expected labels.csv with the columns file and label, or CLASS/FILE"):
        read_networks(folder)
    (folder / "labels.csv").write_text("file,label,split\na,cat,train\nb.pt,dog,test\nc,cat,train\nz,cat,test\n")
    with refused('there is no checkpoint "z" in'):
        read_networks(folder)
    (folder / "labels.csv").write_text(
        "file,label,split\na,cat,train\nb.pt,dog,test\ne,cat,train\nc,bee,train\nd,cat,train\n"
    )
    with refused("has networks of 2 architectures: 1: 3 as a.pt (4x2); 2: 2 as c.pt (5x2). --architecture"):
        read_networks(folder)
    with refused("--architecture 3: "):
        read_networks(folder, architecture=3)
    first, second = (read_networks(folder, architecture=number) for number in (1, 2))
    assert (len(first), len(second)) == (3, 2)
    assert list(first.names) == ["a.pt", "b.pt", "e.pt"]
    assert first.label_names["classes"] == ("cat", "dog")
    assert first.labels["classes"].tolist() == [0, 1, 0]
    assert (first.split.train.tolist(), first.split.test.tolist()) == ([0, 2], [1])
    assert second.shapes == {"0.weight": (5, 2), "0.bias": (5,)}
    assert second.num_weights == 15
    assert first.select([-2]).labels["classes"].tolist() == [1]
    assert torch.equal(first.state_dict(1)["0.weight"], torch.ones(4, 2))


def test_files_that_cannot_be_used_are_named(tmp_path):
    seen = []
    for name, state in (("cat/a", STATE), ("dog/b", STATE), ("dog/c", OTHER)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        torch.save(state, tmp_path / f"{name}.pt")
    (tmp_path / "dog" / "d.pt").write_bytes(b"")
    whole = read_networks(tmp_path, architecture=1, progress=lambda *counts: seen.append(counts))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert whole.skipped == (("dog/d.pt", "empty"),)
    assert whole.labels["classes"].tolist() == [0, 1]
    with refused("d.pt: empty"):
        read_networks(tmp_path, architecture=1, strict=True)
    shapes = {"0.weight": (4, 2), "0.bias": (4,)}
    chunks = list(iter_networks(tmp_path, shapes, 1))
    assert [list(chunk.names) for chunk in chunks] == [["cat/a.pt"], ["dog/b.pt"]]
    together = list(iter_networks(tmp_path, shapes, 10))
    assert [len(chunk) for chunk in together] == [2]
    assert together[0].skipped == (("dog/c.pt", "another architecture: 5x2"), ("dog/d.pt", "empty"))
    assert [len(chunk) for chunk in iter_networks(tmp_path / "cat" / "a.pt", shapes, 10)] == [1]
    with refused("c.pt: another architecture: 5x2"):
        list(iter_networks(tmp_path, shapes, 1, strict=True))
    with refused("no network that can be used: a.pt (another architecture: 4x2)"):
        list(iter_networks(tmp_path / "cat" / "a.pt", {"w": (1,)}, 1))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.pt").write_bytes(b"")
    with refused("no file can be read: x.pt (empty)"):
        (tmp_path / "bad" / "labels.csv").write_text("x,1\n")
        read_networks(tmp_path / "bad")


def test_sets_of_networks_check_themselves():
    with refused("expected tensors of one length, a row for each network; got lengths [2, 3]"):
        NetworkSet({"a": torch.ones(2, 1), "b": torch.ones(3, 1)})
    with refused("got lengths [2, 3]"):
        NetworkSet({"a": torch.ones(2, 1)}, {"classes": torch.zeros(3)})
    with refused("got lengths []"):
        NetworkSet({})
    with refused("expected 2 names, got 1"):
        NetworkSet({"a": torch.ones(2, 1)}, names=["x"])
    assert list(NetworkSet({"a": torch.ones(2, 1)}).names) == ["1", "2"]


def test_the_text_of_an_architecture():
    wide = tuple((str(k), (k, 2)) for k in range(1, 8))
    assert architecture_text(wide[:6]) == "1x2, 2x2, 3x2, 4x2, 5x2, 6x2"
    assert architecture_text(wide) == "1x2, 2x2, 3x2, 4x2, 5x2, 6x2, .."
    assert architecture_text((("bias", (3,)),)) == "no matrices"
