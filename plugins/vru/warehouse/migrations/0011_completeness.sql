-- What should be here, force by force and period by period.

-- Partitions of which every period should have a file, as the contract names them.
alter table ops.resource add column expected_partitions text[] not null default '{}';

-- Periods that were due by a day and are not here, at (K, W).
--
-- One row is a resource, partition and period: of every partition that has come or that the contract expects, from the
-- first period that any of them has to the last whose due date has passed. So a partition that began later than the
-- others, or never came, is not hidden by those that did.
create or replace function ops.owed(known_at timestamptz, admitted_at timestamptz, today date)
returns table (feed text, resource text, partition text, period_start date, period_end date, due_on date)
language sql stable as $$
    with
    input as materialized (
        select i.feed, i.resource, i.partition, i.unit_start from ops.current_input($1, $2) i where i.column_name = ''
    ),
    stated as materialized (
        select s.feed, s.resource, s.partition, s.period_start
        from ops.stated_at($1, $2) s
        where s.standing <> 'rejected' and s.period_start is not null
    ),
    begun as materialized (
        select s.feed, s.resource, min(s.period_start) as first_start from stated s group by s.feed, s.resource
    ),
    expected as (
        select s.feed, s.resource, s.partition from stated s
        union
        select b.feed, b.resource, p.partition
        from begun b
        join ops.resource r on r.feed = b.feed and r.resource = b.resource
        cross join lateral unnest(r.expected_partitions) as p (partition)
    )
    select e.feed, e.resource, e.partition, u.unit_start, u.unit_end, u.unit_end + f.due_lag_days
    from begun b
    join expected e on e.feed = b.feed and e.resource = b.resource
    join ops.feed f on f.feed = b.feed
    join ops.resource r on r.feed = b.feed and r.resource = b.resource
    cross join lateral ops.units(b.first_start, $3, r.grain) u
    where r.delivery_mode = 'period' and r.grain <> 'none' and u.unit_end + f.due_lag_days < $3
      and not exists (
          select 1 from input i
          where i.feed = e.feed and i.resource = e.resource and i.partition = e.partition and i.unit_start = u.unit_start
      )
$$;
