-- What is current at (K, W): the one rule by which every model reads raw.

-- The first day after the unit of `grain` that starts on `unit_start`.
create function ops.next_unit(unit_start date, grain text) returns date
language sql immutable parallel safe as $$
    select (unit_start + case grain
        when 'day' then interval '1 day'
        when 'month' then interval '1 month'
        when 'quarter' then interval '3 months'
        when 'year' then interval '1 year'
    end)::date
$$;

-- Current input at (K, W): K is what partners had stated, W what we had let in; null is now.
--
-- One row is a unit (of a feed, resource and partition; for upsert a replace key, elsewhere `[]`) and the batch that is
-- current for it. Rows that belong to a record of another resource have that record's key: all of one record come from
-- one batch, the newest that has any of them or came with the record (was stated at the same instant), and none
-- count once it is withdrawn. `column_name` is '' for the rows as a whole; for a column that a check may withhold there is a row of
-- its own, whose batch is the newest in which that column is sound. `withheld_columns` lists what must not be
-- read from the batch of the '' row.
create function ops.current_input(known_at timestamptz default null, admitted_at timestamptz default null)
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
        select w.batch_id, w.column_name
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
            select 1 from withheld w where w.batch_id = u.batch_id and w.column_name = c.column_name
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
            select w.column_name from withheld w where w.batch_id = c.batch_id order by 1
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
