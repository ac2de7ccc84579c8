-- What is said of a content after it came, statements that do not count, and lists that disagree on a column.

-- One row is what was said of a delivery after it was first stated: rows announced later or corrected, the proof that
-- the file is whole, another name. What was said first stays in ops.delivery.
create table ops.said_later (
    said_later_id  bigint generated always as identity primary key,
    delivery_id    bigint not null references ops.delivery on delete cascade,
    manifest_rows  bigint,
    is_whole       boolean,
    source_url     text not null,
    file_name      text not null,
    said_at        timestamptz not null default ops.stamp()
);
create index on ops.said_later (delivery_id);

-- How many rows the source itself said that it has, asked before and after the pages of the content; null where the
-- source was not asked, or says no such thing.
alter table ops.delivery add column source_rows bigint check (source_rows >= 0);

-- One row is a delivery with the newest that was said of it: how many rows, and whether anything proved it whole.
create view ops.said as
    select
        d.delivery_id, d.content_id, coalesce(l.manifest_rows, d.manifest_rows) as manifest_rows,
        coalesce(d.is_whole, false) or coalesce(l.is_whole, false) as is_whole, d.source_rows
    from ops.delivery d
    left join lateral (
        select
            (array_agg(x.manifest_rows order by x.said_later_id desc) filter (where x.manifest_rows is not null))[1]
                as manifest_rows,
            bool_or(x.is_whole) as is_whole
        from ops.said_later x where x.delivery_id = d.delivery_id
    ) l on true;

-- One row is a name under which a content came.
create view ops.content_name as
    select d.content_id, d.file_name from ops.delivery d
    union
    select d.content_id, l.file_name from ops.said_later l join ops.delivery d on d.delivery_id = l.delivery_id;

-- The names under which the bytes of a rejected batch were read. A name may tell what the bytes do not, so that under one
-- that was not tried yet they are read again.
alter table ops.batch add names_tried text[] not null default '{}';
update ops.batch set names_tried = array[file_name] where status = 'rejected';

-- One row is what was decided, from an instant on, about a delivery that states a content anew behind a newer one: `held`
-- where it fails the comparison with what it would displace. A delivery without a row counts as its content does.
create table ops.delivery_verdict (
    delivery_verdict_id  bigint generated always as identity primary key,
    delivery_id          bigint not null references ops.delivery on delete cascade,
    status               text not null check (status in ('held', 'counts')),
    reason               text not null,
    since                timestamptz not null default ops.stamp()
);
create index on ops.delivery_verdict (delivery_id, delivery_verdict_id desc);

-- Deliveries that did not count at an instant, and why.
create function ops.held_deliveries(admitted_at timestamptz default null)
returns table (delivery_id bigint, reason text, since timestamptz)
language sql stable parallel safe as $$
    select v.delivery_id, v.reason, v.since
    from (
        select distinct on (o.delivery_id) o.* from ops.delivery_verdict o
        where o.since <= coalesce($1, 'infinity')
        order by o.delivery_id, o.delivery_verdict_id desc
    ) v
    where v.status = 'held'
$$;

alter table ops.decision add delivery_id bigint references ops.delivery;
alter table ops.decision drop constraint decision_decision_check;
alter table ops.decision add constraint decision_decision_check
check (decision in ('release', 'release_column', 'release_delivery', 'withdraw'));
alter table ops.decision add constraint decision_of_delivery
check ((decision = 'release_delivery') = (delivery_id is not null));

-- One row is a column of a batch that is in use although another list disagrees with it and nothing has decided, from
-- `since` until `until`; of the days from unit_start to unit_end, or of all where these are null.
create table ops.disputed_column (
    disputed_column_id  bigint generated always as identity primary key,
    batch_id            bigint not null references ops.batch,
    column_name         text not null,
    disputed_by         bigint not null references ops.batch (batch_id),
    check_id            text not null,
    reason              text not null,
    unit_start          date,
    unit_end            date,
    since               timestamptz not null default ops.stamp(),
    until               timestamptz,
    check (batch_id <> disputed_by)
);
create index on ops.disputed_column (batch_id);

-- One row is the outcome of one check between two batches. Rows of a batch never change, so that it need be looked at
-- once only, but where check or contract change (`fingerprint`).
create table ops.comparison (
    batch_id          bigint not null references ops.batch,
    earlier_batch_id  bigint not null references ops.batch (batch_id),
    check_id          text not null,
    fingerprint       text not null,
    is_success        boolean not null,
    observed          numeric,
    remark            text not null default '',
    columns           jsonb,
    primary key (batch_id, earlier_batch_id, check_id)
);

