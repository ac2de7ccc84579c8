-- The quality score of every feed and period (definitions B18).

-- One row is the weight of one part of the score in one version of the weights. A version is never edited.
create table ops.score_weight (
    version     integer not null,
    part        text not null
                check (part in ('timeliness', 'completeness', 'validity', 'consistency', 'stability', 'volume')),
    weight      numeric not null check (weight > 0),
    valid_from  date not null,
    primary key (version, part)
);
insert into ops.score_weight (version, part, weight, valid_from) values
    (1, 'timeliness', 0.20, date '2014-01-01'),
    (1, 'completeness', 0.25, date '2014-01-01'),
    (1, 'validity', 0.25, date '2014-01-01'),
    (1, 'consistency', 0.10, date '2014-01-01'),
    (1, 'stability', 0.10, date '2014-01-01'),
    (1, 'volume', 0.10, date '2014-01-01');

-- Two-sided 99 % quantile of Student's t, by degrees of freedom (5 and more; standard table).
create function ops.t_99(degrees integer) returns numeric
language sql immutable parallel safe as $$
    select case when degrees < 5 then null else (array[
        4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861,
        2.845, 2.831, 2.819, 2.807
    ])[least(degrees, 23) - 4] end
$$;

-- Quality at (K, W) as seen on a day: K is what partners had stated, W what we had let in; null is now.
--
-- One row is a feed, resource, partition and period: a batch that is current, or (batch_id null) a period that was
-- due and did not come. Parts and score are 0 to 100; a part that does not apply is null and named in not_applied.
-- It reads deliveries, batches and due dates; how often a source was asked plays no role.
create function ops.quality_score(known_at timestamptz, admitted_at timestamptz, today date)
returns table (
    feed text, resource text, partition text, period_start date, period_end date, batch_id bigint,
    timeliness numeric, completeness numeric, validity numeric, consistency numeric, stability numeric, volume numeric,
    not_applied text[], weight_version integer, quality_score numeric
)
language sql stable as $$
    with
    input as (
        -- one row is a current batch and the days for which it is current
        select i.feed, i.resource, i.partition, i.batch_id, min(i.unit_start) as period_start, max(i.unit_end) as period_end
        from ops.current_input($1, $2) i
        where i.column_name = ''
        group by i.feed, i.resource, i.partition, i.batch_id
    ),
    stated as (
        -- one row is a delivery known at (K, W)
        select d.feed, d.resource, d.partition, d.period_start, d.period_end, d.vintage_at
        from ops.stated d
        where d.vintage_at <= coalesce($1, 'infinity') and d.received_at <= coalesce($2, 'infinity')
          and d.period_start is not null
    ),
    begun as (
        select s.feed, s.resource, s.partition, min(s.period_start) as first_start
        from stated s group by s.feed, s.resource, s.partition
    ),
    due as (
        -- one row is a period that a partition owes: from its first one to the last whose due date has passed
        select b.feed, b.resource, b.partition, g.day::date as period_start,
               ops.next_unit(g.day::date, r.grain) - 1 as period_end
        from begun b
        join ops.resource r on r.feed = b.feed and r.resource = b.resource
        join ops.feed f on f.feed = b.feed
        cross join lateral generate_series(
            date_trunc(nullif(r.grain, 'none'), b.first_start::timestamp), $3::timestamp,
            case r.grain when 'day' then interval '1 day' when 'month' then interval '1 month'
                         when 'quarter' then interval '3 months' else interval '1 year' end
        ) as g (day)
        where r.delivery_mode = 'period' and r.grain <> 'none'
          and ops.next_unit(g.day::date, r.grain) - 1 + f.due_lag_days < $3
    ),
    wanted as (
        select i.feed, i.resource, i.partition, i.period_start, i.period_end, i.batch_id from input i
        union all
        select d.feed, d.resource, d.partition, d.period_start, d.period_end, null
        from due d
        where not exists (
            select 1 from input i
            where i.feed = d.feed and i.resource = d.resource and i.partition = d.partition
              and i.period_start <= d.period_start and i.period_end >= d.period_start
        )
    ),
    late as (
        -- days between the due date and the day on which it was first stated (or today, while it is missing)
        select
            w.*, f.cadence_days, r.delivery_mode,
            case
                when w.period_end is null then null
                else greatest(
                    0,
                    (coalesce(a.first_at at time zone 'Europe/London', $3::timestamp))::date
                        - (w.period_end + f.due_lag_days),
                    -- a list that should have been replaced by a newer one
                    case when r.delivery_mode = 'snapshot'
                         then $3 - (a.newest_end + f.cadence_days + f.due_lag_days) end
                )
            end as days_late
        from wanted w
        join ops.feed f on f.feed = w.feed
        join ops.resource r on r.feed = w.feed and r.resource = w.resource
        left join lateral (
            select
                min(s.vintage_at) filter (where s.period_start <= w.period_end and s.period_end >= w.period_end) as first_at,
                max(s.period_end) as newest_end
            from stated s
            where s.feed = w.feed and s.resource = w.resource and s.partition = w.partition
        ) a on true
    ),
    came as (
        -- share of the partitions due for a period that are here
        select l.feed, l.resource, l.period_start,
               count(l.batch_id)::numeric / count(*) as share
        from late l
        where l.delivery_mode = 'period'
        group by l.feed, l.resource, l.period_start
    ),
    sized as (
        select
            l.*, b.rows_parsed, b.rows_quarantined, b.mandatory_cells, b.blank_cells,
            b.rows_parsed::numeric / greatest(1, (
                select count(*) from generate_series(l.period_start::timestamp, l.period_end::timestamp, interval '1 month')
            )) as size
        from late l
        left join ops.batch b on b.batch_id = l.batch_id
    ),
    usual as (
        -- the 99 % prediction interval of a batch's size from the 24 before it (at least 6)
        select s.batch_id, h.n, h.mean, h.half
        from sized s
        cross join lateral (
            select count(*) as n, avg(p.size) as mean,
                   ops.t_99((count(*) - 1)::integer)
                       * greatest(coalesce(stddev_samp(p.size), 0), sqrt(avg(p.size))) * sqrt(1 + 1.0 / count(*)) as half
            from (
                select o.size from sized o
                where s.delivery_mode = 'period'
                  and o.feed = s.feed and o.resource = s.resource and o.partition = s.partition
                  and o.batch_id is not null and o.period_start < s.period_start
                order by o.period_start desc
                limit 24
            ) p
            having count(*) >= 6
        ) h
        where s.batch_id is not null
    ),
    measured as (
        -- what had been measured by W
        select distinct on (m.batch_id, m.measure) m.batch_id, m.measure, m.value
        from ops.batch_measure m
        where m.measured_at <= coalesce($2, 'infinity')
        order by m.batch_id, m.measure, m.measured_at desc
    ),
    part as (
        select
            s.feed, s.resource, s.partition, s.period_start, s.period_end, s.batch_id,
            -- greatest() would pass over a null and make it 0
            case when s.days_late is not null
                 then 100 * greatest(0, 1 - s.days_late::numeric / s.cadence_days) end as timeliness,
            case
                when s.batch_id is null then 0
                else 100 * coalesce(c.share, 1)
                     * (1 - coalesce(s.blank_cells::numeric / nullif(s.mandatory_cells, 0), 0))
            end as completeness,
            100 * (1 - s.rows_quarantined::numeric / nullif(s.rows_parsed, 0)) as validity,
            null::numeric as consistency,
            100 * u.value / nullif(m.value, 0) as stability,
            case
                when h.n is null then null
                when s.size < h.mean - h.half then 100 * s.size / (h.mean - h.half)
                when s.size > h.mean + h.half then 100 * (h.mean + h.half) / s.size
                else 100
            end as volume
        from sized s
        left join came c
          on s.delivery_mode = 'period' and c.feed = s.feed and c.resource = s.resource and c.period_start = s.period_start
        left join usual h on h.batch_id = s.batch_id
        left join measured m on m.batch_id = s.batch_id and m.measure = 'cells_compared'
        left join measured u on u.batch_id = s.batch_id and u.measure = 'cells_unchanged'
    ),
    weights as (
        select w.version, w.part, w.weight
        from ops.score_weight w
        where w.version = (select max(v.version) from ops.score_weight v where v.valid_from <= $3)
    )
    select
        p.feed, p.resource, p.partition, p.period_start, p.period_end, p.batch_id,
        round(p.timeliness, 2), round(p.completeness, 2), round(p.validity, 2), round(p.consistency, 2),
        round(p.stability, 2), round(p.volume, 2),
        x.not_applied, x.version, round(x.score, 2)
    from part p
    cross join lateral (
        select
            array_agg(v.part order by v.part) filter (where v.value is null) as not_applied,
            max(w.version) as version,
            sum(w.weight * v.value) / nullif(sum(w.weight) filter (where v.value is not null), 0) as score
        from (values
            ('timeliness', p.timeliness), ('completeness', p.completeness), ('validity', p.validity),
            ('consistency', p.consistency), ('stability', p.stability), ('volume', p.volume)
        ) as v (part, value)
        join weights w on w.part = v.part
    ) x
$$;
comment on function ops.quality_score is
    'Quality score (0-100) and its parts per feed, resource, partition and period at (K, W), as seen on a day.';

-- One row is a feed: the mean over its resources and partitions, each by its newest period.
create function ops.feed_score(known_at timestamptz, admitted_at timestamptz, today date)
returns table (
    feed text, newest_period_start date, timeliness numeric, completeness numeric, validity numeric,
    consistency numeric, stability numeric, volume numeric, score numeric
)
language sql stable as $$
    with newest as (
        select distinct on (q.feed, q.resource, q.partition) q.*
        from ops.quality_score($1, $2, $3) q
        order by q.feed, q.resource, q.partition, q.period_start desc nulls last, q.batch_id desc
    )
    select
        n.feed, max(n.period_start), round(avg(n.timeliness), 2), round(avg(n.completeness), 2),
        round(avg(n.validity), 2), round(avg(n.consistency), 2), round(avg(n.stability), 2), round(avg(n.volume), 2),
        round(avg(n.quality_score), 2)
    from newest n
    group by n.feed
$$;
comment on function ops.feed_score is 'Quality score (0-100) of each feed at (K, W): the mean of its newest periods.';
