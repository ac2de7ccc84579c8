"""The published tables: columns, types and what each means. What is not listed here cannot leave."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql


@dataclass(frozen=True)
class Column:
    """One column: name, PostgreSQL type, meaning."""

    name: str
    sql_type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """One table of schema `publish`; ``key`` is its primary key."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def column_names(self) -> list[str]:
        """Columns that a row fills, in order; generated ones left out."""
        return [c.name for c in self.columns if "generated" not in c.sql_type and "default" not in c.sql_type]

    def create_sql(self, name: str, *, if_not_exists: bool = False) -> sql.Composable:
        """The statement that makes the table under ``name`` in schema `publish`."""
        lines = [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.sql_type)) for c in self.columns]
        lines.append(sql.SQL("primary key ({})").format(sql.SQL(", ").join(sql.Identifier(k) for k in self.key)))
        return sql.SQL("create table {} {} ({})").format(
            sql.SQL("if not exists" if if_not_exists else ""),
            sql.Identifier("publish", name),
            sql.SQL(", ").join(lines),
        )


AREA = (
    Column("area_code", "text not null", "GSS code of the area."),
    Column("area_name", "text not null", "Name of the area."),
)
CELL = (
    Column("value_count", "integer", "Victims, as they may be published; null where suppressed or unknown."),
    Column("is_exempt", "boolean not null", "Exact, because anyone can count it in one open release (R12)."),
    Column("is_suppressed", "boolean not null", "Hidden by disclosure control (R1, R9)."),
    Column("marker", "text", "'c' where suppressed."),
)
RATE = (
    Column("rate_per_100k", "double precision", "Victims per 100,000 residents a year, from the count shown."),
    Column("rate_low", "double precision", "Lower end of the exact 95 % Poisson interval of the rate."),
    Column("rate_high", "double precision", "Upper end of the exact 95 % Poisson interval of the rate."),
)
ORIGIN = (
    Column("source_feed", "text not null", "Feed that the count comes from."),
    Column("release_sha256", "text", "The one release behind the figure; null where there are several."),
    Column("release_vintage_at", "timestamptz", "When the publisher issued that release."),
    Column("policy_version", "integer not null", "Version of the disclosure policy applied."),
)

