"""The pages in a real browser: on a phone and at a desk, in light and dark, without scripts and without a network."""

from __future__ import annotations

import numpy as np
import pytest

import ppocore
from ppocore.conformance import pages
from tests.browser import SIZES, chromium, opened

__all__ = ["chromium"]
HOSTILE = "<script>document.title='taken'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>" + "W" * 300


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    ratio = np.exp(log_prob - old_log_prob)
    return -np.maximum(ratio * advantages, np.clip(ratio, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


def reward_only(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    return rewards - values


def weights(log_weights):
    return np.exp(log_weights).sum()


def refuses(log_prob, old_log_prob):
    raise ValueError(HOSTILE)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A page of one run that is wrong in every way there is a picture of, and one of two runs."""
    folder = tmp_path_factory.mktemp("pages")
    namespace = {"NAME": HOSTILE, "clip_loss": clip_loss, "gae": reward_only, "effective_sample_size": weights,
                 "kl_k1": refuses}
    run = ppocore.check(namespace, examples=0, html=folder / "report.html")
    many = [(f"implementation {number}", run) for number in range(8)]
    (folder / "matrix.html").write_text(pages.matrix(many))
    return {"report": folder / "report.html", "matrix": folder / "matrix.html"}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["report", "matrix"])
def test_page_fits_says_the_verdict_first_and_fetches_nothing(chromium, files, name, size, scheme, scripts):
    with opened(chromium, files[name], size, color_scheme=scheme, java_script_enabled=scripts) as seen:
        assert seen.requests == [files[name].as_uri()]
        assert seen.complaints == []
        verdict = seen.box("header .word")
        assert verdict["y"] + verdict["height"] < SIZES[size]["height"]
        assert seen.page.locator("header .word").inner_text() == ("RED" if name == "report" else "0 of 8")
        body = seen.box("body")
        assert body["width"] <= SIZES[size]["width"]
        if scripts:
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
            assert "taken" not in seen.page.title() or "<script>" in seen.page.title()


@pytest.mark.parametrize("size", SIZES)
def test_each_kind_of_picture_is_there_and_readable(chromium, files, size):
    with opened(chromium, files["report"], size) as seen:
        for kind in ("plot", "strip", "bars"):
            box = seen.box(f"figure.{kind} svg")
            assert box["width"] > 250
            assert box["height"] > 50
        # Letters keep a size that can be read.
        heights = seen.page.eval_on_selector_all(
            "figure svg text", "texts => texts.map(text => text.getBoundingClientRect().height)")
        assert min(heights) > 10
        inside = seen.page.eval_on_selector_all("figure svg", """pictures => pictures.every(picture => {
            const frame = picture.getBoundingClientRect();
            return [...picture.querySelectorAll("text, rect")].every(part => {
                const box = part.getBoundingClientRect();
                return box.left >= frame.left - 1 && box.right <= frame.right + 1 && box.bottom <= frame.bottom + 1;
            });
        })""")
        assert inside


def test_right_and_wrong_curves_differ_in_course_colour_and_stroke(chromium, files):
    with opened(chromium, files["report"]) as seen:
        want, got = (seen.page.locator(f".curve.{kind}").first for kind in ("want", "got"))
        assert want.get_attribute("points") != got.get_attribute("points")
        for name in ("stroke", "strokeDasharray"):
            styles = [line.evaluate(f"line => getComputedStyle(line).{name}") for line in (want, got)]
            assert styles[0] != styles[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page(chromium, files, scheme):
    """Contrast of at least 4.5, as the Web Content Accessibility Guidelines ask of text."""
    with opened(chromium, files["report"], color_scheme=scheme) as seen:
        page = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        for selector in ("body", ".soft", ".bad", ".good", ".is-right", ".is-wrong", "a", "summary", "h3"):
            found = seen.page.evaluate(
                "selector => { const e = document.querySelector(selector); return e && getComputedStyle(e).color; }",
                selector)
            assert found is None or contrast(found, page) >= 4.5, selector
        assert (contrast(page, "rgb(0, 0, 0)") > 10) == (scheme == "light")


def contrast(one, other):
    """The ratio of two colours' luminances."""
    lights = []
    for text in (one, other):
        parts = [int(part) / 255 for part in text.strip("rgba()").split(",")[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_hostile_words_are_text(chromium, files):
    with opened(chromium, files["report"]) as seen:
        assert seen.page.locator("script, img, iframe, object, link").count() == 0
        assert "<script>document.title='taken'</script>" in seen.page.locator("h1").inner_text()
        assert "<script>" in seen.page.locator("section", has_text="kl_k1").first.inner_text()


def test_verdicts_of_the_matrix_lead_to_their_details(chromium, files):
    with opened(chromium, files["matrix"]) as seen:
        seen.page.locator('td a[href="#2-gae"]').click()
        box = seen.box('[id="2-gae"]')
        assert abs(box["y"]) < 30
        assert "gae: known mistake" in seen.page.locator('[id="2-gae"]').inner_text()


def test_a_page_that_did_fetch_something_would_be_noticed(chromium, tmp_path):
    """The watch itself: a page with a picture from elsewhere and a script that complains."""
    page = tmp_path / "page.html"
    page.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.log('here')</script>")

    with opened(chromium, page) as seen:
        assert len(seen.requests) == 2
        assert "here" in seen.complaints
