"""What a fingerprint sees of SQL: all but comments and white space. Its effect is proven in tests/warehouse."""

from __future__ import annotations

import pytest
from vru.transform.fingerprint import without_comments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1 -- one\n from a", "select 1 from a"),
        ("select\n\n\t1\n/* a\n -- b */ from a  ", "select 1 from a"),
        ("select '--  no  comment' -- comment", "select '--  no  comment'"),
        ("select 'it''s  -- so'  , 2", "select 'it''s  -- so' , 2"),
        ("select e'\\'  --' ,  1", "select e'\\'  --' , 1"),
        ("select date'2020-01-01'  --x", "select date'2020-01-01'"),
        ('select "a  --b"  from  c', 'select "a  --b" from c'),
        ("select $$ a  -- b $$,  $1", "select $$ a  -- b $$, $1"),
        ("select a # b, c #>> '{}'  -- x", "select a # b, c #>> '{}'"),
        ("{# don't  count #}\n{{ config(a='b  c') }}", "{{ config(a='b  c') }}"),
        ("{%- if a -%}  x  {%- endif -%}", "{%- if a -%} x {%- endif -%}"),
    ],
)
def test_comments_and_white_space_do_not_count_and_strings_do(text: str, expected: str) -> None:
    assert without_comments(text) == expected