-- Current input at (K, W): K is what partners had stated, W what we had let in; null is now.
--
-- One row is a unit (of a feed, resource and partition; for upsert a replace key, elsewhere `[]`) and the batch that is
-- current for it. Rows that belong to a record of another resource have that record's key: all of one record come from
-- one batch, the newest that has any of them or came with the record (was stated at the same instant), and none
-- count once it is withdrawn. `column_name` is '' for the rows as a whole; for a column that a check may withhold there is a row of
-- its own, whose batch is the newest in which that column is sound in this unit. `withheld_columns` lists what must not be
-- read from the batch of the '' row in this unit. A delivery that is held states nothing.
create or replace function ops.current_input(known_at timestamptz default null, admitted_at timestamptz default null)
returns table (
    feed text, resource text, partition text, unit_start date, unit_end date, unit_key jsonb,
    column_name text, batch_id bigint, vintage_at timestamptz, withheld_columns text[]
)
language sql stable as $$
    with
    held as materialized (
        select h.delivery_id from ops.held_deliveries($2) h
    ),
    status_then as (
        select distinct on (s.batch_id) s.batch_id, s.status
        from ops.batch_status s
        where s.since <= coalesce($2, 'infinity')
        order by s.batch_id, s.since desc, s.batch_status_id desc
    ),
    standing as (
        -- one row is a content and the batch it stands for: the admitted one of the newest contract version
        select distinct on (b.content_id)
            b.batch_id, b.content_id, b.feed, b.resource, b.partition, b.period_start, b.period_end
        from ops.batch b
        join status_then s on s.batch_id = b.batch_id and s.status = 'admitted'
        order by b.content_id, b.contract_version desc
    ),
    withheld as (
        -- one row is a column of a batch and the days in which it must not be read; no bound is every day
        select w.batch_id, w.column_name, range_agg(daterange(w.unit_start, w.unit_end, '[]')) as days
        from ops.withheld_column w
        where w.withheld_at <= coalesce($2, 'infinity')
          and (w.lifted_at is null or w.lifted_at > coalesce($2, 'infinity'))
        group by w.batch_id, w.column_name
    ),
    stated as (
        -- one row is a delivery known at (K, W) whose content stands
        select
            s.batch_id, s.feed, s.resource, s.partition, s.period_start, s.period_end, d.vintage_at,
            row_number() over (
                partition by s.feed, s.resource, s.partition
                order by d.vintage_at desc, d.manifest_line desc nulls last, d.received_at desc, d.delivery_id desc
            ) as precedence
        from standing s
        join ops.delivery d on d.content_id = s.content_id
        where d.vintage_at <= coalesce($1, 'infinity')
          and d.received_at <= coalesce($2, 'infinity')
          and not exists (select 1 from held x where x.delivery_id = d.delivery_id)
    ),
    unit as (
        -- one row is a delivery and one unit that it states
        select
            s.*, r.delivery_mode, r.grain, r.parent_resource, r.withholdable_columns, u.unit_start, u.unit_end, k.unit_key, k.is_withdrawn
        from stated s
        join ops.resource r on r.feed = s.feed and r.resource = s.resource
        cross join lateral (
            select s.period_start as unit_start, s.period_end as unit_end
            where r.delivery_mode in ('append', 'upsert') or r.grain = 'none'
            union all
            select g.day::date, (ops.next_unit(g.day::date, r.grain) - 1)
            from generate_series(
                date_trunc(nullif(r.grain, 'none'), s.period_start::timestamp), s.period_end::timestamp,
                case r.grain when 'day' then interval '1 day' when 'month' then interval '1 month'
                             when 'quarter' then interval '3 months' else interval '1 year' end
            ) as g (day)
            where r.delivery_mode in ('snapshot', 'period') and r.grain <> 'none'
        ) u
        cross join lateral (
            select '[]'::jsonb as unit_key, false as is_withdrawn where r.delivery_mode <> 'upsert'
            union
            select bk.unit_key, bk.is_withdrawn from ops.batch_key bk
            where r.delivery_mode = 'upsert' and bk.batch_id = s.batch_id
            union
            select bk.unit_key, false
            from stated p join ops.batch_key bk on bk.batch_id = p.batch_id
            where r.parent_resource is not null and p.feed = s.feed and p.resource = r.parent_resource
              and p.partition = s.partition and p.vintage_at = s.vintage_at
        ) k
    ),
    wanted as (
        -- one row is a delivery, a unit and a column ('' is all of them) that may be read from it
        select u.*, c.column_name
        from unit u
        cross join lateral unnest(array[''] || u.withholdable_columns) as c (column_name)
        where not exists (
            select 1 from withheld w
            where w.batch_id = u.batch_id and w.column_name = c.column_name
              and w.days && daterange(u.unit_start, u.unit_end, '[]')
        )
    ),
    chosen as (
        select
            w.*,
            row_number() over (
                partition by
                    w.feed, w.resource, w.partition, w.column_name,
                    case when w.delivery_mode = 'append' then w.batch_id end,
                    case when w.delivery_mode in ('snapshot', 'period') and w.grain <> 'none' then w.unit_start end,
                    w.unit_key
                order by w.precedence
            ) as choice
        from wanted w
    )
    select
        c.feed, c.resource, c.partition, c.unit_start, c.unit_end, c.unit_key, c.column_name, c.batch_id, c.vintage_at,
        case when c.column_name = '' then array(
            select w.column_name from withheld w
            where w.batch_id = c.batch_id and w.days && daterange(c.unit_start, c.unit_end, '[]')
            order by 1
        ) else '{}' end
    from chosen c
    where c.choice = 1 and not c.is_withdrawn
      and not exists (
          select 1 from chosen p
          where p.feed = c.feed and p.resource = c.parent_resource and p.partition = c.partition
            and p.unit_key = c.unit_key and p.column_name = '' and p.choice = 1 and p.is_withdrawn
      )
