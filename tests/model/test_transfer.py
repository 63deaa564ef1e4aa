"""Arrays in one buffer come out as they went in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from squadron.model.transfer import pack, upload, views

CPU = torch.device("cpu")


def arrays() -> dict[str, npt.NDArray[np.generic]]:
    """Return arrays of all that is sent: odd sizes, none at all, a number alone, and one that is not contiguous."""
    generator = np.random.default_rng(1)
    return {
        "flags": generator.random((3, 7)) > 0.5,
        "tokens": generator.integers(0, 99, 5),
        "empty": np.zeros((0, 6), dtype=np.int32),
        "bytes": generator.integers(0, 255, 13).astype(np.uint8),
        "blocks": generator.integers(0, 99, (3, 4)).astype(np.int32),
        "none": np.zeros(0, dtype=np.float32),
        "factor": np.array(2.5, dtype=np.float32),
        "turned": generator.random((4, 3)).T,
    }


def test_arrays_come_out_as_they_went_in() -> None:
    given = arrays()
    packed = pack(given, CPU)
    for found in (packed.upload(CPU), upload(given, CPU), views(packed.host.clone(), packed.layout)):
        assert list(found) == list(given)
        for name, array in given.items():
            assert found[name].dtype == torch.from_numpy(np.ascontiguousarray(array)).dtype
            assert found[name].shape == array.shape
            assert np.array_equal(found[name].numpy(), array), name


def test_every_array_starts_at_a_multiple_of_16_bytes_of_one_buffer() -> None:
    packed = pack(arrays(), CPU)
    starts = [start for *_, start in packed.layout]
    assert all(start % 16 == 0 for start in starts)
    assert starts == sorted(starts)
    found = packed.upload(CPU)
    assert {tensor.untyped_storage().data_ptr() for tensor in found.values()} == {packed.host.data_ptr()}
    assert packed.host.dtype == torch.uint8
    assert packed.host.numel() < sum(array.nbytes + 16 for array in arrays().values())


def test_writing_changes_the_arrays_of_these_names_alone() -> None:
    given = arrays()
    packed = pack(given, CPU)
    changed = {"blocks": -np.ones((3, 4), dtype=np.int32), "flags": ~given["flags"], "empty": given["empty"]}
    packed.write(changed)
    found = packed.upload(CPU)
    for name, array in (given | changed).items():
        assert np.array_equal(found[name].numpy(), array), name


@pytest.mark.parametrize(
    "other", [np.zeros((4, 3), dtype=np.int32), np.zeros(12, dtype=np.int32), np.zeros((3, 4), dtype=np.int64)]
)
def test_only_an_array_of_the_same_shape_and_dtype_is_written(other: npt.NDArray[np.generic]) -> None:
    packed = pack(arrays(), CPU)
    before = packed.host.clone()
    with pytest.raises(AssertionError, match="blocks"):
        packed.write({"blocks": other})
    assert torch.equal(packed.host, before)


def test_the_layout_is_that_of_shapes_and_dtypes() -> None:
    """Steps of one layout share a recorded graph."""
    given = arrays()
    same = {name: np.zeros_like(array) for name, array in given.items()}
    longer = given | {"tokens": np.zeros(6, dtype=np.int64)}
    assert pack(given, CPU).layout == pack(same, CPU).layout
    assert hash(pack(given, CPU).layout) == hash(pack(same, CPU).layout)
    assert pack(given, CPU).layout != pack(longer, CPU).layout