TABLES: tuple[Table, ...] = (
    Table(
        "homicide_london_month",
        "One row is a month: homicide victims recorded in London by the Metropolitan Police Service, with the c-chart.",
        (
            *AREA,
            Column("period_start", "date not null", "First day of the month in which the homicide was recorded."),
            *CELL,
            Column("null_reason", "text", "Why nothing is known."),
            Column("is_provisional", "boolean not null", "The publisher may still restate it."),
            Column("is_outside_baseline", "boolean not null", "A real change was under way; in no baseline."),
            Column("series_note", "text", "What began in this month: a change of recording or a real change."),
            Column("centre_line", "double precision", "Mean of the phase's baseline; null unless all is exempt."),
            Column("lower_limit", "double precision", "Exact Poisson 0.00135 quantile, widened if overdispersed."),
            Column("upper_limit", "double precision", "Exact Poisson 0.99865 quantile, widened if overdispersed."),
            Column("phase_start", "date", "First month of the phase."),
            Column("phase_reason", "text", "'start', 'break' or 'sustained shift'."),
            Column("baseline_start", "date", "First month of the phase's baseline."),
            Column("baseline_end", "date", "Last month of the phase's baseline."),
            Column("chart_rules", "text", "Rules met, with commas: limit, run, trend, two_of_three."),
            *ORIGIN,
        ),
        ("period_start",),
    ),
    Table(
        "homicide_london_year",
        "One row is a calendar year: homicide victims recorded in London, the sum of the published months.",
        (
            *AREA,
            Column("period_start", "date not null", "First day of the year."),
            Column("month_count", "integer not null", "Months of the year that are known."),
            Column("is_complete", "boolean not null", "All 12 months are known."),
            Column("value_count", "integer", "Victims: the sum of the published months."),
            Column("is_exempt", "boolean not null", "Exact, because anyone can count it in one open release (R12)."),
            Column("is_partial", "boolean not null", "Some months are hidden and not in the sum."),
            Column("hidden_parts", "integer not null", "How many months are hidden."),
            Column("is_provisional", "boolean not null", "The publisher may still restate it."),
            Column("count_low", "double precision", "Lower end of the exact 95 % Poisson interval of the count."),
            Column("count_high", "double precision", "Upper end of the exact 95 % Poisson interval of the count."),
            *RATE,
            *ORIGIN,
        ),
        ("period_start",),
    ),
    Table(
        "homicide_borough_period",
        "One row is a borough over the newest five calendar years for which the source's boroughs are sound.",
        (
            *AREA,
            Column("period_start", "date not null", "First day of the five years."),
            Column("period_end", "date not null", "Last day of the five years."),
            *CELL,
            Column("null_reason", "text", "Why nothing is known."),
            Column("population_years", "bigint", "Residents, summed over the five years."),
            Column("population_series", "text", "The one series of population estimates behind all rates."),
            Column("rate_null_reason", "text", "Why there is a count but no rate."),
            *RATE,
            Column("is_table_withheld", "boolean not null", "Suppression could not protect the table."),
            *ORIGIN,
        ),
        ("area_code",),
    ),
    Table(
        "homicide_borough_total",
        "One row is the sum of the visible rows of homicide_borough_period.",
        (
            *AREA,
            Column("period_start", "date not null", "First day of the five years."),
            Column("period_end", "date not null", "Last day of the five years."),
            Column("value_count", "integer", "Sum of the visible rows."),
            Column("is_partial", "boolean not null", "Some boroughs are hidden and not in the sum."),
            Column("hidden_parts", "integer not null", "How many boroughs are hidden."),
            Column("policy_version", "integer not null", "Version of the disclosure policy applied."),
        ),
        ("area_code",),
    ),
    Table(
        "homicide_london_verdict",
        "One row says whether London's newest months differ from their baseline by more than chance.",
        (
            Column("area_code", "text not null", "GSS code of the area."),
            Column("newest_month", "date", "Newest month judged."),
            Column("verdict", "text not null", "higher, lower, to watch, no change, or too few to chart."),
            Column("why_none", "text", "Why there is no chart."),
            Column("chart_method", "text not null", "Kind of chart."),
            Column("chart_version", "integer not null", "Version of the chart's rules."),
            Column("test_method", "text not null", "Test behind 'higher' and 'lower'."),
            Column("test_version", "integer not null", "Version of the test."),
            Column("test_seed", "integer not null", "Seed of the test's simulation."),
            Column("test_family_size", "integer not null", "Series tested together in this report."),
            Column("false_discovery_rate", "double precision not null", "Benjamini-Hochberg rate of the family."),
            Column("p_value", "double precision", "Calibrated p-value; null unless all is exempt."),
            Column("window_months", "integer", "Newest months with the smallest p-value: 1, 3, 6 or 12."),
            Column("window_count", "integer", "Victims in those months."),
            Column("window_low", "double precision", "Lower end of the exact 95 % Poisson interval."),
            Column("window_high", "double precision", "Upper end of the exact 95 % Poisson interval."),
            Column("expected_count", "double precision", "Victims expected in those months from the baseline."),
            Column("baseline_start", "date", "First month of the baseline."),
            Column("baseline_end", "date", "Last month of the baseline."),
            Column("baseline_mean", "double precision", "Victims a month in the baseline."),
            Column("dispersion", "double precision", "Variance over mean in the baseline."),
            Column("policy_version", "integer not null", "Version of the disclosure policy applied."),
        ),
        ("area_code",),
    ),
    Table(
        "borough_boundary",
        "One row is a borough's boundary as a GeoJSON geometry (WGS84), newest vintage.",
        (
            *AREA,
            Column("vintage", "text not null", "Vintage of the boundaries."),
            Column("geometry", "jsonb not null", "GeoJSON geometry."),
        ),
        ("area_code",),
    ),
    Table(
        "provenance",
        "One row is a release behind a published table.",
        (
            Column("table_name", "text not null", "Published table."),
            Column("source_feed", "text not null", "Feed of the release."),
            Column("release_url", "text not null", "Where anyone can get it."),
            Column("file_name", "text not null", "Name of the file."),
            Column("release_sha256", "text not null", "SHA-256 of the file."),
            Column("release_vintage_at", "timestamptz not null", "When the publisher issued it."),
            Column("licence", "text not null", "Licence of the release."),
            Column("is_open", "boolean not null", "Whether the exemption may rest on it."),
            Column("policy_version", "integer not null", "Version of the disclosure policy applied."),
        ),
        ("table_name", "release_sha256"),
    ),
)

LEDGER = Table(
    "release",
    "One row is a release: content that disclosure control let out and that differs from the release before.",
    (
        Column("release_id", "bigint generated always as identity", "Number of the release."),
        Column("edition", "text not null", "Schema of the build it was made from; 'marts' is the present one."),
        Column("policy_version", "integer not null", "Version of the disclosure policy applied."),
        Column("content_sha256", "text not null", "SHA-256 over every published row."),
        Column("exempt_cells", "integer not null", "Cells published exact under R12."),
        Column("protected_cells", "integer not null", "Cells rounded or hidden."),
        Column("hidden_cells", "integer not null", "Cells hidden."),
        Column("released_at", "timestamptz not null default clock_timestamp()", "When it was written."),
    ),
    ("release_id",),
)
