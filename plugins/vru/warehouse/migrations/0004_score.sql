-- The quality of what came and the status of who owes (definitions B18). What came has a score that is settled with it:
-- builds may keep it. How a feed stands depends on the day: it is worked out when asked for and kept nowhere.

-- One row is the weight of one part of the score in one version of the weights. A version is never edited. Stability
-- and volume are shown and not weighted: correcting must not be punished, nor a real rise.
create table ops.score_weight (
    version     integer not null,
    part        text not null check (part in ('timeliness', 'completeness', 'validity', 'stability', 'volume')),
    weight      numeric not null check (weight > 0),
    valid_from  date not null,
    primary key (version, part)
);
insert into ops.score_weight (version, part, weight, valid_from) values
    (1, 'timeliness', 0.30, date '2014-01-01'),
    (1, 'completeness', 0.35, date '2014-01-01'),
    (1, 'validity', 0.35, date '2014-01-01');

-- The one row is the day that it is for the platform, where that is not the wall clock's; whoever moves it writes it.
create table ops.clock (
    is_the_one  boolean primary key default true check (is_the_one),
    today       date not null
);

-- The day that it is for the platform, in London.
create function ops.today() returns date
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce((select c.today from ops.clock c), (now() at time zone 'Europe/London')::date)
$$;

-- Two-sided 99 % quantile of Student's t, by degrees of freedom (5 and more; standard table).
create function ops.t_99(degrees integer) returns numeric
language sql immutable parallel safe as $$
    select case when degrees < 5 then null else (array[
        4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861,
        2.845, 2.831, 2.819, 2.807
    ])[least(degrees, 23) - 4] end
$$;

-- Each unit of `grain` from the one that holds `first` to the one that holds `last`.
create function ops.units(first date, last date, grain text) returns table (unit_start date, unit_end date)
language sql immutable parallel safe as $$
    select g.day::date, ops.next_unit(g.day::date, $3) - 1
    from generate_series(
        date_trunc(nullif($3, 'none'), $1::timestamp), $2::timestamp,
        case $3 when 'day' then interval '1 day' when 'month' then interval '1 month'
                when 'quarter' then interval '3 months' else interval '1 year' end
    ) as g (day)
$$;

-- The weighted mean of the parts that apply, by the newest weights that were valid at K.
create function ops.weighted(
    known_at timestamptz, timeliness numeric, completeness numeric, validity numeric,
    out version integer, out score numeric
)
language sql stable as $$
    select max(w.version), round(sum(w.weight * v.value) / nullif(sum(w.weight) filter (where v.value is not null), 0), 2)
    from (values ('timeliness', $2), ('completeness', $3), ('validity', $4)) as v (part, value)
    join ops.score_weight w on w.part = v.part
    where w.version = (select max(n.version) from ops.score_weight n where n.valid_from <= coalesce($1, 'infinity'))
$$;

-- What had been stated at (K, W): K is what partners had stated, W what we had let in; null is now.
--
-- One row is a delivery; `standing` is what had become of its content by W: admitted, or what its newest batch was.
-- `stated_on` is the day of the statement by the platform's clock: where the partner dates nothing, the day we met it.
create function ops.stated_at(known_at timestamptz, admitted_at timestamptz)
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
        d.source_url, d.file_name, c.status, c.reason, c.batch_id
    from ops.stated d
    join content c on c.content_id = d.content_id
    left join lateral (
        select t.asked_on from ops.attempt t
        where d.vintage_source = 'received' and t.feed = d.feed and t.started_at <= d.received_at
        order by t.started_at desc limit 1
    ) a on true
    where d.vintage_at <= coalesce($1, 'infinity') and d.received_at <= coalesce($2, 'infinity')
$$;
comment on function ops.stated_at is 'Deliveries known at (K, W), each with what had become of its content by then.';

