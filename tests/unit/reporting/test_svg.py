"""Pictures are cleaned: a short list of elements and attributes comes through, nothing else."""

from __future__ import annotations

from vru.reporting import charts
from vru.reporting.svg import safe_svg

DIRTY = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"
 onload="alert(1)"><script>alert(2)</script><style>*{}</style><foreignObject><b>x</b></foreignObject>
 <image xlink:href="https://evil.example/x.png"/><a xlink:href="javascript:alert(3)"><text>gone</text></a>
 <defs><clipPath id="c"><rect width="1.23456" height="2"/></clipPath></defs>
 <g clip-path="url(#c)"><path d="M1.2345,2L3,4" fill="url(https://evil.example)" onclick="alert(4)"/></g>
 <text style="x" data-x="1">&lt;b&gt;words&lt;/b&gt;</text></svg>"""


def test_only_what_is_on_the_list_comes_through() -> None:
    clean = safe_svg(DIRTY, name="n", title="<T>", description='"D"')
    for bad in ("script", "alert", "evil", "style", "foreignObject", "image", "href", "onload", "data-x", "gone"):
        assert bad not in clean, bad
    assert 'd="M1.2,2L3,4"' in clean
    assert 'clip-path="url(#n-c)"' in clean
    assert '<clipPath id="n-c">' in clean
    assert "&lt;b&gt;words&lt;/b&gt;" in clean
    assert '<title id="n-title">&lt;T&gt;</title>' in clean
    assert 'role="img" aria-labelledby="n-title n-desc"' in clean


def test_a_rate_on_a_border_belongs_to_the_higher_class() -> None:
    assert [charts.class_of(rate) for rate in (0, 0.49, 0.5, 1.99, 2.0, 9)] == [0, 0, 1, 3, 4, 4]
    assert [words for words, _ in charts.class_labels()] == [
        "under 0.5",
        "0.5 to under 1.0",
        "1.0 to under 1.5",
        "1.5 to under 2.0",
        "2.0 or more",
    ]
