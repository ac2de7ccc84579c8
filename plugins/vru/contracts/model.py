"""The model of a feed contract.

A contract is the single source of truth about one partner feed: where its bytes come from, how they are cut
into deliveries, what every column means and which spellings stand for the same value. Nothing about a feed
lives in Python.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SLUG = r"^[a-z][a-z0-9_]*$"
Slug = Annotated[str, Field(pattern=SLUG)]

DeliveryMode = Literal["snapshot", "period", "append", "upsert"]
Grain = Literal["none", "day", "month", "quarter", "year"]
ColumnType = Literal["text", "integer", "decimal", "boolean", "date", "month", "timestamp", "json"]

#: Columns that the platform itself writes into every raw table.
SYSTEM_COLUMNS = ("batch_id", "line_number")

SQL_TYPES: dict[str, str] = {
    "text": "text",
    "integer": "bigint",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "month": "date",
    "timestamp": "timestamptz",
    "json": "jsonb",
}


class Strict(BaseModel):
    """A mapping in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Strict):
    """One column of a resource.

    `aliases` are the headers under which partners have sent it, compared after trimming and lower-casing. An
    alias that is a list names several headers whose cells are joined by one blank (`[Recorded Year, Recorded
    Month]`). A column of type `text` keeps the cell as received; every other type is read from the trimmed
    cell. A column with `values` holds the canonical value, and `<name>_source` beside it the cell as received.
    """

    name: Slug
    type: ColumnType = "text"
    description: str = Field(min_length=10)
    aliases: list[str | list[str]] = Field(default_factory=list)
    required: bool = True
    """The header must be there; a file without it is refused."""
    nullable: bool = True
    """A blank cell is allowed; otherwise the row goes to quarantine."""
    mandatory: bool = False
    """Blank cells lower the completeness part of the quality score."""
    formats: list[str] = Field(default_factory=list)
    """strptime formats of a date, month or timestamp, tried in order."""
    values: dict[str, list[str]] | None = None
    """Canonical value -> other spellings of it (compared trimmed, case-insensitive)."""
    values_from: Slug | None = None
    """Name of a shared map in `feeds/values/`."""
    unmapped: Literal["reject", "null_cell"] = "reject"
    """What an unknown spelling does: the row goes to quarantine, or the cell becomes null with a reason."""
    null_markers: list[str] = Field(default_factory=list)
    """Spellings that mean no value was supplied."""
    month_of: Slug | None = None
    """Not in the file: the month, in Europe/London, of this timestamp column."""

    @property
    def headers(self) -> list[list[str]]:
        """Every way in which the column can stand in a file, each as the list of headers it needs; none if derived."""
        if self.month_of:
            return []
        return [[alias] if isinstance(alias, str) else list(alias) for alias in self.aliases or [self.name]]

    @property
    def source_name(self) -> str | None:
        """Name of the column beside a mapped one that keeps the cell as received."""
        return f"{self.name}_source" if self.values is not None else None

    @property
    def sql_type(self) -> str:
        """PostgreSQL type of the column in its raw table."""
        return SQL_TYPES[self.type]

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if self.name in SYSTEM_COLUMNS:
            raise ValueError(f"'{self.name}' is a name that the platform uses itself; choose another")
        if self.formats and self.type not in ("date", "month", "timestamp"):
            raise ValueError(f"'formats' is only for date, month and timestamp, not for {self.type}; remove it")
        if self.month_of and (self.type != "month" or self.aliases or self.formats):
            raise ValueError("'month_of' makes a month of another column: type month, without aliases and formats")
        if self.type in ("date", "month", "timestamp") and not self.formats and not self.month_of:
            raise ValueError(f"a {self.type} needs 'formats', for example ['%Y-%m-%d']")
        if (self.values is not None or self.values_from) and self.type != "text":
            raise ValueError("'values' is only for text; remove it or change the type")
        if self.values is not None and self.values_from:
            raise ValueError("give 'values' or 'values_from', not both")
        return self