-- Quality of what came, at (K, W). It is settled with the delivery, and no day changes it.
--
-- One row is a feed, resource, partition and period: a batch that is current, or (batch_id null) a period before the
-- newest of its resource that this partition did not deliver. Parts and score are 0 to 100; a part that does not apply
-- is null and named in not_applied. It reads deliveries and batches; how often a source was asked plays no role.
--
-- Days late are from the due date to the first statement. They count for periods that became due after the feed's first
-- statement; of several periods that came at once with nothing that was known before, which is how a history is loaded,
-- nobody can say when they first were to be had.
create function ops.quality_score(known_at timestamptz, admitted_at timestamptz)
returns table (
    feed text, resource text, partition text, period_start date, period_end date, batch_id bigint,
    timeliness numeric, completeness numeric, validity numeric, stability numeric, volume numeric,
    not_applied text[], weight_version integer, quality_score numeric
)
language sql stable as $$
    with
    input as materialized (
        -- one row is a current batch and the days for which it is current
        select i.feed, i.resource, i.partition, i.batch_id, min(i.unit_start) as period_start, max(i.unit_end) as period_end
        from ops.current_input($1, $2) i
        where i.column_name = ''
        group by i.feed, i.resource, i.partition, i.batch_id
    ),
    stated as materialized (
        select
            s.*, min(s.vintage_at) over (partition by s.feed, s.resource, s.partition, s.period_end) as first_at
        from ops.stated_at($1, $2) s
        where s.standing <> 'rejected' and s.period_start is not null
    ),
    begun as materialized (
        select s.feed, s.resource, s.partition, min(s.period_start) as first_start from stated s
        group by s.feed, s.resource, s.partition
    ),
    reached as materialized (
        select s.feed, s.resource, max(s.period_start) as newest_start from stated s group by s.feed, s.resource
    ),
    wanted as (
        select i.feed, i.resource, i.partition, i.period_start, i.period_end, i.batch_id from input i
        union all
        select b.feed, b.resource, b.partition, u.unit_start, u.unit_end, null
        from begun b
        join reached n on n.feed = b.feed and n.resource = b.resource
        join ops.resource r on r.feed = b.feed and r.resource = b.resource
        cross join lateral ops.units(b.first_start, n.newest_start, r.grain) u
        where r.delivery_mode = 'period' and r.grain <> 'none' and not exists (
            select 1 from input i
            where i.feed = b.feed and i.resource = b.resource and i.partition = b.partition
              and i.period_start <= u.unit_start and i.period_end >= u.unit_start
        )
    ),
    first_stated as materialized (
        -- one row is the end of a period and when it was stated first, from which address
        select distinct on (s.feed, s.resource, s.partition, s.period_end)
            s.feed, s.resource, s.partition, s.period_end, s.vintage_at, s.stated_on, s.source_url
        from stated s
        order by s.feed, s.resource, s.partition, s.period_end, s.vintage_at, s.source_url
    ),
    loaded as materialized (
        -- one row is what one download brought at once: how many periods were new, and whether any was known before
        select
            s.feed, s.resource, s.partition, s.vintage_at, s.source_url,
            count(distinct s.period_end) filter (where s.first_at = s.vintage_at) as new_count,
            bool_or(s.first_at < s.vintage_at) as is_followed
        from stated s
        group by s.feed, s.resource, s.partition, s.vintage_at, s.source_url
    ),
    begun_feed as (
        select s.feed, min(s.stated_on) as first_on from stated s group by s.feed
    ),
    came as (
        -- days from the due date to the day on which the period was first stated; null where nobody can say
        select
            w.*, f.cadence_days, r.delivery_mode,
            case
                when a.stated_on <= w.period_end + f.due_lag_days then 0
                when w.period_end + f.due_lag_days <= g.first_on or (l.new_count > 1 and not l.is_followed) then null
                else a.stated_on - (w.period_end + f.due_lag_days)
            end as days_late
        from wanted w
        join ops.feed f on f.feed = w.feed
        join ops.resource r on r.feed = w.feed and r.resource = w.resource
        left join begun_feed g on g.feed = w.feed
        left join first_stated a
          on w.batch_id is not null
          and a.feed = w.feed and a.resource = w.resource and a.partition = w.partition and a.period_end = w.period_end
        left join loaded l
          on l.feed = a.feed and l.resource = a.resource and l.partition = a.partition
          and l.vintage_at = a.vintage_at and l.source_url = a.source_url
    ),
    sized as (
        select
            l.*, b.rows_parsed, b.rows_quarantined, b.mandatory_cells, b.blank_cells,
            b.rows_parsed::numeric / greatest(1, (
                select count(*) from generate_series(l.period_start::timestamp, l.period_end::timestamp, interval '1 month')
            )) as size
        from came l
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
            case when s.batch_id is null then 0
                 else 100 * (1 - coalesce(s.blank_cells::numeric / nullif(s.mandatory_cells, 0), 0)) end as completeness,
            100 * (1 - s.rows_quarantined::numeric / nullif(s.rows_parsed, 0)) as validity,
            100 * u.value / nullif(m.value, 0) as stability,
            case
                when h.n is null then null
                when s.size < h.mean - h.half then 100 * s.size / (h.mean - h.half)
                when s.size > h.mean + h.half then 100 * (h.mean + h.half) / s.size
                else 100
            end as volume
        from sized s
        left join usual h on h.batch_id = s.batch_id
        left join measured m on m.batch_id = s.batch_id and m.measure = 'cells_compared'
        left join measured u on u.batch_id = s.batch_id and u.measure = 'cells_unchanged'
    )
    select
        p.feed, p.resource, p.partition, p.period_start, p.period_end, p.batch_id,
        round(p.timeliness, 2), round(p.completeness, 2), round(p.validity, 2), round(p.stability, 2), round(p.volume, 2),
        array_remove(array[
            case when p.completeness is null then 'completeness' end, case when p.stability is null then 'stability' end,
            case when p.timeliness is null then 'timeliness' end, case when p.validity is null then 'validity' end,
            case when p.volume is null then 'volume' end
        ], null),
        w.version, w.score
    from part p
    cross join lateral ops.weighted($1, p.timeliness, p.completeness, p.validity) w
