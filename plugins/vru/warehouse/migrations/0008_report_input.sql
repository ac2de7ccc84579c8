-- A report whose input has not changed is not made again.
alter table ops.report add column input_sha256 text;
comment on column ops.report.input_sha256 is
    'SHA-256 of all that the page is made of: what was read for it, what was asked, and the program itself.';
grant update (input_sha256) on ops.report to publisher;
