"""The result object, and what programs may hand over as an image."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge import Segmenter, SourceError
from fastscnn_edge.runtime.images import read_image
from tests.helpers import random_image


@pytest.fixture
def segmenter(tiny_model: Path) -> Segmenter:
    return Segmenter(tiny_model)


def test_array_pillow_image_and_path_are_the_same_image(segmenter: Segmenter, image: Path) -> None:
    wanted = segmenter.predict(read_image(image))
    with Image.open(image) as opened:
        for form in (str(image), image, opened, opened.convert("RGB")):
            np.testing.assert_array_equal(segmenter.predict(form), wanted)


def test_lists_give_lists(segmenter: Segmenter, image: Path) -> None:
    maps = segmenter.predict([image, random_image(40, 50)])
    assert [class_map.shape for class_map in maps] == [(90, 120), (40, 50)]
    assert [result.name for result in segmenter.segment((image, random_image(40, 50)))] == [image.stem, "image"]
    assert segmenter.predict([]) == []


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_a_pillow_image_of_any_mode(segmenter: Segmenter, mode: str) -> None:
    image = Image.fromarray(random_image(40, 50)).convert(mode)
    np.testing.assert_array_equal(segmenter.predict(image), segmenter.predict(np.asarray(image.convert("RGB"))))


@pytest.mark.parametrize("image", [None, 7, b"bytes", {"a": 1}, [None]])
def test_anything_else_is_a_type_error_with_a_sentence(segmenter: Segmenter, image: object) -> None:
    with pytest.raises(TypeError, match=r"an image is a numpy array .* a Pillow image or a path, not"):
        segmenter.predict(image)  # type: ignore[call-overload]


def test_a_missing_file_is_a_source_error(segmenter: Segmenter) -> None:
    with pytest.raises(SourceError, match="no such picture"):
        segmenter.segment("absent.jpg")


def test_everything_about_an_image(segmenter: Segmenter, image: Path, tmp_path: Path) -> None:
    result = segmenter.segment(image)
    np.testing.assert_array_equal(result.class_map, segmenter.predict(image))
    assert sum(result.class_shares.values()) == pytest.approx(1)
    assert list(result.class_shares.values()) == sorted(result.class_shares.values(), reverse=True)
    grid, whole = result.probabilities(), result.probabilities(full_size=True)
    assert (grid.shape, whole.shape) == ((8, 12, 11), (90, 120, 11))
    assert np.abs(whole.sum(2) - 1).max() < 1e-5
    assert (whole.argmax(2) == result.class_map).mean() > 0.999
    label = next(iter(result.class_shares))
    assert result.mask_of(label).mean() == pytest.approx(result.class_shares[label])
    with pytest.raises(ValueError, match="no class 'boat'; one of: sky"):
        result.mask_of("boat")
    assert result.overlay(legend=False).size == (120, 90)
    assert result.overlay().size[1] > 90
    overlay, mask = result.save(tmp_path / "results")
    with Image.open(mask) as saved:
        np.testing.assert_array_equal(np.asarray(saved), result.class_map)
    with Image.open(overlay) as saved:
        np.testing.assert_array_equal(np.asarray(saved), np.asarray(result.overlay()))
    assert "90x120" in repr(result)


def test_probabilities_of_integer_logits_are_in_real_units(segmenter: Segmenter, image: Path) -> None:
    quantization = segmenter.engine.output_quantization
    assert quantization is not None
    result = segmenter.segment(image)
    integers = result.logits / quantization.scale + quantization.zero_point
    assert np.abs(integers - np.rint(integers)).max() < 1e-3


def test_threads_share_segment(segmenter: Segmenter) -> None:
    images = [random_image(40, 50, seed) for seed in range(4)]
    wanted = [segmenter.segment(image) for image in images]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(20):
            result = segmenter.segment(images[index])
            if not np.array_equal(result.logits, wanted[index].logits):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_stream_of_pictures_or_a_video(segmenter: Segmenter, image: Path, video: Path) -> None:
    assert [result.name for result in segmenter.stream(image.parent)] == [image.stem]
    results = list(segmenter.stream(video))
    assert [result.name for result in results] == [f"frame_{number:06d}" for number in range(1, len(results) + 1)]


def test_a_stream_can_be_left(segmenter: Segmenter, video: Path) -> None:
    stream = segmenter.stream(f"file:{video}")
    assert next(stream).class_map.ndim == 2
    stream.close()


@pytest.mark.parametrize("source", ["absent.jpg", 97])
def test_a_stream_of_nothing(segmenter: Segmenter, source: str | int) -> None:
    with pytest.raises(SourceError, match=r"no such picture|no camera"):
        next(segmenter.stream(source))


def test_what_it_is_shows_in_a_console(segmenter: Segmenter) -> None:
    assert repr(segmenter).startswith("<Segmenter int8 64x96, 11 classes, ")
    segmenter.close()
    assert repr(segmenter) == "<Segmenter, closed>"
