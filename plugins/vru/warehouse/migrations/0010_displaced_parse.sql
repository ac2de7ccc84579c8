-- Nothing is compared with a parse that a newer contract version has displaced, nor, where each delivery is a period of
-- its own, with one of no days. The rest of the rule is that of 0004.

create or replace function ops.earlier_sound_batch(batch bigint, sound_column text default '') returns bigint
language sql stable as $$
    select c.batch_id
    from ops.batch_vintage o
    join ops.resource r on r.feed = o.feed and r.resource = o.resource
    join ops.batch c
      on c.feed = o.feed and c.resource = o.resource and c.partition = o.partition
     and c.batch_id <> o.batch_id and c.sha256 <> o.sha256
    join ops.delivery d
      on d.feed = c.feed and d.resource = c.resource and d.content_key = c.content_key and d.sha256 = c.sha256
    where o.batch_id = batch
      and ops.is_sound(c, sound_column)
      and not exists (
          select 1 from ops.batch n
          where n.feed = c.feed and n.resource = c.resource and n.content_key = c.content_key and n.sha256 = c.sha256
            and n.contract_version > c.contract_version and ops.is_sound(n)
      )
      and (d.vintage_at, coalesce(d.manifest_line, -1), d.received_at, d.delivery_id)
        < (o.vintage_at, o.manifest_line, o.received_at, o.delivery_id)
      and (r.delivery_mode <> 'period' or (c.period_start <= o.period_end and o.period_start <= c.period_end))
    order by d.vintage_at desc, coalesce(d.manifest_line, -1) desc, d.received_at desc, d.delivery_id desc
    limit 1
$$;