class Name(Strict):
    """How a file name of this resource looks.

    `pattern` is a case-insensitive regular expression, searched in the base name after `_` and blanks are
    turned into `-`. Named groups `period` (a date in `period_format`) and `partition` are read from it.
    """

    pattern: str
    period_format: str = "%Y-%m"

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            names = set(re.compile(value).groupindex)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if unknown := names - {"period", "partition"}:
            raise ValueError(f"unknown group {sorted(unknown)}; only 'period' and 'partition' are read")
        return value


class Partition(Strict):
    """Where the partition comes from when the file name does not say it.

    `header`: a pattern over the header names with one group; `format` makes the partition of it.
    `column`: the one value of this column in the file (`map` turns it into the slug).
    """

    header: str | None = None
    format: str = "{}"
    column: Slug | None = None
    map: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one(self) -> Partition:
        if (self.header is None) == (self.column is None):
            raise ValueError("give either 'header' or 'column'")
        return self


class Csv(Strict):
    """A delimited text file."""

    kind: Literal["csv"]
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    allow_empty: bool = False
    """A file with a header and no rows is a statement of zero rather than a fault."""


class Geojson(Strict):
    """A GeoJSON feature collection; columns are properties, and `geometry` is the feature's geometry."""

    kind: Literal["geojson"]


Format = Annotated[Csv | Geojson, Field(discriminator="kind")]


class Withholdable(Strict):
    """A column that a check between vintages may withhold, and how (definitions B20)."""

    column: Slug
    max_shift_pct: float = Field(gt=0, le=100)
    apart: list[str] = Field(default_factory=list)
    """Values that are no real area and stay out of the comparison."""
    reason: str = Field(min_length=20)


class Resource(Strict):
    """Files of one shape within a feed; its rows stand in one raw table."""

    name: Slug
    description: str = Field(min_length=10)
    names: list[Name] = Field(default_factory=list)
    partition: Partition | None = None
    formats: list[Format] = Field(min_length=1)
    """What the bytes may be; the content tells which (at most one of a kind)."""
    delivery: DeliveryMode
    grain: Grain = "none"
    unit_column: Slug | None = None
    """The column by which a row belongs to a unit of the grain."""
    row_identity: Literal["none", "key"] = "none"
    key: list[Slug] = Field(default_factory=list)
    rolling_window: bool = False
    """A snapshot may lack units that the one before it covers."""
    withholdable: list[Withholdable] = Field(default_factory=list)
    columns: list[Column] = Field(min_length=1)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @model_validator(mode="after")
    def _consistent(self) -> Resource:
        names = [c.name for c in self.columns]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"column {twice} is declared twice")
        seen: dict[tuple[str, ...], str] = {}
        for column in self.columns:
            for headers in column.headers:
                key = tuple(h.strip().lower() for h in headers)
                if key in seen:
                    raise ValueError(f"header {list(key)} is claimed by both '{seen[key]}' and '{column.name}'")
                seen[key] = column.name
        for column in self.columns:
            if column.month_of and (column.month_of not in names or self.column(column.month_of).type != "timestamp"):
                raise ValueError(f"month_of '{column.month_of}' must name a timestamp column of this resource")
        if (self.grain == "none") != (self.unit_column is None):
            raise ValueError("'unit_column' is needed exactly when 'grain' is not none")
        if self.delivery == "period" and self.grain == "none":
            raise ValueError("delivery 'period' needs a grain")
        if self.unit_column is not None and self.unit_column not in names:
            raise ValueError(f"unit_column '{self.unit_column}' is not among the columns")
        if (self.row_identity == "key") != bool(self.key):
            raise ValueError("'key' is needed exactly when 'row_identity' is key")
        if self.delivery == "upsert" and not self.key:
            raise ValueError("delivery 'upsert' needs 'row_identity: key' and a 'key'")
        for name in [*self.key, *(w.column for w in self.withholdable)]:
            if name not in names:
                raise ValueError(f"'{name}' is not among the columns")
        if self.partition and self.partition.column and self.partition.column not in names:
            raise ValueError(f"partition column '{self.partition.column}' is not among the columns")
        return self


