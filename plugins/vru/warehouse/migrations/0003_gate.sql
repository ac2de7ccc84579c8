-- What the gate between raw and marts compares a batch with.

-- One row is a figure that the audit worked out about a batch, so that no later reader scans its rows again, and the
-- instant from which it held: it can change when an older vintage comes late, and the score does not depend on who came
-- first.
create table ops.batch_measure (
    batch_id     bigint not null references ops.batch,
    measure      text not null check (measure in ('cells_compared', 'cells_unchanged')),
    value        numeric not null check (value >= 0),
    measured_at  timestamptz not null,
    primary key (batch_id, measure, measured_at)
);

-- One row is a batch and the first delivery that stated its content: the vintage that checks judge it by.
create view ops.batch_vintage as
    select distinct on (b.batch_id)
        b.batch_id, b.content_id, b.feed, b.resource, b.partition, b.sha256, b.status, b.audited_at, b.period_start, b.period_end,
        d.vintage_at, coalesce(d.manifest_line, -1) as manifest_line, d.received_at, d.delivery_id
    from ops.batch b
    join ops.delivery d on d.content_id = b.content_id
    order by b.batch_id, d.vintage_at, coalesce(d.manifest_line, -1), d.received_at, d.delivery_id;

-- Whether others may be compared with a batch: admitted, or passed and waiting; and the column, if one is named, is
-- not withheld.
create function ops.is_sound(batch ops.batch, sound_column text default '') returns boolean
language sql stable parallel safe as $$
    select (batch.status = 'admitted' or (batch.status = 'parsed' and batch.audited_at is not null))
       and not exists (
           select 1 from ops.withheld_column w
           where w.batch_id = batch.batch_id and w.column_name = sound_column and w.lifted_at is null
       )
$$;

-- Whether a sound parse of the same content under a newer contract version has taken the place of this one.
create function ops.is_displaced(batch ops.batch) returns boolean
language sql stable parallel safe as $$
    select exists (
        select 1 from ops.batch n
        where n.content_id = batch.content_id and n.contract_version > batch.contract_version and ops.is_sound(n)
    )
$$;

-- The newest sound batch that was stated before this one (by vintage, never by order of arrival); null if none.
-- Where each delivery is a period of its own, only one that shares days with this one counts.
create function ops.earlier_sound_batch(batch bigint, sound_column text default '') returns bigint
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
      and (r.delivery_mode <> 'period' or (c.period_start <= o.period_end and o.period_start <= c.period_end))
    order by d.vintage_at desc, coalesce(d.manifest_line, -1) desc, d.received_at desc, d.delivery_id desc
    limit 1
$$;

-- One row is an earlier period of the same partition, with the sound batch that stood for it when this one was stated.
create function ops.earlier_periods(batch bigint, most integer default 12)
returns table (period_start date, batch_id bigint, row_count bigint)
language sql stable parallel safe as $$
    select distinct on (c.period_start) c.period_start, c.batch_id, c.rows_parsed - c.rows_quarantined
    from ops.batch_vintage o
    join ops.batch c
      on c.feed = o.feed and c.resource = o.resource and c.partition = o.partition
     and c.period_start < o.period_start
    join ops.delivery d on d.content_id = c.content_id
    where o.batch_id = batch and ops.is_sound(c) and not ops.is_displaced(c) and d.vintage_at <= o.vintage_at
    order by c.period_start desc, d.vintage_at desc, coalesce(d.manifest_line, -1) desc, d.received_at desc, d.delivery_id desc
    limit most
$$;
