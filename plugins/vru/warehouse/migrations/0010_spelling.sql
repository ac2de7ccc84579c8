-- When two texts say the same: the rule of `vru.spelling` in SQL. A test holds both against each other, for every
-- character.

-- What is stored and shown: no blank around it, one space for a run of blanks inside, nothing without width; line ends
-- stay inside. Most texts are plain, and one look tells.
create function ops.trimmed(text) returns text
language sql immutable parallel safe as $$
    select case when $1 ~ '[^ -~]|  |^ | $' then
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    $1,
                    '[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+', '', 'g'
                ),
                '[\t\v\f \u0085\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000\u3164]+', ' ', 'g'
            ),
            '^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u200c\u200d\u2028\u2029\u202f\u205f\u2800\u3000\u3164]+'
            || '|[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u200c\u200d\u2028\u2029\u202f\u205f\u2800\u3000\u3164]+$',
            '', 'g'
        )
    else $1 end
$$;
comment on function ops.trimmed is
'A text as it is stored and shown: no blank of any kind around it, one space for a run of them, nothing without width.';

-- Where not only letters, digits and single spaces stand: a dash of any kind is a hyphen, `&` the word "and", no full
-- stop counts but before a digit, no blank beside a hyphen or slash. Where nothing would be left, the trimmed text.
create function ops.compared_slowly(text) returns text
language sql immutable parallel safe as $$
    select casefold(coalesce(nullif(btrim(regexp_replace(regexp_replace(regexp_replace(replace(regexp_replace(
        translate(t.text, u&'\200c\200d', ''),
        '[\u02d7\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u2053\u207b\u208b\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40'
        || '\u2e5d\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead]', '-', 'g'),
        '&', ' and '),
        '\.(?![0-9])', '', 'g'),
        '[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000\u3164]+', ' ', 'g'),
        ' ?([-/]) ?', '\1', 'g')), ''), t.text) collate pg_unicode_fast)
    from (values (ops.trimmed($1))) as t (text)
$$;
comment on function ops.compared_slowly is
'What ops.compared says of a text that has more than letters, digits and single spaces.';

create function ops.compared(text) returns text
language sql immutable parallel safe as $$
    select case
        when $1 ~ '^[A-Za-z0-9,:;()]+( [A-Za-z0-9,:;()]+)*$' then lower($1 collate "C")
        else ops.compared_slowly($1)
    end
$$;
comment on function ops.compared is
'A text as words and keys are matched: ops.trimmed, without case, dashes alike, "&" as "and", without full stops.';

create function ops.compared(text []) returns text []
language sql immutable parallel safe as $$
    select array_agg(ops.compared(word) order by nth) from unnest($1) with ordinality as words (word, nth)
$$;
comment on function ops.compared(text []) is 'Words as they are matched, in their order; for "= any (ops.compared(array[...]))".';

revoke all on function
ops.trimmed, ops.compared_slowly, ops.compared(text), ops.compared(text []) from public;
grant execute on function ops.trimmed, ops.compared_slowly, ops.compared(text), ops.compared(text [])
to loader, checker, transformer, publisher;