$$;

-- These three as before, without deliveries that are held.
create or replace function ops.earlier_sound_batch(batch bigint, sound_column text default '') returns bigint
language sql stable parallel safe as $$
    select c.batch_id
    from ops.batch_vintage o
    join ops.resource r on r.feed = o.feed and r.resource = o.resource
    join ops.batch c
      on c.feed = o.feed and c.resource = o.resource and c.partition = o.partition
     and c.batch_id <> o.batch_id and c.sha256 <> o.sha256
    join ops.delivery d on d.content_id = c.content_id
    where o.batch_id = batch
      and ops.is_sound(c, sound_column) and not ops.is_displaced(c)
      and (d.vintage_at, coalesce(d.manifest_line, -1), d.received_at, d.delivery_id)
        < (o.vintage_at, o.manifest_line, o.received_at, o.delivery_id)
      and not exists (select 1 from ops.held_deliveries() x where x.delivery_id = d.delivery_id)
      and (r.delivery_mode <> 'period' or (c.period_start <= o.period_end and o.period_start <= c.period_end))
    order by d.vintage_at desc, coalesce(d.manifest_line, -1) desc, d.received_at desc, d.delivery_id desc
    limit 1
$$;

-- What stood before a batch, unit by unit: the sound batches that were stated before it (by vintage, never by order of
-- arrival), each with the days for which it is the newest that may be compared. With a column, of a batch that has it
-- withheld in some units only the others count; those come from the newest that is sound there. Where each delivery is
-- a period of its own, only batches that share days with this one count.
create function ops.earlier_sound_units(batch bigint, sound_column text default '')
returns table (batch_id bigint, days datemultirange)
language sql stable parallel safe as $$
    with
    candidate as (
        select distinct on (c.batch_id)
            c.batch_id, datemultirange(daterange(c.period_start, c.period_end, '[]')) as stated_days,
            d.vintage_at, coalesce(d.manifest_line, -1) as manifest_line, d.received_at, d.delivery_id
        from ops.batch_vintage o
        join ops.resource r on r.feed = o.feed and r.resource = o.resource
        join ops.batch c
          on c.feed = o.feed and c.resource = o.resource and c.partition = o.partition
         and c.batch_id <> o.batch_id and c.sha256 <> o.sha256
        join ops.delivery d on d.content_id = c.content_id
        where o.batch_id = batch
          and ops.is_sound(c) and not ops.is_displaced(c)
          and (d.vintage_at, coalesce(d.manifest_line, -1), d.received_at, d.delivery_id)
            < (o.vintage_at, o.manifest_line, o.received_at, o.delivery_id)
          and not exists (select 1 from ops.held_deliveries() x where x.delivery_id = d.delivery_id)
          and (r.delivery_mode <> 'period' or (c.period_start <= o.period_end and o.period_start <= c.period_end))
        order by c.batch_id, d.vintage_at desc, 4 desc, d.received_at desc, d.delivery_id desc
    ),
    sound as (
        select c.*, c.stated_days - coalesce(w.days, '{}') as days
        from candidate c
        left join (
            select h.batch_id, range_agg(daterange(h.unit_start, h.unit_end, '[]')) as days
            from ops.withheld_column h
            where h.column_name = sound_column and h.lifted_at is null
            group by h.batch_id
        ) w on w.batch_id = c.batch_id
    ),
    ranked as (
        select s.batch_id, s.days - coalesce(range_agg(s.days) over (
            order by s.vintage_at desc, s.manifest_line desc, s.received_at desc, s.delivery_id desc
            rows between unbounded preceding and 1 preceding
        ), '{}') as days
        from sound s
    )
    select r.batch_id, r.days from ranked r where not isempty(r.days)
