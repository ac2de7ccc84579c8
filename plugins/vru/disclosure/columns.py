"""The columns of each shape of published table. What no shape lists cannot leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from psycopg2 import sql


@dataclass(frozen=True)
class Column:
    """One column: name, PostgreSQL type, meaning. ``{unit}`` in the meaning is what the table counts."""

    name: str
    sql_type: str
    comment: str


@dataclass(frozen=True)
class Layout:
    """Columns and primary key of a table of schema `publish`."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def in_words(self, unit: str, words: Mapping[str, str]) -> Layout:
        """The same with comments about ``unit``, or those of ``words`` (column -> comment)."""
        return replace(
            self,
            columns=tuple(
                replace(c, comment=words.get(c.name, c.comment.format(unit=unit, Unit=unit.capitalize())))
                for c in self.columns
            ),
        )

    def create_sql(self, name: str) -> sql.Composable:
        """The statement that makes the table under ``name`` in schema `publish`."""
        lines = [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.sql_type)) for c in self.columns]
        lines.append(sql.SQL("primary key ({})").format(sql.SQL(", ").join(sql.Identifier(k) for k in self.key)))
        return sql.SQL("create table {} ({})").format(sql.Identifier("publish", name), sql.SQL(", ").join(lines))


AREA = (
    Column("area_code", "text not null", "GSS code of the area."),
    Column("area_name", "text not null", "Name of the area."),
)
EXEMPT = Column("is_exempt", "boolean not null", "Exact, because anyone can count it in one open release (R12).")
CELL = (
    Column("value_count", "integer", "{Unit}, as they may be published; null where suppressed or unknown."),
    EXEMPT,
    Column("is_suppressed", "boolean not null", "Hidden by disclosure control (R1, R9)."),
    Column("marker", "text", "'c' where suppressed."),
)
RATE = (
    Column("rate_per_100k", "double precision", "{Unit} per 100,000 residents a year, from the count shown."),
    Column("rate_low", "double precision", "Lower end of the exact 95 % Poisson interval of the rate."),
    Column("rate_high", "double precision", "Upper end of the exact 95 % Poisson interval of the rate."),
)
POPULATION_SERIES = Column(
    "population_series", "text", "The series of population estimates behind the rate; rates of two are not compared."
)
POLICY = Column("policy_version", "integer not null", "Version of the disclosure policy applied.")
ORIGIN = (
    Column("source_feed", "text not null", "Feed that the count comes from."),
    Column("release_sha256", "text", "The one open release behind the figure; null where there are several."),
    Column("release_vintage_at", "timestamptz", "When the publisher issued that release."),
    POLICY,
)
SPAN = (
    Column("period_start", "date not null", "First day of the {unit}."),
    Column("period_end", "date not null", "Last day of the {unit}."),
)
PROVISIONAL = Column("is_provisional", "boolean not null", "The publisher may still restate it.")
NULL_REASON = Column("null_reason", "text", "Why nothing is known.")

