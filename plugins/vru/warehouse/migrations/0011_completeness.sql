-- What the source that was asked says of its own completeness.

-- How many rows the source itself said that it has, asked before and after the pages of the content; null where the
-- source was not asked, or says no such thing.
alter table ops.delivery add column source_rows bigint check (source_rows >= 0);