$$;

create or replace function ops.earlier_periods(batch bigint, most integer default 12)
returns table (period_start date, batch_id bigint, row_count bigint)
language sql stable parallel safe as $$
    select distinct on (c.period_start) c.period_start, c.batch_id, c.rows_parsed - c.rows_quarantined
    from ops.batch_vintage o
    join ops.batch c
      on c.feed = o.feed and c.resource = o.resource and c.partition = o.partition
     and c.period_start < o.period_start
    join ops.delivery d on d.content_id = c.content_id
    where o.batch_id = batch and ops.is_sound(c) and not ops.is_displaced(c) and d.vintage_at <= o.vintage_at
      and not exists (select 1 from ops.held_deliveries() x where x.delivery_id = d.delivery_id)
    order by c.period_start desc, d.vintage_at desc, coalesce(d.manifest_line, -1) desc, d.received_at desc, d.delivery_id desc
    limit most
$$;

create or replace function ops.stated_at(known_at timestamptz, admitted_at timestamptz)
returns table (
    feed text, resource text, partition text, period_start date, period_end date, vintage_at timestamptz, stated_on date,
    source_url text, file_name text, standing text, reason text, batch_id bigint
)
language sql stable as $$
    with
    status_then as materialized (
        select distinct on (s.batch_id) s.batch_id, s.status, s.reason
        from ops.batch_status s
        where s.since <= coalesce($2, 'infinity')
        order by s.batch_id, s.since desc, s.batch_status_id desc
    ),
    content as materialized (
        select distinct on (b.content_id) b.content_id, s.status, s.reason, b.batch_id
        from ops.batch b
        join status_then s on s.batch_id = b.batch_id
        order by b.content_id, (s.status = 'admitted') desc, b.contract_version desc
    )
    select
        d.feed, d.resource, d.partition, d.period_start, d.period_end, d.vintage_at,
        coalesce(a.asked_on, (d.vintage_at at time zone 'Europe/London')::date),
        d.source_url, d.file_name, case when h.delivery_id is null then c.status else 'held' end,
        case when h.delivery_id is null then c.reason else h.reason end, c.batch_id
    from ops.stated d
    join content c on c.content_id = d.content_id
    left join ops.held_deliveries($2) h on h.delivery_id = d.delivery_id and c.status = 'admitted'
    left join lateral (
        select t.asked_on from ops.attempt t
        where d.vintage_source = 'received' and t.feed = d.feed and t.started_at <= d.received_at
        order by t.started_at desc limit 1
    ) a on true
    where d.vintage_at <= coalesce($1, 'infinity') and d.received_at <= coalesce($2, 'infinity')
$$;

-- For the analyst: a column that is in use and disputed, and statements that do not count.
create view ops.v_disputed_column as
    select
        c.batch_id, c.column_name, c.disputed_by, c.check_id,
        case when f.personal_data then c.check_id else c.reason end as reason,
        c.unit_start, c.unit_end, c.since, c.until
    from ops.disputed_column c join ops.batch b on b.batch_id = c.batch_id join ops.feed f on f.feed = b.feed;
create view ops.v_held_delivery as
    select
        h.delivery_id, d.content_id, c.feed, c.resource, d.vintage_at, d.received_at,
        ops.shown_reason(h.reason, f.personal_data) as reason, h.since
    from (
        select distinct on (v.delivery_id) v.* from ops.delivery_verdict v
        order by v.delivery_id, v.delivery_verdict_id desc
    ) h
    join ops.delivery d on d.delivery_id = h.delivery_id
    join ops.content c on c.content_id = d.content_id
    join ops.feed f on f.feed = c.feed
    where h.status = 'held';

revoke all on function ops.held_deliveries, ops.earlier_sound_units from public;
grant execute on function ops.held_deliveries to loader, checker, transformer, publisher;
grant execute on function ops.earlier_sound_units to loader, checker;
grant select, insert on ops.said_later, ops.delivery_verdict to loader;
grant select, insert, update on ops.disputed_column to loader;
grant select, insert, update, delete on ops.comparison to loader;
grant select on ops.said, ops.content_name to loader;
grant select on
    ops.said_later, ops.said, ops.content_name, ops.delivery_verdict, ops.disputed_column, ops.comparison
to checker, transformer, publisher;
grant select on ops.v_disputed_column, ops.v_held_delivery to analyst, analyst_restricted, publisher;