SERIES = Layout(
    (
        *AREA,
        Column("period_start", "date not null", "First day of the period."),
        *CELL,
        NULL_REASON,
        PROVISIONAL,
        Column("is_outside_baseline", "boolean not null", "A real change was under way; in no baseline and no phase."),
        Column("outside_note", "text", "The real change that was under way, by name."),
        Column("series_note", "text", "What began in this month: a change of recording or a real change."),
        Column("centre_line", "double precision", "Mean of the phase's baseline; null unless all is exempt."),
        Column("lower_limit", "double precision", "Exact Poisson 0.00135 quantile, widened if overdispersed."),
        Column("upper_limit", "double precision", "Exact Poisson 0.99865 quantile, widened if overdispersed."),
        Column("phase_start", "date", "First month of the phase."),
        Column("phase_reason", "text", "'start', 'break', 'sustained shift' or 'after a real change'."),
        Column(
            "phase_note",
            "text",
            "What the phase begins with: the break or real change by name, the step with its size.",
        ),
        Column("baseline_start", "date", "First month of the phase's baseline."),
        Column("baseline_end", "date", "Last month of the phase's baseline."),
        Column("chart_rules", "text", "Rules met, with commas: limit, run, two_of_three."),
        Column("is_signal", "boolean", "The months up to this one were news; null unless all is exempt."),
        *ORIGIN,
    ),
    ("period_start",),
)
SUMS = Layout(
    (
        *AREA,
        Column("period_start", "date not null", "First day of the year."),
        Column("month_count", "integer not null", "Months of the year that are known."),
        Column("is_complete", "boolean not null", "All 12 months are known."),
        Column("value_count", "integer", "{Unit}: the sum of the published months."),
        EXEMPT,
        Column("is_partial", "boolean not null", "Some months are hidden and not in the sum."),
        Column("hidden_parts", "integer not null", "How many months are hidden."),
        PROVISIONAL,
        Column("count_low", "double precision", "Lower end of the exact 95 % Poisson interval of the count."),
        Column("count_high", "double precision", "Upper end of the exact 95 % Poisson interval of the count."),
        Column("population_year", "integer", "Mid-year of the residents behind the rate."),
        POPULATION_SERIES,
        *RATE,
        *ORIGIN,
    ),
    ("period_start",),
)
AREAS = Layout(
    (
        *AREA,
        Column("period_start", "date not null", "First day of the years."),
        Column("period_end", "date not null", "Last day of the years."),
        *CELL,
        NULL_REASON,
        Column("population_years", "bigint", "Residents, summed over the years."),
        POPULATION_SERIES,
        Column("rate_null_reason", "text", "Why there is a count but no rate."),
        *RATE,
        Column("is_table_withheld", "boolean not null", "Suppression could not protect the table."),
        *ORIGIN,
    ),
    ("area_code",),
)
TOTAL = Layout(
    (
        *AREA,
        Column("period_start", "date not null", "First day of the years."),
        Column("period_end", "date not null", "Last day of the years."),
        Column("value_count", "integer", "Sum of the visible rows."),
        EXEMPT,
        Column("is_partial", "boolean not null", "Some {unit} are hidden and not in the sum."),
        Column("hidden_parts", "integer not null", "How many {unit} are hidden."),
        Column("release_count", "integer", "All that the release behind the {unit} counts; null unless all is exempt."),
        Column("unplaced_count", "integer", "Of those, the ones that it places in none of the {unit}."),
        Column("unplaced_names", "text", "What it says of their place, with numbers."),
        Column("newest_count", "integer", "What the newest release counts in the same years; null unless exempt."),
        Column("withheld_from", "date", "The first later year that is known for the whole and not for the {unit}."),
        Column("withheld_reason", "text", "Why it is not."),
        POLICY,
    ),
    ("area_code",),
)
CROSS = Layout(
    (
        Column("definition_id", "text not null", "Definition of the measure."),
        *AREA,
        Column("period_start", "date not null", "First day of the period."),
        Column("period_end", "date not null", "Last day of the period."),
        Column("margin", "text not null", "'' for a cell; 'area', 'period' or 'all': what the row is the sum over."),
        *CELL,
        Column("is_partial", "boolean not null", "Some cells are hidden or unknown and not in the sum."),
        Column("hidden_parts", "integer not null", "How many cells are hidden."),
        NULL_REASON,
        *ORIGIN,
    ),
    ("definition_id", "area_code", "period_start", "period_end", "margin"),
)
VERDICT = Layout(
    (
        Column("area_code", "text not null", "GSS code of the area."),
        Column("newest_month", "date", "Newest month judged."),
        Column("verdict", "text not null", "higher, lower, to watch, no change, or too few to judge."),
        Column("signal_since", "date", "First month of the signal that stands; it does until 12 months without one."),
        Column("signal_month", "date", "Newest month with that signal: what window and baseline below are of."),
        Column("why_none", "text", "Why there is no test."),
        Column("why_no_chart", "text", "Why the newest month has no control limits."),
        Column("chart_method", "text not null", "Kind of chart."),
        Column("chart_version", "integer not null", "Version of the chart's rules."),
        Column("test_method", "text not null", "Test behind 'higher' and 'lower'."),
        Column("test_version", "integer not null", "Version of the test."),
        Column("test_seed", "integer not null", "Seed of the test's simulation."),
        Column("significance", "double precision not null", "Calibrated p-value at which it is a signal."),
        EXEMPT,
        Column("p_value", "double precision", "Calibrated p-value; null, as all below, unless all is exempt."),
        Column("window_months", "integer", "Newest months with the smallest p-value: 3, 12 or 24."),
        Column("window_end", "date", "The last of them."),
        Column("window_count", "integer", "{Unit} in those months."),
        Column("window_low", "double precision", "Lower end of the exact 95 % Poisson interval."),
        Column("window_high", "double precision", "Upper end of the exact 95 % Poisson interval."),
        Column("expected_count", "double precision", "{Unit} expected in those months from the baseline."),
        Column("year_count", "integer", "{Unit} in the newest 12 months."),
        Column("year_low", "double precision", "Lower end of the exact 95 % Poisson interval."),
        Column("year_high", "double precision", "Upper end of the exact 95 % Poisson interval."),
        Column("year_expected_count", "double precision", "{Unit} expected in 12 months from the newest baseline."),
        Column("year_baseline_start", "date", "First month of the newest baseline."),
        Column("year_baseline_end", "date", "Last month of the newest baseline."),
        Column("baseline_start", "date", "First month of the baseline."),
        Column("baseline_end", "date", "Last month of the baseline."),
        Column("baseline_months", "integer", "Months in it: whole years, without those of a real change."),
        Column("baseline_mean", "double precision", "{Unit} a month in the baseline."),
        Column("dispersion", "double precision", "Variance between years within calendar month over the mean."),
        Column("level_verdict", "text", "higher, lower or no difference: the newest years against 2014 and 2015."),
        Column("level_why_none", "text", "Why there is no such comparison."),
        POLICY,
    ),
    ("area_code",),
)
LEVEL = Layout(
    (
        *AREA,
        Column("window_months", "integer not null", "Newest months compared: 36 or 60."),
        Column("period_start", "date not null", "First month of them."),
        Column("period_end", "date not null", "Last month of them."),
        Column("value_count", "integer not null", "{Unit} in them."),
        EXEMPT,
        Column("expected_count", "double precision not null", "{Unit} at the reference's rate per resident."),
        Column("p_value", "double precision not null", "Of the exact conditional test of this window."),
        Column("significance", "double precision not null", "The smaller p-value at which the level is another."),
        Column("rate_ratio", "double precision", "Rate per resident over that of the reference."),
        Column("ratio_low", "double precision", "Lower end of its exact 95 % interval, widened if overdispersed."),
        Column("ratio_high", "double precision", "Upper end of its exact 95 % interval, widened if overdispersed."),
        Column("reference_start", "date not null", "First month of the reference."),
        Column("reference_end", "date not null", "Last month of the reference."),
        Column("reference_count", "integer not null", "{Unit} in the reference."),
        Column(
            "earlier_start", "date", "First month of the years that stand beside it, since the reference was a low."
        ),
        Column("earlier_end", "date", "Last month of them."),
        Column("earlier_count", "integer", "{Unit} in them."),
        Column("earlier_expected_count", "double precision", "{Unit} that their rate gives in the longest window."),
        POPULATION_SERIES,
        Column("dispersion", "double precision not null", "Of reference and newest 36 months, as in the verdict."),
        Column("degrees", "integer not null", "Degrees of freedom of the dispersion."),
        Column("method", "text not null", "Method of the comparison."),
        Column("version", "integer not null", "Version of the method."),
        POLICY,
    ),
    ("area_code", "window_months"),
)
STEPS = Layout(
    (
        *AREA,
        Column("period_start", "date not null", "First month of the new level."),
        Column("earliest", "date not null", "From here ..."),
        Column("latest", "date not null", "... to here lies the step, with 95 % of the likelihood."),
        EXEMPT,
        Column("before_per_year", "double precision not null", "{Unit} a year before."),
        Column("after_per_year", "double precision not null", "{Unit} a year after."),
        Column("rate_ratio", "double precision", "After over before."),
        Column("ratio_low", "double precision", "Lower end of its exact 95 % interval, widened if overdispersed."),
        Column("ratio_high", "double precision", "Upper end of its exact 95 % interval, widened if overdispersed."),
        Column("level_start", "date not null", "First month of the level before."),
        Column("level_end", "date not null", "Last month of the level after that was looked at."),
        Column("statistic", "double precision not null", "Twice the log-likelihood ratio over the dispersion."),
        Column("dispersion", "double precision not null", "Pearson's, around the levels; at least 1."),
        Column("method", "text not null", "Method of the search."),
        Column("version", "integer not null", "Version of the method."),
        POLICY,
    ),
    ("period_start",),
)
BOUNDARIES = Layout(
    (
        *AREA,
        Column("vintage", "text not null", "Vintage of the boundaries."),
        Column("geometry", "jsonb not null", "GeoJSON geometry."),
    ),
    ("area_code",),
)
PROVENANCE = Layout(
    (
        Column("table_name", "text not null", "Published table."),
        Column("source_feed", "text not null", "Feed of the release."),
        Column("release_url", "text not null", "Where anyone can get it; of a restricted feed, its publisher's page."),
        Column("file_name", "text", "Name of the file; null for a restricted feed (R12a)."),
        Column("release_sha256", "text", "SHA-256 of the file; null for a restricted feed (R12a)."),
        Column("release_vintage_at", "timestamptz not null", "When the publisher issued it."),
        Column("licence", "text not null", "Licence of the release."),
        Column("is_open", "boolean not null", "Whether the exemption may rest on it."),
        POLICY,
        Column("release_id", "text not null", "The release: its SHA-256, or a random id for a restricted feed (R12a)."),
    ),
    ("table_name", "release_id"),
)
WITHHELD = Layout(
    (
        Column("table_name", "text not null", "Published table that holds no figure now, or only markers."),
        Column(
            "kind", "text not null", "disagrees (with the publisher's own file), unprotected (R9) or refused (R10)."
        ),
        Column("reason", "text not null", "Why, in words; never a count."),
        POLICY,
    ),
    ("table_name",),
)