$$;
comment on function ops.quality_score is
    'Quality score (0-100) and its parts of what came, per feed, resource, partition and period, at (K, W).';

-- What a feed's partners were asked at its last asking and did not give, at (K, W) and on a day.
--
-- One row is an address whose newest answer of that day was refused (it was not the data) or failed (there was none),
-- but for bytes that were taken in and stand as a rejected batch.
create function ops.unanswered(known_at timestamptz, admitted_at timestamptz, today date)
returns table (feed text, asked_on date, outcome text, reason text, source_url text, attempt_id bigint)
language sql stable as $$
    with
    asked as materialized (
        select a.* from ops.attempt a
        where a.started_at <= coalesce($2, 'infinity') and ($1 is null or a.asked_on <= $3)
    ),
    answer as (
        select distinct on (a.feed, a.source_url) a.*
        from asked a
        where a.asked_on = (select max(l.asked_on) from asked l where l.feed = a.feed)
        order by a.feed, a.source_url, a.attempt_id desc
    )
    select a.feed, least(a.asked_on, $3), a.outcome, a.reason, a.source_url, a.attempt_id
    from answer a
    where a.outcome in ('refused', 'failed')
      and not exists (select 1 from ops.batch b where b.feed = a.feed and b.sha256 = a.sha256 and b.status = 'rejected')
$$;
comment on function ops.unanswered is 'Sources that refused or failed when their feed was asked last.';

-- Periods that were due by a day and are not here, at (K, W).
--
-- One row is a resource, partition and period: from the partition's first one to the last whose due date has passed.
create function ops.owed(known_at timestamptz, admitted_at timestamptz, today date)
returns table (feed text, resource text, partition text, period_start date, period_end date, due_on date)
language sql stable as $$
    with
    input as materialized (
        select i.feed, i.resource, i.partition, i.unit_start from ops.current_input($1, $2) i where i.column_name = ''
    ),
    begun as materialized (
        select s.feed, s.resource, s.partition, min(s.period_start) as first_start
        from ops.stated_at($1, $2) s
        where s.standing <> 'rejected' and s.period_start is not null
        group by s.feed, s.resource, s.partition
    )
    select b.feed, b.resource, b.partition, u.unit_start, u.unit_end, u.unit_end + f.due_lag_days
    from begun b
    join ops.feed f on f.feed = b.feed
    join ops.resource r on r.feed = b.feed and r.resource = b.resource
    cross join lateral ops.units(b.first_start, $3, r.grain) u
    where r.delivery_mode = 'period' and r.grain <> 'none' and u.unit_end + f.due_lag_days < $3
      and not exists (
          select 1 from input i
          where i.feed = b.feed and i.resource = b.resource and i.partition = b.partition and i.unit_start = u.unit_start
      )
