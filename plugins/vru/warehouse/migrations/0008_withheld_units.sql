-- A column may be withheld in some units only (a year, a month), and stays in use in the others.

-- A null day is no bound: both null are every unit, a null end is whatever comes after.
alter table ops.withheld_column add unit_start date;
alter table ops.withheld_column add unit_end date;
alter table ops.withheld_column add constraint withheld_units check (unit_start <= unit_end);
-- one check withholds several stretches at one instant
alter table ops.withheld_column drop constraint withheld_column_pkey;
create unique index withheld_column_once
on ops.withheld_column (batch_id, column_name, check_id, unit_start, withheld_at) nulls not distinct;

-- Current input at (K, W): K is what partners had stated, W what we had let in; null is now.
--
-- One row is a unit (of a feed, resource and partition; for upsert a replace key, elsewhere `[]`) and the batch that is
-- current for it. Rows that belong to a record of another resource have that record's key: all of one record come from
-- one batch, the newest that has any of them or came with the record (was stated at the same instant), and none
-- count once it is withdrawn. `column_name` is '' for the rows as a whole; for a column that a check may withhold there is a row of
-- its own, whose batch is the newest in which that column is sound in this unit. `withheld_columns` lists what must not be
-- read from the batch of the '' row in this unit.
create or replace function ops.current_input(known_at timestamptz default null, admitted_at timestamptz default null)
returns table (
    feed text, resource text, partition text, unit_start date, unit_end date, unit_key jsonb,
    column_name text, batch_id bigint, vintage_at timestamptz, withheld_columns text[]
)
language sql stable as $$
    with
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
comment on function ops.current_input is
    'What is current at (K, W): unit, batch, and columns withheld. Every model reads raw through it.';

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
comment on function ops.is_sound is
    'Whether others may be compared with a batch; with a column, whether it is withheld in no unit (by unit: ops.earlier_sound_units).';
revoke all on function ops.earlier_sound_units from public;
grant execute on function ops.earlier_sound_units to loader, checker;

create or replace view ops.v_withheld_column as
    select
        w.batch_id, w.column_name, w.check_id,
        case when f.personal_data then w.check_id else w.reason end as reason, w.withheld_at, w.lifted_at,
        w.unit_start, w.unit_end
    from ops.withheld_column w join ops.batch b on b.batch_id = w.batch_id join ops.feed f on f.feed = b.feed;
