"""The page in a real browser: Chromium, driven by playwright."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.runtime.web.listen_address import ListenAddress
from fastscnn_edge.runtime.web.view import About, WebView
from tests.helpers import segmented

playwright = pytest.importorskip("playwright.sync_api", reason="a real browser needs playwright")

PIXELS = """() => {
  const view = document.querySelector("#view:not([hidden]), #still:not([hidden])");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const context = canvas.getContext("2d");
  context.drawImage(view, 0, 0, 8, 8);
  return context.getImageData(0, 0, 8, 8).data.join();
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: apt install chromium")
    with playwright.sync_playwright() as library:
        started = library.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Run:
    """A run whose frames get brighter and whose sky grows, until it is stopped."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.view = WebView(ListenAddress(host, 0), CAMVID, About("drive.mp4", "tiny"), lambda: 3)
        self.url = self.view.url.replace(f"//{self.view.url.split('/')[2].split(':')[0]}:", "//127.0.0.1:")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go)
        self._thread.start()

    def _go(self) -> None:
        number = 0
        while not self._stop.wait(0.05):
            number += 1
            class_map = np.full((48, 64), 8, np.uint8)
            class_map[: 1 + number % 40] = 0
            rgb = np.full((48, 64, 3), number * 5 % 256, np.uint8)
            self.view.write(segmented(rgb, class_map, f"frame_{number:06d}"))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.view.close()


@pytest.fixture
def run() -> Iterator[Run]:
    made = Run()
    yield made
    made.stop()


def open_page(browser: Any, run: Run, **context: Any) -> tuple[Any, list[str]]:
    page = browser.new_context(**context).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(run.url, wait_until="domcontentloaded")
    page.wait_for_selector("#state[data-state=live]")
    wait_until(page, "document.getElementById('view').naturalWidth === 64")
    return page, complaints


def wait_until(page: Any, expression: str) -> None:
    """Asked again and again from here: the library's own waiting needs eval, which the page's policy forbids."""
    deadline = time.monotonic() + 30
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"waited in vain for {expression}"
        page.wait_for_timeout(50)


def changes(page: Any) -> bool:
    before = page.evaluate(PIXELS)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if page.evaluate(PIXELS) != before:
            return True
        page.wait_for_timeout(100)
    return False


def test_frames_change_and_figures_follow(browser: Any, run: Run) -> None:
    page, complaints = open_page(browser, run)
    assert changes(page)
    frame, sky = page.inner_text("#frame"), page.inner_text("#classes li:first-child span:last-child")
    wait_until(page, f"document.getElementById('frame').textContent !== '{frame}'")
    wait_until(page, f"document.querySelector('#classes li span:last-child').textContent !== '{sky}'")
    assert page.inner_text("#source") == "drive.mp4"
    assert float(page.inner_text("#fps")) > 0
    assert page.inner_text("#dropped") == "3"
    assert page.locator("#classes li").count() == len(CAMVID)
    assert page.evaluate("getComputedStyle(document.querySelector('.swatch')).backgroundColor") == "rgb(70, 130, 180)"
    assert page.locator("li[data-absent=true]").count() == len(CAMVID) - 2
    assert complaints == []  # nor does the content security policy stop anything of ours


def test_pause_and_resume(browser: Any, run: Run) -> None:
    page, _ = open_page(browser, run)
    page.click("#pause")
    page.wait_for_selector("#still:not([hidden])")
    held = page.evaluate(PIXELS)
    page.wait_for_timeout(1000)
    assert page.evaluate(PIXELS) == held
    assert page.inner_text("#pause") == "Resume"
    page.click("#pause")
    page.wait_for_selector("#view:not([hidden])")
    wait_until(page, "document.getElementById('view').naturalWidth === 64")
    assert changes(page)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_cut_off(browser: Any, run: Run, width: int) -> None:
    page, _ = open_page(browser, run, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("#view", "#fps", "#pause", "#classes li:last-child"):
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_the_token_leaves_the_address_and_others_stay_out(browser: Any) -> None:
    run = Run("0.0.0.0")
    try:
        page, _ = open_page(browser, run)
        assert "token" not in page.url
        assert changes(page)
        stranger = browser.new_context().new_page()
        assert stranger.goto(run.url.split("?")[0]).status == 403
    finally:
        run.stop()


def test_the_end_of_the_run_is_told(browser: Any) -> None:
    run = Run()
    page, _ = open_page(browser, run)
    run.view.finish()
    wait_until(page, "document.getElementById('state').textContent === 'all frames are done'")
    run.stop()
    page.wait_for_selector("#state[data-state=lost]")


WATCHED = ["#view", "#frame", "#pause", "#fps", "#dropped", "#throttled", "h2", "li:first-child", "li:last-child"]

PLACES = f"""() => {WATCHED}.map((selector) => {{
  const box = document.querySelector(selector).getBoundingClientRect();
  return [selector, box.x, box.y, box.bottom].join(" ");
}})"""
"""Where they begin and end; texts may end farther right."""


def fulfill(status: dict[str, Any], route: Any) -> None:
    route.fulfill(json=status)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_jumps_while_figures_change(browser: Any, run: Run, width: int) -> None:
    """Figures of any length, a throttling board and any state of the run leave all in its place."""
    page, _ = open_page(browser, run, viewport={"width": width, "height": 800})
    plain = page.evaluate("fetch('status').then((answer) => answer.json())")
    shares = [{**one, "share": 0.0} for one in plain["classes"]]
    long = {"fps": 1234.5, "latency_ms": 98765.4, "temperature_c": 104.2, "dropped": 123456, "throttle": "throttled"}
    statuses = [
        {**plain, "fps": None, "latency_ms": None, "temperature_c": None, "dropped": 0, "classes": shares},
        {**plain, **long, "frame": "a-very-long-name-of-a-picture-" * 4},
        {**plain, "classes": [{**one, "share": 1.0} for one in plain["classes"]]},
        {**plain, "classes": [{**one, "share": 0.0001} for one in plain["classes"]], "age_s": 12345.0},
        {**plain, "finished": True},
    ]
    page.wait_for_timeout(300)
    places = page.evaluate(PLACES)
    for status in statuses:
        page.route("**/status", partial(fulfill, status))
        shown = "\u2013" if status["fps"] is None else f"{status['fps']:.1f}"
        wait_until(page, f"document.getElementById('fps').textContent === '{shown}'")
        page.wait_for_timeout(900)  # a further status of the same kind
        assert page.evaluate(PLACES) == places
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.unroute("**/status")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_report_fits_any_screen_and_no_part_is_black(browser: Any, tmp_path: Any, width: int, scheme: Any) -> None:
    from fastscnn_edge.runtime.report.html import html_page
    from tests.helpers.reports import report
    from tests.helpers.reports import run as finished

    meter, segmenter, _ = finished(30)
    data = report(meter, segmenter).to_dict()
    long = [{"name": "a/long/name/of/a/node" * 5, "type": "DEPTHWISE_CONV_2D", "milliseconds": 1.0}] * 3
    types = [{"name": "CONV_2D", "nodes": 3, "milliseconds": 1.0, "share": 1.0}]
    data["profile"] = {"note": "measured", "types": types, "nodes": long}
    (tmp_path / "r.html").write_text(html_page(data))
    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    page.goto((tmp_path / "r.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every((e) => e.scrollWidth <= e.clientWidth)")
    fills = page.evaluate(
        "[...document.querySelectorAll('rect[height=\"12\"]')].map((e) => getComputedStyle(e).fill)"
    )  # the swatches of stages and queues
    assert len(fills) == len(set(fills)) == 7
    assert "rgb(0, 0, 0)" not in fills
    titles = page.evaluate("[...document.querySelectorAll('svg text')].map((e) => e.textContent)")
    assert {"time, s", "latency, ms", "frames"} <= set(titles)
