-- Statistics that SQL models need: the exact interval of a Poisson count.

-- The regularised lower incomplete gamma function P(a, x) where is_upper is false, else Q(a, x) = 1 - P(a, x).
-- Below x = a + 1 by its power series, above by Lentz's continued fraction, so that neither loses digits.
create function ops.incomplete_gamma(a double precision, x double precision, is_upper boolean)
returns double precision
language plpgsql immutable parallel safe as $$
declare
    front double precision;
    term double precision;
    total double precision;
    n double precision;
    b double precision;
    c double precision;
    d double precision;
    step double precision;
    tiny constant double precision := 1e-300;
begin
    if x <= 0 then
        return case when is_upper then 1 else 0 end;
    end if;
    front := exp(greatest(a * ln(x) - x - lgamma(a), -700));
    if x < a + 1 then
        n := a;
        term := 1 / a;
        total := term;
        loop
            n := n + 1;
            term := term * x / n;
            total := total + term;
            exit when term < total * 1e-17;
        end loop;
        return case when is_upper then 1 - front * total else front * total end;
    end if;
    b := x + 1 - a;
    c := 1 / tiny;
    d := 1 / b;
    total := d;
    n := 0;
    loop
        n := n + 1;
        b := b + 2;
        step := -n * (n - a);
        d := step * d + b;
        if abs(d) < tiny then
            d := tiny;
        end if;
        c := b + step / c;
        if abs(c) < tiny then
            c := tiny;
        end if;
        d := 1 / d;
        total := total * d * c;
        exit when abs(d * c - 1) < 1e-16 or n > 1000000;
    end loop;
    return case when is_upper then front * total else 1 - front * total end;
end
$$;

-- The x at which the tail of a gamma distribution of shape a and scale 1 holds the share tail (at most 0.5): the
-- lower tail, or the upper one where is_upper. Newton's method from Wilson and Hilferty's approximation, kept inside a bracket.
create function ops.gamma_quantile(a double precision, tail double precision, is_upper boolean)
returns double precision
language plpgsql immutable parallel safe as $$
declare
    t constant double precision := sqrt(-2 * ln(tail));
    z double precision;
    x double precision;
    low double precision := 0;
    high double precision := 'Infinity';
    error double precision;
    next_x double precision;
    density double precision;
begin
    -- Abramowitz and Stegun 26.2.23, good to 0.00045: enough for a start.
    z := t - (2.515517 + 0.802853 * t + 0.010328 * t * t)
        / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
    if not is_upper then
        z := -z;
    end if;
    x := a * (1 - 1 / (9 * a) + z / (3 * sqrt(a))) ^ 3;
    if not is_upper and (x <= 0 or a < 2) then
        x := exp((ln(tail) + lgamma(a + 1)) / a);
    end if;
    for iteration in 1..100 loop
        error := ops.incomplete_gamma(a, x, is_upper) - tail;
        -- beyond the root the lower tail is too large and the upper one too small
        if (error > 0) = is_upper then
            low := x;
        else
            high := x;
        end if;
        density := exp((a - 1) * ln(x) - x - lgamma(a));
        next_x := x + case when is_upper then error else -error end / density;
        if next_x <= low or next_x >= high or next_x = 'NaN' then
            next_x := case when high = 'Infinity' then 2 * x else (low + high) / 2 end;
        end if;
        exit when abs(next_x - x) <= 1e-15 * x;
        x := next_x;
    end loop;
    return x;
end
$$;

-- The exact (Garwood 1936) two-sided interval of the mean of a Poisson count: half of what confidence leaves lies
-- outside on each side. For a count of 0 the lower end is 0 and the upper end, at 95 %, is 3.69.
create function ops.poisson_interval(
    count bigint, confidence double precision default 0.95,
    out low double precision, out high double precision
)
language plpgsql immutable parallel safe as $$
begin
    if count is null or confidence is null then
        return;
    end if;
    if count < 0 or confidence <= 0 or confidence >= 1 then
        raise exception 'poisson_interval needs a count of 0 or more and a confidence between 0 and 1'
            using errcode = 'numeric_value_out_of_range';
    end if;
    low := case when count = 0 then 0 else ops.gamma_quantile(count, (1 - confidence) / 2, false) end;
    high := ops.gamma_quantile(count + 1, (1 - confidence) / 2, true);
end
$$;
comment on function ops.poisson_interval is
    'Exact (Garwood) interval of the mean of a Poisson count: low and high, in the unit of the count.';
