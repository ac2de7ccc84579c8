"""The quality report in a real browser: on a phone, on a desk, in print, and without asking anybody anything."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from vru.contracts import load_contracts
from vru.disclosure.publish import publish
from vru.landing import Landing
from vru.reporting import write_report
from vru.warehouse.server.embedded import Server

from tests.pages import Open
from tests.unit.reporting import made


@pytest.fixture(scope="module")
def report(cluster: Server, vru_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = Landing(vru_home / "landing")
    made.clear_published()
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    return write_report(
        "quality",
        month=date(2022, 5, 1),
        out_dir=tmp_path_factory.mktemp("report"),
        today=date(2022, 5, 20),
        profile="sandbox",
    )


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_nothing_has_to_be_scrolled_sideways(open_page: Open, report: Path, width: int) -> None:
    page = open_page(report, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && getComputedStyle(e).position !== 'absolute' && !e.closest('svg')).map(e => e.tagName + '.' + e.className)"
    )
    assert beyond == []


@pytest.mark.parametrize(("width", "shown"), [(360, "narrow"), (1280, "wide")])
def test_one_size_of_each_picture_is_shown_and_its_words_can_be_read(
    open_page: Open, report: Path, width: int, shown: str
) -> None:
    page = open_page(report, width)
    visible = page.evaluate(
        "[...document.querySelectorAll('svg.picture')].filter(e => e.getBoundingClientRect().width > 0)"
        ".map(e => [e.getAttribute('class'), Math.min(...[...e.querySelectorAll('text')]"
        ".map(t => parseFloat(t.getAttribute('font-size'))"
        " * e.getBoundingClientRect().width / e.viewBox.baseVal.width))])"
    )
    assert [classes for classes, _ in visible] == [f"picture {shown}"] * 2
    assert all(pixels >= 8 for _, pixels in visible)


def test_the_first_screen_of_a_phone_holds_the_first_answer(open_page: Open, report: Path) -> None:
    page = open_page(report, 360)
    assert page.evaluate("document.querySelector('.answer').getBoundingClientRect().bottom < innerHeight / 1.5")


def test_the_page_asks_nobody_and_runs_nothing(open_page: Open, report: Path) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page = open_page(report, 1280, asked, complaints)
    assert asked == [report.as_uri()]
    assert page.evaluate("document.scripts.length") == 0
    assert complaints == [], "the page breaks its own policy"
    assert page.evaluate("getComputedStyle(document.querySelector('.top')).backgroundColor") == "rgb(0, 60, 87)"


def test_the_policy_stops_what_should_ever_slip_in(open_page: Open, report: Path) -> None:
    evil = report.with_name("evil.html")
    evil.write_text(
        report.read_text(encoding="utf-8").replace(
            "</main>",
            "<script>window.caught = true</script>"
            "<img src='https://evil.example/x' onerror='window.caught = true'></main>",
        ),
        encoding="utf-8",
    )
    complaints: list[str] = []
    page = open_page(evil, 1280, None, complaints)
    assert page.evaluate("window.caught") is None
    assert len([text for text in complaints if "Content Security Policy" in text]) >= 2, "script and image are refused"


def test_text_has_enough_contrast(open_page: Open, report: Path) -> None:
    page = open_page(report, 1280)
    poor = page.evaluate(
        """(() => {
          const rgb = c => c.match(/[\\d.]+/g).map(Number);
          const lum = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
          const ground = e => { for (; e; e = e.parentElement) {
            const c = rgb(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
          return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') &&
            [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).filter(e => {
              const a = lum(rgb(getComputedStyle(e).color)), b = lum(ground(e));
              return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5; }).map(e => e.className || e.tagName);
        })()"""
    )
    assert poor == []


def test_it_prints_on_a_few_pages(open_page: Open, report: Path) -> None:
    page = open_page(report, 1280)
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 2 <= pages <= 8
    assert page.evaluate("document.querySelectorAll('thead').length") > 0