class Archive(Strict):
    """ZIP archives that hold one file per partition and period (data.police.uk)."""

    kind: Literal["archive"]
    url: str
    """With `{period}` (YYYY-MM, the newest month inside)."""
    latest_url: str
    window_months: int = Field(gt=0)


class Datastore(Strict):
    """A dataset of the London Datastore catalogue."""

    kind: Literal["datastore"]
    url: str
    """Of the catalogue entry, `https://…/api/dataset/ID`."""
    title_pattern: str
    """Regular expression over resource titles; every match is a delivery, oldest first."""


class Pages(Strict):
    """One query to a paged API: `limit` rows a page until the answer says that there is no more."""

    resource: Slug
    partition: str = ""
    url: str
    file_name: str


class Nomis(Strict):
    """CSV queries to the Nomis API, paged by `recordoffset`."""

    kind: Literal["nomis"]
    queries: list[Pages] = Field(min_length=1)
    limit: int = 25_000


class Arcgis(Strict):
    """Feature-service layers of ArcGIS, paged by `resultOffset`."""

    kind: Literal["arcgis"]
    queries: list[Pages] = Field(min_length=1)
    limit: int = 2_000


class Inbox(Strict):
    """Files put into a folder by the partner or by hand."""

    kind: Literal["inbox"]


Transport = Annotated[Archive | Datastore | Nomis | Arcgis | Inbox, Field(discriminator="kind")]


class Contract(Strict):
    """A partner feed."""

    feed: Slug
    title: str
    publisher: str
    owner: str = Field(min_length=3)
    """Who answers for the data at the partner."""
    description: str = Field(min_length=40)
    licence: str
    attribution: str
    homepage: str
    personal_data: bool = False
    contract_version: int = Field(ge=1)
    schedule: str
    """Cron expression, Europe/London."""
    cadence_days: int = Field(gt=0)
    due_lag_days: int = Field(ge=0)
    """Days after the end of a period by which it should have come."""
    tolerance_pct: float = Field(default=1.0, ge=0, le=1.0)
    """Share of rows in quarantine above which a batch is held."""
    row_is_person: bool = False
    """A row is a person or a death: tolerance 0, and unknown descriptive values null the cell only."""
    allowed_hosts: list[str] = Field(default_factory=list)
    transport: Transport
    when_red: str = Field(min_length=20)
    """What the data engineer does when the feed's run fails."""
    resources: list[Resource] = Field(min_length=1)

    def resource(self, name: str) -> Resource:
        """The resource of that name; KeyError if there is none."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        raise KeyError(name)

    def raw_table(self, resource: str) -> str:
        """Name of the resource's table in schema `raw`."""
        return self.feed if len(self.resources) == 1 else f"{self.feed}__{resource}"

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that can change what a parse makes of the same bytes."""
        resources = [r.model_dump(mode="json") for r in self.resources]
        _without_prose(resources)
        parse = {"resources": resources, "person": self.row_is_person}
        return hashlib.sha256(json.dumps(parse, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        names = [r.name for r in self.resources]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"resource {twice} is declared twice")
        if self.row_is_person and self.tolerance_pct != 0:
            raise ValueError("'tolerance_pct' must be 0 where a row is a person or a death")
        if isinstance(self.transport, Nomis | Arcgis):
            for query in self.transport.queries:
                if query.resource not in names:
                    raise ValueError(f"transport query names resource '{query.resource}', which is not declared")
        return self


def _without_prose(node: Any) -> None:
    """Drop descriptions and reasons: rewording them changes no parse."""
    if isinstance(node, dict):
        for key in ("description", "reason", "mandatory"):
            node.pop(key, None)
        for value in node.values():
            _without_prose(value)
    elif isinstance(node, list):
        for value in node:
            _without_prose(value)