$$;
comment on function ops.owed is 'Periods that were due by a day and are not here.';

-- How each feed stands on a day, at (K, W). One row is a feed, the one that needs work most first.
--
-- `standing` says the worst that holds: `silent` (all of it late by a cadence or more), `nothing yet`, `late` (any of
-- it), `held`, `rejected`, `refused` (the newest download was not the data), `failed` (nobody answered), `on time`.
-- Due dates: of a resource in regular periods, per partition, the end of the next one and the lag; of any other, as a
-- whole, the newest period or else the newest issue, and cadence and lag. Parts are means over resources and
-- partitions: timeliness by the day, completeness 0 where the next period is due and not here, else with the others
-- that of the newest delivery. `lowest_part` is the lowest that is weighted. It tells nothing that the analyst's views
-- do not, and runs as its owner, so that an analyst may ask it for any day.
create function ops.feed_status(known_at timestamptz, admitted_at timestamptz, today date)
returns table (
    feed text, title text, standing text, data_up_to date, newest_issue date, due_on date, days_late integer,
    late_partitions text[], partition_count integer, owed_count integer,
    asked_on date, outcome text, reason text,
    timeliness numeric, completeness numeric, validity numeric, stability numeric, volume numeric,
    lowest_part text, score numeric, weight_version integer, severity integer
)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with
    stated as materialized (
        select s.* from ops.stated_at($1, $2) s
    ),
    part as (
        -- one row is a resource and partition, and how far what counts of it reaches
        select
            s.feed, s.resource, s.partition, r.grain, r.delivery_mode = 'period' and r.grain <> 'none' as is_regular,
            min(s.period_start) as first_start,
            max(s.period_end) filter (where s.standing = 'admitted') as newest_end,
            max(s.stated_on) filter (where s.standing = 'admitted') as newest_issue,
            max(s.vintage_at) filter (where s.standing = 'admitted') as newest_vintage
        from stated s
        join ops.resource r on r.feed = s.feed and r.resource = s.resource
        where s.standing <> 'rejected'
        group by s.feed, s.resource, s.partition, r.grain, r.delivery_mode
    ),
    delivery as materialized (
        select distinct on (q.feed, q.resource, q.partition) q.*
        from ops.quality_score($1, $2) q
        where q.batch_id is not null
        order by q.feed, q.resource, q.partition, q.period_end desc nulls last, q.batch_id desc
    ),
    due as (
        select
            p.*, f.cadence_days, d.completeness, d.validity, d.stability, d.volume,
            case
                when p.is_regular then ops.next_unit(
                    coalesce(p.newest_end + 1, date_trunc(nullif(p.grain, 'none'), p.first_start::timestamp)::date), p.grain
                ) - 1
                else f.cadence_days + coalesce(
                    max(p.newest_end) over (partition by p.feed, p.resource),
                    max(p.newest_issue) over (partition by p.feed, p.resource)
                )
            end + f.due_lag_days as due_on
        from part p
        join ops.feed f on f.feed = p.feed
        left join delivery d on d.feed = p.feed and d.resource = p.resource and d.partition = p.partition
    ),
    whole as (
        -- one row is a feed of which something counts
        select
            d.feed, max(d.newest_end) as data_up_to, max(d.newest_issue) as newest_issue, max(d.newest_vintage) as newest_vintage,
            min(d.due_on) as due_on, greatest(0, $3 - min(d.due_on)) as days_late,
            bool_and(coalesce($3 - d.due_on, 0) >= d.cadence_days) as is_silent,
            coalesce(array_agg(distinct d.partition order by d.partition)
                     filter (where d.due_on < $3 and d.partition <> ''), '{}') as late_partitions,
            count(*)::integer as partition_count,
            avg(100 * greatest(0, 1 - greatest(0, $3 - d.due_on)::numeric / d.cadence_days))
                filter (where d.due_on is not null) as timeliness,
            avg(case when d.is_regular and d.due_on < $3 then 0 else d.completeness end) as completeness,
            avg(d.validity) as validity, avg(d.stability) as stability, avg(d.volume) as volume
        from due d
        group by d.feed
        having count(d.newest_issue) > 0
    ),
    unresolved as (
        -- the newest statement of a feed that is held or rejected, and that nothing let in has replaced
        select distinct on (s.feed) s.feed, s.standing, s.reason
        from stated s
        left join whole w on w.feed = s.feed
        where (s.standing = 'held' and not exists (
                select 1 from stated a
                where a.feed = s.feed and a.resource = s.resource and a.partition = s.partition and a.standing = 'admitted'
                  and a.vintage_at >= s.vintage_at
                  and (s.period_end is null or (a.period_start <= s.period_end and a.period_end >= s.period_end))
            ))
            or (s.standing = 'rejected' and s.vintage_at >= coalesce(w.newest_vintage, '-infinity'))
        order by s.feed, s.vintage_at desc, s.batch_id desc
    ),
    refused as (
        select distinct on (u.feed) u.feed, u.outcome, u.reason
        from ops.unanswered($1, $2, $3) u
        order by u.feed, u.outcome, u.attempt_id desc
    ),
    asked as materialized (
        select distinct on (a.feed) a.feed, least(a.asked_on, $3) as asked_on, a.outcome
        from ops.attempt a
        where a.started_at <= coalesce($2, 'infinity') and ($1 is null or a.asked_on <= $3)
        order by a.feed, a.asked_on desc, a.attempt_id desc
    ),
    owed as (
        select o.feed, count(*)::integer as owed_count from ops.owed($1, $2, $3) o group by o.feed
    ),
    stood as (
        select
            f.feed, f.title, w.data_up_to, w.newest_issue, w.due_on, coalesce(w.days_late, 0) as days_late,
            coalesce(w.late_partitions, '{}') as late_partitions, coalesce(w.partition_count, 0) as partition_count,
            coalesce(o.owed_count, 0) as owed_count,
            a.asked_on, coalesce(r.outcome, a.outcome) as outcome,
            -- words may count rows: of a restricted feed a reader is told the name of the check alone
            case
                when f.personal_data and session_user not in ('migrator', 'loader', 'checker', 'transformer', 'publisher')
                    then coalesce(substring(coalesce(nullif(u.reason, ''), r.reason) from '^([a-z0-9_]+):'), '')
                else coalesce(nullif(u.reason, ''), nullif(r.reason, ''), '')
            end as reason,
            case
                when w.feed is null and u.standing is null then 'nothing yet'
                when w.is_silent then 'silent'
                when w.days_late > 0 then 'late'
                else coalesce(u.standing, r.outcome, 'on time')
            end as standing,
            -- of what was asked for and never came, everything is lacking
            case when w.feed is null and a.feed is not null then 0 else w.timeliness end as timeliness,
            case when w.feed is null and a.feed is not null then 0 else w.completeness end as completeness,
            w.validity, w.stability, w.volume
        from ops.feed f
        left join whole w on w.feed = f.feed
        left join unresolved u on u.feed = f.feed
        left join refused r on r.feed = f.feed
        left join asked a on a.feed = f.feed
        left join owed o on o.feed = f.feed
    )
    select
        s.feed, s.title, s.standing, s.data_up_to, s.newest_issue, s.due_on, s.days_late, s.late_partitions,
        s.partition_count, s.owed_count, s.asked_on, s.outcome, s.reason,
        round(s.timeliness, 2), round(s.completeness, 2), round(s.validity, 2), round(s.stability, 2), round(s.volume, 2),
        case least(s.timeliness, s.completeness, s.validity)
            when s.timeliness then 'timeliness' when s.completeness then 'completeness' when s.validity then 'validity'
        end,
        x.score, x.version, p.severity
    from stood s
    cross join lateral ops.weighted($1, s.timeliness, s.completeness, s.validity) x
    cross join lateral (
        select array_position(
            array['silent', 'nothing yet', 'late', 'held', 'rejected', 'refused', 'failed', 'on time'], s.standing
        ) as severity
    ) p
    order by p.severity, s.title
$$;
comment on function ops.feed_status is 'How each feed stands on a day at (K, W): due, late, silent, held, and its score.';
